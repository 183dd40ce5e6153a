//! Which of some sentences is nearest to the first.
//!
//! ```sh
//! cargo run --release -p camelid-engine --example embed -- all-MiniLM-L6-v2.gguf
//! ```
//!
//! Without a path it asks the bundled model, which was not trained for this.
#![allow(clippy::print_stdout, reason = "an example prints")]

use camelid_engine::{EmbedOptions, Model, ModelOptions, gguf::GgufFile};

const SENTENCES: [&str; 4] = [
    "A duck swims on the lake.",
    "Some bird is in the water.",
    "The train to Paris leaves at noon.",
    "Two and two are four.",
];

fn main() -> Result<(), camelid_engine::Error> {
    let model = match std::env::args().nth(1) {
        Some(path) => Model::open(path)?,
        None => {
            let file = GgufFile::from_static(camelid_model_tiny::GGUF)?;
            Model::from_gguf(file, &ModelOptions::default())?
        }
    };
    let embeddings = model.embed(SENTENCES, EmbedOptions::default())?;
    let (first, others) = embeddings.split_first().expect("there is one for each sentence");
    for (sentence, other) in SENTENCES[1..].iter().zip(others) {
        // Vectors of length 1: the dot product is the cosine.
        let cosine: f32 = first.vector.iter().zip(&other.vector).map(|(a, b)| a * b).sum();
        println!("{cosine:6.3}  {sentence}");
    }
    Ok(())
}
