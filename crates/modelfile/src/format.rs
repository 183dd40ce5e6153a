//! Tidies a Modelfile without changing what it says.
//!
//! Keywords in capitals, one blank between the parts, no indentation, no blanks at line ends, at
//! most one empty line in a row and none at the ends. Comments stay, values stay as they are
//! quoted, and lines with mistakes stay as they are.

use crate::document::Document;
use crate::scan::{Command, Item, ItemKind};
use crate::span::{Position, Span};

/// The document's text, tidied. It reads back as the same instructions; formatting it again
/// changes nothing.
///
/// ```
/// use camelid_modelfile::{Document, format};
///
/// let document = Document::parse("\n  from a\n\n\n# why\nParameter stop   \"x\"");
/// assert_eq!(format(&document), "FROM a\n\n# why\nPARAMETER stop \"x\"\n");
/// ```
pub fn format(document: &Document) -> String {
    let source = document.source();
    let mut out = String::with_capacity(source.len());
    for item in document.items() {
        match &item.kind {
            ItemKind::Blank if has_empty_line(source, item) && !out.is_empty() => out.push('\n'),
            ItemKind::Blank => {}
            ItemKind::Command(command) => push_command(&mut out, command, source),
            ItemKind::Comment | ItemKind::Invalid(_) => {
                out.push_str(text(source, item.span).trim_end());
                out.push('\n');
            }
        }
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

fn push_command(out: &mut String, command: &Command, source: &str) {
    out.push_str(command.instruction.keyword().as_str());
    out.push(' ');
    if let Some(name) = command.instruction.name() {
        out.push_str(name);
        out.push(' ');
    }
    match text(source, command.value_span) {
        // Without quotes the blank that makes an empty value would end the line.
        "" => out.push_str("\"\""),
        written => out.push_str(written),
    }
    out.push('\n');
}

fn has_empty_line(source: &str, blank: &Item) -> bool {
    let written = text(source, blank.span);
    Position::of(written, written.len()).line > 2
}

fn text(source: &str, span: Span) -> &str {
    span.slice(source).expect("because the items of a document cover its own source")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(source: &str) -> String {
        format(&Document::parse(source))
    }

    #[test]
    fn quotes_and_comments_stay() {
        let source = "# c  \r\n\tfrom  a b \r\nsystem \"\"\"\n x \n\"\"\"  \n";
        assert_eq!(formatted(source), "# c\nFROM a b\nSYSTEM \"\"\"\n x \n\"\"\"\n");
    }

    #[test]
    fn mistakes_stay() {
        assert_eq!(formatted("from a\n bogus  x  \n"), "FROM a\nbogus  x\n");
        assert_eq!(formatted("from a\nsystem \"open  \n"), "FROM a\nsystem \"open\n");
    }

    #[test]
    fn empty_values_stay_values() {
        let source = "FROM a\nSYSTEM   \nPARAMETER stop \n";
        assert_eq!(formatted(source), "FROM a\nSYSTEM \"\"\nPARAMETER stop \"\"\n");
    }

    #[test]
    fn empty_texts_stay_empty() {
        assert_eq!(formatted(""), "");
        assert_eq!(formatted("\n \n"), "");
    }
}
