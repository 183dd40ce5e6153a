//! What the two programs have in common, and ours.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use camelid_engine::{
    Batch, CacheOptions, CpuDevice, Decoder, Runner, SeqId, TokenId,
    gguf::GgufFile,
    kernels::{Cpu, Kernels, KvType, ThreadTeam},
};

/// The longest batch that is run at once.
pub(crate) const N_BATCH: usize = 512;

/// What a side is loaded with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) n_threads: usize,
    /// Tokens of one sequence.
    pub(crate) n_ctx: usize,
    pub(crate) n_seq: usize,
    /// Whether keys and values are F32; F16 otherwise.
    pub(crate) exact_cache: bool,
}

/// A loaded model.
pub(crate) trait Side {
    fn n_vocab(&self) -> usize;

    /// Runs a batch and answers the logits that were wanted: `[n_outputs, n_vocab]`.
    fn forward(&mut self, batch: &Batch) -> Result<&[f32]>;

    /// Forgets a sequence from position `len` on.
    fn truncate(&mut self, seq: SeqId, len: u32);
}

/// Ours.
pub(crate) struct Ours {
    decoder: Decoder<CpuDevice>,
    logits: Vec<f32>,
}

impl Ours {
    pub(crate) fn load(path: &Path, setup: Setup) -> Result<Self> {
        let file = Arc::new(GgufFile::open(path)?);
        let team = ThreadTeam::new(setup.n_threads);
        let device = CpuDevice::new(Cpu::new(Kernels::detect(), team));
        let ty = if setup.exact_cache { KvType::F32 } else { KvType::F16 };
        // More than the pages that sequences begin and do not fill.
        let mut cache = CacheOptions::new(setup.n_seq * (setup.n_ctx + 64), ty);
        (cache.n_seq, cache.n_batch) = (setup.n_seq, N_BATCH);
        let decoder = Decoder::with_context(&file, device, cache, setup.n_ctx)?;
        Ok(Self { decoder, logits: Vec::new() })
    }
}

impl Side for Ours {
    fn n_vocab(&self) -> usize {
        self.decoder.n_vocab()
    }

    fn forward(&mut self, batch: &Batch) -> Result<&[f32]> {
        let logits = self.decoder.forward(batch)?;
        // llama.cpp copies them too.
        self.logits.clear();
        logits.rows().for_each(|row| self.logits.extend_from_slice(row));
        Ok(&self.logits)
    }

    fn truncate(&mut self, seq: SeqId, len: u32) {
        self.decoder.truncate(seq, len);
    }
}

/// Tokens without a pattern, the same in every run.
pub(crate) fn random_tokens(n: usize, n_vocab: usize) -> Vec<TokenId> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n_vocab as u64) as TokenId
    };
    (0..n).map(next).collect()
}
