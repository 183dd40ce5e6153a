//! The embedder over a runner whose vector of a token is the tokens until there.

use std::{collections::HashMap, ops::Range};

use async_channel::Receiver;
use proptest::prelude::*;

use super::*;
use crate::{runner::Rows, scheduler::Places};

#[derive(Default)]
struct FakeRunner {
    sequences: HashMap<SeqId, Vec<TokenId>>,
    rows: Vec<f32>,
    /// The length of each batch.
    batches: Vec<usize>,
    /// Tokens that all sequences together may hold.
    n_room: usize,
    fails: bool,
}

/// Two sums over the tokens until and with this one.
fn vector(seen: &[TokenId]) -> [f32; 2] {
    let sum: u32 = seen.iter().sum();
    let weighted: u32 = (1..).zip(seen).map(|(i, t)| i * t).sum();
    [sum as f32, weighted as f32]
}

impl Runner for FakeRunner {
    fn n_vocab(&self) -> usize {
        2
    }

    fn forward(&mut self, _: &Batch) -> Result<Rows<'_>> {
        unreachable!("nobody wants logits")
    }

    fn embed(&mut self, batch: &Batch) -> Result<Rows<'_>> {
        self.check_room(batch)?;
        self.batches.push(batch.len());
        if self.fails {
            return Err(Error::EmptyPrompt);
        }
        self.rows.clear();
        for token in batch.tokens() {
            let seen = self.sequences.entry(token.seq).or_default();
            assert_eq!(seen.len(), token.pos as usize, "the batch continues its sequence");
            seen.push(token.token);
            if token.want_logits {
                self.rows.extend(vector(seen));
            }
        }
        Ok(Rows::new(&self.rows, 2))
    }

    fn check_room(&self, batch: &Batch) -> Result<()> {
        let n_held: usize = self.sequences.values().map(Vec::len).sum();
        if n_held + batch.len() <= self.n_room {
            return Ok(());
        }
        Err(Error::CacheFull { needed: batch.len(), free: 0, total: self.n_room })
    }

    fn n_cached(&self, seq: SeqId) -> u32 {
        self.sequences.get(&seq).map_or(0, |s| s.len() as u32)
    }

    fn copy(&mut self, _: SeqId, _: SeqId, _: u32) {
        unreachable!("inputs share nothing")
    }

    fn truncate(&mut self, seq: SeqId, len: u32) {
        assert_eq!(len, 0);
        self.sequences.remove(&seq);
    }

    fn shift(&mut self, _: SeqId, _: Range<u32>) -> Result<()> {
        unreachable!("inputs are not shifted")
    }
}

/// An embedder with these inputs, and where the answers arrive.
fn embedder(inputs: &[Vec<TokenId>], pooling: Pooling) -> (Embedder, Receiver<Pooled>) {
    let (sender, receiver) = async_channel::unbounded();
    let mut embedder = Embedder::default();
    for (index, tokens) in inputs.iter().enumerate() {
        let (tokens, sender) = (tokens.clone(), sender.clone());
        let input = EmbedInput { index, tokens, pooling, runs_head: false, sender };
        let place = Places::new(1).take().expect("a place is free");
        embedder.admit(SeqId(index as u32), input, Arc::new(place));
    }
    (embedder, receiver)
}

/// The answers in the order of the inputs.
fn answers(receiver: &Receiver<Pooled>) -> Vec<Result<Vec<f32>>> {
    let mut answers: Vec<Pooled> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// What an input's vector should be.
fn pooled(tokens: &[TokenId], pooling: Pooling) -> Vec<f32> {
    let all: Vec<[f32; 2]> = (1..=tokens.len()).map(|n| vector(&tokens[..n])).collect();
    let mean = |i: usize| all.iter().map(|row| row[i]).sum::<f32>() / all.len() as f32;
    match pooling {
        Pooling::None => all.concat(),
        Pooling::Mean => vec![mean(0), mean(1)],
        Pooling::Cls => all[0].to_vec(),
        _ => all[all.len() - 1].to_vec(),
    }
}

proptest! {
    #[test]
    fn every_input_is_answered_whatever_batches_it_was_in(
        inputs in prop::collection::vec(prop::collection::vec(0u32..50, 1..40), 1..20),
        n_batch in 1usize..64,
        n_room in 40usize..80,
        pooling in prop::sample::select(vec![
            Pooling::None, Pooling::Mean, Pooling::Cls, Pooling::Last,
        ]),
    ) {
        let (mut embedder, receiver) = embedder(&inputs, pooling);
        let mut runner = FakeRunner { n_room, ..FakeRunner::default() };
        let n_steps = inputs.iter().map(Vec::len).sum();
        for _ in 0..n_steps {
            embedder.step(&mut runner, n_batch, |_| false).unwrap();
        }
        prop_assert!(embedder.is_idle() && runner.sequences.is_empty());
        prop_assert!(runner.batches.iter().all(|&n| n <= n_batch));
        for (tokens, answer) in inputs.iter().zip(answers(&receiver)) {
            let want = pooled(tokens, pooling);
            for (got, want) in answer.unwrap().into_iter().zip(want) {
                prop_assert!((got - want).abs() <= 1e-5 * want, "{got} {want}");
            }
        }
    }
}

#[test]
fn short_inputs_fill_the_batch_before_a_long_one() {
    let inputs = [vec![1; 30], vec![2; 40], vec![3; 20], vec![4; 10]];
    let (mut embedder, receiver) = embedder(&inputs, Pooling::Last);
    let mut runner = FakeRunner { n_room: 1000, ..FakeRunner::default() };
    embedder.step(&mut runner, 60, |_| false).unwrap();
    assert_eq!(answers(&receiver).len(), 3);
    embedder.step(&mut runner, 60, |_| false).unwrap();
    assert_eq!((answers(&receiver).len(), runner.batches), (1, vec![60, 40]));
}

#[test]
fn an_input_without_room_waits_until_something_goes() {
    let (mut embedder, receiver) = embedder(&[vec![5; 10]], Pooling::Last);
    let mut runner = FakeRunner { n_room: 12, ..FakeRunner::default() };
    runner.sequences.insert(SeqId(9), vec![0; 8]);
    assert!(embedder.step(&mut runner, 60, |_| false).is_err());
    assert!(!embedder.is_idle() && answers(&receiver).is_empty());
    let make_room = |runner: &mut FakeRunner| runner.sequences.remove(&SeqId(9)).is_some();
    embedder.step(&mut runner, 60, make_room).unwrap();
    assert_eq!(answers(&receiver).len(), 1);
}

#[test]
fn a_failed_batch_fails_its_inputs_and_no_others() {
    let (mut embedder, receiver) = embedder(&[vec![1; 8], vec![2; 9]], Pooling::Mean);
    let mut runner = FakeRunner { n_room: 100, fails: true, ..FakeRunner::default() };
    embedder.step(&mut runner, 10, |_| false).unwrap();
    runner.fails = false;
    embedder.step(&mut runner, 10, |_| false).unwrap();
    let answers = answers(&receiver);
    assert!(matches!(answers[0], Err(Error::Batch(_))) && answers[1].is_ok());
    assert!(embedder.is_idle() && runner.sequences.is_empty());
}

#[test]
fn inputs_that_nobody_waits_for_are_dropped() {
    let (mut embedder, receiver) = embedder(&[vec![1; 30]], Pooling::Mean);
    let mut runner = FakeRunner { n_room: 100, ..FakeRunner::default() };
    embedder.step(&mut runner, 10, |_| false).unwrap();
    drop(receiver);
    embedder.step(&mut runner, 10, |_| false).unwrap();
    assert!(embedder.is_idle() && runner.sequences.is_empty());
    assert_eq!(runner.batches, [10]);
}
