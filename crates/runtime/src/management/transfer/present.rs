//! Pulling and pushing over the network.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use camelid_api_types::{
    ApiError, ErrorKind, ResponseStream,
    ollama::{ProgressResponse, PullRequest, PushRequest},
};
use camelid_registry::{
    ModelName, Reference, Store, StoreError,
    transfer::{self, Event, Options, TransferError},
};

use crate::{
    error::told,
    management::job::{Job, Reporter},
    runtime::{Runtime, reference},
};

/// What stands before the cause when a model's manifest could not be had. Clients look for it.
const PULL_MANIFEST: &str = "pull model manifest";

/// Pulls under way, by name: requests for the same model share one.
#[derive(Debug, Default)]
pub(crate) struct Downloads {
    jobs: Mutex<HashMap<(String, bool), Weak<Job>>>,
}

impl Downloads {
    /// The pull of this name that is under way, or the one that `start` starts.
    fn share(&self, key: (String, bool), start: impl FnOnce() -> Arc<Job>) -> Arc<Job> {
        // Nothing under this lock can leave the map half changed.
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.retain(|_, job| job.upgrade().is_some_and(|job| job.is_running()));
        if let Some(job) = jobs.get(&key).and_then(Weak::upgrade) {
            return job;
        }
        let job = start();
        jobs.insert(key, Arc::downgrade(&job));
        job
    }
}

impl Runtime {
    pub(crate) fn pull_model(
        &self,
        request: &PullRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        let reference = to_transfer(request.model())?;
        let store = self.store()?.clone();
        let options = self.transfer_options(request.insecure)?;
        let key = (format!("{:?} {}", reference.scheme, reference.name.full()), request.insecure);
        let job = self.downloads.share(key, || {
            Job::start(|report| async move { pull(&store, &reference, &options, &report).await })
        });
        Ok(job.watch())
    }

    pub(crate) fn push_model(
        &self,
        request: &PushRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        if request.model().trim().is_empty() {
            return Err(ApiError::bad_request("model is required"));
        }
        let reference = to_transfer(request.model())?;
        let store = self.store()?.clone();
        let options = self.transfer_options(request.insecure)?;
        let job = Job::start(|report| async move {
            let progress = |event: Event| report.step(step(&event));
            let result = transfer::push(&store, &reference, &options, &progress).await;
            result.map_err(|error| {
                if is_unknown_model(&error) {
                    report.status("couldn't retrieve manifest");
                }
                from_transfer(&error)
            })
        });
        Ok(job.watch())
    }

    /// A model that another one is to be made from.
    pub(in crate::management) async fn fetch_base(
        &self,
        name: &ModelName,
        report: &Reporter,
    ) -> Result<(), ApiError> {
        let reference = Reference { scheme: None, name: name.clone() };
        let options = self.transfer_options(false)?;
        pull(self.store()?, &reference, &options, report).await
    }

    /// How a registry is dealt with, for everything that deals with one.
    ///
    /// # Errors
    /// `Forbidden` where nothing may.
    fn transfer_options(&self, insecure: bool) -> Result<Options, ApiError> {
        if self.config.is_offline {
            let message = "models are neither pulled nor pushed here: the server is offline";
            return Err(ApiError::new(ErrorKind::Forbidden, message));
        }
        let mut options = self.config.transfer.clone();
        options.insecure = insecure;
        options.prune = self.config.prune;
        Ok(options)
    }
}

async fn pull(
    store: &Store,
    reference: &Reference,
    options: &Options,
    report: &Reporter,
) -> Result<(), ApiError> {
    let progress = |event: Event| report.step(step(&event));
    let result = transfer::pull(store, reference, options, &progress).await;
    result.map(drop).map_err(|error| {
        let error_text = from_transfer(&error);
        match report.last_status() {
            // Nothing came yet: it is the manifest that could not be had.
            Some(status) if status == Event::PullingManifest.status() => {
                ApiError::new(error_text.kind, format!("{PULL_MANIFEST}: {}", error_text.message))
            }
            _ => error_text,
        }
    })
}

/// A name with which the network is asked.
fn to_transfer(text: &str) -> Result<Reference, ApiError> {
    let name = reference(text)?.name;
    // The scheme, which a name in the store has not.
    let scheme = Reference::parse(text.trim()).ok().and_then(|reference| reference.scheme);
    Ok(Reference { scheme, name })
}

fn step(event: &Event) -> ProgressResponse {
    let status = event.status();
    match event {
        Event::Pulling(blob) | Event::Pushing(blob) => ProgressResponse {
            status,
            digest: blob.digest.to_string(),
            total: blob.total,
            completed: blob.completed,
        },
        _ => ProgressResponse::status(status),
    }
}

fn is_unknown_model(error: &TransferError) -> bool {
    matches!(error, TransferError::Store(StoreError::UnknownModel { .. }))
}

fn from_transfer(error: &TransferError) -> ApiError {
    let kind = match error {
        TransferError::Unauthorized { .. } => ErrorKind::Unauthorized,
        _ => ErrorKind::Internal,
    };
    let message = match error {
        // In the words that clients look for.
        TransferError::NotFound { .. } => "file does not exist".to_owned(),
        TransferError::Unauthorized { .. } => "unauthorized: access denied".to_owned(),
        TransferError::Manifest { source, .. } => told(source),
        error => told(error),
    };
    ApiError::new(kind, message)
}
