//! A loaded model: from a GGUF file to streamed text.

mod options;

use std::{path::Path, sync::Arc};

use async_channel::{Receiver, Sender};
use camelid_gguf::GgufFile;
use camelid_kernels::KvType;

use crate::{
    batch::TokenId,
    cpu::CpuDevice,
    decoder::{CacheOptions, Decoder},
    draft::{self, of_draft},
    error::{Error, Result},
    generation::{GenerateOptions, Generation},
    grammar::{Grammar, GrammarCompiler},
    scheduler::{Limits, Place, Places, Request, Scheduler, Work},
    spec::ModelSpec,
    tokenizer::{Special, Tokenizer},
};

pub use options::ModelOptions;

/// Context of a request where neither the caller nor the model asks for less.
const DEFAULT_N_CTX: usize = 4096;

/// A loaded model. Cheap to clone; the weights and the engine thread are shared, and go when the
/// last clone and the last [`Generation`] are gone.
#[derive(Clone)]
pub struct Model {
    shared: Arc<Shared>,
}

struct Shared {
    file: Arc<GgufFile>,
    spec: Arc<ModelSpec>,
    tokenizer: Tokenizer,
    n_ctx: usize,
    cache: CacheOptions,
    n_waiting: usize,
    places: Places,
    grammars: GrammarCompiler,
    requests: Sender<Work>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shared = &*self.shared;
        f.debug_struct("Model")
            .field("architecture", &shared.spec.architecture)
            .field("n_ctx", &shared.n_ctx)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Maps a GGUF file and makes it ready to run, with the default options.
    ///
    /// # Errors
    /// As [`from_gguf`](Self::from_gguf), and when the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::from_gguf(GgufFile::open(path)?, &ModelOptions::default())
    }

    /// Makes a GGUF file ready to run. Its weights are used where they lie.
    ///
    /// # Errors
    /// When the file is not a model this engine runs, the draft model does not fit it, or the thread
    /// cannot be started.
    pub fn from_gguf(file: GgufFile, options: &ModelOptions) -> Result<Self> {
        let file = Arc::new(file);
        // The vocabulary is checked before any tensor is touched.
        let tokenizer = Tokenizer::from_metadata(file.metadata())?;
        let spec = ModelSpec::with_rope(file.metadata(), options.rope)?;
        let ModelSpec { n_ctx_train, causal, .. } = spec;
        let n_ctx = options.n_ctx.unwrap_or(n_ctx_train.min(DEFAULT_N_CTX)).max(1);
        // A text that is run as a whole has to fit the batch, and is no longer than those the model
        // was trained on; its keys and values are gone with it, so they need not be small.
        let (n_ctx, n_batch, ty) = match causal {
            true => (n_ctx, options.n_batch.get(), options.kv_type),
            false => (n_ctx.min(n_ctx_train), options.n_batch.get().max(n_ctx), KvType::F32),
        };
        let n_seq = options.n_parallel.get();
        let cache = CacheOptions::of_sequences((n_seq, n_ctx), n_batch, ty)?;
        let team = options.thread_team();
        let decoder = Decoder::with_spec(spec, &file, CpuDevice::with_team(&team), (cache, n_ctx))?;
        let spec = Arc::clone(decoder.spec());
        let limits = Limits { n_seq, n_ctx, n_batch: cache.n_batch, step_time: options.step_time };
        let draft = options.draft.as_ref();
        let draft =
            draft.map(|file| draft::load(file, (&tokenizer, &decoder), &team, (limits, ty)));
        let draft = draft.transpose().map_err(of_draft)?;
        let mut scheduler = Scheduler::new(decoder, tokenizer.clone(), limits);
        if let Some((draft, n_ctx)) = draft {
            scheduler.set_draft_model(draft, n_ctx);
        }
        let n_waiting = options.n_waiting.get();
        let places = Places::new(n_seq.saturating_add(n_waiting));
        let (requests, receiver) = async_channel::unbounded();
        std::thread::Builder::new()
            .name("camelid-engine".to_owned())
            .spawn(move || run(scheduler, &receiver))
            .map_err(Error::Thread)?;
        let grammars = GrammarCompiler::default();
        let shared =
            Shared { file, spec, tokenizer, n_ctx, cache, n_waiting, places, grammars, requests };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Begins to answer a prompt. With a grammar this compiles it, which may take a moment.
    ///
    /// # Errors
    /// When the model only embeds, the grammar cannot be honoured, the queue is full or the engine has stopped. What is
    /// wrong with the prompt or the options otherwise is the generation's first item.
    pub fn generate(
        &self,
        prompt: impl Into<Prompt>,
        options: GenerateOptions,
    ) -> Result<Generation> {
        let shared = &*self.shared;
        self.check_generates()?;
        let place = Some(self.take_place()?);
        let prompt = self.tokens_of(prompt.into())?;
        let compile = |grammar| shared.grammars.compile(grammar, &shared.tokenizer);
        let constraint = options.grammar.as_ref().map(compile).transpose()?;
        let (sender, receiver) = async_channel::unbounded();
        let request = Request { prompt: prompt.clone(), options, constraint, sender, place };
        self.send(Work::Generate(Box::new(request)))?;
        Ok(Generation::new(receiver, prompt, self.clone()))
    }

    pub(crate) fn check_generates(&self) -> Result<()> {
        let ModelSpec { architecture, .. } = *self.shared.spec;
        if self.shared.spec.generates() {
            Ok(())
        } else {
            Err(Error::NotGenerating { architecture })
        }
    }

    pub(crate) fn tokens_of(&self, prompt: Prompt) -> Result<Vec<TokenId>> {
        match prompt {
            Prompt::Text(text) => self.tokenizer().encode_prompt(&text, Special::Recognise),
            Prompt::Tokens(tokens) => Ok(tokens),
        }
    }

    /// A place for a request, to be held until it has been answered.
    ///
    /// # Errors
    /// When as many requests are waiting already as may.
    pub(crate) fn take_place(&self) -> Result<Place> {
        let shared = &*self.shared;
        shared.places.take().ok_or(Error::QueueFull { n_waiting: shared.n_waiting })
    }

    /// Gives something to the engine thread.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub(crate) fn send(&self, work: Work) -> Result<()> {
        // The channel has no bound, so this fails only when nobody listens any more.
        self.shared.requests.try_send(work).map_err(|_| Error::Stopped)
    }

    /// Tries whether an answer can be held to a grammar.
    ///
    /// # Errors
    /// When it cannot, for what is wrong with the grammar or too large in it.
    pub fn check_grammar(&self, grammar: &Grammar) -> Result<()> {
        let shared = &*self.shared;
        shared.grammars.compile(grammar, &shared.tokenizer)?;
        Ok(())
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.shared.tokenizer
    }

    /// What the model is made of.
    #[must_use]
    pub fn spec(&self) -> &ModelSpec {
        &self.shared.spec
    }

    /// Number format of cached keys and values.
    pub(crate) fn kv_type(&self) -> KvType {
        self.shared.cache.ty
    }

    /// The most that can be cached.
    pub(crate) fn max_cache_bytes(&self) -> u64 {
        self.shared.cache.n_bytes(&self.shared.spec, self.shared.n_ctx)
    }

    /// The file: its metadata and tensors.
    #[must_use]
    pub fn gguf(&self) -> &GgufFile {
        &self.shared.file
    }

    /// Context of one request, in tokens.
    #[must_use]
    pub fn n_ctx(&self) -> usize {
        self.shared.n_ctx
    }
}

/// What to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text, as a template makes it: the texts of control tokens are control tokens.
    Text(String),
    /// Tokens, which are run as they are.
    Tokens(Vec<TokenId>),
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<TokenId>> for Prompt {
    fn from(tokens: Vec<TokenId>) -> Self {
        Self::Tokens(tokens)
    }
}

/// The engine thread: sleeps while there is nothing to do, ends when nobody can ask any more.
fn run(mut scheduler: Scheduler<Decoder<CpuDevice>>, requests: &Receiver<Work>) {
    loop {
        if scheduler.is_idle() {
            match requests.recv_blocking() {
                Ok(work) => scheduler.accept(work),
                Err(_) => return,
            }
        }
        while let Ok(work) = requests.try_recv() {
            scheduler.accept(work);
        }
        scheduler.step();
    }
}
