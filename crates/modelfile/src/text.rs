//! Values and their quotes.
//!
//! A value is written bare, in `"` or in `"""`. There are no escapes: at each line end the text
//! read so far is trimmed, and the value ends there unless an opened quote is still open, that is,
//! unless the text starts with a quote and does not end with the same one. Hence `"a" b` is an
//! open quote, and some strings cannot be written at all (text in which a line ends with `"""`
//! and another follows). [`Text`] is a string that can be written, so that printing never fails.

use std::fmt;
use std::ops::Deref;

use crate::charset::{is_dropped, is_newline};

/// How a value is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quote {
    /// Not at all: one line, blanks around it ignored.
    Bare,
    /// Between `"` and `"`; may span lines.
    Double,
    /// Between `"""` and `"""`; may span lines.
    Triple,
}

impl Quote {
    /// The mark on either side of the value.
    pub const fn mark(self) -> &'static str {
        match self {
            Quote::Bare => "",
            Quote::Double => "\"",
            Quote::Triple => "\"\"\"",
        }
    }

    /// The quote that `written`, a value without blanks before it, starts with.
    pub fn of(written: &str) -> Quote {
        if written.starts_with(Quote::Triple.mark()) {
            Quote::Triple
        } else if written.starts_with(Quote::Double.mark()) {
            Quote::Double
        } else {
            Quote::Bare
        }
    }
}

/// The value within its quotes, or `None` while the quote is open. `written` is trimmed.
pub(crate) fn unquote(written: &str) -> Option<&str> {
    let mark = Quote::of(written).mark();
    written.strip_prefix(mark)?.strip_suffix(mark)
}

/// Collects the characters of a value as they are read: leading blanks and characters that the
/// language drops leave no trace, and the end of the trimmed text is always known, so that
/// looking at it at every line end stays cheap in a file of nothing but line ends.
#[derive(Debug, Default)]
pub(crate) struct ValueBuffer {
    text: String,
    trimmed_len: usize,
}

impl ValueBuffer {
    pub(crate) fn push(&mut self, c: char) {
        if is_dropped(c) || (self.text.is_empty() && c.is_whitespace()) {
            return;
        }
        self.text.push(c);
        if !c.is_whitespace() {
            self.trimmed_len = self.text.len();
        }
    }

    /// What was read, without blanks on either side, quotes still on.
    pub(crate) fn written(&self) -> &str {
        &self.text[..self.trimmed_len]
    }

    /// The finished value, if the text read so far is one.
    pub(crate) fn value(&self) -> Option<&str> {
        unquote(self.written())
    }
}

/// The value of an instruction: any string that the language can express.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Text(String);

/// A string that no Modelfile can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} in {excerpt:?} cannot be written in a Modelfile, \
     which keeps no control characters and has no escapes"
)]
pub struct UnwritableText {
    what: &'static str,
    excerpt: String,
}

impl Text {
    /// Takes a string that can be written as a value.
    ///
    /// # Errors
    /// If it holds characters that the language drops (see the crate's notes), or quotes at line
    /// ends such that every way of quoting it would end too early.
    pub fn new(value: impl Into<String>) -> Result<Self, UnwritableText> {
        let value = value.into();
        if let Some(at) = value.find(is_dropped) {
            return Err(UnwritableText {
                what: "an invisible character",
                excerpt: excerpt(&value, at),
            });
        }
        if quote_for(&value).is_none() {
            let at = value.find('"').unwrap_or(0);
            return Err(UnwritableText {
                what: "a quote before a line end",
                excerpt: excerpt(&value, at),
            });
        }
        Ok(Self(value))
    }

    /// A value that the scanner has read, and that can therefore be written.
    pub(crate) fn from_scanned(value: &str) -> Self {
        debug_assert!(quote_for(value).is_some(), "read but not writable: {value:?}");
        Self(value.to_owned())
    }

    /// The value, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value without quotes, as an owned string.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The value as it is written in canonical form, quotes included.
    pub fn quoted(&self) -> String {
        let quote = quote_for(&self.0).expect("because every Text was checked when it was made");
        wrap(&self.0, quote)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl TryFrom<&str> for Text {
    type Error = UnwritableText;

    fn try_from(value: &str) -> Result<Self, UnwritableText> {
        Self::new(value)
    }
}

impl TryFrom<String> for Text {
    type Error = UnwritableText;

    fn try_from(value: String) -> Result<Self, UnwritableText> {
        Self::new(value)
    }
}

/// The canonical quote: the one Ollama prints, or where that would read back as another value,
/// the first that does not.
fn quote_for(value: &str) -> Option<Quote> {
    let needs_quote = value.contains('\n') || value.starts_with(' ') || value.ends_with(' ');
    let preferred = match (needs_quote, value.contains('"')) {
        (false, _) => Quote::Bare,
        (true, false) => Quote::Double,
        (true, true) => Quote::Triple,
    };
    [preferred, Quote::Double, Quote::Triple]
        .into_iter()
        .find(|quote| reads_back(&wrap(value, *quote), value))
}

fn wrap(value: &str, quote: Quote) -> String {
    let mark = quote.mark();
    format!("{mark}{value}{mark}")
}

/// Whether `written`, followed by a line end, is read as `value` and nothing less.
fn reads_back(written: &str, value: &str) -> bool {
    let mut buffer = ValueBuffer::default();
    for c in written.chars() {
        if is_newline(c) && buffer.value().is_some() {
            return false;
        }
        buffer.push(c);
    }
    buffer.value() == Some(value)
}

fn excerpt(value: &str, at: usize) -> String {
    let start = value[..at].char_indices().rev().nth(9).map_or(0, |(i, _)| i);
    value[start..].chars().take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_and_closed_quotes_are_told_apart() {
        assert_eq!(unquote("plain"), Some("plain"));
        assert_eq!(unquote("\"a b\""), Some("a b"));
        assert_eq!(unquote("\"\"\"a\"b\"\"\""), Some("a\"b"));
        assert_eq!(unquote("\"\""), Some(""));
        assert_eq!(unquote("\"\"\"\"\"\""), Some(""));
        for open in ["\"", "\"a", "\"a\" b", "\"\"\"", "\"\"\"\"", "\"\"\"a\"", "\"\"\"\"\""] {
            assert_eq!(unquote(open), None, "{open}");
        }
    }

    #[test]
    fn the_lightest_quote_that_reads_back_is_chosen() {
        let quoted = |v: &str| Text::new(v).map(|t| t.quoted()).unwrap();
        assert_eq!(quoted("a \"b\" c"), "a \"b\" c");
        assert_eq!(quoted(" padded "), "\" padded \"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
        assert_eq!(quoted("say \"hi\"\nnow"), "\"\"\"say \"hi\"\nnow\"\"\"");
        // Here Ollama prints the value bare, and reads something else back.
        assert_eq!(quoted("\"literal\""), "\"\"literal\"\"");
        assert_eq!(quoted("\ttab"), "\"\ttab\"");
        assert_eq!(quoted("a\rb"), "\"a\rb\"");
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let error = Text::new("bell \u{7}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "an invisible character in \"bell \\u{7}\" cannot be written in a Modelfile, \
             which keeps no control characters and has no escapes"
        );
        assert!(Text::new("a\"\"\"\nb").is_err());
        assert!(Text::new("a\"\nb").is_ok());
    }

    #[test]
    fn blanks_around_a_value_are_not_part_of_it() {
        let mut buffer = ValueBuffer::default();
        "  \u{200b} a b \t".chars().for_each(|c| buffer.push(c));
        assert_eq!(buffer.written(), "a b");
    }
}
