//! The shipped templates by name, and recognition of Jinja texts.

use sha2::{Digest, Sha256};

use super::fingerprint_table::FINGERPRINTS;

/// A format that many models share: a Go template and its stop strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShippedTemplate {
    /// The name of the format.
    pub name: &'static str,
    /// The Go template.
    pub text: &'static str,
    /// Where generation stops.
    pub stop: &'static [&'static str],
}

impl ShippedTemplate {
    /// The template of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|shipped| shipped.name == name)
    }

    /// All of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        SHIPPED
    }

    /// The template for a model whose Jinja template is `source`, when it is a known one.
    ///
    /// Texts that differ from a known one in white space, trim marks or quotes alone are known too.
    /// Others are not guessed at: a model's own Jinja template is the better prompt for them.
    #[must_use]
    pub fn recognize(source: &str) -> Option<&'static Self> {
        let exact = fingerprint(source);
        let loose = fingerprint(&canonical(source));
        let found = FINGERPRINTS
            .iter()
            .find(|row| row.1 == exact)
            .or_else(|| FINGERPRINTS.iter().find(|row| row.2 == loose))?;
        Self::by_name(found.0)
    }
}

/// A Jinja text without white space and dashes, and with one kind of quotes.
#[must_use]
pub fn canonical(source: &str) -> String {
    let kept = source.chars().filter(|&c| !c.is_whitespace() && c != '-');
    kept.map(|c| if c == '\'' { '"' } else { c }).collect()
}

/// The first eight bytes of the text's SHA-256, as a big-endian number.
fn fingerprint(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

macro_rules! shipped {
    ($($name:literal: [$($stop:literal),* $(,)?],)*) => {
        &[$(ShippedTemplate {
            name: $name,
            text: include_str!(concat!($name, ".gotmpl")),
            stop: &[$($stop),*],
        },)*]
    };
}

static SHIPPED: &[ShippedTemplate] = shipped! {
    "alfred": ["<start_system>", "<end_message>", "<start_user>", "<start_assistant>"],
    "alpaca": ["### Instruction:", "### Response"],
    "chatml": ["<|im_start|>", "<|im_end|>"],
    "chatqa": ["System:", "User:", "Assistant:", "<|begin_of_text|>"],
    "codellama-70b-instruct": ["Source:", "Destination:", "<step>"],
    "command-r": ["<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"],
    "falcon-instruct": ["User:", "Assistant:"],
    "gemma-instruct": ["<start_of_turn>", "<end_of_turn>"],
    "gemma3-instruct": ["<end_of_turn>"],
    "granite-instruct": ["System:", "Question:", "Answer:"],
    "llama2-chat": ["[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"],
    "llama3-instruct": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "magicoder": ["@@ Instruction", "@@ Response"],
    // Ollama ships ChatML's marks here, which no model of this format writes.
    "mistral-instruct": ["[INST]", "[/INST]"],
    "openchat": ["<|end_of_turn|>"],
    "phi-3": ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"],
    "solar-instruct": ["### System:", "### User:", "### Assistant"],
    "starcoder2-instruct": ["### Instruction", "### Response", "<|endoftext|>"],
    "vicuna": ["USER:", "ASSISTANT:"],
    "zephyr": ["<|system|>", "</s>", "<|user|>", "<|assistant|>"],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PromptTemplate;

    #[test]
    fn all_templates_parse_and_are_named_once() {
        for shipped in ShippedTemplate::all() {
            PromptTemplate::parse(shipped.text).unwrap_or_else(|e| panic!("{}: {e}", shipped.name));
            let same = ShippedTemplate::all().iter().filter(|other| other.name == shipped.name);
            assert_eq!(same.count(), 1, "{}", shipped.name);
        }
        for (name, ..) in FINGERPRINTS {
            assert!(ShippedTemplate::by_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn chatml_is_recognized_in_any_layout_and_variants_are_not() {
        let source = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
        let name = |source: &str| ShippedTemplate::recognize(source).map(|shipped| shipped.name);
        assert_eq!(name(source), Some("chatml"));
        assert_eq!(name(&source.replace("{% ", "{%-\n").replace('\'', "\"")), Some("chatml"));
        assert_eq!(name(&source.replace("im_start", "begin")), None);
    }
}
