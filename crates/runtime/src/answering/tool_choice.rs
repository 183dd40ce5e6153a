//! Answers that must be a tool call: a grammar in the way that the model writes calls.
//!
//! Where the model's template shows a known format, its own grammar is used; where it only shows the
//! mark before a call, what follows the mark is one call in JSON. A model that begins its answer
//! inside a thought may finish the thought first.

use camelid_api_types::{
    ApiError,
    ollama::{Tool, ToolChoice},
};
use camelid_engine::{Grammar, TokenKind, Tokenizer};
use camelid_template as template;
use camelid_template::OutputFormat;
use serde_json::Value;

/// How a model writes calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallStyle<'a> {
    /// In a format that is known.
    Format(OutputFormat),
    /// In JSON behind a mark, which may be the JSON's own `{` or `[`.
    Tagged(&'a str),
}

/// The grammar that makes an answer a call, where `choice` wants one.
///
/// # Errors
/// When there is no such tool, or none at all.
pub(crate) fn grammar(
    style: CallStyle<'_>,
    tools: &[Tool],
    choice: &ToolChoice,
    parallel: bool,
    tokenizer: &Tokenizer,
) -> Result<Option<Grammar>, ApiError> {
    let choice = match choice {
        ToolChoice::Auto | ToolChoice::None => return Ok(None),
        ToolChoice::Required => template::ToolChoice::Required,
        ToolChoice::Named(name) => template::ToolChoice::Named(name),
    };
    // A call of one tool is one call.
    let parallel = parallel && choice == template::ToolChoice::Required;
    let refused = |error: template::GrammarError| ApiError::bad_request(error.to_string());
    let special = |text: &str| special_token(tokenizer, text);
    let lark = match style {
        CallStyle::Format(format) => {
            template::tool_grammar(format, tools, choice, parallel, &special).map_err(refused)?
        }
        CallStyle::Tagged(tag) => {
            let schema = template::tool_call_schema(tools, choice).map_err(refused)?;
            tagged(tag, &schema, special(tag))
        }
    };
    Ok(Some(Grammar::Lark(lark)))
}

/// A mark and a call in JSON, in Lark.
fn tagged(tag: &str, schema: &Value, token: Option<u32>) -> String {
    let call = format!("call: %json {schema}\n");
    match (tag, token) {
        ("{", _) => format!("start: call\n{call}"),
        ("[", _) => format!("start: \"[\" call \"]\"\n{call}"),
        (_, Some(id)) => format!("start: <[{id}]> call\n{call}"),
        // A JSON string is a Lark string too.
        (tag, None) => format!("start: {} call\n{call}", Value::from(tag)),
    }
}

/// The id of a token that is no text to the tokenizer.
fn special_token(tokenizer: &Tokenizer, text: &str) -> Option<u32> {
    let is_it = |kind: TokenKind, token: &str| kind == TokenKind::Control && token == text;
    tokenizer.vocab().iter().find(|&(_, token, kind)| is_it(kind, token)).map(|(id, ..)| id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_follows_the_mark_is_a_call() {
        let schema = json!({"type": "object"});
        let grammar = |tag, token| tagged(tag, &schema, token);
        assert_eq!(grammar("{", None), "start: call\ncall: %json {\"type\":\"object\"}\n");
        assert!(grammar("[", None).starts_with("start: \"[\" call \"]\"\n"));
        assert!(grammar("<tool>", Some(7)).starts_with("start: <[7]> call\n"));
        assert!(grammar("<tool>", None).starts_with("start: \"<tool>\" call\n"));
    }
}
