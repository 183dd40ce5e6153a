//! The data a template sees.
//!
//! Go templates work on any Go value; ours are these: nil, booleans, integers (indexes, lengths,
//! literals), floats (every number that came through JSON, as in Go's `interface{}`), strings,
//! lists, string-keyed maps, and records, which are Go structs: fixed fields, of which an unknown
//! one is an error, where an unknown key of a map is nil.
//!
//! Cloning is cheap throughout, and so is slicing a list: both share the items.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

/// One value of the template language.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// `nil`, and what a missing key gives.
    #[default]
    Nil,
    /// A boolean.
    Bool(bool),
    /// An integer: a literal, an index, a length.
    Int(i64),
    /// A float: a literal, or any number that came through JSON.
    Float(f64),
    /// A string.
    Str(Arc<str>),
    /// A list, or a part of one.
    List(List),
    /// A map with string keys, kept sorted as Go walks and prints it.
    Map(Arc<Map>),
    /// A struct.
    Record(Arc<Record>),
}

/// How a list or map prints when it is used as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Print {
    /// As Go prints it: `[a b]`, `map[k:v]`.
    #[default]
    Go,
    /// As compact JSON: Ollama's lists of tools, properties and arguments.
    Json,
    /// A lone item prints bare: the `type` of a tool's parameter.
    LoneBare,
}

/// A list, or a part of one that shares its items.
#[derive(Debug, Clone, Default)]
pub struct List {
    items: Arc<[Value]>,
    start: usize,
    end: usize,
    print: Print,
}

/// A map with string keys.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// The entries, sorted by key.
    pub entries: BTreeMap<Arc<str>, Value>,
    /// How it prints.
    pub print: Print,
}

/// A struct: named fields in order.
#[derive(Debug, Clone)]
pub struct Record {
    /// Go's name of the type, for error messages.
    pub type_name: &'static str,
    /// The fields in declaration order.
    pub fields: Vec<Field>,
    /// [`Print::Json`] for those that print as JSON.
    pub print: Print,
}

/// A field of a [`Record`].
#[derive(Debug, Clone)]
pub struct Field {
    /// The name templates use.
    pub name: &'static str,
    /// The key in JSON text; `None` keeps the field out of it.
    pub json_key: Option<&'static str>,
    /// What it holds.
    pub value: Value,
}

impl List {
    /// A list of `items` that prints in this way.
    #[must_use]
    pub fn new(items: Vec<Value>, print: Print) -> Self {
        Self { end: items.len(), items: items.into(), start: 0, print }
    }

    /// The items.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.items[self.start..self.end]
    }

    /// Items `start..end` of this list, sharing them; `None` when out of range.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Option<Self> {
        if start > end || end > self.items().len() {
            return None;
        }
        let (items, print) = (self.items.clone(), self.print);
        Some(Self { items, start: self.start + start, end: self.start + end, print })
    }

    /// How it prints.
    #[must_use]
    pub fn print(&self) -> Print {
        self.print
    }
}

impl Map {
    /// The value under `key`, or nil.
    #[must_use]
    pub fn get(&self, key: &str) -> Value {
        self.entries.get(key).cloned().unwrap_or_default()
    }
}

impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Map {
    fn from_iter<T: IntoIterator<Item = (K, Value)>>(pairs: T) -> Self {
        let entries = pairs.into_iter().map(|(k, v)| (k.into(), v)).collect();
        Self { entries, print: Print::Go }
    }
}

impl Record {
    /// The field of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|f| f.name == name).map(|f| &f.value)
    }
}

impl Value {
    /// A string.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    /// Go's truth: false are `false`, 0, nil and whatever has length 0; a record is true.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Float(x) => *x != 0.0,
            Self::Str(s) => !s.is_empty(),
            Self::List(list) => !list.items().is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::Record(_) => true,
        }
    }

    /// JSON as Go's encoder writes it; `None` for what JSON cannot say (NaN, infinities).
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        super::json::to_json(self)
    }

    /// Go's name of the value's type, for error messages and `%T`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Str(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Record(record) => record.type_name,
        }
    }
}

impl From<&Json> for Value {
    /// As Go's decoder fills an `interface{}`: every number becomes a float.
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Nil,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => Self::Float(n.as_f64().unwrap_or(f64::NAN)),
            Json::String(s) => Self::string(s.as_str()),
            Json::Array(items) => {
                Self::List(List::new(items.iter().map(Self::from).collect(), Print::Go))
            }
            Json::Object(map) => {
                Self::Map(Arc::new(map.iter().map(|(k, v)| (k.as_str(), Self::from(v))).collect()))
            }
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::string(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_share_items_and_refuse_what_is_outside() {
        let list = List::new(vec![Value::Int(1), Value::Int(2), Value::Int(3)], Print::Go);
        let tail = list.slice(1, 3).expect("inside");
        assert!(matches!(tail.items(), [Value::Int(2), Value::Int(3)]));
        assert!(matches!(tail.slice(1, 2).expect("inside").items(), [Value::Int(3)]));
        assert!(tail.slice(0, 3).is_none());
        assert!(tail.slice(2, 1).is_none());
    }

    #[test]
    fn truth_is_go_s() {
        let json = serde_json::json!([null, false, 0, "", [], {}, true, 0.5, "0", [0], {"a": 0}]);
        let truths: Vec<bool> =
            json.as_array().expect("a list").iter().map(|v| Value::from(v).is_true()).collect();
        assert_eq!(truths, [[false; 6].as_slice(), [true; 5].as_slice()].concat());
    }
}
