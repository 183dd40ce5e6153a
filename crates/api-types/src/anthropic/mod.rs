//! Anthropic's API: what `/v1/messages` reads and writes.

mod answer;
mod error;
mod event;
mod request;

pub use answer::{ContentBlock, MessageAnswer, MessageUsage};
pub use error::{ErrorBody, ErrorDetail};
pub use event::{BlockDelta, MessageDelta, MessageEvent};
pub use request::{
    CountTokensAnswer, InputMessage, MessageTool, MessagesRequest, OutputConfig, Thinking,
    ToolChoice,
};
