//! From tokens' vectors to a text's: pooling, and the head behind it.

use super::{keys::MAX_WIDTH, read::Reader, row::RankHead};
use crate::{
    error::Result,
    spec::{HeadActivation, HeadLayerSpec, HeadSpec, NormSpec, Pooling, Presence},
};

/// Most labels a classifier may have.
const MAX_N_LABEL: usize = 1 << 16;

impl Reader<'_> {
    pub(super) fn pooling(&self) -> Result<Option<Pooling>> {
        self.pooling_of("pooling_type")
    }

    fn pooling_of(&self, name: &str) -> Result<Option<Pooling>> {
        let Some(number) = self.keys.metadata.get_as::<u32>(&self.keys.key(name))? else {
            return Ok(None);
        };
        let unknown =
            || self.keys.refuse(name, number, "0 to 4: none, mean, cls, last, rank".into());
        Pooling::from_number(number).ok_or_else(unknown).map(Some)
    }

    /// What a ranking model's classifier looks at.
    pub(super) fn rank_pooling(&self) -> Result<Pooling> {
        if let Some(pooling) = self.pooling_of("classifier.pooling_type")? {
            return Ok(pooling);
        }
        Ok(match self.arch.rank_head {
            RankHead::MeanThenGelu => Pooling::Mean,
            _ if self.causal()? => Pooling::Last,
            _ => Pooling::Cls,
        })
    }

    pub(super) fn head(&self) -> Result<HeadSpec> {
        if self.pooling()? == Some(Pooling::Rank) { self.classifier() } else { self.projections() }
    }

    fn classifier(&self) -> Result<HeadSpec> {
        let dense = |n_out, weight, activation| HeadLayerSpec {
            name: "cls",
            n_out,
            weight,
            bias: Presence::Optional,
            activation,
            norm: None,
        };
        let (dense, softmax) = match self.arch.rank_head {
            RankHead::Score => {
                let layers = vec![dense(1, Presence::Required, HeadActivation::Tanh)];
                return Ok(HeadSpec { layers, softmax: false });
            }
            RankHead::Tanh { softmax } => {
                (dense(self.n_embd, Presence::Optional, HeadActivation::Tanh), softmax)
            }
            RankHead::MeanThenGelu => {
                let norm = NormSpec { weight: Presence::Optional, ..self.norm(&["cls.norm"]) };
                let dense = dense(self.n_embd, Presence::Optional, HeadActivation::GeluErf);
                (HeadLayerSpec { norm: Some(norm), ..dense }, false)
            }
        };
        let labels = self.keys.n_elements("classifier.output_labels", MAX_N_LABEL)?;
        let output = HeadLayerSpec {
            name: "cls.output",
            n_out: labels.unwrap_or(1),
            weight: Presence::Required,
            bias: Presence::Optional,
            activation: HeadActivation::Identity,
            norm: None,
        };
        Ok(HeadSpec { layers: vec![dense, output], softmax })
    }

    /// The projections that some embedding models' files hold beside the transformer.
    fn projections(&self) -> Result<HeadSpec> {
        let mut layers = Vec::new();
        let sides = [
            ("dense_2", "dense_2_feat_in", "dense_2_feat_out"),
            ("dense_3", "dense_3_feat_in", "dense_3_feat_out"),
        ];
        let mut width = self.n_embd;
        for (name, n_in, n_out) in sides {
            let Some(out_width) = self.keys.optional_size(n_out, MAX_WIDTH)? else { continue };
            let found = self.keys.size(n_in, MAX_WIDTH)?;
            if found != width {
                return Err(self.keys.refuse(n_in, found, format!("{width}, what it is given")));
            }
            layers.push(HeadLayerSpec {
                name,
                n_out: out_width,
                weight: Presence::Required,
                bias: Presence::Optional,
                activation: HeadActivation::Identity,
                norm: None,
            });
            width = out_width;
        }
        Ok(HeadSpec { layers, softmax: false })
    }
}
