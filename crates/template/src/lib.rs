//! Chat prompts from templates, and tool calls and thinking from output.
#![forbid(unsafe_code)]

pub mod go;
mod jinja;
mod parsers;
mod prompt;

pub use jinja::{ChatInputs, ChatTemplate, JinjaError, JsonContext};
pub use parsers::{Event, OutputFormat, OutputParser, ParserOptions, Reply, ToolNames};
pub use prompt::{Capabilities, PromptInputs, PromptTemplate, ThinkingTags};
