//! `format`: what shape the answer's text must have.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

/// A constraint on the generated text.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Any JSON value (`"json"` on the wire).
    Json,
    /// JSON that satisfies this JSON Schema.
    Schema(Map<String, Value>),
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json => serializer.serialize_str("json"),
            Self::Schema(schema) => schema.serialize(serializer),
        }
    }
}

/// `#[serde(deserialize_with)]`: null and the empty text both mean no constraint.
pub(super) fn deserialize_optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Format>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) if text == "json" => Ok(Some(Format::Json)),
        Value::Object(schema) => Ok(Some(Format::Schema(schema))),
        other => Err(de::Error::custom(format_args!(
            r#"invalid format: {:?}; expected "json" or a valid JSON Schema object"#,
            other.to_string()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn formats_are_read() {
        let read = |value: Value| deserialize_optional(value).expect("a valid format");
        assert_eq!(read(json!(null)), None);
        assert_eq!(read(json!("")), None);
        assert_eq!(read(json!("json")), Some(Format::Json));
        let Some(Format::Schema(schema)) = read(json!({"type": "object"})) else {
            panic!("an object is a schema");
        };
        assert_eq!(schema["type"], "object");
    }

    #[test]
    fn other_values_are_refused_with_their_text() {
        let refusal = |value: Value| deserialize_optional(value).expect_err("invalid").to_string();
        assert_eq!(
            refusal(json!("xml")),
            r#"invalid format: "\"xml\""; expected "json" or a valid JSON Schema object"#
        );
        assert_eq!(
            refusal(json!(5)),
            r#"invalid format: "5"; expected "json" or a valid JSON Schema object"#
        );
    }
}
