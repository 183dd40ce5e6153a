//! What a runtime is told once, when it is made.

use std::{num::NonZeroUsize, time::Duration};

use camelid_api_types::ollama::KeepAlive;

/// Settings of a [`Runtime`](crate::Runtime). [`Default`] is what a server does that was told
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Context in tokens where neither request nor model says one.
    pub n_ctx: usize,
    /// Requests that one model works on at once.
    pub n_parallel: NonZeroUsize,
    /// Requests to one model that may wait beyond those.
    pub n_waiting: NonZeroUsize,
    /// Threads of one model; `None` takes one for each core this process may use.
    pub n_threads: Option<NonZeroUsize>,
    /// How long an idle model stays in memory where no request says otherwise.
    pub keep_alive: KeepAlive,
}

impl Default for Config {
    fn default() -> Self {
        let some = |n| NonZeroUsize::new(n).expect("a constant above 0");
        Self {
            n_ctx: 4096,
            n_parallel: some(4),
            n_waiting: some(512),
            n_threads: None,
            keep_alive: KeepAlive::For(Duration::from_secs(5 * 60)),
        }
    }
}
