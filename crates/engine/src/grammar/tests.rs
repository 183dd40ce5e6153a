mod random_text;
mod schemas;

use camelid_gguf::GgufFile;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use random_text::RandomModel;

fn tokenizer() -> Tokenizer {
    let file = GgufFile::from_static(camelid_model_tiny::GGUF).unwrap();
    Tokenizer::from_metadata(file.metadata()).unwrap()
}

#[test]
fn a_choice_is_one_of_the_choices() {
    let choices = ["yes", "no", "may\"be"].map(str::to_owned).to_vec();
    let model = RandomModel::new();
    for seed in 0..10 {
        let text = model.text(&Grammar::Choice(choices.clone()), seed, 20).unwrap();
        assert!(choices.contains(&text), "{text:?}");
    }
    let none = GrammarCompiler::default().compile(&Grammar::Choice(vec![]), &tokenizer());
    assert!(matches!(none, Err(GrammarError::NoChoice)));
}

#[test]
fn a_regular_expression_holds_from_beginning_to_end() {
    let grammar = Grammar::Regex("[0-9]{2}-[a-c]".to_owned());
    let model = RandomModel::new();
    for seed in 0..10 {
        let text = model.text(&grammar, seed, 20).unwrap();
        let (digits, letter) = text.split_once('-').unwrap();
        assert!(digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()), "{text:?}");
        assert!(["a", "b", "c"].contains(&letter), "{text:?}");
    }
}

#[test]
fn a_lark_grammar_is_followed() {
    let grammar = Grammar::Lark("start: \"a\" (\"b\" | \"c\") \"d\"".to_owned());
    let text = RandomModel::new().text(&grammar, 1, 20).unwrap();
    assert!(["abd", "acd"].contains(&text.as_str()), "{text:?}");
}

#[test]
fn a_grammar_in_gbnf_is_followed() {
    let list = "root ::= \"[\" (item (\",\" item)*)? \"]\"\nitem ::= [0-9]{1,3} | root";
    let grammar = Grammar::Gbnf(list.to_owned());
    let model = RandomModel::new();
    let texts: Vec<String> = (0..10).filter_map(|seed| model.text(&grammar, seed, 200)).collect();
    assert!(!texts.is_empty());
    for text in texts {
        let digits: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
        assert!(digits.iter().all(|digits| digits.len() <= 3), "{text:?}");
        let n = |c| text.matches(c).count();
        assert!(text.starts_with('[') && n('[') == n(']') && !text.contains(",]"), "{text:?}");
    }
}

#[test]
fn what_a_grammar_forces_is_known_without_the_model() {
    let tokenizer = tokenizer();
    let schema = json!({
        "type": "object",
        "properties": {"description": {"type": "boolean"}},
        "required": ["description"],
        "additionalProperties": false,
        "x-guidance": {"whitespace_flexible": false},
    });
    let grammar = Grammar::JsonSchema(schema);
    let mut constraint = GrammarCompiler::default().compile(&grammar, &tokenizer).unwrap();
    let forced = constraint.forced();
    let text = tokenizer.decode(&forced);
    assert!(text.starts_with(r#"{"descr"#), "{text:?}");
    assert_eq!(forced, tokenizer.encode(&text, Special::AsText).unwrap(), "as the tokenizer does");
    // What is forced is what the masks leave, token for token.
    for token in forced {
        let mut logits = vec![0.0; tokenizer.vocab().len()];
        constraint.mask(&mut logits).unwrap();
        assert_eq!(logits[token as usize], 0.0);
        constraint.accept(token).unwrap();
    }
}

#[test]
fn what_cannot_be_honoured_is_refused_before_anything_runs() {
    let compiler = GrammarCompiler::default();
    for (grammar, want) in [
        (Grammar::Regex("(".to_owned()), "regex"),
        (Grammar::Lark("no rule here".to_owned()), ""),
        (Grammar::JsonSchema(json!({"type": "objekt"})), "objekt"),
        (Grammar::JsonSchema(json!({"not": {"type": "string"}})), "not"),
        (Grammar::JsonSchema(json!({"$ref": "#/definitions/none"})), "none"),
    ] {
        match compiler.compile(&grammar, &tokenizer()) {
            Err(GrammarError::Refused { reason }) => {
                assert!(reason.contains(want) && !reason.contains('\n'), "{grammar:?}: {reason}");
            }
            other => panic!("{grammar:?}: {other:?}"),
        }
    }
}

#[test]
fn blanks_between_json_tokens_come_to_an_end() {
    let mut constraint = GrammarCompiler::default().compile(&Grammar::Json, &tokenizer()).unwrap();
    let tokenizer = tokenizer();
    let blank = tokenizer.encode(" ", crate::Special::AsText).unwrap()[0];
    let open = tokenizer.encode("{", crate::Special::AsText).unwrap()[0];
    constraint.accept(open).unwrap();
    let n_blanks = (0..100).take_while(|_| {
        let mut logits = vec![0.0; tokenizer.vocab().len()];
        constraint.mask(&mut logits).unwrap();
        logits[blank as usize] == 0.0 && constraint.accept(blank).is_ok()
    });
    assert!(n_blanks.count() <= 40);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the model would like to say, what it says is JSON of that shape.
    #[test]
    fn json_of_a_schema_parses_and_fits(seed: u64) {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 8},
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
                "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3},
            },
            "required": ["name", "age"],
            "additionalProperties": false,
        });
        let text = RandomModel::new().text(&Grammar::JsonSchema(schema), seed, 600);
        if let Some(text) = text {
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(value["name"].as_str().unwrap().chars().count() <= 8);
            prop_assert!((0..=150).contains(&value["age"].as_i64().unwrap()));
        }
    }
}
