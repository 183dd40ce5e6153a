//! Bytes of a file to text.
//!
//! ```text
//! EF BB BF   UTF-8, mark removed
//! FF FE      UTF-16, little-endian, mark removed
//! FE FF      UTF-16, big-endian, mark removed
//! otherwise  UTF-8
//! ```
//!
//! What is not valid in its encoding becomes U+FFFD, as in Ollama: a licence text in Latin-1 must
//! not make a model unbuildable.

use std::borrow::Cow;

/// Decodes the bytes of a Modelfile by their byte-order mark; UTF-8 without one.
///
/// Borrows when the bytes are UTF-8 already. Half a UTF-16 unit at the end becomes U+FFFD.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(decode_utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(decode_utf16(rest, u16::from_be_bytes)),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text: String = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_choose_the_encoding() {
        assert_eq!(decode(b"FROM a"), "FROM a");
        assert_eq!(decode(b"\xEF\xBB\xBFFROM \xC3\xA9"), "FROM é");
        assert_eq!(decode(b"\xFF\xFEF\0\xE9\0"), "Fé");
        assert_eq!(decode(b"\xFE\xFF\0F\0\xE9"), "Fé");
    }

    #[test]
    fn broken_encodings_are_replaced() {
        assert_eq!(decode(b"a\xFFb"), "a\u{FFFD}b");
        assert_eq!(decode(b"\xFF\xFE\x00\xD8a\0"), "\u{FFFD}a", "lone surrogate");
        assert_eq!(decode(b"\xFF\xFEa\0b"), "a\u{FFFD}", "odd length");
    }
}
