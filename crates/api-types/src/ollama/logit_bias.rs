//! `logit_bias`: what is added to the logits of single tokens.
//!
//! An object on the wire, from token ids written as texts to numbers. Not an option of Ollama's;
//! the form is OpenAI's. -100 in effect forbids a token and 100 forces it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The farthest that a bias reaches to either side; what lies beyond is brought back.
pub const MAX_LOGIT_BIAS: f32 = 100.0;

/// Biases by token id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogitBias(pub BTreeMap<u32, f32>);

impl LogitBias {
    /// Reads the wire's object; `None` for anything else.
    pub fn from_wire(value: &Value) -> Option<Self> {
        let entry = |(id, bias): (&String, &Value)| {
            let bias = bias.as_f64()? as f32;
            Some((id.parse().ok()?, bias.clamp(-MAX_LOGIT_BIAS, MAX_LOGIT_BIAS)))
        };
        value.as_object()?.iter().map(entry).collect::<Option<_>>().map(Self)
    }
}

impl From<LogitBias> for Value {
    fn from(bias: LogitBias) -> Self {
        let entry = |(id, bias): (u32, f32)| (id.to_string(), Value::from(bias));
        Self::Object(bias.0.into_iter().map(entry).collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_of_numbers_are_read_and_written() {
        let wire = json!({"7": -100.0, "50256": 1.5});
        let bias = LogitBias::from_wire(&wire).expect("a valid object");
        assert_eq!(bias.0, BTreeMap::from([(7, -100.0), (50256, 1.5)]));
        assert_eq!(Value::from(bias), wire);
        let far = LogitBias::from_wire(&json!({"1": 1e300})).expect("a number");
        assert_eq!(far.0[&1], MAX_LOGIT_BIAS);
    }

    #[test]
    fn anything_else_is_refused() {
        for wire in [json!([1]), json!({"a": 1}), json!({"-1": 1}), json!({"1": "x"})] {
            assert_eq!(LogitBias::from_wire(&wire), None, "{wire}");
        }
    }
}
