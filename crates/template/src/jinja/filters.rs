//! Filters and functions that Hugging Face adds to Jinja2, or that differ from `minijinja`'s.

use jiff::civil::DateTime;
use minijinja::value::{Kwargs, Rest, StringInput, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::error::Refusal;
use super::guard::{charge_growth, charge_weight};
use super::pyjson::{Layout, dumps};

/// `value | tojson(indent, separators, sort_keys, ensure_ascii)`: Python's JSON text.
pub(super) fn tojson(
    value: Value,
    indent: Option<Value>,
    options: Kwargs,
) -> Result<String, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => options.get::<Option<Value>>("indent")?,
    };
    let indent = indent.filter(|i| !i.is_none()).map(usize::try_from).transpose()?;
    let mut layout = Layout::new(indent)?
        .sort_keys(options.get::<Option<bool>>("sort_keys")?.unwrap_or(false))
        .ensure_ascii(options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false));
    if let Some(pair) = options.get::<Option<Value>>("separators")?.filter(|p| !p.is_none()) {
        let item = pair.get_item_by_index(0)?.to_string();
        let key = pair.get_item_by_index(1)?.to_string();
        layout = layout.separators(item, key);
    }
    options.assert_all_used()?;
    dumps(&value, &layout)
}

/// `raise_exception(message)`: the template's refusal of a conversation.
pub(super) fn raise_exception(message: Value) -> Result<Value, Error> {
    let message = message.to_string();
    Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Refusal(message)))
}

/// `strftime_now(format)` for a fixed time: the caller's, never the machine's clock.
pub(super) fn strftime_now(now: DateTime) -> Value {
    Value::from_function(move |format: StringInput<'_>| -> Result<String, Error> {
        jiff::fmt::strtime::format(format.as_str(), now)
            .map_err(|e| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {e}")))
    })
}

/// What a `for` loop runs over: Python has no loop over `None`.
pub(super) fn iterated(value: Value) -> Result<Value, Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, "cannot loop over none"));
    }
    Ok(value)
}

/// Adds `eager` as the filter `name`, returning a one-shot iterator, as Jinja2's generators are:
/// they can be looped over, joined and listed, but have no length, no index and no JSON text.
pub(super) fn add_lazy(env: &mut Environment<'_>, name: &'static str, eager: Value) {
    env.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
        let items = eager.call(state, &args.into_values())?.try_iter()?.collect::<Vec<_>>();
        for item in &items {
            charge_weight(state, item)?;
        }
        Ok::<_, Error>(Value::make_one_shot_iterator(items.into_iter()))
    });
}

/// `list.append` and its like change their list in Python; Hugging Face's sandbox forbids them.
pub(super) fn unknown_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let mutates = matches!(
        (value.kind(), method),
        (ValueKind::Seq, "append" | "extend" | "insert" | "pop" | "remove" | "clear")
            | (ValueKind::Map, "pop" | "update" | "clear" | "setdefault" | "popitem")
    );
    if mutates {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("method `{method}` changes its value, which templates may not do"),
        ));
    }
    let operands: Vec<Value> = std::iter::once(value).chain(args).cloned().collect();
    charge_growth(state, method, &operands)?;
    minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
}
