//! Sets of characters, as ranges in order that neither touch nor overlap.

use std::{fmt::Write as _, ops::RangeInclusive};

/// The scalar values: all code points but the surrogates.
const ALL: [RangeInclusive<u32>; 2] = [0..=0xD7FF, 0xE000..=0x10FFFF];

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CharSet {
    /// `(first, last)`.
    ranges: Vec<(u32, u32)>,
}

impl CharSet {
    pub(super) fn one(c: char) -> Self {
        Self { ranges: vec![(c.into(), c.into())] }
    }

    pub(super) fn all() -> Self {
        Self { ranges: ALL.iter().map(|range| (*range.start(), *range.end())).collect() }
    }

    /// The characters of ranges in any order.
    pub(super) fn from_ranges(mut ranges: Vec<(char, char)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges.into_iter().map(|(a, b)| (u32::from(a), u32::from(b))) {
            for all in ALL {
                let (first, last) = (first.max(*all.start()), last.min(*all.end()));
                match merged.last_mut() {
                    _ if first > last => {}
                    Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
                    _ => merged.push((first, last)),
                }
            }
        }
        Self { ranges: merged }
    }

    /// All characters but these.
    pub(super) fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 2);
        for all in ALL {
            let mut next = *all.start();
            for &(first, last) in self.ranges.iter().filter(|&&(_, last)| last >= *all.start()) {
                if first > *all.end() {
                    break;
                }
                if next < first {
                    ranges.push((next, first - 1));
                }
                next = next.max(last + 1);
            }
            if next <= *all.end() {
                ranges.push((next, *all.end()));
            }
        }
        Self { ranges }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    #[cfg(test)]
    pub(super) fn contains(&self, c: char) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&c.into()))
    }

    /// Whether some character is in both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.ranges.as_slice(), other.ranges.as_slice());
        while let ([(a_first, a_last), a_rest @ ..], [(b_first, b_last), b_rest @ ..]) = (a, b) {
            if a_last < b_first {
                a = a_rest;
            } else if b_last < a_first {
                b = b_rest;
            } else {
                return true;
            }
        }
        false
    }

    /// The bytes that characters of the set begin with in UTF-8, a bit for each.
    pub(super) fn lead_bytes(&self) -> [u64; 4] {
        let mut bits = [0; 4];
        for &(first, last) in &self.ranges {
            for byte in lead_byte(first)..=lead_byte(last) {
                bits[usize::from(byte / 64)] |= 1 << (byte % 64);
            }
        }
        bits
    }

    /// The set as a class of a regular expression without a slash in it.
    pub(super) fn write_regex(&self, out: &mut String) {
        let is_one = matches!(self.ranges[..], [(first, last)] if first == last);
        if !is_one {
            out.push('[');
        }
        for &(first, last) in &self.ranges {
            write_char(first, out);
            if first < last {
                out.push('-');
                write_char(last, out);
            }
        }
        if !is_one {
            out.push(']');
        }
    }
}

/// Never falls as the code point rises.
fn lead_byte(code_point: u32) -> u8 {
    match code_point {
        0..0x80 => code_point as u8,
        0x80..0x800 => 0xC0 | (code_point >> 6) as u8,
        0x800..0x1_0000 => 0xE0 | (code_point >> 12) as u8,
        _ => 0xF0 | (code_point >> 18) as u8,
    }
}

fn write_char(code_point: u32, out: &mut String) {
    match char::from_u32(code_point) {
        Some(c) if c.is_ascii_alphanumeric() => out.push(c),
        _ => {
            let _ = write!(out, "\\x{{{code_point:X}}}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_put_in_order_and_joined() {
        let set = CharSet::from_ranges(vec![('c', 'f'), ('a', 'b'), ('e', 'z'), ('0', '0')]);
        assert_eq!(set.ranges, [(0x30, 0x30), (0x61, 0x7A)]);
        let mut text = String::new();
        set.write_regex(&mut text);
        assert_eq!(text, "[0a-z]");
    }

    #[test]
    fn a_complement_has_what_the_set_has_not() {
        for set in [
            CharSet::from_ranges(vec![]),
            CharSet::all(),
            CharSet::one('"'),
            CharSet::from_ranges(vec![('\0', '\x1F'), ('\\', '\\'), ('\u{D000}', '\u{E000}')]),
            CharSet::from_ranges(vec![('\u{E001}', '\u{10FFFF}')]),
        ] {
            let rest = set.complement();
            assert_eq!(rest.complement(), set);
            for c in ['\0', '\x1F', ' ', '"', '\\', 'é', '\u{D7FF}', '\u{E000}', '\u{10FFFF}'] {
                assert_ne!(set.contains(c), rest.contains(c), "{set:?} {c:?}");
            }
            assert!(!set.meets(&rest) && !rest.meets(&set));
        }
    }

    #[test]
    fn lead_bytes_are_those_of_utf8() {
        for c in ['\0', 'z', '\u{7F}', '\u{80}', 'é', '\u{7FF}', '\u{800}', '\u{FFFF}', '😀'] {
            let lead = c.encode_utf8(&mut [0; 4]).as_bytes()[0];
            let bits = CharSet::one(c).lead_bytes();
            assert_eq!(bits[usize::from(lead / 64)], 1 << (lead % 64), "{c:?}");
            assert_eq!(bits.iter().map(|bits| bits.count_ones()).sum::<u32>(), 1);
        }
    }
}
