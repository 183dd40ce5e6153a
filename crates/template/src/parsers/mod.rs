//! A model's output, in pieces of any size, to content, thinking and tool calls.
//!
//! Each model family writes these in its own way. Most ways are rows of a table (`table`) over one
//! machine (`tagged`), with a reader per notation of calls (`json_call`, `xml_call`, `python_call`,
//! `gemma_call`, `deepseek_call`, `mistral_call`, `cohere_call`); gpt-oss's `harmony` is a machine
//! of its own; and models known only by their Go template have `thinking` and `generic`.
//!
//! All of them keep three promises: the events do not depend on how the text was cut into pieces;
//! nothing is held back that cannot be part of a marker (a call is held until it is whole); nothing
//! is lost: what is no call after all comes out as text, with the problem beside it.

mod coerce;
mod cohere_call;
mod deepseek_call;
mod detect;
mod event;
mod gemma_call;
mod generic;
mod harmony;
mod hold;
mod json_call;
mod mistral_call;
mod parser;
mod python_call;
mod table;
mod tagged;
mod thinking;
mod tool_names;
mod xml_call;

pub use event::{Event, Reply};
pub use parser::{OutputFormat, OutputParser};
pub use tagged::ParserOptions;
pub(crate) use thinking::split_thinking;
pub use tool_names::ToolNames;
