//! Rope: which blocks have it, and how it is stretched beyond the trained context.

use camelid_kernels::{Pairing, Yarn};

use super::{
    keys::MAX_WIDTH,
    read::Reader,
    row::{LocalRope, RopeBlocks},
};
use crate::{
    error::Result,
    spec::{RopeFactors, RopeSpec},
};

const BASE: &str = "rope.freq_base";
const ORIGINAL_LENGTH: &str = "rope.scaling.original_context_length";

/// How frequencies are stretched.
struct Scaling {
    freq_scale: f32,
    yarn: Option<Yarn>,
    magnitude: f32,
    factors: RopeFactors,
}

impl Scaling {
    /// Not at all.
    fn none() -> Self {
        Self { freq_scale: 1.0, yarn: None, magnitude: 1.0, factors: RopeFactors::OneSet }
    }
}

impl Reader<'_> {
    /// The rope of block `i`, which may be windowed.
    pub(super) fn rope(
        &self,
        i: usize,
        head_dim: usize,
        windowed: bool,
    ) -> Result<Option<RopeSpec>> {
        let Some(pairing) = self.arch.rope else { return Ok(None) };
        if !self.has_rope(i, windowed)? {
            return Ok(None);
        }
        if !windowed {
            return self.stretched_rope(pairing, head_dim).map(Some);
        }
        let mut rope = match self.arch.local_rope {
            LocalRope::Same => self.stretched_rope(pairing, head_dim)?,
            LocalRope::Unscaled => self.plain_rope(pairing, head_dim)?,
            LocalRope::Own { freq_base } => {
                RopeSpec { freq_base, ..self.plain_rope(pairing, head_dim)? }
            }
        };
        // llama.cpp's name and Ollama's.
        for name in ["rope.freq_base_swa", "rope.local.freq_base"] {
            if let Some(freq_base) = self.keys.positive(name)? {
                rope.freq_base = freq_base;
            }
        }
        Ok(Some(rope))
    }

    fn has_rope(&self, i: usize, windowed: bool) -> Result<bool> {
        Ok(match self.arch.rope_blocks {
            RopeBlocks::All => true,
            RopeBlocks::Windowed => windowed,
            RopeBlocks::AllButEvery(n) => !(i + 1).is_multiple_of(n),
            RopeBlocks::ByKey => self.keys.flag("rope.scaling.finetuned")?.unwrap_or(true),
        })
    }

    /// The rope of latent attention and the factor on its scores, which YaRN changes.
    pub(super) fn latent_rope(&self, key_dim: usize) -> Result<(RopeSpec, f32)> {
        let name = "rope.dimension_count";
        let n_rot = self.keys.size(name, MAX_WIDTH)?;
        if n_rot >= key_dim {
            let allowed = format!("less than the width {key_dim} of a head's key");
            return Err(self.keys.refuse(name, n_rot, allowed));
        }
        let pairing = self.arch.rope.unwrap_or(Pairing::Norm);
        let mut rope = self.stretched_rope(pairing, key_dim)?;
        let mut scale = 1.0 / (key_dim as f32).sqrt();
        if rope.yarn.is_some() {
            // These models stretch the scores instead of queries and keys. Files hold a tenth of
            // the model's multiplier.
            let log_multiplier = self.keys.positive_or_zero("rope.scaling.yarn_log_multiplier")?;
            if let Some(log_multiplier) = log_multiplier {
                let stretch = 1.0 - log_multiplier * rope.freq_scale.ln();
                scale *= stretch * stretch;
                rope.magnitude = 1.0;
            }
        }
        Ok((rope, scale))
    }

    fn stretched_rope(&self, pairing: Pairing, head_dim: usize) -> Result<RopeSpec> {
        let Scaling { freq_scale, yarn, magnitude, factors } = self.scaling()?;
        let plain = self.plain_rope(pairing, head_dim)?;
        Ok(RopeSpec { freq_scale, yarn, magnitude, factors, ..plain })
    }

    fn plain_rope(&self, pairing: Pairing, head_dim: usize) -> Result<RopeSpec> {
        let name = "rope.dimension_count";
        let n_rot = self.keys.optional_size(name, MAX_WIDTH)?.unwrap_or(head_dim);
        if n_rot > head_dim || !n_rot.is_multiple_of(2) {
            let allowed = format!("an even number up to the head's width {head_dim}");
            return Err(self.keys.refuse(name, n_rot, allowed));
        }
        Ok(RopeSpec {
            pairing,
            n_rot,
            freq_base: self.freq_base()?,
            freq_scale: 1.0,
            yarn: None,
            magnitude: 1.0,
            factors: RopeFactors::OneSet,
        })
    }

    fn freq_base(&self) -> Result<f32> {
        let of_file = self.keys.positive(BASE)?.unwrap_or(self.arch.default_freq_base);
        Ok(self.rope_options.freq_base.unwrap_or(of_file))
    }

    fn scaling(&self) -> Result<Scaling> {
        let scaling = self.scaling_of_file()?;
        let freq_scale = self.rope_options.freq_scale.unwrap_or(scaling.freq_scale);
        Ok(Scaling { freq_scale, ..scaling })
    }

    fn scaling_of_file(&self) -> Result<Scaling> {
        let name = "rope.scaling.type";
        match self.keys.text(name)? {
            // Older files say it with one key; Ollama's leave the type of long and short factors
            // out.
            None if self.arch.stretched_by_yarn && self.keys.has("rope.scaling.factor") => {
                self.yarn()
            }
            None => match self.keys.positive("rope.scale_linear")? {
                Some(factor) => Ok(Scaling { freq_scale: 1.0 / factor, ..Scaling::none() }),
                None if self.keys.has("rope.scaling.attn_factor") => self.long_and_short(),
                None => Ok(Scaling::none()),
            },
            // The factors of Llama 3 are in a tensor, whatever the keys say.
            Some("none" | "llama3") => Ok(Scaling::none()),
            Some("linear") => Ok(Scaling { freq_scale: self.freq_scale()?, ..Scaling::none() }),
            Some("yarn") => self.yarn(),
            Some("longrope" | "su") => self.long_and_short(),
            Some(other) => {
                Err(self.keys.unsupported(name, other, "none, linear, llama3, yarn, longrope"))
            }
        }
    }

    fn freq_scale(&self) -> Result<f32> {
        let of_file = 1.0 / self.keys.positive("rope.scaling.factor")?.unwrap_or(1.0);
        Ok(self.rope_options.freq_scale.unwrap_or(of_file))
    }

    fn long_and_short(&self) -> Result<Scaling> {
        let n_ctx_orig = self.keys.size(ORIGINAL_LENGTH, MAX_WIDTH)?;
        let magnitude = self.keys.positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
        let factors = RopeFactors::LongAndShort { n_ctx_orig };
        Ok(Scaling { magnitude, factors, ..Scaling::none() })
    }

    fn yarn(&self) -> Result<Scaling> {
        let freq_scale = self.freq_scale()?;
        let beta = |current: &str, older: &str, default: f32| {
            let found = self.keys.positive(current)?.or(self.keys.positive(older)?);
            Ok::<f32, crate::Error>(found.unwrap_or(default))
        };
        let ext_factor = self.keys.positive("rope.scaling.yarn_ext_factor")?;
        let older = self.keys.positive("rope.scaling.extrapolation_factor")?;
        let yarn = Yarn {
            n_ctx_orig: self.keys.size(ORIGINAL_LENGTH, MAX_WIDTH)?,
            ext_factor: ext_factor.or(older).unwrap_or(1.0),
            attn_factor: 1.0,
            beta_fast: beta("rope.scaling.yarn_beta_fast", "rope.scaling.beta_fast", 32.0)?,
            beta_slow: beta("rope.scaling.yarn_beta_slow", "rope.scaling.beta_slow", 1.0)?,
            rounds: self.arch.yarn_rounds,
        };
        let magnitude = self.yarn_magnitude(freq_scale)?;
        Ok(Scaling { freq_scale, yarn: Some(yarn), magnitude, factors: RopeFactors::OneSet })
    }

    /// Stretched queries and keys grow with the logarithm of the stretch, unless the file says
    /// that part of it, or all, is to be taken back.
    fn yarn_magnitude(&self, freq_scale: f32) -> Result<f32> {
        let growth = |multiplier: f32| 1.0 - 0.1 * multiplier * freq_scale.min(1.0).ln();
        let taken_back = self.keys.positive_or_zero("rope.scaling.yarn_log_multiplier")?;
        let own = self.keys.positive("rope.scaling.attn_factor")?.unwrap_or(1.0);
        Ok(own * growth(1.0) / taken_back.map_or(1.0, growth))
    }
}
