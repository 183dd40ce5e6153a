//! Continues a text, as it comes.
//!
//! ```text
//! cargo run --release -p camelid-engine --example generate [MODEL.gguf [TEXT]]
//! ```
//!
//! Without a model it takes the bundled one.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::io::Write as _;

mod shared;

fn main() -> anyhow::Result<()> {
    let model = shared::model_from_arguments()?;
    let text = std::env::args().nth(2).unwrap_or_else(|| "Once upon a time".to_owned());
    print!("{text}");
    let mut options = camelid_engine::GenerateOptions::default();
    options.n_predict = Some(100);
    options.sampler.temperature = 0.8;
    options.sampler.top_p = 0.9;
    for piece in model.generate(text, options)? {
        let piece = piece?;
        print!("{}", piece.text);
        std::io::stdout().flush()?;
        if let Some(end) = piece.end {
            let stats = end.stats;
            let speed = stats.n_generated as f64 / stats.generate_duration.as_secs_f64();
            println!("\n\n{} tokens, {speed:.1} per second", stats.n_generated);
        }
    }
    Ok(())
}
