//! Completing a prompt.

use camelid_api_types::{
    ApiError, ResponseStream, Timestamp,
    ollama::{DoneReason, GenerateRequest, GenerateResponse, Message, Think},
};
use futures_util::{StreamExt, stream};

use super::{
    Prompt, Ready, Rendered, check_completes, does_not_support, manner, once, refuse_images,
    reply::Reply, shape::GenerateShape, think, with_system,
};
use crate::{
    catalog::Entry,
    error::from_loading,
    prompting::{Conversation, Prompting},
    runtime::Runtime,
};

impl Runtime {
    pub(crate) async fn answer_generate(
        &self,
        request: GenerateRequest,
    ) -> Result<ResponseStream<GenerateResponse>, ApiError> {
        let entry = match request.model.trim() {
            "" => return Err(ApiError::not_found("model '' not found")),
            _ => self.find(&request.model)?,
        };
        let part = || GenerateResponse {
            model: request.model.clone(),
            created_at: Timestamp::now(),
            ..GenerateResponse::default()
        };
        let done = |reason| GenerateResponse { done: true, done_reason: Some(reason), ..part() };
        if request.is_unload() {
            self.scheduler.unload(&entry.key());
            return Ok(once(done(DoneReason::Unload)));
        }
        request.check_raw_mode()?;
        refuse_images(!request.images.is_empty())?;
        check_completes(&entry, &request.model, "generate")?;
        let prompting = entry.prompting().map_err(|error| from_loading(&error))?;
        let think = think(&prompting, request.think, &request.model)?;
        if !request.suffix.is_empty() && !prompting.capabilities().insert {
            return Err(does_not_support(&entry, "insert"));
        }
        let prompt_logprobs = request.prompt_logprobs.then_some(request.top_logprobs);
        let mut ready = self.ready(&entry, manner!(request, prompt_logprobs)).await?;
        if request.is_empty() {
            return Ok(once(done(DoneReason::Load)));
        }
        let Rendered { prompt, n_messages_dropped, parser } =
            render(&ready, &prompting, &request, &entry, think)?;
        if request.debug_render_only {
            let debug_info = Some(ready.debug_info(prompt)?);
            return Ok(once(GenerateResponse { debug_info, ..part() }));
        }
        let echoed = || match request.prompt_tokens {
            Some(_) => ready.text_of(prompt.clone()),
            None => request.prompt.clone(),
        };
        let mut echo = (request.echo || request.prompt_logprobs).then(|| GenerateResponse {
            response: if request.echo { echoed() } else { String::new() },
            ..part()
        });
        let is_given_as_tokens = request.prompt_tokens.is_some();
        ready.timing.n_messages_dropped = n_messages_dropped;
        // Without a parser nobody could tell the thought from the answer.
        let formed = match parser {
            Some(_) => ready.think_first(&prompt, think)?,
            None => None,
        };
        let generation = ready.generate(prompt.clone()).await?;
        let context = match prompt {
            Prompt::Marked(text) if !request.raw => Some(text),
            _ => None,
        };
        let shape = GenerateShape { model: request.model, timing: ready.timing, context };
        let mut reply = Reply::begin(generation, ready.model, shape, parser, formed).await?;
        if let Some(echo) = echo.as_mut().filter(|_| request.prompt_logprobs) {
            echo.prompt_logprobs = reply.prompt_logprobs(is_given_as_tokens);
        }
        Ok(stream::iter(echo.map(Ok)).chain(reply).boxed())
    }
}

/// The prompt and the parser for its answer: as it is in raw mode, a gap to be filled where there
/// is a suffix, else a conversation of one message.
fn render(
    ready: &Ready,
    prompting: &Prompting,
    request: &GenerateRequest,
    entry: &Entry,
    think: Option<Think>,
) -> Result<Rendered, ApiError> {
    if let Some(tokens) = &request.prompt_tokens {
        ready.model.check_tokens(tokens)?;
        return Ok(Rendered::as_it_is(Prompt::Tokens(tokens.clone())));
    }
    if request.raw {
        return Ok(Rendered::as_it_is(Prompt::Marked(request.prompt.clone())));
    }
    let own = match request.template.as_str() {
        "" => None,
        text => Some(Prompting::go(text).map_err(|e| ApiError::bad_request(e.to_string()))?),
    };
    let prompting = own.as_ref().unwrap_or(prompting);
    if !request.suffix.is_empty() {
        let prompt = prompting.render_infill(&request.prompt, &request.suffix, think);
        let text = prompt.ok_or_else(|| does_not_support(entry, "insert"))??;
        return Ok(Rendered::as_it_is(Prompt::Marked(text)));
    }
    let mut messages = match &request.context {
        None => entry.parts.messages.clone(),
        Some(_) => Vec::new(),
    };
    messages.push(Message::user(&request.prompt));
    let system = match request.system.as_str() {
        "" => entry.parts.system.as_deref(),
        system => Some(system),
    };
    let messages = with_system(system, messages);
    let conversation = Conversation { messages: &messages, tools: &[], think };
    let mut rendered = ready.render(prompting, conversation)?;
    let before = request.context.as_deref().unwrap_or(&[]);
    if let Prompt::Marked(text) = &mut rendered.prompt {
        text.insert_str(0, &ready.model.engine.tokenizer().decode_all(before));
    }
    Ok(rendered)
}
