//! What shape an answer must have: the one reader for all dialects but Ollama's own, whose `format`
//! is read with its request.

use camelid_api_types::ApiError;
use camelid_api_types::ollama::Format;
use camelid_api_types::openai::ResponseFormat;

/// The native format that `format`, found in `field`, asks for. `text` is no constraint, and neither
/// is a type that nobody knows, as with Ollama; the log tells of that.
///
/// # Errors
/// When a schema or a grammar is missing.
pub(crate) fn to_native(
    field: &str,
    format: Option<ResponseFormat>,
) -> Result<Option<Format>, ApiError> {
    let Some(ResponseFormat { kind, json_schema, schema, mut rest }) = format else {
        return Ok(None);
    };
    let schema = json_schema.and_then(|named| named.schema).or(schema);
    match (kind.to_lowercase().as_str(), schema) {
        ("" | "text", _) => Ok(None),
        // Some other servers' clients lay a schema beside the older type.
        ("json" | "json_object", Some(schema)) if !schema.is_empty() => {
            Ok(Some(Format::Schema(schema)))
        }
        ("json" | "json_object", _) => Ok(Some(Format::Json)),
        ("json_schema", Some(schema)) => Ok(Some(Format::Schema(schema))),
        ("json_schema", None) => {
            Err(ApiError::bad_request(format!("{field} of type json_schema has no schema")))
        }
        (kind @ ("regex" | "lark" | "gbnf" | "choice"), _) => {
            rest.insert("type".to_owned(), kind.into());
            Format::from_object(rest).map(Some).map_err(ApiError::bad_request)
        }
        _ => {
            tracing::warn!(field, kind, "a format of unknown type is no constraint");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(format: Value) -> Result<Option<Format>, String> {
        let format = serde_json::from_value(format).expect("a format");
        to_native("response_format", format).map_err(|error| error.message)
    }

    #[test]
    fn what_constrains_nothing_is_none() {
        assert_eq!(read(Value::Null), Ok(None));
        for kind in ["", "text", "Text", "xml"] {
            assert_eq!(read(json!({"type": kind})), Ok(None), "{kind}");
        }
    }

    #[test]
    fn types_are_read_in_any_case_of_letters() {
        assert_eq!(read(json!({"type": "JSON_object"})), Ok(Some(Format::Json)));
        assert_eq!(read(json!({"type": "json_object", "schema": {}})), Ok(Some(Format::Json)));
        let regex = json!({"type": "Regex", "regex": "a+"});
        assert_eq!(read(regex), Ok(Some(Format::Regex("a+".to_owned()))));
    }

    #[test]
    fn a_schema_stands_in_an_object_of_its_own_or_beside_the_type() {
        let schema = json!({"type": "object"});
        let want = Ok(Some(Format::Schema(schema.as_object().cloned().expect("an object"))));
        for format in [
            json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}),
            json!({"type": "json_schema", "name": "n", "schema": schema, "strict": true}),
            json!({"type": "json_object", "schema": schema}),
        ] {
            assert_eq!(read(format), want);
        }
    }

    #[test]
    fn what_is_missing_is_told_with_its_place() {
        let want = "response_format of type json_schema has no schema";
        assert_eq!(read(json!({"type": "json_schema"})), Err(want.to_owned()));
        let want = r#"invalid format: "gbnf" needs its text in "grammar""#;
        assert_eq!(read(json!({"type": "gbnf"})), Err(want.to_owned()));
    }
}
