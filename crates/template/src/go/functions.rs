//! What a function of the template language is.

use jiff::civil::Date;

use super::value::Value;

/// What a render hands to the functions it calls.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The day that `currentDate` prints.
    pub today: Date,
}

/// A function that templates can call by name.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Fewest arguments.
    pub min_args: usize,
    /// Most arguments; `None` when it takes any number.
    pub max_args: Option<usize>,
    /// How it is called.
    pub call: Call,
}

/// How a [`Function`] is called.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    /// With all arguments evaluated; an error is a message in Go's words.
    Eager(fn(&Context, &[Value]) -> Result<Value, String>),
    /// `and`: the first false argument, or the last.
    And,
    /// `or`: the first true argument, or the last.
    Or,
    /// `call`: a call of a function value, of which our data has none.
    FunctionValue,
}

/// Looks `name` up in `tables`, earlier ones first.
pub(super) fn find(tables: &[&'static [Function]], name: &str) -> Option<&'static Function> {
    tables.iter().flat_map(|table| table.iter()).find(|f| f.name == name)
}
