//! [`Runtime`]: models by name, in this process, behind [`Service`].

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use camelid_api_types::{
    ApiError, ErrorKind, ResponseStream, Service, Timestamp,
    ollama::{
        ChatRequest, ChatResponse, DebugInfo, DoneReason, Format, GenerateRequest,
        GenerateResponse, KeepAlive, ListResponse, Message, Options, Think, VersionResponse,
    },
};
use camelid_engine::Generation;
use camelid_template::OutputParser;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use crate::{
    catalog::Catalog,
    config::Config,
    entry::Entry,
    error::{from_engine, from_loading},
    loaded::Loaded,
    model_reference::{ModelReference, ModelSource},
    options::{self, Rules},
    prompting::{Conversation, Prompting},
    reply::{ChatShape, GenerateShape, Reply, Timing},
    residents::{Lease, Residents},
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
        let rules = Rules {
            n_ctx,
            truncate: manner.truncate.unwrap_or(true),
            shift: manner.shift.unwrap_or(true),
            grammar: manner.format.map(options::grammar),
            logprobs: manner.logprobs.map(|n| usize::try_from(n).unwrap_or(0)),
        };
        Ok(Ready { model, options, rules, timing: Timing { started, load: started.elapsed() } })
    }
}

impl Ready {
    /// The conversation's prompt, and the parser for the answer to it.
    fn prompt(
        &self,
        prompting: &Prompting,
        conversation: Conversation<'_>,
    ) -> Result<(String, OutputParser), ApiError> {
        let n_ctx = self.rules.truncate.then_some(self.rules.n_ctx);
        let prompt = self.model.prompt(prompting, conversation, n_ctx)?;
        let parser = prompting.parser(&prompt, conversation);
        Ok((prompt, parser))
    }

    /// Off tokio's threads: a long prompt's tokens and a large grammar take their time.
    async fn generate(&self, prompt: String) -> Result<Generation, ApiError> {
        let options = options::to_engine(&self.options, &self.rules);
        let engine = self.model.engine.clone();
        let begin = tokio::task::spawn_blocking(move || engine.generate(prompt, options));
        match begin.await {
            Ok(generation) => generation.map_err(|error| from_engine(&error)),
            Err(panic) => Err(ApiError::internal(format!("the request failed: {panic}"))),
        }
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
        let ready = self.ready(&entry, manner!(request)).await?;
        if request.prompt.is_empty() {
            return Ok(once(done(DoneReason::Load)));
        }
        let (prompt, parser) = generate_prompt(&ready, &request, &entry)?;
        if request.debug_render_only {
            return Ok(once(GenerateResponse { debug_info: Some(rendered(prompt)), ..part() }));
        }
        let generation = ready.generate(prompt.clone()).await?;
        let context = (!request.raw).then_some(prompt);
        let shape = GenerateShape { model: request.model, timing: ready.timing, context };
        Ok(Reply::begin(generation, ready.model, shape, parser).await?.boxed())
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
        let ready = self.ready(&entry, manner!(request)).await?;
        if request.messages.is_empty() {
            return Ok(once(done(DoneReason::Load)));
        }
        let prompting = &ready.model.prompting;
        if !request.tools.is_empty() && !prompting.capabilities().tools {
            return Err(does_not_support(&entry, "tools"));
        }
        let think = ready.think(request.think, &request.model)?;
        let messages = with_messages(&entry, request.messages);
        let conversation = Conversation { messages: &messages, tools: &request.tools, think };
        let (prompt, parser) = ready.prompt(prompting, conversation)?;
        if request.debug_render_only {
            let debug_info = Some(rendered(prompt));
            return Ok(once(ChatResponse { debug_info, ..part(Message::default()) }));
        }
        let generation = ready.generate(prompt).await?;
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
    ready: &Ready,
    request: &GenerateRequest,
    entry: &Entry,
) -> Result<(String, Option<OutputParser>), ApiError> {
    if request.raw {
        return Ok((request.prompt.clone(), None));
    }
    let own = match request.template.as_str() {
        "" => None,
        text => Some(Prompting::go(text).map_err(|e| ApiError::bad_request(e.to_string()))?),
    };
    let prompting = own.as_ref().unwrap_or(&ready.model.prompting);
    let think = ready.think(request.think, &request.model)?;
    if !request.suffix.is_empty() {
        let prompt = prompting.render_infill(&request.prompt, &request.suffix, think);
        return Ok((prompt.ok_or_else(|| does_not_support(entry, "insert"))??, None));
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
    Ok((ready.model.engine.tokenizer().decode_all(before) + &prompt, Some(parser)))
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

fn rendered(prompt: String) -> DebugInfo {
    DebugInfo { rendered_template: prompt, ..DebugInfo::default() }
}

fn refuse_images(has_images: bool) -> Result<(), ApiError> {
    if has_images {
        return Err(ApiError::bad_request(
            "images were given, but the model does not support multimodal requests",
        ));
    }
    Ok(())
}
