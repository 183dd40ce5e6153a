//! [`Runtime`]: models by name, in this process.

use std::sync::Arc;

use camelid_api_types::{ApiError, ErrorKind};
use camelid_registry::Store;

use crate::{
    catalog::{Catalog, Entry, InvalidModelReference, ModelReference, ModelSource},
    config::Config,
    error::from_loading,
    scheduling::{Limits, Loaded, Scheduler, available_memory},
};

/// Models by name, loaded when they are asked for.
///
/// Needs a tokio runtime around it. Cheap to clone; clones share the loaded models.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) config: Arc<Config>,
    pub(crate) scheduler: Arc<Scheduler<Loaded>>,
    /// Pulls under way.
    #[cfg(feature = "transfer")]
    pub(crate) downloads: Arc<crate::management::Downloads>,
}

impl Runtime {
    /// A runtime with the models of `catalog` and none loaded.
    #[must_use]
    pub fn new(catalog: Catalog, config: Config) -> Self {
        let scheduler = Scheduler::new(Limits {
            max_loaded: config.max_loaded.get(),
            max_waiting: config.n_waiting.get(),
            keep_alive: config.keep_alive,
            available_memory,
        });
        Self {
            catalog: Arc::new(catalog),
            config: Arc::new(config),
            scheduler,
            #[cfg(feature = "transfer")]
            downloads: Arc::default(),
        }
    }

    /// The model a request names, to be run here.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Entry>, ApiError> {
        self.find_or(name, || format!("model '{name}' not found"))
    }

    /// The model a request names, or an error of these words.
    pub(crate) fn find_or(
        &self,
        name: &str,
        not_found: impl FnOnce() -> String,
    ) -> Result<Arc<Entry>, ApiError> {
        let reference = reference(name)?;
        let entry = match reference.source {
            ModelSource::Cloud => return Err(no_cloud("remote model is unavailable")),
            _ => self.catalog.find(&reference.name).map_err(|error| from_loading(&error))?,
        };
        match entry {
            None => Err(ApiError::not_found(not_found())),
            Some(entry) if entry.is_remote() => match reference.source {
                // Asked for here, it is not here.
                ModelSource::Local => Err(ApiError::not_found(not_found())),
                _ => Err(no_cloud("remote model is unavailable")),
            },
            Some(entry) => Ok(entry),
        }
    }

    /// The store that models are kept in.
    pub(crate) fn store(&self) -> Result<&Store, ApiError> {
        self.catalog.store().ok_or_else(|| {
            ApiError::new(ErrorKind::Unsupported, "no store is configured to keep models in")
        })
    }
}

/// Reads the name in a request.
pub(crate) fn reference(name: &str) -> Result<ModelReference, ApiError> {
    name.parse().map_err(|error| match error {
        InvalidModelReference::Name(_) => ApiError::bad_request("invalid model name"),
        InvalidModelReference::TwoSources { .. } => ApiError::bad_request(error.to_string()),
    })
}

/// The error for what only Ollama's own service could do.
pub(crate) fn no_cloud(what: &str) -> ApiError {
    ApiError::new(ErrorKind::Forbidden, format!("ollama cloud is disabled: {what}"))
}
