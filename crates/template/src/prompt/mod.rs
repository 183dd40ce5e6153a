//! Ollama's use of Go templates: a chat, or a prompt with its suffix, becomes prompt text.
//!
//! A template is used in one of three ways, by what it mentions:
//!
//! - with `.Messages` it sees the whole conversation, and the tools;
//! - otherwise it is a *legacy* template of `.System`, `.Prompt` and `.Response`, rendered once per
//!   exchange, the last time only up to `.Response`, where the model goes on;
//! - a prompt with a suffix renders once with `.Prompt` and `.Suffix`.
//!
//! What a model can do is read off the template too ([`PromptTemplate::capabilities`]), and so are
//! the tags around its thinking and the text that opens its tool calls.
//!
//! Layout: `template` renders, `collate` merges messages, `data` turns them into template values,
//! `history` cleans past turns,
//! `functions` are Ollama's additions to Go's, `facts` and `walk` read a template, `cut` shortens
//! one, `media` numbers images.

mod collate;
mod cut;
mod data;
mod facts;
mod functions;
mod history;
pub(crate) mod media;
mod template;
mod walk;

pub use facts::ThinkingTags;
pub use history::strip_past_thinking;
pub use template::{Capabilities, PromptInputs, PromptTemplate};
