//! A service that follows a script, and ways to put requests to a router.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use camelid_api_types::ollama::{
    ChatRequest, ChatResponse, GenerateRequest, GenerateResponse, ListResponse, ProgressResponse,
    PullRequest, VersionResponse,
};
use camelid_api_types::{ApiError, ResponseStream, Service};
use camelid_server::{Config, router};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::ServiceExt;

/// What the service does when it is asked for an answer.
#[derive(Clone)]
pub(crate) enum Script<T> {
    /// Fails at once.
    Refuse(ApiError),
    /// Gives these parts.
    Parts(Vec<Result<T, ApiError>>),
    /// Gives these parts, then nothing, and never ends.
    Endless(Vec<T>),
    /// Gives these parts, the last one after a while.
    Slow(Vec<T>),
    /// Never answers, as in a queue that does not move.
    Stuck,
    /// Gives these parts, then panics.
    Panic(Vec<T>),
}

pub(crate) struct Fake {
    pub(crate) generate: Script<GenerateResponse>,
    pub(crate) chat: Script<ChatResponse>,
    pub(crate) pull: Script<ProgressResponse>,
    pub(crate) list: ListResponse,
    /// The prompts that were asked.
    pub(crate) prompts: Mutex<Vec<String>>,
    /// Hears of each `Endless` or `Stuck` answer that was dropped.
    pub(crate) dropped: UnboundedSender<()>,
}

impl Fake {
    /// A service that answers "Hey", and what tells when its work is dropped.
    pub(crate) fn new() -> (Self, UnboundedReceiver<()>) {
        let (dropped, notices) = unbounded_channel();
        let fake = Self {
            generate: Script::Parts(
                ["H", "ey"].map(part).into_iter().chain([done()]).map(Ok).collect(),
            ),
            chat: Script::Parts(Vec::new()),
            pull: Script::Parts(Vec::new()),
            list: ListResponse::default(),
            prompts: Mutex::default(),
            dropped,
        };
        (fake, notices)
    }

    /// A service with this script for `generate`.
    pub(crate) fn generating(generate: Script<GenerateResponse>) -> Self {
        Self { generate, ..Self::new().0 }
    }

    pub(crate) fn router(self) -> Router {
        self.router_with(Config::default())
    }

    pub(crate) fn router_with(self, config: Config) -> Router {
        router(Arc::new(self), config)
    }

    async fn play<T: Send + 'static>(
        &self,
        script: Script<T>,
    ) -> Result<ResponseStream<T>, ApiError> {
        let notice = DropNotice(self.dropped.clone());
        let give = |parts: Vec<T>| stream::iter(parts.into_iter().map(Ok));
        match script {
            Script::Refuse(error) => Err(error),
            Script::Parts(parts) => Ok(Box::pin(stream::iter(parts))),
            Script::Endless(parts) => Ok(Box::pin(give(parts).chain(stream::once(async move {
                let _notice = notice;
                std::future::pending().await
            })))),
            Script::Slow(mut parts) => {
                let last = parts.pop().expect("a script has parts");
                Ok(Box::pin(give(parts).chain(stream::once(async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok(last)
                }))))
            }
            Script::Stuck => {
                let _notice = notice;
                std::future::pending().await
            }
            Script::Panic(parts) => Ok(Box::pin(
                give(parts).chain(stream::once(async { panic!("as the script says") })),
            )),
        }
    }
}

struct DropNotice(UnboundedSender<()>);

impl Drop for DropNotice {
    fn drop(&mut self) {
        // Nobody may be listening.
        let _ = self.0.send(());
    }
}

#[async_trait]
impl Service for Fake {
    async fn generate(
        &self,
        request: GenerateRequest,
    ) -> Result<ResponseStream<GenerateResponse>, ApiError> {
        self.prompts.lock().expect("no test panics with it").push(request.prompt);
        self.play(self.generate.clone()).await
    }

    async fn chat(&self, _request: ChatRequest) -> Result<ResponseStream<ChatResponse>, ApiError> {
        self.play(self.chat.clone()).await
    }

    async fn pull(
        &self,
        _request: PullRequest,
    ) -> Result<ResponseStream<ProgressResponse>, ApiError> {
        self.play(self.pull.clone()).await
    }

    async fn list(&self) -> Result<ListResponse, ApiError> {
        Ok(self.list.clone())
    }

    async fn version(&self) -> Result<VersionResponse, ApiError> {
        Ok(VersionResponse { version: "0.33.0".to_owned() })
    }
}

/// A part of a generated text.
pub(crate) fn part(response: &str) -> GenerateResponse {
    GenerateResponse {
        model: "tiny".to_owned(),
        response: response.to_owned(),
        ..GenerateResponse::default()
    }
}

/// The last part.
pub(crate) fn done() -> GenerateResponse {
    GenerateResponse { done: true, ..part("") }
}

/// An answer, whole.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// Puts a request to a router, without a port.
pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.expect("routers do not fail");
    let (parts, body) = response.into_parts();
    let body = tokio::time::timeout(Duration::from_secs(10), body.collect());
    let body = body.await.expect("an end").expect("a body").to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
    Reply { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(router: &Router, path: &str) -> Reply {
    ask(router, Request::get(path).body(Body::empty()).expect("a valid request")).await
}

pub(crate) async fn post(router: &Router, path: &str, body: impl Into<Body>) -> Reply {
    ask(router, Request::post(path).body(body.into()).expect("a valid request")).await
}
