//! One model: where its weights are and what goes with them.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use camelid_api_types::{Timestamp, ollama::ModelSummary};
use camelid_gguf::GgufFile;
use camelid_modelfile::Modelfile;
use camelid_registry::{ModelName, Store, media_type};

use super::{
    CatalogError,
    parts::Parts,
    summary,
    weights::{self, Weights},
};
use crate::prompting::{Prompting, TemplateError};

/// One model.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: ModelName,
    pub(crate) parts: Parts,
    pub(crate) weights: Weights,
    /// Files that change the weights.
    pub(crate) adapters: Vec<PathBuf>,
    /// The files of a smaller model that guesses for it, each a part of the whole.
    pub(crate) draft: Vec<PathBuf>,
    modified_at: SystemTime,
    /// The manifest's digest and the bytes of all layers, for a model of a store.
    stored: Option<(String, u64)>,
    summary: OnceLock<ModelSummary>,
    prompting: OnceLock<Arc<Prompting>>,
}

impl Entry {
    /// A model that is in no store.
    pub(crate) fn new(
        name: ModelName,
        weights: Weights,
        modelfile: Option<&str>,
        modified_at: SystemTime,
    ) -> Result<Self, CatalogError> {
        let modelfile = modelfile.map(Modelfile::parse).transpose()?;
        let parts = modelfile.as_ref().map_or(Ok(Parts::default()), Parts::of_modelfile)?;
        Ok(Self {
            name,
            parts,
            weights,
            adapters: Vec::new(),
            draft: Vec::new(),
            modified_at,
            stored: None,
            summary: OnceLock::new(),
            prompting: OnceLock::new(),
        })
    }

    /// A model of a store.
    pub(crate) fn of_store(
        store: &Store,
        model: camelid_registry::Model,
    ) -> Result<Self, CatalogError> {
        let parts = Parts::of_store(store, &model)?;
        let weights = match Weights::of_store(store, &model.manifest)? {
            Some(weights) => weights,
            None if !parts.config.remote_host.is_empty() => Weights::Remote,
            None => return Err(CatalogError::NoWeights { name: model.name.to_string() }),
        };
        Ok(Self {
            parts,
            weights,
            adapters: weights::paths_of(store, &model.manifest, media_type::ADAPTER)?,
            draft: weights::paths_of(store, &model.manifest, media_type::DRAFT)?,
            modified_at: model.modified,
            stored: Some((model.digest.hex(), model.manifest.total_size())),
            summary: OnceLock::new(),
            prompting: OnceLock::new(),
            name: model.name,
        })
    }

    /// The manifest's digest in hex, for a model of a store.
    pub(crate) fn manifest_digest(&self) -> Option<&str> {
        self.stored.as_ref().map(|(digest, _)| &**digest)
    }

    pub(crate) fn modified_at(&self) -> SystemTime {
        self.modified_at
    }

    /// What tells its weights from others: two names for the same weights have the same key.
    pub(crate) fn key(&self) -> String {
        let mut key = match &self.weights {
            Weights::Files(paths) => paths.iter().map(|p| p.display().to_string()).collect(),
            Weights::Static(bytes) => vec![format!("bundled at {:p}", bytes.as_ptr())],
            Weights::Remote => vec![format!("remote {}", self.name)],
        };
        let others = self.adapters.iter().chain(&self.draft);
        key.extend(others.map(|path| path.display().to_string()));
        key.join("\n")
    }

    /// Whether it runs elsewhere.
    pub(crate) fn is_remote(&self) -> bool {
        self.weights == Weights::Remote
    }

    /// The model's file, opened anew.
    pub(crate) fn open(&self) -> Result<GgufFile, camelid_gguf::Error> {
        self.weights.open()
    }

    /// The file of the model that guesses for it, where there is one.
    pub(crate) fn open_draft(&self) -> Result<Option<GgufFile>, camelid_gguf::Error> {
        let has_draft = !self.draft.is_empty();
        has_draft.then(|| Weights::Files(self.draft.clone()).open()).transpose()
    }

    /// How its prompts are made; read once.
    pub(crate) fn prompting(&self) -> Result<Arc<Prompting>, TemplateError> {
        if let Some(prompting) = self.prompting.get() {
            return Ok(Arc::clone(prompting));
        }
        let prompting = Arc::new(Prompting::of(self, self.open()?.metadata())?);
        Ok(Arc::clone(self.prompting.get_or_init(|| prompting)))
    }

    /// What a list says of the model; read once.
    pub(crate) fn summary(&self) -> Result<ModelSummary, TemplateError> {
        if let Some(summary) = self.summary.get() {
            return Ok(summary.clone());
        }
        let summary = self.read_summary()?;
        Ok(self.summary.get_or_init(|| summary).clone())
    }

    fn read_summary(&self) -> Result<ModelSummary, TemplateError> {
        let name = self.name.to_string();
        let config = &self.parts.config;
        let summary = ModelSummary {
            model: name.clone(),
            name,
            remote_model: config.remote_model.clone(),
            remote_host: config.remote_host.clone(),
            modified_at: Timestamp::from(self.modified_at),
            ..ModelSummary::default()
        };
        let (digest, size) = self.stored.clone().unwrap_or_default();
        if self.is_remote() {
            let details = summary::details_of_config(config);
            let capabilities = summary::declared(config);
            return Ok(ModelSummary { size, digest, details, capabilities, ..summary });
        }
        let file = self.open()?;
        let is_stored = self.stored.is_some();
        Ok(ModelSummary {
            size: if is_stored { size } else { file.n_bytes() },
            digest: if is_stored { digest } else { weights::identity(&file).hex() },
            details: summary::details(&file, config)?,
            capabilities: summary::capabilities(&file, config, &*self.prompting()?)?,
            ..summary
        })
    }
}
