//! How far logits are from those of an F32 run on the dequantised weights.
//!
//! The measure is the Kullback-Leibler divergence of the next token's distribution, in nats, over
//! the tokens of a text: what arithmetic on quantised weights and rounded activations costs, the
//! quantisation itself left out. The reference is our F32 run with F32 keys and values; llama.cpp's
//! own F32 run beside it shows how far two exact runs are apart.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};
use camelid_engine::{Batch, SeqId, Special, TokenId, Tokenizer, gguf::GgufFile};

use crate::{
    llama::Llama,
    reference,
    side::{Ours, Setup, Side, random_tokens},
};

/// The sequence that is run.
const SEQ: SeqId = SeqId(0);
/// Tokens that are run at once: the logits of more would take much memory.
const N_AT_ONCE: usize = 64;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model
    file: PathBuf,
    /// The text; random tokens without one
    #[arg(long)]
    text: Option<PathBuf>,
    /// Tokens of it
    #[arg(short, long, default_value_t = 2000)]
    n_tokens: usize,
    /// Tokens of context, after which it begins anew
    #[arg(short, long, default_value_t = 500)]
    context: usize,
    #[arg(short, long, default_value_t = 2)]
    threads: usize,
    /// Where the F32 weights are written; removed at the end
    #[arg(long, default_value = "reference-f32.gguf")]
    scratch: PathBuf,
}

/// Sums over tokens.
#[derive(Debug, Default)]
struct Divergence {
    sum: f64,
    largest: f64,
    n_tokens: usize,
    n_same_best: usize,
}

impl Divergence {
    /// Adds a token. Shapes: both are `[n_vocab]`.
    fn add(&mut self, reference: &[f32], logits: &[f32]) {
        let (p, q) = (log_softmax(reference), log_softmax(logits));
        let divergence: f64 = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
        self.sum += divergence;
        self.largest = self.largest.max(divergence);
        self.n_tokens += 1;
        self.n_same_best += usize::from(best(reference) == best(logits));
    }

    fn line(&self, label: &str) -> String {
        let n = self.n_tokens as f64;
        let (mean, same) = (self.sum / n, 100.0 * self.n_same_best as f64 / n);
        format!("{label:<16}{mean:>12.3e}{:>12.3e}{same:>9.2} %", self.largest)
    }
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let log_sum = logits.iter().map(|x| f64::from(x - max).exp()).sum::<f64>().ln();
    logits.iter().map(|x| f64::from(x - max) - log_sum).collect()
}

fn best(logits: &[f32]) -> Option<usize> {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    reference::write_f32(&args.file, &args.scratch)?;
    let measured = measure(args);
    fs::remove_file(&args.scratch)?;
    measured
}

fn measure(args: &Args) -> Result<()> {
    let setup = Setup {
        n_threads: args.threads,
        n_ctx: args.context.next_multiple_of(256),
        n_seq: 1,
        exact_cache: false,
    };
    let exact = Setup { exact_cache: true, ..setup };
    let mut reference = Ours::load(&args.scratch, exact)?;
    let mut others: [(&str, Box<dyn Side>); 3] = [
        ("ours", Box::new(Ours::load(&args.file, setup)?)),
        ("llama.cpp", Box::new(Llama::load(&args.file, setup)?)),
        ("llama.cpp, F32", Box::new(Llama::load(&args.scratch, exact)?)),
    ];
    let tokens = tokens(args, reference.n_vocab())?;
    let mut sums: [Divergence; 3] = Default::default();
    for tokens in tokens.chunks(args.context) {
        reference.truncate(SEQ, 0);
        others.iter_mut().for_each(|(_, side)| side.truncate(SEQ, 0));
        for (pos, tokens) in (0..).step_by(N_AT_ONCE).zip(tokens.chunks(N_AT_ONCE)) {
            let batch = Batch::prompt(SEQ, pos, tokens).with_all_logits();
            let n_vocab = reference.n_vocab();
            let wanted = reference.forward(&batch)?;
            for ((_, side), sums) in others.iter_mut().zip(&mut sums) {
                let found = side.forward(&batch)?;
                let rows = wanted.chunks_exact(n_vocab).zip(found.chunks_exact(n_vocab));
                rows.for_each(|(wanted, found)| sums.add(wanted, found));
            }
        }
    }
    println!("{}, {} tokens", args.file.display(), tokens.len());
    println!("{:<16}{:>12}{:>12}{:>11}", "nats", "mean", "largest", "same best");
    for ((label, _), sums) in others.iter().zip(&sums) {
        println!("{}", sums.line(label));
    }
    Ok(())
}

/// The text's first tokens.
fn tokens(args: &Args, n_vocab: usize) -> Result<Vec<TokenId>> {
    let Some(path) = &args.text else {
        return Ok(random_tokens(args.n_tokens, n_vocab));
    };
    let file = GgufFile::open(&args.file)?;
    let tokenizer = Tokenizer::from_metadata(file.metadata())?;
    let mut tokens = tokenizer.encode(&fs::read_to_string(path)?, Special::AsText)?;
    ensure!(tokens.len() >= args.n_tokens, "the text has only {} tokens", tokens.len());
    tokens.truncate(args.n_tokens);
    Ok(tokens)
}
