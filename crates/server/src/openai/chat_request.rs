//! A chat completion request, as native chat requests.

use camelid_api_types::ApiError;
use camelid_api_types::ollama::ChatRequest;
use camelid_api_types::openai::ChatCompletionRequest;
use serde_json::Value;

use super::chat_messages;
use super::options::{n_choices, think, with_seed_of};
use crate::format;
use crate::native_options::NativeOptions;

/// What a request asks for.
#[derive(Debug)]
pub(super) struct ChatPlan {
    /// The model's name, as the answer repeats it.
    pub(super) model: String,
    /// A native request for each answer.
    pub(super) requests: Vec<ChatRequest>,
    /// Whether the answer comes in chunks.
    pub(super) is_streamed: bool,
    /// Whether one more chunk has the counts of tokens.
    pub(super) includes_usage: bool,
}

/// Translates a request.
///
/// # Errors
/// When something in it cannot be what it is.
pub(super) fn plan(mut request: ChatCompletionRequest) -> Result<ChatPlan, ApiError> {
    if request.messages.is_empty() {
        return Err(ApiError::bad_request("[] is too short - 'messages'"));
    }
    let n = n_choices("n", request.n)?;
    let options = options(&mut request).into_map();
    let effort = request.reasoning.and_then(|reasoning| reasoning.effort);
    let native = ChatRequest {
        messages: chat_messages::to_native(request.messages)?,
        model: request.model,
        tools: request.tools,
        tool_choice: request.tool_choice,
        parallel_tool_calls: request.parallel_tool_calls,
        keep_alive: request.keep_alive,
        stream: Some(request.stream),
        format: format::to_native("response_format", request.response_format)?,
        think: think(effort.or(request.reasoning_effort).as_deref())?,
        logprobs: request.logprobs.unwrap_or(false),
        top_logprobs: request.top_logprobs.unwrap_or(0),
        debug_render_only: request.debug_render_only,
        ..ChatRequest::default()
    };
    let of_choice = |i| ChatRequest { options: Some(with_seed_of(&options, i)), ..native.clone() };
    Ok(ChatPlan {
        requests: (0..n).map(of_choice).collect(),
        model: native.model,
        is_streamed: request.stream,
        includes_usage: request.stream_options.is_some_and(|options| options.include_usage),
    })
}

fn options(request: &mut ChatCompletionRequest) -> NativeOptions {
    let mut options = NativeOptions::default();
    options
        .set("num_predict", request.max_completion_tokens.or(request.max_tokens))
        // Not the model's own: OpenAI's clients expect these where they say nothing.
        .set("temperature", Some(request.temperature.unwrap_or(1.0)))
        .set("top_p", Some(request.top_p.unwrap_or(1.0)))
        .set("frequency_penalty", request.frequency_penalty)
        .set("presence_penalty", request.presence_penalty)
        .set("seed", request.seed)
        .set("logit_bias", request.logit_bias.take())
        .set("stop", stop(&request.stop));
    options
}

/// A text or a list of them; elements that are no texts are not looked at.
fn stop(stop: &Value) -> Option<Vec<String>> {
    match stop {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => {
            Some(texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use camelid_api_types::json;
    use serde_json::{Value, json};

    use super::*;

    fn planned(request: &Value) -> Result<ChatPlan, ApiError> {
        plan(json::decode(request.to_string().as_bytes()).expect("a request"))
    }

    fn native(request: &Value) -> Value {
        let plan = planned(request).expect("a valid request");
        serde_json::to_value(&plan.requests[0]).expect("plain data")
    }

    #[test]
    fn what_is_absent_is_openais_default() {
        let messages = json!([{"role": "user", "content": "Hi"}]);
        assert_eq!(
            native(&json!({"model": "m", "messages": messages})),
            json!({
                "model": "m", "messages": messages, "stream": false,
                "options": {"temperature": 1.0, "top_p": 1.0}
            })
        );
    }

    #[test]
    fn everything_that_is_said_is_translated() {
        let messages = json!([{"role": "user", "content": "Hi"}]);
        let request = json!({
            "model": "m", "messages": messages, "stream": true,
            "stream_options": {"include_usage": true},
            "max_tokens": 3, "max_completion_tokens": 4, "temperature": 0, "top_p": 0.5,
            "frequency_penalty": 1, "presence_penalty": -1, "seed": 9, "stop": ["a", 1, "b"],
            "n": 2, "logit_bias": {"5": -100}, "response_format": {"type": "json_object"},
            "tools": [{"type": "function", "function": {"name": "now"}}], "tool_choice": "required",
            "parallel_tool_calls": false, "reasoning_effort": "low", "logprobs": true,
            "top_logprobs": 2, "user": "u", "service_tier": "auto",
            "keep_alive": "90s"
        });
        let want = json!({
            "model": "m", "messages": messages, "stream": true,
            "tools": [{"type": "function",
                "function": {"name": "now", "parameters": {"type": "", "properties": null}}}],
            "tool_choice": "required", "parallel_tool_calls": false, "format": "json",
            "think": "low", "logprobs": true, "top_logprobs": 2, "keep_alive": "1m30s",
            "options": {
                "num_predict": 4, "temperature": 0.0, "top_p": 0.5, "frequency_penalty": 1.0,
                "presence_penalty": -1.0, "seed": 9, "logit_bias": {"5": -100},
                "stop": ["a", "b"]
            }
        });
        assert_eq!(native(&request), want);
        let plan = planned(&request).expect("a valid request");
        assert!(plan.is_streamed && plan.includes_usage);
        assert_eq!(plan.requests.len(), 2);
        let second = plan.requests[1].options.as_ref().expect("options");
        assert_eq!(second["seed"], 10, "another seed gives another answer");
    }

    #[test]
    fn requests_that_cannot_be_are_refused() {
        let cases = [
            (json!({"messages": []}), "[] is too short - 'messages'"),
            (json!({"n": 0}), "n is 0, and must be between 1 and 128"),
            (json!({"n": 1_000_000_000}), "n is 1000000000, and must be between 1 and 128"),
        ];
        for (change, want) in cases {
            let mut request = json!({"messages": [{"role": "user", "content": "Hi"}]});
            request
                .as_object_mut()
                .expect("an object")
                .extend(change.as_object().cloned().into_iter().flatten());
            assert_eq!(planned(&request).expect_err(want).message, want);
        }
    }
}
