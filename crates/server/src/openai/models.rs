//! `GET /v1/models` and `GET /v1/models/{model}`

use axum::extract::{Path, State};
use axum::response::Response;
use camelid_api_types::ApiError;
use camelid_api_types::ollama::ModelSummary;
use camelid_api_types::openai::{Model, ModelList};

use super::respond;
use crate::app::App;
use crate::dialect::Refusal;
use crate::json_body::json_line;

/// All of them.
pub(crate) async fn models(State(app): State<App>) -> Response {
    respond(all(&app).await)
}

/// One of them, by its name.
pub(crate) async fn model(State(app): State<App>, Path(id): Path<String>) -> Response {
    respond(one(&app, &id).await)
}

async fn all(app: &App) -> Result<Response, Refusal> {
    let list = app.service.list().await.map_err(Refusal::by_service)?;
    let models: Vec<Model> = list.models.iter().map(to_model).collect();
    let data = (!models.is_empty()).then_some(models);
    Ok(json_line(&ModelList { object: "list".to_owned(), data })?)
}

async fn one(app: &App, id: &str) -> Result<Response, Refusal> {
    let list = app.service.list().await.map_err(Refusal::by_service)?;
    let tagged = with_tag(id);
    let found = list.models.iter().find(|model| model.name.eq_ignore_ascii_case(&tagged));
    let found = found.ok_or_else(|| {
        Refusal::by_service(ApiError::not_found(format!("model '{tagged}' not found")))
    })?;
    Ok(json_line(&Model { id: id.to_owned(), ..to_model(found) })?)
}

fn to_model(summary: &ModelSummary) -> Model {
    Model {
        id: summary.name.clone(),
        object: "model".to_owned(),
        created: summary.modified_at.as_second(),
        owned_by: owner(&summary.name).to_owned(),
    }
}

/// The namespace in a name's display form, `library` where there is none.
fn owner(name: &str) -> &str {
    let mut parts = name.rsplit('/').skip(1);
    parts.next().unwrap_or("library")
}

/// A name with its tag, `latest` where it has none.
fn with_tag(name: &str) -> String {
    let model = name.rsplit('/').next().unwrap_or(name);
    if model.contains(':') { name.to_owned() } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_owner() {
        for (name, want) in [
            ("tiny:latest", "library"),
            ("me/tiny:latest", "me"),
            ("host.example:80/me/tiny:1b", "me"),
        ] {
            assert_eq!(owner(name), want);
        }
    }

    #[test]
    fn a_name_without_a_tag_means_the_latest() {
        assert_eq!(with_tag("tiny"), "tiny:latest");
        assert_eq!(with_tag("host:80/me/tiny"), "host:80/me/tiny:latest");
        assert_eq!(with_tag("tiny:q4"), "tiny:q4");
    }
}
