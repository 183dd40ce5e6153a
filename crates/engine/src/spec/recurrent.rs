//! Token mixers that fold the past into a state of fixed size.

use camelid_kernels::HeadOrder;

use super::NormSpec;

/// Short convolution: of three projections `b`, `c` and `x` of a token,
/// `output(c * conv(b * x))`, where each lane of `b * x` is convolved over the last few tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShortConvSpec {
    /// Tokens that the convolution sees, the token's own among them; 2 or more.
    pub d_conv: usize,
}

/// Mamba-2's state space model.
///
/// A token's projections are a gate `z`, the lanes `x`, `B` and `C`, and a step per head. Those
/// lanes are convolved over the last few tokens; then each head's state decays, takes in `x` along
/// `B`, and is read along `C`. The result, gated by `silu(z)` and normed, is projected.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SsmSpec {
    /// Number of heads.
    pub n_head: usize,
    /// How many `B` and `C` there are; divides `n_head`.
    pub n_group: usize,
    /// Width of a head's `x`.
    pub head_dim: usize,
    /// Width of a `B` and of a `C`.
    pub d_state: usize,
    /// Tokens that the convolution sees; 2 or more.
    pub d_conv: usize,
    /// Norm on the gated result; each group is normed by itself.
    pub norm: NormSpec,
}

impl SsmSpec {
    /// Width of all heads' `x`.
    #[must_use]
    pub fn d_inner(&self) -> usize {
        self.n_head * self.head_dim
    }

    /// Lanes that are convolved: `x`, `B` and `C`.
    #[must_use]
    pub fn n_channels(&self) -> usize {
        self.d_inner() + 2 * self.n_group * self.d_state
    }
}

/// Gated delta net: linear attention that writes what its state does not know yet.
///
/// Queries, keys and values are convolved over the last few tokens, queries and keys brought to
/// length 1. Each head's state decays, and the difference between the value and what the state
/// gives for the key is written to it in part; then it is read with the query. The result, normed
/// per head and gated by `silu(z)`, is projected.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeltaNetSpec {
    /// Value heads.
    pub n_head: usize,
    /// Query heads, and key heads; divides `n_head`.
    pub n_group: usize,
    /// Which key head serves a value head.
    pub order: HeadOrder,
    /// Width of a query and of a key.
    pub k_dim: usize,
    /// Width of a value.
    pub v_dim: usize,
    /// Tokens that the convolution sees; 2 or more.
    pub d_conv: usize,
    /// Whether the rows that make decays and shares lie in one tensor, those of a key head
    /// together.
    pub fused_gates: bool,
    /// Norm on each head's result. Its epsilon is also that of queries' and keys' lengths.
    pub norm: NormSpec,
}

impl DeltaNetSpec {
    /// Lanes that are convolved: queries, keys and values.
    #[must_use]
    pub fn n_channels(&self) -> usize {
        2 * self.n_group * self.k_dim + self.n_head * self.v_dim
    }
}
