//! How a model's prompts are made and its output is read.
//!
//! A Modelfile's TEMPLATE is used where there is one, else the chat template in the GGUF file, else
//! the texts as they are. The template also says what the model can do, which tags stand around its
//! thinking, and what opens a tool call.

use camelid_api_types::{
    ApiError,
    ollama::{Message, Think, Tool},
};
use camelid_gguf::{Array, Metadata};
use camelid_template::{
    Capabilities, ChatInputs, ChatTemplate, JinjaError, OutputFormat, OutputParser, ParserOptions,
    PromptInputs, PromptTemplate, ThinkingTags, go::ParseError,
};

use crate::tool_choice::CallStyle;

/// What a model without any template is prompted by.
const PLAIN_TEMPLATE: &str = "{{ .Prompt }}";

/// What opens a tool call of a model that is shown tools in a way nobody knows: bare JSON.
const BARE_JSON: &str = "{";

/// Why a model's template cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// The metadata holds something else.
    #[error(transparent)]
    Metadata(#[from] camelid_gguf::Error),
    /// The Modelfile's TEMPLATE does not parse.
    #[error("the TEMPLATE cannot be read: {0}")]
    Go(#[from] ParseError),
    /// The GGUF file's chat template does not parse.
    #[error("the chat template cannot be read: {0}")]
    Jinja(#[from] JinjaError),
}

/// What a prompt is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conversation<'a> {
    pub(crate) messages: &'a [Message],
    pub(crate) tools: &'a [Tool],
    pub(crate) think: Option<Think>,
}

/// A model's templates, parsed.
#[derive(Debug)]
pub(crate) enum Prompting {
    Go(Box<PromptTemplate>),
    Jinja(Box<JinjaPrompting>),
}

/// A chat template of the GGUF file and what it needs.
#[derive(Debug)]
pub(crate) struct JinjaPrompting {
    template: ChatTemplate,
    /// How the model writes thinking and calls, where the template shows a known way.
    format: Option<OutputFormat>,
    thinking_tags: Option<ThinkingTags>,
    has_tools: bool,
    bos_token: String,
    eos_token: String,
}

impl Prompting {
    /// Parses what a model has.
    pub(crate) fn new(
        template: Option<&str>,
        metadata: Metadata<'_>,
    ) -> Result<Self, TemplateError> {
        let in_file = metadata.get_as::<&str>("tokenizer.chat_template")?;
        match (template, in_file) {
            (None, Some(source)) => JinjaPrompting::new(source, metadata).map(Self::jinja),
            (template, _) => Ok(Self::go(template.unwrap_or(PLAIN_TEMPLATE))?),
        }
    }

    /// A Go template, as a request may bring its own.
    pub(crate) fn go(text: &str) -> Result<Self, ParseError> {
        PromptTemplate::parse(text).map(|template| Self::Go(Box::new(template)))
    }

    fn jinja(prompting: JinjaPrompting) -> Self {
        Self::Jinja(Box::new(prompting))
    }

    /// What the template lets the model do.
    pub(crate) fn capabilities(&self) -> Capabilities {
        match self {
            Self::Go(template) => template.capabilities(),
            Self::Jinja(jinja) => Capabilities {
                tools: jinja.has_tools,
                insert: false,
                thinking: jinja.thinking_tags.is_some(),
            },
        }
    }

    /// How the model writes tool calls, as far as the template shows.
    pub(crate) fn call_style(&self) -> CallStyle<'_> {
        let format = match self {
            Self::Go(template) => OutputFormat::for_jinja(template.text()),
            Self::Jinja(jinja) => jinja.format,
        };
        match (format.filter(|format| format.has_tools()), self) {
            (Some(format), _) => CallStyle::Format(format),
            (None, Self::Go(template)) => CallStyle::Tagged(template.tool_tag()),
            (None, Self::Jinja(_)) => CallStyle::Tagged(BARE_JSON),
        }
    }

    /// The prompt for a conversation.
    pub(crate) fn render(&self, conversation: Conversation<'_>) -> Result<String, ApiError> {
        let Conversation { messages, tools, think } = conversation;
        let now = jiff::Zoned::now().datetime();
        match self {
            Self::Go(template) => {
                let inputs = PromptInputs { messages, tools, think };
                template.render(&inputs, now.date()).map_err(cannot_render)
            }
            Self::Jinja(jinja) => {
                let inputs = ChatInputs {
                    messages,
                    tools,
                    add_generation_prompt: true,
                    bos_token: &jinja.bos_token,
                    eos_token: &jinja.eos_token,
                    think,
                    extra: None,
                };
                jinja.template.render(&inputs, now).map_err(cannot_render)
            }
        }
    }

    /// The prompt for what stands between `prompt` and `suffix`; `None` if the model cannot.
    pub(crate) fn render_infill(
        &self,
        prompt: &str,
        suffix: &str,
        think: Option<Think>,
    ) -> Option<Result<String, ApiError>> {
        let Self::Go(template) = self else { return None };
        let today = jiff::Zoned::now().date();
        let can_insert = template.capabilities().insert;
        can_insert
            .then(|| template.render_infill(prompt, suffix, think, today).map_err(cannot_render))
    }

    /// A parser for the reply to a prompt that was rendered from `conversation`.
    pub(crate) fn parser(&self, prompt: &str, conversation: Conversation<'_>) -> OutputParser {
        let Conversation { messages, tools, think } = conversation;
        let options =
            ParserOptions { tools, think, prompt: Some(prompt), last_message: messages.last() };
        match self {
            Self::Go(template) => OutputParser::for_template(template, &options),
            Self::Jinja(jinja) => {
                if let Some(format) = jinja.format {
                    return format.parser(&options);
                }
                let thinks = think.is_some_and(Think::is_on);
                let tags = jinja.thinking_tags.as_ref().filter(|_| thinks);
                OutputParser::generic(tags, BARE_JSON, &options)
            }
        }
    }
}

impl JinjaPrompting {
    fn new(source: &str, metadata: Metadata<'_>) -> Result<Self, TemplateError> {
        let token = |key: &str| -> Result<String, camelid_gguf::Error> {
            let Some(id) = metadata.get_as::<u32>(key)? else { return Ok(String::new()) };
            let tokens: Array<'_> = metadata.require("tokenizer.ggml.tokens")?;
            Ok(tokens.strs()?.nth(id as usize).unwrap_or("").to_owned())
        };
        let has_tools = source.contains("tools") || source.contains("tool_call");
        let thinks = source.contains("<think>") && source.contains("</think>");
        Ok(Self {
            template: ChatTemplate::new(source)?,
            thinking_tags: thinks
                .then(|| ThinkingTags { open: "<think>".into(), close: "</think>".into() }),
            format: OutputFormat::for_jinja(source),
            has_tools,
            bos_token: token("tokenizer.ggml.bos_token_id")?,
            eos_token: token("tokenizer.ggml.eos_token_id")?,
        })
    }
}

fn cannot_render(error: impl std::fmt::Display) -> ApiError {
    ApiError::internal(format!("the prompt cannot be rendered: {error}"))
}
