//! `camelid bench FILE.gguf`: how fast a model reads and writes on this machine.
//!
//! Reading runs a prompt of random tokens in the batches a server would make; writing runs one
//! token of each sequence at a time. Both begin behind `--depth` cached tokens, which sequences
//! share. Each is repeated, after one run that nobody times, and shown with its spread. Memory is
//! sampled in the runs that are not timed. Before each run that writes, the weights are read without
//! computing anything: the limit of the moment, which on shared machines changes by the minute.

mod memory;
mod reading;
mod report;

use std::{
    io::Write,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use camelid_engine::{
    Batch, CacheOptions, CpuDevice, Decoder, Runner, SeqId, TokenId,
    gguf::GgufFile,
    kernels::{Cpu, Kernels, ThreadTeam},
};

use self::{
    memory::PeakMemory,
    reading::Weights,
    report::{Report, Speeds},
};
use crate::args::BenchArgs;

/// The sequence that holds the context; the others, 1 and up, continue copies of it, because not
/// every model can go back to where it was.
const CONTEXT: SeqId = SeqId(0);
/// The longest piece of a prompt that runs at once, as in a server.
const N_BATCH: usize = 512;
/// More than what two pages of the cache hold: one sequence's first and last, half empty.
const PAGE_SLACK: u32 = 64;

/// Measures a file and prints what it found.
pub(crate) fn bench(args: &BenchArgs) -> Result<()> {
    let report = measure(args).with_context(|| args.file.display().to_string())?;
    let text = if args.json { report.json() } else { report.text() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn measure(args: &BenchArgs) -> Result<Report> {
    let mut memory = PeakMemory::default();
    let started = Instant::now();
    let file = Arc::new(GgufFile::open(&args.file)?);
    let team = match args.threads.and_then(NonZeroUsize::new) {
        Some(n) => ThreadTeam::new(n.get()),
        None => ThreadTeam::with_available(),
    };
    let team = Arc::new(team);
    let kernels = args.kernels.unwrap_or_else(Kernels::detect);
    let decoder = memory.watch(|| load(&file, (kernels, Arc::clone(&team)), args))?;
    let load = started.elapsed();
    let mut bench = Bench { decoder, memory, n_runs: args.repetitions, n_depth: args.depth };
    bench.fill_context()?;
    let prompt = bench.time(args.n_prompt, || (), |bench| bench.read(args.n_prompt))?;
    let n_written = args.n_generate * args.parallel;
    let weights = Weights::of(&file);
    let mut reading = Vec::with_capacity(args.repetitions);
    let generation = bench.time(
        n_written,
        || reading.push(weights.read(&team)),
        |bench| bench.write(args.n_generate, args.parallel),
    )?;
    Ok(Report {
        load,
        prompt,
        generation,
        reading,
        step_bytes: weights.step_bytes(),
        n_depth: args.depth,
        n_parallel: args.parallel,
        n_threads: team.n_threads(),
        kernels: kernels.name(),
        file_bytes: file.n_bytes(),
        peak_bytes: bench.memory.bytes(),
    })
}

/// A decoder with room for what will be measured.
fn load(
    file: &Arc<GgufFile>,
    (kernels, team): (&'static Kernels, Arc<ThreadTeam>),
    args: &BenchArgs,
) -> camelid_engine::Result<Decoder<CpuDevice>> {
    let device = CpuDevice::new(Cpu::new(kernels, team));
    let n_written = args.parallel * (args.n_generate + PAGE_SLACK);
    let n_tokens = (args.depth + (args.n_prompt + PAGE_SLACK).max(n_written)) as usize;
    let n_ctx = (args.depth + args.n_prompt.max(args.n_generate).max(1)) as usize;
    let mut cache = CacheOptions::new(n_tokens, args.cache_type);
    cache.n_seq = args.parallel as usize + 1;
    Decoder::with_context(file, device, cache, n_ctx)
}

/// A model at work, measured.
struct Bench {
    decoder: Decoder<CpuDevice>,
    memory: PeakMemory,
    n_runs: usize,
    /// Tokens that are cached before anything is measured.
    n_depth: u32,
}

impl Bench {
    fn fill_context(&mut self) -> Result<()> {
        read_tokens(&mut self.decoder, CONTEXT, 0, self.n_depth)
    }

    /// Reads a prompt behind the context.
    fn read(&mut self, n_tokens: u32) -> Result<()> {
        self.decoder.copy(CONTEXT, SeqId(1), self.n_depth);
        read_tokens(&mut self.decoder, SeqId(1), self.n_depth, n_tokens)?;
        self.decoder.truncate(SeqId(1), 0);
        Ok(())
    }

    /// Writes `n_tokens` in each of `n_seq` sequences, a token of each at a time.
    fn write(&mut self, n_tokens: u32, n_seq: u32) -> Result<()> {
        let depth = self.n_depth;
        for seq in 1..=n_seq {
            self.decoder.copy(CONTEXT, SeqId(seq), depth);
        }
        let mut batch = Batch::new();
        for (pos, token) in (depth..).zip(random_tokens(n_tokens, self.decoder.n_vocab())) {
            batch.clear();
            (1..=n_seq).for_each(|seq| batch.push(SeqId(seq), pos, token, true));
            self.decoder.forward(&batch)?;
        }
        (1..=n_seq).for_each(|seq| self.decoder.truncate(SeqId(seq), 0));
        Ok(())
    }

    /// Runs `act` once to warm up, watching memory, and then times it, each time after `before`;
    /// nothing where there are no tokens.
    fn time(
        &mut self,
        n_tokens: u32,
        mut before: impl FnMut(),
        mut act: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<Speeds> {
        let mut runs = Vec::with_capacity(self.n_runs);
        if n_tokens > 0 {
            let mut memory = std::mem::take(&mut self.memory);
            memory.watch(|| act(self))?;
            self.memory = memory;
            for _ in 0..self.n_runs {
                before();
                let started = Instant::now();
                act(self)?;
                runs.push(per_second(n_tokens, started.elapsed()));
            }
        }
        Ok(Speeds { n_tokens, runs })
    }
}

fn per_second(n_tokens: u32, time: Duration) -> f64 {
    f64::from(n_tokens) / time.as_secs_f64()
}

/// Runs `n_tokens` of a sequence from position `pos` on.
fn read_tokens(
    decoder: &mut Decoder<CpuDevice>,
    seq: SeqId,
    pos: u32,
    n_tokens: u32,
) -> Result<()> {
    let tokens = random_tokens(n_tokens, decoder.n_vocab());
    for (pos, tokens) in (pos..).step_by(N_BATCH).zip(tokens.chunks(N_BATCH)) {
        decoder.forward(&Batch::prompt(seq, pos, tokens))?;
    }
    Ok(())
}

/// Tokens without a pattern, the same in every run.
fn random_tokens(n: u32, n_vocab: usize) -> Vec<TokenId> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n_vocab as u64) as TokenId
    };
    (0..n).map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_are_of_the_vocabulary_and_the_same_each_time() {
        let tokens = random_tokens(1000, 50);
        assert!(tokens.iter().all(|&t| t < 50));
        assert_eq!(tokens, random_tokens(1000, 50));
    }
}
