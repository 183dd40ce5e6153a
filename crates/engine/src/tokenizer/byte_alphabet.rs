//! The characters that stand for bytes in a byte-level vocabulary.
//!
//! GPT-2's vocabulary is text, although its tokens are bytes: each byte is written as a printable
//! character. The 188 bytes that Latin-1 prints stand for themselves (`!` to `~`, `¡` to `¬`, `®`
//! to `ÿ`); the other 68 are, in order, the characters from U+0100 on, so that a space is `Ġ`.

/// Whether a byte stands for itself.
const fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

/// The code point for each byte.
const CODE_POINTS: [u16; 256] = {
    let mut table = [0u16; 256];
    let (mut byte, mut next) = (0usize, 0x100u16);
    while byte < 256 {
        if is_printable(byte as u8) {
            table[byte] = byte as u16;
        } else {
            table[byte] = next;
            next += 1;
        }
        byte += 1;
    }
    table
};

/// The byte for each code point below 0x144; other entries are unused.
const BYTES: [Option<u8>; 0x144] = {
    let mut table = [None; 0x144];
    let mut byte = 0usize;
    while byte < 256 {
        table[CODE_POINTS[byte] as usize] = Some(byte as u8);
        byte += 1;
    }
    table
};

/// The character that stands for a byte.
pub(super) fn char_of(byte: u8) -> char {
    char::from_u32(CODE_POINTS[usize::from(byte)].into()).expect("because none is a surrogate")
}

/// The byte a character stands for, if any.
pub(super) fn byte_of(c: char) -> Option<u8> {
    BYTES.get(c as usize).copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        for byte in 0..=255 {
            assert_eq!(byte_of(char_of(byte)), Some(byte));
        }
    }

    #[test]
    fn well_known_characters_stand_for_their_bytes() {
        assert_eq!(byte_of('Ġ'), Some(b' '));
        assert_eq!(byte_of('Ċ'), Some(b'\n'));
        assert_eq!(byte_of('a'), Some(b'a'));
        assert_eq!(byte_of('Ń'), Some(0xad));
        assert_eq!(byte_of(' '), None);
        assert_eq!(byte_of('中'), None);
    }
}
