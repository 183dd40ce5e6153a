//! Models in repositories of Hugging Face's hub that its registry does not serve, because their
//! weights are split into several files.
//!
//! ```text
//! GET /api/models/<user>/<repository>/tree/main?recursive=true
//!     [{"type":"file","path":"...","size":n,"lfs":{"oid":"<sha256 in hex>","size":n}}, ...]
//! GET /<user>/<repository>/resolve/main/<path>      the file, redirecting to where it is kept
//! ```
//!
//! The weights are the GGUF files whose name, or whose folder's name, ends with the tag of the
//! model's name. They become the model layers of a manifest made here, in the order of the shards,
//! each with its file's name in `from`. A file's digest is that of its large-file record, so it is
//! checked like any blob. Paths of the repository become parts of addresses, never of paths here.
//! Only the first page of a listing is read, some thousand files.

use std::collections::{BTreeMap, HashMap};

use reqwest::{Method, Url};
use serde::Deserialize;

use super::TransferError;
use super::pull::Remote;
use super::session::{Request, Session};
use crate::config::Config;
use crate::digest::Digest;
use crate::json::to_json_line;
use crate::manifest::{Layer, MAX_LAYERS, Manifest};
use crate::media_type;
use crate::name::DEFAULT_TAG;

/// Bytes of a listing at most.
const MAX_LISTING_BYTES: u64 = 4 * 1024 * 1024;
/// What a name without a tag means, as on the hub itself.
const DEFAULT_QUANTISATION: &str = "Q4_K_M";

#[derive(Deserialize)]
struct Entry {
    path: String,
    lfs: Option<LargeFile>,
}

#[derive(Deserialize)]
struct LargeFile {
    oid: String,
    size: u64,
}

/// A GGUF file, or one part of a split one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Weights {
    path: String,
    digest: Digest,
    size: u64,
}

/// The place of a file among the parts of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shard {
    /// From 1.
    index: u32,
    n_shards: u32,
}

/// Whether the registry of a hub said that it has no manifest.
pub(super) fn may_have_it(session: &Session, error: &TransferError) -> bool {
    let has_none =
        matches!(error, TransferError::NotFound { .. } | TransferError::Status { status: 400, .. });
    has_none && session.options.hub_hosts.contains(session.name.host())
}

/// Looks for the model among the files of its repository; `error` is what the registry said, and
/// is returned if no file fits.
pub(super) async fn find(session: &Session, error: TransferError) -> Result<Remote, TransferError> {
    let repository = session.name.repository();
    let url = session.url(&format!("/api/models/{repository}/tree/main?recursive=true"))?;
    let listing = session.fetch(&Request::new(Method::GET, url.clone()), MAX_LISTING_BYTES).await?;
    let entries: Vec<Entry> = serde_json::from_slice(&listing)
        .map_err(|e| session.protocol(&url, format!("no listing of files: {e}")))?;
    let tag = match session.name.tag() {
        DEFAULT_TAG => DEFAULT_QUANTISATION,
        tag => tag,
    };
    let shards = shards_of(&entries, tag).map_err(|reason| session.protocol(&url, reason))?;
    if shards.is_empty() {
        return Err(error);
    }
    describe(session, tag, &shards)
}

/// The files of the model with this tag, in the order of the shards; none if there is no such model.
fn shards_of(entries: &[Entry], tag: &str) -> Result<Vec<Weights>, String> {
    let mut models: BTreeMap<String, BTreeMap<Shard, Weights>> = BTreeMap::new();
    for Entry { path, lfs } in entries {
        let (Some(lfs), Some(stem)) = (lfs, path.strip_suffix(".gguf")) else { continue };
        let (stem, shard) = split_shard(stem);
        if !is_tagged(stem, tag) {
            continue;
        }
        let digest =
            Digest::parse(&format!("sha256:{}", lfs.oid)).map_err(|e| format!("{path:?}: {e}"))?;
        let weights = Weights { path: path.clone(), digest, size: lfs.size };
        models.entry(stem.to_owned()).or_default().insert(shard, weights);
    }
    // The first in the alphabet, should several fit.
    let Some((stem, shards)) = models.into_iter().next() else { return Ok(Vec::new()) };
    let n_shards = shards.keys().next().map_or(0, |shard| shard.n_shards);
    let is_complete = shards
        .keys()
        .map(|shard| (shard.index, shard.n_shards))
        .eq((1..=n_shards).map(|i| (i, n_shards)));
    match is_complete && shards.len() <= MAX_LAYERS {
        true => Ok(shards.into_values().collect()),
        false => Err(format!("{stem:?} has {} of {n_shards} parts", shards.len())),
    }
}

/// Splits `<prefix>-00002-of-00003`, the name of a part without its ending.
fn split_shard(stem: &str) -> (&str, Shard) {
    let split = || {
        let (rest, n_shards) = stem.rsplit_once("-of-")?;
        let (prefix, index) = rest.rsplit_once('-')?;
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0 && text.len() == 5);
        Some((prefix, Shard { index: number(index)?, n_shards: number(n_shards)? }))
    };
    split().unwrap_or((stem, Shard { index: 1, n_shards: 1 }))
}

/// Whether a file without its ending, or its folder, is named for the tag. Projectors are not.
fn is_tagged(stem: &str, tag: &str) -> bool {
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let ends_with_tag = |text: &str| {
        let start = text.len().checked_sub(tag.len());
        let end = start.and_then(|start| text.get(start..));
        let before =
            start.and_then(|start| text.get(..start)).and_then(|rest| rest.chars().next_back());
        end.is_some_and(|end| end.eq_ignore_ascii_case(tag))
            && before.is_none_or(|c| matches!(c, '-' | '.' | '_' | '/'))
    };
    let is_projector = name.to_ascii_lowercase().contains("mmproj");
    !is_projector && (ends_with_tag(name) || (!folder.is_empty() && ends_with_tag(folder)))
}

/// The manifest that such a model would have.
fn describe(session: &Session, tag: &str, shards: &[Weights]) -> Result<Remote, TransferError> {
    let config = Config {
        model_format: "gguf".to_owned(),
        file_type: tag.to_ascii_uppercase(),
        ..Config::default()
    };
    let failed = |reason: String| TransferError::Protocol { url: session.name.full(), reason };
    let config = to_json_line(&config).map_err(|e| failed(e.to_string()))?;
    let mut layers = Vec::new();
    let mut urls = HashMap::new();
    for Weights { path, digest, size } in shards {
        urls.insert(*digest, file_url(session, path)?);
        let layer = Layer::new(media_type::MODEL, *digest, *size);
        layers.push(Layer { from: Some(path.clone()), ..layer });
    }
    let config_layer = Layer::new(media_type::CONFIG, Digest::of(&config), config.len() as u64);
    let manifest = Manifest::new(config_layer, layers);
    let bytes = manifest.to_bytes().map_err(|e| failed(e.to_string()))?;
    Ok(Remote { manifest, bytes, urls, made_here: vec![config] })
}

fn file_url(session: &Session, path: &str) -> Result<Url, TransferError> {
    let mut url = session.url("/")?;
    let root = url.clone();
    let segments = [session.name.namespace(), session.name.model(), "resolve", "main"];
    url.path_segments_mut()
        .map_err(|()| session.protocol(&root, "is no address of files"))?
        .clear()
        .extend(segments)
        .extend(path.split('/'));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(paths: &[&str]) -> Vec<Entry> {
        let file = |path: &&str| {
            let oid = Digest::of(path.as_bytes()).hex();
            Entry { path: (*path).to_owned(), lfs: Some(LargeFile { oid, size: 1 }) }
        };
        paths.iter().map(file).collect()
    }

    fn found(paths: &[&str], tag: &str) -> Result<Vec<String>, String> {
        Ok(shards_of(&entries(paths), tag)?.into_iter().map(|w| w.path).collect())
    }

    #[test]
    fn the_files_of_a_quantisation_are_found_in_order() {
        let paths = [
            "README.md",
            "m-Q4_K_M-00002-of-00002.gguf",
            "m-Q4_K_M-00001-of-00002.gguf",
            "m-IQ4_K_M.gguf",
            "mmproj-Q4_K_M.gguf",
            "Q8_0/m-Q8_0-00001-of-00001.gguf",
            "BF16/weights.gguf",
        ];
        let shards = ["m-Q4_K_M-00001-of-00002.gguf", "m-Q4_K_M-00002-of-00002.gguf"];
        assert_eq!(found(&paths, "q4_k_m").unwrap(), shards);
        assert_eq!(found(&paths, "Q8_0").unwrap(), ["Q8_0/m-Q8_0-00001-of-00001.gguf"]);
        assert_eq!(found(&paths, "BF16").unwrap(), ["BF16/weights.gguf"]);
        assert_eq!(found(&paths, "Q2_K").unwrap(), [""; 0]);
    }

    #[test]
    fn models_with_parts_missing_are_refused() {
        assert!(found(&["m-Q8_0-00002-of-00002.gguf"], "Q8_0").is_err());
        assert!(
            found(&["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00003.gguf"], "Q8_0").is_err()
        );
        let mut bad = entries(&["m-Q8_0.gguf"]);
        bad[0].lfs = Some(LargeFile { oid: "../x".into(), size: 1 });
        assert!(shards_of(&bad, "Q8_0").is_err());
    }

    #[test]
    fn shard_names_are_read_strictly() {
        assert_eq!(split_shard("a-00001-of-00003").1, Shard { index: 1, n_shards: 3 });
        for whole in ["a", "a-1-of-3", "a-00000-of-00003", "-of-", "a-of-00003"] {
            assert_eq!(split_shard(whole), (whole, Shard { index: 1, n_shards: 1 }));
        }
    }
}
