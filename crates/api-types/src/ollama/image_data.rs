//! Bytes inside JSON: standard base64 with padding.

use std::fmt;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine, alphabet};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// As Go decodes: padding is required, spare bits in the last symbol are not looked at.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// An image, or a piece of audio, as the client sent it: the file's bytes.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ImageData(pub Vec<u8>);

/// A text that is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {offset}")]
pub struct InvalidBase64 {
    /// The first byte that does not fit.
    pub offset: usize,
}

impl ImageData {
    /// Reads standard base64 with padding, in which line breaks may stand anywhere.
    ///
    /// # Errors
    /// When `text` is anything else.
    pub fn from_base64(text: &str) -> Result<Self, InvalidBase64> {
        decode(text).map(Self).map_err(|offset| InvalidBase64 { offset })
    }
}

impl fmt::Debug for ImageData {
    // A picture in a log helps nobody, and may be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageData({} bytes)", self.0.len())
    }
}

impl Serialize for ImageData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for ImageData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_base64(&text).map_err(de::Error::custom)
    }
}

/// Decodes base64 in which line breaks may stand anywhere; an error is the offset of the first
/// byte that does not fit.
fn decode(text: &str) -> Result<Vec<u8>, usize> {
    let is_break = |b: u8| matches!(b, b'\r' | b'\n');
    if !text.bytes().any(is_break) {
        return BASE64.decode(text).map_err(|error| offset_of(&error, text.len()));
    }
    let dense: Vec<u8> = text.bytes().filter(|b| !is_break(*b)).collect();
    BASE64.decode(&dense).map_err(|error| {
        let offset = offset_of(&error, dense.len());
        // The same byte's place with the line breaks counted.
        let mut places = text.bytes().enumerate().filter(|(_, b)| !is_break(*b));
        places.nth(offset).map_or(text.len(), |(place, _)| place)
    })
}

fn offset_of(error: &DecodeError, len: usize) -> usize {
    match error {
        DecodeError::InvalidByte(offset, _) | DecodeError::InvalidLastSymbol { offset, .. } => {
            *offset
        }
        // The last group of four is short: it begins here.
        DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => len / 4 * 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_line_breaks() {
        assert_eq!(decode("aGVsbG8="), Ok(b"hello".to_vec()));
        assert_eq!(decode("aGVs\r\nbG8=\n"), Ok(b"hello".to_vec()));
        assert_eq!(decode(""), Ok(Vec::new()));
        // Spare bits set in the last symbol.
        assert_eq!(decode("aGVsbG9="), Ok(b"hello".to_vec()));
    }

    #[test]
    fn errors_name_the_byte() {
        assert_eq!(decode("%%%"), Err(0));
        assert_eq!(decode("data:image/png;base64,aGVsbG8="), Err(4));
        assert_eq!(decode("aGVsbG8"), Err(4));
        assert_eq!(decode("aG\nVs%"), Err(5));
        assert_eq!(decode("aGVsbG8=\nx"), Err(7));
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", ImageData(b"hello".to_vec())), "ImageData(5 bytes)");
    }
}
