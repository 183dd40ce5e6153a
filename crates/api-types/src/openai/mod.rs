//! OpenAI's API: what `/v1/...` reads and writes, but for `/v1/messages` and `/v1/rerank`.
//!
//! Requests keep as [`serde_json::Value`] what has many forms on the wire (a message's content, a
//! prompt, `stop`): which of them are taken, and in what words others are refused, is the server's
//! affair. Answers are written with the keys, and in the order, that clients of Ollama's own `/v1`
//! see.

mod chat;
mod chat_answer;
mod completion;
mod embedding;
mod error;
mod model;
mod response;
mod response_event;
mod response_format;
mod response_item;
mod usage;

pub use chat::{
    ChatCompletionRequest, ChatMessage, FunctionCall, Reasoning, StreamOptions, ToolCall,
};
pub use chat_answer::{
    ChatChoice, ChatChoiceDelta, ChatCompletion, ChatCompletionChunk, ChatDelta, ChatLogprobs,
    ChatReply,
};
pub use completion::{Completion, CompletionChoice, CompletionLogprobs, CompletionRequest};
pub use embedding::{Embedding, EmbeddingList, EmbeddingRequest, EmbeddingUsage, EmbeddingVector};
pub use error::{ErrorBody, ErrorDetail};
pub use model::{Model, ModelList};
pub use response::{
    IncompleteDetails, OutputTokensDetails, Response, ResponseReasoning, ResponseUsage,
    ResponsesRequest, TextFormat,
};
pub use response_event::ResponseEvent;
pub use response_format::{JsonSchemaFormat, ResponseFormat};
pub use response_item::{OutputContent, OutputItem, SummaryText};
pub use usage::{PromptTokensDetails, Usage};
