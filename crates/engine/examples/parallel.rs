//! Many requests at once: they share batches, and what they begin with is read once.
//!
//! ```text
//! cargo run --release -p camelid-engine --example parallel [MODEL.gguf]
//! ```
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

use camelid_engine::{GenerateOptions, Generation};

mod shared;

fn main() -> anyhow::Result<()> {
    let model = shared::model_from_arguments()?;
    let started = Instant::now();
    let begin = |animal: &str| {
        let mut options = GenerateOptions::default();
        options.n_predict = Some(40);
        model.generate(format!("Camelids are animals of dry lands. The {animal}"), options)
    };
    let animals = ["llama", "alpaca", "guanaco", "vicuna", "dromedary", "camel"];
    let answers: Vec<Generation> = animals.into_iter().map(begin).collect::<Result<_, _>>()?;
    let mut n_generated = 0;
    for (animal, answer) in animals.iter().zip(answers) {
        let mut text = String::new();
        for piece in answer {
            let piece = piece?;
            text.push_str(&piece.text);
            n_generated += piece.tokens.len();
        }
        println!("{animal}:{}", text.replace('\n', " "));
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{n_generated} tokens in {seconds:.2} s");
    Ok(())
}
