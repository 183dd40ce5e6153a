//! Ollama's own API, the native dialect: what `/api/...` reads and writes.
//!
//! Field names are the wire's. Every struct is decoded with absent fields at their defaults and
//! encoded as Ollama encodes it: fields that it always writes are always written, the others only
//! when they hold something. Durations are whole nanoseconds on the wire and [`std::time::Duration`]
//! here.

mod chat;
mod chunk;
mod error_body;
mod format;
mod generate;
mod image_data;
mod keep_alive;
mod list;
mod logprob;
mod message;
mod metrics;
mod options;
mod presence;
mod reply;
mod think;
mod tool;
mod version;

pub use chat::{ChatRequest, ChatResponse};
pub use chunk::Chunk;
pub use error_body::ErrorBody;
pub use format::Format;
pub use generate::{GenerateRequest, GenerateResponse};
pub use image_data::ImageData;
pub use keep_alive::KeepAlive;
pub use list::{Capability, ListResponse, ModelDetails, ModelSummary};
pub use logprob::{Logprob, MAX_TOP_LOGPROBS, TokenLogprob};
pub use message::{Message, ToolCall, ToolCallFunction};
pub use metrics::Metrics;
pub use options::{OptionError, Options};
pub use reply::{DebugInfo, DoneReason};
pub use think::{Think, ThinkLevel};
pub use tool::{PropertyType, Tool, ToolFunction, ToolParameters, ToolProperty};
pub use version::VersionResponse;
