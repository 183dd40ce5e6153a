//! Speeds of both, measured in turns.

use std::{
    io::{BufRead, Write},
    path::PathBuf,
    time::Instant,
};

use anyhow::Result;
use camelid_engine::{Batch, SeqId};
use clap::ValueEnum;

use crate::{
    llama::{self, Llama},
    side::{N_BATCH, Ours, Setup, Side, random_tokens},
};

/// The sequence that is measured alone.
const FIRST: SeqId = SeqId(0);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model
    file: PathBuf,
    /// What to measure; everything by default
    #[arg(short, long, value_delimiter = ',')]
    work: Vec<Work>,
    #[arg(short, long, default_value_t = 2)]
    threads: usize,
    /// How often each side runs, after once that does not count
    #[arg(short, long, default_value_t = 3)]
    repetitions: usize,
    /// Tokens to generate
    #[arg(short, long, default_value_t = 128)]
    n_generate: u32,
    /// Wait for a line on the input when all is loaded and filled, before anything is timed
    #[arg(long)]
    pause: bool,
}

/// A kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    /// A prompt of 512 tokens
    Prompt,
    /// One sequence
    Generate,
    /// Eight sequences at once
    Batch,
    /// A prompt of 512 tokens after 7680 others
    Deep,
    /// From nothing to the first token, file in the page cache
    Load,
}

impl Work {
    const ALL: [Self; 5] = [Self::Prompt, Self::Generate, Self::Batch, Self::Deep, Self::Load];

    fn label(self) -> &'static str {
        match self {
            Self::Prompt => "prompt of 512",
            Self::Generate => "generation",
            Self::Batch => "generation x8",
            Self::Deep => "512 after 7680",
            Self::Load => "load, 1 token",
        }
    }

    fn depth(self) -> u32 {
        if self == Self::Deep { 7680 } else { 0 }
    }

    fn n_seq(self) -> u32 {
        if self == Self::Batch { 8 } else { 1 }
    }

    fn setup(self, args: &Args) -> Setup {
        let n_ctx = self.depth() as usize + N_BATCH.max(args.n_generate as usize);
        let n_seq = self.n_seq() as usize;
        Setup { n_threads: args.threads, n_ctx, n_seq, exact_cache: false }
    }

    /// Tokens of one run.
    fn n_tokens(self, args: &Args) -> u32 {
        match self {
            Self::Prompt | Self::Deep => N_BATCH as u32,
            Self::Generate | Self::Batch => self.n_seq() * args.n_generate,
            Self::Load => 1,
        }
    }

    /// Does it once; the sequences have [`depth`](Self::depth) tokens before and may have more after.
    fn run(self, side: &mut dyn Side, args: &Args) -> Result<()> {
        (0..self.n_seq()).for_each(|seq| side.truncate(SeqId(seq), self.depth()));
        match self {
            Self::Prompt | Self::Deep => read(side, self.depth(), N_BATCH),
            Self::Generate | Self::Batch => write(side, args.n_generate, self.n_seq()),
            Self::Load => read(side, 0, 1),
        }
    }
}

/// Runs a prompt from position `pos` on.
fn read(side: &mut dyn Side, pos: u32, n_tokens: usize) -> Result<()> {
    let tokens = random_tokens(n_tokens, side.n_vocab());
    for (pos, tokens) in (pos..).step_by(N_BATCH).zip(tokens.chunks(N_BATCH)) {
        side.forward(&Batch::prompt(FIRST, pos, tokens))?;
    }
    Ok(())
}

/// Runs `n_tokens` of each sequence, one of each at a time.
fn write(side: &mut dyn Side, n_tokens: u32, n_seq: u32) -> Result<()> {
    let mut batch = Batch::new();
    for (pos, token) in (0..).zip(random_tokens(n_tokens as usize, side.n_vocab())) {
        batch.clear();
        (0..n_seq).for_each(|seq| batch.push(SeqId(seq), pos, token, true));
        side.forward(&batch)?;
    }
    Ok(())
}

/// Measures and prints a row for each kind of work.
pub(crate) fn run(args: &Args) -> Result<()> {
    println!("llama.cpp: {}", llama::system_info().trim());
    println!("{}, {} threads", args.file.display(), args.threads);
    println!("{:<16}{:>10}{:>10}{:>8}   runs", "tokens/s", "ours", "theirs", "ratio");
    let work = if args.work.is_empty() { &Work::ALL[..] } else { &args.work };
    for &work in work {
        let times = match work {
            Work::Load => time_loading(args)?,
            _ => time(work, args)?,
        };
        let speeds = times.map(|times| {
            times.into_iter().map(|time| f64::from(work.n_tokens(args)) / time).collect()
        });
        print_row(work, speeds);
    }
    Ok(())
}

/// Seconds of each run, ours and theirs, in turns on two models that stay loaded.
fn time(work: Work, args: &Args) -> Result<[Vec<f64>; 2]> {
    let setup = work.setup(args);
    let mut sides: [Box<dyn Side>; 2] =
        [Box::new(Ours::load(&args.file, setup)?), Box::new(Llama::load(&args.file, setup)?)];
    for side in &mut sides {
        read(side.as_mut(), 0, work.depth() as usize)?;
        work.run(side.as_mut(), args)?;
    }
    pause(args)?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..args.repetitions {
        for (side, times) in sides.iter_mut().zip(&mut times) {
            let started = Instant::now();
            work.run(side.as_mut(), args)?;
            times.push(started.elapsed().as_secs_f64());
        }
    }
    Ok(times)
}

/// Seconds from the file's path to the first logits, ours and theirs, in turns.
fn time_loading(args: &Args) -> Result<[Vec<f64>; 2]> {
    let setup = Work::Load.setup(args);
    let mut times = [Vec::new(), Vec::new()];
    pause(args)?;
    for i in 0..=args.repetitions {
        for (ours, times) in [true, false].into_iter().zip(&mut times) {
            let started = Instant::now();
            let mut side: Box<dyn Side> = match ours {
                true => Box::new(Ours::load(&args.file, setup)?),
                false => Box::new(Llama::load(&args.file, setup)?),
            };
            Work::Load.run(side.as_mut(), args)?;
            // The first brings the file into the page cache.
            if i > 0 {
                times.push(started.elapsed().as_secs_f64());
            }
        }
    }
    Ok(times)
}

fn pause(args: &Args) -> Result<()> {
    if args.pause {
        println!("ready");
        std::io::stdout().flush()?;
        std::io::stdin().lock().read_line(&mut String::new())?;
    }
    Ok(())
}

fn print_row(work: Work, speeds: [Vec<f64>; 2]) {
    let [ours, theirs] = speeds.each_ref().map(|speeds| median(speeds));
    let list = |speeds: &[f64]| {
        speeds.iter().map(|speed| format!("{speed:.2}")).collect::<Vec<String>>().join(" ")
    };
    let ratio = ours / theirs;
    let [ours_list, theirs_list] = speeds.each_ref().map(|speeds| list(speeds));
    let label = work.label();
    println!("{label:<16}{ours:>10.2}{theirs:>10.2}{ratio:>8.2}   {ours_list} / {theirs_list}");
}

fn median(x: &[f64]) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n.is_multiple_of(2) => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
        n => sorted[n / 2],
    }
}
