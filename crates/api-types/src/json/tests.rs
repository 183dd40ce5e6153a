//! The decoder, as its callers see it.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::*;
use crate::ErrorKind;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Inner {
    name: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Request {
    model: String,
    stream: Option<bool>,
    raw: bool,
    count: u32,
    ratio: f64,
    inner: Inner,
    list: Vec<Inner>,
    options: Option<Map<String, Value>>,
    any: Option<Value>,
}

fn read(text: &str) -> Result<Request, DecodeError> {
    decode(text.as_bytes())
}

#[test]
fn lenient_texts_are_read() {
    let model = |model: &str| Request { model: model.to_owned(), ..Request::default() };
    let cases = [
        ("null", model("")),
        ("{}", model("")),
        (r#"{"MODEL":"a"}"#, model("a")),
        (r#"{"model":"a","model":"b"}"#, model("b")),
        (r#"{"model":"a","Model":"b"}"#, model("b")),
        (r#"{"model":null,"stream":null,"raw":null,"list":null,"inner":null}"#, model("")),
        (r#"{"model":"a"} and what follows"#, model("a")),
        (" \r\n\t{\"model\" : \"a\"}", model("a")),
        (r#"{"model":"a","wibble":[{}]}"#, model("a")),
        (r#"{"model":"\ud83d"}"#, model("\u{fffd}")),
        (
            r#"{"list":[null,{"NAME":"x"}]}"#,
            Request {
                list: vec![Inner::default(), Inner { name: "x".to_owned() }],
                ..Request::default()
            },
        ),
        (r#"{"ratio":1,"count":3}"#, Request { ratio: 1.0, count: 3, ..Request::default() }),
        (
            r#"{"any":[1.5,{"Key":null}]}"#,
            Request { any: Some(json!([1.5, {"Key": null}])), ..Request::default() },
        ),
    ];
    for (text, want) in cases {
        assert_eq!(read(text), Ok(want), "{text}");
    }
}

#[test]
fn maps_keep_order_case_and_nulls() {
    let request = read(r#"{"options":{"b":1,"A":null,"a":{"z":0,"y":0}}}"#).expect("valid");
    assert_eq!(
        serde_json::to_string(&request.options).expect("plain data"),
        r#"{"b":1,"A":null,"a":{"z":0,"y":0}}"#
    );
}

#[test]
fn malformed_texts_are_refused_in_gos_words() {
    let cases = [
        ("", "EOF"),
        ("  \n", "EOF"),
        ("hello", "invalid character 'h' looking for beginning of value"),
        (r#"{"model": "tiny""#, "unexpected EOF"),
        (r#"{"model""#, "unexpected EOF"),
        ("[1,", "unexpected EOF"),
        ("\"ab", "unexpected EOF"),
        ("-", "unexpected EOF"),
        ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
        ("{1:1}", "invalid character '1' looking for beginning of object key string"),
        (r#"{"a" 1}"#, "invalid character '1' after object key"),
        (r#"{"a":1 "b"}"#, "invalid character '\"' after object key:value pair"),
        (r#"{"a":1,}"#, "invalid character '}' looking for beginning of object key string"),
        ("[1 2]", "invalid character '2' after array element"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("tru}", "invalid character '}' in literal true (expecting 'e')"),
        ("nil", "invalid character 'i' in literal null (expecting 'u')"),
        ("\"a\nb\"", r"invalid character '\n' in string literal"),
        (r#""\x""#, "invalid character 'x' in string escape code"),
        (r#""\u12g4""#, r"invalid character 'g' in \u hexadecimal character escape"),
        ("-x", "invalid character 'x' in numeric literal"),
        ("1.x", "invalid character 'x' after decimal point in numeric literal"),
        ("1e+x", "invalid character 'x' in exponent of numeric literal"),
    ];
    for (text, want) in cases {
        assert_eq!(read(text).expect_err(text).to_string(), want, "{text:?}");
    }
}

#[test]
fn a_wrong_type_is_named_with_its_place() {
    let cases = [
        ("[]", "json: cannot unmarshal array into Go value of type api.Request"),
        (
            r#"{"model":5}"#,
            "json: cannot unmarshal number into Go struct field Request.model of type string",
        ),
        (
            r#"{"stream":"yes"}"#,
            "json: cannot unmarshal string into Go struct field Request.stream of type bool",
        ),
        (
            r#"{"options":"x"}"#,
            "json: cannot unmarshal string into Go struct field Request.options of type map[string]interface {}",
        ),
        (
            r#"{"list":[{},{"name":[]}]}"#,
            "json: cannot unmarshal array into Go struct field Request.list.1.name of type string",
        ),
        (
            r#"{"inner":true}"#,
            "json: cannot unmarshal bool into Go struct field Request.inner of type api.Inner",
        ),
        (
            r#"{"count":1.5}"#,
            "json: cannot unmarshal number into Go struct field Request.count of type int",
        ),
        (
            r#"{"ratio":"x"}"#,
            "json: cannot unmarshal string into Go struct field Request.ratio of type float64",
        ),
        (
            r#"{"list":{}}"#,
            "json: cannot unmarshal object into Go struct field Request.list of type []interface {}",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(read(text).expect_err(text).to_string(), want);
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    assert!(read(r#"{"count":-1}"#).is_err());
    assert!(read(r#"{"count":4294967296}"#).is_err());
    assert!(matches!(read(r#"{"ratio":1e400}"#), Err(DecodeError::Number { .. })));
}

#[test]
fn nesting_is_limited_without_recursion() {
    let nested = |depth: usize| format!(r#"{{"any":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(MAX_DEPTH - 1)).is_ok());
    assert_eq!(read(&nested(MAX_DEPTH)), Err(DecodeError::TooDeep));
    assert_eq!(read(&"[".repeat(1_000_000)), Err(DecodeError::TooDeep));
}

#[test]
fn the_number_of_values_is_limited() {
    let list = |n_values: usize| format!("[{}0]", "0,".repeat(n_values - 1));
    assert_eq!(syntax::end_of_first_value(list(MAX_VALUES - 1).as_bytes()), Ok(2 * MAX_VALUES - 1));
    assert_eq!(read(&list(MAX_VALUES)), Err(DecodeError::TooMany));
}

#[test]
fn a_missing_body_is_a_bad_request() {
    let error = ApiError::from(decode::<Request>(b"").expect_err("nothing there"));
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::BadRequest, "missing request body")
    );
}

#[test]
fn fields_without_a_place_are_noted() {
    let text = r#"{"model":"m","stop_words":[],"absent":null,"Raw":true,"inner":{"nom":1},
        "list":[{"name":"a"},{"mood":1},{"mood":2,"tone":3}],"options":{"any":1},"any":{"b":1}}"#;
    let (request, unknown) = decode_noting::<Request>(text.as_bytes()).expect("a request");
    assert!(request.raw);
    let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
    assert_eq!(unknown, ["inner.nom", "list[].mood", "list[].tone", "stop_words"]);
}

#[test]
fn few_of_many_unknown_fields_are_noted_and_none_with_a_long_name() {
    let object: Map<String, Value> = (0..1000).map(|i| (format!("f{i}"), i.into())).collect();
    let noted = |object: Map<String, Value>| {
        decode_noting::<Request>(Value::from(object).to_string().as_bytes()).expect("a request").1
    };
    assert_eq!(noted(object).len(), 32);
    assert!(noted(Map::from_iter([("x".repeat(65), Value::from(1))])).is_empty());
}

/// JSON values of moderate size.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_reads_as_itself(value in values()) {
        let bytes = encode(&value).expect("plain data");
        prop_assert_eq!(decode::<Value>(&bytes), Ok(value));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode::<Request>(&bytes);
    }

    #[test]
    fn no_jsonish_text_panics(text in r#"[\[\]{}:,"\\a-fu0-9.eE+\- ]{0,40}"#) {
        // What our scanner accepts must be what serde_json accepts, but for numbers too large.
        if let Err(DecodeError::Number { cause }) = decode::<Value>(text.as_bytes()) {
            prop_assert!(cause.contains("number out of range"), "{}", cause);
        }
    }
}
