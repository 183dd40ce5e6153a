//! Kernels for AVX-512 with byte, word and 8-bit dot-product instructions (VNNI): Intel from Ice
//! Lake, AMD from Zen 4.

/// Runs the body for blocks whose sums fit the registers, beside a vector of codes of each tile and a
/// broadcast: two tiles, or a last one alone, by up to six tokens.
///
/// `sums` is `[n_tiles, n_tokens]`. The body gets the block's tiles and tokens as arrays, and for sums
/// those from the block's first on with the distance from one tile's to the next one's.
macro_rules! by_blocks {
    (($tiles:ident, $x:ident, $sums:ident), $body:expr) => {
        let (pairs, last) = $tiles.as_chunks::<2>();
        let (pair_sums, last_sums) = $sums.split_at_mut(2 * pairs.len() * $x.len());
        for ($tiles, $sums) in pairs.iter().zip(pair_sums.chunks_exact_mut(2 * $x.len())) {
            by_blocks!(($tiles, $x, $sums), 1 2 3 4 5 6, $body);
        }
        for ($tiles, $sums) in last.as_chunks::<1>().0.iter().zip([last_sums]) {
            by_blocks!(($tiles, $x, $sums), 1 2 3 4 5 6, $body);
        }
    };
    (($tiles:ident, $x:ident, $sums:ident), $($n:literal)*, $body:expr) => {
        // Of the same length, or nearly: a short one leaves the dot products waiting.
        let n_batches = $x.len().div_ceil(6).max(1);
        let batch_len = $x.len().div_ceil(n_batches).max(1);
        for (batch_idx, batch) in $x.chunks(batch_len).enumerate() {
            let $sums = (&mut $sums[batch_idx * batch_len..], $x.len());
            match batch.len() {
                $($n => {
                    let $x: &[_; $n] = &batch.as_chunks().0[0];
                    $body
                })*
                _ => {}
            }
        }
    };
}

mod blocks;
mod dot;
mod gemm;
mod mem;
mod quantize;
mod rows;
mod softmax;
mod tile;
mod transpose;
mod vector;
mod wide;

pub(crate) use dot::mul_band;
pub(crate) use gemm::gemm;
pub(crate) use quantize::quantize;
pub(crate) use rows::mul_rows;
pub(crate) use softmax::{soften, widen, widen_codes};
pub(crate) use tile::mul_tiles;
pub(crate) use vector::{dot_f32, exp_sum, gate, softcap};
pub(crate) use wide::{mul_wide, quantize_wide};

/// Whether this CPU has every instruction that the routines here use.
pub(crate) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}
