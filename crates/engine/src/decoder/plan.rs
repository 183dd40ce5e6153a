//! A batch, checked and taken apart into what the operations need.

use std::{ops::Range, sync::Arc};

use super::{Decoder, layer::Layer, memory::Places};
use crate::{
    batch::{Batch, SeqId},
    device::{Device, Run, StatePlacement, View},
    error::{Error, Result},
    page_table::{PageTable, Placement},
};

/// A batch, taken apart into what the operations need.
pub(super) struct Plan {
    pub(super) ids: Vec<u32>,
    pub(super) pos: Vec<u32>,
    /// Where to write and to look, for each page table.
    pub(super) spans: Vec<Span>,
    /// Where the sequences' states are, and how many tokens of each there are.
    pub(super) runs: Vec<Run>,
    /// Indices of the tokens whose logits are wanted.
    pub(super) outputs: Vec<usize>,
}

/// What the layers of one page table write and see of a batch.
pub(super) struct Span {
    /// A place for each token's keys and values.
    pub(super) slots: Vec<usize>,
    /// What each token sees.
    pub(super) views: Vec<View>,
}

impl<D: Device> Decoder<D> {
    /// Checks a batch and finds places for its keys and values. Changes nothing if it fails.
    pub(super) fn plan(&mut self, batch: &Batch) -> Result<Plan> {
        self.check_tokens(batch)?;
        let Places { tables, states } = self.memory.append(batch)?;
        for layer in &mut self.layers {
            match layer {
                Layer::Attention(layer) => {
                    for &copy in &tables[layer.table].copies {
                        self.device.copy_page(&mut layer.cache, copy);
                    }
                }
                Layer::Recurrent(layer) => {
                    for &placement in &states {
                        layer.place(&mut self.device, placement);
                    }
                }
            }
        }
        let tokens = batch.tokens();
        Ok(Plan {
            ids: tokens.iter().map(|t| t.token).collect(),
            pos: tokens.iter().map(|t| t.pos).collect(),
            spans: self.spans(batch, tables),
            runs: state_runs(batch, &states),
            outputs: (0..tokens.len()).filter(|&i| tokens[i].want_logits).collect(),
        })
    }

    fn check_tokens(&self, batch: &Batch) -> Result<()> {
        let n_vocab = self.spec.n_vocab;
        let outside = batch.tokens().iter().find(|t| t.token as usize >= n_vocab);
        outside.map_or(Ok(()), |t| Err(Error::TokenOutOfRange { id: t.token, n_vocab }))?;
        for (seq, run) in runs(batch) {
            if !self.spec.causal && self.memory.len(seq) > 0 {
                return Err(Error::NotWhole { seq });
            }
            for (len, token) in (self.memory.len(seq)..).zip(&batch.tokens()[run]) {
                if token.pos != len {
                    return Err(Error::Position { seq, len, pos: token.pos });
                }
                self.check_position(token.pos)?;
            }
        }
        Ok(())
    }

    /// A model that has learned a vector for each position has no others.
    fn check_position(&self, pos: u32) -> Result<()> {
        let n = self.spec.n_ctx_train;
        if self.weights.positions.is_none() || (pos as usize) < n {
            return Ok(());
        }
        Err(Error::Unsupported {
            what: "a position the model has not learned".to_owned(),
            found: pos.to_string(),
            supported: format!("0 to {}", n - 1),
        })
    }

    fn spans(&self, batch: &Batch, placements: Vec<Placement>) -> Vec<Span> {
        let span = |(table, placement): (usize, Placement)| Span {
            slots: placement.slots,
            views: views(batch, self.memory.table(table), self.spec.causal),
        };
        placements.into_iter().enumerate().map(span).collect()
    }
}

fn state_runs(batch: &Batch, states: &[StatePlacement]) -> Vec<Run> {
    let run = |((_, run), state): ((SeqId, Range<usize>), &StatePlacement)| Run {
        slot: state.slot,
        n_tokens: run.len(),
    };
    runs(batch).zip(states).map(run).collect()
}

fn views(batch: &Batch, table: &PageTable, causal: bool) -> Vec<View> {
    let mut views = Vec::with_capacity(batch.len());
    for (seq, run) in runs(batch) {
        let pages: Arc<[u32]> = table.pages(seq).into();
        let len = table.len(seq) as usize;
        views.extend(batch.tokens()[run].iter().map(|token| View {
            pages: Arc::clone(&pages),
            pos: token.pos as usize,
            n_visible: if causal { token.pos as usize + 1 } else { len },
        }));
    }
    views
}

/// A batch's runs of tokens of one sequence, as ranges of indices.
pub(super) fn runs(batch: &Batch) -> impl Iterator<Item = (SeqId, Range<usize>)> {
    let mut start = 0;
    batch.tokens().chunk_by(|a, b| a.seq == b.seq).map(move |run| {
        let range = start..start + run.len();
        start = range.end;
        (run[0].seq, range)
    })
}
