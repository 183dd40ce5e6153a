//! Every endpoint that generates, with every kind of format: the bundled model's text obeys, whatever
//! it would rather say.

use serde_json::{Map, Value, json};

use crate::dialects::tiny;
use crate::fake::post;

/// How an endpoint writes a JSON schema.
#[derive(Clone, Copy)]
enum Schema {
    /// As it is.
    Bare,
    /// In `schema`, beside its type.
    Beside,
    /// In `json_schema.schema`.
    Named,
}

/// An endpoint: its path, what it asks, where its format stands and its answer's text.
struct Endpoint {
    path: &'static str,
    request: Value,
    format_at: &'static [&'static str],
    schema: Schema,
    text_at: &'static str,
}

/// Whether a text obeys.
type Obeyed = fn(&str) -> bool;

/// Formats with what obeys them. None of it is what the model would say by itself.
fn formats(schema: Schema) -> Vec<(Value, Obeyed)> {
    let object = json!({
        "type": "object", "properties": {"warm": {"type": "boolean"}},
        "required": ["warm"], "additionalProperties": false
    });
    let object = match schema {
        Schema::Bare => object,
        Schema::Beside => json!({"type": "json_schema", "schema": object}),
        Schema::Named => json!({"type": "json_schema", "json_schema": {"schema": object}}),
    };
    let gbnf = "root ::= pair pair \"!\"\npair ::= \"ab\" | \"cd\"\n";
    let lark = "start: \"<\" WORD \">\"\nWORD: /[xyz]{3}/\n";
    vec![
        (json!({"type": "gbnf", "grammar": gbnf}), |text| {
            ["abab!", "abcd!", "cdab!", "cdcd!"].contains(&text)
        }),
        (json!({"type": "lark", "grammar": lark}), |text| {
            let word = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
            word.is_some_and(|word| word.len() == 3 && word.chars().all(|c| "xyz".contains(c)))
        }),
        (json!({"type": "regex", "regex": "[xq]{5}-[0-9]{3}"}), |text| {
            let Some((letters, digits)) = text.split_once('-') else { return false };
            let (letters, digits) = (letters.as_bytes(), digits.as_bytes());
            (letters.len(), digits.len()) == (5, 3)
                && letters.iter().all(|byte| b"xq".contains(byte))
                && digits.iter().all(u8::is_ascii_digit)
        }),
        (json!({"type": "choice", "choices": ["quince", "zebra"]}), |text| {
            ["quince", "zebra"].contains(&text)
        }),
        (object, |text| {
            let read = serde_json::from_str::<Map<String, Value>>(text);
            read.is_ok_and(|object| object.len() == 1 && object["warm"].is_boolean())
        }),
    ]
}

impl Endpoint {
    /// Asks in every format, and looks at what is said.
    async fn obeys_every_format(self) {
        let router = tiny();
        for (format, is_obeyed) in formats(self.schema) {
            let mut request = self.request.clone();
            let place = self.format_at.iter().fold(&mut request, |place, key| &mut place[key]);
            *place = format.clone();
            let reply = post(&router, self.path, request.to_string()).await;
            assert_eq!(reply.status, 200, "{format}: {}", reply.body);
            let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
            let text = answer.pointer(self.text_at).and_then(Value::as_str);
            assert!(text.is_some_and(is_obeyed), "{format}: {text:?}");
        }
    }
}

fn conversation(more: Value) -> Value {
    let mut request = json!({
        "model": "tiny", "stream": false,
        "messages": [{"role": "user", "content": "Why is the sky blue?"}]
    });
    let more = more.as_object().cloned().unwrap_or_default();
    request.as_object_mut().expect("an object").extend(more);
    request
}

#[tokio::test]
async fn generate_obeys_every_format() {
    let endpoint = Endpoint {
        path: "/api/generate",
        request: json!({"model": "tiny", "stream": false, "prompt": "Why is the sky blue?"}),
        format_at: &["format"],
        schema: Schema::Bare,
        text_at: "/response",
    };
    endpoint.obeys_every_format().await;
}

#[tokio::test]
async fn chat_obeys_every_format() {
    let endpoint = Endpoint {
        path: "/api/chat",
        request: conversation(Value::Null),
        format_at: &["format"],
        schema: Schema::Bare,
        text_at: "/message/content",
    };
    endpoint.obeys_every_format().await;
}

#[tokio::test]
async fn chat_completions_obey_every_format() {
    let endpoint = Endpoint {
        path: "/v1/chat/completions",
        request: conversation(Value::Null),
        format_at: &["response_format"],
        schema: Schema::Named,
        text_at: "/choices/0/message/content",
    };
    endpoint.obeys_every_format().await;
}

#[tokio::test]
async fn completions_obey_every_format() {
    let endpoint = Endpoint {
        path: "/v1/completions",
        request: json!({"model": "tiny", "prompt": "Why is the sky blue?"}),
        format_at: &["response_format"],
        schema: Schema::Named,
        text_at: "/choices/0/text",
    };
    endpoint.obeys_every_format().await;
}

#[tokio::test]
async fn responses_obey_every_format() {
    let endpoint = Endpoint {
        path: "/v1/responses",
        request: json!({"model": "tiny", "input": "Why is the sky blue?"}),
        format_at: &["text", "format"],
        schema: Schema::Beside,
        text_at: "/output/0/content/0/text",
    };
    endpoint.obeys_every_format().await;
}

#[tokio::test]
async fn messages_obey_every_format() {
    for format_at in [&["output_config", "format"][..], &["output_format"]] {
        let endpoint = Endpoint {
            path: "/v1/messages",
            request: conversation(json!({"max_tokens": 100})),
            format_at,
            schema: Schema::Beside,
            text_at: "/content/0/text",
        };
        endpoint.obeys_every_format().await;
    }
}
