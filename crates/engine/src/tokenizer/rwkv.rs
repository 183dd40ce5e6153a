//! RWKV's tokenizer (`tokenizer.ggml.model = rwkv`): the longest token that the text begins with,
//! again and again.
//!
//! Tokens are bytes; the file writes them as text with escapes: `\t`, `\n`, `\r`, `\x` and two
//! hexadecimal digits, and a backslash before any other character stands for that character.

use super::prefix_index::PrefixIndex;
use crate::{
    batch::TokenId,
    error::Result,
    vocab::{TokenKind, Vocab, VocabError},
};

pub(super) struct Rwkv {
    tokens: PrefixIndex,
}

impl Rwkv {
    pub(super) fn new(vocab: &Vocab) -> Result<Self> {
        let from_text = vocab.iter().filter(|(.., kind)| {
            !matches!(kind, TokenKind::Control | TokenKind::Unknown | TokenKind::Unused)
        });
        let bytes = from_text.map(|(id, text, _)| Ok((unescape(id, text)?.into(), id)));
        let bytes = bytes.collect::<Result<Vec<_>, VocabError>>()?;
        let tokens = PrefixIndex::new(bytes.into_iter())?;
        if !tokens.covers_all_bytes() {
            return Err(VocabError::NoFallback { missing: "a token for each byte" }.into());
        }
        Ok(Self { tokens })
    }

    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<TokenId>) {
        let mut rest = text.as_bytes();
        while let Some((n_bytes, id)) = self.tokens.prefixes(rest).last() {
            tokens.push(id);
            rest = &rest[n_bytes..];
        }
    }
}

/// The bytes that a token's text stands for.
pub(super) fn unescape(id: TokenId, text: &str) -> Result<Vec<u8>, VocabError> {
    let wrong = || VocabError::Escape { id, found: text.to_owned() };
    let mut bytes = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = if c == '\\' {
            chars.next().ok_or_else(wrong)?
        } else {
            push(&mut bytes, c);
            continue;
        };
        match c {
            't' => bytes.push(b'\t'),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            'x' => {
                let mut digit = || chars.next().and_then(|c| c.to_digit(16)).ok_or_else(wrong);
                let byte = digit()? * 16 + digit()?;
                bytes.push(u8::try_from(byte).expect("because two digits are a byte"));
            }
            c => push(&mut bytes, c),
        }
    }
    Ok(bytes)
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(unescape(0, r"a\t\n\r\\\'é").unwrap(), "a\t\n\r\\'é".as_bytes());
        assert_eq!(unescape(0, r"\xff\x0A").unwrap(), [0xff, 0x0a]);
    }

    #[test]
    fn an_escape_that_is_cut_short_is_refused() {
        for text in ["\\", r"\x", r"\x1", r"\xg0"] {
            assert!(matches!(unescape(3, text), Err(VocabError::Escape { id: 3, .. })), "{text}");
        }
    }
}
