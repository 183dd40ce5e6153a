//! A model's chat template, or several by name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::civil::DateTime;
use minijinja::machinery::{self, Instructions};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Template, Value};
use serde_json::{Map, Value as Json};

use super::budget::{MAX_SOURCE, Meter, max_steps, stack_size};
use super::constants::{MAX_CONSTANTS, constant_size};
use super::environment::{environment, syntax};
use super::error::{JinjaError, classify};
use super::filters;
use super::guard::guarded;
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
/// let source = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}";
/// let template = ChatTemplate::new(source)?;
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
            let prepared = prepare(source);
            if constant_size(&prepared, syntax()) > MAX_CONSTANTS {
                let name = name.to_owned();
                return Err(JinjaError::TooCostly { name, allowed: MAX_CONSTANTS, unit: "bytes" });
            }
            env.add_template_owned(name.to_owned(), prepared)
                .map_err(|e| classify(name, &e, max_steps(0)))?;
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
        let has_tools =
            context.get("tools").and_then(Json::as_array).is_some_and(|t| !t.is_empty());
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
        let n_messages = context.get("messages").and_then(Json::as_array).map_or(0, Vec::len);
        let steps = max_steps(n_messages);
        let mut env = Cow::Borrowed(&self.inner.env);
        if self.inner.env.fuel() != Some(steps) {
            env.to_mut().set_fuel(Some(steps));
        }
        let template = env.get_template(name).map_err(|_| self.missing(name))?;
        let variables = context.iter().map(|(k, v)| (k.as_str(), Value::from(Serde(v))));
        let extras = [("strftime_now", filters::strftime_now(now)), Meter::variable()];
        let variables = Value::from_pairs(variables.chain(extras));
        on_deep_stack(name, stack_size(steps), || {
            // What the template made is dropped in there, on the stack that is deep enough for it.
            evaluate(&env, &template, variables).map_err(|e| classify(name, &e, steps))
        })
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

/// Renders with guards around what makes values.
///
/// They are put in anew each time, some microseconds for a thousand instructions: guarded
/// instructions borrow the environment they would have to be stored beside.
fn evaluate<'e>(
    env: &'e Environment<'e>,
    template: &Template<'e, 'e>,
    variables: Value,
) -> Result<String, minijinja::Error> {
    let compiled = machinery::get_compiled_template(template);
    let main = guarded(&compiled.instructions)?;
    let blocks = compiled.blocks.iter().map(|(name, block)| Ok((*name, guarded(block)?)));
    let blocks = blocks.collect::<Result<BTreeMap<&str, Instructions<'_>>, minijinja::Error>>()?;
    let mut prompt = String::new();
    let mut out = machinery::make_string_output(&mut prompt);
    machinery::eval(env, &main, variables, &blocks, &mut out, AutoEscape::None)?;
    Ok(prompt)
}

/// Runs a render on a thread whose stack holds any value that the template can nest: printing,
/// comparing and dropping values recurse into them.
fn on_deep_stack<T: Send>(
    name: &str,
    stack_size: usize,
    render: impl FnOnce() -> Result<T, JinjaError> + Send,
) -> Result<T, JinjaError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(stack_size).spawn_scoped(scope, render);
        let thread =
            thread.map_err(|source| JinjaError::NoThread { name: name.to_owned(), source })?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
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

    fn render(source: &str) -> Result<String, JinjaError> {
        let now = jiff::civil::date(2026, 1, 15).at(9, 30, 0, 0);
        ChatTemplate::new(source)?.render_json(&Map::new(), now)
    }

    #[test]
    fn deeply_nested_values_do_not_overflow() {
        let nest = |levels: usize, then: &str| {
            render(&format!(
                "{{% set ns = namespace(x=[]) %}}{{% for i in range({levels}) %}}{{% set ns.x = [ns.x] %}}{{% endfor %}}{then}"
            ))
        };
        assert_eq!(nest(2000, "done").unwrap(), "done");
        assert_eq!(nest(2000, "{{ ns.x | string | length }}").unwrap(), "4002");
        assert!(matches!(nest(2000, "{{ ns.x | tojson }}"), Err(JinjaError::Render { .. })));
        assert!(matches!(nest(40_000, ""), Err(JinjaError::TooCostly { .. })));
    }

    #[test]
    fn long_conversations_may_take_more_steps() {
        let source = "{% for m in messages %}{% for i in range(100) %}{% endfor %}{% endfor %}";
        let template = ChatTemplate::new(source).unwrap();
        let now = jiff::civil::date(2026, 1, 15).at(9, 30, 0, 0);
        let context = serde_json::json!({"messages": vec!["m"; 5000]});
        template.render_json(context.as_object().unwrap(), now).unwrap();
    }

    #[test]
    fn limits_stop_what_runs_on() {
        let error = render(
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        );
        assert!(matches!(error, Err(JinjaError::TooCostly { unit: "steps", .. })));
        let error = render("{% set x = 'abcdefgh' * 9000000 %}{{ x }}");
        assert!(matches!(error, Err(JinjaError::TooCostly { unit: "bytes", .. })), "{error:?}");
        let error = render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
        assert!(matches!(error, Err(JinjaError::Render { .. })), "{error:?}");
        assert!(ChatTemplate::new(&"{".repeat(MAX_SOURCE + 1)).is_err());
        assert!(ChatTemplate::new(&format!("{{{{ {} }}}}", "(".repeat(100_000))).is_err());
    }

    #[test]
    fn no_expression_block_or_macro_grows_without_end() {
        for source in [
            "{% set ns = namespace(s='abcdefgh') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
            "{% set ns = namespace(s=['x']) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
            "{% set ns = namespace(s=['x']) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
            "{% set ns = namespace(s=['x']) %}{% for i in range(60) %}{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s == 1 }}",
            "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns }}",
            "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns == ns.a }}",
            "{% set x %}{% for i in range(99999) %}LONG{% endfor %}{% endset %}",
            "{% macro m(x) %}{% for i in range(99999) %}{{ x }}{% endfor %}{% endmacro %}{% set y = m('LONG') %}",
            "{% filter upper %}{% for i in range(99999) %}LONG{% endfor %}{% endfilter %}",
            "{% set x = range(99999) | join('LONG') %}",
            "{% set x = ('a' * 10000) | replace('a', 'LONG') %}",
            "{% set x = ('a' * 10000).replace('a', 'LONG') %}",
            "{% set x = 'LONG'.join(range(99999) | map('string')) %}",
            "{% set x = ('\n' * 10000) | indent(90000, true, true) %}",
            "{% set x = '%900000000d' | format(1) %}",
            "{% set x = '{:900000000}'.format(1) %}",
            "{% set n = 90000 %}{{ ('abcdefgh' * n) * n }}",
            "{{ ['a'] * 90000000 }}",
            "{% set t = 'LONG' * 1000 %}{% for i in range(99999) %}{% if t == t ~ 'x' %}{% endif %}{% endfor %}",
        ] {
            let error = render(&source.replace("LONG", &"x".repeat(20_000)));
            assert!(matches!(error, Err(JinjaError::TooCostly { .. })), "{source}: {error:?}");
        }
        let error = render("{% include 'default' %}").unwrap_err();
        assert!(error.to_string().contains("cannot use other templates"), "{error}");
    }

    #[test]
    fn guards_change_no_result() {
        for (source, wanted) in [
            ("{{ 1 + 2 * 3 }} {{ 'a' ~ 1 }} {{ 'ab' * 2 }} {{ [1] + [2] }}", "7 a1 abab [1, 2]"),
            (
                "{% for a in range(3) if a != 1 %}{{ loop.index }}{{ a }}{% else %}none{% endfor %}",
                "1022",
            ),
            ("{% for a in [] %}{% else %}none{% endfor %}", "none"),
            (
                "{% macro m(a, b=2) %}<{{ a }}{{ b }}{{ caller() if caller }}>{% endmacro %}{{ m(1) }}{% call m(3, b=4) %}!{% endcall %}",
                "<12><34!>",
            ),
            (
                "{% for a in [[1, [2]], 3] recursive %}{{ loop(a) if a is iterable else a }};{% endfor %}",
                "1;2;;;3;",
            ),
            (
                "{% set ns = namespace(n=0) %}{% for i in range(4) %}{% if i is odd %}{% continue %}{% endif %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
                "2",
            ),
            (
                "{% set a, b = 1, (2, 3) %}{{ a }}{{ b }}{% set x %}in{{ a }}{% endset %}{{ x }}",
                "1(2, 3)in1",
            ),
            (
                "{{ 'x' if 1 < 2 < 3 and 2 in [1, 2] else 'y' }}{{ none or 'z' }}{{ 0 and boom() }}",
                "xz0",
            ),
            (
                "{{ ['a', 'b'] | map('upper') | join('-') }} {{ dict(a=1).a }} {{ 'a,b'.split(',')[1:] }}",
                "A-B 1 ['b']",
            ),
            ("{% block b %}in{{ 1 + 1 }}{% endblock %}", "in2"),
        ] {
            let plain = environment().render_str(source, ()).unwrap();
            assert_eq!(render(source).unwrap(), plain, "{source}");
            assert_eq!(plain, wanted, "{source}");
        }
    }

    #[test]
    fn errors_say_where_and_refusals_speak_for_themselves() {
        let error = ChatTemplate::new("a\n{% if %}").unwrap_err();
        assert!(error.to_string().starts_with("chat template `default`, line 2: "), "{error}");
        let error = render("a\n\n{{ messages[0].content }}").unwrap_err();
        assert!(error.to_string().starts_with("chat template `default`, line 3: "), "{error}");
        let error = render("{{ raise_exception('roles must alternate') }}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the chat template refuses this conversation: roles must alternate"
        );
    }

    #[test]
    fn named_templates_are_chosen_by_the_presence_of_tools() {
        let config = serde_json::json!({"chat_template": [
            {"name": "default", "template": "plain"},
            {"name": "tool_use", "template": "with {{ tools | length }}"}
        ]});
        let template = ChatTemplate::from_tokenizer_config(&config).unwrap().unwrap();
        let now = jiff::civil::date(2026, 1, 15).at(9, 30, 0, 0);
        let context = |tools| serde_json::json!({"tools": tools}).as_object().unwrap().clone();
        assert_eq!(template.render_json(&context(serde_json::json!([1])), now).unwrap(), "with 1");
        assert_eq!(template.render_json(&context(serde_json::json!([])), now).unwrap(), "plain");
        let error = template.render_named("rag", &Map::new(), now).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no chat template named `rag`; the model has `default`, `tool_use`"
        );
        assert!(ChatTemplate::from_tokenizer_config(&serde_json::json!({})).unwrap().is_none());
        let odd = serde_json::json!({"chat_template": 3});
        assert!(matches!(ChatTemplate::from_tokenizer_config(&odd), Err(JinjaError::Shape { .. })));
    }
}
