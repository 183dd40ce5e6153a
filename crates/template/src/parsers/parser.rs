//! Formats by name, and the parser of one reply.

use crate::prompt::{PromptTemplate, ThinkingTags};

use super::detect;
use super::event::{Event, Events};
use super::generic::GenericTools;
use super::harmony::{Dialect, GLIMMER, HARMONY, Harmony};
use super::table::{self, Row};
use super::tagged::{ParserOptions, Tagged};
use super::thinking::ThinkingSplitter;

/// A way of writing thinking and tool calls.
#[derive(Clone, Copy)]
pub struct OutputFormat(Kind);

#[derive(Clone, Copy)]
enum Kind {
    Row(&'static Row),
    Harmony(&'static Dialect),
}

static DIALECTS: [&Dialect; 2] = [&HARMONY, &GLIMMER];

impl OutputFormat {
    /// The format of that name: those of Ollama's `PARSER`, and others for models that Ollama
    /// leaves to its generic parser, as `hermes`, `llama3` or `kimi-k2`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let dialect = DIALECTS.iter().find(|dialect| dialect.name == name);
        if let Some(dialect) = dialect {
            return Some(Self(Kind::Harmony(dialect)));
        }
        table::find(name).map(|row| Self(Kind::Row(row)))
    }

    /// The format that a model with this Jinja chat template writes, as far as the template shows
    /// it: it holds the marks around calls, since it writes those of past turns.
    #[must_use]
    pub fn for_jinja(source: &str) -> Option<Self> {
        detect::name_of(source).and_then(Self::by_name)
    }

    /// Every name that [`OutputFormat::by_name`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        table::names().chain(DIALECTS.iter().map(|dialect| dialect.name))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Row(row) => row.name,
            Kind::Harmony(dialect) => dialect.name,
        }
    }

    /// Can it write tool calls?
    #[must_use]
    pub fn has_tools(self) -> bool {
        match self.0 {
            Kind::Row(row) => row.has_tools,
            Kind::Harmony(_) => true,
        }
    }

    /// Can it write thinking?
    #[must_use]
    pub fn has_thinking(self) -> bool {
        match self.0 {
            Kind::Row(row) => row.has_thinking,
            Kind::Harmony(_) => true,
        }
    }

    /// The special tokens that the engine must print for the parser to see; others stay hidden.
    #[must_use]
    pub fn visible_tokens(self) -> &'static [&'static str] {
        match self.0 {
            Kind::Row(row) => row.visible,
            Kind::Harmony(dialect) => dialect.visible,
        }
    }

    /// A parser for one reply.
    #[must_use]
    pub fn parser(self, options: &ParserOptions<'_>) -> OutputParser {
        OutputParser(match self.0 {
            Kind::Row(row) => Machine::Tagged(Box::new(Tagged::new(&row.format, options))),
            Kind::Harmony(dialect) => Machine::Harmony(Box::new(Harmony::new(dialect, options))),
        })
    }
}

impl std::fmt::Debug for OutputFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OutputFormat").field(&self.name()).finish()
    }
}

/// Reads one reply.
///
/// # Examples
/// ```
/// use camelid_template::{Event, OutputFormat, ParserOptions};
///
/// let format = OutputFormat::by_name("qwen3-thinking").expect("a known name");
/// let mut parser = format.parser(&ParserOptions::default());
/// let mut events = parser.push("Two and two.</thi");
/// events.extend(parser.push("nk>\n\n4"));
/// events.extend(parser.finish());
/// assert_eq!(events, [Event::Thinking("Two and two.".into()), Event::Content("4".into())]);
/// ```
pub struct OutputParser(Machine);

enum Machine {
    Tagged(Box<Tagged>),
    Harmony(Box<Harmony>),
    Generic(Box<Generic>),
}

/// The parsers for a model that is known by its Go template alone.
struct Generic {
    thinking: Option<ThinkingSplitter>,
    tools: GenericTools,
    events: Events,
}

impl OutputParser {
    /// A parser by what a model's Go template tells: its thinking tags, when the request thinks,
    /// and its tool tag.
    #[must_use]
    pub fn for_template(template: &PromptTemplate, options: &ParserOptions<'_>) -> Self {
        let thinks = options.think.is_some_and(|think| think.is_on());
        let tags = template.thinking_tags().filter(|_| thinks);
        Self::generic(tags, template.tool_tag(), options)
    }

    /// [`OutputParser::for_template`] with the tags given.
    #[must_use]
    pub fn generic(
        tags: Option<&ThinkingTags>,
        tool_tag: &str,
        options: &ParserOptions<'_>,
    ) -> Self {
        let prompt = options.prompt.unwrap_or_default().trim_end();
        let thinking =
            tags.map(|tags| ThinkingSplitter::new(tags.clone(), prompt.ends_with(&tags.open)));
        let tools = GenericTools::new(tool_tag, options.tools);
        let events = Events::default();
        Self(Machine::Generic(Box::new(Generic { thinking, tools, events })))
    }

    /// Reads a piece and returns what can be told by now.
    pub fn push(&mut self, piece: &str) -> Vec<Event> {
        match &mut self.0 {
            Machine::Tagged(machine) => machine.push(piece),
            Machine::Harmony(machine) => machine.push(piece),
            Machine::Generic(machine) => {
                let Generic { thinking, tools, events } = &mut **machine;
                let content = match thinking {
                    Some(splitter) => &splitter.push(piece, events),
                    None => piece,
                };
                tools.push(content, events);
                events.take()
            }
        }
    }

    /// Ends the reply and returns what was held back.
    pub fn finish(&mut self) -> Vec<Event> {
        match &mut self.0 {
            Machine::Tagged(machine) => machine.finish(),
            Machine::Harmony(machine) => machine.finish(),
            Machine::Generic(machine) => {
                let Generic { thinking, tools, events } = &mut **machine;
                if let Some(splitter) = thinking {
                    let content = splitter.finish(events);
                    tools.push(&content, events);
                }
                tools.finish(events);
                events.take()
            }
        }
    }
}

impl std::fmt::Debug for OutputParser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OutputParser")
    }
}
