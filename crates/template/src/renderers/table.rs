//! The renderers by name, and what they are given.

use camelid_api_types::ollama::{Message, Think, Tool};
use jiff::civil::Date;

use crate::prompt::media::tag_images_for_renderers;

use super::{cohere, deepseek, gemma, glimmer, glm, laguna, lfm2, nemotron, olmo, qwen};

/// A conversation to render.
#[derive(Debug, Clone, Copy)]
pub struct RenderInputs<'a> {
    /// The conversation, oldest turn first.
    pub messages: &'a [Message],
    /// The tools on offer.
    pub tools: &'a [Tool],
    /// Whether to think; absent is the family's own default.
    pub think: Option<Think>,
    /// The day, for families whose prompt names it.
    pub today: Date,
}

impl RenderInputs<'_> {
    /// Whether to think, with the family's default.
    pub(super) fn thinks(&self, default: bool) -> bool {
        self.think.map_or(default, Think::is_on)
    }

    /// Where the last user's message stands.
    pub(super) fn last_user(&self) -> Option<usize> {
        self.messages.iter().rposition(|m| m.role == "user")
    }

    /// The first system text, when the conversation begins with one, and the rest.
    pub(super) fn leading_system(&self) -> (Option<&str>, &[Message]) {
        match self.messages.split_first() {
            Some((first, rest)) if first.role == "system" => (Some(&first.content), rest),
            _ => (None, self.messages),
        }
    }
}

/// Why a conversation cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The family's format has no place for something in the conversation.
    #[error("renderer `{renderer}`: {problem}")]
    Unsupported {
        /// The renderer's name.
        renderer: &'static str,
        /// What has no place.
        problem: &'static str,
    },
}

/// A family's prompt format.
#[derive(Clone, Copy)]
pub struct Renderer(&'static Row);

struct Row {
    name: &'static str,
    /// The text of the token that the prompt begins with, empty when the tokenizer adds it.
    bos: &'static str,
    render: fn(&RenderInputs<'_>) -> Result<String, RenderError>,
}

impl Renderer {
    /// The renderer of that name, as in a model's configuration.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).map(Self)
    }

    /// Every name that [`Renderer::by_name`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ROWS.iter().map(|row| row.name)
    }

    /// Gemma 4's renderer by the model's size, which its name or its parameter count tells.
    #[must_use]
    pub fn gemma4_for(model_name: &str, n_params: Option<u64>) -> Self {
        let name = model_name.to_lowercase();
        let named = |sizes: &[&str]| sizes.iter().any(|size| name.contains(size));
        let is_large = if named(&["e2b", "e4b"]) {
            false
        } else {
            named(&["12b", "26b", "31b"]) || n_params.is_some_and(|n| n >= 12_000_000_000)
        };
        let wanted = if is_large { "gemma4-large" } else { "gemma4-small" };
        Self(ROWS.iter().find(|row| row.name == wanted).expect("because the table has both"))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The text of the token that its prompts begin with; empty when they begin with none, so that
    /// the tokenizer may add one.
    #[must_use]
    pub fn bos(self) -> &'static str {
        self.0.bos
    }

    /// The prompt for a conversation.
    ///
    /// # Errors
    /// When the format has no place for something in it.
    pub fn render(self, inputs: &RenderInputs<'_>) -> Result<String, RenderError> {
        let messages = tag_images_for_renderers(inputs.messages);
        (self.0.render)(&RenderInputs { messages: &messages, ..*inputs })
    }
}

/// What a model gets when its configuration names nothing and its architecture is enough to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// The renderer's name.
    pub renderer: &'static str,
    /// The output format's name.
    pub parser: &'static str,
    /// Where generation stops, besides the model's own end tokens.
    pub stop: &'static [&'static str],
}

impl BuiltIn {
    /// The formats of a GGUF architecture.
    #[must_use]
    pub fn for_architecture(architecture: &str) -> Option<Self> {
        let (name, stop): (_, &[&str]) = match architecture {
            "gemma4" => ("gemma4", &["<turn|>"]),
            "laguna" => ("laguna", &[]),
            "nemotron_h" | "nemotron_h_moe" | "nemotron_h_omni" => ("nemotron-3-nano", &[]),
            _ => return None,
        };
        Some(Self { renderer: name, parser: name, stop })
    }
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Renderer").field(&self.0.name).finish()
    }
}

const DEEPSEEK_BOS: &str = "<｜begin▁of▁sentence｜>";

static ROWS: &[Row] = &[
    Row { name: "qwen3-coder", bos: "", render: qwen::coder },
    Row { name: "qwen3-vl-instruct", bos: "", render: qwen::vl_instruct },
    Row { name: "qwen3-vl-thinking", bos: "", render: qwen::vl_thinking },
    Row { name: "qwen3.5", bos: "", render: qwen::qwen35 },
    Row { name: "ornith", bos: "", render: qwen::ornith },
    Row { name: "qwen3.8", bos: "", render: qwen::qwen38 },
    Row { name: "cogito", bos: DEEPSEEK_BOS, render: deepseek::cogito },
    Row { name: "deepseek3.1", bos: DEEPSEEK_BOS, render: deepseek::deepseek31 },
    Row { name: "functiongemma", bos: "<bos>", render: gemma::function_gemma },
    Row { name: "gemma4", bos: "<bos>", render: gemma::gemma4_small },
    Row { name: "gemma4-small", bos: "<bos>", render: gemma::gemma4_small },
    Row { name: "gemma4-large", bos: "<bos>", render: gemma::gemma4_large },
    Row { name: "glm-4.7", bos: "", render: glm::glm47 },
    Row { name: "glm-ocr", bos: "", render: glm::ocr },
    Row { name: "laguna", bos: "〈|EOS|〉", render: laguna::laguna },
    Row { name: "poolside-v1", bos: "〈|EOS|〉", render: laguna::poolside },
    Row { name: "lfm2", bos: "<|startoftext|>", render: lfm2::lfm2 },
    Row { name: "lfm2-thinking", bos: "<|startoftext|>", render: lfm2::thinking },
    Row { name: "nemotron-3-nano", bos: "", render: nemotron::nano3 },
    Row { name: "nemotron-3.5-nano", bos: "", render: nemotron::nano35 },
    Row { name: "olmo3", bos: "", render: olmo::olmo3 },
    Row { name: "olmo3.1", bos: "", render: olmo::olmo31 },
    Row { name: "olmo3-think", bos: "", render: olmo::think },
    Row { name: "olmo3-32b-think", bos: "", render: olmo::think_32b },
    Row { name: "cohere", bos: "", render: cohere::cohere },
    Row { name: "glimmer", bos: "<|begin_of_text|>", render: glimmer::glimmer },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputFormat;

    #[test]
    fn built_ins_name_what_exists() {
        for architecture in ["gemma4", "laguna", "nemotron_h", "nemotron_h_moe"] {
            let built_in = BuiltIn::for_architecture(architecture).unwrap();
            assert!(Renderer::by_name(built_in.renderer).is_some());
            assert!(OutputFormat::by_name(built_in.parser).is_some());
        }
        assert_eq!(BuiltIn::for_architecture("llama"), None);
    }

    #[test]
    fn gemma_s_size_is_read_off_its_name_or_count() {
        for (name, n_params, wanted) in [
            ("gemma4:e4b-it", Some(31_000_000_000), "gemma4-small"),
            ("Gemma4:31B", None, "gemma4-large"),
            ("mine", Some(12_000_000_000), "gemma4-large"),
            ("mine", None, "gemma4-small"),
        ] {
            assert_eq!(Renderer::gemma4_for(name, n_params).name(), wanted, "{name}");
        }
    }

    #[test]
    fn qwen_3_8_refuses_what_it_cannot_say() {
        let renderer = Renderer::by_name("qwen3.8").unwrap();
        let messages = [Message::system("only")];
        let today = jiff::civil::date(2026, 1, 15);
        let inputs = RenderInputs { messages: &messages, tools: &[], think: None, today };
        let error = renderer.render(&inputs).unwrap_err();
        assert_eq!(error.to_string(), "renderer `qwen3.8`: there is no user query");
    }
}
