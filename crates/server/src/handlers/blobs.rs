//! Taking the parts of models.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use camelid_api_types::{ApiError, BlobOutcome};
use futures_util::TryStreamExt;

use crate::app::App;
use crate::failure::Failure;

/// `HEAD /api/blobs/{digest}`
pub(crate) async fn find(
    State(app): State<App>,
    Path(digest): Path<String>,
) -> Result<StatusCode, Failure> {
    app.service.find_blob(&digest).await?;
    Ok(StatusCode::OK)
}

/// `POST /api/blobs/{digest}`: bytes of any length, which go to the service as they come.
pub(crate) async fn put(
    State(app): State<App>,
    Path(digest): Path<String>,
    body: Body,
) -> Result<StatusCode, Failure> {
    let broken_off = |error| ApiError::bad_request(format!("request body cannot be read: {error}"));
    let bytes = Box::pin(body.into_data_stream().map_err(broken_off));
    Ok(match app.unless_cut(app.service.put_blob(&digest, bytes)).await? {
        BlobOutcome::Created => StatusCode::CREATED,
        BlobOutcome::Present => StatusCode::OK,
    })
}
