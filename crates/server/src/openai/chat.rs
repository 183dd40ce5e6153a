//! `POST /v1/chat/completions`

use axum::extract::{Request, State};
use axum::response::Response;
use camelid_api_types::Timestamp;

use super::chat_answer::{ChatStream, Heading, whole};
use super::chat_request::{ChatPlan, plan};
use super::respond;
use crate::app::App;
use crate::dialect::{Refusal, json_line, read};
use crate::{choices, ids, sse};

/// The handler.
pub(crate) async fn chat(State(app): State<App>, request: Request) -> Response {
    respond(answer(app, request).await)
}

async fn answer(app: App, request: Request) -> Result<Response, Refusal> {
    let ChatPlan { requests, is_streamed, includes_usage, is_single_call } =
        plan(read(&app, request).await?)?;
    let n = requests.len();
    let heading = Heading {
        id: ids::numbered("chatcmpl-"),
        created: Timestamp::now().as_second(),
        model: requests.first().map(|request| request.model.clone()).unwrap_or_default(),
    };
    let ask = move |request| {
        let app = app.clone();
        async move { app.chat(request).await }
    };
    let parts = choices::begin(requests, ask).await.map_err(Refusal::by_service)?;
    if is_streamed {
        let stream = ChatStream::new(heading, n, includes_usage, is_single_call);
        return sse::stream(parts, stream).await.map_err(Refusal::by_service);
    }
    let answers = choices::collect(parts, n).await.map_err(Refusal::by_service)?;
    Ok(json_line(&whole(heading, answers, is_single_call)?)?)
}
