//! What the machine can do at best.
//!
//! Each limit is measured with the plainest loop that reaches it, on as many threads as the
//! kernels it is compared with use.

use std::hint::black_box;
use std::time::Instant;

use camelid_kernels::ThreadTeam;

/// Larger than any cache this is likely to meet.
const READ_BYTES: usize = 512 << 20;
/// Runs, of which the best counts.
const N_RUNS: usize = 5;

/// Bytes per second that all threads together can read from memory.
pub fn read_bandwidth(team: &ThreadTeam) -> f64 {
    let data = vec![1u64; READ_BYTES / 8];
    // Pieces of two pages: small enough to share out evenly.
    let pieces: Vec<&[u64]> = data.chunks(1 << 20).collect();
    best(|| {
        team.run(pieces.len(), |piece_idx| {
            let sum = pieces[piece_idx].iter().fold(0u64, |sum, word| sum.wrapping_add(*word));
            black_box(sum);
        });
        READ_BYTES as f64
    })
}

/// Multiply-adds per second of the 8-bit dot instructions; `None` where no loop here reaches them.
pub fn dot8_rate(team: &ThreadTeam) -> Option<f64> {
    arch::dot8().map(|peak| peak.rate(team))
}

/// Fused multiply-adds of f32 per second; `None` where no loop here reaches them.
pub fn fma_rate(team: &ThreadTeam) -> Option<f64> {
    arch::fma().map(|peak| peak.rate(team))
}

/// A loop of independent instructions.
struct Peak {
    /// Operations of one round.
    per_round: usize,
    /// Does so many rounds.
    run: fn(usize),
}

impl Peak {
    fn rate(&self, team: &ThreadTeam) -> f64 {
        const ROUNDS: usize = 1_000_000;
        best(|| {
            team.run(team.n_threads(), |_| (self.run)(ROUNDS));
            (ROUNDS * self.per_round * team.n_threads()) as f64
        })
    }
}

/// The best rate of several runs; each returns its amount of work.
fn best(run: impl Fn() -> f64) -> f64 {
    (0..N_RUNS)
        .map(|_| {
            let start = Instant::now();
            let amount = run();
            amount / start.elapsed().as_secs_f64()
        })
        .fold(0.0, f64::max)
}

#[cfg(target_arch = "x86_64")]
mod arch {
    //! AVX-512: sixteen sums in registers hide every latency.
    #![expect(unsafe_code, reason = "calls functions compiled for AVX-512, where there is some")]

    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::Peak;

    const N_SUMS: usize = 16;

    fn is_available() -> bool {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
    }

    pub(super) fn dot8() -> Option<Peak> {
        // SAFETY: the features were found.
        is_available().then_some(Peak { per_round: N_SUMS * 64, run: |n| unsafe { run_dot8(n) } })
    }

    pub(super) fn fma() -> Option<Peak> {
        // SAFETY: the features were found.
        is_available().then_some(Peak { per_round: N_SUMS * 16, run: |n| unsafe { run_fma(n) } })
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn run_dot8(n: usize) {
        let (a, b) = (_mm512_set1_epi8(black_box(3)), _mm512_set1_epi8(black_box(5)));
        let mut sums = [_mm512_setzero_si512(); N_SUMS];
        for _ in 0..n {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, a, b);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx512f")]
    fn run_fma(n: usize) {
        let a = _mm512_set1_ps(black_box(0.5));
        let mut sums = [_mm512_setzero_ps(); N_SUMS];
        for _ in 0..n {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, a, a);
            }
        }
        black_box(sums);
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod arch {
    //! No loops for this architecture yet.

    use super::Peak;

    pub(super) fn dot8() -> Option<Peak> {
        None
    }

    pub(super) fn fma() -> Option<Peak> {
        None
    }
}
