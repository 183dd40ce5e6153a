//! Second names, and removal.

use camelid_api_types::{
    ApiError,
    ollama::{CopyRequest, DeleteRequest},
};
use camelid_registry::StoreError;

use super::{blocking, stored};
use crate::{
    error::internal_error,
    runtime::{Runtime, reference},
};

impl Runtime {
    pub(crate) async fn copy_model(&self, request: CopyRequest) -> Result<(), ApiError> {
        let CopyRequest { source, destination } = request;
        let invalid =
            |what: &str, name: &str| ApiError::bad_request(format!("{what} {name:?} is invalid"));
        let from = reference(&source).map_err(|_| invalid("source", &source))?.name;
        let to = reference(&destination).map_err(|_| invalid("destination", &destination))?.name;
        if from == to {
            return Ok(());
        }
        let found = self.catalog.find(&from).map_err(|e| internal_error(&e))?;
        let entry =
            found.ok_or_else(|| ApiError::not_found(format!("model {source:?} not found")))?;
        let store = self.store()?.clone();
        let prune = self.config.prune;
        blocking(move || match entry.manifest_digest() {
            Some(_) => {
                store.copy(&entry.name, &to).map(drop).map_err(|error| internal_error(&error))
            }
            // It is in no store yet: its parts are put into this one.
            None => {
                let writer = store.writer().map_err(|error| internal_error(&error))?;
                let manifest = stored::manifest_of(&entry, &writer)?;
                stored::put_manifest(&store, writer, &to, &manifest, prune)
            }
        })
        .await
    }

    pub(crate) async fn delete_model(&self, request: DeleteRequest) -> Result<(), ApiError> {
        let asked = request.model().to_owned();
        if asked.is_empty() {
            return Err(ApiError::bad_request("model is required"));
        }
        let name = reference(&asked)
            .map_err(|_| ApiError::bad_request(format!("name {asked:?} is invalid")))?
            .name;
        let not_found = ApiError::not_found(format!("model '{asked}' not found"));
        if let Some(store) = self.catalog.store().cloned() {
            let name = name.clone();
            match blocking(move || Ok(store.delete(&name))).await? {
                Ok(_) => return Ok(()),
                Err(StoreError::UnknownModel { .. }) => {}
                Err(error) => return Err(internal_error(&error)),
            }
        }
        match self.catalog.find(&name) {
            Ok(Some(_)) => Err(ApiError::bad_request(format!(
                "model '{asked}' is not in the store and cannot be deleted"
            ))),
            _ => Err(not_found),
        }
    }
}
