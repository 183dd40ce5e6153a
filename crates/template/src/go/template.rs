//! A parsed template.

use std::fmt;
use std::sync::Arc;

use super::ast::Node;
use super::builtins::BUILTINS;
use super::error::{ExecError, ParseError};
use super::exec::execute;
use super::functions::{Context, Function};
use super::parser::{Trees, parse};
use super::value::Value;

/// A Go template, parsed once and rendered many times. Clones share the tree.
///
/// # Examples
/// ```
/// use camelid_template::go::{Context, Template, Value};
///
/// let template = Template::parse("greeting", "{{ range .names }}Hi {{ . }}! {{ end }}", &[])?;
/// let data = Value::from(&serde_json::json!({"names": ["Ada", "Bob"]}));
/// let context = Context { today: jiff::civil::date(2026, 1, 15) };
/// assert_eq!(template.execute(&data, context)?, "Hi Ada! Hi Bob! ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Template {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    text: String,
    trees: Trees,
}

impl Template {
    /// Parses `text`; `functions` are known besides Go's own, which they cannot replace.
    ///
    /// # Errors
    /// With the line and Go's message.
    pub fn parse(
        name: &str,
        text: &str,
        functions: &'static [Function],
    ) -> Result<Self, ParseError> {
        let trees = parse(name, text, &[BUILTINS, functions])?;
        Ok(Self { inner: Arc::new(Inner { name: name.to_owned(), text: text.to_owned(), trees }) })
    }

    /// Renders the template over `data`.
    ///
    /// # Errors
    /// With the place in the template and Go's message; also when a limit is reached.
    pub fn execute(&self, data: &Value, context: Context) -> Result<String, ExecError> {
        execute(&self.inner.trees, &self.inner.text, &self.inner.name, data, context)
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The nodes of the main template.
    pub(crate) fn nodes(&self) -> &[Node] {
        self.inner.trees.get(&self.inner.name).map_or(&[], Vec::as_slice)
    }

    /// The nodes of every template, the main one and those it defines.
    pub(crate) fn all_nodes(&self) -> impl Iterator<Item = &[Node]> {
        self.inner.trees.values().map(Vec::as_slice)
    }

    /// The same template with other nodes as its main one.
    pub(crate) fn with_nodes(&self, nodes: Vec<Node>) -> Self {
        let Inner { name, text, trees } = &*self.inner;
        let mut trees = trees.clone();
        trees.insert(name.clone(), nodes);
        Self { inner: Arc::new(Inner { name: name.clone(), text: text.clone(), trees }) }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("name", &self.inner.name)
            .field("text", &self.inner.text)
            .finish_non_exhaustive()
    }
}
