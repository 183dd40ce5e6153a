//! [`Runtime`]: models by name, in this process, behind [`Service`].

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use camelid_api_types::{
    ApiError, ErrorKind, ResponseStream, Service, Timestamp,
    ollama::{
        ChatRequest, ChatResponse, DebugInfo, DoneReason, Format, GenerateRequest,
        GenerateResponse, KeepAlive, ListResponse, Message, Options, Think, ToolChoice,
        VersionResponse,
    },
};
use camelid_engine::{Generation, Prompt};
use camelid_template::OutputParser;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use crate::{
    catalog::Catalog,
    config::Config,
    entry::Entry,
    error::{from_engine, from_loading},
    loaded::{Loaded, Rendered},
    model_reference::{ModelReference, ModelSource},
    options::{self, Rules},
    prompting::{Conversation, Prompting},
    reply::{ChatShape, GenerateShape, Reply, Timing},
    residents::{Lease, Residents},
    tool_choice,
};

/// Models by name, loaded when they are asked for.
///
/// Needs a tokio runtime around it. Cheap to clone; clones share the loaded models.
#[derive(Debug, Clone)]
pub struct Runtime {
    catalog: Arc<Catalog>,
    config: Arc<Config>,
    residents: Arc<Residents<Loaded>>,
}

/// A model that is ready, and what this request makes of it.
struct Ready {
    model: Lease<Loaded>,
    options: Options,
    rules: Rules,
    timing: Timing,
}

/// The parts of a request that say how, not what.
struct Manner<'a> {
    options: Option<&'a Map<String, Value>>,
    keep_alive: Option<KeepAlive>,
    truncate: Option<bool>,
    shift: Option<bool>,
    format: Option<&'a Format>,
    /// How many beside each token's own, where any are asked for.
    logprobs: Option<i64>,
}

/// Both kinds of request have these fields.
macro_rules! manner {
    ($request:expr) => {
        Manner {
            options: $request.options.as_ref(),
            keep_alive: $request.keep_alive,
            truncate: $request.truncate,
            shift: $request.shift,
            format: $request.format.as_ref(),
            logprobs: $request.logprobs.then_some($request.top_logprobs),
        }
    };
}

impl Runtime {
    /// A runtime with the models of `catalog` and none loaded.
    #[must_use]
    pub fn new(catalog: Catalog, config: Config) -> Self {
        let residents = Residents::new();
        Self { catalog: Arc::new(catalog), config: Arc::new(config), residents }
    }

    /// The model a request names.
    fn find(&self, name: &str) -> Result<Arc<Entry>, ApiError> {
        let reference: ModelReference =
            name.parse().map_err(|_| ApiError::bad_request("invalid model name"))?;
        if reference.source == ModelSource::Cloud {
            let message = "ollama cloud is disabled: remote model is unavailable";
            return Err(ApiError::new(ErrorKind::Forbidden, message));
        }
        let entry = self.catalog.find(&reference.name).map_err(|error| from_loading(&error))?;
        entry.ok_or_else(|| ApiError::not_found(format!("model '{name}' not found")))
    }

    async fn ready(&self, entry: &Arc<Entry>, manner: Manner<'_>) -> Result<Ready, ApiError> {
        let started = Instant::now();
        let options = options::merge(manner.options, &entry.manners.parameters)?;
        let file = entry.open().map_err(|error| from_loading(&error))?;
        let spec = camelid_engine::ModelSpec::from_metadata(file.metadata());
        let n_ctx_train = spec.map_err(|error| from_loading(&error))?.n_ctx_train;
        let n_ctx = options::n_ctx(&options, self.config.n_ctx, n_ctx_train);
        let config = Arc::clone(&self.config);
        let load = async move {
            tracing::info!(model = %entry.name, n_ctx, "loading");
            let template = Arc::clone(entry);
            let load = tokio::task::spawn_blocking(move || {
                Loaded::new(file, template.manners.template.as_deref(), n_ctx, &config)
            });
            match load.await {
                Ok(loaded) => loaded.map_err(|error| from_loading(&error)),
                Err(panic) => Err(from_loading(&panic)),
            }
        };
        let keep_alive = (manner.keep_alive, self.config.keep_alive);
        let is_fit = |loaded: &Loaded| loaded.engine.n_ctx() >= n_ctx;
        let model = self.residents.acquire(&entry.name, keep_alive, is_fit, load).await?;
        let grammar = manner.format.map(options::grammar).transpose()?;
        let rules = Rules {
            n_ctx,
            truncate: manner.truncate.unwrap_or(true),
            shift: manner.shift.unwrap_or(true),
            grammar,
            logprobs: manner.logprobs.map(|n| usize::try_from(n).unwrap_or(0)),
        };
        let timing =
            Timing { started, load: started.elapsed(), n_messages_dropped: 0, n_prompt_asked: 0 };
        Ok(Ready { model, options, rules, timing })
    }
}

impl Ready {
    /// The conversation's prompt, and the parser for the answer to it.
    fn prompt(
        &self,
        prompting: &Prompting,
        conversation: Conversation<'_>,
    ) -> Result<(Rendered, OutputParser), ApiError> {
        let n_ctx = self.rules.truncate.then_some(self.rules.n_ctx);
        let prompt = self.model.prompt(prompting, conversation, n_ctx)?;
        let parser = prompting.parser(&prompt.text, conversation);
        Ok((prompt, parser))
    }

    /// Holds the answer to a tool call where the request wants one. Thinking is off then: the
    /// grammar begins with the call.
    fn hold_to_call(&mut self, request: &ChatRequest) -> Result<(), ApiError> {
        let choice = request.tool_choice.clone().unwrap_or_default();
        let style = self.model.prompting.call_style();
        let parallel = request.parallel_tool_calls.unwrap_or(true);
        let tokenizer = self.model.engine.tokenizer();
        let call = tool_choice::grammar(style, &request.tools, &choice, parallel, tokenizer)?;
        self.rules.grammar = call.or(self.rules.grammar.take());
        Ok(())
    }

    /// A prompt as text.
    fn text_of(&self, prompt: Prompt) -> String {
        match prompt {
            Prompt::Text(text) => text,
            Prompt::Tokens(tokens) => self.model.engine.tokenizer().decode_all(&tokens),
        }
    }

    /// What was asked for instead of an answer: the prompt.
    fn debug_info(&self, prompt: String) -> Result<DebugInfo, ApiError> {
        let token_count = self.model.count_tokens(&prompt)? as u64;
        Ok(DebugInfo { rendered_template: prompt, token_count, ..DebugInfo::default() })
    }

    /// Off tokio's threads: a long prompt's tokens and a large grammar take their time.
    ///
    /// Notes in `timing` how long the prompt was.
    async fn generate(&mut self, prompt: impl Into<Prompt>) -> Result<Generation, ApiError> {
        let prompt = prompt.into();
        let options = options::to_engine(&self.options, &self.rules);
        let engine = self.model.engine.clone();
        let begin = tokio::task::spawn_blocking(move || engine.generate(prompt, options));
        let generation = match begin.await {
            Ok(generation) => generation.map_err(|error| from_engine(&error))?,
            Err(panic) => return Err(ApiError::internal(format!("the request failed: {panic}"))),
        };
        self.timing.n_prompt_asked = generation.prompt_tokens().len();
        Ok(generation)
    }

    /// Whether to think: as the request says, else as the model likes.
    fn think(&self, asked: Option<Think>, model: &str) -> Result<Option<Think>, ApiError> {
        match (asked, self.model.prompting.capabilities().thinking) {
            (None, can_think) => Ok(can_think.then_some(Think::On)),
            (Some(think), false) if think.is_on() => {
                Err(ApiError::bad_request(format!("{model:?} does not support thinking")))
            }
            (think, _) => Ok(think),
        }
    }
}

#[async_trait]
impl Service for Runtime {
    async fn generate(
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
            self.residents.unload(&entry.name);
            return Ok(once(done(DoneReason::Unload)));
        }
        request.check_raw_mode()?;
        refuse_images(!request.images.is_empty())?;
        let mut ready = self.ready(&entry, manner!(request)).await?;
        if request.is_empty() {
            return Ok(once(done(DoneReason::Load)));
        }
        let (prompt, parser) = generate_prompt(&mut ready, &request, &entry)?;
        if request.debug_render_only {
            let debug_info = Some(ready.debug_info(ready.text_of(prompt))?);
            return Ok(once(GenerateResponse { debug_info, ..part() }));
        }
        let echo = request.echo.then(|| GenerateResponse {
            response: match request.prompt_tokens {
                Some(_) => ready.text_of(prompt.clone()),
                None => request.prompt.clone(),
            },
            ..part()
        });
        let generation = ready.generate(prompt.clone()).await?;
        let context = match prompt {
            Prompt::Text(text) if !request.raw => Some(text),
            _ => None,
        };
        let shape = GenerateShape { model: request.model, timing: ready.timing, context };
        let reply = Reply::begin(generation, ready.model, shape, parser).await?;
        Ok(futures_util::stream::iter(echo.map(Ok)).chain(reply).boxed())
    }

    async fn chat(&self, request: ChatRequest) -> Result<ResponseStream<ChatResponse>, ApiError> {
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
            self.residents.unload(&entry.name);
            return Ok(once(done(DoneReason::Unload)));
        }
        refuse_images(request.messages.iter().any(|message| !message.images.is_empty()))?;
        let mut ready = self.ready(&entry, manner!(request)).await?;
        if request.messages.is_empty() {
            return Ok(once(done(DoneReason::Load)));
        }
        if !request.tools.is_empty() && !ready.model.prompting.capabilities().tools {
            return Err(does_not_support(&entry, "tools"));
        }
        let choice = request.tool_choice.as_ref();
        let is_forced = choice.is_some_and(ToolChoice::is_forced);
        let think = match ready.think(request.think, &request.model)? {
            Some(_) if is_forced => Some(Think::Off),
            think => think,
        };
        ready.hold_to_call(&request)?;
        // A model that is shown no tools calls none.
        let tools = match choice {
            Some(ToolChoice::None) => &[],
            _ => request.tools.as_slice(),
        };
        let messages = with_messages(&entry, request.messages);
        let conversation = Conversation { messages: &messages, tools, think };
        let (prompt, parser) = ready.prompt(&ready.model.prompting, conversation)?;
        if request.debug_render_only {
            let debug_info = Some(ready.debug_info(prompt.text)?);
            return Ok(once(ChatResponse { debug_info, ..part(Message::default()) }));
        }
        ready.timing.n_messages_dropped = prompt.n_messages_dropped;
        let generation = ready.generate(prompt.text).await?;
        let shape = ChatShape { model: request.model, timing: ready.timing };
        Ok(Reply::begin(generation, ready.model, shape, Some(parser)).await?.boxed())
    }

    async fn list(&self) -> Result<ListResponse, ApiError> {
        let mut models = Vec::new();
        let entries = self.catalog.newest_first();
        for entry in entries.map_err(|error| ApiError::internal(error.to_string()))? {
            match entry.summary() {
                Ok(summary) => models.push(summary),
                Err(error) => tracing::warn!(model = %entry.name, %error, "left out of the list"),
            }
        }
        Ok(ListResponse { models })
    }

    async fn version(&self) -> Result<VersionResponse, ApiError> {
        Ok(VersionResponse { version: env!("CARGO_PKG_VERSION").to_owned() })
    }
}

/// The prompt of a generate request and the parser for its answer: as it is in raw mode, a gap to
/// be filled where there is a suffix, else a conversation of one message.
fn generate_prompt(
    ready: &mut Ready,
    request: &GenerateRequest,
    entry: &Entry,
) -> Result<(Prompt, Option<OutputParser>), ApiError> {
    if let Some(tokens) = &request.prompt_tokens {
        let n_vocab = ready.model.engine.tokenizer().vocab().len();
        // Checked here and not only by the engine, since a debugging request decodes them.
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= n_vocab) {
            let message = format!("token {token} is not one of the model's {n_vocab}");
            return Err(ApiError::bad_request(message));
        }
        return Ok((tokens.clone().into(), None));
    }
    if request.raw {
        return Ok((request.prompt.clone().into(), None));
    }
    let own = match request.template.as_str() {
        "" => None,
        text => Some(Prompting::go(text).map_err(|e| ApiError::bad_request(e.to_string()))?),
    };
    let prompting = own.as_ref().unwrap_or(&ready.model.prompting);
    let think = ready.think(request.think, &request.model)?;
    if !request.suffix.is_empty() {
        let prompt = prompting.render_infill(&request.prompt, &request.suffix, think);
        let prompt = prompt.ok_or_else(|| does_not_support(entry, "insert"))??;
        return Ok((prompt.into(), None));
    }
    let mut messages = match &request.context {
        None => entry.manners.messages.clone(),
        Some(_) => Vec::new(),
    };
    messages.push(Message::user(&request.prompt));
    let system = match request.system.as_str() {
        "" => entry.manners.system.as_deref(),
        system => Some(system),
    };
    let messages = with_system(system, messages);
    let conversation = Conversation { messages: &messages, tools: &[], think };
    let (prompt, parser) = ready.prompt(prompting, conversation)?;
    let before = request.context.as_deref().unwrap_or(&[]);
    let text = ready.model.engine.tokenizer().decode_all(before) + &prompt.text;
    ready.timing.n_messages_dropped = prompt.n_messages_dropped;
    Ok((text.into(), Some(parser)))
}

/// A chat's messages behind the model's own and its system text.
fn with_messages(entry: &Entry, messages: Vec<Message>) -> Vec<Message> {
    let brings_system = messages.first().is_some_and(|first| first.role == "system");
    let system = entry.manners.system.as_deref().filter(|_| !brings_system);
    with_system(system, [entry.manners.messages.clone(), messages].concat())
}

/// Puts a system text in front, if there is one.
fn with_system(system: Option<&str>, mut messages: Vec<Message>) -> Vec<Message> {
    if let Some(system) = system.filter(|text| !text.is_empty()) {
        messages.insert(0, Message::system(system));
    }
    messages
}

fn does_not_support(entry: &Entry, what: &str) -> ApiError {
    ApiError::bad_request(format!("{} does not support {what}", entry.name.full()))
}

fn once<T: Send + 'static>(part: T) -> ResponseStream<T> {
    futures_util::stream::once(async { Ok(part) }).boxed()
}

fn refuse_images(has_images: bool) -> Result<(), ApiError> {
    if has_images {
        return Err(ApiError::bad_request(
            "images were given, but the model does not support multimodal requests",
        ));
    }
    Ok(())
}
