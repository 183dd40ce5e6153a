//! Passes over many short strings at once: the way through a vocabulary.
//!
//! Checking 400,000 strings one by one costs a call and a few mispredicted branches each, most
//! of the time it takes to open a model. But strings lie end to end with their lengths between
//! them, and a length below 128 is made of ASCII bytes only. ASCII never occurs inside a
//! character of several bytes, so a whole run of short strings, lengths included, is UTF-8
//! exactly if each of them is. The run is then checked without a branch per byte.
//!
//! This is a shortcut and never the last word: it stops where it does not apply, and where it
//! finds anything wrong it passes over nothing. The caller then looks at the next string alone.

use crate::encoding::Encoding;

/// Lengths up to this consist of ASCII bytes in either byte order.
const MAX_SHORT_BYTES: u64 = 127;

/// Strings that are in order, at the start of some bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ShortTexts {
    pub(super) n_texts: u64,
    /// Bytes that they and their lengths take.
    pub(super) n_bytes: usize,
}

impl ShortTexts {
    /// Finds up to `max_texts` valid strings, all before the first that is long or cut off.
    pub(super) fn at_start_of(bytes: &[u8], encoding: Encoding, max_texts: u64) -> Self {
        if encoding.nul_terminated {
            return Self::default();
        }
        let mut found = Self::default();
        while found.n_texts < max_texts {
            let Some(end) = end_of_short_text(bytes, found.n_bytes, encoding) else { break };
            found = Self { n_texts: found.n_texts + 1, n_bytes: end };
        }
        if is_utf8_after_ascii(&bytes[..found.n_bytes]) { found } else { Self::default() }
    }
}

/// Where the string that begins at `start` ends, if it is short and whole.
#[inline]
fn end_of_short_text(bytes: &[u8], start: usize, encoding: Encoding) -> Option<usize> {
    let rest = &bytes[start..];
    let n_bytes = match encoding.length_bytes() {
        4 => encoding.u32(*rest.first_chunk()?).into(),
        _ => encoding.u64(*rest.first_chunk()?),
    };
    let n_bytes = usize::try_from(n_bytes).ok().filter(|_| n_bytes <= MAX_SHORT_BYTES)?;
    // Cannot overflow: `start` is inside a slice and what is added is small.
    let end = start + encoding.length_bytes() + n_bytes;
    (end <= bytes.len()).then_some(end)
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

    /// How many of these strings are found.
    fn n_found(texts: &[&[u8]]) -> u64 {
        let found = ShortTexts::at_start_of(&stored(texts), encoding(3), texts.len() as u64);
        let n_texts = usize::try_from(found.n_texts).unwrap();
        assert_eq!(found.n_bytes, stored(&texts[..n_texts]).len());
        found.n_texts
    }

    /// Bytes at and beside every border of the rules.
    const BORDERS: [u8; 22] = [
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
        0xED, 0xEE, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF,
    ];

    #[test]
    #[cfg_attr(miri, ignore = "takes too long")]
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
    #[cfg_attr(miri, ignore = "takes too long")]
    fn every_character_is_accepted() {
        let all: String = (0..=char::MAX as u32).filter_map(char::from_u32).collect();
        assert!(is_utf8_after_ascii(all.as_bytes()));
    }

    #[test]
    fn character_torn_over_two_strings_is_refused() {
        let pound = "£".as_bytes();
        assert_eq!(n_found(&[b"a", pound, b""]), 3);
        assert_eq!(n_found(&[b"a", &pound[..1], &pound[1..]]), 0);
        assert_eq!(n_found(&[b"a", &pound[..1]]), 0, "at the end of all strings");
    }

    #[test]
    fn length_that_would_complete_a_character_is_left_to_the_caller() {
        // 0xA3 as a length is the second half of `£`, and the zeros behind it are ASCII.
        let long = [b'x'; 0xA3];
        assert_eq!(n_found(&[b"\xC2", &long]), 0);
        assert_eq!(n_found(&[b"a", &long, b"b"]), 1);
        assert_eq!(n_found(&[&[b'x'; 127]]), 1);
        assert_eq!(n_found(&[&[b'x'; 128]]), 0);
    }

    #[test]
    fn strings_beyond_the_end_are_left_to_the_caller() {
        let bytes = stored(&[b"abc", b"de"]);
        let found = |len| ShortTexts::at_start_of(&bytes[..len], encoding(3), 2);
        for len in 0..=bytes.len() {
            let n_texts = u64::from(len >= 8 + 3) + u64::from(len >= 8 + 3 + 8 + 2);
            assert_eq!(found(len).n_texts, n_texts, "{len} bytes");
        }
        let narrow = ShortTexts::at_start_of(b"\x01\0\0\0a", encoding(1), 1);
        assert_eq!(narrow, ShortTexts { n_texts: 1, n_bytes: 5 });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 512 }))]

        #[test]
        fn agrees_with_the_standard_library(
            texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 0..6),
            words in proptest::collection::vec(proptest::collection::vec(any::<char>(), 0..20), 0..20),
        ) {
            let words: Vec<String> = words.into_iter().map(String::from_iter).collect();
            for texts in [
                texts.iter().map(Vec::as_slice).collect::<Vec<_>>(),
                words.iter().map(String::as_bytes).collect(),
            ] {
                let is_valid = texts.iter().all(|text| str::from_utf8(text).is_ok());
                prop_assert_eq!(n_found(&texts), if is_valid { texts.len() as u64 } else { 0 });
            }
        }
    }
}
