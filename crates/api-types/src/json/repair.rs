//! Making a checked JSON text one that every parser takes: valid UTF-8, no half surrogate pairs.
//!
//! JavaScript cuts texts between the two halves of a pair and then writes `\ud83d` alone; Go reads
//! that as U+FFFD, and so do we.

use std::borrow::Cow;

/// The replacement character as an escape, as long as the escape that it replaces.
const REPLACEMENT: &[u8; 6] = b"\\ufffd";

/// Replaces what is not UTF-8, and escapes of lone surrogates, by U+FFFD. The text's syntax has
/// been checked.
pub(super) fn repair(json: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(json);
    if !text.contains(r"\ud") && !text.contains(r"\uD") {
        return text;
    }
    let mut bytes = text.into_owned().into_bytes();
    replace_lone_surrogates(&mut bytes);
    Cow::Owned(String::from_utf8(bytes).expect("because ASCII was replaced by ASCII"))
}

fn replace_lone_surrogates(bytes: &mut [u8]) {
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        at += match (surrogate(&bytes[at..]), bytes.get(at + 6..).and_then(surrogate)) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                bytes[at..at + 6].copy_from_slice(REPLACEMENT);
                6
            }
            // Past the backslash and what it escapes, which may be a backslash too.
            (None, _) => 2,
        };
    }
}

#[derive(Clone, Copy)]
enum Half {
    High,
    Low,
}

/// Which half of a pair the text's first six bytes are the escape of, if any.
fn surrogate(text: &[u8]) -> Option<Half> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    match code {
        0xd800..0xdc00 => Some(Half::High),
        0xdc00..0xe000 => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_pairs_stay_and_halves_are_replaced() {
        let cases = [
            (r#""plain""#, r#""plain""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uDE00x""#, r#""\ufffdx""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\u00e9\n""#, r#""\u00e9\n""#),
        ];
        for (json, want) in cases {
            assert_eq!(repair(json.as_bytes()), want);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(repair(b"\"a\xffb\""), "\"a\u{fffd}b\"");
    }
}
