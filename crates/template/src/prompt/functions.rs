//! The functions that Ollama adds to Go's.

use jiff::ToSpan;

use crate::go::{Call, Context, Function, Value};

/// The table for [`Template::parse`](crate::go::Template::parse).
pub(super) static FUNCTIONS: &[Function] = &[
    Function { name: "json", min_args: 1, max_args: Some(1), call: Call::Eager(json) },
    Function { name: "currentDate", min_args: 0, max_args: None, call: Call::Eager(current_date) },
    Function { name: "yesterdayDate", min_args: 0, max_args: None, call: Call::Eager(yesterday) },
    Function {
        name: "toTypeScriptType",
        min_args: 1,
        max_args: Some(1),
        call: Call::Eager(|_, args| Ok(type_script(&args[0], 0).into())),
    },
];

fn json(_: &Context, args: &[Value]) -> Result<Value, String> {
    // Ollama prints nothing for what JSON cannot say.
    Ok(args[0].to_json().unwrap_or_default().into())
}

fn current_date(context: &Context, _: &[Value]) -> Result<Value, String> {
    Ok(context.today.to_string().into())
}

fn yesterday(context: &Context, _: &[Value]) -> Result<Value, String> {
    let day = context.today.checked_sub(1.day()).map_err(|e| e.to_string())?;
    Ok(day.to_string().into())
}

/// Alternatives inside alternatives that are looked into.
const MAX_DEPTH: usize = 16;

/// The TypeScript type of a tool's parameter.
fn type_script(property: &Value, depth: usize) -> String {
    const ANY: &str = "any";
    let Value::Record(record) = property else { return ANY.to_owned() };
    if depth > MAX_DEPTH {
        return ANY.to_owned();
    }
    if let Some(Value::List(branches)) = record.get("AnyOf")
        && !branches.items().is_empty()
    {
        let types: Vec<_> = branches.items().iter().map(|b| type_script(b, depth + 1)).collect();
        return types.join(" | ");
    }
    let Some(Value::List(types)) = record.get("Type") else { return ANY.to_owned() };
    let names: Vec<&str> = types
        .items()
        .iter()
        .map(|name| match name {
            Value::Str(name) => one_type(name),
            _ => ANY,
        })
        .collect();
    if names.is_empty() { ANY.to_owned() } else { names.join(" | ") }
}

fn one_type(name: &str) -> &'static str {
    match name {
        "string" => "string",
        "number" | "integer" => "number",
        "boolean" => "boolean",
        "array" => "any[]",
        "object" => "Record<string, any>",
        "null" => "null",
        _ => "any",
    }
}
