//! The tools that a request offers to the model.
//!
//! A tool's parameters are a JSON Schema; the keywords below are kept, in the order in which Ollama
//! writes them (prompts contain this text), and others are dropped when read. Properties keep the
//! client's order.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A tool on offer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Tool {
    /// `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Passed through to templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Value>,
    /// What can be called.
    pub function: ToolFunction,
}

/// A function that a model may call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ToolFunction {
    /// Its name.
    pub name: String,
    /// What it does, for the model to read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it takes.
    pub parameters: ToolParameters,
}

/// The schema of a function's arguments, as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ToolParameters {
    /// `object`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Schemas that properties refer to.
    #[serde(rename = "$defs", skip_serializing_if = "Option::is_none")]
    pub defs: Option<Value>,
    /// Passed through to templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Value>,
    /// Names of the properties that must be given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// The arguments by name; written as null when absent.
    pub properties: Option<IndexMap<String, ToolProperty>>,
}

/// The schema of one argument, or of one property inside it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ToolProperty {
    /// Alternatives, of which one must fit.
    #[serde(rename = "anyOf", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub any_of: Vec<ToolProperty>,
    /// The types allowed.
    #[serde(rename = "type", skip_serializing_if = "PropertyType::is_empty")]
    pub kind: PropertyType,
    /// The schema of an array's elements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Value>,
    /// What it means, for the model to read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The only values allowed.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
    /// An object's own properties.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub properties: Option<IndexMap<String, ToolProperty>>,
    /// Which of them must be given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
}

/// The types that a property may have: one text, or a list of them, on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PropertyType(pub Vec<String>);

impl PropertyType {
    /// True when no type was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for PropertyType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PropertyType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a property's type must be a string or an array of strings")]
        enum Wire {
            One(String),
            Many(Vec<String>),
        }
        Ok(match Option::<Wire>::deserialize(deserializer)? {
            None => Self::default(),
            Some(Wire::One(one)) => Self(vec![one]),
            Some(Wire::Many(many)) => Self(many),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_written_in_ollamas_order_with_the_clients_properties() {
        let sent = r#"{"function":{"parameters":{"required":["location"],"type":"object",
            "properties":{"unit":{"enum":["c","f"],"type":["string"]},
            "location":{"description":"The city","type":["string","null"],"minLength":1}},
            "additionalProperties":false},"name":"get_weather"},"type":"function"}"#;
        let tool: Tool = serde_json::from_str(sent).expect("a valid tool");
        assert_eq!(
            serde_json::to_string(&tool).expect("plain data"),
            concat!(
                r#"{"type":"function","function":{"name":"get_weather","parameters":"#,
                r#"{"type":"object","required":["location"],"properties":"#,
                r#"{"unit":{"type":"string","enum":["c","f"]},"#,
                r#""location":{"type":["string","null"],"description":"The city"}}}}}"#
            )
        );
    }

    #[test]
    fn a_tool_without_a_function_is_accepted_as_ollama_does() {
        let tool: Tool = serde_json::from_str(r#"{"type":"function"}"#).expect("all optional");
        assert_eq!(
            serde_json::to_string(&tool).expect("plain data"),
            r#"{"type":"function","function":{"name":"","parameters":{"type":"","properties":null}}}"#
        );
    }

    #[test]
    fn nested_schemas_are_read_as_deep_as_json_goes() {
        let depth = (crate::json::MAX_DEPTH - 1) / 2;
        let nested = format!("{}{{}}{}", r#"{"anyOf":["#.repeat(depth), "]}".repeat(depth));
        let mut property: ToolProperty = crate::json::decode(nested.as_bytes()).expect("fits");
        for _ in 0..depth {
            property = property.any_of.pop().expect("one inside the other");
        }
        assert_eq!(property, ToolProperty::default());
    }

    #[test]
    fn a_type_that_is_no_text_is_refused() {
        let error = serde_json::from_str::<ToolProperty>(r#"{"type":5}"#).expect_err("a number");
        assert!(error.to_string().contains("a string or an array of strings"), "{error}");
    }
}
