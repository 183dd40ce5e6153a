//! One model: where its weights are and what goes with them.

use std::{path::PathBuf, sync::OnceLock, time::SystemTime};

use camelid_api_types::{
    Timestamp,
    ollama::{Message, ModelSummary, OptionError, Options},
};
use camelid_gguf::GgufFile;
use camelid_modelfile::{Modelfile, ParameterValue};
use camelid_registry::{Layer, ModelName, Store, StoreError, media_type};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{catalog::CatalogError, prompting::TemplateError, summary};

/// Most bytes of a template, a system text or another layer that is read whole.
const MAX_TEXT_BYTES: usize = 16 << 20;

/// Where a model's bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(PathBuf),
    #[cfg_attr(not(feature = "bundled-tiny"), expect(dead_code, reason = "nothing is bundled"))]
    Static(&'static [u8]),
}

/// What goes with a model's weights.
#[derive(Debug, Default)]
pub(crate) struct Manners {
    pub(crate) parameters: Options,
    pub(crate) system: Option<String>,
    /// The prompt template.
    pub(crate) template: Option<String>,
    /// What was said before every conversation.
    pub(crate) messages: Vec<Message>,
}

/// One model.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: ModelName,
    pub(crate) manners: Manners,
    source: Source,
    modified_at: SystemTime,
    /// The manifest's digest, for a model of a store.
    digest: Option<String>,
    summary: OnceLock<ModelSummary>,
}

impl Entry {
    pub(crate) fn new(
        name: ModelName,
        source: Source,
        modelfile: Option<&str>,
        modified_at: SystemTime,
    ) -> Result<Self, CatalogError> {
        let modelfile = modelfile.map(Modelfile::parse).transpose()?;
        let manners = modelfile.as_ref().map_or(Ok(Manners::default()), Manners::of_modelfile)?;
        Ok(Self { name, manners, source, modified_at, digest: None, summary: OnceLock::new() })
    }

    /// A model of a store.
    pub(crate) fn of_store(
        store: &Store,
        model: camelid_registry::Model,
    ) -> Result<Self, CatalogError> {
        let weights = model.manifest.layer(media_type::MODEL);
        let path = weights.map(|layer| store.blob_path(&layer.digest)).transpose()?.flatten();
        let path = path.ok_or_else(|| CatalogError::NoWeights { name: model.name.to_string() })?;
        Ok(Self {
            manners: Manners::of_store(store, &model)?,
            source: Source::File(path),
            modified_at: model.modified,
            digest: Some(model.digest.hex()),
            summary: OnceLock::new(),
            name: model.name,
        })
    }

    /// The manifest's digest in hex, for a model of a store.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    pub(crate) fn modified_at(&self) -> SystemTime {
        self.modified_at
    }

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
            digest: self.digest.clone().unwrap_or_else(|| identity(&file)),
            details: summary::details(&file)?,
            capabilities: summary::capabilities(&file, self.manners.template.as_deref())?,
            ..ModelSummary::default()
        };
        Ok(self.summary.get_or_init(|| summary).clone())
    }
}

impl Manners {
    fn of_modelfile(modelfile: &Modelfile) -> Result<Self, CatalogError> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let messages = modelfile.messages();
        let parameters = modelfile.parameters()?;
        let pairs = parameters.iter().map(|(name, value)| (name.to_owned(), to_json(value)));
        Ok(Self {
            parameters: read_parameters(&pairs.collect())?,
            system: text(modelfile.system()),
            template: text(modelfile.template()),
            messages: messages.map(|m| Message::new(m.role.to_string(), m.content)).collect(),
        })
    }

    fn of_store(store: &Store, model: &camelid_registry::Model) -> Result<Self, CatalogError> {
        let text = |kind: &str| -> Result<Option<String>, StoreError> {
            let layer = model.manifest.layer(kind);
            layer.map(|layer| read_text(store, layer)).transpose()
        };
        let template = match text(media_type::TEMPLATE)? {
            None => text(media_type::PROMPT)?,
            template => template,
        };
        let parameters = text(media_type::PARAMS)?;
        let messages = text(media_type::MESSAGES)?;
        Ok(Self {
            parameters: match parameters {
                Some(json) => read_parameters(&serde_json::from_str(&json)?)?,
                None => Options::default(),
            },
            system: text(media_type::SYSTEM)?,
            template,
            messages: match messages {
                Some(json) => serde_json::from_str(&json)?,
                None => Vec::new(),
            },
        })
    }
}

fn read_text(store: &Store, layer: &Layer) -> Result<String, StoreError> {
    let bytes = store.read_blob(&layer.digest, MAX_TEXT_BYTES)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read_parameters(map: &Map<String, Value>) -> Result<Options, OptionError> {
    let (options, unknown) = Options::from_map(map)?;
    for name in unknown {
        tracing::warn!(parameter = name, "this parameter of the model is not known");
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

/// What tells a model that has no manifest from another: SHA-256 over the shape and place of every
/// tensor and the first bytes of each, which no two models share. Reads a few kilobytes, not the
/// file.
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
