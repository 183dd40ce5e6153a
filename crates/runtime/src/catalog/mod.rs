//! The models at hand, by name.
//!
//! A store on disk, the files a program adds under names of its own, and what is bundled with the
//! program. Where a name is in several, a file comes before the store and the store before what is
//! bundled.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use camelid_gguf::GgufFile;
use camelid_modelfile::{ParameterError, ParseError};
use camelid_registry::{ModelName, Store, StoreError};

use crate::error::with_causes;

mod entry;
mod model_reference;
pub(crate) mod parts;
pub(crate) mod summary;
mod weights;

pub(crate) use entry::Entry;
pub(crate) use model_reference::{InvalidModelReference, ModelReference, ModelSource};
pub(crate) use weights::Weights;

/// Why a model cannot be found or added.
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
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A part of a model in the store is not the JSON it should be.
    #[error("a part of the model is damaged")]
    Json(#[from] serde_json::Error),
    /// A model in the store has no weights that could be run here.
    #[error("model `{name}` has no GGUF weights in the store")]
    NoWeights {
        /// The model.
        name: String,
    },
}

/// The models a [`Runtime`](crate::Runtime) knows.
#[derive(Debug, Default)]
pub struct Catalog {
    files: Vec<Arc<Entry>>,
    bundled: Vec<Arc<Entry>>,
    store: Option<Store>,
    /// The store's models as read before; each is good for as long as its manifest stays.
    read: Mutex<Vec<Arc<Entry>>>,
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
            let weights = Weights::Static(camelid_model_tiny::GGUF);
            let arrived =
                std::env::current_exe().and_then(|program| program.metadata()?.modified());
            let arrived = arrived.unwrap_or(SystemTime::UNIX_EPOCH);
            let entry = Entry::new(name, weights, Some(camelid_model_tiny::MODELFILE), arrived);
            let entry = entry.expect("because the bundled Modelfile is tested");
            catalog.bundled.push(Arc::new(entry));
        }
        catalog
    }

    /// The same models and those of a store, which is looked at anew for every request.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Adds a GGUF file under a name, with the text of a Modelfile if there is one. What the
    /// Modelfile's `FROM` names is not looked at. A file of that name is replaced.
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
        let entry = Entry::new(name, Weights::Files(vec![path]), modelfile, modified_at)?;
        self.files.retain(|other| !other.name.eq_ignore_case(&entry.name));
        self.files.push(Arc::new(entry));
        Ok(())
    }

    /// The store, where there is one.
    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// The model of that name, whatever the case of its letters.
    ///
    /// # Errors
    /// When the store has it and it cannot be read.
    pub(crate) fn find(&self, name: &ModelName) -> Result<Option<Arc<Entry>>, CatalogError> {
        if let Some(entry) = find_in(&self.files, name) {
            return Ok(Some(entry));
        }
        if let Some(store) = &self.store
            && let Some(model) = store.find(name)?
        {
            return self.entry(store, model).map(Some);
        }
        Ok(find_in(&self.bundled, name))
    }

    /// All models, newest first. A model that cannot be read must not hide the others: it is left
    /// out, and said so in the log.
    ///
    /// # Errors
    /// When the store's folders cannot be read.
    pub(crate) fn newest_first(&self) -> Result<Vec<Arc<Entry>>, CatalogError> {
        let mut entries = self.files.clone();
        let mut add = |entry: Arc<Entry>| {
            if find_in(&entries, &entry.name).is_none() {
                entries.push(entry);
            }
        };
        if let Some(store) = &self.store {
            let listing = store.list()?;
            for broken in listing.broken {
                tracing::warn!(error = with_causes(&broken.error), "a manifest cannot be read");
            }
            for model in listing.models {
                let name = model.name.to_string();
                match self.entry(store, model) {
                    Ok(entry) => add(entry),
                    Err(error) => {
                        tracing::warn!(name, error = with_causes(&error), "left out of the list");
                    }
                }
            }
        }
        self.bundled.iter().cloned().for_each(add);
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.modified_at()));
        Ok(entries)
    }

    /// A model of the store, read anew only if its manifest is another than before.
    fn entry(
        &self,
        store: &Store,
        model: camelid_registry::Model,
    ) -> Result<Arc<Entry>, CatalogError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |entry: &&Arc<Entry>| {
            entry.name == model.name
                && entry.manifest_digest() == Some(&*model.digest.hex())
                && entry.modified_at() == model.modified
        };
        if let Some(entry) = read.iter().find(is_same) {
            return Ok(Arc::clone(entry));
        }
        let entry = Arc::new(Entry::of_store(store, model)?);
        read.retain(|other| other.name != entry.name);
        read.push(Arc::clone(&entry));
        Ok(entry)
    }
}

fn find_in(entries: &[Arc<Entry>], name: &ModelName) -> Option<Arc<Entry>> {
    entries.iter().find(|entry| entry.name.eq_ignore_case(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "bundled-tiny")]
    #[test]
    fn the_bundled_model_is_listed_with_what_its_files_say() {
        let catalog = Catalog::bundled();
        let tiny = catalog.find(&"TINY:latest".parse().unwrap()).unwrap().unwrap();
        assert_eq!(tiny.parts.parameters["temperature"], 0.3);
        let stops = ["<|im_end|>", "<|endoftext|>"];
        assert_eq!(tiny.parts.parameters["stop"], serde_json::json!(stops));
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
