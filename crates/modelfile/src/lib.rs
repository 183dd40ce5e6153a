#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! - [`Modelfile`]: what a file says; start here. [`Parameters`] are its typed options.
//! - [`Document`]: the same with comments, layout and mistakes kept, each [`Item`] with its
//!   [`Span`]; [`format()`] tidies one, [`lint()`] finds what is legal but probably wrong.
//! - [`resolve`]: the paths in `FROM`, `ADAPTER` and `DRAFT`; the only part that looks at a disk.
//! - [`ParseError`] says what and where; [`Snippet`] shows it.
//!
//! Reading takes time and memory in proportion to the text and never panics. The language is
//! Ollama's (0.33); every difference is written where it is made:
//!
//! - several blanks after `PARAMETER` and `MESSAGE` are accepted;
//! - text joiners, tags and private-use characters are kept in values; controls, odd spaces and
//!   other invisible characters are dropped as there;
//! - `PARAMETER system x` stays a parameter;
//! - numbers must be finite;
//! - a printed value always reads back, also where Ollama's would not.
#![forbid(unsafe_code)]

mod charset;
mod decode;
mod document;
mod error;
mod format;
mod instruction;
pub mod lint;
mod modelfile;
mod parameter_table;
mod parameters;
mod requires;
pub mod resolve;
mod scan;
mod snippet;
mod span;
mod suggest;
mod text;

pub use decode::decode;
pub use document::Document;
pub use error::{ParseError, ParseErrorKind};
pub use format::format;
pub use instruction::{Instruction, Keyword, ParameterName, Role};
pub use lint::lint;
pub use modelfile::{Message, MissingFrom, Modelfile};
pub use parameter_table::{
    PARAMETERS, ParameterInfo, ParameterKind, ParameterStatus, parameter_info,
};
pub use parameters::{ParameterError, ParameterValue, Parameters, suggested_parameter};
pub use requires::{InvalidVersion, Version};
pub use scan::{Command, Item, ItemKind};
pub use snippet::Snippet;
pub use span::{Position, Span};
pub use text::{Quote, Text, UnwritableText};
