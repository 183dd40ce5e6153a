//! The models there are, and those in memory.

use camelid_api_types::{
    ApiError, Timestamp,
    ollama::{ListResponse, ModelDetails, PsResponse, RunningModel},
};

use crate::{
    error::{internal_error, with_causes},
    runtime::Runtime,
    scheduling::{Loaded, Snapshot},
};

impl Runtime {
    pub(crate) fn list_models(&self) -> Result<ListResponse, ApiError> {
        let mut models = Vec::new();
        let entries = self.catalog.newest_first();
        for entry in entries.map_err(|error| internal_error(&error))? {
            match entry.summary() {
                Ok(summary) => models.push(summary),
                Err(error) => {
                    let error = with_causes(&error);
                    tracing::warn!(model = %entry.name, error, "left out of the list");
                }
            }
        }
        Ok(ListResponse { models })
    }

    pub(crate) fn running_models(&self) -> PsResponse {
        PsResponse { models: self.scheduler.snapshots().into_iter().map(running).collect() }
    }
}

fn running(snapshot: Snapshot<Loaded>) -> RunningModel {
    let Snapshot { model, n_bytes, expires_at } = snapshot;
    let summary = model.summary.clone();
    RunningModel {
        name: summary.name,
        model: summary.model,
        size: n_bytes,
        digest: summary.digest,
        details: ModelDetails { context_length: 0, embedding_length: 0, ..summary.details },
        expires_at: Timestamp::from(expires_at),
        // Everything is in the machine's own memory.
        size_vram: 0,
        context_length: model.engine.n_ctx() as u64,
    }
}
