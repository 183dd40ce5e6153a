//! A model's Go template and what it renders.

use std::collections::BTreeSet;

use camelid_api_types::ollama::{Message, Think, Tool};
use jiff::civil::Date;

use crate::go::{Context, ExecError, ParseError, Template, Value};

use super::collate::collate;
use super::facts::{self, ThinkingTags};
use super::functions::FUNCTIONS;
use super::media::tag_images;
use super::{cut, data};

/// A model's prompt template in Go's language, as the `TEMPLATE` of a Modelfile.
///
/// # Examples
/// ```
/// use camelid_api_types::ollama::Message;
/// use camelid_template::{PromptInputs, PromptTemplate};
///
/// let text = "{{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ end }}<assistant>";
/// let template = PromptTemplate::parse(text)?;
/// let inputs = PromptInputs { messages: &[Message::user("Hi")], ..PromptInputs::default() };
/// let today = jiff::civil::date(2026, 1, 15);
/// assert_eq!(template.render(&inputs, today)?, "<user>Hi<assistant>");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PromptTemplate {
    template: Template,
    /// The template up to `.Response`, for the last exchange of a legacy template.
    cut: Option<Template>,
    variables: BTreeSet<String>,
    thinking_tags: Option<ThinkingTags>,
    tool_tag: String,
}

/// A conversation to render.
#[derive(Debug, Clone, Copy, Default)]
pub struct PromptInputs<'a> {
    /// The conversation, oldest turn first, system messages included.
    pub messages: &'a [Message],
    /// The tools on offer.
    pub tools: &'a [Tool],
    /// Whether to think; absent when nobody said.
    pub think: Option<Think>,
}

/// What a model's template lets it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Tools are shown to the model.
    pub tools: bool,
    /// A text can be filled in between a prompt and a suffix.
    pub insert: bool,
    /// Thinking stands between tags of its own.
    pub thinking: bool,
}

impl PromptTemplate {
    /// Parses a template. One that mentions neither messages nor a response gets the response at
    /// its end.
    ///
    /// # Errors
    /// With the line and Go's message.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut template = Template::parse("", text, FUNCTIONS)?;
        let mut variables = facts::variables(&template);
        if !variables.contains("messages") && !variables.contains("response") {
            template = Template::parse("", &format!("{text}{{{{ .Response }}}}"), FUNCTIONS)?;
            variables.insert("response".to_owned());
        }
        let legacy = !variables.contains("messages");
        let cut = legacy.then(|| template.with_nodes(cut::up_to_response(template.nodes())));
        let tags = facts::thinking_tags(&template);
        let thinking_tags = (!tags.open.is_empty() && !tags.close.is_empty()).then_some(tags);
        let tool_tag = facts::tool_tag(&template);
        Ok(Self { template, cut, variables, thinking_tags, tool_tag })
    }

    /// The template's text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.template.text()
    }

    /// The names that the template mentions, in lower case and sorted.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }

    /// What the template lets the model do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        Capabilities {
            tools: self.variables.contains("tools"),
            insert: self.variables.contains("suffix"),
            thinking: self.thinking_tags.is_some(),
        }
    }

    /// The tags between which the model thinks, when the template has both.
    #[must_use]
    pub fn thinking_tags(&self) -> Option<&ThinkingTags> {
        self.thinking_tags.as_ref()
    }

    /// The text that opens a tool call, for the generic parser.
    #[must_use]
    pub fn tool_tag(&self) -> &str {
        &self.tool_tag
    }

    /// The prompt for a conversation; `today` is what `currentDate` prints.
    ///
    /// # Errors
    /// With the place in the template and Go's message.
    pub fn render(&self, inputs: &PromptInputs<'_>, today: Date) -> Result<String, ExecError> {
        let messages = tag_images(inputs.messages);
        let (system, messages) = collate(&messages);
        match &self.cut {
            None => {
                let mut entries = vec![
                    ("System", system.into()),
                    ("Messages", data::messages(&messages)),
                    ("Tools", data::tools(inputs.tools)),
                    ("Response", "".into()),
                ];
                entries.extend(data::think_entries(inputs.think));
                self.template.execute(&data::root(entries), Context { today })
            }
            Some(cut) => self.render_legacy(&messages, inputs.think, cut, today),
        }
    }

    /// The prompt for a text to be filled in between `prompt` and `suffix`.
    ///
    /// # Errors
    /// As [`PromptTemplate::render`].
    pub fn render_infill(
        &self,
        prompt: &str,
        suffix: &str,
        think: Option<Think>,
        today: Date,
    ) -> Result<String, ExecError> {
        let mut entries =
            vec![("Prompt", prompt.into()), ("Suffix", suffix.into()), ("Response", "".into())];
        entries.extend(data::think_entries(think));
        self.template.execute(&data::root(entries), Context { today })
    }

    /// Renders the template once per exchange, and what is left with `cut`.
    fn render_legacy(
        &self,
        messages: &[Message],
        think: Option<Think>,
        cut: &Template,
        today: Date,
    ) -> Result<String, ExecError> {
        let mut out = String::new();
        let mut exchange = Exchange::default();
        for message in messages {
            if exchange.is_over_before(&message.role) {
                out += &exchange.take().render(&self.template, think, today)?;
            }
            match message.role.as_str() {
                "system" => exchange.system.clone_from(&message.content),
                "user" => exchange.prompt.clone_from(&message.content),
                "assistant" => exchange.response.clone_from(&message.content),
                _ => {}
            }
        }
        Ok(out + &exchange.render(cut, think, today)?)
    }
}

/// What a legacy template renders at a time.
#[derive(Debug, Default)]
struct Exchange {
    system: String,
    prompt: String,
    response: String,
}

impl Exchange {
    /// Does a message of this role belong to the next exchange?
    fn is_over_before(&self, role: &str) -> bool {
        match role {
            "system" => !self.prompt.is_empty() || !self.response.is_empty(),
            "user" => !self.response.is_empty(),
            _ => false,
        }
    }

    fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    fn render(
        self,
        template: &Template,
        think: Option<Think>,
        today: Date,
    ) -> Result<String, ExecError> {
        let mut entries: Vec<(&'static str, Value)> = vec![
            ("System", self.system.into()),
            ("Prompt", self.prompt.into()),
            ("Response", self.response.into()),
        ];
        entries.extend(data::think_entries(think));
        template.execute(&data::root(entries), Context { today })
    }
}
