//! Looking after models: what there is, and making, moving and removing it.

mod blobs;
mod create;
mod job;
mod keeping;
mod list;
mod modelfile;
mod show;
mod stored;
mod transfer;

#[cfg(feature = "transfer")]
pub(crate) use transfer::Downloads;

use camelid_api_types::ApiError;

/// Does what waits for the disk where that keeps nobody else from working.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => Err(ApiError::internal(format!("the request failed: {panic}"))),
    }
}
