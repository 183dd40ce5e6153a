//! Another model as the beginning of a new one.

use camelid_api_types::ApiError;
use camelid_gguf::GgufFile;
use camelid_registry::{Config, Digest, Layer, Store, Writer, media_type};

use serde_json::json;

use super::{Draft, Part};
use crate::{
    catalog::Entry,
    error::{from_loading, internal_error},
    management::stored::{describe_weights, layers_of},
};

/// The layers of a model, each said to come from it, and what its configuration hands down.
pub(super) fn draft(store: &Store, writer: &Writer<'_>, entry: &Entry) -> Result<Draft, ApiError> {
    let layers = match entry.manifest_digest() {
        None => layers_of(entry, writer)?,
        Some(_) => {
            let found = store.find(&entry.name).map_err(|error| internal_error(&error))?;
            found.map(|model| model.manifest.layers).unwrap_or_default()
        }
    };
    let from = entry.name.to_string();
    let inherit = |layer: Layer| Part::present(Layer { from: Some(from.clone()), ..layer });
    let parent = &entry.parts.config;
    let config = Config {
        renderer: parent.renderer.clone(),
        parser: parent.parser.clone(),
        requires: parent.requires.clone(),
        model_format: parent.model_format.clone(),
        capabilities: parent.capabilities.clone(),
        ..Config::default()
    };
    Ok(Draft { config, layers: layers.into_iter().map(inherit).collect() })
}

/// Notes in the configuration what the weights say.
pub(super) fn describe(store: &Store, draft: &mut Draft) -> Result<(), ApiError> {
    for part in draft.layers.iter().filter(|part| part.layer.media_type == media_type::MODEL) {
        let file = open(store, &part.layer.digest)?;
        describe_weights(&mut draft.config, &file)?;
        // Further parts of the same weights say the same.
        if draft.config.model_families.as_ref().is_some_and(|families| !families.is_empty()) {
            break;
        }
    }
    let mut layers = draft.layers.iter().map(|part| &part.layer);
    if let Some(layer) = layers.find(|layer| layer.media_type == media_type::DRAFT) {
        let file = open(store, &layer.digest)?;
        let architecture = file.require_architecture().map_err(|error| from_loading(&error))?;
        draft.config.draft = Some(json!({"model_format": "gguf", "architecture": architecture}));
    }
    Ok(())
}

/// The GGUF file in a blob.
pub(super) fn open(store: &Store, digest: &Digest) -> Result<GgufFile, ApiError> {
    let path = store.blob_path(digest).map_err(|error| internal_error(&error))?;
    let path = path.ok_or_else(|| ApiError::internal(format!("blob \"{digest}\" not found")))?;
    GgufFile::open(path).map_err(|error| from_loading(&error))
}
