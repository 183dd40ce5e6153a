//! Manifests: which blobs make up a model.
//!
//! ```json
//! {"schemaVersion":2,"mediaType":"...","config":LAYER,"layers":[LAYER,...]}
//! LAYER = {"mediaType":"...","digest":"sha256:...","size":123,"from":"...","name":"..."}
//! ```
//!
//! Every other field is kept, in manifests as in layers. A pulled manifest is stored as the bytes
//! that came, because their digest is the model's identity; [`Manifest::to_bytes`] is for those
//! made here.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::MAX_CONFIG_BYTES;
use crate::digest::Digest;
use crate::json::to_json_line;
use crate::media_type;

/// Bytes of a manifest at most; the number of the OCI distribution specification.
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;
/// Layers of a manifest at most. Models with a layer per tensor have some thousands.
pub const MAX_LAYERS: usize = 16 * 1024;
/// Bytes of a layer at most: what a signed 64-bit number holds, as other programs read it.
pub const MAX_LAYER_BYTES: u64 = i64::MAX as u64;

/// A blob as a manifest refers to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// What it holds; see [`media_type`].
    #[serde(rename = "mediaType")]
    pub media_type: String,
    /// The blob.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// The model it was taken over from, or the file it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The name of the tensor or file, in models made of many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Fields this crate knows nothing about.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Layer {
    /// A layer with nothing but the required fields.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        let media_type = media_type.to_owned();
        Self { media_type, digest, size, from: None, name: None, extra: Map::new() }
    }
}

/// The parts of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// What kind of manifest it is; OCI registries may leave it out.
    #[serde(rename = "mediaType", default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The configuration; very old manifests have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Layer>,
    /// The rest.
    pub layers: Vec<Layer>,
    /// Fields this crate knows nothing about.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// There are too many bytes.
    #[error("manifest has {found} bytes, {MAX_MANIFEST_BYTES} are allowed")]
    TooLarge {
        /// How many.
        found: usize,
    },
    /// It is no JSON, or a field is missing or of the wrong type.
    #[error("manifest is malformed")]
    Malformed(#[source] serde_json::Error),
    /// It is of a kind this crate does not know.
    #[error("manifest has schema version {found}, expected 2")]
    SchemaVersion {
        /// The version.
        found: u32,
    },
    /// There are too many layers.
    #[error("manifest has {found} layers, {MAX_LAYERS} are allowed")]
    TooManyLayers {
        /// How many.
        found: usize,
    },
    /// A layer, or all together, is larger than any file can be.
    #[error("manifest has layers of more than {MAX_LAYER_BYTES} bytes")]
    LayersTooLarge,
    /// The configuration is larger than any can be.
    #[error("manifest has a configuration of {found} bytes, {MAX_CONFIG_BYTES} are allowed")]
    ConfigTooLarge {
        /// Its size.
        found: u64,
    },
    /// Two layers are the same blob and differ in size.
    #[error("manifest gives {digest} the sizes {first} and {second}")]
    SizesDiffer {
        /// The blob.
        digest: Digest,
        /// The size it has first.
        first: u64,
        /// The size it has later.
        second: u64,
    },
}

impl Manifest {
    /// A manifest as programs for models write it.
    pub fn new(config: Layer, layers: Vec<Layer>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.to_owned()),
            config: Some(config),
            layers,
            extra: Map::new(),
        }
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// If it is malformed or beyond the limits of this module.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { found: bytes.len() });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(ManifestError::Malformed)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.schema_version != 2 {
            return Err(ManifestError::SchemaVersion { found: self.schema_version });
        }
        if self.layers.len() > MAX_LAYERS {
            return Err(ManifestError::TooManyLayers { found: self.layers.len() });
        }
        if let Some(config) = self.config.as_ref().filter(|config| config.size > MAX_CONFIG_BYTES) {
            return Err(ManifestError::ConfigTooLarge { found: config.size });
        }
        let mut sizes = HashMap::new();
        let mut total: u64 = 0;
        for Layer { digest, size, .. } in self.blobs() {
            let first = *sizes.entry(*digest).or_insert(*size);
            if first != *size {
                return Err(ManifestError::SizesDiffer { digest: *digest, first, second: *size });
            }
            total = total.checked_add(*size).ok_or(ManifestError::LayersTooLarge)?;
        }
        match total > MAX_LAYER_BYTES {
            true => Err(ManifestError::LayersTooLarge),
            false => Ok(()),
        }
    }

    /// The layers and after them the configuration: every blob, some perhaps twice.
    pub fn blobs(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().chain(&self.config)
    }

    /// Bytes of all layers and the configuration, as models are listed with.
    pub fn total_size(&self) -> u64 {
        self.blobs().fold(0, |sum, layer| sum.saturating_add(layer.size))
    }

    /// The first layer of a media type.
    pub fn layer(&self, media_type: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.media_type == media_type)
    }

    /// The manifest as Ollama writes those it makes, line end included.
    ///
    /// # Errors
    /// If the manifest is beyond the limits of this module, so that nobody could read it back.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        self.check()?;
        let bytes = to_json_line(self).map_err(ManifestError::Malformed)?;
        match bytes.len() > MAX_MANIFEST_BYTES {
            true => Err(ManifestError::TooLarge { found: bytes.len() }),
            false => Ok(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn manifest(config: &str, layers: &str) -> String {
        format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"m\",\"config\":{config},\"layers\":[{layers}]}}"
        )
    }

    fn layer(digest: &str, size: &str) -> String {
        format!("{{\"mediaType\":\"t\",\"digest\":\"{digest}\",\"size\":{size}}}")
    }

    #[test]
    fn every_field_is_kept() {
        let text = "{\"schemaVersion\":2,\"mediaType\":\"m\",\"layers\":[{\"mediaType\":\"t\",\
             \"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\
             \"size\":0,\"from\":\"a:b\",\"name\":\"n\",\"urls\":[1,{\"x\":null}]}],\
             \"annotations\":{\"b\":1,\"a\":2}}\n";
        let parsed = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(parsed.to_bytes().unwrap()).unwrap(), text);
    }

    #[test]
    fn malformed_manifests_are_refused() {
        let good = layer(EMPTY, "0");
        assert!(Manifest::parse(manifest(&good, &good).as_bytes()).is_ok());
        for (config, layers) in [
            (good.clone(), layer("", "0")),
            (good.clone(), layer("sha256:../../../etc/passwd", "0")),
            (good.clone(), layer(&EMPTY.to_uppercase(), "0")),
            (good.clone(), layer(EMPTY, "-1")),
            (good.clone(), layer(EMPTY, "1.5")),
            (good.clone(), layer(EMPTY, "18446744073709551616")),
            (good.clone(), layer(EMPTY, "9223372036854775808")),
            (good.clone(), layer(EMPTY, "\"1\"")),
            (good.clone(), "null".into()),
            ("[]".into(), good.clone()),
            (layer(EMPTY, "1"), good.clone()),
            (layer(EMPTY, "1048577"), String::new()),
        ] {
            let text = manifest(&config, &layers);
            assert!(Manifest::parse(text.as_bytes()).is_err(), "{text}");
        }
        for text in [
            "",
            "{}",
            "null",
            "[1]",
            "{\"schemaVersion\":2}",
            "{\"schemaVersion\":1,\"layers\":[]}",
        ] {
            assert!(Manifest::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Manifest::parse("[".repeat(100_000).as_bytes()).is_err(), "deep nesting");
        assert!(Manifest::parse(&vec![b' '; MAX_MANIFEST_BYTES + 1]).is_err());
    }

    #[test]
    fn too_many_layers_are_refused() {
        let layers = vec![layer(EMPTY, "0"); MAX_LAYERS + 1].join(",");
        let error = Manifest::parse(manifest(&layer(EMPTY, "0"), &layers).as_bytes()).unwrap_err();
        assert!(matches!(error, ManifestError::TooManyLayers { .. }), "{error}");
    }

    #[test]
    fn an_old_manifest_has_no_configuration() {
        let text = format!("{{\"schemaVersion\":2,\"layers\":[{}]}}", layer(EMPTY, "7"));
        let parsed = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!((parsed.config.as_ref(), parsed.total_size()), (None, 7));
    }
}
