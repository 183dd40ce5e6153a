//! The models at hand, by name.
//!
//! An entry is a GGUF file and what a Modelfile says about it. The bundled model is one; a program
//! adds its own files under names it chooses.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use camelid_api_types::{
    ModelName, Timestamp,
    ollama::{Message, ModelSummary, Options},
};
use camelid_gguf::GgufFile;
use camelid_modelfile::{Modelfile, ParameterError, ParameterValue, ParseError};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{prompting::TemplateError, summary};

/// Why a model cannot be added to a [`Catalog`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The file is no GGUF file.
    #[error(transparent)]
    Gguf(#[from] camelid_gguf::Error),
    /// The Modelfile cannot be read.
    #[error(transparent)]
    Modelfile(#[from] ParseError),
    /// A parameter of the Modelfile has a value it cannot take.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A parameter of the Modelfile is not an option.
    #[error("{0}")]
    Option(#[from] camelid_api_types::ollama::OptionError),
}

/// Where a model's bytes are.
#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    #[cfg_attr(not(feature = "bundled-tiny"), expect(dead_code, reason = "nothing is bundled"))]
    Static(&'static [u8]),
}

/// One model: its weights and what its Modelfile says.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: ModelName,
    pub(crate) parameters: Options,
    pub(crate) system: Option<String>,
    /// The Modelfile's prompt template.
    pub(crate) template: Option<String>,
    /// What was said before every conversation.
    pub(crate) messages: Vec<Message>,
    source: Source,
    modified_at: SystemTime,
    summary: OnceLock<ModelSummary>,
}

impl Entry {
    /// The model's file, opened anew.
    pub(crate) fn open(&self) -> Result<GgufFile, camelid_gguf::Error> {
        match &self.source {
            Source::File(path) => GgufFile::open(path),
            Source::Static(bytes) => GgufFile::from_static(bytes),
        }
    }

    /// What a list says of the model.
    pub(crate) fn summary(&self) -> Result<ModelSummary, TemplateError> {
        if let Some(summary) = self.summary.get() {
            return Ok(summary.clone());
        }
        let file = self.open()?;
        let name = self.name.to_string();
        let summary = ModelSummary {
            model: name.clone(),
            name,
            modified_at: Timestamp::from(self.modified_at),
            size: file.n_bytes(),
            digest: identity(&file),
            details: summary::details(&file)?,
            capabilities: summary::capabilities(&file, self.template.as_deref())?,
            ..ModelSummary::default()
        };
        Ok(self.summary.get_or_init(|| summary).clone())
    }
}

/// The models a [`Runtime`](crate::Runtime) knows.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    entries: Vec<Arc<Entry>>,
}

impl Catalog {
    /// No models.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The models that are part of this program: `tiny`, or none where the feature
    /// `bundled-tiny` is off.
    #[must_use]
    pub fn bundled() -> Self {
        #[allow(unused_mut, reason = "nothing is added where nothing is bundled")]
        let mut catalog = Self::new();
        #[cfg(feature = "bundled-tiny")]
        {
            let name: ModelName = "tiny".parse().expect("a constant that is a name");
            let source = Source::Static(camelid_model_tiny::GGUF);
            let arrived =
                std::env::current_exe().and_then(|program| program.metadata()?.modified());
            let arrived = arrived.unwrap_or(SystemTime::UNIX_EPOCH);
            catalog
                .add(name, source, Some(camelid_model_tiny::MODELFILE), arrived)
                .expect("because the bundled Modelfile is tested");
        }
        catalog
    }

    /// Adds a GGUF file under a name, with the text of a Modelfile if there is one. What the
    /// Modelfile's `FROM` names is not looked at. A model of that name is replaced.
    ///
    /// # Errors
    /// When the file is no GGUF file or the Modelfile is wrong.
    pub fn add_file(
        &mut self,
        name: ModelName,
        path: impl Into<PathBuf>,
        modelfile: Option<&str>,
    ) -> Result<(), CatalogError> {
        let path = path.into();
        // Opened once now, so that a wrong file is told here and not at the first request.
        GgufFile::open(&path)?.require_architecture()?;
        let modified_at = std::fs::metadata(&path).and_then(|file| file.modified());
        let modified_at = modified_at.unwrap_or(SystemTime::UNIX_EPOCH);
        self.add(name, Source::File(path), modelfile, modified_at)
    }

    fn add(
        &mut self,
        name: ModelName,
        source: Source,
        modelfile: Option<&str>,
        modified_at: SystemTime,
    ) -> Result<(), CatalogError> {
        let modelfile = modelfile.map(Modelfile::parse).transpose()?;
        let parameters = modelfile.as_ref().map_or(Ok(Options::default()), parameters)?;
        let text = |text: Option<&str>| text.map(str::to_owned);
        self.entries.retain(|entry| !entry.name.eq_ignore_case(&name));
        self.entries.push(Arc::new(Entry {
            name,
            parameters,
            system: text(modelfile.as_ref().and_then(|file| file.system())),
            template: text(modelfile.as_ref().and_then(|file| file.template())),
            messages: modelfile.as_ref().map(messages).unwrap_or_default(),
            source,
            modified_at,
            summary: OnceLock::new(),
        }));
        Ok(())
    }

    /// The model of that name, whatever the case of its letters.
    pub(crate) fn find(&self, name: &ModelName) -> Option<&Arc<Entry>> {
        self.entries.iter().find(|entry| entry.name.eq_ignore_case(name))
    }

    /// All models, newest first.
    pub(crate) fn newest_first(&self) -> Vec<&Arc<Entry>> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.modified_at));
        entries
    }
}

fn messages(modelfile: &Modelfile) -> Vec<Message> {
    modelfile.messages().map(|m| Message::new(m.role.to_string(), m.content)).collect()
}

/// A Modelfile's parameters as options.
fn parameters(modelfile: &Modelfile) -> Result<Options, CatalogError> {
    let parameters = modelfile.parameters()?;
    let map: Map<String, Value> =
        parameters.iter().map(|(name, value)| (name.to_owned(), to_json(value))).collect();
    let (options, unknown) = Options::from_map(&map)?;
    for name in unknown {
        tracing::warn!(parameter = name, "this parameter of the Modelfile is not known");
    }
    Ok(options)
}

fn to_json(value: &ParameterValue) -> Value {
    match value {
        ParameterValue::Int(n) => (*n).into(),
        ParameterValue::Float(x) => (*x).into(),
        ParameterValue::Bool(b) => (*b).into(),
        ParameterValue::StringList(texts) => texts.clone().into(),
        ParameterValue::Unknown(text) => text.clone().into(),
    }
}

/// What tells one model from another: SHA-256 over the shape and place of every tensor and the
/// first bytes of each, which no two models share. Reads a few kilobytes, not the file.
fn identity(file: &GgufFile) -> String {
    /// Bytes of each tensor that count.
    const N_BYTES: usize = 64;
    let mut hasher = Sha256::new();
    for info in file.tensors() {
        let data = file.tensor_data(info);
        hasher.update(format!("{} {:?} {}\n", info.name(), info.dims(), info.ty().name()));
        hasher.update(&data[..data.len().min(N_BYTES)]);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "bundled-tiny")]
    #[test]
    fn the_bundled_model_is_listed_with_what_its_files_say() {
        let catalog = Catalog::bundled();
        let tiny = catalog.find(&"TINY:latest".parse().unwrap()).unwrap();
        assert_eq!(tiny.parameters.temperature, Some(0.3));
        let stops = ["<|im_end|>", "<|endoftext|>"].map(str::to_owned);
        assert_eq!(tiny.parameters.stop.as_deref(), Some(&stops[..]));
        let summary = tiny.summary().unwrap();
        assert_eq!(summary.name, "tiny:latest");
        assert_eq!(summary.size, 5_827_936);
        assert_eq!(summary.digest.len(), 64);
        assert_eq!(summary.details.parameter_size, "5.40M");
        assert_eq!(summary.details.quantization_level, "Q8_0");
        assert_eq!((summary.details.context_length, summary.details.embedding_length), (2048, 256));
    }

    #[test]
    fn a_file_that_is_no_model_is_refused_when_it_is_added() {
        let name: ModelName = "x".parse().unwrap();
        let error = Catalog::new().add_file(name, "Cargo.toml", None).unwrap_err();
        assert!(matches!(error, CatalogError::Gguf(_)), "{error}");
    }
}
