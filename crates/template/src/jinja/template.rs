//! A model's chat template, or several by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::civil::DateTime;
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde_json::{Map, Value as Json};

use super::budget::{MAX_SOURCE, MAX_STEPS, Meter, Prompt};
use super::environment::environment;
use super::error::{JinjaError, classify};
use super::filters;
use super::inputs::ChatInputs;
use super::prepare::prepare;

/// The name of a model's main template.
const DEFAULT: &str = "default";
/// The name of the template that is preferred when there are tools.
const TOOL_USE: &str = "tool_use";

/// A model's Jinja chat template, parsed once and rendered many times.
///
/// Some models carry several by name (`default`, `tool_use`, `rag`); a render with tools takes
/// `tool_use` when there is one. Cloning is cheap; clones share the parsed template.
///
/// # Examples
/// ```
/// use camelid_api_types::ollama::Message;
/// use camelid_template::{ChatInputs, ChatTemplate};
///
/// let template = ChatTemplate::new("{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}")?;
/// let inputs = ChatInputs { messages: &[Message::user("Hi")], ..ChatInputs::default() };
/// let now = jiff::civil::date(2026, 1, 15).at(9, 30, 0, 0);
/// assert_eq!(template.render(&inputs, now)?, "[user] Hi\n");
/// # Ok::<(), camelid_template::JinjaError>(())
/// ```
#[derive(Clone)]
pub struct ChatTemplate {
    inner: Arc<Inner>,
}

struct Inner {
    env: Environment<'static>,
    sources: BTreeMap<String, String>,
}

/// The variables of a render as JSON: `messages`, `tools`, `add_generation_prompt`, ...
pub type JsonContext = Map<String, Json>;

impl ChatTemplate {
    /// Parses a single template.
    ///
    /// # Errors
    /// [`JinjaError::Syntax`] with the line, or [`JinjaError::SourceTooLong`].
    pub fn new(source: &str) -> Result<Self, JinjaError> {
        Self::named([(DEFAULT, source)])
    }

    /// Parses a model's templates by name, as `(name, source)`.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`]; [`JinjaError::Missing`] when there are none.
    pub fn named<'a>(
        templates: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, JinjaError> {
        let mut env = environment();
        let mut sources = BTreeMap::new();
        for (name, source) in templates {
            if source.len() > MAX_SOURCE {
                let (name, found) = (name.to_owned(), source.len());
                return Err(JinjaError::SourceTooLong { name, found, allowed: MAX_SOURCE });
            }
            env.add_template_owned(name.to_owned(), prepare(source))
                .map_err(|e| classify(name, &e, MAX_STEPS))?;
            sources.insert(name.to_owned(), source.to_owned());
        }
        if sources.is_empty() {
            return Err(JinjaError::Missing { name: DEFAULT.to_owned(), known: Vec::new() });
        }
        Ok(Self { inner: Arc::new(Inner { env, sources }) })
    }

    /// Reads `chat_template` of a `tokenizer_config.json`: a text, or a list of
    /// `{"name", "template"}`. `None` when the key is absent or null.
    ///
    /// # Errors
    /// [`JinjaError::Shape`] for any other JSON, else as [`ChatTemplate::named`].
    pub fn from_tokenizer_config(config: &Json) -> Result<Option<Self>, JinjaError> {
        match config.get("chat_template") {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(source)) => Self::new(source).map(Some),
            Some(Json::Array(list)) => {
                let pairs = list.iter().map(named_entry).collect::<Result<Vec<_>, _>>()?;
                Self::named(pairs).map(Some)
            }
            Some(other) => Err(JinjaError::Shape { found: json_type(other) }),
        }
    }

    /// The names of the model's templates, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inner.sources.keys().map(String::as_str)
    }

    /// The text of the template that a render with or without tools uses.
    ///
    /// # Errors
    /// [`JinjaError::Missing`] when none of the model's templates is meant for this.
    pub fn source(&self, has_tools: bool) -> Result<&str, JinjaError> {
        let name = self.choose(has_tools)?;
        Ok(&self.inner.sources[name])
    }

    /// The prompt for a conversation; `now` is what `strftime_now` prints.
    ///
    /// # Errors
    /// As [`ChatTemplate::render_json`].
    pub fn render(&self, inputs: &ChatInputs<'_>, now: DateTime) -> Result<String, JinjaError> {
        self.render_json(&inputs.to_json()?, now)
    }

    /// Renders with variables given as JSON in Hugging Face's form.
    ///
    /// Variables that a template reads and `context` lacks are undefined, as in Jinja2; `now` is
    /// what `strftime_now` prints.
    ///
    /// # Errors
    /// [`JinjaError::Refused`] when the template raises, [`JinjaError::TooCostly`] past a limit,
    /// [`JinjaError::Render`] with the line for anything else.
    pub fn render_json(&self, context: &JsonContext, now: DateTime) -> Result<String, JinjaError> {
        let has_tools = context.get("tools").and_then(Json::as_array).is_some_and(|t| !t.is_empty());
        self.render_named(self.choose(has_tools)?, context, now)
    }

    /// [`ChatTemplate::render_json`] with the template of that name.
    ///
    /// # Errors
    /// Also [`JinjaError::Missing`].
    pub fn render_named(
        &self,
        name: &str,
        context: &JsonContext,
        now: DateTime,
    ) -> Result<String, JinjaError> {
        let template = self.inner.env.get_template(name).map_err(|_| self.missing(name))?;
        let variables = context.iter().map(|(k, v)| (k.as_str(), Value::from(Serde(v))));
        let extras = [("strftime_now", filters::strftime_now(now)), Meter::variable()];
        let variables = Value::from_pairs(variables.chain(extras));
        let mut prompt = Prompt::default();
        template
            .render_captured_to(variables, &mut prompt)
            .map_err(|e| classify(name, &e, MAX_STEPS))?;
        Ok(prompt.into_string())
    }

    fn choose(&self, has_tools: bool) -> Result<&str, JinjaError> {
        let sources = &self.inner.sources;
        let wanted = if has_tools && sources.contains_key(TOOL_USE) { TOOL_USE } else { DEFAULT };
        match sources.len() {
            // A single template serves everything, whatever its name.
            1 => Ok(sources.keys().next().map_or(wanted, String::as_str)),
            _ if sources.contains_key(wanted) => Ok(wanted),
            _ => Err(self.missing(wanted)),
        }
    }

    fn missing(&self, name: &str) -> JinjaError {
        JinjaError::Missing {
            name: name.to_owned(),
            known: self.inner.sources.keys().cloned().collect(),
        }
    }
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate").field("sources", &self.inner.sources).finish()
    }
}

fn named_entry(entry: &Json) -> Result<(&str, &str), JinjaError> {
    let text = |key| entry.get(key).and_then(Json::as_str);
    match (text("name"), text("template")) {
        (Some(name), Some(template)) => Ok((name, template)),
        _ => Err(JinjaError::Shape { found: "a list with something else" }),
    }
}

fn json_type(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn measure() {
        for mb in [2usize, 8, 32] {
          for depth in [1000, 5000, 10000, 20000, 40000, 90000] {
            let out = std::process::Command::new(std::env::current_exe().unwrap()).args(["--exact","jinja::template::tests::one","--nocapture","--ignored"]).env("MB", mb.to_string()).env("DEPTH", depth.to_string()).output().unwrap();
            println!("{mb} MB depth {depth}: {}", out.status.success());
          }
        }
    }
    #[test]
    #[ignore]
    fn one() {
        let mb: usize = std::env::var("MB").unwrap().parse().unwrap();
        let depth: usize = std::env::var("DEPTH").unwrap().parse().unwrap();
        std::thread::Builder::new().stack_size(mb<<20).spawn(move || {
            let now = jiff::civil::date(2026, 1, 15).at(9, 30, 0, 0);
            let t = ChatTemplate::new(&format!("{{% set ns = namespace(x=[]) %}}{{% for i in range({depth}) %}}{{% set ns.x = [ns.x] %}}{{% endfor %}}done")).unwrap();
            t.render_json(&Map::new(), now).unwrap();
        }).unwrap().join().unwrap();
    }
}
