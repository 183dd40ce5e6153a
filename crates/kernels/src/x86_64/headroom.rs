//! How far sums stay below the limits of 16 bits.

/// How far a lane's sums stay below the limits of 16 bits.
///
/// Packing two vectors to 16 bits and adding neighbours takes two instructions, adding vectors of
/// 32 bits three.
pub(super) struct Headroom;

impl Headroom {
    /// Not even one lane fits 16 bits.
    pub(super) const NONE: u8 = 0;
    /// One lane fits.
    pub(super) const ONE: u8 = 1;
    /// The sum of two lanes fits as well.
    pub(super) const TWO: u8 = 2;

    /// Of lanes that add `n` products of codes up to `max_code` with 8-bit activations.
    pub(super) const fn of(max_code: i32, n: i32) -> u8 {
        let largest = max_code * n * 127;
        if 2 * largest <= i16::MAX as i32 {
            Self::TWO
        } else if largest <= i16::MAX as i32 {
            Self::ONE
        } else {
            Self::NONE
        }
    }
}
