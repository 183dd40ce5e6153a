//! Binds token mixers that keep a state.

use super::{
    DeltaGates, DeltaNetWeights, NO_BIAS, ShortConvWeights, SsmWeights, TensorSource,
    bind_attention::transpose, binder::Binder,
};
use crate::{
    device::Device,
    spec::{DeltaNetSpec, Presence, ShortConvSpec, SsmSpec},
};

impl<D: Device> Binder<'_, D> {
    pub(super) fn short_conv(
        &mut self,
        blk: &str,
        spec: &ShortConvSpec,
        n_embd: usize,
    ) -> Option<ShortConvWeights<D>> {
        let name = |part: &str| format!("{blk}shortconv.{part}");
        let inputs = self.fused_linears(&name("in_proj"), ([n_embd; 3], n_embd), NO_BIAS);
        let conv = self.conv(&name("conv.weight"), (n_embd, spec.d_conv));
        let output = self.linear(&name("out_proj"), (n_embd, n_embd), NO_BIAS);
        let [b, c, x] = inputs?;
        Some(ShortConvWeights { b, c, x, conv: conv?, output: output? })
    }

    pub(super) fn ssm(
        &mut self,
        blk: &str,
        spec: &SsmSpec,
        n_embd: usize,
    ) -> Option<SsmWeights<D>> {
        let (n_head, d_inner, n_channels) = (spec.n_head, spec.d_inner(), spec.n_channels());
        let counts = [d_inner, n_channels, n_head];
        let inputs = self.fused_linears(&format!("{blk}ssm_in"), (counts, n_embd), NO_BIAS);
        let conv = self.conv(&format!("{blk}ssm_conv1d.weight"), (n_channels, spec.d_conv));
        let conv_bias = format!("{blk}ssm_conv1d.bias");
        let conv_bias = self.vector_if(Presence::Optional, &conv_bias, &[n_channels]);
        let a = self.vector(&format!("{blk}ssm_a"), &[n_head, 1]);
        let skip = self.vector(&format!("{blk}ssm_d"), &[n_head, 1]);
        let dt_bias = self.vector(&format!("{blk}ssm_dt.bias"), &[n_head]);
        let norm = self.norm(blk, &spec.norm, &[spec.n_group, d_inner / spec.n_group]);
        let output = self.linear(&format!("{blk}ssm_out"), (n_embd, d_inner), NO_BIAS);
        let [z, xbc, dt] = inputs?;
        Some(SsmWeights {
            z,
            xbc,
            dt,
            conv: conv?,
            conv_bias,
            a: a?,
            skip: skip?,
            dt_bias: dt_bias?,
            norm: norm?,
            output: output?,
        })
    }

    pub(super) fn delta_net(
        &mut self,
        blk: &str,
        spec: &DeltaNetSpec,
        n_embd: usize,
    ) -> Option<DeltaNetWeights<D>> {
        let (n_head, n_channels) = (spec.n_head, spec.n_channels());
        let n_value = n_head * spec.v_dim;
        let qkv = self.linear(&format!("{blk}attn_qkv"), (n_channels, n_embd), NO_BIAS);
        let z = self.linear(&format!("{blk}attn_gate"), (n_value, n_embd), NO_BIAS);
        let gates = if spec.fused_gates {
            let fused = self.linear(&format!("{blk}ssm_ba"), (2 * n_head, n_embd), NO_BIAS);
            fused.map(DeltaGates::Fused)
        } else {
            let beta = self.linear(&format!("{blk}ssm_beta"), (n_head, n_embd), NO_BIAS);
            let dt = self.linear(&format!("{blk}ssm_alpha"), (n_head, n_embd), NO_BIAS);
            beta.zip(dt).map(|(beta, dt)| DeltaGates::Own { beta, dt })
        };
        let conv = self.conv(&format!("{blk}ssm_conv1d.weight"), (n_channels, spec.d_conv));
        let a = self.vector(&format!("{blk}ssm_a"), &[n_head]);
        let dt_bias = self.vector(&format!("{blk}ssm_dt.bias"), &[n_head]);
        let norm = self.norm(blk, &spec.norm, &[spec.v_dim]);
        let output = self.linear(&format!("{blk}ssm_out"), (n_embd, n_value), NO_BIAS);
        Some(DeltaNetWeights {
            qkv: qkv?,
            z: z?,
            gates: gates?,
            conv: conv?,
            a: a?,
            dt_bias: dt_bias?,
            norm: norm?,
            output: output?,
        })
    }

    /// A convolution's weights, which files keep by channel, turned round: `[d_conv, n_channels]`.
    fn conv(&mut self, name: &str, (n_channels, d_conv): (usize, usize)) -> Option<D::Buffer> {
        let by_channel = self.values(name, &[n_channels, d_conv])?;
        let source = TensorSource::computed(name, n_channels, &transpose(&by_channel, d_conv));
        self.take_vector(&source)
    }
}
