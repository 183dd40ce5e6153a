//! How a model is loaded.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use camelid_gguf::GgufFile;
use camelid_kernels::{KvType, ThreadTeam};

use crate::spec::RopeOptions;

/// How a model is loaded. [`Default`] suits one user on this machine.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModelOptions {
    /// Context of one request in tokens; `None` takes what the model was trained on, at most
    /// 4,096.
    pub n_ctx: Option<usize>,
    /// Requests at work at once. Each may fill its context.
    pub n_parallel: NonZeroUsize,
    /// Requests that may wait beyond those.
    pub n_waiting: NonZeroUsize,
    /// Tokens in one forward pass.
    pub n_batch: NonZeroUsize,
    /// How long a step may take, prompts included, while an interactive request waits for its
    /// next token; while none does, a step may take eight times as long. Prompts are cut into
    /// pieces of at least 16 tokens for that. What the model needs for these, a step needs.
    pub step_time: Duration,
    /// Threads; `None` takes one for each core this process may use.
    pub n_threads: Option<NonZeroUsize>,
    /// Threads that the program has made, to be shared with other models or with work of its own;
    /// `n_threads` does not count then. A step that finds them busy runs on the engine's thread.
    pub team: Option<Arc<ThreadTeam>>,
    /// Number format of cached keys and values.
    pub kv_type: KvType,
    /// Rope frequencies in place of the file's.
    pub rope: RopeOptions,
    /// A smaller model with the same vocabulary, whose guesses the model checks several at a time
    /// ([`n_draft_model`](crate::GenerateOptions::n_draft_model)). It gets a cache of its own.
    pub draft: Option<Arc<GgufFile>>,
}

impl Default for ModelOptions {
    fn default() -> Self {
        let some = |n| NonZeroUsize::new(n).expect("a constant above 0");
        Self {
            n_ctx: None,
            n_parallel: some(4),
            n_waiting: some(512),
            n_batch: some(512),
            step_time: Duration::from_millis(100),
            n_threads: None,
            team: None,
            kv_type: KvType::F16,
            rope: RopeOptions::default(),
            draft: None,
        }
    }
}

impl ModelOptions {
    /// The threads that these options ask for.
    pub(super) fn thread_team(&self) -> Arc<ThreadTeam> {
        match (&self.team, self.n_threads) {
            (Some(team), _) => Arc::clone(team),
            (None, Some(n)) => Arc::new(ThreadTeam::new(n.get())),
            (None, None) => Arc::new(ThreadTeam::with_available()),
        }
    }
}
