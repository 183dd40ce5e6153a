//! Reading a request's body, up to a limit, as JSON whatever its content type says.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use bytes::Bytes;
use camelid_api_types::json::{self, DecodeError};
use camelid_api_types::{ApiError, ErrorKind};
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::failure::Failure;

/// How long a body may stand still while it arrives.
const PIECE_TIMEOUT: Duration = Duration::from_secs(60);

/// An extractor for the request type of a route.
pub(crate) struct Payload<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Payload<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        Ok(Self(read_json(request, app, ApiError::from).await?))
    }
}

/// The request's body as JSON, or what `refuse` makes of a body that cannot be read as such. The log
/// is told of fields that `T` has not.
///
/// # Errors
/// When the body cannot be had, or is not what `T` wants; on a strict server also where there are
/// fields that `T` has not.
pub(crate) async fn read_json<T: DeserializeOwned>(
    request: Request,
    app: &App,
    refuse: impl FnOnce(DecodeError) -> ApiError,
) -> Result<T, ApiError> {
    let path = request.uri().path().to_owned();
    let bytes = read(request, app).await?;
    let (value, unknown) = json::decode_noting(&bytes).map_err(refuse)?;
    app.unknown_fields.handle(&path, unknown)?;
    Ok(value)
}

/// The request's whole body.
///
/// # Errors
/// When it is larger than the limit, or breaks off.
async fn read(request: Request, app: &App) -> Result<Vec<u8>, ApiError> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    // Refused before it is sent, where the sender waits for that.
    if declared.is_some_and(|n_bytes| n_bytes > app.max_body_bytes as u64) {
        return Err(too_large(app.max_body_bytes));
    }
    let bytes = read_body(request.into_body(), app.max_body_bytes).await?;
    if app.logs_bodies {
        tracing::info!(body = %String::from_utf8_lossy(&bytes), "asked");
    }
    Ok(bytes)
}

/// The whole body. Bytes are counted as they come: a declared length binds nobody.
async fn read_body(body: Body, max_bytes: usize) -> Result<Vec<u8>, ApiError> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = next_piece(&mut pieces).await? {
        if piece.len() > max_bytes - bytes.len() {
            return Err(too_large(max_bytes));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

async fn next_piece(pieces: &mut BodyDataStream) -> Result<Option<Bytes>, ApiError> {
    match tokio::time::timeout(PIECE_TIMEOUT, pieces.try_next()).await {
        Ok(piece) => piece.map_err(broken_off),
        Err(_) => {
            let message = format!("request body stood still for {} s", PIECE_TIMEOUT.as_secs());
            Err(ApiError::bad_request(message))
        }
    }
}

fn too_large(max_bytes: usize) -> ApiError {
    let message = format!("request body is larger than the {max_bytes} bytes allowed");
    ApiError::new(ErrorKind::TooLarge, message)
}

fn broken_off(error: axum::Error) -> ApiError {
    ApiError::bad_request(format!("request body cannot be read: {error}"))
}
