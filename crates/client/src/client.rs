//! Sending requests and taking answers.

use std::time::Duration;

use bytes::Bytes;
use camelid_api_types::ollama::Chunk;
use camelid_api_types::{ApiError, ByteStream, ResponseStream, json};
use futures_util::TryStreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::http::uri::{InvalidUri, Scheme};
use hyper::{Method, Request, Response, Uri, header};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api_key::ApiKey;
use crate::failure;
use crate::parts::Parts;

/// The time that a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is taken as one object, in bytes.
const MAX_OBJECT_BYTES: usize = 64 << 20;
/// The largest text of an error that is taken, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

const USER_AGENT: &str = concat!("camelid/", env!("CARGO_PKG_VERSION"));

/// Why a URL is no server's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// It is no URL.
    #[error("server URL {url:?} cannot be read")]
    Malformed {
        /// The text found.
        url: String,
        /// What is wrong with it.
        source: InvalidUri,
    },
    /// It has another scheme than this client speaks.
    #[error("server URL {url:?} must begin with http:// (https is not built in)")]
    Scheme {
        /// The text found.
        url: String,
    },
    /// It has a query, behind which no path can stand.
    #[error("server URL {url:?} must not have a query")]
    Query {
        /// The text found.
        url: String,
    },
}

/// What a request carries: bytes that are there, or that come as they are sent.
type RequestBody = UnsyncBoxBody<Bytes, ApiError>;

/// A server elsewhere, as a [`Service`](camelid_api_types::Service). Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: HttpClient<HttpConnector, RequestBody>,
    /// Without a slash at its end.
    base_url: String,
    key: Option<ApiKey>,
}

impl Client {
    /// A client for the server at a URL such as `http://127.0.0.1:11434` or
    /// `http://gpu.internal/ollama`. Nothing is sent yet.
    ///
    /// # Errors
    /// When `base_url` is no URL, not an `http` one, or has a query.
    pub fn new(base_url: &str) -> Result<Self, InvalidBaseUrl> {
        let url = || base_url.to_owned();
        let uri: Uri =
            base_url.parse().map_err(|source| InvalidBaseUrl::Malformed { url: url(), source })?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(InvalidBaseUrl::Scheme { url: url() });
        }
        if uri.query().is_some() {
            return Err(InvalidBaseUrl::Query { url: url() });
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned(), key: None })
    }

    /// The same client, which shows this key with every request.
    #[must_use]
    pub fn with_key(self, key: ApiKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// The server's URL, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Asks whether a server is there.
    ///
    /// # Errors
    /// [`Unreachable`](camelid_api_types::ErrorKind::Unreachable) when nobody listens, so that one
    /// may be started; any other kind means that someone is there, or that the network failed.
    pub async fn ping(&self) -> Result<(), ApiError> {
        self.send(Method::HEAD, "/", whole(Bytes::new())).await.map(drop)
    }

    /// Sends a request; an answer with an error's status is an error.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: RequestBody,
    ) -> Result<Response<Incoming>, ApiError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "application/x-ndjson, application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| ApiError::internal(format!("request cannot be made: {error}")))?;
        if let Some(key) = &self.key {
            request.headers_mut().insert(header::AUTHORIZATION, key.authorization());
        }
        let response = self.http.request(request).await;
        let response = response.map_err(|e| failure::from_connection(&self.base_url, &e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = collect(response, MAX_ERROR_BYTES).await?;
        Err(failure::from_status(status, &body))
    }

    /// Asks for an object with a GET.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let response = self.send(Method::GET, path, whole(Bytes::new())).await?;
        object(response, path).await
    }

    /// Asks for an object with a POST.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, ApiError> {
        object(self.send_json(Method::POST, path, request).await?, path).await
    }

    /// Sends a request as JSON.
    pub(crate) async fn send_json(
        &self,
        method: Method,
        path: &str,
        request: &impl Serialize,
    ) -> Result<Response<Incoming>, ApiError> {
        self.send(method, path, whole(json::encode(request)?.into())).await
    }

    /// Asks for a stream with a POST.
    pub(crate) async fn stream<T>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<ResponseStream<T>, ApiError>
    where
        T: Chunk + DeserializeOwned + 'static,
    {
        let response = self.send_json(Method::POST, path, request).await?;
        Ok(Box::pin(Parts::new(response.into_body())))
    }
}

/// Bytes that are there.
pub(crate) fn whole(bytes: Bytes) -> RequestBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Bytes that are sent as they come.
pub(crate) fn as_they_come(bytes: ByteStream) -> RequestBody {
    StreamBody::new(bytes.map_ok(Frame::data)).boxed_unsync()
}

async fn object<T: DeserializeOwned>(
    response: Response<Incoming>,
    path: &str,
) -> Result<T, ApiError> {
    let body = collect(response, MAX_OBJECT_BYTES).await?;
    json::decode(&body)
        .map_err(|error| failure::broken(format!("answer to {path} cannot be read: {error}")))
}

/// The whole body of an answer, up to a limit.
async fn collect(response: Response<Incoming>, max_bytes: usize) -> Result<Bytes, ApiError> {
    let body = Limited::new(response.into_body(), max_bytes).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| failure::broken(format!("the answer broke off: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked() {
        for url in ["http://127.0.0.1:11434", "http://[::1]:1/", "http://gpu/ollama/"] {
            let client = Client::new(url).expect(url);
            assert_eq!(client.base_url(), url.trim_end_matches('/'));
        }
        for url in ["https://h", "127.0.0.1:11434", "/x", "ftp://h"] {
            assert!(matches!(Client::new(url), Err(InvalidBaseUrl::Scheme { .. })), "{url}");
        }
        assert!(matches!(Client::new("http://h/?q=1"), Err(InvalidBaseUrl::Query { .. })));
        for url in ["", "http://", "http://a b"] {
            assert!(matches!(Client::new(url), Err(InvalidBaseUrl::Malformed { .. })), "{url}");
        }
    }
}
