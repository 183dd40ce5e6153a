//! `POST /api/create`: a model made of others, or of files.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::Message;

/// A model to be made. See [`form`](Self::form) for where its weights come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CreateRequest {
    /// The new model's name; a model that has it is replaced.
    pub model: String,
    /// What `model` was called in 2024; looked at where `model` is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The model it is made from, pulled if it is not here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// Files that it is made of: the digests of blobs by file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<String, String>>,
    /// Adapters over its weights: the digests of blobs by file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapters: Option<BTreeMap<String, String>>,
    /// Files of a model that drafts for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft_files: Option<BTreeMap<String, String>>,
    /// Its prompt template, in Go's syntax; empty keeps the base's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub template: String,
    /// Its system text; empty keeps the base's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system: String,
    /// Licences beside the base's: one or several on the wire.
    #[serde(deserialize_with = "one_or_several", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = super::PropertyType))]
    pub license: Vec<String>,
    /// Its parameters, over the base's key by key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub parameters: Option<Map<String, Value>>,
    /// What is said before every conversation; empty keeps the base's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// The number format to quantise to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub quantize: String,
    /// What `quantize` was called in 2024; looked at where `quantize` is empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub quantization: String,
    /// The number format to quantise the draft model to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub draft_quantize: String,
    /// The built-in renderer of its prompts; empty keeps the base's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub renderer: String,
    /// The built-in parser of its output; empty keeps the base's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parser: String,
    /// The oldest server that can run it; empty keeps the base's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub requires: String,
    /// Said of the model instead of what its weights say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub info: Option<Map<String, Value>>,
    /// The server on which `from` really runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_host: String,
    /// A whole Modelfile, as clients of 2024 sent it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub modelfile: String,
    /// The path of a Modelfile on the server, as clients of 2024 sent it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Whether the transport sends progress as it comes; absent means yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}

/// Where the weights of a new model come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateForm<'a> {
    /// From a model.
    From(&'a str),
    /// From files that were uploaded.
    Files(&'a BTreeMap<String, String>),
    /// As a Modelfile says.
    Modelfile(&'a str),
    /// As a Modelfile on the server says.
    ModelfileAt(&'a str),
    /// The request does not say.
    Unsaid,
}

impl CreateRequest {
    /// The name of the model, under whichever field it came.
    pub fn model(&self) -> &str {
        super::either(&self.model, &self.name)
    }

    /// The number format to quantise to, under whichever field it came; empty for none.
    pub fn quantize(&self) -> &str {
        super::either(&self.quantize, &self.quantization)
    }

    /// Where the weights come from: `from` before `files` before the forms of 2024.
    pub fn form(&self) -> CreateForm<'_> {
        match &self.files {
            _ if !self.from.is_empty() => CreateForm::From(&self.from),
            Some(files) => CreateForm::Files(files),
            None if !self.modelfile.is_empty() => CreateForm::Modelfile(&self.modelfile),
            None if !self.path.is_empty() => CreateForm::ModelfileAt(&self.path),
            None => CreateForm::Unsaid,
        }
    }
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrSeveral {
        None(()),
        One(String),
        Several(Vec<String>),
    }
    Ok(match OneOrSeveral::deserialize(deserializer)? {
        OneOrSeveral::None(()) => Vec::new(),
        OneOrSeveral::One(text) => vec![text],
        OneOrSeveral::Several(texts) => texts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> CreateRequest {
        crate::json::decode(json.as_bytes()).expect(json)
    }

    #[test]
    fn a_licence_is_one_or_several() {
        assert_eq!(read(r#"{"license":"MIT"}"#).license, ["MIT"]);
        assert_eq!(read(r#"{"license":["MIT","BSD"]}"#).license, ["MIT", "BSD"]);
        assert_eq!(read(r#"{"license":null}"#).license, [""; 0]);
    }

    #[test]
    fn the_modern_form_comes_first() {
        let all = r#"{"from":"a","files":{"x":"y"},"modelfile":"FROM b","path":"/m"}"#;
        assert_eq!(read(all).form(), CreateForm::From("a"));
        let old = read(r#"{"name":"n","modelfile":"FROM b","path":"/m","quantization":"q8_0"}"#);
        assert_eq!(old.form(), CreateForm::Modelfile("FROM b"));
        assert_eq!((old.model(), old.quantize()), ("n", "q8_0"));
        assert_eq!(read(r#"{"path":"/m"}"#).form(), CreateForm::ModelfileAt("/m"));
        assert_eq!(read("{}").form(), CreateForm::Unsaid);
    }
}
