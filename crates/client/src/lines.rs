//! Cutting a stream of bytes into lines.

/// The longest line that is taken, in bytes.
pub(crate) const MAX_LINE_BYTES: usize = 8 << 20;

/// A line longer than [`MAX_LINE_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line of the answer is longer than the {MAX_LINE_BYTES} bytes allowed")]
pub(crate) struct LineTooLong;

/// Bytes that have come and are not yet taken as lines.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    bytes: Vec<u8>,
    /// How many of them have been taken.
    taken: usize,
    /// How many of them are known to hold no line's end.
    searched: usize,
}

impl LineBuffer {
    /// Adds what has come.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        // What was taken goes away here, once per piece instead of once per line.
        self.bytes.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next whole line without its end, or none until more has come.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>, LineTooLong> {
        let end = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        let end = end.map(|at| self.searched + at);
        let start = self.taken;
        if end.unwrap_or(self.bytes.len()) - start > MAX_LINE_BYTES {
            return Err(LineTooLong);
        }
        let Some(end) = end else {
            self.searched = self.bytes.len();
            return Ok(None);
        };
        self.taken = end + 1;
        self.searched = end + 1;
        Ok(Some(&self.bytes[start..end]))
    }

    /// What is left when no more will come: a last line without an end.
    pub(crate) fn rest(&mut self) -> Option<&[u8]> {
        let rest = &self.bytes[self.taken..];
        self.taken = self.bytes.len();
        self.searched = self.bytes.len();
        (!rest.is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of a text that comes in the given pieces.
    fn lines(pieces: &[&str]) -> Vec<String> {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        let text = |line: &[u8]| String::from_utf8(line.to_vec()).expect("UTF-8");
        for piece in pieces {
            buffer.push(piece.as_bytes());
            while let Some(line) = buffer.next_line().expect("short lines") {
                lines.push(text(line));
            }
        }
        lines.extend(buffer.rest().map(text));
        lines
    }

    #[test]
    fn pieces_do_not_matter() {
        let text = "one\n\ntwo\nthree";
        let want = ["one", "", "two", "three"];
        assert_eq!(lines(&[text]), want);
        for at in 0..=text.len() {
            let (left, right) = text.split_at(at);
            assert_eq!(lines(&[left, right]), want, "split at {at}");
        }
        let single: Vec<String> = text.chars().map(String::from).collect();
        assert_eq!(lines(&single.iter().map(String::as_str).collect::<Vec<_>>()), want);
    }

    #[test]
    fn a_final_line_end_leaves_nothing() {
        assert_eq!(lines(&["a\n"]), ["a"]);
        assert_eq!(lines(&[]), Vec::<String>::new());
    }

    #[test]
    fn long_lines_are_refused_whether_or_not_they_end() {
        let longest = vec![b'x'; MAX_LINE_BYTES];
        let mut buffer = LineBuffer::default();
        buffer.push(&longest);
        assert_eq!(buffer.next_line(), Ok(None));
        buffer.push(b"\n");
        assert_eq!(buffer.next_line().map(|line| line.map(<[u8]>::len)), Ok(Some(MAX_LINE_BYTES)));
        buffer.push(&longest);
        buffer.push(b"x");
        assert_eq!(buffer.next_line(), Err(LineTooLong));
    }
}
