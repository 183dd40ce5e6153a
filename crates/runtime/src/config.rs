//! What a runtime is told once, when it is made.

use std::{num::NonZeroUsize, time::Duration};

use camelid_api_types::ollama::KeepAlive;
pub use camelid_engine::kernels::KvType;

/// Settings of a [`Runtime`](crate::Runtime). [`Default`] is what a server does that was told
/// nothing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Context in tokens where neither request nor model says one.
    pub n_ctx: usize,
    /// Requests that one model works on at once.
    pub n_parallel: NonZeroUsize,
    /// Requests that may wait: for a load, and for one model beyond those it works on.
    pub n_waiting: NonZeroUsize,
    /// Models in memory at once.
    pub max_loaded: NonZeroUsize,
    /// Threads of one model; `None` takes one for each core this process may use.
    pub n_threads: Option<NonZeroUsize>,
    /// Number format of cached keys and values.
    pub kv_type: KvType,
    /// How long an idle model stays in memory where no request says otherwise.
    pub keep_alive: KeepAlive,
    /// Whether blobs that nothing needs any more go when a model is replaced.
    pub prune: bool,
    /// Whether requests may name files of this machine (`FROM /models/x.gguf` in a Modelfile). Off
    /// for a server: whoever can ask it could find out what files there are.
    pub reads_files: bool,
    /// Whether models are neither pulled nor pushed: whoever asks for it is told so, and nothing
    /// here opens a connection.
    pub is_offline: bool,
    /// How registries are dealt with.
    #[cfg(feature = "transfer")]
    pub transfer: camelid_registry::transfer::Options,
}

impl Default for Config {
    fn default() -> Self {
        let some = |n| NonZeroUsize::new(n).expect("a constant above 0");
        Self {
            n_ctx: 4096,
            n_parallel: some(4),
            n_waiting: some(512),
            max_loaded: some(3),
            n_threads: None,
            kv_type: KvType::F16,
            keep_alive: KeepAlive::For(Duration::from_secs(5 * 60)),
            prune: true,
            reads_files: false,
            is_offline: false,
            #[cfg(feature = "transfer")]
            transfer: camelid_registry::transfer::Options::default(),
        }
    }
}
