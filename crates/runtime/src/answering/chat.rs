//! Continuing a conversation.

use camelid_api_types::{
    ApiError, ResponseStream, Timestamp,
    ollama::{ChatRequest, ChatResponse, DoneReason, Message, Think, ToolChoice},
};
use futures_util::StreamExt;

use super::{
    Ready, Rendered, check_completes, does_not_support, manner, once, refuse_images, reply::Reply,
    shape::ChatShape, think, tool_choice, with_system,
};
use crate::{
    catalog::Entry,
    error::from_loading,
    prompting::{Conversation, Prompting},
    runtime::Runtime,
};

impl Runtime {
    pub(crate) async fn answer_chat(
        &self,
        request: ChatRequest,
    ) -> Result<ResponseStream<ChatResponse>, ApiError> {
        let entry = match request.model.trim() {
            "" => return Err(ApiError::bad_request("model is required")),
            _ => self.find(&request.model)?,
        };
        let part = |message| ChatResponse {
            model: request.model.clone(),
            created_at: Timestamp::now(),
            message,
            ..ChatResponse::default()
        };
        let done = |reason| ChatResponse {
            done: true,
            done_reason: Some(reason),
            ..part(Message::assistant(""))
        };
        if request.is_unload() {
            self.scheduler.unload(&entry.key());
            return Ok(once(done(DoneReason::Unload)));
        }
        refuse_images(request.messages.iter().any(|message| !message.images.is_empty()))?;
        check_completes(&entry, &request.model, "chat")?;
        let prompting = entry.prompting().map_err(|error| from_loading(&error))?;
        let choice = request.tool_choice.as_ref();
        let is_forced = choice.is_some_and(ToolChoice::is_forced);
        let think = match think(&prompting, request.think, &request.model)? {
            Some(_) if is_forced => Some(Think::Off),
            think => think,
        };
        if !request.tools.is_empty() && !prompting.capabilities().tools {
            return Err(does_not_support(&entry, "tools"));
        }
        let mut ready = self.ready(&entry, manner!(request)).await?;
        if request.messages.is_empty() {
            return Ok(once(done(DoneReason::Load)));
        }
        ready.hold_to_call(&prompting, &request)?;
        // A model that is shown no tools calls none.
        let tools = match choice {
            Some(ToolChoice::None) => &[],
            _ => request.tools.as_slice(),
        };
        let messages = with_messages(&entry, request.messages);
        let conversation = Conversation { messages: &messages, tools, think };
        let Rendered { prompt, n_messages_dropped, parser } =
            ready.render(&prompting, conversation)?;
        if request.debug_render_only {
            let debug_info = Some(ready.debug_info(prompt)?);
            return Ok(once(ChatResponse { debug_info, ..part(Message::default()) }));
        }
        ready.timing.n_messages_dropped = n_messages_dropped;
        let formed = ready.think_first(&prompt, think)?;
        let generation = ready.generate(prompt).await?;
        let is_single_call = request.parallel_tool_calls == Some(false);
        let shape = ChatShape { model: request.model, timing: ready.timing, is_single_call };
        Ok(Reply::begin(generation, ready.model, shape, parser, formed).await?.boxed())
    }
}

impl Ready {
    /// Holds the answer to a tool call where the request wants one. Thinking is off then: the
    /// grammar begins with the call.
    fn hold_to_call(
        &mut self,
        prompting: &Prompting,
        request: &ChatRequest,
    ) -> Result<(), ApiError> {
        let choice = request.tool_choice.clone().unwrap_or_default();
        let style = prompting.call_style();
        let parallel = request.parallel_tool_calls.unwrap_or(true);
        let tokenizer = self.model.engine.tokenizer();
        let call = tool_choice::grammar(style, &request.tools, &choice, parallel, tokenizer)?;
        self.rules.grammar = call.or(self.rules.grammar.take());
        Ok(())
    }
}

/// A chat's messages behind the model's own and its system text.
fn with_messages(entry: &Entry, messages: Vec<Message>) -> Vec<Message> {
    let brings_system = messages.first().is_some_and(|first| first.role == "system");
    let system = entry.parts.system.as_deref().filter(|_| !brings_system);
    with_system(system, [entry.parts.messages.clone(), messages].concat())
}
