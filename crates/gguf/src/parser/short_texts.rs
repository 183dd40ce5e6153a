//! Passes over many short strings at once: the way through a vocabulary.
//!
//! Checking 400,000 strings one by one costs a call and a few mispredicted branches each, most
//! of the time it takes to open a model. But strings lie end to end with their lengths between
//! them, and a length below 128 is made of ASCII bytes only. ASCII never occurs inside a
//! character of several bytes, so a whole run of short strings, lengths included, is UTF-8
//! exactly if each of them is. The run is then checked without a branch per byte.
//!
//! This is a shortcut and never the last word: where it does not apply, or finds anything
//! wrong, the caller goes over the same strings one by one and finds out what.

use crate::encoding::Encoding;

/// Lengths up to this consist of ASCII bytes in either byte order.
const MAX_SHORT_BYTES: u64 = 127;

/// Where `n` strings at the start of `bytes` end, if all of them are short and valid.
pub(super) fn end_of_short_texts(bytes: &[u8], encoding: Encoding, n: u64) -> Option<usize> {
    if encoding.nul_terminated {
        return None;
    }
    let mut end = 0_usize;
    for _ in 0..n {
        let rest = bytes.get(end..)?;
        let n_bytes = match encoding.length_bytes() {
            4 => encoding.u32(*rest.first_chunk()?).into(),
            _ => encoding.u64(*rest.first_chunk()?),
        };
        if n_bytes > MAX_SHORT_BYTES {
            return None;
        }
        // Neither sum can overflow: `end` is inside a slice and what is added is small.
        end += encoding.length_bytes() + n_bytes as usize;
    }
    is_utf8_after_ascii(bytes.get(..end)?).then_some(end)
}

/// Whether text whose first three bytes are ASCII is UTF-8.
///
/// Every byte is judged by itself and the three before it, with comparisons alone, so that the
/// compiler makes vector instructions of the loop. With three bytes known to be ASCII, no byte
/// lacks its three predecessors. Text that starts otherwise is answered with `false`.
fn is_utf8_after_ascii(text: &[u8]) -> bool {
    let Some((head, _)) = text.split_first_chunk::<3>() else { return text.is_ascii() };
    let [.., third_last, second_last, last] = text else { return false };
    // A character of two bytes cannot begin with the last byte, one of three with either of the
    // last two, and so on.
    let ends_whole = *last < 0xC0 && *second_last < 0xE0 && *third_last < 0xF0;

    let quads = text[3..].iter().zip(&text[2..]).zip(&text[1..]).zip(text);
    let is_wrong = quads.fold(false, |is_wrong, (((&byte, &before), &before2), &before3)| {
        is_wrong | is_wrong_after(byte, before, before2, before3)
    });
    head.is_ascii() && ends_whole && !is_wrong
}

/// Whether `byte` cannot stand behind the three bytes before it (Unicode 16, table 3-7).
#[inline]
fn is_wrong_after(byte: u8, before: u8, before2: u8, before3: u8) -> bool {
    let is_continuation = byte & 0xC0 == 0x80;
    let continues = (before >= 0xC0) | (before2 >= 0xE0) | (before3 >= 0xF0);
    let never_occurs = (byte & 0xFE == 0xC0) | (byte >= 0xF5);
    let overlong = ((before == 0xE0) & (byte < 0xA0)) | ((before == 0xF0) & (byte < 0x90));
    let surrogate = (before == 0xED) & (byte >= 0xA0);
    let beyond_unicode = (before == 0xF4) & (byte >= 0x90);
    (is_continuation != continues) | never_occurs | overlong | surrogate | beyond_unicode
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoding(version: u8) -> Encoding {
        Encoding::detect([version, 0, 0, 0]).unwrap()
    }

    /// Strings as a file has them.
    fn stored(texts: &[&[u8]]) -> Vec<u8> {
        let with_length = |text: &&[u8]| [&(text.len() as u64).to_le_bytes()[..], text].concat();
        texts.iter().flat_map(with_length).collect()
    }

    fn end(texts: &[&[u8]]) -> Option<usize> {
        end_of_short_texts(&stored(texts), encoding(3), texts.len() as u64)
    }

    /// Bytes at and beside every border of the rules.
    const BORDERS: [u8; 22] = [
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
        0xED, 0xEE, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF,
    ];

    #[test]
    fn agrees_with_the_standard_library_on_all_borders() {
        let mut text = *b"abc?????";
        let borders = || BORDERS.into_iter();
        for (first, second) in borders().flat_map(|a| borders().map(move |b| (a, b))) {
            for (third, fourth) in borders().flat_map(|a| borders().map(move |b| (a, b))) {
                for last in [b'x', 0xBF, 0xC2] {
                    text[3..].copy_from_slice(&[first, second, third, fourth, last]);
                    let expected = str::from_utf8(&text).is_ok();
                    assert_eq!(is_utf8_after_ascii(&text), expected, "{text:02x?}");
                }
            }
        }
    }

    #[test]
    fn every_character_is_accepted() {
        let all: String = (0..=char::MAX as u32).filter_map(char::from_u32).collect();
        assert!(is_utf8_after_ascii(all.as_bytes()));
    }

    #[test]
    fn character_torn_over_two_strings_is_refused() {
        let pound = "£".as_bytes();
        assert_eq!(end(&[b"a", pound, b""]), Some(3 * 8 + 1 + 2));
        assert_eq!(end(&[b"a", &pound[..1], &pound[1..]]), None);
        assert_eq!(end(&[b"a", &pound[..1]]), None, "at the end of all strings");
    }

    #[test]
    fn length_that_would_complete_a_character_is_left_to_the_caller() {
        // 0xA3 as a length is the second half of `£`, and the zeros behind it are ASCII.
        let long = [b'x'; 0xA3];
        assert_eq!(end(&[b"\xC2", &long]), None);
        assert_eq!(end(&[&[b'x'; 127]]), Some(8 + 127));
        assert_eq!(end(&[&[b'x'; 128]]), None);
    }

    #[test]
    fn strings_beyond_the_end_are_left_to_the_caller() {
        let bytes = stored(&[b"abc", b"de"]);
        for len in 0..bytes.len() {
            assert_eq!(end_of_short_texts(&bytes[..len], encoding(3), 2), None);
        }
        assert_eq!(end_of_short_texts(&bytes, encoding(3), 2), Some(bytes.len()));
        assert_eq!(end_of_short_texts(&bytes, encoding(3), 0), Some(0));
        assert_eq!(end_of_short_texts(b"\x01\0\0\0a", encoding(1), 1), Some(5));
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(
            texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..6),
            words in proptest::collection::vec(".{0,20}", 0..20),
        ) {
            for texts in [
                texts.iter().map(Vec::as_slice).collect::<Vec<_>>(),
                words.iter().map(String::as_bytes).collect(),
            ] {
                let expected = texts.iter().all(|text| str::from_utf8(text).is_ok());
                let is_short = texts.iter().all(|text| text.len() <= 127);
                prop_assert_eq!(end(&texts).is_some(), expected && is_short);
            }
        }
    }
}
