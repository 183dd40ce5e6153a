//! One operation: what it takes, what it answers, how it fails.

use std::collections::BTreeMap;

use camelid_api_types::{anthropic, ollama, openai};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// A schema and the name by which others refer to it.
type Named = (String, RefOr<Schema>);

/// What a request may hear instead of an answer, whatever it asks.
const ALWAYS: &[(u16, &str)] = &[
    (401, "No key, or not one that this server knows."),
    (403, "A key, a host or an origin that may not do this."),
    (500, "Something went wrong that the caller cannot mend."),
];

/// The same, of requests about models.
const ABOUT_MODELS: &[(u16, &str)] = &[
    (400, "The request is malformed, or asks for what the model cannot do."),
    (404, "There is no such thing."),
    (413, "The body is larger than the limit."),
    (499, "The caller went away."),
    (501, "This server does not offer it."),
    (502, "Another server, on which this one relied, did not answer as it should."),
    (503, "Busy: the same request may succeed later."),
];

/// One method of one path.
pub(super) struct Operation {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    body: Option<Value>,
    responses: Map<String, Value>,
    /// The reference to its errors' envelope.
    error: Value,
    is_about_models: bool,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Operation {
    fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        let mut operation = Self {
            method,
            path,
            summary,
            body: None,
            responses: Map::new(),
            error: Value::Null,
            is_about_models: false,
            schemas: BTreeMap::new(),
        };
        operation.error = operation.refer_to_error();
        operation
    }

    pub(super) fn get(path: &'static str, summary: &'static str) -> Self {
        Self::new("get", path, summary)
    }

    pub(super) fn head(path: &'static str, summary: &'static str) -> Self {
        Self::new("head", path, summary)
    }

    pub(super) fn post(path: &'static str, summary: &'static str) -> Self {
        Self::new("post", path, summary)
    }

    pub(super) fn delete(path: &'static str, summary: &'static str) -> Self {
        Self::new("delete", path, summary)
    }

    /// Takes an object in JSON.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.body = Some(json!({
            "required": true,
            "content": {"application/json": {"schema": schema}},
        }));
        self.about_models()
    }

    /// Takes bytes.
    pub(super) fn takes_bytes(mut self) -> Self {
        self.body = Some(json!({"required": true, "content": {"application/octet-stream": {}}}));
        self.about_models()
    }

    /// Fails as what is about models does.
    pub(super) fn about_models(mut self) -> Self {
        self.is_about_models = true;
        self
    }

    /// Answers with an object in JSON.
    pub(super) fn answers<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.form("application/json", json!({"schema": schema}))
    }

    /// Or with lines of such objects, as they come.
    pub(super) fn or_lines<T: ToSchema>(mut self) -> Self {
        let (schema, error) = (self.refer::<T>(), self.refer::<ollama::ErrorBody>());
        self.form("application/x-ndjson", json!({"schema": {"anyOf": [schema, error]}}))
    }

    /// Or with server-sent events, the data of each such an object.
    pub(super) fn or_events<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        let media = json!({"schema": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": schema,
        }});
        self.form("text/event-stream", media)
    }

    /// Answers with a text.
    pub(super) fn answers_text(self) -> Self {
        self.form("text/plain", json!({"schema": {"type": "string"}}))
    }

    /// Or says in a text why it takes no requests.
    pub(super) fn or_is_not_ready(mut self) -> Self {
        let response = json!({
            "description": "It takes none, or no longer.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        });
        self.responses.insert("503".to_owned(), response);
        self
    }

    /// Answers with a status and no more.
    pub(super) fn answers_nothing(mut self, status: u16, what: &str) -> Self {
        self.responses.insert(status.to_string(), json!({"description": what}));
        self
    }

    /// Has one more form of its answer.
    fn form(mut self, media_type: &str, media: Value) -> Self {
        let ok = self.responses.entry("200").or_insert_with(|| json!({"description": "Done."}));
        ok["content"][media_type] = media;
        self
    }

    /// Has a schema in the document; returns the reference to it.
    fn refer<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        let mut others: Vec<Named> = Vec::new();
        T::schemas(&mut others);
        self.schemas.extend(others);
        self.schemas.insert(name, T::schema());
        reference
    }

    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    pub(super) fn path(&self) -> &'static str {
        self.path
    }

    /// All schemas that it refers to, by name.
    pub(super) fn into_schemas(self) -> BTreeMap<String, RefOr<Schema>> {
        self.schemas
    }

    /// The operation's object.
    pub(super) fn to_json(&self) -> Value {
        let mut responses = self.responses.clone();
        let of_models = if self.is_about_models { ABOUT_MODELS } else { &[] };
        for (status, what) in ALWAYS.iter().chain(of_models) {
            let mut response = json!({"description": what});
            // An answer to HEAD has no body.
            if self.method != "head" {
                response["content"]["application/json"]["schema"] = self.error.clone();
            }
            responses.entry(status.to_string()).or_insert(response);
        }
        let mut object = json!({
            "summary": self.summary,
            "tags": [self.tag()],
            "operationId": self.id(),
            "responses": responses,
        });
        if let Some(name) = self.parameter() {
            object["parameters"] = json!([
                {"name": name, "in": "path", "required": true, "schema": {"type": "string"}},
            ]);
        }
        if let Some(body) = &self.body {
            object["requestBody"] = body.clone();
        }
        object
    }

    /// The envelope of errors is the dialect's, which the path decides.
    fn refer_to_error(&mut self) -> Value {
        match self.tag() {
            "Anthropic" => self.refer::<anthropic::ErrorBody>(),
            "OpenAI" => self.refer::<openai::ErrorBody>(),
            _ => self.refer::<ollama::ErrorBody>(),
        }
    }

    fn tag(&self) -> &'static str {
        match self.path {
            // Its own handler answers in Ollama's envelope.
            "/v1/rerank" | "/api/rerank" => "Reranking",
            path if path.starts_with("/v1/messages") => "Anthropic",
            path if path.starts_with("/v1/") => "OpenAI",
            path if path.starts_with("/api/") => "Ollama",
            _ => "Server",
        }
    }

    /// The method and the path as one word.
    fn id(&self) -> String {
        let path = self.path.replace(['/', '{', '}', '.', '-'], "_");
        format!("{}_{}", self.method, path.trim_matches('_'))
    }

    /// The name of the path's parameter.
    fn parameter(&self) -> Option<&'static str> {
        let (_, rest) = self.path.split_once('{')?;
        rest.split('}').next()
    }
}
