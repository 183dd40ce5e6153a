//! What a request can say here that Ollama's cannot: the fields that other dialects need.

use camelid_api_types::ollama::ToolChoice;

use super::*;

const ONLY_PARIS: &str = "Paris";

fn weather(name: &str) -> Tool {
    serde_json::from_value(json!({"type": "function", "function": {
        "name": name,
        "description": "Get the current weather for a city",
        "parameters": {"type": "object", "required": ["city"],
            "properties": {"city": {"type": "string", "description": "The city"}}}
    }}))
    .unwrap()
}

fn with_tools(choice: ToolChoice) -> ChatRequest {
    ChatRequest {
        tools: vec![weather("get_current_weather"), weather("get_forecast")],
        tool_choice: Some(choice),
        options: options(json!({"temperature": 0, "num_predict": 80})),
        // Nothing that would make a model call a tool by itself.
        ..chat_request(vec![Message::user("Tell me a story.")])
    }
}

#[tokio::test]
async fn a_tool_that_must_be_called_is_called() {
    for (choice, name) in [
        (ToolChoice::Required, None),
        (ToolChoice::Named("get_forecast".to_owned()), Some("get_forecast")),
    ] {
        let message = chat(with_tools(choice)).await.unwrap().message;
        let call = &message.tool_calls[0].function;
        assert!(name.is_none_or(|name| call.name == name), "{call:?}");
        assert!(call.arguments["city"].is_string(), "{call:?}");
        assert_eq!(message.content, "");
    }
}

#[tokio::test]
async fn no_tool_is_called_where_none_may_be() {
    let request = ChatRequest {
        messages: vec![Message::user("What is the weather in Paris?")],
        ..with_tools(ToolChoice::None)
    };
    assert_eq!(chat(request).await.unwrap().message.tool_calls, []);
}

#[tokio::test]
async fn a_tool_that_nobody_offers_cannot_be_called() {
    let error = chat(with_tools(ToolChoice::Named("sing".to_owned()))).await.unwrap_err();
    let want = "tool `sing` is not one of the request's: `get_current_weather`, `get_forecast`";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::BadRequest, want));
}

#[tokio::test]
async fn grammars_bind_the_answer() {
    for (format, text) in [
        (Format::Regex("[0-9]{3}".to_owned()), None),
        (Format::Lark("start: \"Rome\"".to_owned()), Some("Rome")),
        (Format::Gbnf("root ::= \"Ro\" end\nend ::= \"me\"".to_owned()), Some("Rome")),
        (Format::Choice(vec!["Rome".to_owned(), ONLY_PARIS.to_owned()]), Some(ONLY_PARIS)),
    ] {
        let request = ChatRequest {
            format: Some(format.clone()),
            ..chat_request(vec![Message::user(QUESTION)])
        };
        let content = chat(request).await.unwrap().message.content;
        match text {
            Some(text) => assert_eq!(content, text, "{format:?}"),
            None => assert!(content.len() == 3 && content.parse::<u16>().is_ok(), "{content}"),
        }
    }
}

#[tokio::test]
async fn a_grammar_that_is_wrong_is_refused_with_its_place_told_once() {
    let format = Some(Format::Gbnf("root ::= \"a\"\nnext ::= <think>".to_owned()));
    let request = ChatRequest { format, ..chat_request(vec![Message::user(QUESTION)]) };
    let error = chat(request).await.unwrap_err();
    let want = "the grammar cannot be used: line 2, column 10: tokens (`<think>`) are not supported \
        in grammars, only texts";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::BadRequest, want));
}

#[tokio::test]
async fn a_biased_token_stays_away() {
    // 355 is "The", with which the answer begins otherwise.
    let biased = json!({"temperature": 0, "num_predict": 4, "logit_bias": {"355": -100}});
    let answer =
        generate(GenerateRequest { options: options(biased), ..generate_request(QUESTION) });
    let text = answer.await.unwrap().response;
    assert!(!text.starts_with("The"), "{text}");
}

#[tokio::test]
async fn a_prompt_of_tokens_is_run_as_it_is_and_echoed_as_text() {
    let request = GenerateRequest {
        prompt: String::new(),
        prompt_tokens: Some(vec![592, 390, 1843]),
        echo: true,
        ..generate_request("")
    };
    let answer = generate(request).await.unwrap();
    assert!(answer.response.starts_with(" capital of France"), "{}", answer.response);
    assert_eq!((answer.metrics.prompt_eval_count, answer.context.len()), (3, 0));
}

#[tokio::test]
async fn a_token_that_the_model_does_not_have_is_refused() {
    let request =
        GenerateRequest { prompt_tokens: Some(vec![1, 1_000_000]), ..generate_request("") };
    let error = generate(request).await.unwrap_err();
    let want = "token 1000000 is not one of the model's 2638";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::BadRequest, want));
}

#[tokio::test]
async fn what_was_cached_and_what_was_dropped_is_told() {
    let runtime = runtime();
    let ask = async |request: ChatRequest| {
        let parts = runtime.chat(request).await.unwrap().try_collect().await.unwrap();
        fold::<ChatResponse>(parts).metrics
    };
    let request = chat_request(vec![Message::user(QUESTION)]);
    assert_eq!(ask(request.clone()).await.prompt_cached_count, 0);
    assert!(ask(request).await.prompt_cached_count > 10);
    let old = Message::user("Tell me a story about a duck and a dog. ".repeat(10));
    let mut request = chat_request(vec![old, Message::assistant("No."), Message::user(QUESTION)]);
    request.options = options(json!({"temperature": 0, "num_predict": 2, "num_ctx": 64}));
    let metrics = ask(request).await;
    assert_eq!((metrics.messages_dropped_count, metrics.prompt_dropped_count), (1, 0));
    let raw = GenerateRequest {
        raw: true,
        options: options(json!({"temperature": 0, "num_predict": 2, "num_ctx": 64})),
        ..generate_request(&"one two three ".repeat(100))
    };
    let parts = runtime.generate(raw).await.unwrap().try_collect().await.unwrap();
    let metrics = fold::<GenerateResponse>(parts).metrics;
    assert!(metrics.prompt_dropped_count > 100, "{metrics:?}");
}

#[tokio::test]
async fn the_tokens_of_a_prompt_can_be_counted() {
    let request =
        ChatRequest { debug_render_only: true, ..chat_request(vec![Message::user(QUESTION)]) };
    let info = chat(request).await.unwrap().debug_info.unwrap();
    assert_eq!(info.token_count, 15);
}

#[tokio::test]
async fn a_prompt_s_tokens_are_as_likely_as_if_they_had_been_generated() {
    let raw = |prompt: &str, n: i64| GenerateRequest {
        raw: true,
        logprobs: true,
        top_logprobs: 1,
        options: options(json!({"temperature": 0, "num_predict": n})),
        ..generate_request(prompt)
    };
    let prompt = "Once upon a time";
    let said = generate(raw(prompt, 3)).await.unwrap();
    let all = format!("{prompt}{}", said.response);
    let request = GenerateRequest { prompt_logprobs: true, ..raw(&all, 0) };
    let scored = generate(request.clone()).await.unwrap();
    let told = &scored.prompt_logprobs;
    assert_eq!(told.iter().map(|l| l.token.as_str()).collect::<String>(), all);
    assert_eq!((told[0].logprob, told[0].top_logprobs.len()), (None, 0));
    assert_eq!((scored.response.as_str(), scored.logprobs.len()), ("", 0));
    assert_eq!((scored.done_reason, scored.metrics.eval_count), (Some(DoneReason::Length), 0));
    let tail = &told[told.len() - said.logprobs.len()..];
    for (told, said) in tail.iter().zip(&said.logprobs) {
        assert_eq!(told.token, said.token);
        assert!((told.logprob.unwrap() - said.logprob).abs() < 1e-3, "{told:?} {said:?}");
        assert_eq!(told.top_logprobs[0].token, said.token, "greedily chosen");
    }
    // Among other parts they are the first one's, with the prompt where it is to be echoed.
    let request = GenerateRequest { echo: true, ..request };
    let parts: Vec<_> =
        runtime().generate(request).await.unwrap().try_collect::<Vec<_>>().await.unwrap();
    assert_eq!((&parts[0].response, parts[0].prompt_logprobs.len()), (&all, told.len()));
    assert!(parts[1..].iter().all(|part| part.prompt_logprobs.is_empty()));
}
