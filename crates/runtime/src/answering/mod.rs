//! From a request to its answer: options, model, prompt, generation, parts.

mod chat;
mod closed_schema;
mod embed;
mod formed;
mod generate;
mod options;
mod reply;
mod rerank;
mod shape;
mod tool_call_id;
mod tool_choice;

pub(crate) use tool_choice::CallStyle;

use std::{sync::Arc, time::Instant};

use camelid_api_types::{
    ApiError, ResponseStream,
    ollama::{DebugInfo, Format, KeepAlive, Message, Options, Think},
};
use camelid_engine::{CacheOptions, Generation, ModelOptions, ModelSpec, TokenId};
use camelid_template::{ContextLimit, OutputParser, fit_messages};
use futures_util::StreamExt;
use serde_json::{Map, Value};

use crate::{
    catalog::Entry,
    error::{from_engine, from_loading, with_causes},
    prompting::{Conversation, Prompting, literal::without_marks},
    runtime::Runtime,
    scheduling::{Estimate, Lease, LoadError, Loaded, Needs, Plan},
};
use formed::Formed;
use options::Rules;
use shape::Timing;

/// The parts of a request that say how, not what.
struct Manner<'a> {
    options: Option<&'a Map<String, Value>>,
    keep_alive: Option<KeepAlive>,
    truncate: Option<bool>,
    shift: Option<bool>,
    format: Option<&'a Format>,
    /// How many beside each token's own, where any are asked for.
    logprobs: Option<i64>,
    /// The same for the prompt's tokens.
    prompt_logprobs: Option<i64>,
}

/// Both kinds of request that generate have these fields, and one has `prompt_logprobs` too.
macro_rules! manner {
    ($request:expr) => {
        manner!($request, None)
    };
    ($request:expr, $prompt_logprobs:expr) => {
        crate::answering::Manner {
            options: $request.options.as_ref(),
            keep_alive: $request.keep_alive,
            truncate: $request.truncate,
            shift: $request.shift,
            format: $request.format.as_ref(),
            logprobs: $request.logprobs.then_some($request.top_logprobs),
            prompt_logprobs: $prompt_logprobs,
        }
    };
}
use manner;

/// A model that is ready, and what this request makes of it.
struct Ready {
    model: Lease<Loaded>,
    options: Options,
    rules: Rules,
    timing: Timing,
}

/// A prompt, and what it had to do without.
struct Rendered {
    prompt: Prompt,
    n_messages_dropped: usize,
    /// For the answer; `None` takes all of it as content.
    parser: Option<OutputParser>,
}

/// What the engine continues.
#[derive(Debug, Clone)]
enum Prompt {
    /// With marks; see [`literal`](crate::prompting::literal).
    Marked(String),
    Tokens(Vec<TokenId>),
}

impl Rendered {
    /// A prompt as the request has it.
    fn as_it_is(prompt: Prompt) -> Self {
        Self { prompt, n_messages_dropped: 0, parser: None }
    }
}

impl Runtime {
    async fn ready(&self, entry: &Arc<Entry>, manner: Manner<'_>) -> Result<Ready, ApiError> {
        let started = Instant::now();
        let options = options::merge(manner.options, &entry.parts.parameters)?;
        let (model, needs) = self.acquire(entry, &options, manner.keep_alive).await?;
        let shift = manner.shift.unwrap_or(model.engine.spec().architecture != "deepseek2");
        let grammar = manner.format.map(options::grammar).transpose()?;
        let count = |n| usize::try_from(n).unwrap_or(0);
        let rules = Rules {
            n_ctx: needs.n_ctx,
            truncate: manner.truncate.unwrap_or(true),
            shift,
            grammar,
            logprobs: manner.logprobs.map(count),
            prompt_logprobs: manner.prompt_logprobs.map(count),
        };
        let timing =
            Timing { started, load: started.elapsed(), n_messages_dropped: 0, n_prompt_asked: 0 };
        Ok(Ready { model, options, rules, timing })
    }

    /// The model in memory, loaded if it is not there.
    async fn acquire(
        &self,
        entry: &Arc<Entry>,
        options: &Options,
        keep_alive: Option<KeepAlive>,
    ) -> Result<(Lease<Loaded>, Needs), ApiError> {
        let file = entry.open().map_err(|error| from_loading(&error))?;
        let spec = ModelSpec::from_metadata(file.metadata());
        let spec = spec.map_err(|error| from_loading(&error))?;
        let config = Arc::clone(&self.config);
        let needs = options::needs(options, config.n_ctx, spec.n_ctx_train);
        let n_tokens = needs.n_ctx.saturating_mul(config.n_parallel.get());
        let mut cache = CacheOptions::new(n_tokens, config.kv_type);
        cache.n_seq = config.n_parallel.get();
        cache.n_batch = needs.n_batch.unwrap_or(ModelOptions::default().n_batch).get();
        let draft = entry.open_draft().map_err(|error| from_loading(&error))?.map(Arc::new);
        let mut estimate = Estimate::new(&file, &spec, cache, needs.n_ctx);
        if let Some(draft) = &draft {
            let spec = ModelSpec::from_metadata(draft.metadata());
            // One that cannot be read is not loaded, and the engine says why.
            estimate.add_draft(draft, spec.ok().as_ref(), cache, needs.n_ctx);
        }
        let load = async move {
            tracing::info!(model = %entry.name, n_ctx = needs.n_ctx, "loading");
            let n_adapters = entry.adapters.len();
            if n_adapters > 0 {
                return Err(from_loading(&LoadError::Adapters { n: n_adapters }));
            }
            let summary = entry.summary().map_err(|error| from_loading(&error))?;
            let entry = Arc::clone(entry);
            let load = move || {
                let loaded = Loaded::new((file, draft), summary.clone(), needs, &config);
                let Err(LoadError::Engine(camelid_engine::Error::Draft(error))) = loaded else {
                    return loaded;
                };
                // It answers the same without, only slower.
                let reason = with_causes(&error);
                tracing::warn!(model = %entry.name, reason, "the draft model is not used");
                Loaded::new((entry.open()?, None), summary, needs, &config)
            };
            match tokio::task::spawn_blocking(load).await {
                Ok(loaded) => loaded.map_err(|error| from_loading(&error)),
                Err(panic) => Err(from_loading(&panic)),
            }
        };
        let plan = Plan {
            key: &entry.key(),
            n_bytes: estimate.total(),
            keep_alive,
            is_fit: &|loaded: &Loaded| loaded.is_fit(needs),
            load,
        };
        Ok((self.scheduler.acquire(plan).await?, needs))
    }
}

impl Ready {
    /// The conversation's prompt, without the oldest messages that do not fit, and the parser for
    /// the answer to it. System messages stay, and so does what the user said last.
    fn render(
        &self,
        prompting: &Prompting,
        conversation: Conversation<'_>,
    ) -> Result<Rendered, ApiError> {
        let mut messages = conversation.messages.to_vec();
        self.model.control_texts.mark_messages(&mut messages);
        let (marked, n_messages_dropped) =
            self.fit(prompting, Conversation { messages: &messages, ..conversation })?;
        let parser = prompting.parser(&without_marks(marked.clone()), conversation);
        let prompt = Prompt::Marked(marked);
        Ok(Rendered { prompt, n_messages_dropped, parser: Some(parser) })
    }

    /// The prompt, and how many messages are not in it. That is said in the log and in the answer's
    /// figures.
    fn fit(
        &self,
        prompting: &Prompting,
        conversation: Conversation<'_>,
    ) -> Result<(String, usize), ApiError> {
        if !self.rules.truncate {
            return Ok((prompting.render(conversation)?, 0));
        }
        let n_ctx = self.rules.n_ctx;
        let limit = ContextLimit { n_ctx, tokens_per_image: 0 };
        // The last candidate that is counted is the one that is taken.
        let mut prompt = String::new();
        let kept = fit_messages(conversation.messages, limit, |kept| {
            let messages: Vec<Message> = kept.iter().map(|&message| message.clone()).collect();
            prompt = prompting.render(Conversation { messages: &messages, ..conversation })?;
            self.model.count_tokens(&prompt)
        })?;
        let n_messages_dropped = conversation.messages.len() - kept.len();
        if n_messages_dropped > 0 {
            tracing::warn!(n_messages_dropped, n_ctx, "messages do not fit the context");
        }
        Ok((prompt, n_messages_dropped))
    }

    /// A prompt as people see it.
    fn text_of(&self, prompt: Prompt) -> String {
        match prompt {
            Prompt::Marked(text) => without_marks(text),
            Prompt::Tokens(tokens) => self.model.engine.tokenizer().decode_all(&tokens),
        }
    }

    /// What was asked for instead of an answer: the prompt.
    fn debug_info(&self, prompt: Prompt) -> Result<DebugInfo, ApiError> {
        let token_count = match &prompt {
            Prompt::Marked(text) => self.model.count_tokens(text)?,
            Prompt::Tokens(tokens) => tokens.len(),
        };
        Ok(DebugInfo {
            rendered_template: self.text_of(prompt),
            token_count: token_count as u64,
            ..DebugInfo::default()
        })
    }

    /// Where a model that thinks must answer in a form: takes the form off the rules, to be held to
    /// after the thought. The form is tried here, so that a wrong one is told at once.
    fn think_first(
        &mut self,
        prompt: &Prompt,
        think: Option<Think>,
    ) -> Result<Option<Formed>, ApiError> {
        let (Prompt::Marked(marked), Some(grammar)) = (prompt, &self.rules.grammar) else {
            return Ok(None);
        };
        if !think.is_some_and(Think::is_on) {
            return Ok(None);
        }
        self.model.engine.check_grammar(grammar).map_err(|error| from_engine(&error))?;
        let options = options::to_engine(&self.options, &self.rules);
        self.rules.grammar = None;
        Ok(Some(Formed::new(self.model.share(), options, marked.clone())))
    }

    /// Off tokio's threads: a long prompt's tokens and a large grammar take their time.
    ///
    /// Notes in `timing` how long the prompt was.
    async fn generate(&mut self, prompt: Prompt) -> Result<Generation, ApiError> {
        let options = options::to_engine(&self.options, &self.rules);
        let model = self.model.share();
        let begin = tokio::task::spawn_blocking(move || {
            let tokens = match prompt {
                Prompt::Marked(text) => {
                    model.control_texts.encode_prompt(model.engine.tokenizer(), &text)?
                }
                Prompt::Tokens(tokens) => tokens,
            };
            model.engine.generate(tokens, options)
        });
        let generation = match begin.await {
            Ok(generation) => generation.map_err(|error| from_engine(&error))?,
            Err(panic) => return Err(ApiError::internal(format!("the request failed: {panic}"))),
        };
        self.timing.n_prompt_asked = generation.prompt_tokens().len();
        Ok(generation)
    }
}

/// Whether to think: as the request says, else as the model likes.
fn think(
    prompting: &Prompting,
    asked: Option<Think>,
    model: &str,
) -> Result<Option<Think>, ApiError> {
    match (asked, prompting.capabilities().thinking) {
        (None, can_think) => Ok(can_think.then_some(Think::On)),
        (Some(think), false) if think.is_on() => {
            Err(ApiError::bad_request(format!("{model:?} does not support thinking")))
        }
        (think, _) => Ok(think),
    }
}

/// Puts a system text in front, if there is one.
fn with_system(system: Option<&str>, mut messages: Vec<Message>) -> Vec<Message> {
    if let Some(system) = system.filter(|text| !text.is_empty()) {
        messages.insert(0, Message::system(system));
    }
    messages
}

/// The error for a model that cannot do something, by its full name.
fn does_not_support(entry: &Entry, what: &str) -> ApiError {
    ApiError::bad_request(format!("{} does not support {what}", entry.name.full()))
}

/// The error for a model that makes no text, by the name the request has for it.
fn check_completes(entry: &Entry, model: &str, what: &str) -> Result<(), ApiError> {
    use camelid_api_types::ollama::Capability;
    let summary = entry.summary().map_err(|error| from_loading(&error))?;
    match summary.capabilities.contains(&Capability::Completion) {
        true => Ok(()),
        false => Err(ApiError::bad_request(format!("{model:?} does not support {what}"))),
    }
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
