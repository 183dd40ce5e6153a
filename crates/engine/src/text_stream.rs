//! Joins the bytes of tokens to text, never cutting a character in two.
//!
//! A token of a byte-level vocabulary may end in the middle of a UTF-8 character. Its bytes wait
//! for those that complete the character; bytes that can be part of none become U+FFFD, one for
//! each maximal invalid part, as [`String::from_utf8_lossy`] has it.

/// Bytes in, whole characters out.
#[derive(Debug, Clone, Default)]
pub struct TextStream {
    /// The beginning of a character: at most three bytes.
    pending: Vec<u8>,
}

impl TextStream {
    /// A stream with nothing pending.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes and appends to `text` all characters they complete.
    pub fn push(&mut self, bytes: &[u8], text: &mut String) {
        self.pending.extend_from_slice(bytes);
        let mut rest = self.pending.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).expect("valid up to here"));
                    rest = after;
                    let Some(n_invalid) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[n_invalid..];
                }
            }
        }
        let n_done = self.pending.len() - rest.len();
        self.pending.drain(..n_done);
    }

    /// Appends what was waiting for an end that will not come, as one U+FFFD.
    pub fn finish(&mut self, text: &mut String) {
        if !std::mem::take(&mut self.pending).is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_a_character_waits_for_the_other_half() {
        let (mut stream, mut text) = (TextStream::new(), String::new());
        stream.push(&"é".as_bytes()[..1], &mut text);
        assert_eq!(text, "");
        stream.push(&"é".as_bytes()[1..], &mut text);
        assert_eq!(text, "é");
    }

    #[test]
    fn a_character_that_never_ends_becomes_one_replacement() {
        let (mut stream, mut text) = (TextStream::new(), String::new());
        stream.push(&"😀".as_bytes()[..3], &mut text);
        stream.finish(&mut text);
        assert_eq!(text, "\u{fffd}");
    }

    proptest! {
        #[test]
        fn any_cut_gives_what_the_whole_gives(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0xc2u8..0xf5, 0x80u8..0xc0], 0..40),
            n in 1usize..5,
        ) {
            let (mut stream, mut text) = (TextStream::new(), String::new());
            for piece in bytes.chunks(n) {
                stream.push(piece, &mut text);
                prop_assert!(stream.pending.len() < 4);
            }
            stream.finish(&mut text);
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
