//! Experts: how many, how wide, and how a token finds its own.

use super::{
    keys::{MAX_N_EXPERT, MAX_N_LAYER, MAX_WIDTH},
    read::Reader,
    row::{ExpertBlocks, ExpertsRow, Shared},
};
use crate::{
    error::Result,
    spec::{ExpertsSpec, GroupLimit, Routing, SharedExpertSpec},
};

impl Reader<'_> {
    /// The experts of block `i`; `None` where it has an MLP.
    pub(super) fn experts(&self, i: usize) -> Result<Option<ExpertsSpec>> {
        let name = "expert_count";
        let Some(row) = &self.arch.experts else {
            return match self.keys.count(name, MAX_N_EXPERT)? {
                0 => Ok(None),
                n => Err(self.keys.unsupported(name, n, "models without experts")),
            };
        };
        let n_expert = if row.required {
            self.keys.size(name, MAX_N_EXPERT)?
        } else {
            self.keys.count(name, MAX_N_EXPERT)?
        };
        if n_expert == 0 || !self.has_experts(i, row)? {
            return Ok(None);
        }
        self.routed(row, n_expert).map(Some)
    }

    fn has_experts(&self, i: usize, row: &ExpertsRow) -> Result<bool> {
        Ok(match row.blocks {
            ExpertBlocks::BehindDense => {
                i >= self.keys.count("leading_dense_block_count", MAX_N_LAYER)?
            }
            ExpertBlocks::LastOfEvery(key) => {
                (i + 1).is_multiple_of(self.keys.size(key, MAX_N_LAYER)?)
            }
            ExpertBlocks::SecondOfEvery(key) => i % self.keys.size(key, MAX_N_LAYER)? == 1,
        })
    }

    fn routed(&self, row: &ExpertsRow, n_expert: usize) -> Result<ExpertsSpec> {
        let n_expert_used = self.keys.size("expert_used_count", n_expert)?;
        let n_ff = match self.keys.optional_size("expert_feed_forward_length", MAX_WIDTH)? {
            Some(n_ff) => n_ff,
            None if row.n_ff_required => self.keys.size("expert_feed_forward_length", MAX_WIDTH)?,
            None => self.keys.size("feed_forward_length", MAX_WIDTH)?,
        };
        let routing = self.routing(row)?;
        Ok(ExpertsSpec {
            n_expert,
            n_expert_used,
            n_ff,
            hidden: self.hidden()?,
            weighs_input: row.weighs_input,
            bias: row.bias,
            routing,
            normalize: self.keys.flag("expert_weights_norm")?.unwrap_or(row.normalize),
            scale: self.keys.positive_or_zero("expert_weights_scale")?.unwrap_or(1.0),
            groups: self.groups(n_expert, n_expert_used, routing)?,
            selection_bias: row.selection_bias,
            shared: self.shared(row, n_ff)?,
        })
    }

    fn routing(&self, row: &ExpertsRow) -> Result<Routing> {
        let name = "expert_gating_func";
        match self.keys.count(name, u32::MAX as usize)? {
            0 => Ok(row.routing),
            1 => Ok(Routing::Softmax),
            2 => Ok(Routing::Sigmoid),
            3 => Ok(Routing::SoftmaxOfChosen),
            other => Err(self.keys.unsupported(
                name,
                other,
                "1 (softmax), 2 (sigmoid), 3 (softmax of the chosen)",
            )),
        }
    }

    fn groups(
        &self,
        n_expert: usize,
        n_expert_used: usize,
        routing: Routing,
    ) -> Result<Option<GroupLimit>> {
        let n_group = self.keys.count("expert_group_count", n_expert)?;
        if n_group < 2 {
            return Ok(None);
        }
        if !n_expert.is_multiple_of(n_group) {
            let allowed = format!("a divisor of the {n_expert} experts");
            return Err(self.keys.refuse("expert_group_count", n_group, allowed));
        }
        let n_group_used = self.keys.size("expert_group_used_count", n_group)?;
        if n_group_used * (n_expert / n_group) < n_expert_used {
            let allowed = format!("enough groups for {n_expert_used} experts");
            return Err(self.keys.refuse("expert_group_used_count", n_group_used, allowed));
        }
        // DeepSeek V2 compares the groups' best experts, V3 with its sigmoids the sums of two.
        let n_best = if routing == Routing::Sigmoid { 2 } else { 1 };
        Ok(Some(GroupLimit { n_group, n_group_used, n_best }))
    }

    fn shared(&self, row: &ExpertsRow, n_ff: usize) -> Result<Option<SharedExpertSpec>> {
        let width = "expert_shared_feed_forward_length";
        let (n_ff, gated) = match row.shared {
            Shared::ByWidth => (self.keys.count(width, MAX_WIDTH)?, false),
            Shared::GatedByWidth => (self.keys.size(width, MAX_WIDTH)?, true),
            Shared::ByCount => {
                let n = self.keys.size("expert_shared_count", MAX_N_EXPERT)?;
                (n * n_ff, false)
            }
            Shared::One => (n_ff, false),
        };
        Ok((n_ff > 0).then_some(SharedExpertSpec { n_ff, gated }))
    }
}
