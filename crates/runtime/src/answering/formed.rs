//! An answer that must have a form, after a thought that need not.
//!
//! A grammar that holds from the first token leaves no room for thinking. So a model that thinks
//! begins without one; at the first word of its answer it is stopped, and begins again behind what
//! it thought, this time held to the form. What was computed for prompt and thought is still there.

use std::sync::Arc;

use camelid_engine::{GenerateOptions, Generation, Result};
use camelid_template::Event;
use tokio::task::JoinHandle;

use crate::scheduling::Loaded;

/// What the second beginning needs.
pub(super) struct Formed {
    model: Arc<Loaded>,
    /// Those that hold to the form.
    options: GenerateOptions,
    /// The prompt with its marks, and all that the model wrote so far.
    written: String,
}

impl Formed {
    pub(super) fn new(model: Arc<Loaded>, mut options: GenerateOptions, marked: String) -> Self {
        // The first beginning has told them.
        options.prompt_logprobs = None;
        Self { model, options, written: marked }
    }

    /// Notes what the model wrote.
    pub(super) fn note(&mut self, text: &str) {
        self.written.push_str(text);
    }

    /// Where the answer begins among the events of the latest piece, and with what.
    pub(super) fn first_word(events: &[Event]) -> Option<(usize, String)> {
        events.iter().enumerate().find_map(|(at, event)| match event {
            Event::Content(text) if !text.trim().is_empty() => Some((at, text.clone())),
            _ => None,
        })
    }

    /// Begins again in front of `content`, with which the model began its answer.
    pub(super) fn begin(mut self, content: &str) -> JoinHandle<Result<Generation>> {
        if let Some(at) = self.written.rfind(content) {
            self.written.truncate(at);
        }
        // Off tokio's threads: making tokens of a long text takes its time.
        tokio::task::spawn_blocking(move || {
            let Self { model, options, written } = self;
            let tokens = model.control_texts.encode_prompt(model.engine.tokenizer(), &written)?;
            model.engine.generate(tokens, options)
        })
    }
}
