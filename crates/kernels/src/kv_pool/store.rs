//! The elements of one side of a pool, keys or values, head by head and page by page.
//!
//! Attention multiplies queries with keys lane by lane and adds values up token by token, so the
//! two lie across each other. One head of one page is
//!
//! ```text
//! floats   keys    [head_dim][PAGE_LEN]
//!          values  [PAGE_LEN][width]              width: head_dim, filled up to 16
//! codes    keys    [n_blocks][32 / 4][PAGE_LEN][4]
//!          values  [n_blocks][PAGE_LEN][32]       n_blocks: head_dim / 32, rounded up
//! scales           [n_blocks][PAGE_LEN]
//! ```
//!
//! Keys in codes have the order of the integer dot instructions, four lanes of a token side by
//! side, as a [`crate::tile::Tile`] has.

use std::ops::Range;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::codes::{BLOCK, Bits};
use super::memory::Memory;
use super::{KvType, PAGE_LEN};
use crate::scalar::FloatRows;
use crate::table::Kernels;

/// What a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Keys,
    Values,
}

impl Side {
    /// Width of a row of floats.
    fn width(self, head_dim: usize) -> usize {
        match self {
            Self::Keys => head_dim,
            Self::Values => head_dim.next_multiple_of(16),
        }
    }

    /// The distance between a token's first elements of neighbouring tokens, and that between
    /// neighbouring elements of a token.
    fn strides(self, head_dim: usize) -> (usize, usize) {
        match self {
            Self::Keys => (1, PAGE_LEN),
            Self::Values => (self.width(head_dim), 1),
        }
    }

    /// Where element `lane` of a token's block stands among the codes of a page's block.
    fn code_idx(self, offset: usize, lane: usize) -> usize {
        match self {
            Self::Keys => lane / 4 * 4 * PAGE_LEN + offset * 4 + lane % 4,
            Self::Values => offset * BLOCK + lane,
        }
    }
}

/// Bytes of one head of one page.
pub(super) fn page_bytes(ty: KvType, side: Side, head_dim: usize) -> Option<usize> {
    let n_floats = || side.width(head_dim).checked_mul(PAGE_LEN);
    match Bits::of(ty) {
        None if ty == KvType::F32 => n_floats()?.checked_mul(4),
        None => n_floats()?.checked_mul(2),
        Some(bits) => head_dim.div_ceil(BLOCK).checked_mul(bits.page_bytes() + 2 * PAGE_LEN),
    }
}

/// The keys or the values of a pool.
pub(super) struct Store {
    side: Side,
    head_dim: usize,
    data: Data,
}

enum Data {
    F32(Memory<f32>),
    F16(Memory<f16>),
    BF16(Memory<bf16>),
    Codes { bits: Bits, codes: Memory<u8>, scales: Memory<f16> },
}

/// One head of one page, as stored.
#[derive(Clone, Copy)]
pub(crate) enum HeadPage<'a> {
    Floats(FloatRows<'a>),
    /// Blocks of [`Bits::page_bytes`] and of [`PAGE_LEN`] scales.
    Codes {
        bits: Bits,
        codes: &'a [u8],
        scales: &'a [f16],
    },
}

impl HeadPage<'_> {
    /// Asks for the page, which will be read soon.
    pub(crate) fn prefetch(self, kernels: &Kernels) {
        match self {
            Self::Floats(FloatRows::F32(x)) => kernels.prefetch(x),
            Self::Floats(FloatRows::F16(x)) => kernels.prefetch(x),
            Self::Floats(FloatRows::BF16(x)) => kernels.prefetch(x),
            Self::Codes { codes, scales, .. } => {
                kernels.prefetch(codes);
                kernels.prefetch(scales);
            }
        }
    }
}

impl Store {
    /// Zeros for so many heads' pages.
    pub(super) fn zeros(ty: KvType, side: Side, n_pages: usize, head_dim: usize) -> Self {
        let n_elems = n_pages * PAGE_LEN * side.width(head_dim);
        let n_blocks = n_pages * head_dim.div_ceil(BLOCK);
        let data = match (ty, Bits::of(ty)) {
            (_, Some(bits)) => Data::Codes {
                bits,
                codes: Memory::zeros(n_blocks * bits.page_bytes()),
                scales: Memory::zeros(n_blocks * PAGE_LEN),
            },
            (KvType::F16, _) => Data::F16(Memory::zeros(n_elems)),
            (KvType::BF16, _) => Data::BF16(Memory::zeros(n_elems)),
            _ => Data::F32(Memory::zeros(n_elems)),
        };
        Self { side, head_dim, data }
    }

    /// Width of a row of floats.
    pub(super) fn width(&self) -> usize {
        match self.data {
            Data::Codes { .. } => self.head_dim.next_multiple_of(BLOCK),
            _ => self.side.width(self.head_dim),
        }
    }

    pub(super) fn page(&self, page: usize) -> HeadPage<'_> {
        let page_len = PAGE_LEN * self.side.width(self.head_dim);
        let elems = page * page_len..(page + 1) * page_len;
        match &self.data {
            Data::F32(data) => HeadPage::Floats(FloatRows::F32(&data[elems])),
            Data::F16(data) => HeadPage::Floats(FloatRows::F16(&data[elems])),
            Data::BF16(data) => HeadPage::Floats(FloatRows::BF16(&data[elems])),
            Data::Codes { bits, codes, scales } => {
                let n_blocks = self.head_dim.div_ceil(BLOCK);
                let (n_bytes, n_scales) = (n_blocks * bits.page_bytes(), n_blocks * PAGE_LEN);
                HeadPage::Codes {
                    bits: *bits,
                    codes: &codes[page * n_bytes..][..n_bytes],
                    scales: &scales[page * n_scales..][..n_scales],
                }
            }
        }
    }

    /// Writes a token's row.
    pub(super) fn write(&mut self, page: usize, offset: usize, x: &[f32]) {
        let (side, head_dim) = (self.side, self.head_dim);
        let first = page * PAGE_LEN * side.width(head_dim) + offset * side.strides(head_dim).0;
        let stride = side.strides(head_dim).1;
        match &mut self.data {
            Data::F32(data) => scatter(x, &mut data[first..], stride),
            Data::F16(data) => {
                // As `f16::from_f32` for each, but many at a time.
                let mut rounded = [f16::ZERO; BLOCK];
                let limit = f32::from(f16::MAX);
                for (i, x) in x.chunks(BLOCK).enumerate() {
                    let mut clamped = [0.0; BLOCK];
                    for (clamped, x) in clamped.iter_mut().zip(x) {
                        *clamped = x.clamp(-limit, limit);
                    }
                    rounded.convert_from_f32_slice(&clamped);
                    scatter(&rounded[..x.len()], &mut data[first + i * BLOCK * stride..], stride);
                }
            }
            Data::BF16(data) => {
                let mut rounded = [bf16::ZERO; BLOCK];
                for (i, x) in x.chunks(BLOCK).enumerate() {
                    rounded[..x.len()].convert_from_f32_slice(x);
                    scatter(&rounded[..x.len()], &mut data[first + i * BLOCK * stride..], stride);
                }
            }
            Data::Codes { bits, codes, scales } => {
                let first_block = page * head_dim.div_ceil(BLOCK);
                for (block, x) in (first_block..).zip(x.chunks(BLOCK)) {
                    let (scale, rounded) = bits.round(x);
                    scales[block * PAGE_LEN + offset] = scale;
                    let n_bytes = bits.page_bytes();
                    let codes = &mut codes[block * n_bytes..][..n_bytes];
                    for (lane, code) in rounded.into_iter().enumerate() {
                        bits.set(codes, side.code_idx(offset, lane), code);
                    }
                }
            }
        }
    }

    /// Reads a token's row.
    pub(super) fn read(&self, page: usize, offset: usize, out: &mut [f32]) {
        let (side, head_dim) = (self.side, self.head_dim);
        let first = page * PAGE_LEN * side.width(head_dim) + offset * side.strides(head_dim).0;
        let stride = side.strides(head_dim).1;
        match &self.data {
            Data::F32(data) => gather(&data[first..], stride, out),
            Data::F16(data) => gather(&data[first..], stride, out),
            Data::BF16(data) => gather(&data[first..], stride, out),
            Data::Codes { bits, codes, scales } => {
                let first_block = page * head_dim.div_ceil(BLOCK);
                for (block, out) in (first_block..).zip(out.chunks_mut(BLOCK)) {
                    let scale = scales[block * PAGE_LEN + offset].to_f32();
                    let codes = &codes[block * bits.page_bytes()..];
                    for (lane, out) in out.iter_mut().enumerate() {
                        let code = bits.get(codes, side.code_idx(offset, lane));
                        *out = (f32::from(code) - f32::from(bits.zero())) * scale;
                    }
                }
            }
        }
    }

    /// Copies a token's row, `(page, offset)`, as it is.
    pub(super) fn copy(&mut self, from: (usize, usize), to: (usize, usize)) {
        let (side, head_dim) = (self.side, self.head_dim);
        let first = |(page, offset): (usize, usize)| {
            page * PAGE_LEN * side.width(head_dim) + offset * side.strides(head_dim).0
        };
        let at = (first(from), first(to), side.strides(head_dim).1);
        match &mut self.data {
            Data::F32(data) => copy_row(data, at, head_dim),
            Data::F16(data) => copy_row(data, at, head_dim),
            Data::BF16(data) => copy_row(data, at, head_dim),
            Data::Codes { bits, codes, scales } => {
                let n_blocks = head_dim.div_ceil(BLOCK);
                for i in 0..n_blocks {
                    let (from_block, to_block) = (from.0 * n_blocks + i, to.0 * n_blocks + i);
                    scales[to_block * PAGE_LEN + to.1] = scales[from_block * PAGE_LEN + from.1];
                    for lane in 0..BLOCK {
                        let n_bytes = bits.page_bytes();
                        let code =
                            bits.get(&codes[from_block * n_bytes..], side.code_idx(from.1, lane));
                        let to_codes = &mut codes[to_block * n_bytes..];
                        bits.set(to_codes, side.code_idx(to.1, lane), code);
                    }
                }
            }
        }
    }

    /// Appends heads' pages as they are stored, numbers in little-endian bytes.
    pub(super) fn save(&self, pages: Range<usize>, out: &mut Vec<u8>) {
        let elems = self.elems(&pages);
        match &self.data {
            Data::F32(data) => data[elems].iter().for_each(|x| out.extend(x.to_le_bytes())),
            Data::F16(data) => data[elems].iter().for_each(|x| out.extend(x.to_le_bytes())),
            Data::BF16(data) => data[elems].iter().for_each(|x| out.extend(x.to_le_bytes())),
            Data::Codes { bits, codes, scales } => {
                let blocks = self.blocks(&pages);
                let n_bytes = bits.page_bytes();
                out.extend(&codes[blocks.start * n_bytes..blocks.end * n_bytes]);
                let scales = &scales[blocks.start * PAGE_LEN..blocks.end * PAGE_LEN];
                scales.iter().for_each(|x| out.extend(x.to_le_bytes()));
            }
        }
    }

    /// Takes back what [`save`](Self::save) gave for as many pages; answers what follows it.
    pub(super) fn load<'b>(&mut self, pages: Range<usize>, bytes: &'b [u8]) -> &'b [u8] {
        let (elems, blocks) = (self.elems(&pages), self.blocks(&pages));
        match &mut self.data {
            Data::F32(data) => take(bytes, &mut data[elems], f32::from_le_bytes),
            Data::F16(data) => take(bytes, &mut data[elems], f16::from_le_bytes),
            Data::BF16(data) => take(bytes, &mut data[elems], bf16::from_le_bytes),
            Data::Codes { bits, codes, scales } => {
                let n_bytes = bits.page_bytes();
                let codes = &mut codes[blocks.start * n_bytes..blocks.end * n_bytes];
                let rest = take(bytes, codes, |[code]| code);
                let scales = &mut scales[blocks.start * PAGE_LEN..blocks.end * PAGE_LEN];
                take(rest, scales, f16::from_le_bytes)
            }
        }
    }

    /// Where heads' pages stand in data of floats.
    fn elems(&self, pages: &Range<usize>) -> Range<usize> {
        let page_len = PAGE_LEN * self.side.width(self.head_dim);
        pages.start * page_len..pages.end * page_len
    }

    /// The blocks of heads' pages in data of codes.
    fn blocks(&self, pages: &Range<usize>) -> Range<usize> {
        let n_blocks = self.head_dim.div_ceil(BLOCK);
        pages.start * n_blocks..pages.end * n_blocks
    }
}

/// Reads numbers of `N` bytes; answers what follows them.
fn take<'b, T, const N: usize>(
    bytes: &'b [u8],
    out: &mut [T],
    number: impl Fn([u8; N]) -> T,
) -> &'b [u8] {
    let (numbers, rest) = bytes.split_at(out.len() * N);
    let (numbers, _) = numbers.as_chunks::<N>();
    out.iter_mut().zip(numbers).for_each(|(out, bytes)| *out = number(*bytes));
    rest
}

/// Writes elements `stride` apart.
fn scatter<T: Copy>(x: &[T], out: &mut [T], stride: usize) {
    if stride == 1 {
        return out[..x.len()].copy_from_slice(x);
    }
    for (out, x) in out.iter_mut().step_by(stride).zip(x) {
        *out = *x;
    }
}

/// Reads elements `stride` apart.
fn gather<T: Copy + Into<f32>>(x: &[T], stride: usize, out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(x.iter().step_by(stride)) {
        *out = (*x).into();
    }
}

fn copy_row<T: Copy>(data: &mut [T], (from, to, stride): (usize, usize, usize), n: usize) {
    for i in 0..n {
        data[to + i * stride] = data[from + i * stride];
    }
}
