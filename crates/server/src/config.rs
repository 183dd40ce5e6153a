//! What a server is told when it starts.

use crate::{ApiKeys, CutOff, HostFilter, Origins};

/// How a router behaves. The default suits a server on the loopback interface.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which web pages may talk to the server.
    pub origins: Origins,
    /// Which names the server answers to; `None` answers to every name, as a server must that
    /// listens on other interfaces than loopback and was not told its names. See
    /// [`HostFilter::for_listener`].
    pub host_filter: Option<HostFilter>,
    /// The largest request body that is read, in bytes.
    pub max_body_bytes: usize,
    /// Who may ask; without any, everybody may.
    pub keys: ApiKeys,
    /// Whether the log has what requests say, prompts and all. It has not, unless somebody wants to
    /// know.
    pub logs_bodies: bool,
    /// Whether a request with fields that nobody knows is refused. Elsewhere the log tells of them.
    pub is_strict: bool,
    /// The same as in [`ServeOptions`](crate::ServeOptions).
    pub cut_off: CutOff,
}

impl Config {
    /// 512 MiB: images and audio travel inside requests, a third larger than they are.
    pub const DEFAULT_MAX_BODY_BYTES: usize = 512 << 20;
}

impl Default for Config {
    fn default() -> Self {
        Self {
            origins: Origins::default(),
            host_filter: Some(HostFilter::default()),
            max_body_bytes: Self::DEFAULT_MAX_BODY_BYTES,
            keys: ApiKeys::default(),
            logs_bodies: false,
            is_strict: false,
            cut_off: CutOff::default(),
        }
    }
}
