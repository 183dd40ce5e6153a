//! The configuration blob of a model: what a list shows without opening the weights.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Bytes of a configuration at most.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// What a configuration says. The fields stand in the order in which Ollama writes them; fields
/// this crate does not know are kept behind them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `gguf` or `safetensors`.
    pub model_format: String,
    /// `general.architecture` of the weights.
    pub model_family: String,
    /// The architectures of all weights; null where there are none.
    pub model_families: Option<Vec<String>>,
    /// The number of parameters for people, such as `7.6B`.
    pub model_type: String,
    /// The quantisation for people, such as `Q4_K_M`, or `unknown`.
    pub file_type: String,
    /// The built-in prompt renderer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub renderer: String,
    /// The built-in output parser.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parser: String,
    /// The oldest server version that can run the model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub requires: String,
    /// The server that runs a remote model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_host: String,
    /// The remote model's name there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remote_model: String,
    /// Capabilities on top of those that the weights and template show.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// The context length of a remote model, in tokens.
    #[serde(skip_serializing_if = "is_zero")]
    pub context_length: u64,
    /// The embedding length of a remote model.
    #[serde(skip_serializing_if = "is_zero")]
    pub embedding_length: u64,
    /// The name of the model that this one was made of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub base_name: String,
    /// What is known of the model for speculative decoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<Value>,
    /// Always `amd64`.
    pub architecture: String,
    /// Always `linux`.
    pub os: String,
    /// Fields this crate knows nothing about.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model_format: String::new(),
            model_family: String::new(),
            model_families: None,
            model_type: String::new(),
            file_type: String::new(),
            renderer: String::new(),
            parser: String::new(),
            requires: String::new(),
            remote_host: String::new(),
            remote_model: String::new(),
            capabilities: Vec::new(),
            context_length: 0,
            embedding_length: 0,
            base_name: String::new(),
            draft: None,
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            extra: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, to_json_line};

    #[test]
    fn a_configuration_is_written_as_ollama_writes_it() {
        let config = Config {
            model_format: "gguf".into(),
            model_family: "test".into(),
            model_families: Some(vec!["test".into()]),
            model_type: "0".into(),
            file_type: "unknown".into(),
            ..Config::default()
        };
        let digest = Digest::of(&to_json_line(&config).unwrap());
        assert_eq!(
            digest.hex(),
            "99759ad5b91e723db0393d698ffbb448b1b7df5ff6377a108c49254583b1bc8c"
        );
    }

    #[test]
    fn unknown_fields_are_kept() {
        let text = "{\"model_format\":\"gguf\",\"model_family\":\"\",\"model_families\":null,\"model_type\":\"\",\
                    \"file_type\":\"\",\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\"}}\n";
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(to_json_line(&config).unwrap(), text.as_bytes());
    }
}
