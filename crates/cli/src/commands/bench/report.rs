//! What a measurement found, as text and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::human;

/// Speeds of one kind of work, in tokens per second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Speeds {
    /// Tokens of one run.
    pub(super) n_tokens: u32,
    pub(super) runs: Vec<f64>,
}

impl Speeds {
    fn median(&self) -> f64 {
        median(&self.runs)
    }

    /// Half the distance between the slowest and the fastest run.
    fn spread(&self) -> f64 {
        let (min, max) = self
            .runs
            .iter()
            .fold((f64::INFINITY, 0.0f64), |(min, max), &x| (min.min(x), max.max(x)));
        if self.runs.is_empty() { 0.0 } else { (max - min) / 2.0 }
    }

    fn line(&self, label: &str) -> String {
        let (n, median, spread) = (self.n_tokens, self.median(), self.spread());
        format!("{label:<12}{n:>6} tokens  {median:>9.2} tokens/s  ± {spread:.2}\n")
    }

    fn json(&self) -> Value {
        json!({
            "n_tokens": self.n_tokens,
            "tokens_per_second": self.median(),
            "spread": self.spread(),
            "runs": self.runs,
        })
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

/// Everything that was measured.
pub(super) struct Report {
    pub(super) load: Duration,
    pub(super) prompt: Speeds,
    /// Of all sequences together.
    pub(super) generation: Speeds,
    /// Bytes per second that the weights were read at before each run of generation.
    pub(super) reading: Vec<f64>,
    /// Bytes of weights that a step of one sequence reads.
    pub(super) step_bytes: f64,
    /// Tokens cached before either.
    pub(super) n_depth: u32,
    /// Sequences that generated at once.
    pub(super) n_parallel: u32,
    pub(super) n_threads: usize,
    pub(super) kernels: &'static str,
    pub(super) file_bytes: u64,
    pub(super) peak_bytes: Option<u64>,
}

impl Report {
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} threads, {} kernels, file {}, loaded in {}\n",
            self.n_threads,
            self.kernels,
            human::bytes(self.file_bytes),
            human::duration(self.load),
        );
        if self.n_depth > 0 {
            text += &format!("behind {} tokens\n", self.n_depth);
        }
        text += &self.prompt.line("prompt");
        text += &match self.n_parallel {
            1 => self.generation.line("generation"),
            n => self.generation.line(&format!("generation x{n}")),
        };
        text += &self.reading_line().unwrap_or_default();
        if let Some(n) = self.peak_bytes {
            text += &format!("peak memory beyond the file: {}\n", human::bytes(n));
        }
        text
    }

    fn reading_line(&self) -> Option<String> {
        let speed = median(&self.reading) / 1e9;
        let share = self.share_of_reading()? * 100.0;
        Some(format!(
            "reading weights alone  {speed:>9.2} GB/s, of which generation uses {share:.0} %\n"
        ))
    }

    /// How much of the speed of reading is used in generation. Of one sequence only: with more,
    /// which experts a step reads is open.
    fn share_of_reading(&self) -> Option<f64> {
        let reading = median(&self.reading);
        let known = self.n_parallel == 1 && reading > 0.0;
        known.then(|| self.generation.median() * self.step_bytes / reading)
    }

    pub(super) fn json(&self) -> String {
        let report = json!({
            "n_threads": self.n_threads,
            "kernels": self.kernels,
            "file_bytes": self.file_bytes,
            "load_seconds": self.load.as_secs_f64(),
            "n_depth": self.n_depth,
            "n_parallel": self.n_parallel,
            "prompt": self.prompt.json(),
            "generation": self.generation.json(),
            "read_bytes_per_second": median(&self.reading),
            "share_of_reading": self.share_of_reading(),
            "peak_private_bytes": self.peak_bytes,
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
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(speeds(&[4.0, 1.0]).median(), 2.5);
        assert_eq!(speeds(&[4.0, 1.0]).spread(), 1.5);
        assert_eq!((speeds(&[]).median(), speeds(&[]).spread()), (0.0, 0.0));
    }
}
