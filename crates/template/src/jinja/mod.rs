//! Hugging Face chat templates: Jinja text that turns messages into a prompt.
//!
//! A model's `tokenizer_config.json` (and the GGUF made from it, as `tokenizer.chat_template`)
//! carries its own prompt format as a Jinja template. Hugging Face renders it with Jinja2 in a
//! sandbox: `trim_blocks` and `lstrip_blocks` on, loop controls, Python's own value printing and
//! string methods, `tojson` without ASCII escapes or sorting, plus `raise_exception` and
//! `strftime_now`. This module gives `minijinja` those settings.
//!
//! Templates come with downloaded models, so a render is bounded: in the source's size, in
//! instructions, in the size of every value, and in all that it makes, looks through and prints.
//!
//! Layout: `inputs` builds what a template sees, `environment` the engine with its settings,
//! `prepare` what is done to the text first, `filters` the filters and functions that differ from
//! `minijinja`'s, `pyjson` Python's JSON text, `facts` what a text tells; `budget` the limits, which
//! `guard` holds at every instruction and `constants` before there are any, by a value's `weight`.

mod budget;
mod constants;
mod environment;
mod error;
mod facts;
mod filters;
mod guard;
mod inputs;
mod prepare;
mod pyjson;
mod template;
mod weight;

pub use error::JinjaError;
pub use facts::{jinja_capabilities, prefers_jinja};
pub use inputs::ChatInputs;
pub use template::{ChatTemplate, JsonContext};
