//! `POST /v1/messages` and `POST /v1/messages/count_tokens`

use axum::extract::{Request, State};
use axum::response::Response;
use camelid_api_types::ApiError;
use camelid_api_types::anthropic::{CountTokensAnswer, MessagesRequest};
use camelid_api_types::ollama::{Capability, ChatRequest, ShowRequest, Think};

use super::stream::MessageStream;
use super::{answer, request as translation, respond};
use crate::app::App;
use crate::dialect::{Refusal, read};
use crate::json_body::json_line;
use crate::{choices, ids, sse};

/// Answers a conversation.
pub(crate) async fn messages(State(app): State<App>, request: Request) -> Response {
    respond(answer_messages(app, request).await)
}

/// Counts a conversation's tokens.
pub(crate) async fn count_tokens(State(app): State<App>, request: Request) -> Response {
    respond(count(app, request).await)
}

async fn answer_messages(app: App, request: Request) -> Result<Response, Refusal> {
    let request: MessagesRequest = read(&app, request).await?;
    if request.model.is_empty() {
        return Err(ApiError::bad_request("model is required").into());
    }
    if request.max_tokens <= 0 {
        return Err(ApiError::bad_request("max_tokens is required and must be positive").into());
    }
    let is_streamed = request.stream;
    let n_input_estimate = translation::estimate_tokens(&request);
    let native = translation::to_native(request)?;
    let native = without_impossible_thinking(&app, native).await;
    let id = ids::hex("msg_");
    let model = native.model.clone();
    let parts = app.chats(vec![native]).await.map_err(Refusal::by_service)?;
    if is_streamed {
        let stream = MessageStream::new(id, model, n_input_estimate);
        let mut response = sse::stream(parts, stream).await.map_err(Refusal::by_service)?;
        sse::forbid_caching(response.headers_mut());
        return Ok(response);
    }
    let whole = choices::only(parts).await.map_err(Refusal::by_service)?;
    Ok(json_line(&answer::whole(id, model, whole))?)
}

async fn count(app: App, request: Request) -> Result<Response, Refusal> {
    let request: MessagesRequest = read(&app, request).await?;
    let native = translation::to_native(request)?;
    // Nothing is cut that is only to be counted.
    let native = ChatRequest { debug_render_only: true, truncate: Some(false), ..native };
    let native = without_impossible_thinking(&app, native).await;
    let parts = app.chats(vec![native]).await.map_err(Refusal::by_service)?;
    let whole = choices::only(parts).await.map_err(Refusal::by_service)?;
    let uncounted = || ApiError::internal("the service does not tell how many tokens there are");
    let info = whole.debug_info.ok_or_else(uncounted).map_err(Refusal::by_service)?;
    Ok(json_line(&CountTokensAnswer { input_tokens: info.token_count })?)
}

/// A model that cannot think is not asked to: that is no error in this dialect.
async fn without_impossible_thinking(app: &App, mut native: ChatRequest) -> ChatRequest {
    if native.think.is_some_and(Think::is_on) {
        let request = ShowRequest { model: native.model.clone(), ..ShowRequest::default() };
        // Where nothing can be learnt of the model, the request itself will say why.
        if let Ok(model) = app.service.show(request).await
            && !model.capabilities.contains(&Capability::Thinking)
        {
            native.think = None;
        }
    }
    native
}
