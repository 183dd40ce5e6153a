//! Files as the beginning of a new model.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use camelid_api_types::{ApiError, ErrorKind};
use camelid_gguf::{GgufFile, Metadata};
use camelid_registry::{Config, Digest, Expected, Layer, Store, Writer, media_type};
use camelid_template::ShippedTemplate;
use serde_json::{Map, Value};

use super::{Draft, Order, Part};
use crate::{
    error::{internal_error, told},
    management::{
        blobs,
        job::Reporter,
        stored::{put_bytes, put_parameters},
    },
};

/// What GGUF files begin with.
const MAGIC: &[u8; 4] = b"GGUF";

/// The layers that uploaded files become: weights, projectors, and a template where the weights'
/// own is a known one.
pub(super) fn draft(
    store: &Store,
    writer: &Writer<'_>,
    files: &[(String, String)],
    report: &Reporter,
) -> Result<Draft, ApiError> {
    check_kinds(store, files)?;
    let mut draft = Draft { config: Config::default(), layers: Vec::new() };
    for (_, digest) in files.iter().filter(|(name, _)| !is_side_file(name)) {
        report.status("parsing GGUF");
        let digest = internal(blobs::digest(digest))?;
        let (layer, file) = layer_of_blob(store, writer, &digest)?;
        draft.layers.push(Part::present(layer));
        add_template(writer, &mut draft, &file, report)?;
    }
    Ok(draft)
}

/// The layers that files of this machine become.
pub(super) fn draft_of_paths(
    writer: &Writer<'_>,
    paths: &[PathBuf],
    report: &Reporter,
) -> Result<Draft, ApiError> {
    let mut draft = Draft { config: Config::default(), layers: Vec::new() };
    for path in paths {
        report.status("parsing GGUF");
        let file = open(path)?;
        let mut reader = File::open(path).map_err(|e| internal_error(&e))?;
        let blob = writer.put(&mut reader, Expected::default(), &mut |_| {});
        let blob = blob.map_err(|error| internal_error(&error))?;
        let is_new = blob.is_new;
        let layer = blob.into_layer(media_type_of(file.metadata())?);
        draft.layers.push(Part { layer, is_new });
        add_template(writer, &mut draft, &file, report)?;
    }
    Ok(draft)
}

/// The layers of the adapters in a request.
pub(super) fn adapters(
    store: &Store,
    writer: &Writer<'_>,
    order: &Order,
    report: &Reporter,
) -> Result<Vec<Part>, ApiError> {
    if order.adapters.len() > 1 {
        return Err(ApiError::bad_request("only one adapter is currently supported"));
    }
    let mut parts = Vec::new();
    for digest in &order.adapters {
        report.status("parsing GGUF");
        let (layer, _) = layer_of_blob(store, writer, &blobs::digest(digest)?)?;
        parts.push(Part::present(Layer { media_type: media_type::ADAPTER.to_owned(), ..layer }));
    }
    Ok(parts)
}

/// The layers of a model that guesses for the new one.
pub(super) fn drafts(
    store: &Store,
    writer: &Writer<'_>,
    order: &Order,
    report: &Reporter,
) -> Result<Vec<Part>, ApiError> {
    let mut parts = Vec::new();
    for digest in &order.draft {
        report.status("parsing GGUF");
        let (layer, _) = layer_of_blob(store, writer, &blobs::digest(digest)?)?;
        parts.push(Part::present(Layer { media_type: media_type::DRAFT.to_owned(), ..layer }));
    }
    Ok(parts)
}

/// Refuses what cannot become a model here.
fn check_kinds(store: &Store, files: &[(String, String)]) -> Result<(), ApiError> {
    if files.iter().any(|(name, _)| name.ends_with(".safetensors")) {
        let message =
            "models of safetensors files cannot be converted here yet; upload a GGUF file";
        return Err(ApiError::new(ErrorKind::Unsupported, message));
    }
    let has_gguf = files.iter().any(|(name, _)| name.ends_with(".gguf"));
    match has_gguf || files.iter().any(|(_, digest)| begins_as_gguf(store, digest)) {
        true => Ok(()),
        false => Err(ApiError::bad_request("unknown type")),
    }
}

fn is_side_file(name: &str) -> bool {
    [".json", ".model", ".jinja", ".txt"].iter().any(|ending| name.ends_with(ending))
}

fn begins_as_gguf(store: &Store, digest: &str) -> bool {
    let mut magic = [0; 4];
    let file = blobs::digest(digest).ok().and_then(|digest| store.open_blob(&digest).ok());
    file.is_some_and(|mut file| file.read_exact(&mut magic).is_ok() && &magic == MAGIC)
}

/// A blob that is a GGUF file, as a layer.
fn layer_of_blob(
    store: &Store,
    writer: &Writer<'_>,
    digest: &Digest,
) -> Result<(Layer, GgufFile), ApiError> {
    let missing = || ApiError::internal(format!("blob \"{digest}\" not found"));
    let path = store.blob_path(digest).map_err(|error| internal_error(&error))?;
    let path = path.ok_or_else(missing)?;
    let file = open(&path)?;
    let size = std::fs::metadata(&path).map_err(|_| missing())?.len();
    let intact = writer.reuse(digest, size).map_err(|error| internal_error(&error))?;
    let blob = intact.ok_or_else(|| {
        ApiError::internal(format!("blob \"{digest}\" is damaged, upload it again"))
    })?;
    Ok((blob.into_layer(media_type_of(file.metadata())?), file))
}

fn open(path: &Path) -> Result<GgufFile, ApiError> {
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    if read.is_err() || &magic != MAGIC {
        return Err(ApiError::bad_request("supplied file was not in GGUF format"));
    }
    let wrong = |error| ApiError::bad_request(told(&error));
    let file = GgufFile::open(path).map_err(wrong)?;
    file.require_architecture().map_err(wrong)?;
    Ok(file)
}

/// What sort of layer a GGUF file is.
fn media_type_of(metadata: Metadata<'_>) -> Result<&'static str, ApiError> {
    let wrong = |error| ApiError::bad_request(told(&error));
    let architecture = metadata.require_architecture().map_err(wrong)?;
    let count = |key: &str| metadata.get_usize(&format!("{architecture}.{key}")).map_err(wrong);
    let kind = metadata.get_as::<&str>("general.type").map_err(wrong)?.unwrap_or_default();
    let sees = count("vision.block_count")?.unwrap_or(0) > 0 || architecture == "clip";
    let has_no_text = count("block_count")?.unwrap_or(0) == 0;
    Ok(match kind {
        "adapter" => media_type::ADAPTER,
        "projector" | "mmproj" => media_type::PROJECTOR,
        _ if sees && has_no_text => media_type::PROJECTOR,
        _ => media_type::MODEL,
    })
}

/// Adds the Go template that goes with a known Jinja template, and its stop texts.
fn add_template(
    writer: &Writer<'_>,
    draft: &mut Draft,
    file: &GgufFile,
    report: &Reporter,
) -> Result<(), ApiError> {
    let source = file.metadata().get_as::<&str>("tokenizer.chat_template");
    let source = source.map_err(|error| ApiError::bad_request(told(&error)))?;
    let Some(shipped) = source.and_then(ShippedTemplate::recognize) else { return Ok(()) };
    report.status(format!("using autodetected template {}", shipped.name));
    let blob = put_bytes(writer, shipped.text.as_bytes())?;
    let is_new = blob.is_new;
    draft.layers.push(Part { layer: blob.into_layer(media_type::TEMPLATE), is_new });
    if !shipped.stop.is_empty() {
        let stop = Map::from_iter([("stop".to_owned(), Value::from(shipped.stop))]);
        draft.layers.push(Part { layer: put_parameters(writer, &stop)?, is_new });
    }
    Ok(())
}

/// Clients know this mistake as the server's.
fn internal<T>(result: Result<T, ApiError>) -> Result<T, ApiError> {
    result.map_err(|error| ApiError::internal(error.message))
}
