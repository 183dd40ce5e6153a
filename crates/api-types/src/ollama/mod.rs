//! Ollama's own API, the native dialect: what `/api/...` reads and writes.
//!
//! Field names are the wire's. Every struct is decoded with absent fields at their defaults and
//! encoded as Ollama encodes it: fields that it always writes are always written, the others only
//! when they hold something. Durations are whole nanoseconds on the wire and [`std::time::Duration`]
//! here.

mod chat;
mod chunk;
mod create;
mod embed;
mod error_body;
mod format;
mod generate;
mod image_data;
mod keep_alive;
mod list;
mod logit_bias;
mod logprob;
mod manage;
mod message;
mod metrics;
mod options;
mod presence;
mod progress;
mod ps;
mod reply;
mod show;
mod think;
mod tool;
mod tool_choice;
mod version;

pub use chat::{ChatRequest, ChatResponse};
pub use chunk::Chunk;
pub use create::{CreateForm, CreateRequest};
pub use embed::{EmbedInput, EmbedRequest, EmbedResponse, EmbeddingsRequest, EmbeddingsResponse};
pub use error_body::ErrorBody;
pub use format::Format;
pub use generate::{GenerateRequest, GenerateResponse};
pub use image_data::{ImageData, InvalidBase64};
pub use keep_alive::KeepAlive;
pub use list::{Capability, ListResponse, ModelDetails, ModelSummary};
pub use logit_bias::{LogitBias, MAX_LOGIT_BIAS};
pub use logprob::{Logprob, MAX_TOP_LOGPROBS, PromptLogprob, TokenLogprob};
pub use manage::{CopyRequest, DeleteRequest};
pub use message::{Message, ToolCall, ToolCallFunction};
pub use metrics::Metrics;
pub use options::{OptionError, Options};
pub use progress::{ProgressResponse, PullRequest, PushRequest};
pub use ps::{PsResponse, RunningModel};
pub use reply::{DebugInfo, DoneReason};
pub use show::{ShowRequest, ShowResponse, TensorSummary};
pub use think::{Think, ThinkLevel};
pub use tool::{PropertyType, Tool, ToolFunction, ToolParameters, ToolProperty};
pub use tool_choice::ToolChoice;
pub use version::VersionResponse;

pub(crate) use presence::is_default;

/// The first text unless it is empty.
fn either<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.is_empty() { second } else { first }
}
