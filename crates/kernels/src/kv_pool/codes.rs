//! Elements in 8 or 4 bits: 32 of a row share a scale, an element is `(code - zero) * scale`.
//!
//! The scales and codes are those of the weight formats Q8_0 and Q4_0; only their places in
//! memory differ.

use half::f16;

use super::{KvType, PAGE_LEN};

/// Elements of a row that share a scale.
pub(crate) const BLOCK: usize = 32;
/// Codes of a block of a page: of 32 elements of each of its tokens.
pub(crate) const PAGE_CODES: usize = BLOCK * PAGE_LEN;

/// The range of codes of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// Two codes in a byte, as [`unpack_nibbles`] tells.
    Four,
    Eight,
}

impl Bits {
    /// Of the types that are stored as codes.
    pub(super) fn of(ty: KvType) -> Option<Self> {
        match ty {
            KvType::F32 | KvType::F16 | KvType::BF16 => None,
            KvType::Q8_0 => Some(Self::Eight),
            KvType::Q4_0 => Some(Self::Four),
        }
    }

    /// The code that stands for 0.
    pub(crate) const fn zero(self) -> u8 {
        match self {
            Self::Four => 8,
            Self::Eight => 128,
        }
    }

    /// Bytes of a page's block.
    pub(crate) const fn page_bytes(self) -> usize {
        match self {
            Self::Four => PAGE_CODES / 2,
            Self::Eight => PAGE_CODES,
        }
    }

    /// Rounds up to [`BLOCK`] elements; what is not there counts as 0.
    ///
    /// A scale beyond the range of f16 becomes the largest; an element that is not a number makes
    /// the scale so, that it shows.
    pub(super) fn round(self, x: &[f32]) -> (f16, [u8; BLOCK]) {
        let extreme = x.iter().fold(0.0f32, |max, &x| if x.abs() > max.abs() { x } else { max });
        // Four bits reach one step further on the negative side: the extreme gets that end.
        let (scale, lowest, highest) = match self {
            Self::Four => (extreme / -8.0, -8.0, 7.0),
            Self::Eight => (extreme.abs() / 127.0, -127.0, 127.0),
        };
        let limit = f32::from(f16::MAX);
        let mut scale = f16::from_f32(scale.clamp(-limit, limit));
        if x.iter().any(|x| x.is_nan()) {
            scale = f16::NAN;
        }
        let inverse = if scale == f16::ZERO { 0.0 } else { 1.0 / scale.to_f32() };
        let mut codes = [self.zero(); BLOCK];
        for (code, x) in codes.iter_mut().zip(x) {
            // Cut off half a step above, which rounds what is not negative.
            let steps = (x * inverse).clamp(lowest, highest);
            *code = (steps + f32::from(self.zero()) + 0.5) as u8;
        }
        (scale, codes)
    }

    /// Code `i` of a page's block.
    pub(super) fn get(self, bytes: &[u8], i: usize) -> u8 {
        match self {
            Self::Eight => bytes[i],
            Self::Four if i < PAGE_CODES / 2 => bytes[i] & 15,
            Self::Four => bytes[i - PAGE_CODES / 2] >> 4,
        }
    }

    /// Sets code `i` of a page's block.
    pub(super) fn set(self, bytes: &mut [u8], i: usize, code: u8) {
        match self {
            Self::Eight => bytes[i] = code,
            Self::Four if i < PAGE_CODES / 2 => bytes[i] = bytes[i] & 0xf0 | code,
            Self::Four => {
                let byte = &mut bytes[i - PAGE_CODES / 2];
                *byte = *byte & 15 | code << 4;
            }
        }
    }
}

/// A page's block of four-bit codes, a byte each: the low halves come first, the high halves
/// behind them.
pub(crate) fn unpack_nibbles(bytes: &[u8], codes: &mut [u8; PAGE_CODES]) {
    let (low, high) = codes.split_at_mut(PAGE_CODES / 2);
    for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
        (*low, *high) = (byte & 15, byte >> 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_back_within_half_a_step() {
        let x: Vec<f32> = (0..32).map(|i| ((i * 37) % 64) as f32 / 7.0 - 4.6).collect();
        for (bits, n_steps) in [(Bits::Eight, 127.0), (Bits::Four, 8.0)] {
            let (scale, codes) = bits.round(&x);
            let step = scale.to_f32();
            assert!((step.abs() - 4.6 / n_steps).abs() < 0.01, "{step}");
            for (code, x) in codes.into_iter().zip(&x) {
                let back = (f32::from(code) - f32::from(bits.zero())) * step;
                // Four bits end a step earlier on the side opposite to the extreme.
                let allowed = if bits == Bits::Four { 1.01 } else { 0.51 };
                assert!((back - x).abs() <= allowed * step.abs(), "{back} for {x}");
            }
        }
    }

    #[test]
    fn odd_numbers_have_their_place() {
        for bits in [Bits::Eight, Bits::Four] {
            assert_eq!(bits.round(&[0.0; 32]), (f16::ZERO, [bits.zero(); 32]));
            assert_eq!(bits.round(&[1e-30; 3]).1, [bits.zero(); 32], "denormal scales");
            assert!(bits.round(&[0.0, f32::NAN]).0.is_nan());
            let (scale, codes) = bits.round(&[f32::INFINITY, 1.0, f32::NEG_INFINITY]);
            assert!(scale.is_finite() && codes[1] == bits.zero(), "{scale} {codes:?}");
        }
    }

    #[test]
    fn packed_codes_keep_apart() {
        let mut bytes = [0; PAGE_CODES / 2];
        for i in 0..PAGE_CODES {
            Bits::Four.set(&mut bytes, i, (i * 7 % 16) as u8);
        }
        let mut codes = [0; PAGE_CODES];
        unpack_nibbles(&bytes, &mut codes);
        for (i, code) in codes.into_iter().enumerate() {
            assert_eq!(code, (i * 7 % 16) as u8);
            assert_eq!(code, Bits::Four.get(&bytes, i));
        }
    }
}
