//! `POST /v1/embeddings`

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use camelid_api_types::ApiError;
use camelid_api_types::ollama::{EmbedInput, EmbedRequest, EmbedResponse};
use camelid_api_types::openai::{
    Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage, EmbeddingVector,
};
use serde_json::Value;

use super::respond;
use crate::app::App;
use crate::dialect::{Refusal, read};
use crate::json_body::json_line;

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Floats,
    Base64,
}

/// The handler.
pub(crate) async fn embeddings(State(app): State<App>, request: Request) -> Response {
    respond(answer(app, request).await)
}

async fn answer(app: App, request: Request) -> Result<Response, Refusal> {
    let (native, encoding) = to_native(read(&app, request).await?)?;
    let answer = app.unless_cut(app.service.embed(native)).await.map_err(Refusal::by_service)?;
    Ok(json_line(&list(answer, encoding))?)
}

fn to_native(request: EmbeddingRequest) -> Result<(EmbedRequest, Encoding), ApiError> {
    let encoding = encoding(request.encoding_format.as_deref().unwrap_or_default())?;
    let native = EmbedRequest {
        model: request.model,
        input: input(request.input)?,
        dimensions: request.dimensions.unwrap_or(0),
        keep_alive: request.keep_alive,
        ..EmbedRequest::default()
    };
    Ok((native, encoding))
}

/// An empty text is embedded here, where `/api/embed` takes it for nothing.
fn input(input: Value) -> Result<EmbedInput, ApiError> {
    match input {
        Value::Null => Err(ApiError::bad_request("invalid input")),
        Value::Array(inputs) if inputs.is_empty() => Err(ApiError::bad_request("invalid input")),
        Value::String(text) => Ok(EmbedInput::from_iter([text])),
        input => {
            serde_json::from_value(input).map_err(|error| ApiError::bad_request(error.to_string()))
        }
    }
}

fn encoding(name: &str) -> Result<Encoding, ApiError> {
    match name.to_lowercase().as_str() {
        "" | "float" => Ok(Encoding::Floats),
        "base64" => Ok(Encoding::Base64),
        _ => Err(ApiError::bad_request(format!(
            "Invalid value for 'encoding_format' = {name}. Supported values: ['float', 'base64']."
        ))),
    }
}

fn list(answer: EmbedResponse, encoding: Encoding) -> EmbeddingList {
    let vector = |numbers: Vec<f32>| match encoding {
        Encoding::Floats => EmbeddingVector::Floats(numbers),
        Encoding::Base64 => {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            EmbeddingVector::Base64(STANDARD.encode(bytes))
        }
    };
    let data = answer.embeddings.into_iter().enumerate().map(|(index, numbers)| Embedding {
        object: "embedding".to_owned(),
        embedding: vector(numbers),
        index,
    });
    let n_tokens = answer.prompt_eval_count;
    EmbeddingList {
        object: "list".to_owned(),
        data: data.collect(),
        model: answer.model,
        usage: EmbeddingUsage { prompt_tokens: n_tokens, total_tokens: n_tokens },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn vectors_are_written_in_two_ways() {
        let answer = EmbedResponse {
            model: "m".to_owned(),
            embeddings: vec![vec![1.0, -0.5]],
            prompt_eval_count: 3,
            ..EmbedResponse::default()
        };
        let want = |vector: Value| {
            json!({
                "object": "list", "model": "m",
                "data": [{"object": "embedding", "embedding": vector, "index": 0}],
                "usage": {"prompt_tokens": 3, "total_tokens": 3}
            })
        };
        let got = |encoding| serde_json::to_value(list(answer.clone(), encoding)).expect("data");
        assert_eq!(got(Encoding::Floats), want(json!([1.0, -0.5])));
        assert_eq!(got(Encoding::Base64), want(json!("AACAPwAAAL8=")));
    }

    #[test]
    fn an_empty_text_is_a_text() {
        assert_eq!(input(json!("")), Ok(EmbedInput::from_iter([""])));
        assert_eq!(input(json!(["a"])), Ok(EmbedInput::from_iter(["a"])));
        for nothing in [json!(null), json!([])] {
            assert_eq!(input(nothing).expect_err("nothing").message, "invalid input");
        }
    }

    #[test]
    fn an_unknown_encoding_is_named() {
        assert_eq!(encoding("Base64"), Ok(Encoding::Base64));
        assert_eq!(
            encoding("int8").expect_err("unknown").message,
            "Invalid value for 'encoding_format' = int8. Supported values: ['float', 'base64']."
        );
    }
}
