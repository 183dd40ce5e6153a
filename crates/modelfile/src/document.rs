//! A Modelfile with everything that is in it: comments, layout, mistakes.
//!
//! A [`Document`] is for editors, formatters and linters; programs that only want to know what a
//! Modelfile says use [`Modelfile`], which a document without mistakes turns into.

use std::fmt;

use crate::error::{ParseError, ParseErrorKind};
use crate::modelfile::Modelfile;
use crate::scan::{Command, Item, ItemKind, Scanner};
use crate::span::Span;

/// A parsed text that can be given back to the letter.
///
/// ```
/// use camelid_modelfile::Document;
///
/// let source = "# my model\nfrom llama3.2   \n";
/// let document = Document::parse(source);
/// assert_eq!(document.to_string(), source);
/// assert_eq!(document.modelfile()?.from(), "llama3.2");
/// # Ok::<(), camelid_modelfile::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    source: String,
    items: Vec<Item>,
}

impl Document {
    /// Reads a text. Mistakes do not stop it; they are items among the others.
    pub fn parse(source: impl Into<String>) -> Self {
        let source = source.into();
        let items = Scanner::new(&source).collect();
        Self { source, items }
    }

    /// The text as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The items in order. Their spans cover the source without gap or overlap.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The instructions among the items.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Command(command) => Some(&**command),
            _ => None,
        })
    }

    /// The mistakes among the items, in order, and at the end a missing `FROM`.
    pub fn errors(&self) -> impl Iterator<Item = ParseError> {
        let invalid = self.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Invalid(error) => Some((**error).clone()),
            _ => None,
        });
        invalid.chain(self.missing_from())
    }

    /// What the document says, if it has no mistakes.
    ///
    /// # Errors
    /// The first mistake.
    pub fn modelfile(&self) -> Result<Modelfile, ParseError> {
        match self.errors().next() {
            Some(error) => Err(error),
            None => Ok(Modelfile::from_checked(self.commands().map(|c| c.instruction.clone()))),
        }
    }

    fn missing_from(&self) -> Option<ParseError> {
        let is_from = |c: &Command| c.instruction.keyword() == crate::Keyword::From;
        let end = self.source.len();
        (!self.commands().any(is_from)).then(|| {
            ParseError::new(ParseErrorKind::MissingFrom, Span::new(end, end), &self.source)
        })
    }
}

/// The source, to the letter.
impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_listed_in_order() {
        let document = Document::parse("SYTEM a\nMESSAGE bot b\nPARAMETER\n");
        let lines: Vec<usize> = document.errors().map(|e| e.position().line).collect();
        assert_eq!(lines, [1, 2, 3, 4], "the last is the missing FROM");
        assert!(document.modelfile().is_err());
    }
}
