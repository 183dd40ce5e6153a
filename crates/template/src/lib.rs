//! Chat prompts from templates, and tool calls and thinking from output.
//!
//! A chat model reads one text and writes one text. This crate knows both sides of it: how a
//! conversation with tools becomes the exact prompt a model was trained on, and how its raw output
//! becomes content, thinking and tool calls again. It does no input or output and reads no clock;
//! the date that a prompt may show is an argument.
//!
//! From messages to a prompt, by what the model brings:
//! - [`ChatTemplate`]: a Jinja template, as in GGUF metadata and on Hugging Face;
//! - [`PromptTemplate`]: a Go template, as in Modelfiles; [`ShippedTemplate`] has some for models
//!   without one, and [`go`] is the language itself;
//! - [`Renderer`]: a format by name, for the families whose format is a program of its own;
//! - [`prefers_jinja`] decides between two templates, [`fit_messages`] what to drop when a
//!   conversation is too long, [`strip_past_thinking`] cleans its history.
//!
//! From output to meaning:
//! - [`OutputFormat`]: how a model family writes thinking and calls, by name or by the Jinja
//!   template that shows it; its [`OutputParser`] reads pieces of any size and gives [`Event`]s;
//! - [`OutputParser::for_template`]: the same for a model that is known by its Go template alone;
//! - [`tool_grammar`] and [`tool_call_schema`]: what forces a model to call a tool.
//!
//! Templates and outputs are hostile until proven otherwise: everything is bounded, and nothing
//! panics. What differs from Ollama on purpose is written down in the crate's `DIFFERENCES.md`.
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
pub use renderers::{BuiltIn, RenderError, RenderInputs, Renderer};
pub use shipped::{ShippedTemplate, canonical};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
