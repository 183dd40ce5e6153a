//! Go's `text/template` language, in which Modelfiles and Ollama's models write their prompts.
//!
//! All of the language: `if`/`else if`/`with`/`range` with one or two variables, `break` and
//! `continue`, `define`/`block`/`template`, variables and assignment, pipelines, parentheses, field
//! chains, trim markers and comments, every built-in function, Go's value printing and `printf`,
//! and Go's error texts with their positions. The option is `missingkey=zero`, as Ollama sets it.
//! Written from the language's documentation and checked against what Go 1.27 prints.
//!
//! The way of a template: `lexer` cuts text into tokens, `parser` makes the tree of `ast`,
//! `exec` walks it over a [`Value`], calling `builtins` and printing with `format`. A template
//! is parsed once and rendered many times, from any thread.
//!
//! Templates come with downloaded models, so everything is bounded: text length, nesting, template
//! recursion, steps, output, and the size of any text a function makes (constants in `exec` and
//! `parser`).
//!
//! Not here: methods and channels (no data of ours has them), complex numbers, `html/template`.

pub(crate) mod ast;
mod builtins;
mod error;
mod exec;
mod format;
mod functions;
mod json;
mod lexer;
mod number;
mod parser;
mod template;
mod value;

pub use error::{ExecError, ParseError};
pub use functions::{Call, Context, Function};
pub use template::Template;
pub use value::{Field, List, Map, Print, Record, Value};

pub(crate) use json::write_string as write_json_string;
