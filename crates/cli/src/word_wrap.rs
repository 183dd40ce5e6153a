//! Wraps words of a text that arrives in pieces, on a terminal.
//!
//! Words are shown as they come. When one turns out not to fit, the cursor goes back over it,
//! clears it, and writes it again on the next line.

use unicode_width::UnicodeWidthChar;

/// Columns at the right that stay free.
const MARGIN: usize = 5;
/// A terminal narrower than this is not wrapped for.
const MIN_WIDTH: usize = 10;

/// The state of a line being written.
#[derive(Debug)]
pub(crate) struct WordWrap {
    width: usize,
    /// Columns written on this line.
    n_columns: usize,
    word: String,
    word_columns: usize,
}

impl WordWrap {
    /// For a terminal of that many columns; `None` where wrapping makes no sense.
    pub(crate) fn new(width: usize) -> Option<Self> {
        (width >= MIN_WIDTH).then(|| Self {
            width,
            n_columns: 0,
            word: String::new(),
            word_columns: 0,
        })
    }

    /// What to write for the next piece of text.
    pub(crate) fn push(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            self.push_char(c, &mut out);
        }
        out
    }

    fn push_char(&mut self, c: char, out: &mut String) {
        let columns = c.width().unwrap_or(0);
        if c == '\n' {
            out.push(c);
            self.n_columns = 0;
            return self.begin_word();
        }
        if self.n_columns + columns > self.width - MARGIN {
            self.break_line(c, out);
            if c == ' ' {
                return; // The end of the line stands for it.
            }
        }
        out.push(c);
        self.n_columns += columns;
        // Scripts of wide characters break anywhere.
        if c == ' ' || c == '\t' || columns > 1 {
            self.begin_word();
        } else {
            self.word.push(c);
            self.word_columns += columns;
        }
    }

    fn begin_word(&mut self) {
        self.word.clear();
        self.word_columns = 0;
    }

    fn break_line(&mut self, next: char, out: &mut String) {
        // A word as wide as the line is cut where it stands, and a blank needs no company.
        if next == ' ' || self.word_columns + 2 * MARGIN > self.width {
            out.push('\n');
            self.n_columns = 0;
            return self.begin_word();
        }
        if self.word_columns > 0 {
            out.push_str(&format!("\x1b[{}D\x1b[K", self.word_columns));
        }
        out.push('\n');
        out.push_str(&self.word);
        self.n_columns = self.word_columns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the screen shows in the end: applies the codes that are written.
    fn screen(width: usize, pieces: &[&str]) -> Vec<String> {
        let mut wrap = WordWrap::new(width).unwrap();
        let written: String = pieces.iter().map(|piece| wrap.push(piece)).collect();
        let mut lines = vec![String::new()];
        let mut rest = written.as_str();
        while let Some(c) = rest.chars().next() {
            let line = lines.last_mut().unwrap();
            if let Some(code) = rest.strip_prefix("\x1b[") {
                let (n, after) = code.split_once("D\x1b[K").unwrap();
                let keep = line.chars().count() - n.parse::<usize>().unwrap();
                *line = line.chars().take(keep).collect();
                rest = after;
                continue;
            }
            match c {
                '\n' => lines.push(String::new()),
                c => line.push(c),
            }
            rest = &rest[c.len_utf8()..];
        }
        lines
    }

    #[test]
    fn lines_break_at_blanks() {
        let lines = screen(20, &["The quick bro", "wn fox jumps ov", "er it"]);
        assert_eq!(lines, ["The quick brown", "fox jumps over ", "it"]);
    }

    #[test]
    fn the_beginning_of_a_word_moves_with_it() {
        assert_eq!(screen(20, &["The quick bro", "wnish fox"]), ["The quick ", "brownish fox"]);
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_less_the_margin() {
        let lines = screen(15, &["abcdefghijklmnopqrstuvwxyz abc"]);
        assert!(lines.iter().all(|line| line.len() <= 10), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), "abcdefghijklmnopqrstuvwxyzabc");
    }

    #[test]
    fn wide_characters_break_anywhere() {
        let lines = screen(12, &["天空是蓝色的"]);
        assert_eq!(lines, ["天空是", "蓝色的"]);
    }

    #[test]
    fn a_narrow_terminal_is_not_wrapped_for() {
        assert!(WordWrap::new(9).is_none());
    }
}
