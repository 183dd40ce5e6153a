//! Errors in Go's own words, since clients and people know them.

/// A template's text is not well-formed; prints as Go's `template: NAME:LINE: MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: {name}:{line}: {message}")]
pub struct ParseError {
    /// The template's name.
    pub name: String,
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong, as Go says it.
    pub message: String,
}

/// A template failed on its data; prints as Go's
/// `template: NAME:LINE:COLUMN: executing "NAME" at <NODE>: MESSAGE`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template: {parse_name}:{line}:{column}: executing \"{name}\" at <{node}>: {message}")]
pub struct ExecError {
    /// The name the text was parsed under.
    pub parse_name: String,
    /// The template being executed; differs from `parse_name` inside a `define`.
    pub name: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Byte in that line, counted from 0.
    pub column: usize,
    /// The part of the template, printed back.
    pub node: String,
    /// What went wrong, as Go says it.
    pub message: String,
}
