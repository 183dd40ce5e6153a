//! Blocks that keep a state: which they are, and how wide.

use super::{
    keys::MAX_WIDTH,
    read::{HEAD_COUNT_KV, Reader},
    row::{RecurrentBlocks, RecurrentKind},
};
use crate::{
    error::Result,
    spec::{DeltaNetSpec, ShortConvSpec, SsmSpec, TokenMixer},
};

/// Tokens that a convolution may see.
const MAX_D_CONV: usize = 1 << 10;

impl Reader<'_> {
    /// What block `i` does, if it keeps a state.
    pub(super) fn recurrent_kind(&self, i: usize) -> Result<Option<RecurrentKind>> {
        let Some(recurrent) = self.arch.recurrent else { return Ok(None) };
        let is_recurrent = match recurrent.blocks {
            RecurrentBlocks::All => true,
            RecurrentBlocks::WithoutKeyHeads => {
                let n = self.keys.count_of_block(HEAD_COUNT_KV, (i, self.n_layer), MAX_WIDTH)?;
                n == Some(0)
            }
            RecurrentBlocks::AllButEvery(n) => {
                let name = "full_attention_interval";
                let n = self.keys.optional_size(name, MAX_WIDTH)?.unwrap_or(n);
                let n_all = self.n_layer + self.n_layer_nextn()?;
                match self.keys.flags("attention.recurrent_layers", n_all)? {
                    Some(flags) => flags[i],
                    None => !(i + 1).is_multiple_of(n),
                }
            }
        };
        Ok(is_recurrent.then_some(recurrent.kind))
    }

    pub(super) fn recurrent(&self, kind: RecurrentKind) -> Result<TokenMixer> {
        Ok(match kind {
            RecurrentKind::ShortConv => {
                TokenMixer::ShortConv(ShortConvSpec { d_conv: self.d_conv("shortconv.l_cache")? })
            }
            RecurrentKind::Ssm => TokenMixer::Ssm(self.ssm()?),
            RecurrentKind::DeltaNet { order, fused_gates } => {
                let SsmSpec { n_head, n_group, head_dim, d_state, d_conv, norm } = self.ssm()?;
                let (k_dim, v_dim) = (d_state, head_dim);
                TokenMixer::DeltaNet(DeltaNetSpec {
                    n_head,
                    n_group,
                    order,
                    k_dim,
                    v_dim,
                    d_conv,
                    fused_gates,
                    norm,
                })
            }
        })
    }

    fn ssm(&self) -> Result<SsmSpec> {
        let d_inner = self.keys.size("ssm.inner_size", MAX_WIDTH)?;
        let n_head = self.keys.size("ssm.time_step_rank", MAX_WIDTH)?;
        if !d_inner.is_multiple_of(n_head) {
            let allowed = format!("a divisor of the inner size {d_inner}");
            return Err(self.keys.refuse("ssm.time_step_rank", n_head, allowed));
        }
        let n_group = self.keys.size("ssm.group_count", MAX_WIDTH)?;
        if !n_head.is_multiple_of(n_group) {
            let allowed = format!("a divisor of the {n_head} heads");
            return Err(self.keys.refuse("ssm.group_count", n_group, allowed));
        }
        let d_state = self.keys.size("ssm.state_size", MAX_WIDTH)?;
        // All products of these stay far below what can be addressed.
        if n_group * d_state > MAX_WIDTH || d_inner * d_state > MAX_WIDTH {
            let allowed = format!("at most {MAX_WIDTH} elements in a state of {d_inner} lanes");
            return Err(self.keys.refuse("ssm.state_size", d_state, allowed));
        }
        Ok(SsmSpec {
            n_head,
            n_group,
            head_dim: d_inner / n_head,
            d_state,
            d_conv: self.d_conv("ssm.conv_kernel")?,
            norm: self.norm(&["ssm_norm"]),
        })
    }

    fn d_conv(&self, name: &str) -> Result<usize> {
        match self.keys.size(name, MAX_D_CONV)? {
            1 => Err(self.keys.refuse(name, 1, format!("2 to {MAX_D_CONV}"))),
            d_conv => Ok(d_conv),
        }
    }
}
