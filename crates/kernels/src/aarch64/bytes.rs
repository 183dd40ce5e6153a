//! Dot products of bytes, four to a lane, and the other instructions that the standard library
//! does not offer yet.
//!
//! `sdot` and `smmla` are beyond the baseline of the architecture, and their intrinsics are not
//! stable. Written as assembly, with the extension named beside them, they are at home in functions
//! that are compiled for the baseline; what keeps them from CPUs without them is that a [`DotProd`]
//! or an [`I8mm`] is needed to call them.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::aarch64::*;
use std::arch::asm;

/// A way to multiply bytes.
pub(super) trait Dot: Copy {
    /// `sum[i] += sum(codes[4 i + j] * x[4 LANE + j])`, `j` from 0 to 3: four rows meet the same
    /// four activations.
    ///
    /// Exact as long as one of the factors is never -128.
    fn add_lane<const LANE: i32>(self, sum: int32x4_t, codes: int8x16_t, x: int8x16_t)
    -> int32x4_t;

    /// Adds the products of neighbours, `codes[i] * x[i]`, to the lanes: what counts is the sum
    /// of all four.
    ///
    /// Exact as long as one of the factors is never -128.
    fn add(self, sum: int32x4_t, codes: int8x16_t, x: int8x16_t) -> int32x4_t;

    /// The way to multiply with pairs of tokens, where there is a better one.
    #[inline]
    fn pairs(self) -> Option<I8mm> {
        None
    }
}

/// With the instructions every CPU has.
#[derive(Clone, Copy)]
pub(super) struct Baseline;

impl Dot for Baseline {
    #[inline(always)]
    fn add_lane<const LANE: i32>(
        self,
        sum: int32x4_t,
        codes: int8x16_t,
        x: int8x16_t,
    ) -> int32x4_t {
        // SAFETY: the architecture's baseline has NEON; a trait's function cannot say so.
        unsafe { add(sum, codes, broadcast::<LANE>(x)) }
    }

    #[inline(always)]
    fn add(self, sum: int32x4_t, codes: int8x16_t, x: int8x16_t) -> int32x4_t {
        // SAFETY: the architecture's baseline has NEON; a trait's function cannot say so.
        unsafe { add(sum, codes, x) }
    }
}

/// The four bytes of word `LANE`, to all words.
#[target_feature(enable = "neon")]
#[inline]
fn broadcast<const LANE: i32>(x: int8x16_t) -> int8x16_t {
    vreinterpretq_s8_s32(vdupq_laneq_s32::<LANE>(vreinterpretq_s32_s8(x)))
}

#[target_feature(enable = "neon")]
#[inline]
fn add(sum: int32x4_t, codes: int8x16_t, x: int8x16_t) -> int32x4_t {
    let low = vmull_s8(vget_low_s8(codes), vget_low_s8(x));
    let high = vmull_high_s8(codes, x);
    // Two products of at most 128 * 127 fit 16 bits.
    vpadalq_s16(sum, vpaddq_s16(low, high))
}

/// With `sdot`. A value proves that the CPU has it.
#[derive(Clone, Copy)]
pub(super) struct DotProd(());

impl DotProd {
    /// Callable where the instruction is known to be there.
    #[target_feature(enable = "dotprod")]
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl Dot for DotProd {
    #[inline(always)]
    fn add_lane<const LANE: i32>(
        self,
        mut sum: int32x4_t,
        codes: int8x16_t,
        x: int8x16_t,
    ) -> int32x4_t {
        // SAFETY: registers only; `self` proves that the CPU has the instruction.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sum:v}.4s, {codes:v}.16b, {x:v}.4b[{lane}]",
                sum = inout(vreg) sum,
                codes = in(vreg) codes,
                x = in(vreg) x,
                lane = const LANE,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sum
    }

    #[inline(always)]
    fn add(self, mut sum: int32x4_t, codes: int8x16_t, x: int8x16_t) -> int32x4_t {
        // SAFETY: registers only; `self` proves that the CPU has the instruction.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sum:v}.4s, {codes:v}.16b, {x:v}.16b",
                sum = inout(vreg) sum,
                codes = in(vreg) codes,
                x = in(vreg) x,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sum
    }
}

/// With `smmla`, and `sdot`. A value proves that the CPU has both.
#[derive(Clone, Copy)]
pub(super) struct I8mm(DotProd);

impl I8mm {
    /// Callable where the instructions are known to be there.
    #[target_feature(enable = "dotprod,i8mm")]
    pub(super) fn new() -> Self {
        Self(DotProd::new())
    }

    /// Products of a 2 by 8 matrix with two tokens' activations: row 0 with both, row 1 with both.
    #[inline(always)]
    pub(super) fn add_pairs(self, mut sum: int32x4_t, codes: int8x16_t, x: int8x16_t) -> int32x4_t {
        // SAFETY: registers only; `self` proves that the CPU has the instruction.
        unsafe {
            asm!(
                ".arch_extension i8mm",
                "smmla {sum:v}.4s, {codes:v}.16b, {x:v}.16b",
                sum = inout(vreg) sum,
                codes = in(vreg) codes,
                x = in(vreg) x,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sum
    }
}

impl Dot for I8mm {
    #[inline(always)]
    fn add_lane<const LANE: i32>(
        self,
        sum: int32x4_t,
        codes: int8x16_t,
        x: int8x16_t,
    ) -> int32x4_t {
        self.0.add_lane::<LANE>(sum, codes, x)
    }

    #[inline(always)]
    fn add(self, sum: int32x4_t, codes: int8x16_t, x: int8x16_t) -> int32x4_t {
        self.0.add(sum, codes, x)
    }

    #[inline(always)]
    fn pairs(self) -> Option<I8mm> {
        Some(self)
    }
}

/// Asks the second cache level for so many bytes.
pub(crate) fn prefetch(start: *const u8, n_bytes: usize) {
    /// Bytes that one request brings, at least.
    const LINE: usize = 64;
    for offset in (0..n_bytes).step_by(LINE) {
        let line = start.wrapping_add(offset);
        // SAFETY: prefetching reads nothing architecturally, wherever it points.
        unsafe {
            asm!(
                "prfm pldl2keep, [{line}]",
                line = in(reg) line,
                options(readonly, nostack, preserves_flags),
            );
        }
    }
}
