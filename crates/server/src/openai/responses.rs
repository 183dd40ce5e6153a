//! `POST /v1/responses`

use axum::extract::{Request, State};
use axum::response::Response;
use camelid_api_types::Timestamp;
use camelid_api_types::openai::ResponsesRequest;

use super::respond;
use super::response_answer::{ResponseStream, whole};
use super::response_request::{heading, to_native};
use crate::app::App;
use crate::dialect::{Refusal, read};
use crate::json_body::json_line;
use crate::{choices, ids, sse};

/// The handler.
pub(crate) async fn responses(State(app): State<App>, request: Request) -> Response {
    respond(answer(app, request).await)
}

async fn answer(app: App, request: Request) -> Result<Response, Refusal> {
    let request: ResponsesRequest = read(&app, request).await?;
    let native = to_native(&request)?;
    let heading = heading(ids::numbered("resp_"), Timestamp::now().as_second(), &request);
    let parts = app.chats(vec![native]).await.map_err(Refusal::by_service)?;
    if request.stream {
        let stream = ResponseStream::new(heading);
        let mut response = sse::stream(parts, stream).await.map_err(Refusal::by_service)?;
        sse::forbid_caching(response.headers_mut());
        return Ok(response);
    }
    let answer = choices::only(parts).await.map_err(Refusal::by_service)?;
    Ok(json_line(&whole(heading, answer)?)?)
}
