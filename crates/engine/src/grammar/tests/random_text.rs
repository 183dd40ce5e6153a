//! What a model that would say anything says under a grammar.

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

use crate::{
    grammar::{Grammar, GrammarCompiler},
    sampler::{Sampler, SamplerOptions},
    tokenizer::Tokenizer,
};

/// Draws tokens at random, of which those that close something are likelier, so that texts end.
pub(super) struct RandomModel {
    tokenizer: Tokenizer,
    compiler: GrammarCompiler,
    /// Which tokens close something, `[n_vocab]`.
    closes: Vec<bool>,
}

impl RandomModel {
    pub(super) fn new() -> Self {
        let tokenizer = super::tokenizer();
        let closes = |text: &str| text.contains(['"', '}', ']', ',']);
        let closes = tokenizer.vocab().iter().map(|(_, text, _)| closes(text)).collect();
        Self { tokenizer, compiler: GrammarCompiler::default(), closes }
    }

    /// A text, with the tokens that are forced taken as they are for every other seed; `None` if it
    /// does not end within `n_max` tokens.
    pub(super) fn text(&self, grammar: &Grammar, seed: u64, n_max: usize) -> Option<String> {
        let mut constraint = self.compiler.compile(grammar, &self.tokenizer).unwrap();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let options = SamplerOptions { temperature: 1.0, seed, ..Default::default() };
        let mut sampler = Sampler::new(options).unwrap();
        let mut tokens = Vec::new();
        while tokens.len() < n_max {
            let forced = if seed.is_multiple_of(2) { constraint.forced() } else { Vec::new() };
            for token in forced {
                constraint.accept(token).unwrap();
                tokens.push(token);
            }
            let mut logits = self.logits(&mut random);
            constraint.mask(&mut logits).unwrap();
            let token = sampler.sample(&logits, &[]).expect("some token is always allowed");
            if self.tokenizer.vocab().is_end_of_generation(token) {
                return Some(self.tokenizer.decode(&tokens));
            }
            constraint.accept(token).unwrap();
            tokens.push(token);
        }
        None
    }

    fn logits(&self, random: &mut Xoshiro256PlusPlus) -> Vec<f32> {
        let mut below_4 = || (random.next_u64() >> 40) as f32 / (1 << 22) as f32;
        self.closes.iter().map(|&closes| below_4() + if closes { 5.0 } else { 0.0 }).collect()
    }
}
