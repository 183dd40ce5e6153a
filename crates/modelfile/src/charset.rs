//! Which characters the language keeps.
//!
//! Ollama's parser drops every character that Go's `unicode.IsPrint` rejects. Two kinds of those
//! carry meaning in prompts, and are kept here: the joiners and tags inside emoji and Indic or
//! Persian words, and private-use or newly assigned characters, which some vocabularies use as
//! markers. What remains dropped is what nobody can see and nobody means: controls, spaces other
//! than the ASCII ones, and invisible format characters, among them those that turn the direction
//! of text and so hide what a file really says. A lint reports every dropped character.

/// A blank within a line: ends words, never ends a value.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// A line end. `\r\n` is two of them, the second ending an empty line.
pub(crate) fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// Whether `c` vanishes from words and values. Never true of blanks and line ends.
pub(crate) fn is_dropped(c: char) -> bool {
    if is_blank(c) || is_newline(c) {
        return false;
    }
    c.is_control() || c.is_whitespace() || is_invisible_format(c)
}

fn is_invisible_format(c: char) -> bool {
    matches!(c,
        '\u{00AD}'                  // soft hyphen
        | '\u{061C}'                // Arabic letter mark
        | '\u{180E}'                // Mongolian vowel separator
        | '\u{200B}'                // zero width space
        | '\u{200E}'..='\u{200F}'   // direction marks
        | '\u{202A}'..='\u{202E}'   // direction embeddings and overrides
        | '\u{2060}'..='\u{206F}'   // word joiner, isolates, deprecated shaping controls
        | '\u{FEFF}'                // byte-order mark
        | '\u{FFF9}'..='\u{FFFB}') // interlinear annotation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_dropped() {
        for c in
            ['\0', '\u{1b}', '\u{85}', '\u{a0}', '\u{200b}', '\u{202e}', '\u{3000}', '\u{feff}']
        {
            assert!(is_dropped(c), "{c:?}");
        }
    }

    #[test]
    fn text_joiners_and_markers_are_kept() {
        for c in
            ['a', ' ', '\t', '\n', '\r', 'é', '漢', '\u{200c}', '\u{200d}', '\u{fe0f}', '\u{e000}']
        {
            assert!(!is_dropped(c), "{c:?}");
        }
    }
}
