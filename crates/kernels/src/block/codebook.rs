//! Formats whose codes index a codebook of points: 256 elements.
//!
//! ```text
//! IQ2_XXS   d f16, [8]{ index [4]u8, signs_and_scale u32 }           groups of 32
//! IQ2_XS    d f16, index_and_sign [32]u16, scales [8]u8              groups of 16
//! IQ2_S     d f16, index [32]u8, signs [32]u8, qh [8]u8, scales [8]u8
//! IQ3_XXS   d f16, index [64]u8, signs_and_scale [8]u32              groups of 32
//! IQ3_S     d f16, index [64]u8, qh [8]u8, signs [32]u8, scales [4]u8
//! IQ1_S     d f16, index [32]u8, qh [8]u16                           groups of 32
//! IQ1_M     index [32]u8, qh [16]u8, scales [4]u16                   groups of 16
//! ```
//!
//! A point has eight coordinates (four in IQ3) that are magnitudes; each gets a sign. Where a sign
//! byte has only seven bits, the eighth makes the number of set bits even. IQ1 points hold -1, 0
//! and 1, all moved by an eighth up or down; so eight times a value is an integer. The points'
//! tables are in `grids_table`.

use camelid_gguf::TensorType;

use super::grids_table as packed;
use super::{Format, f16_at, u16_at, u32_at};

/// The magnitudes of IQ2 points; the fourth index is not used.
pub(crate) const IQ2_VALUES: [u8; 4] = [8, 25, 43, 0];
pub(crate) const IQ3_XXS_VALUES: [u8; 8] = [4, 12, 20, 28, 36, 44, 52, 62];
pub(crate) const IQ3_S_VALUES: [u8; 8] = [1, 3, 5, 7, 9, 11, 13, 15];
/// Eight times the values of IQ1 points, as codes around [`IQ1_ZERO`].
const IQ1_VALUES: [u8; 4] = [8, 16, 24, 0];

/// Above the largest magnitude of IQ2 and IQ3.
const ZERO: u8 = 64;
const IQ1_ZERO: u8 = 16;

pub(crate) static IQ2_XXS_GRID: [u64; 256] = expand(&packed::IQ2_XXS_GRID, &IQ2_VALUES);
pub(crate) static IQ2_XS_GRID: [u64; 512] = expand(&packed::IQ2_XS_GRID, &IQ2_VALUES);
pub(crate) static IQ2_S_GRID: [u64; 1024] = expand(&packed::IQ2_S_GRID, &IQ2_VALUES);
pub(crate) static IQ3_XXS_GRID: [u64; 256] = expand(&packed::IQ3_XXS_GRID, &IQ3_XXS_VALUES);
pub(crate) static IQ3_S_GRID: [u64; 512] = expand(&packed::IQ3_S_GRID, &IQ3_S_VALUES);
pub(crate) static IQ1_GRID: [u64; 2048] = expand(&packed::IQ1_GRID, &IQ1_VALUES);
/// A sign byte's bits, each as a byte of ones.
static SIGN_MASKS: [u64; 256] = sign_masks();

/// A byte in each of the eight places.
const fn bytes(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Turns packed indices of coordinates into coordinates, one in each byte.
const fn expand<const POINTS: usize, const VALUES: usize>(
    packed: &[u16; POINTS],
    values: &[u8; VALUES],
) -> [u64; POINTS] {
    let bits = VALUES.ilog2() as usize;
    // Points have as many coordinates as fit their 16 bits: 8 of 2, or 4 of 3.
    let n_coords = if bits == 2 { 8 } else { 4 };
    let mut points = [0; POINTS];
    let mut i = 0;
    while i < POINTS {
        let mut j = 0;
        while j < n_coords {
            let value = values[packed[i] as usize >> (bits * j) & (VALUES - 1)];
            points[i] |= (value as u64) << (8 * j);
            j += 1;
        }
        i += 1;
    }
    points
}

const fn sign_masks() -> [u64; 256] {
    let mut masks = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut j = 0;
        while j < 8 {
            if i >> j & 1 == 1 {
                masks[i] |= 0xff << (8 * j);
            }
            j += 1;
        }
        i += 1;
    }
    masks
}

/// Seven signs and the parity bit that completes them.
///
/// From a table, as x86-64 without extensions has no instruction that counts bits.
fn with_parity(signs: u32) -> u8 {
    static WITH_PARITY: [u8; 128] = {
        let mut bytes = [0; 128];
        let mut i = 0;
        while i < 128 {
            bytes[i] = i as u8 | ((i.count_ones() as u8 & 1) << 7);
            i += 1;
        }
        bytes
    };
    WITH_PARITY[signs as usize & 127]
}

/// Writes eight magnitudes as codes around [`ZERO`], below it where `signs` has a bit.
///
/// Eight bytes at once: `m + 64`, or `(m ^ 127) - 63`, which is `64 - m`. With `m` below 64
/// neither leaves its byte.
fn put(point: u64, signs: u8, codes: &mut [u8]) {
    let negative = SIGN_MASKS[usize::from(signs)];
    let flipped = point ^ (negative & bytes(127));
    let moved = flipped + (bytes(ZERO) & !negative) - (bytes(ZERO - 1) & negative);
    codes.copy_from_slice(&moved.to_le_bytes());
}

/// Two points of four under eight signs.
fn put_pair([first, second]: [u64; 2], signs: u8, codes: &mut [u8]) {
    put(first | second << 32, signs, codes);
}

pub(super) struct Iq2Xxs;

impl Format for Iq2Xxs {
    const TYPE: TensorType = TensorType::IQ2_XXS;
    const GROUP: usize = 32;
    const ZERO: u8 = ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        let d = f16_at(block, 0);
        let groups = codes.chunks_exact_mut(32).zip(scales).zip(block[2..].chunks_exact(8));
        for ((codes, scale), bytes) in groups {
            let word = u32_at(bytes, 4);
            *scale = d * (0.5 + (word >> 28) as f32) * 0.25;
            for (l, codes) in codes.chunks_exact_mut(8).enumerate() {
                put(IQ2_XXS_GRID[usize::from(bytes[l])], with_parity(word >> (7 * l)), codes);
            }
        }
    }
}

/// The scales of IQ2_XS and IQ2_S: four bits for each group of 16.
fn iq2_scales(d: f32, bytes: &[u8], scales: &mut [f32]) {
    for (pair, &byte) in scales.chunks_exact_mut(2).zip(bytes) {
        pair[0] = d * (0.5 + f32::from(byte & 15)) * 0.25;
        pair[1] = d * (0.5 + f32::from(byte >> 4)) * 0.25;
    }
}

pub(super) struct Iq2Xs;

impl Format for Iq2Xs {
    const TYPE: TensorType = TensorType::IQ2_XS;
    const GROUP: usize = 16;
    const ZERO: u8 = ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        iq2_scales(f16_at(block, 0), &block[66..], scales);
        for (l, codes) in codes.chunks_exact_mut(8).enumerate() {
            let word = u16_at(block, 2 + 2 * l);
            put(IQ2_XS_GRID[usize::from(word & 511)], with_parity(u32::from(word >> 9)), codes);
        }
    }
}

pub(super) struct Iq2S;

impl Format for Iq2S {
    const TYPE: TensorType = TensorType::IQ2_S;
    const GROUP: usize = 16;
    const ZERO: u8 = ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        iq2_scales(f16_at(block, 0), &block[74..], scales);
        let (index, signs, high) = (&block[2..34], &block[34..66], &block[66..74]);
        for (l, codes) in codes.chunks_exact_mut(8).enumerate() {
            let high = usize::from(high[l / 4] >> (2 * (l % 4)) & 3);
            put(IQ2_S_GRID[usize::from(index[l]) | high << 8], signs[l], codes);
        }
    }
}

pub(super) struct Iq3Xxs;

impl Format for Iq3Xxs {
    const TYPE: TensorType = TensorType::IQ3_XXS;
    const GROUP: usize = 32;
    const ZERO: u8 = ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        let d = f16_at(block, 0);
        let index = block[2..66].chunks_exact(8);
        let groups = codes.chunks_exact_mut(32).zip(scales).zip(index).enumerate();
        for (i, ((codes, scale), index)) in groups {
            let word = u32_at(block, 66 + 4 * i);
            *scale = d * (0.5 + (word >> 28) as f32) * 0.5;
            for (l, codes) in codes.chunks_exact_mut(8).enumerate() {
                let points = [2 * l, 2 * l + 1].map(|k| IQ3_XXS_GRID[usize::from(index[k])]);
                put_pair(points, with_parity(word >> (7 * l)), codes);
            }
        }
    }
}

pub(super) struct Iq3S;

impl Format for Iq3S {
    const TYPE: TensorType = TensorType::IQ3_S;
    const GROUP: usize = 32;
    const ZERO: u8 = ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        let d = f16_at(block, 0);
        for (i, scale) in scales.iter_mut().enumerate() {
            let step = block[106 + i / 2] >> (4 * (i % 2)) & 15;
            *scale = d * f32::from(1 + 2 * step);
        }
        let (index, high, signs) = (&block[2..66], &block[66..74], &block[74..106]);
        for (l, codes) in codes.chunks_exact_mut(8).enumerate() {
            let points = [2 * l, 2 * l + 1].map(|k| {
                let high = usize::from(high[k / 8] >> (k % 8) & 1);
                IQ3_S_GRID[usize::from(index[k]) | high << 8]
            });
            put_pair(points, signs[l], codes);
        }
    }
}

/// Writes eight times a point's values, moved by one up or down.
fn put_moved(point_idx: usize, down: bool, codes: &mut [u8]) {
    // Values are at least 8, so no byte borrows from the next.
    let point = IQ1_GRID[point_idx];
    let moved = if down { point - bytes(1) } else { point + bytes(1) };
    codes.copy_from_slice(&moved.to_le_bytes());
}

/// The scale of codes that are eight times the values.
fn iq1_scale(d: f32, step: u16) -> f32 {
    d * f32::from(2 * (step & 7) + 1) * 0.125
}

pub(super) struct Iq1S;

impl Format for Iq1S {
    const TYPE: TensorType = TensorType::IQ1_S;
    const GROUP: usize = 32;
    const ZERO: u8 = IQ1_ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        let d = f16_at(block, 0);
        for (i, (codes, scale)) in codes.chunks_exact_mut(32).zip(scales).enumerate() {
            // Four times three index bits, three bits of scale, and which way to move.
            let word = u16_at(block, 34 + 2 * i);
            *scale = iq1_scale(d, word >> 12);
            for (l, codes) in codes.chunks_exact_mut(8).enumerate() {
                let high = usize::from(word >> (3 * l) & 7);
                let low = usize::from(block[2 + 4 * i + l]);
                put_moved(low | high << 8, word >> 15 == 1, codes);
            }
        }
    }
}

pub(super) struct Iq1M;

impl Format for Iq1M {
    const TYPE: TensorType = TensorType::IQ1_M;
    const GROUP: usize = 16;
    const ZERO: u8 = IQ1_ZERO;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        let words: [u16; 4] = std::array::from_fn(|i| u16_at(block, 48 + 2 * i));
        // The top four bits of each word make the f16 scale, the rest four steps of three bits.
        let [a, b, c, d] = words.map(|word| word >> 12);
        let d = half::f16::from_bits(a | b << 4 | c << 8 | d << 12).to_f32();
        for (i, scale) in scales.iter_mut().enumerate() {
            *scale = iq1_scale(d, words[i / 4] >> (3 * (i % 4)));
        }
        for (l, codes) in codes.chunks_exact_mut(8).enumerate() {
            let nibble = block[32 + l / 2] >> (4 * (l % 2)) & 15;
            let high = usize::from(nibble & 7);
            put_moved(usize::from(block[l]) | high << 8, nibble & 8 != 0, codes);
        }
    }
}
