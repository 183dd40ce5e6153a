//! How a model's prompts are made and its output is read.
//!
//! The prompt comes from the renderer that the model's configuration names; else from its TEMPLATE
//! or the chat template in its GGUF file, whichever makes more of the model; else it is the text as
//! it is. The output is read by the parser that the configuration names, else by what the template
//! tells: which tags stand around thinking, and what opens a tool call.

mod jinja;
pub(crate) mod literal;

use camelid_api_types::{
    ApiError,
    ollama::{Message, Think, ThinkLevel, Tool},
};
use camelid_gguf::Metadata;
use camelid_template::{
    Capabilities, JinjaError, OutputFormat, OutputParser, ParserOptions, PromptInputs,
    PromptTemplate, RenderInputs, Renderer, ToolNames, go::ParseError, prefers_jinja,
    strip_past_thinking,
};

use crate::{answering::CallStyle, catalog::Entry};
use jinja::JinjaPrompting;

/// What a model without any template is prompted by.
const PLAIN_TEMPLATE: &str = "{{ .Prompt }}";

/// The output format of gpt-oss, whose template shows it but does not tell.
const HARMONY: &str = "harmony";

/// Why a model's template cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// The metadata holds something else.
    #[error(transparent)]
    Metadata(#[from] camelid_gguf::Error),
    /// The Modelfile's TEMPLATE does not parse.
    #[error("the TEMPLATE cannot be read")]
    Go(#[from] ParseError),
    /// The GGUF file's chat template does not parse.
    #[error("the chat template cannot be read")]
    Jinja(#[from] JinjaError),
    /// The configuration names a renderer that nobody knows.
    #[error("unknown renderer {name:?}")]
    UnknownRenderer {
        /// The name.
        name: String,
    },
}

/// What a prompt is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conversation<'a> {
    pub(crate) messages: &'a [Message],
    pub(crate) tools: &'a [Tool],
    pub(crate) think: Option<Think>,
}

/// A model's way with prompts and output.
#[derive(Debug)]
pub(crate) struct Prompting {
    writer: Writer,
    /// The format of its output, where it is known by name.
    format: Option<OutputFormat>,
    capabilities: Capabilities,
    family: Family,
}

/// What makes the prompt.
#[derive(Debug)]
enum Writer {
    Renderer(Renderer),
    Go(Box<PromptTemplate>),
    Jinja(Box<JinjaPrompting>),
}

/// Families that need something done which no template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Was trained without the thinking of turns that are over.
    ForgetsThinking,
    /// gpt-oss: knows no thinking beyond `high`, and tools by identifiers only.
    Harmony,
    Other,
}

impl Prompting {
    /// Parses what a model has.
    pub(crate) fn of(entry: &Entry, metadata: Metadata<'_>) -> Result<Self, TemplateError> {
        let config = &entry.parts.config;
        let go = entry.parts.template.as_deref().map(PromptTemplate::parse).transpose()?;
        let jinja = metadata.get_as::<&str>("tokenizer.chat_template")?.filter(|t| !t.is_empty());
        let architecture = metadata.get_as::<&str>("general.architecture")?.unwrap_or_default();
        let is_gpt_oss = [architecture, config.model_family.as_str()]
            .iter()
            .any(|family| matches!(*family, "gptoss" | "gpt-oss"));
        let is_harmony = is_gpt_oss && go.as_ref().is_some_and(shows_harmony);
        let named = OutputFormat::by_name(&config.parser);
        let named = named.or_else(|| OutputFormat::by_name(HARMONY).filter(|_| is_harmony));
        let is_built_in = !config.renderer.is_empty() || named.is_some();
        let writer = match (go, jinja) {
            _ if !config.renderer.is_empty() => Writer::Renderer(renderer(entry, metadata)?),
            (Some(go), Some(source)) if !is_built_in && prefers_jinja(&go, source) => {
                Writer::jinja(source, metadata)?
            }
            (Some(go), _) => Writer::Go(Box::new(go)),
            (None, Some(source)) => Writer::jinja(source, metadata)?,
            (None, None) => Writer::Go(Box::new(PromptTemplate::parse(PLAIN_TEMPLATE)?)),
        };
        let family = match architecture {
            _ if is_harmony => Family::Harmony,
            "qwen3" => Family::ForgetsThinking,
            _ if entry.name.model().eq_ignore_ascii_case("deepseek-r1") => Family::ForgetsThinking,
            _ => Family::Other,
        };
        let mut prompting = Self::new(writer, named, family);
        prompting.capabilities.thinking |= is_gpt_oss;
        Ok(prompting)
    }

    /// A Go template, as a request may bring its own.
    pub(crate) fn go(text: &str) -> Result<Self, ParseError> {
        let template = PromptTemplate::parse(text)?;
        Ok(Self::new(Writer::Go(Box::new(template)), None, Family::Other))
    }

    fn new(writer: Writer, format: Option<OutputFormat>, family: Family) -> Self {
        let by_writer = writer.capabilities();
        let capabilities = Capabilities {
            tools: by_writer.tools || format.is_some_and(OutputFormat::has_tools),
            thinking: by_writer.thinking || format.is_some_and(OutputFormat::has_thinking),
            insert: by_writer.insert,
        };
        Self { writer, format, capabilities, family }
    }

    /// What the model can do by its templates and formats.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The text of the template that makes the prompts, or would without a renderer.
    pub(crate) fn template_text(&self) -> &str {
        match &self.writer {
            Writer::Renderer(_) => PLAIN_TEMPLATE,
            Writer::Go(template) => template.text(),
            Writer::Jinja(jinja) => jinja.source(),
        }
    }

    /// How the model writes tool calls, as far as its format or template shows.
    pub(crate) fn call_style(&self) -> CallStyle<'_> {
        let shown = match &self.writer {
            Writer::Go(template) => OutputFormat::for_jinja(template.text()),
            Writer::Jinja(jinja) => jinja.format(),
            Writer::Renderer(_) => None,
        };
        let format = self.format.or(shown).filter(|format| format.has_tools());
        match (format, &self.writer) {
            (Some(format), _) => CallStyle::Format(format),
            (None, Writer::Go(template)) => CallStyle::Tagged(template.tool_tag()),
            (None, _) => CallStyle::Tagged(jinja::BARE_JSON),
        }
    }

    /// The prompt for a conversation.
    pub(crate) fn render(&self, conversation: Conversation<'_>) -> Result<String, ApiError> {
        let mut messages = Vec::new();
        let conversation = match self.family {
            Family::ForgetsThinking => {
                messages.extend_from_slice(conversation.messages);
                strip_past_thinking(&mut messages);
                Conversation { messages: &messages, ..conversation }
            }
            _ => conversation,
        };
        match self.family {
            Family::Harmony => {
                let tools = ToolNames::new(conversation.tools).renamed(conversation.tools);
                let think = self.think(conversation.think);
                self.write(Conversation { tools: &tools, think, ..conversation })
            }
            _ => self.write(conversation),
        }
    }

    fn write(&self, conversation: Conversation<'_>) -> Result<String, ApiError> {
        let Conversation { messages, tools, think } = conversation;
        let now = jiff::Zoned::now().datetime();
        let today = now.date();
        match &self.writer {
            Writer::Renderer(renderer) => {
                let inputs = RenderInputs { messages, tools, think, today };
                renderer.render(&inputs).map_err(cannot_render)
            }
            Writer::Go(template) => {
                let inputs = PromptInputs { messages, tools, think };
                template.render(&inputs, today).map_err(cannot_render)
            }
            Writer::Jinja(jinja) => jinja.render(conversation, now).map_err(cannot_render),
        }
    }

    /// The prompt for what stands between `prompt` and `suffix`; `None` if the model cannot.
    pub(crate) fn render_infill(
        &self,
        prompt: &str,
        suffix: &str,
        think: Option<Think>,
    ) -> Option<Result<String, ApiError>> {
        let Writer::Go(template) = &self.writer else { return None };
        let today = jiff::Zoned::now().date();
        let can_insert = template.capabilities().insert;
        can_insert
            .then(|| template.render_infill(prompt, suffix, think, today).map_err(cannot_render))
    }

    /// A parser for the reply to a prompt that was rendered from `conversation`.
    pub(crate) fn parser(&self, prompt: &str, conversation: Conversation<'_>) -> OutputParser {
        let Conversation { messages, tools, think } = conversation;
        let options = ParserOptions {
            tools,
            think: self.think(think),
            prompt: Some(prompt),
            last_message: messages.last(),
        };
        match (self.format, &self.writer) {
            (Some(format), _) => format.parser(&options),
            (None, Writer::Go(template)) => OutputParser::for_template(template, &options),
            (None, Writer::Jinja(jinja)) => jinja.parser(&options),
            // A renderer without a parser: the answer is as the model writes it.
            (None, Writer::Renderer(_)) => OutputParser::generic(None, jinja::BARE_JSON, &options),
        }
    }

    /// How hard to think, in words the family knows.
    fn think(&self, think: Option<Think>) -> Option<Think> {
        match think {
            Some(Think::Level(ThinkLevel::Max)) if self.family == Family::Harmony => {
                Some(Think::Level(ThinkLevel::High))
            }
            think => think,
        }
    }
}

impl Writer {
    fn jinja(source: &str, metadata: Metadata<'_>) -> Result<Self, TemplateError> {
        Ok(Self::Jinja(Box::new(JinjaPrompting::new(source, metadata)?)))
    }

    fn capabilities(&self) -> Capabilities {
        match self {
            Self::Renderer(_) => Capabilities::default(),
            Self::Go(template) => template.capabilities(),
            Self::Jinja(jinja) => jinja.capabilities(),
        }
    }
}

/// The renderer that the model's configuration names.
fn renderer(entry: &Entry, metadata: Metadata<'_>) -> Result<Renderer, TemplateError> {
    let name = &entry.parts.config.renderer;
    if name == "gemma4" {
        let n_params = metadata.get_as("general.parameter_count")?;
        return Ok(Renderer::gemma4_for(entry.name.model(), n_params));
    }
    Renderer::by_name(name).ok_or_else(|| TemplateError::UnknownRenderer { name: name.clone() })
}

fn shows_harmony(template: &PromptTemplate) -> bool {
    template.text().contains("<|start|>") && template.text().contains("<|end|>")
}

fn cannot_render(error: impl std::fmt::Display) -> ApiError {
    ApiError::internal(format!("the prompt cannot be rendered: {error}"))
}
