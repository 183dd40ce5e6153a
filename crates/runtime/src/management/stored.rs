//! A model that is in no store, as the parts that a store would have of it.

use std::{fs::File, io};

use camelid_api_types::ApiError;
use camelid_gguf::GgufFile;
use camelid_registry::{
    Blob, Config, Expected, Layer, Manifest, ModelName, Store, Writer, media_type, to_json_line,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    catalog::{Entry, Weights, summary},
    error::{from_loading, internal_error},
};

/// Puts the parts of a model into a store and makes a manifest of them.
pub(super) fn manifest_of(entry: &Entry, writer: &Writer<'_>) -> Result<Manifest, ApiError> {
    let layers = layers_of(entry, writer)?;
    let file = entry.open().map_err(|error| from_loading(&error))?;
    let mut config = entry.parts.config.clone();
    describe_weights(&mut config, &file)?;
    Ok(Manifest::new(put_json(writer, &config)?.into_layer(media_type::CONFIG), layers))
}

/// Puts the parts of a model into a store, without its configuration.
pub(super) fn layers_of(entry: &Entry, writer: &Writer<'_>) -> Result<Vec<Layer>, ApiError> {
    let parts = &entry.parts;
    let text = |kind: &str, text: &str| {
        put_bytes(writer, text.as_bytes()).map(|blob| blob.into_layer(kind))
    };
    let mut layers: Vec<Layer> = weights_of(entry, writer)?;
    for (kind, part) in
        [(media_type::TEMPLATE, &parts.template), (media_type::SYSTEM, &parts.system)]
    {
        layers.extend(part.as_ref().map(|part| text(kind, part)).transpose()?);
    }
    for license in &parts.licenses {
        layers.push(text(media_type::LICENSE, license)?);
    }
    if !parts.parameters.is_empty() {
        layers.push(put_parameters(writer, &parts.parameters)?);
    }
    if !parts.messages.is_empty() {
        layers.push(put_json(writer, &parts.messages)?.into_layer(media_type::MESSAGES));
    }
    Ok(layers)
}

fn weights_of(entry: &Entry, writer: &Writer<'_>) -> Result<Vec<Layer>, ApiError> {
    let put = |reader: &mut dyn io::Read| {
        let mut reader = reader;
        let blob = writer.put(&mut reader, Expected::default(), &mut |_| {});
        blob.map(|blob| blob.into_layer(media_type::MODEL)).map_err(|error| internal_error(&error))
    };
    match &entry.weights {
        Weights::Static(bytes) => Ok(vec![put(&mut &bytes[..])?]),
        Weights::Remote => Ok(Vec::new()),
        Weights::Files(paths) => paths
            .iter()
            .map(|path| put(&mut File::open(path).map_err(|error| from_loading(&error))?))
            .collect(),
    }
}

/// Fills in what the weights say where the configuration says nothing.
pub(super) fn describe_weights(config: &mut Config, file: &GgufFile) -> Result<(), ApiError> {
    let architecture = file.require_architecture().map_err(|error| from_loading(&error))?;
    let fill = |field: &mut String, value: &str| {
        if field.is_empty() {
            value.clone_into(field);
        }
    };
    fill(&mut config.model_format, "gguf");
    fill(&mut config.model_family, architecture);
    fill(&mut config.model_type, &summary::human_count(summary::n_parameters(file)));
    let file_type = summary::file_type_of(file).map_err(|error| from_loading(&error))?;
    fill(&mut config.file_type, file_type);
    config.model_families.get_or_insert_default().push(architecture.to_owned());
    Ok(())
}

/// Stores parameters as a layer, their names in order.
pub(super) fn put_parameters(
    writer: &Writer<'_>,
    parameters: &Map<String, Value>,
) -> Result<Layer, ApiError> {
    let sorted = sorted(parameters);
    Ok(put_json(writer, &sorted)?.into_layer(media_type::PARAMS))
}

/// The same pairs, their names in order.
pub(super) fn sorted(parameters: &Map<String, Value>) -> Map<String, Value> {
    let mut pairs: Vec<(&String, &Value)> = parameters.iter().collect();
    pairs.sort_by_key(|(name, _)| *name);
    pairs.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Stores a value as a blob of JSON.
pub(super) fn put_json(writer: &Writer<'_>, value: &impl Serialize) -> Result<Blob, ApiError> {
    let bytes = to_json_line(value).map_err(|error| internal_error(&error))?;
    put_bytes(writer, &bytes)
}

pub(super) fn put_bytes(writer: &Writer<'_>, bytes: &[u8]) -> Result<Blob, ApiError> {
    writer.put_bytes(bytes).map_err(|error| internal_error(&error))
}

/// Gives a manifest its name, and removes what only the model that had it needed.
pub(super) fn put_manifest(
    store: &Store,
    writer: Writer<'_>,
    name: &ModelName,
    manifest: &Manifest,
    prune: bool,
) -> Result<(), ApiError> {
    let name = store.resolve_case(name).map_err(|error| internal_error(&error))?;
    let bytes = manifest.to_bytes().map_err(|error| internal_error(&error))?;
    let old = writer.put_manifest(&name, &bytes).map_err(|error| internal_error(&error))?;
    drop(writer);
    if let Some(old) = old.filter(|_| prune) {
        let removed = store.remove_unreferenced(old.blobs().map(|layer| layer.digest));
        removed.map_err(|error| internal_error(&error))?;
    }
    Ok(())
}
