//! What is asked, whichever form it has.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use camelid_api_types::{
    ApiError, ErrorKind,
    ollama::{CreateForm, CreateRequest, Message},
};
use camelid_modelfile::Modelfile;
use camelid_registry::ModelName;
use serde_json::{Map, Value};

use crate::{
    catalog::{ModelSource, parts},
    runtime::{no_cloud, reference},
};

/// What stands before a digest in a Modelfile of 2024.
const AT: &str = "@";

/// Where the weights come from.
#[derive(Debug, PartialEq)]
pub(super) enum Weights {
    Model(ModelName),
    /// File names and the digests of their blobs, sorted.
    Files(Vec<(String, String)>),
    /// Files of this machine.
    Paths(Vec<PathBuf>),
}

/// What is to be made.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) weights: Weights,
    /// Digests of blobs.
    pub(super) adapters: Vec<String>,
    /// Digests of the blobs of a model that guesses for it.
    pub(super) draft: Vec<String>,
    pub(super) template: Option<String>,
    pub(super) system: Option<String>,
    pub(super) licenses: Vec<String>,
    pub(super) parameters: Map<String, Value>,
    pub(super) messages: Vec<Message>,
    pub(super) renderer: String,
    pub(super) parser: String,
    pub(super) requires: String,
    pub(super) info: Option<Map<String, Value>>,
    /// The number format to quantise to, in capitals; empty for none.
    pub(super) quantize: String,
}

/// Checks what is told before any work begins. The new model's name.
pub(super) fn check(request: &CreateRequest) -> Result<ModelName, ApiError> {
    let files = request.files.iter().chain(&request.draft_files);
    if files.clone().flat_map(BTreeMap::keys).any(|path| !is_relative(path)) {
        return Err(ApiError::bad_request("file path must be relative"));
    }
    let digests = files.chain(&request.adapters).flat_map(BTreeMap::values);
    if digests.clone().any(String::is_empty) {
        return Err(ApiError::bad_request("invalid digest format"));
    }
    if !request.draft_quantize.is_empty() && request.draft_files.is_none() {
        return Err(ApiError::bad_request("--draft-quantize requires a DRAFT model"));
    }
    Ok(reference(request.model())?.name)
}

/// Whether a path stays where it is put, on every system.
fn is_relative(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains(['\\', '\0'])
}

/// Reads a request that was checked. `reads_files` allows those of this machine.
pub(super) fn read(request: CreateRequest, reads_files: bool) -> Result<Order, ApiError> {
    match request.form() {
        CreateForm::Modelfile(text) => {
            let modelfile = parse(Modelfile::parse(text))?;
            of_modelfile(&modelfile, Path::new(""), &request, reads_files)
        }
        CreateForm::ModelfileAt(_) if !reads_files => Err(no_files()),
        CreateForm::ModelfileAt(path) => {
            let path = Path::new(path);
            let bytes = std::fs::read(path)
                .map_err(|e| ApiError::bad_request(format!("error reading modelfile: {e}")))?;
            let modelfile = parse(Modelfile::parse_bytes(&bytes))?;
            let folder = path.parent().unwrap_or(Path::new(""));
            of_modelfile(&modelfile, folder, &request, reads_files)
        }
        form => {
            let weights = match form {
                CreateForm::From(name) => {
                    from(name, &request.remote_host, request.draft_files.is_some())?
                }
                CreateForm::Files(files) => Weights::Files(pairs(files)),
                _ => {
                    let message = "neither 'from' or 'files' was specified";
                    return Err(ApiError::bad_request(message));
                }
            };
            of_request(request, weights)
        }
    }
}

fn of_request(request: CreateRequest, weights: Weights) -> Result<Order, ApiError> {
    if !request.draft_quantize.is_empty() {
        let message = "draft models cannot be quantized here yet; upload a quantized one";
        return Err(ApiError::new(ErrorKind::Unsupported, message));
    }
    let said = |text: &String| (!text.is_empty()).then(|| text.clone());
    let digests = |files: &Option<BTreeMap<String, String>>| {
        files.iter().flat_map(BTreeMap::values).cloned().collect()
    };
    Ok(Order {
        weights,
        adapters: digests(&request.adapters),
        draft: digests(&request.draft_files),
        template: said(&request.template),
        system: said(&request.system),
        quantize: request.quantize().to_ascii_uppercase(),
        licenses: request.license,
        parameters: request.parameters.unwrap_or_default(),
        messages: request.messages,
        renderer: request.renderer,
        parser: request.parser,
        requires: request.requires,
        info: request.info,
    })
}

fn pairs(files: &BTreeMap<String, String>) -> Vec<(String, String)> {
    files.iter().map(|(name, digest)| (name.clone(), digest.clone())).collect()
}

fn from(name: &str, remote_host: &str, has_draft: bool) -> Result<Weights, ApiError> {
    let reference = reference(name)?;
    match reference.source {
        ModelSource::Cloud => Err(no_cloud("remote model is unavailable")),
        _ if !remote_host.is_empty() && has_draft => {
            Err(ApiError::bad_request("DRAFT cannot be used with remote models"))
        }
        _ if !remote_host.is_empty() => Err(no_cloud("remote model is unavailable")),
        _ => Ok(Weights::Model(reference.name)),
    }
}

fn parse(parsed: Result<Modelfile, camelid_modelfile::ParseError>) -> Result<Modelfile, ApiError> {
    parsed.map_err(|error| ApiError::bad_request(error.ollama_message()))
}

/// The form of 2024: `FROM` and `ADAPTER` name models, blobs (`@sha256:...`) or files.
fn of_modelfile(
    modelfile: &Modelfile,
    folder: &Path,
    request: &CreateRequest,
    reads_files: bool,
) -> Result<Order, ApiError> {
    let bad = |error: String| ApiError::bad_request(error);
    let adapter = match modelfile.adapter().map(|adapter| adapter.strip_prefix(AT)) {
        None => None,
        Some(Some(digest)) => Some(digest.to_owned()),
        Some(None) => return Err(bad("an ADAPTER must be an uploaded blob".to_owned())),
    };
    let draft = modelfile.drafts().map(|draft| {
        let digest = draft.strip_prefix(AT).map(str::to_owned);
        digest.ok_or_else(|| bad("a DRAFT must be an uploaded blob".to_owned()))
    });
    let word = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let text = |text: Option<&str>| text.map(str::to_owned);
    let requires = modelfile.requires().map_err(|error| bad(error.to_string()))?;
    let parameters = modelfile.parameters().map_err(|error| bad(error.to_string()))?;
    parameters.require_known().map_err(|error| bad(error.to_string()))?;
    Ok(Order {
        weights: weights_of_modelfile(modelfile, folder, reads_files)?,
        adapters: adapter.into_iter().collect(),
        draft: draft.collect::<Result<_, _>>()?,
        template: text(modelfile.template()),
        system: text(modelfile.system()),
        licenses: modelfile.licenses().map(str::to_owned).collect(),
        parameters: parts::parameters(modelfile).map_err(|error| bad(error.to_string()))?,
        messages: parts::messages(modelfile),
        renderer: word(modelfile.renderer()),
        parser: word(modelfile.parser()),
        requires: requires.map(|version| version.as_str().to_owned()).unwrap_or_default(),
        info: None,
        quantize: request.quantize().to_ascii_uppercase(),
    })
}

fn weights_of_modelfile(
    modelfile: &Modelfile,
    folder: &Path,
    reads_files: bool,
) -> Result<Weights, ApiError> {
    let blobs: Option<Vec<&str>> = modelfile.froms().map(|from| from.strip_prefix(AT)).collect();
    if let Some(blobs) = blobs {
        let name = |i: usize| format!("{i:05}.gguf");
        let files = blobs.iter().enumerate().map(|(i, digest)| (name(i), (*digest).to_owned()));
        return Ok(Weights::Files(files.collect()));
    }
    let from = modelfile.from();
    let is_path = from.starts_with(['/', '.', '~']) || from.ends_with(".gguf");
    if !is_path {
        return self::from(from, "", false);
    }
    if !reads_files {
        return Err(no_files());
    }
    Ok(Weights::Paths(modelfile.froms().map(|from| folder.join(from)).collect()))
}

fn no_files() -> ApiError {
    ApiError::bad_request(
        "files of the server are not read; upload the file to /api/blobs and name its digest",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn request(modelfile: &str) -> CreateRequest {
        CreateRequest { modelfile: modelfile.to_owned(), ..CreateRequest::default() }
    }

    #[test]
    fn paths_stay_where_they_are_put() {
        for path in ["a.gguf", "a/b.gguf", "..a/b", "a b"] {
            assert!(is_relative(path), "{path}");
        }
        for path in ["", "/a", "a/", "a//b", "./a", "a/..", "..", "a\\b", "a\0"] {
            assert!(!is_relative(path), "{path}");
        }
    }

    #[test]
    fn an_old_modelfile_names_models_and_blobs() {
        let order = read(request("FROM llama3:8b\nPARAMETER top_k 3\nSYSTEM Hi"), false).unwrap();
        assert_eq!(order.weights, Weights::Model("llama3:8b".parse().unwrap()));
        assert_eq!((order.system.as_deref(), &order.parameters["top_k"]), (Some("Hi"), &3.into()));
        let order = read(request(&format!("FROM @{DIGEST}")), false).unwrap();
        assert_eq!(order.weights, Weights::Files(vec![("00000.gguf".into(), DIGEST.into())]));
    }

    #[test]
    fn files_of_the_server_are_named_only_where_that_is_allowed() {
        for from in ["/etc/passwd", "./x", "~/x", "x.gguf"] {
            let error = read(request(&format!("FROM {from}")), false).unwrap_err();
            assert!(error.message.starts_with("files of the server are not read"), "{error}");
        }
        let at = CreateRequest { path: "/etc/passwd".to_owned(), ..CreateRequest::default() };
        assert_eq!(read(at, false).unwrap_err(), no_files());
        let order = read(request("FROM /m/x.gguf"), true).unwrap();
        assert_eq!(order.weights, Weights::Paths(vec!["/m/x.gguf".into()]));
    }

    #[test]
    fn mistakes_are_told_in_the_words_clients_know() {
        let message = |text: &str| read(request(text), false).unwrap_err().message;
        assert_eq!(message("SYSTEM Hi"), "no FROM line");
        assert_eq!(
            read(CreateRequest::default(), false).unwrap_err().message,
            "neither 'from' or 'files' was specified"
        );
        assert!(message("FROM x\nPARAMETER foo 1").starts_with("unknown parameter 'foo'"));
    }
}
