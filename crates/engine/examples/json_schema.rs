//! An answer that is JSON of a certain form, whatever the model would rather say.
//!
//! ```text
//! cargo run --release -p camelid-engine --example json_schema [MODEL.gguf]
//! ```
#![expect(clippy::print_stdout, reason = "an example prints")]

use camelid_engine::{GenerateOptions, Grammar};
use serde_json::json;

mod shared;

fn main() -> anyhow::Result<()> {
    let model = shared::model_from_arguments()?;
    let mut options = GenerateOptions::default();
    options.n_predict = Some(200);
    options.grammar = Some(Grammar::JsonSchema(json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 20},
            "humps": {"type": "integer", "minimum": 0, "maximum": 2},
            "lives_in": {"enum": ["desert", "mountains", "steppe"]},
        },
        "required": ["name", "humps", "lives_in"],
        "additionalProperties": false,
    })));
    let text = model.generate("A camelid, described in JSON:\n", options)?.text()?;
    let value: serde_json::Value = serde_json::from_str(&text)?;
    println!("{value:#}");
    Ok(())
}
