//! `POST /api/embed`, and `POST /api/embeddings` of 2023.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::KeepAlive;
use super::presence::{is_default, nanoseconds};

/// Texts to embed. Without any it only loads the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EmbedRequest {
    /// The model's name.
    pub model: String,
    /// The texts.
    pub input: EmbedInput,
    /// Whether to cut texts that do not fit; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<bool>,
    /// Keeps that many numbers of each embedding; 0 keeps all.
    #[serde(skip_serializing_if = "is_default")]
    pub dimensions: i64,
    /// How long the model stays loaded afterwards; absent leaves it as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<KeepAlive>,
    /// Options over the model's own; see [`Options::from_map`](super::Options::from_map).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub options: Option<Map<String, Value>>,
}

/// The texts of an [`EmbedRequest`]: one or several on the wire.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum EmbedInput {
    /// Nothing to embed: absent, null, an empty text or an empty list.
    #[default]
    Nothing,
    /// These, in order; an empty text among them is embedded too.
    Texts(Vec<String>),
    /// Each of these lists of token ids, run as it is. Not Ollama's.
    Tokens(Vec<Vec<u32>>),
    /// Something that is neither. It is told only once the model's name is known to be one.
    Invalid,
}

impl EmbedInput {
    /// The text of the error for [`Invalid`](Self::Invalid), as clients know it.
    pub const INVALID: &'static str = "invalid input type";
}

impl<S: Into<String>> FromIterator<S> for EmbedInput {
    fn from_iter<I: IntoIterator<Item = S>>(texts: I) -> Self {
        Self::Texts(texts.into_iter().map(Into::into).collect())
    }
}

impl Serialize for EmbedInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_none(),
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Tokens(lists) => lists.serialize(serializer),
            Self::Invalid => Err(serde::ser::Error::custom(Self::INVALID)),
        }
    }
}

impl<'de> Deserialize<'de> for EmbedInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Nothing,
            Value::String(text) if text.is_empty() => Self::Nothing,
            Value::String(text) => Self::Texts(vec![text]),
            Value::Array(texts) if texts.is_empty() => Self::Nothing,
            Value::Array(inputs) => texts(&inputs)
                .map(Self::Texts)
                .or_else(|| token_ids(&inputs).map(|ids| Self::Tokens(vec![ids])))
                .or_else(|| token_lists(&inputs).map(Self::Tokens))
                .unwrap_or(Self::Invalid),
            _ => Self::Invalid,
        })
    }
}

fn texts(values: &[Value]) -> Option<Vec<String>> {
    values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

/// At least one token id, and nothing else.
fn token_ids(values: &[Value]) -> Option<Vec<u32>> {
    let id = |value: &Value| u32::try_from(value.as_u64()?).ok();
    let ids: Option<Vec<u32>> = values.iter().map(id).collect();
    ids.filter(|ids| !ids.is_empty())
}

fn token_lists(values: &[Value]) -> Option<Vec<Vec<u32>>> {
    values.iter().map(|value| token_ids(value.as_array()?)).collect()
}

/// The embeddings of some texts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EmbedResponse {
    /// The model's name as the request spelt it.
    pub model: String,
    /// One for each text, in order, each of length 1 (or 0, where all its numbers are).
    #[serde(serialize_with = "short_floats")]
    pub embeddings: Vec<Vec<f32>>,
    /// From the request's arrival to its end.
    #[serde(with = "nanoseconds", skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub total_duration: Duration,
    /// From the request's arrival until the model was ready.
    #[serde(with = "nanoseconds", skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub load_duration: Duration,
    /// Tokens in all texts.
    #[serde(skip_serializing_if = "is_default")]
    pub prompt_eval_count: u64,
}

/// A text to embed, in the words of 2023. An empty one only loads the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EmbeddingsRequest {
    /// The model's name.
    pub model: String,
    /// The text.
    pub prompt: String,
    /// How long the model stays loaded afterwards; absent leaves it as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<KeepAlive>,
    /// Options over the model's own; see [`Options::from_map`](super::Options::from_map).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub options: Option<Map<String, Value>>,
}

/// The embedding of a text as the model gives it, of whatever length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct EmbeddingsResponse {
    /// Empty where nothing was to be embedded.
    pub embedding: Vec<f64>,
}

/// Numbers that are none cannot be written as JSON, and would silently become null.
fn short_floats<S: Serializer>(rows: &[Vec<f32>], serializer: S) -> Result<S::Ok, S::Error> {
    if rows.iter().flatten().any(|x| !x.is_finite()) {
        return Err(serde::ser::Error::custom("embedding contains NaN or Inf values"));
    }
    rows.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_are_one_or_several_texts() {
        let read = |value: Value| serde_json::from_value::<EmbedInput>(value).expect("any JSON");
        for nothing in [json!(null), json!(""), json!([])] {
            assert_eq!(read(nothing), EmbedInput::Nothing);
        }
        assert_eq!(read(json!("a")), EmbedInput::from_iter(["a"]));
        assert_eq!(read(json!(["a", ""])), EmbedInput::from_iter(["a", ""]));
        assert_eq!(read(json!([1, 2])), EmbedInput::Tokens(vec![vec![1, 2]]));
        assert_eq!(read(json!([[1], [2]])), EmbedInput::Tokens(vec![vec![1], vec![2]]));
        for invalid in
            [json!(5), json!({}), json!(["a", 5]), json!([["a"]]), json!([[]]), json!([-1])]
        {
            assert_eq!(read(invalid), EmbedInput::Invalid);
        }
    }

    #[test]
    fn numbers_that_are_none_are_not_written_as_null() {
        let answer = EmbedResponse { embeddings: vec![vec![f32::NAN]], ..EmbedResponse::default() };
        assert!(serde_json::to_value(answer).is_err());
    }
}
