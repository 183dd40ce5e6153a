//! The architectures this engine runs: one row each, and the way from metadata to a [`ModelSpec`].
//!
//! A row holds the facts that GGUF metadata does not carry. Numbers come from the metadata, whose
//! keys are `{architecture}.…`; each is checked against the range a model can have before anything
//! is computed from it. Metadata that would change the arithmetic in a way that is not implemented
//! is refused by name.

use camelid_gguf::Metadata;
use camelid_kernels::Pairing;

use crate::{
    error::{Error, Result},
    spec::{
        Activation, AttentionSpec, BlockSpec, ChannelMixer, ModelSpec, NormSpec, RopeSpec,
        TokenMixer,
    },
};

/// Most blocks a model may have.
const MAX_N_LAYER: usize = 512;
/// Widest residual stream, hidden layer or head, and longest context: what no model reaches.
const MAX_WIDTH: usize = 1 << 24;

/// What is true of every model of an architecture.
#[derive(Debug)]
struct Arch {
    name: &'static str,
    rope: Pairing,
    activation: Activation,
}

static ARCHS: &[Arch] =
    &[Arch { name: "llama", rope: Pairing::Norm, activation: Activation::Silu }];

/// Names of the architectures this engine runs, as in `general.architecture`.
#[must_use]
pub fn supported() -> Vec<&'static str> {
    ARCHS.iter().map(|arch| arch.name).collect()
}

impl ModelSpec {
    /// Reads the specification of the model a file holds.
    ///
    /// # Errors
    /// [`Error::UnsupportedArchitecture`] and [`Error::Unsupported`] for what is not implemented,
    /// [`Error::Metadata`] for values no model can have, [`Error::Gguf`] for missing keys.
    pub fn from_metadata(metadata: Metadata<'_>) -> Result<Self> {
        let name: &str = metadata.require("general.architecture")?;
        let arch = ARCHS.iter().find(|arch| arch.name == name).ok_or_else(|| {
            Error::UnsupportedArchitecture { found: name.to_owned(), supported: supported() }
        })?;
        Keys { metadata, arch }.read()
    }
}

/// Reads the keys of one architecture.
struct Keys<'a> {
    metadata: Metadata<'a>,
    arch: &'static Arch,
}

impl Keys<'_> {
    fn read(&self) -> Result<ModelSpec> {
        self.refuse_experts()?;
        let n_layer = self.size("block_count", MAX_N_LAYER)?;
        let n_embd = self.size("embedding_length", MAX_WIDTH)?;
        let n_ctx_train = self.size("context_length", MAX_WIDTH)?;
        let n_ff = self.size("feed_forward_length", MAX_WIDTH)?;
        let norm = NormSpec::Rms { eps: self.positive("attention.layer_norm_rms_epsilon", None)? };
        let block = BlockSpec {
            mixer_norm: norm,
            mixer: TokenMixer::Attention(self.attention(n_embd)?),
            channel_norm: norm,
            channel: ChannelMixer::GatedMlp { n_ff, activation: self.arch.activation },
        };
        Ok(ModelSpec {
            architecture: self.arch.name,
            n_vocab: self.n_vocab()?,
            n_embd,
            n_ctx_train,
            blocks: vec![block; n_layer],
            output_norm: norm,
        })
    }

    fn attention(&self, n_embd: usize) -> Result<AttentionSpec> {
        let n_head = self.size("attention.head_count", MAX_WIDTH)?;
        let n_head_kv = self.optional_size("attention.head_count_kv", MAX_WIDTH)?.unwrap_or(n_head);
        if !n_head.is_multiple_of(n_head_kv) {
            let allowed = format!("a divisor of the {n_head} query heads");
            return Err(self.refuse("attention.head_count_kv", n_head_kv, allowed));
        }
        let head_dim = self.head_dim(n_embd, n_head)?;
        Ok(AttentionSpec {
            n_head,
            n_head_kv,
            head_dim,
            scale: 1.0 / (head_dim as f32).sqrt(),
            rope: self.rope(head_dim)?,
        })
    }

    fn head_dim(&self, n_embd: usize, n_head: usize) -> Result<usize> {
        let Some(head_dim) = self.optional_size("attention.key_length", MAX_WIDTH)? else {
            if !n_embd.is_multiple_of(n_head) {
                let allowed = format!("a divisor of the embedding length {n_embd}");
                return Err(self.refuse("attention.head_count", n_head, allowed));
            }
            return Ok(n_embd / n_head);
        };
        let value_dim = self.optional_size("attention.value_length", MAX_WIDTH)?;
        if value_dim.is_some_and(|d| d != head_dim) {
            let allowed = format!("{head_dim}, the length of a key");
            return Err(self.refuse("attention.value_length", value_dim.unwrap_or(0), allowed));
        }
        Ok(head_dim)
    }

    fn rope(&self, head_dim: usize) -> Result<RopeSpec> {
        let n_rot = self.optional_size("rope.dimension_count", MAX_WIDTH)?.unwrap_or(head_dim);
        if n_rot > head_dim || !n_rot.is_multiple_of(2) {
            let allowed = format!("an even number up to the head's width {head_dim}");
            return Err(self.refuse("rope.dimension_count", n_rot, allowed));
        }
        Ok(RopeSpec {
            pairing: self.arch.rope,
            n_rot,
            freq_base: self.positive("rope.freq_base", Some(10_000.0))?,
            freq_scale: 1.0 / self.rope_factor()?,
        })
    }

    /// The factor of linear scaling; 1 without scaling. Older files have `rope.scale_linear`.
    fn rope_factor(&self) -> Result<f32> {
        let kind = self.metadata.get_as::<&str>(&self.key("rope.scaling.type"))?;
        match kind {
            None => self.positive("rope.scale_linear", Some(1.0)),
            Some("none") => Ok(1.0),
            Some("linear") => self.positive("rope.scaling.factor", Some(1.0)),
            Some(other) => Err(Error::Unsupported {
                what: self.key("rope.scaling.type"),
                found: other.to_owned(),
                supported: "none, linear".to_owned(),
            }),
        }
    }

    /// Vocabulary size: the tokens' number, which `vocab_size` must not contradict.
    fn n_vocab(&self) -> Result<usize> {
        let key = "tokenizer.ggml.tokens";
        let n_tokens = self.metadata.require::<camelid_gguf::Array<'_>>(key)?.len();
        match self.optional_size("vocab_size", u32::MAX as usize)? {
            Some(n) if n != n_tokens => {
                Err(self.refuse("vocab_size", n, format!("{n_tokens}, the number of tokens")))
            }
            _ => Ok(n_tokens),
        }
    }

    fn refuse_experts(&self) -> Result<()> {
        let key = self.key("expert_count");
        match self.metadata.get_usize(&key)? {
            None | Some(0) => Ok(()),
            Some(n) => Err(Error::Unsupported {
                what: key,
                found: format!("{n} experts"),
                supported: "models without experts".to_owned(),
            }),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.arch.name)
    }

    fn size(&self, name: &str, max: usize) -> Result<usize> {
        self.in_range(name, self.metadata.require_usize(&self.key(name))?, max)
    }

    fn optional_size(&self, name: &str, max: usize) -> Result<Option<usize>> {
        let n = self.metadata.get_usize(&self.key(name))?;
        n.map(|n| self.in_range(name, n, max)).transpose()
    }

    fn in_range(&self, name: &str, n: usize, max: usize) -> Result<usize> {
        if (1..=max).contains(&n) {
            Ok(n)
        } else {
            Err(self.refuse(name, n, format!("1 to {max}")))
        }
    }

    /// A finite number above 0; `default` where the key may be missing.
    fn positive(&self, name: &str, default: Option<f32>) -> Result<f32> {
        let key = self.key(name);
        let x: f32 = match (self.metadata.get_as(&key)?, default) {
            (Some(x), _) | (None, Some(x)) => x,
            (None, None) => self.metadata.require(&key)?,
        };
        let is_allowed = x.is_finite() && x > 0.0;
        if is_allowed { Ok(x) } else { Err(self.refuse(name, x, "a finite number above 0".into())) }
    }

    fn refuse(&self, name: &str, found: impl ToString, allowed: String) -> Error {
        Error::Metadata { key: self.key(name), found: found.to_string(), allowed }
    }
}
