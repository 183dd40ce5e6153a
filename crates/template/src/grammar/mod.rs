//! Grammars that force a well-formed tool call, for a request's `tool_choice`.
//!
//! A model that must call a tool is held to the exact text of a call in its own format: the marks,
//! the name of a declared tool, and arguments that fit the tool's schema. `shape` says how each
//! format writes a call, as data; `lark` turns that and the tools into a grammar in `llguidance`'s
//! Lark syntax; `schema` is the same without the marks, as a JSON Schema.

mod lark;
mod schema;
mod shape;

use crate::OutputFormat;
use camelid_api_types::ollama::Tool;
use serde_json::Value as Json;

/// Which tool must be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// Any of them.
    Required,
    /// This one.
    Named(&'a str),
}

/// Why there is no grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrammarError {
    /// There is nothing to call.
    #[error("a tool call is required, and there are no tools")]
    NoTools,
    /// The tool asked for is none of the request's.
    #[error("tool `{name}` is not one of the request's: `{}`", known.join("`, `"))]
    UnknownTool {
        /// The name asked for.
        name: String,
        /// The names of the tools.
        known: Vec<String>,
    },
    /// The format has no tool calls.
    #[error("output format `{format}` has no tool calls")]
    NoCalls {
        /// The format's name.
        format: &'static str,
    },
}

/// The text of a special token to its id, for those texts that are special tokens of the model.
pub type TokenId<'a> = &'a dyn Fn(&str) -> Option<u32>;

/// A Lark grammar for `llguidance` that forces a call in `format`.
///
/// With `parallel`, several calls may follow one another. Marks that are special tokens of the
/// model, by `token_id`, are written as such, for they are no text to the tokenizer.
///
/// # Errors
/// When there is no tool to call, or the format has no calls.
///
/// # Examples
/// ```
/// use camelid_template::{OutputFormat, ToolChoice, tool_grammar};
///
/// let tools = [serde_json::from_value(serde_json::json!({
///     "type": "function",
///     "function": {"name": "now", "parameters": {"type": "object"}}
/// }))?];
/// let format = OutputFormat::by_name("qwen3").expect("a known name");
/// let lark = tool_grammar(format, &tools, ToolChoice::Required, false, &|_| None)?;
/// assert!(lark.starts_with("start: call\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn tool_grammar(
    format: OutputFormat,
    tools: &[Tool],
    choice: ToolChoice<'_>,
    parallel: bool,
    token_id: TokenId<'_>,
) -> Result<String, GrammarError> {
    let tools = chosen(tools, choice)?;
    let shape = shape::of(format.name()).ok_or(GrammarError::NoCalls { format: format.name() })?;
    Ok(lark::grammar(shape, &tools, parallel, format.visible_tokens(), token_id))
}

/// A JSON Schema for one call: `{"name": ..., "arguments": {...}}`.
///
/// # Errors
/// When there is no tool to call.
pub fn tool_call_schema(tools: &[Tool], choice: ToolChoice<'_>) -> Result<Json, GrammarError> {
    Ok(schema::calls(&chosen(tools, choice)?))
}

fn chosen<'t>(tools: &'t [Tool], choice: ToolChoice<'_>) -> Result<Vec<&'t Tool>, GrammarError> {
    let chosen: Vec<&Tool> = match choice {
        ToolChoice::Required => tools.iter().collect(),
        ToolChoice::Named(name) => {
            let found = tools.iter().find(|tool| tool.function.name == name);
            vec![found.ok_or_else(|| GrammarError::UnknownTool {
                name: name.to_owned(),
                known: tools.iter().map(|tool| tool.function.name.clone()).collect(),
            })?]
        }
    };
    if chosen.is_empty() { Err(GrammarError::NoTools) } else { Ok(chosen) }
}

#[cfg(test)]
mod tests;
