//! `POST /v1/chat/completions`

use axum::extract::{Request, State};
use axum::response::Response;

use super::chat_answer::{ChatStream, whole};
use super::chat_request::{ChatPlan, plan};
use super::heading::Heading;
use super::respond;
use crate::app::App;
use crate::dialect::{Refusal, read};
use crate::json_body::json_line;
use crate::{choices, sse};

/// The handler.
pub(crate) async fn chat(State(app): State<App>, request: Request) -> Response {
    respond(answer(app, request).await)
}

async fn answer(app: App, request: Request) -> Result<Response, Refusal> {
    let ChatPlan { model, requests, is_streamed, includes_usage } =
        plan(read(&app, request).await?)?;
    let n = requests.len();
    let heading = Heading::new("chatcmpl-", model);
    let parts = app.chats(requests).await.map_err(Refusal::by_service)?;
    if is_streamed {
        let stream = ChatStream::new(heading, n, includes_usage);
        return sse::stream(parts, stream).await.map_err(Refusal::by_service);
    }
    let answers = choices::collect(parts, n).await.map_err(Refusal::by_service)?;
    Ok(json_line(&whole(heading, answers)?)?)
}
