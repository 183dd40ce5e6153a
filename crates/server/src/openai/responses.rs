//! `POST /v1/responses`

use axum::extract::{Request, State};
use axum::response::Response;
use camelid_api_types::openai::ResponsesRequest;
use camelid_api_types::{ApiError, Timestamp};

use super::respond;
use super::response_answer::{ResponseStream, whole};
use super::response_request::{heading, to_native};
use crate::app::App;
use crate::dialect::{Refusal, json_line, read};
use crate::{choices, ids, sse};

/// The handler.
pub(crate) async fn responses(State(app): State<App>, request: Request) -> Response {
    respond(answer(app, request).await)
}

async fn answer(app: App, request: Request) -> Result<Response, Refusal> {
    let request: ResponsesRequest = read(&app, request).await?;
    let native = to_native(&request)?;
    let heading = heading(ids::numbered("resp_"), Timestamp::now().as_second(), &request);
    let parts = choices::begin(vec![native], move |request| {
        let app = app.clone();
        async move { app.chat(request).await }
    });
    let parts = parts.await.map_err(Refusal::by_service)?;
    if request.stream {
        let is_single_call = !heading.parallel_tool_calls;
        let stream = ResponseStream::new(heading, is_single_call);
        let mut response = sse::stream(parts, stream).await.map_err(Refusal::by_service)?;
        sse::forbid_caching(response.headers_mut());
        return Ok(response);
    }
    let answers = choices::collect(parts, 1).await.map_err(Refusal::by_service)?;
    let nothing = || ApiError::internal("the answer ended before its first part");
    let answer = answers.into_iter().next().ok_or_else(nothing)?;
    Ok(json_line(&whole(heading, answer)?)?)
}
