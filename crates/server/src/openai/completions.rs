//! `POST /v1/completions`

use axum::extract::{Request, State};
use axum::response::Response;

use super::completion_answer::{CompletionStream, Layout, whole};
use super::completion_request::plan;
use super::heading::Heading;
use super::respond;
use crate::app::App;
use crate::dialect::{Refusal, read};
use crate::json_body::json_line;
use crate::{choices, sse};

/// The handler.
pub(crate) async fn completions(State(app): State<App>, request: Request) -> Response {
    respond(answer(app, request).await)
}

async fn answer(app: App, request: Request) -> Result<Response, Refusal> {
    let plan = plan(read(&app, request).await?)?;
    let n_made = plan.requests.len();
    let layout =
        Layout { best_of: plan.best_of, n: plan.n, includes_logprobs: plan.includes_logprobs };
    let heading = Heading::new("cmpl-", plan.model);
    let parts = app.generations(plan.requests).await.map_err(Refusal::by_service)?;
    if plan.is_streamed {
        let stream = CompletionStream::new(heading, layout, plan.includes_usage, n_made);
        return sse::stream(parts, stream).await.map_err(Refusal::by_service);
    }
    let mut answers = choices::collect(parts, n_made).await.map_err(Refusal::by_service)?;
    Ok(json_line(&whole(heading, &mut answers, layout))?)
}
