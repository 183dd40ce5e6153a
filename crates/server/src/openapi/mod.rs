//! `GET /openapi.json`: this server as OpenAPI 3.1 describes one.
//!
//! `table` has a line per operation, `operation` makes each one's object, and the schemas come from
//! the wire's own types. Tests hold the table against the router.

mod operation;
mod table;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use operation::Operation;

/// The handler.
pub(crate) async fn openapi() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document(table::operations()).to_string());
    let mut response = TEXT.as_str().into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn document(operations: Vec<Operation>) -> Value {
    let mut paths = Map::new();
    let mut schemas = BTreeMap::new();
    for operation in operations {
        let path = paths.entry(operation.path()).or_insert_with(|| json!({}));
        path[operation.method()] = operation.to_json();
        schemas.extend(operation.into_schemas());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Camelid",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Language models run here. The APIs are those of Ollama (`/api`), OpenAI \
                and Anthropic (`/v1`). A key, where the server asks for one, is a bearer token or \
                the header `x-api-key`. Absent fields and null mean the same. What answers GET \
                answers HEAD too.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        // None at all is enough where the server has no keys.
        "security": [{}, {"bearer": []}, {"header": []}],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            _ => {}
        }
    }

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = document(table::operations());
        let described = document["paths"].as_object().expect("paths").keys();
        let described: BTreeSet<&str> = described.map(String::as_str).collect();
        assert_eq!(described, BTreeSet::from_iter(crate::routes::paths()));
    }

    #[test]
    fn references_lead_somewhere_and_every_schema_is_needed() {
        let document = document(table::operations());
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{} references", found.len());
        for reference in &found {
            let pointer = reference.strip_prefix('#').expect("a place in this document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        for name in schemas.keys() {
            let reference = format!("#/components/schemas/{name}");
            assert!(found.contains(&reference.as_str()), "{name} is not referred to");
        }
    }

    #[test]
    fn types_of_the_same_name_are_kept_apart() {
        let document = document(table::operations());
        let error =
            |name: &str| document["components"]["schemas"][name]["properties"]["error"].clone();
        assert_eq!(error("ErrorBody")["type"], "string");
        assert_eq!(error("openai.ErrorBody")["$ref"], "#/components/schemas/openai.ErrorDetail");
        assert_eq!(
            error("anthropic.ErrorBody")["$ref"],
            "#/components/schemas/anthropic.ErrorDetail"
        );
    }

    #[test]
    fn both_forms_of_an_answer_are_there() {
        let document = document(table::operations());
        let content =
            |path: &str| document["paths"][path]["post"]["responses"]["200"]["content"].clone();
        let chat = content("/api/chat");
        assert_eq!(chat["application/json"]["schema"]["$ref"], "#/components/schemas/ChatResponse");
        assert!(chat["application/x-ndjson"].is_object());
        assert!(content("/v1/chat/completions")["text/event-stream"].is_object());
        assert!(content("/api/embed").get("application/x-ndjson").is_none());
    }
}
