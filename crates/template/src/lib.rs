//! Chat prompts from templates, and tool calls and thinking from output.
#![forbid(unsafe_code)]

mod fit;
pub mod go;
mod grammar;
mod jinja;
mod parsers;
mod prompt;
mod renderers;
mod shipped;

pub use fit::{ContextLimit, TOKENS_PER_IMAGE, fit_messages};
pub use grammar::{GrammarError, TokenId, ToolChoice, tool_call_schema, tool_grammar};
pub use jinja::{
    ChatInputs, ChatTemplate, JinjaError, JsonContext, jinja_capabilities, prefers_jinja,
};
pub use parsers::{Event, OutputFormat, OutputParser, ParserOptions, Reply, ToolNames};
pub use prompt::{Capabilities, PromptInputs, PromptTemplate, ThinkingTags, strip_past_thinking};
pub use renderers::{RenderError, RenderInputs, Renderer};
pub use shipped::{ShippedTemplate, canonical};
