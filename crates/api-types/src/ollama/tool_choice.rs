//! `tool_choice`: whether the model may, must or must not call a tool.
//!
//! On the wire the texts `"auto"`, `"none"` and `"required"`, or the object
//! `{"type": "function", "function": {"name": "..."}}`. Ollama's own API has no such field; this is
//! the form that OpenAI gave it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};

/// What the model is to do about the tools on offer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum ToolChoice {
    /// Call as many as it likes, or none.
    #[default]
    Auto,
    /// Call none.
    None,
    /// Call at least one.
    Required,
    /// Call this one.
    Named(String),
}

impl ToolChoice {
    /// True where the answer has to be a call.
    pub fn is_forced(&self) -> bool {
        matches!(self, Self::Required | Self::Named(_))
    }

    fn from_wire(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Auto),
            Value::String(text) => match text.as_str() {
                "auto" | "" => Some(Self::Auto),
                "none" => Some(Self::None),
                // Mistral's word for it.
                "required" | "any" => Some(Self::Required),
                _ => None,
            },
            Value::Object(object) => {
                // OpenAI's Responses API has the name beside the type.
                let function = object.get("function").unwrap_or(value);
                let name = function.get("name").and_then(Value::as_str);
                let name = name.filter(|name| !name.is_empty());
                name.map(|name| Self::Named(name.to_owned()))
            }
            _ => None,
        }
    }
}

impl Serialize for ToolChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::None => serializer.serialize_str("none"),
            Self::Required => serializer.serialize_str("required"),
            Self::Named(name) => {
                json!({"type": "function", "function": {"name": name}}).serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for ToolChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_wire(&value).ok_or_else(|| {
            de::Error::custom(format_args!(
                r#"invalid tool_choice: {value} (must be "auto", "none", "required", or {{"type":"function","function":{{"name":"..."}}}})"#
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_round_trip() {
        let named = ToolChoice::Named("now".to_owned());
        for choice in [ToolChoice::Auto, ToolChoice::None, ToolChoice::Required, named] {
            let wire = serde_json::to_value(&choice).expect("plain data");
            assert_eq!(serde_json::from_value::<ToolChoice>(wire).expect("our own"), choice);
        }
    }

    #[test]
    fn both_ways_to_name_a_tool_are_read() {
        for wire in [
            json!({"type": "function", "function": {"name": "now"}}),
            json!({"type": "function", "name": "now"}),
        ] {
            let choice: ToolChoice = serde_json::from_value(wire).expect("a known form");
            assert_eq!(choice, ToolChoice::Named("now".to_owned()));
        }
    }

    #[test]
    fn other_values_are_refused_with_their_text() {
        for wire in [json!("sometimes"), json!(3), json!({"type": "function"})] {
            let error = serde_json::from_value::<ToolChoice>(wire.clone()).expect_err("unknown");
            let want = format!("invalid tool_choice: {wire} (must be ");
            assert!(error.to_string().starts_with(&want), "{error}");
        }
    }
}
