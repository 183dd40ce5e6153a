//! Questions and answers, each turn reading only what is new.
//!
//! ```text
//! cargo run --release -p camelid-engine --example chat [MODEL.gguf]
//! ```
//!
//! A line is a question; an empty one ends. The form of a conversation is a template's business
//! (`camelid-template`); this example writes plain text.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::io::{BufRead as _, Write as _};

mod shared;

fn main() -> anyhow::Result<()> {
    let mut session = shared::model_from_arguments()?.session();
    let mut options = camelid_engine::GenerateOptions::default();
    options.n_predict = Some(100);
    options.stop = vec!["\nQ:".to_owned()];
    for line in std::io::stdin().lock().lines() {
        let question = line?;
        if question.is_empty() {
            break;
        }
        session.append(format!("Q: {question}\nA:"))?;
        let mut answer = session.answer(options.clone())?;
        for piece in answer.by_ref() {
            print!("{}", piece?.text);
            std::io::stdout().flush()?;
        }
        if let Some(end) = answer.end() {
            let stats = end.stats;
            println!("\n({} of {} tokens read before)", stats.n_prompt_cached, stats.n_prompt);
        }
        session.append("\n")?;
    }
    Ok(())
}
