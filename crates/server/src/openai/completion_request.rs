//! A completion request, as native generate requests.
//!
//! A prompt is a text, which goes through the model's template as Ollama does it, or token ids,
//! which go to the model as they are. Answers to one prompt stand together.

use camelid_api_types::ApiError;
use camelid_api_types::ollama::GenerateRequest;
use camelid_api_types::openai::CompletionRequest;
use serde_json::Value;

use super::options::{n_choices, with_seed_of};
use crate::choices::MAX_CHOICES;
use crate::format;
use crate::native_options::NativeOptions;

/// What a request asks for.
#[derive(Debug)]
pub(super) struct CompletionPlan {
    /// The model's name, as the answer repeats it.
    pub(super) model: String,
    /// A native request for each answer that is made: `best_of` for each prompt.
    pub(super) requests: Vec<GenerateRequest>,
    /// How many answers to a prompt are made.
    pub(super) best_of: usize,
    /// How many of those are given.
    pub(super) n: usize,
    /// Whether the answers come in chunks.
    pub(super) is_streamed: bool,
    /// Whether chunks have the counts of tokens.
    pub(super) includes_usage: bool,
    /// Whether answers have log-probabilities.
    pub(super) includes_logprobs: bool,
}

/// Translates a request.
///
/// # Errors
/// When something in it cannot be what it is.
pub(super) fn plan(mut request: CompletionRequest) -> Result<CompletionPlan, ApiError> {
    let (n, best_of) = counts(&request)?;
    let prompts = prompts(request.prompt.take())?;
    if prompts.len().saturating_mul(best_of) > MAX_CHOICES {
        let message = format!(
            "{} prompts with {best_of} answers each are asked for, and at most {MAX_CHOICES} answers are given",
            prompts.len()
        );
        return Err(ApiError::bad_request(message));
    }
    let includes_logprobs = request.logprobs.is_some();
    let scores_prompt = request.echo && includes_logprobs;
    if scores_prompt && !request.suffix.is_empty() {
        return Err(ApiError::bad_request(
            "logprobs of an echoed prompt are not available with a suffix",
        ));
    }
    let options = options(&mut request)?.into_map();
    let native = GenerateRequest {
        model: request.model,
        suffix: request.suffix,
        echo: request.echo,
        // What is told of the text's tokens has to be about that text, and not about a template's.
        raw: scores_prompt,
        prompt_logprobs: scores_prompt,
        format: format::to_native("response_format", request.response_format)?,
        keep_alive: request.keep_alive,
        stream: Some(request.stream),
        // The likeliest answers are found by the probabilities of their tokens.
        logprobs: includes_logprobs || best_of > n,
        top_logprobs: request.logprobs.unwrap_or(0),
        debug_render_only: request.debug_render_only,
        ..GenerateRequest::default()
    };
    let requests = prompts.iter().flat_map(|prompt| {
        (0..best_of).map(|i| {
            let options = Some(with_seed_of(&options, i));
            let (prompt, prompt_tokens) = prompt.clone().into_fields();
            GenerateRequest { prompt, prompt_tokens, options, ..native.clone() }
        })
    });
    Ok(CompletionPlan {
        requests: requests.collect(),
        model: native.model,
        best_of,
        n,
        is_streamed: request.stream,
        includes_usage: request.stream_options.is_some_and(|options| options.include_usage),
        includes_logprobs,
    })
}

/// How many answers to a prompt are given, and how many are made for that.
fn counts(request: &CompletionRequest) -> Result<(usize, usize), ApiError> {
    let n = n_choices("n", request.n)?;
    let best_of = n_choices("best_of", request.best_of.or(request.n))?;
    if best_of < n {
        let message = format!("best_of is {best_of}, and must not be less than n, which is {n}");
        return Err(ApiError::bad_request(message));
    }
    if request.stream && best_of > n {
        return Err(ApiError::bad_request("best_of cannot be streamed"));
    }
    Ok((n, best_of))
}

/// One of the prompts.
#[derive(Debug, Clone, PartialEq)]
enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

impl Prompt {
    fn into_fields(self) -> (String, Option<Vec<u32>>) {
        match self {
            Self::Text(text) => (text, None),
            Self::Tokens(tokens) => (String::new(), Some(tokens)),
        }
    }
}

fn prompts(prompt: Value) -> Result<Vec<Prompt>, ApiError> {
    let invalid = || {
        ApiError::bad_request(
            "prompt must be a string, an array of strings, an array of token ids, or an array of those",
        )
    };
    match prompt {
        Value::Null => Ok(vec![Prompt::Text(String::new())]),
        Value::String(text) => Ok(vec![Prompt::Text(text)]),
        Value::Array(elements) if elements.is_empty() => Err(invalid()),
        Value::Array(elements) if elements.iter().all(Value::is_number) => {
            Ok(vec![tokens(&elements).ok_or_else(invalid)?])
        }
        Value::Array(elements) => elements
            .into_iter()
            .map(|element| match element {
                Value::String(text) => Some(Prompt::Text(text)),
                Value::Array(ids) if !ids.is_empty() => tokens(&ids),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or_else(invalid),
        _ => Err(invalid()),
    }
}

fn tokens(ids: &[Value]) -> Option<Prompt> {
    let id = |id: &Value| u32::try_from(id.as_u64()?).ok();
    ids.iter().map(id).collect::<Option<_>>().map(Prompt::Tokens)
}

fn options(request: &mut CompletionRequest) -> Result<NativeOptions, ApiError> {
    let mut options = NativeOptions::default();
    options
        .set("num_predict", request.max_tokens)
        .set("temperature", Some(request.temperature.unwrap_or(1.0)))
        .set("top_p", Some(request.top_p.filter(|&top_p| top_p != 0.0).unwrap_or(1.0)))
        .set("frequency_penalty", Some(request.frequency_penalty))
        .set("presence_penalty", Some(request.presence_penalty))
        .set("seed", request.seed)
        .set("logit_bias", request.logit_bias.take())
        .set("stop", stop(&request.stop)?);
    Ok(options)
}

fn stop(stop: &Value) -> Result<Option<Vec<String>>, ApiError> {
    let invalid =
        |kind: &str| ApiError::bad_request(format!("invalid type for 'stop' field: {kind}"));
    match stop {
        Value::String(text) => Ok(Some(vec![text.clone()])),
        Value::Array(texts) => {
            let text = |text: &Value| match text {
                Value::String(text) => Ok(text.clone()),
                Value::Number(_) => Err(invalid("float64")),
                Value::Bool(_) => Err(invalid("bool")),
                Value::Null => Err(invalid("<nil>")),
                _ => Err(invalid("object")),
            };
            texts.iter().map(text).collect::<Result<_, _>>().map(Some)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use camelid_api_types::json;
    use serde_json::json;

    use super::*;

    fn planned(request: &Value) -> Result<CompletionPlan, String> {
        let request = json::decode(request.to_string().as_bytes()).expect("a request");
        plan(request).map_err(|error| error.message)
    }

    #[test]
    fn a_request_is_translated() {
        let plan = planned(&json!({
            "model": "m", "prompt": "Hi", "suffix": "!", "max_tokens": 5, "top_p": 0, "seed": 1,
            "stop": "x", "echo": true, "logit_bias": {"1": 2}
        }));
        assert_eq!(
            serde_json::to_value(&plan.expect("a valid request").requests).expect("plain data"),
            json!([{
                "model": "m", "prompt": "Hi", "suffix": "!", "echo": true, "stream": false,
                "options": {
                    "num_predict": 5, "temperature": 1.0, "top_p": 1.0, "frequency_penalty": 0.0,
                    "presence_penalty": 0.0, "seed": 1, "logit_bias": {"1": 2}, "stop": ["x"]
                }
            }])
        );
    }

    #[test]
    fn prompts_come_in_four_forms() {
        let text = |text: &str| Prompt::Text(text.to_owned());
        let cases = [
            (json!("a"), vec![text("a")]),
            (json!(["a", "b"]), vec![text("a"), text("b")]),
            (json!([1, 2]), vec![Prompt::Tokens(vec![1, 2])]),
            (json!([[1], [2, 3]]), vec![Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2, 3])]),
        ];
        for (wire, want) in cases {
            assert_eq!(prompts(wire), Ok(want));
        }
        for wire in [json!([]), json!(5), json!([1.5]), json!([-1]), json!([[]]), json!(["a", 1])] {
            assert!(prompts(wire.clone()).is_err(), "{wire}");
        }
    }

    #[test]
    fn a_prompt_that_is_echoed_with_probabilities_goes_to_the_model_as_it_is() {
        let asked = |request: Value| {
            let plan = planned(&request).expect("valid");
            (plan.requests[0].raw, plan.requests[0].prompt_logprobs)
        };
        assert_eq!(asked(json!({"prompt": "a", "echo": true, "logprobs": 0})), (true, true));
        assert_eq!(asked(json!({"prompt": "a", "echo": true})), (false, false));
        assert_eq!(asked(json!({"prompt": "a", "logprobs": 5})), (false, false));
    }

    #[test]
    fn answers_to_one_prompt_stand_together() {
        let plan = planned(&json!({"prompt": ["a", "b"], "n": 2, "best_of": 3})).expect("valid");
        let prompts: Vec<&str> = plan.requests.iter().map(|r| r.prompt.as_str()).collect();
        assert_eq!(prompts, ["a", "a", "a", "b", "b", "b"]);
        assert!(plan.requests[0].logprobs && !plan.includes_logprobs);
    }

    #[test]
    fn requests_that_cannot_be_are_refused() {
        let many: Vec<String> = (0..129).map(|i| i.to_string()).collect();
        let cases = [
            (
                json!({"n": 2, "best_of": 1}),
                "best_of is 1, and must not be less than n, which is 2",
            ),
            (json!({"stream": true, "best_of": 2}), "best_of cannot be streamed"),
            (json!({"stop": ["a", 5]}), "invalid type for 'stop' field: float64"),
            (
                json!({"echo": true, "logprobs": 1, "suffix": "!"}),
                "logprobs of an echoed prompt are not available with a suffix",
            ),
            (
                json!({"prompt": many}),
                "129 prompts with 1 answers each are asked for, and at most 128 answers are given",
            ),
        ];
        for (request, want) in cases {
            assert_eq!(planned(&request).expect_err(want), want);
        }
    }
}
