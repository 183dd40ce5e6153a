//! Calls written in tags: Qwen3-Coder's and MiniMax's XML, GLM's keys and values.
//!
//! These are no XML documents: values hold whatever the model wrote, `<` and `&` included. Only the
//! tags themselves are looked for, in order.

use serde_json::{Map, Value as Json};

use super::coerce::{property, typed};
use super::event::Call;
use super::json_call;
use super::tagged::Body;

/// `<function=NAME> <parameter=KEY> VALUE </parameter> ... </function>`, once or several times.
pub(super) fn coder(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let mut rest = body.text.trim();
    let mut calls = Vec::new();
    while !rest.is_empty() {
        let after = rest.strip_prefix("<function=").ok_or("expected `<function=`")?;
        let (name, after) = after.split_once('>').ok_or("`<function=` is not closed")?;
        let name = unquoted(name);
        let (inside, after) =
            after.split_once("</function>").ok_or("expected `</function>`")?;
        let mut arguments = Map::new();
        each_element(inside, "<parameter=", "</parameter>", |key, value| {
            let key = unquoted(key);
            arguments.insert(key.to_owned(), typed(value, property(body.tools, name, key)));
        })?;
        if name.is_empty() {
            return Err("the function has no name".to_owned());
        }
        calls.push((name.to_owned(), arguments));
        rest = after.trim_start();
    }
    if calls.is_empty() { Err("no call inside the markers".to_owned()) } else { Ok(calls) }
}

/// `<invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>`, once or several times.
pub(super) fn invoke(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let mut calls = Vec::new();
    let mut problem = None;
    each_element(body.text, "<invoke name=", "</invoke>", |name, inside| {
        let name = unquoted(name).to_owned();
        let mut arguments = Map::new();
        let result = each_element(inside, "<parameter name=", "</parameter>", |key, value| {
            let key = unquoted(key);
            arguments.insert(key.to_owned(), typed(value, property(body.tools, &name, key)));
        });
        problem = problem.take().or(result.err());
        calls.push((name, arguments));
    })?;
    match problem {
        Some(problem) => Err(problem),
        None if calls.is_empty() => Err("no call inside the markers".to_owned()),
        None => Ok(calls),
    }
}

/// `NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>...`, or JSON in its place.
pub(super) fn arg_pairs(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let text = body.text.trim();
    if text.starts_with('{') {
        return json_call::calls(body);
    }
    let (name, mut rest) = text.split_at(text.find(['<', '{']).unwrap_or(text.len()));
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err("the call has no name".to_owned());
    }
    if rest.starts_with('{') {
        let arguments = json_call::arguments_of(Json::String(rest.to_owned()))?;
        return Ok(vec![(name.to_owned(), arguments)]);
    }
    let mut arguments = Map::new();
    while !rest.is_empty() {
        let (key, after) = element(rest, "arg_key")?;
        let (value, after) = element(after, "arg_value")?;
        let key = key.trim();
        arguments.insert(key.to_owned(), typed(value, property(body.tools, name, key)));
        rest = after;
    }
    Ok(vec![(name.to_owned(), arguments)])
}

/// The text of `<tag>...</tag>` at the start of `text`, and what follows it.
fn element<'t>(text: &'t str, tag: &str) -> Result<(&'t str, &'t str), String> {
    let open = format!("<{tag}>");
    let close = format!("</{tag}>");
    let inside = text.trim_start().strip_prefix(open.as_str());
    let inside = inside.ok_or_else(|| format!("expected `{open}`"))?;
    let (value, after) = inside.split_once(&close).ok_or_else(|| format!("expected `{close}`"))?;
    Ok((value, after.trim_start()))
}

/// Calls `each` with the head and the inside of every `<open HEAD>INSIDE</close>` in `text`, which
/// holds nothing else.
fn each_element<'t>(
    text: &'t str,
    open: &str,
    close: &str,
    mut each: impl FnMut(&'t str, &'t str),
) -> Result<(), String> {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let after = rest.strip_prefix(open).ok_or_else(|| format!("expected `{open}`"))?;
        let (head, after) = after.split_once('>').ok_or_else(|| format!("`{open}` is not closed"))?;
        let (inside, after) =
            after.split_once(close).ok_or_else(|| format!("expected `{close}`"))?;
        each(head, inside);
        rest = after.trim_start();
    }
    Ok(())
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inside = |quote| text.strip_prefix(quote).and_then(|t: &str| t.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}
