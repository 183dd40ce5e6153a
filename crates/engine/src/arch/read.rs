//! From the keys of a file and the row of its architecture to a [`ModelSpec`].

use camelid_gguf::Metadata;

use super::{
    keys::{Keys, MAX_N_EXPERT, MAX_N_LAYER, MAX_WIDTH},
    row::{Arch, EmbdScale, LogitScale, Mixer, Norms, ResidualScale, Windows, Wire},
};
use crate::{
    error::Result,
    spec::{
        Activation, AttentionSpec, BlockSpec, ChannelMixer, EmbeddingSpec, HiddenLayer,
        LatentAttentionSpec, MlpSpec, ModelSpec, NormKind, NormSpec, OutputSpec, PositionScale,
        Presence, QkNormSpec, RopeOptions, TokenMixer, WindowShape, Wiring,
    },
};

/// Key heads, of all blocks or of each.
pub(super) const HEAD_COUNT_KV: &str = "attention.head_count_kv";
const NEXTN: &str = "nextn_predict_layers";

/// A file's keys, the row, and the numbers that most parts need.
pub(super) struct Reader<'a> {
    pub(super) keys: Keys<'a>,
    pub(super) arch: &'static Arch,
    pub(super) n_layer: usize,
    pub(super) n_embd: usize,
    /// What the caller says in place of the file.
    pub(super) rope_options: RopeOptions,
    eps: f32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        metadata: Metadata<'a>,
        arch: &'static Arch,
        rope_options: RopeOptions,
    ) -> Result<Self> {
        let keys = Keys { metadata, architecture: arch.name };
        let eps = match arch.norm {
            NormKind::Rms => "attention.layer_norm_rms_epsilon",
            NormKind::Layer => "attention.layer_norm_epsilon",
        };
        Ok(Self {
            keys,
            arch,
            n_layer: n_layer(&keys)?,
            n_embd: keys.size("embedding_length", MAX_WIDTH)?,
            rope_options,
            eps: match arch.default_eps {
                Some(default) => keys.positive(eps)?.unwrap_or(default),
                None => keys.required_positive(eps)?,
            },
        })
    }

    pub(super) fn model(&self) -> Result<ModelSpec> {
        Ok(ModelSpec {
            architecture: self.arch.name,
            n_vocab: self.keys.n_vocab()?,
            n_embd: self.n_embd,
            n_ctx_train: self.keys.size("context_length", MAX_WIDTH)?,
            causal: self.causal()?,
            embedding: self.embedding()?,
            blocks: self.blocks()?,
            n_layer_nextn: self.n_layer_nextn()?,
            output_norm: self.norm_if(self.arch.output_norm),
            output: self.output()?,
            pooling: self.pooling()?,
            rank_pooling: self.rank_pooling()?,
            head: self.head()?,
        })
    }

    /// Whether tokens see only what came before.
    pub(super) fn causal(&self) -> Result<bool> {
        Ok(self.keys.flag("attention.causal")?.unwrap_or(!self.arch.encoder))
    }

    fn embedding(&self) -> Result<EmbeddingSpec> {
        let default = match self.arch.embd_scale {
            EmbdScale::One => 1.0,
            EmbdScale::Fixed(scale) => scale,
            EmbdScale::SqrtNEmbd => (self.n_embd as f32).sqrt(),
        };
        let scale = self.keys.positive_or_zero("embedding_scale")?.unwrap_or(default);
        let n_token_types = match self.arch.token_types {
            true => self.keys.metadata.get_usize("tokenizer.ggml.token_type_count")?.unwrap_or(0),
            false => 0,
        };
        Ok(EmbeddingSpec {
            scale,
            positions: self.arch.positions,
            n_token_types,
            norm: self.norm_if(self.arch.embd_norm),
        })
    }

    fn output(&self) -> Result<Option<OutputSpec>> {
        if self.arch.encoder {
            return Ok(None);
        }
        Ok(Some(OutputSpec {
            weight: self.arch.output,
            bias: self.arch.output_bias,
            scale: self.logit_scale()?,
            softcap: self.softcap("final_logit_softcapping", self.arch.softcaps.1)?,
        }))
    }

    fn logit_scale(&self) -> Result<f32> {
        let name = "logit_scale";
        let read = |presence| match presence {
            Presence::Required => self.keys.required_positive(name).map(Some),
            _ => self.keys.positive_or_zero(name),
        };
        match self.arch.logit_scale {
            LogitScale::None if self.keys.has(name) => {
                Err(self.keys.unsupported(name, "a scale", "no scale in this architecture"))
            }
            LogitScale::None => Ok(1.0),
            LogitScale::Multiplies(presence) => Ok(read(presence)?.unwrap_or(1.0)),
            LogitScale::Divides => Ok(1.0 / read(Presence::Required)?.unwrap_or(1.0)),
            LogitScale::DividesByWidthOver(base) => {
                let default = self.n_embd as f32 / base;
                Ok(1.0 / read(Presence::Optional)?.unwrap_or(default))
            }
        }
    }

    /// A soft cap; 0 in the file means that there is none.
    fn softcap(&self, name: &str, default: Option<f32>) -> Result<Option<f32>> {
        if self.keys.has(name) { self.keys.positive_or_zero(name) } else { Ok(default) }
    }

    /// Blocks behind those that are run.
    pub(super) fn n_layer_nextn(&self) -> Result<usize> {
        self.keys.count(NEXTN, MAX_N_LAYER)
    }

    /// The norm of these names, where there is any.
    fn norm_if(&self, names: &'static [&'static str]) -> Option<NormSpec> {
        (!names.is_empty()).then(|| self.norm(names))
    }

    pub(super) fn norm(&self, names: &'static [&'static str]) -> NormSpec {
        NormSpec {
            names,
            kind: self.arch.norm,
            eps: self.eps,
            weight: self.arch.norm_weight,
            bias: self.arch.norm_bias,
        }
    }

    fn blocks(&self) -> Result<Vec<BlockSpec>> {
        let windows = self.windows()?;
        let wiring = self.wiring()?;
        let residual_scale = self.residual_scale()?;
        let (mixer_norm, channel_norm) = self.pre_norms();
        let (mixer_post_norm, channel_post_norm) = self.post_norms();
        let first_norm = match self.arch.norms {
            Norms::PreButFirst => {
                mixer_norm.map(|norm| NormSpec { weight: Presence::Optional, ..norm })
            }
            _ => mixer_norm,
        };
        let block = |(i, window): (usize, &Option<usize>)| {
            let mixer_norm = if i == 0 { first_norm } else { mixer_norm };
            Ok(BlockSpec {
                wiring,
                mixer_norm,
                mixer: self.mixer(i, *window)?,
                mixer_post_norm,
                channel_norm,
                channel: self.channel(i)?,
                channel_post_norm,
                residual_scale,
            })
        };
        windows.iter().enumerate().map(block).collect()
    }

    fn wiring(&self) -> Result<Wiring> {
        match self.arch.wiring {
            Wire::Is(wiring) => Ok(wiring),
            Wire::FromKey => {
                let is_parallel = self.keys.required_flag("use_parallel_residual")?;
                Ok(if is_parallel { Wiring::Parallel } else { Wiring::Sequential })
            }
        }
    }

    fn residual_scale(&self) -> Result<f32> {
        let default = match self.arch.residual_scale {
            ResidualScale::One => 1.0,
            ResidualScale::OverRootOfDepth(scale) => scale / (self.n_layer as f32).sqrt(),
        };
        Ok(self.keys.positive_or_zero("residual_scale")?.unwrap_or(default))
    }

    fn pre_norms(&self) -> (Option<NormSpec>, Option<NormSpec>) {
        let mixer = self.norm(&["attn_norm"]);
        let channel = self.norm(&["ffn_norm"]);
        match self.arch.norms {
            Norms::Pre | Norms::PreAndPost | Norms::PreButFirst => (Some(mixer), Some(channel)),
            Norms::Post | Norms::OfSums => (None, None),
            Norms::PreByHfName => {
                // Ollama's files of gpt-oss have the other name.
                (Some(mixer), Some(self.norm(&["ffn_norm", "post_attention_norm"])))
            }
            Norms::Shared | Norms::NoChannel => (Some(mixer), None),
            Norms::SharedOrOwn => {
                (Some(self.norm(&["attn_norm_2", "attn_norm"])), Some(self.norm(&["attn_norm"])))
            }
            Norms::PreOrShared => {
                (Some(mixer), Some(NormSpec { weight: Presence::Optional, ..channel }))
            }
        }
    }

    fn post_norms(&self) -> (Option<NormSpec>, Option<NormSpec>) {
        let norm = |names| Some(self.norm(names));
        match self.arch.norms {
            Norms::PreAndPost | Norms::Post => {
                (norm(&["post_attention_norm"]), norm(&["post_ffw_norm"]))
            }
            Norms::OfSums => (norm(&["attn_output_norm"]), norm(&["layer_output_norm"])),
            _ => (None, None),
        }
    }

    /// The window of each block.
    fn windows(&self) -> Result<Vec<Option<usize>>> {
        let name = "attention.sliding_window";
        let (all_but_every, window) = match self.arch.windows {
            Windows::All => (usize::MAX, self.keys.count(name, u32::MAX as usize)?),
            Windows::AllButEvery(n) => (n, self.keys.count(name, u32::MAX as usize)?),
            Windows::RequiredAllButEvery(n) => (n, self.keys.size(name, u32::MAX as usize)?),
            Windows::AllButFirstOfEvery(_) => {
                (usize::MAX, self.keys.count(name, u32::MAX as usize)?)
            }
            Windows::Chunks { all_but_every, size } => (all_but_every, self.chunk_size(size)?),
            Windows::Default { all_but_every, window } => {
                let found = self.keys.optional_size(name, u32::MAX as usize)?;
                (all_but_every, found.unwrap_or(window))
            }
        };
        let has_window = self.window_pattern(all_but_every)?;
        Ok(has_window.into_iter().map(|has| (has && window > 0).then_some(window)).collect())
    }

    /// Which blocks are windowed: by a flag for each, or all but each n-th.
    fn window_pattern(&self, default: usize) -> Result<Vec<bool>> {
        let name = "attention.sliding_window_pattern";
        if let Some(flags) = self.keys.flags(name, self.n_layer)? {
            return Ok(flags);
        }
        let every = self.keys.optional_size(name, u32::MAX as usize)?;
        if let Windows::AllButFirstOfEvery(n) = self.arch.windows {
            let every = every.unwrap_or(n);
            return Ok((0..self.n_layer).map(|i| !i.is_multiple_of(every)).collect());
        }
        let every = every.unwrap_or(default);
        Ok((1..=self.n_layer).map(|n| !n.is_multiple_of(every)).collect())
    }

    /// The size of chunks that attention stays in. A window of 0 stands for models that have none,
    /// which are built in other ways as well.
    fn chunk_size(&self, default: usize) -> Result<usize> {
        let name = "attention.sliding_window";
        if self.keys.has(name) && self.keys.count(name, u32::MAX as usize)? == 0 {
            return Err(self.keys.unsupported(name, 0, "models with chunks"));
        }
        Ok(self.keys.optional_size("attention.chunk_size", u32::MAX as usize)?.unwrap_or(default))
    }

    fn window_shape(&self) -> Result<WindowShape> {
        Ok(match self.arch.windows {
            Windows::Chunks { .. } => WindowShape::Chunk,
            _ if self.causal()? => WindowShape::Past,
            _ => WindowShape::Around,
        })
    }

    fn mixer(&self, i: usize, window: Option<usize>) -> Result<TokenMixer> {
        if let Some(kind) = self.recurrent_kind(i)? {
            if !self.causal()? {
                let supported = "true where blocks keep a state";
                return Err(self.keys.unsupported("attention.causal", false, supported));
            }
            return self.recurrent(kind);
        }
        match self.arch.mixer {
            Mixer::Attention => self.attention(i, window).map(TokenMixer::Attention),
            Mixer::Latent => self.latent_attention().map(TokenMixer::Latent),
        }
    }

    fn attention(&self, i: usize, window: Option<usize>) -> Result<AttentionSpec> {
        let n_head = self.keys.size("attention.head_count", MAX_WIDTH)?;
        let n_head_kv = self.n_head_kv(i, n_head)?;
        let head_dim = self.head_dim(n_head)?;
        let rope = self.rope(i, head_dim, window.is_some())?;
        Ok(AttentionSpec {
            n_head,
            n_head_kv,
            head_dim,
            scale: self.score_scale(n_head, head_dim)?,
            qk_norm: self.qk_norm(rope.is_some())?,
            position_scale: self.position_scale(rope.is_some())?,
            rope,
            window,
            window_shape: self.window_shape()?,
            softcap: self.softcap("attn_logit_softcapping", self.arch.softcaps.0)?,
            max_alibi_bias: self.max_alibi_bias()?,
            sinks: self.arch.sinks,
            clamp: self.keys.positive_or_zero("attention.clamp_kqv")?,
            gated: self.arch.gated,
            qkv_bias: self.arch.qkv_bias,
            output_bias: self.arch.attn_output_bias,
        })
    }

    fn n_head_kv(&self, i: usize, n_head: usize) -> Result<usize> {
        let found = self.keys.count_of_block(HEAD_COUNT_KV, (i, self.n_layer), MAX_WIDTH)?;
        let n_head_kv = found.unwrap_or(n_head);
        if n_head_kv == 0 || !n_head.is_multiple_of(n_head_kv) {
            let allowed = format!("a divisor of the {n_head} query heads");
            return Err(self.keys.refuse(HEAD_COUNT_KV, n_head_kv, allowed));
        }
        Ok(n_head_kv)
    }

    fn head_dim(&self, n_head: usize) -> Result<usize> {
        let n_embd = self.n_embd;
        let head_dim = match self.keys.optional_size("attention.key_length", MAX_WIDTH)? {
            Some(head_dim) => head_dim,
            None if n_embd.is_multiple_of(n_head) => n_embd / n_head,
            None => {
                let allowed = format!("a divisor of the embedding length {n_embd}");
                return Err(self.keys.refuse("attention.head_count", n_head, allowed));
            }
        };
        let value_dim = self.keys.optional_size("attention.value_length", MAX_WIDTH)?;
        if let Some(value_dim) = value_dim.filter(|&dim| dim != head_dim) {
            let allowed = format!("{head_dim}, the length of a key");
            return Err(self.keys.refuse("attention.value_length", value_dim, allowed));
        }
        Ok(head_dim)
    }

    fn score_scale(&self, n_head: usize, head_dim: usize) -> Result<f32> {
        if let Some(scale) = self.keys.positive_or_zero("attention.scale")? {
            return Ok(scale);
        }
        let by_embd = self.arch.scaled_by_embd == Some(self.n_layer);
        let width = if by_embd { self.n_embd / n_head } else { head_dim };
        if width == 0 {
            let allowed = format!("at most the embedding length {}", self.n_embd);
            return Err(self.keys.refuse("attention.head_count", n_head, allowed));
        }
        Ok(1.0 / (width as f32).sqrt())
    }

    fn max_alibi_bias(&self) -> Result<Option<f32>> {
        let name = "attention.max_alibi_bias";
        if self.keys.has(name) {
            return self.keys.positive_or_zero(name);
        }
        Ok(self.arch.max_alibi_bias)
    }

    fn qk_norm(&self, has_rope: bool) -> Result<Option<QkNormSpec>> {
        let Some((span, weight)) = self.arch.qk_norm else { return Ok(None) };
        if weight == Presence::Absent && !(has_rope && self.uses_qk_norm()?) {
            return Ok(None);
        }
        let norm = |names| NormSpec { weight, bias: Presence::Absent, ..self.norm(names) };
        Ok(Some(QkNormSpec { q: norm(&["attn_q_norm"]), k: norm(&["attn_k_norm"]), span }))
    }

    /// Files that do not say it are of the two models there were first: the one with 128 experts
    /// has no norm.
    fn uses_qk_norm(&self) -> Result<bool> {
        match self.keys.flag("use_qk_norm")? {
            Some(uses) => Ok(uses),
            None => Ok(self.keys.count("expert_count", MAX_N_EXPERT)? != 128),
        }
    }

    fn position_scale(&self, has_rope: bool) -> Result<Option<PositionScale>> {
        if let Some(own) = self.arch.position_scale.filter(|_| !has_rope) {
            let step = self.keys.optional_size("attention.floor_scale", MAX_WIDTH)?;
            return Ok(Some(PositionScale { step: step.unwrap_or(own.step), ..own }));
        }
        let Some(factor) = self.keys.positive_or_zero("attention.temperature_scale")? else {
            return Ok(None);
        };
        let step = self.keys.size("rope.scaling.original_context_length", MAX_WIDTH)?;
        Ok(Some(PositionScale { factor, step, offset: 0 }))
    }

    fn latent_attention(&self) -> Result<LatentAttentionSpec> {
        let n_head = self.keys.size("attention.head_count", MAX_WIDTH)?;
        let kv_lora_rank = self.keys.size("attention.kv_lora_rank", MAX_WIDTH)?;
        let (key_dim, value_dim) = self.latent_head_dims()?;
        let (rope, scale) = self.latent_rope(key_dim)?;
        let q_lora_rank = self.keys.optional_size("attention.q_lora_rank", MAX_WIDTH)?;
        Ok(LatentAttentionSpec {
            n_head,
            nope_dim: key_dim - rope.n_rot,
            value_dim,
            kv_lora_rank,
            kv_norm: self.norm(&["attn_kv_a_norm"]),
            q_lora: q_lora_rank.map(|rank| (rank, self.norm(&["attn_q_a_norm"]))),
            scale,
            rope,
        })
    }

    /// Widths of a head's key and value. Files made for the latent form keep them under keys of
    /// their own, since `key_length` is the width of what is cached there.
    fn latent_head_dims(&self) -> Result<(usize, usize)> {
        let read = |own, common| match self.keys.optional_size(own, MAX_WIDTH)? {
            Some(dim) => Ok(dim),
            None => self.keys.size(common, MAX_WIDTH),
        };
        Ok((
            read("attention.key_length_mla", "attention.key_length")?,
            read("attention.value_length_mla", "attention.value_length")?,
        ))
    }

    fn channel(&self, i: usize) -> Result<Option<ChannelMixer>> {
        if self.arch.norms == Norms::NoChannel {
            return Ok(None);
        }
        if let Some(experts) = self.experts(i)? {
            return Ok(Some(ChannelMixer::Experts(experts)));
        }
        Ok(Some(ChannelMixer::Mlp(MlpSpec {
            n_ff: self.keys.size("feed_forward_length", MAX_WIDTH)?,
            hidden: self.hidden()?,
            bias: self.arch.mlp_bias,
        })))
    }

    /// The hidden layer, whose activation some files name.
    pub(super) fn hidden(&self) -> Result<HiddenLayer> {
        let name = "hidden_activation";
        let act = match self.keys.text(name)? {
            None => return Ok(self.arch.hidden),
            Some("silu" | "swish") => Activation::Silu,
            Some("gelu") => Activation::GeluErf,
            Some("gelu_pytorch_tanh" | "gelu_new") => Activation::GeluTanh,
            Some(other) => return Err(self.keys.unsupported(name, other, "silu, gelu")),
        };
        match self.arch.hidden {
            HiddenLayer::Plain(_) => Ok(HiddenLayer::Plain(act)),
            HiddenLayer::Gated(_) => Ok(HiddenLayer::Gated(act)),
            HiddenLayer::GatedClamped { .. } => {
                Err(self.keys.unsupported(name, "an activation", "none in this architecture"))
            }
        }
    }
}

/// Blocks that are run: those behind them guess further tokens.
fn n_layer(keys: &Keys<'_>) -> Result<usize> {
    let n_all = keys.size("block_count", MAX_N_LAYER)?;
    match keys.count(NEXTN, MAX_N_LAYER)? {
        n_nextn if n_nextn < n_all => Ok(n_all - n_nextn),
        n_nextn => Err(keys.refuse(NEXTN, n_nextn, format!("less than the {n_all} blocks"))),
    }
}
