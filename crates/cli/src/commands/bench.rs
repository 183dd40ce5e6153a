//! `camelid bench FILE.gguf`: how fast a model reads and writes on this machine.
//!
//! Reading runs a prompt of random tokens as one batch; writing runs one token at a time behind an
//! empty context. Each is repeated, after one run that nobody counts, and shown with its spread.

use std::{
    io::Write,
    num::NonZeroUsize,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use camelid_engine::{
    Batch, CacheOptions, CpuDevice, Decoder, Runner, SeqId, TokenId,
    gguf::GgufFile,
    kernels::{Cpu, Kernels, KvType, ThreadTeam},
};
use serde_json::json;

use crate::{args::BenchArgs, human};

/// The sequence that is measured.
const SEQ: SeqId = SeqId(0);

/// Speeds of one kind of work, in tokens per second.
#[derive(Debug, Clone, PartialEq)]
struct Speeds {
    n_tokens: usize,
    runs: Vec<f64>,
}

impl Speeds {
    fn median(&self) -> f64 {
        let mut sorted = self.runs.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => 0.0,
            n if n.is_multiple_of(2) => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        }
    }

    /// Half the distance between the slowest and the fastest run.
    fn spread(&self) -> f64 {
        let (min, max) = self
            .runs
            .iter()
            .fold((f64::INFINITY, 0.0f64), |(min, max), &x| (min.min(x), max.max(x)));
        if self.runs.is_empty() { 0.0 } else { (max - min) / 2.0 }
    }
}

/// Everything that was measured.
struct Report {
    load: Duration,
    prompt: Speeds,
    generation: Speeds,
    n_threads: usize,
    kernels: &'static str,
    file_bytes: u64,
    peak_bytes: Option<u64>,
}

/// Measures a file and prints what it found.
pub(crate) fn bench(args: &BenchArgs) -> Result<()> {
    let report = measure(args).with_context(|| args.file.display().to_string())?;
    let text = if args.json { report.json() } else { report.text() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn measure(args: &BenchArgs) -> Result<Report> {
    let (mut decoder, load, n_threads, file_bytes) = load(&args.file, args)?;
    let prompt = timed(args.repetitions, args.n_prompt, |n| {
        decoder.truncate(SEQ, 0);
        let tokens = random_tokens(n, decoder.n_vocab());
        decoder.forward(&Batch::prompt(SEQ, 0, &tokens)).map(drop)
    })?;
    let generation = timed(args.repetitions, args.n_generate, |n| {
        decoder.truncate(SEQ, 0);
        let tokens = random_tokens(n, decoder.n_vocab());
        (0..).zip(tokens).try_for_each(|(pos, token)| {
            decoder.forward(&Batch::prompt(SEQ, pos, &[token])).map(drop)
        })
    })?;
    Ok(Report {
        load,
        prompt,
        generation,
        n_threads,
        kernels: Kernels::detect().name(),
        file_bytes,
        peak_bytes: peak_private_bytes(),
    })
}

type Loaded = (Decoder<CpuDevice>, Duration, usize, u64);

fn load(path: &Path, args: &BenchArgs) -> Result<Loaded> {
    let started = Instant::now();
    let file = Arc::new(GgufFile::open(path)?);
    let team = match args.threads.and_then(NonZeroUsize::new) {
        Some(n) => ThreadTeam::new(n.get()),
        None => ThreadTeam::with_available(),
    };
    let n_threads = team.n_threads();
    let device = CpuDevice::new(Cpu::new(Kernels::detect(), team));
    let n_tokens = args.n_prompt.max(args.n_generate).max(1);
    let decoder = Decoder::new(&file, device, CacheOptions { n_tokens, ty: KvType::F16 })?;
    Ok((decoder, started.elapsed(), n_threads, file.n_bytes()))
}

/// Runs `act` once to warm up and then `n_runs` times; nothing where there are no tokens.
fn timed(
    n_runs: usize,
    n_tokens: usize,
    mut act: impl FnMut(usize) -> camelid_engine::Result<()>,
) -> Result<Speeds> {
    let mut runs = Vec::with_capacity(n_runs);
    if n_tokens > 0 {
        act(n_tokens)?;
        for _ in 0..n_runs {
            let started = Instant::now();
            act(n_tokens)?;
            runs.push(n_tokens as f64 / started.elapsed().as_secs_f64());
        }
    }
    Ok(Speeds { n_tokens, runs })
}

/// Tokens without a pattern, the same in every run.
fn random_tokens(n: usize, n_vocab: usize) -> Vec<TokenId> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n_vocab as u64) as TokenId
    };
    (0..n).map(next).collect()
}

/// The most memory of its own that this process has had, where the system tells: pages of the file
/// do not count.
fn peak_private_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = |key: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    // The system keeps no peak of private memory alone; the present amount is the nearest.
    Some(kib("RssAnon:")? * 1024)
}

impl Report {
    fn text(&self) -> String {
        let line = |label: &str, speeds: &Speeds| {
            let (n, median, spread) = (speeds.n_tokens, speeds.median(), speeds.spread());
            format!("{label:<12}{n:>6} tokens  {median:>9.2} tokens/s  ± {spread:.2}\n")
        };
        let mut text = format!(
            "{} threads, {} kernels, file {}, loaded in {}\n",
            self.n_threads,
            self.kernels,
            human::bytes(self.file_bytes),
            human::duration(self.load),
        );
        text += &line("prompt", &self.prompt);
        text += &line("generation", &self.generation);
        if let Some(n) = self.peak_bytes {
            text += &format!("memory beyond the file: {}\n", human::bytes(n));
        }
        text
    }

    fn json(&self) -> String {
        let speeds = |s: &Speeds| json!({"n_tokens": s.n_tokens, "tokens_per_second": s.median(), "runs": s.runs});
        let report = json!({
            "n_threads": self.n_threads,
            "kernels": self.kernels,
            "file_bytes": self.file_bytes,
            "load_seconds": self.load.as_secs_f64(),
            "prompt": speeds(&self.prompt),
            "generation": speeds(&self.generation),
            "private_bytes": self.peak_bytes,
        });
        format!("{report}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_spread_around_it() {
        let speeds = |runs: &[f64]| Speeds { n_tokens: 1, runs: runs.to_vec() };
        assert_eq!(speeds(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(speeds(&[4.0, 1.0]).median(), 2.5);
        assert_eq!(speeds(&[4.0, 1.0]).spread(), 1.5);
        assert_eq!((speeds(&[]).median(), speeds(&[]).spread()), (0.0, 0.0));
    }

    #[test]
    fn random_tokens_are_of_the_vocabulary_and_the_same_each_time() {
        let tokens = random_tokens(1000, 50);
        assert!(tokens.iter().all(|&t| t < 50));
        assert_eq!(tokens, random_tokens(1000, 50));
    }
}
