//! The chat template of a GGUF file and what it needs.

use camelid_gguf::{Array, Metadata};
use camelid_template::{
    Capabilities, ChatInputs, ChatTemplate, JinjaError, OutputFormat, OutputParser, ParserOptions,
    ThinkingTags, jinja_capabilities,
};
use jiff::civil::DateTime;

use super::{Conversation, TemplateError};

/// What opens a tool call of a model that is shown tools in a way nobody knows: bare JSON.
pub(super) const BARE_JSON: &str = "{";

/// A chat template of the GGUF file and what it needs.
#[derive(Debug)]
pub(super) struct JinjaPrompting {
    source: String,
    template: ChatTemplate,
    /// How the model writes thinking and calls, where the template shows a known way.
    format: Option<OutputFormat>,
    bos_token: String,
    eos_token: String,
}

impl JinjaPrompting {
    pub(super) fn new(source: &str, metadata: Metadata<'_>) -> Result<Self, TemplateError> {
        let token = |key: &str| -> Result<String, camelid_gguf::Error> {
            let Some(id) = metadata.get_as::<u32>(key)? else { return Ok(String::new()) };
            let tokens: Array<'_> = metadata.require("tokenizer.ggml.tokens")?;
            Ok(tokens.strs()?.nth(id as usize).unwrap_or("").to_owned())
        };
        Ok(Self {
            source: source.to_owned(),
            template: ChatTemplate::new(source)?,
            format: OutputFormat::for_jinja(source),
            bos_token: token("tokenizer.ggml.bos_token_id")?,
            eos_token: token("tokenizer.ggml.eos_token_id")?,
        })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn format(&self) -> Option<OutputFormat> {
        self.format
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        jinja_capabilities(&self.source)
    }

    pub(super) fn render(
        &self,
        conversation: Conversation<'_>,
        now: DateTime,
    ) -> Result<String, JinjaError> {
        let Conversation { messages, tools, think } = conversation;
        let inputs = ChatInputs {
            messages,
            tools,
            add_generation_prompt: true,
            bos_token: &self.bos_token,
            eos_token: &self.eos_token,
            think,
            extra: None,
        };
        self.template.render(&inputs, now)
    }

    pub(super) fn parser(&self, options: &ParserOptions<'_>) -> OutputParser {
        if let Some(format) = self.format {
            return format.parser(options);
        }
        let thinks = self.capabilities().thinking && options.think.is_some_and(|t| t.is_on());
        let tags = ThinkingTags { open: "<think>".into(), close: "</think>".into() };
        OutputParser::generic(thinks.then_some(&tags), BARE_JSON, options)
    }
}
