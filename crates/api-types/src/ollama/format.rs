//! `format`: what shape the answer's text must have.
//!
//! `"json"`, a JSON Schema, or, which Ollama does not have, one of
//! `{"type": "regex", "regex": "..."}`, `{"type": "lark", "grammar": "..."}`,
//! `{"type": "gbnf", "grammar": "..."}` and `{"type": "choice", "choices": ["...", ...]}`. No JSON
//! Schema has a `type` of these names, so an object is one or the other.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value, json};

/// A constraint on the generated text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// Any JSON value (`"json"` on the wire).
    Json,
    /// JSON that satisfies this JSON Schema.
    Schema(Map<String, Value>),
    /// A text that matches this regular expression from beginning to end.
    Regex(String),
    /// A text of this grammar in `llguidance`'s dialect of Lark.
    Lark(String),
    /// A text of this grammar in llama.cpp's GBNF.
    Gbnf(String),
    /// One of these texts.
    Choice(Vec<String>),
}

impl Format {
    /// Reads an object: a grammar where its `type` says so, else a schema.
    ///
    /// # Errors
    /// What is missing in a grammar's object.
    pub fn from_object(object: Map<String, Value>) -> Result<Self, String> {
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let text = |keys: [&str; 2]| {
            let found = keys.iter().find_map(|key| object.get(*key)?.as_str());
            found
                .map(str::to_owned)
                .ok_or_else(|| format!("invalid format: {kind:?} needs its text in {:?}", keys[0]))
        };
        Ok(match kind {
            "regex" => Self::Regex(text(["regex", "pattern"])?),
            "lark" => Self::Lark(text(["grammar", "lark"])?),
            "gbnf" => Self::Gbnf(text(["grammar", "gbnf"])?),
            "choice" => {
                let choices = object.get("choices").and_then(Value::as_array);
                let text = |choice: &Value| choice.as_str().map(str::to_owned);
                let texts = choices.and_then(|all| all.iter().map(text).collect());
                Self::Choice(texts.ok_or(r#"invalid format: "choice" needs texts in "choices""#)?)
            }
            _ => Self::Schema(object),
        })
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json => serializer.serialize_str("json"),
            Self::Schema(schema) => schema.serialize(serializer),
            Self::Regex(text) => json!({"type": "regex", "regex": text}).serialize(serializer),
            Self::Lark(text) => json!({"type": "lark", "grammar": text}).serialize(serializer),
            Self::Gbnf(text) => json!({"type": "gbnf", "grammar": text}).serialize(serializer),
            Self::Choice(texts) => {
                json!({"type": "choice", "choices": texts}).serialize(serializer)
            }
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
        Value::Object(object) => Format::from_object(object).map(Some).map_err(de::Error::custom),
        other => Err(de::Error::custom(format_args!(
            r#"invalid format: {:?}; expected "json" or a valid JSON Schema object"#,
            other.to_string()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Option<Format> {
        deserialize_optional(value).expect("a valid format")
    }

    #[test]
    fn formats_are_read() {
        assert_eq!(read(json!(null)), None);
        assert_eq!(read(json!("")), None);
        assert_eq!(read(json!("json")), Some(Format::Json));
        let Some(Format::Schema(schema)) = read(json!({"type": "object"})) else {
            panic!("an object is a schema");
        };
        assert_eq!(schema["type"], "object");
    }

    #[test]
    fn grammars_are_told_from_schemas_by_their_type() {
        let choices = vec!["yes".to_owned(), "no".to_owned()];
        for format in [
            Format::Regex("[0-9]+".to_owned()),
            Format::Lark("start: \"x\"".to_owned()),
            Format::Gbnf("root ::= \"x\"".to_owned()),
            Format::Choice(choices),
        ] {
            let wire = serde_json::to_value(&format).expect("plain data");
            assert_eq!(read(wire), Some(format));
        }
        let pattern = json!({"type": "regex", "pattern": "a"});
        assert_eq!(read(pattern), Some(Format::Regex("a".to_owned())));
        // A schema of one text is a schema.
        assert!(matches!(read(json!({"type": "string"})), Some(Format::Schema(_))));
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
        assert_eq!(
            refusal(json!({"type": "regex"})),
            r#"invalid format: "regex" needs its text in "regex""#
        );
        assert_eq!(
            refusal(json!({"type": "choice", "choices": [1]})),
            r#"invalid format: "choice" needs texts in "choices""#
        );
    }
}
