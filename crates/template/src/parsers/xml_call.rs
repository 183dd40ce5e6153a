//! Calls written in tags: Qwen3-Coder's and MiniMax's XML, GLM's keys and values.
//!
//! These are no XML documents: values hold whatever the model wrote, `<` and `&` included. Only the
//! tags themselves are looked for, in order.

use serde_json::{Map, Value as Json};

use super::coerce::{property, typed, typed_exact};
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
        let (inside, after) = after.split_once("</function>").ok_or("expected `</function>`")?;
        let mut arguments = Map::new();
        each_element(inside, ("<parameter=", ">", "</parameter>"), |key, value| {
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
    each_element(body.text, ("<invoke name=", ">", "</invoke>"), |name, inside| {
        let name = unquoted(name).to_owned();
        let mut arguments = Map::new();
        let result =
            each_element(inside, ("<parameter name=", ">", "</parameter>"), |key, value| {
                let key = unquoted(key);
                arguments.insert(key.to_owned(), typed(value, property(body.tools, &name, key)));
            });
        problem = problem.take().or(result.err());
        calls.push((name, arguments));
    })?;
    finished(calls, problem)
}

/// Glimmer's `<atem:function_calls>`: as [`invoke`], with a prefix, and white space kept in values.
pub(super) fn atem(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let text = body.text.trim();
    let inside =
        text.strip_prefix("<atem:function_calls>").ok_or("expected `<atem:function_calls>`")?;
    let inside =
        inside.strip_suffix("</atem:function_calls>").ok_or("expected `</atem:function_calls>`")?;
    let mut calls = Vec::new();
    let mut problem = None;
    each_element(inside, ("<atem:invoke name=", ">", "</atem:invoke>"), |name, inside| {
        let name = unquoted(name).to_owned();
        let mut arguments = Map::new();
        let tags = ("<atem:parameter name=", ">", "</atem:parameter>");
        let result = each_element(inside, tags, |key, value| {
            let key = unquoted(key);
            let value = typed_exact(value, property(body.tools, &name, key));
            arguments.insert(key.to_owned(), value);
        });
        problem = problem.take().or(result.err());
        calls.push((name, arguments));
    })?;
    finished(calls, problem)
}

/// DeepSeek V3.2's `<｜DSML｜invoke name="NAME"><｜DSML｜parameter name="KEY" string="true">VALUE`:
/// the same with a prefix on every tag, and a mark on texts, which are not JSON.
pub(super) fn dsml(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let mut calls = Vec::new();
    let mut problem = None;
    each_element(
        body.text,
        ("<｜DSML｜invoke name=", ">", "</｜DSML｜invoke>"),
        |name, inside| {
            let mut arguments = Map::new();
            let tags = ("<｜DSML｜parameter name=", ">", "</｜DSML｜parameter>");
            let result = each_element(inside, tags, |head, value| {
                let (key, is_text) = match head.split_once(" string=") {
                    Some((key, mark)) => (key, unquoted(mark) == "true"),
                    None => (head, true),
                };
                let json = if is_text { None } else { serde_json::from_str(value).ok() };
                arguments
                    .insert(unquoted(key).to_owned(), json.unwrap_or_else(|| Json::from(value)));
            });
            problem = problem.take().or(result.err());
            calls.push((unquoted(name).to_owned(), arguments));
        },
    )?;
    finished(calls, problem)
}

/// `"NAME"><param name="KEY">VALUE</param>...`, MiniCPM's call after its `<function name=`.
pub(super) fn params(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let (name, inside) = body.text.split_once('>').ok_or("the function's name is not closed")?;
    let name = unquoted(name);
    let mut arguments = Map::new();
    each_element(inside, ("<param name=", ">", "</param>"), |key, value| {
        let key = unquoted(key);
        arguments.insert(key.to_owned(), typed(value, property(body.tools, name, key)));
    })?;
    if name.is_empty() {
        return Err("the function has no name".to_owned());
    }
    Ok(vec![(name.to_owned(), arguments)])
}

/// Kimi K3's elements: `<|open|>call tool="NAME" index="1"<|sep|>` ... `<|close|>call<|sep|>`, in
/// it
/// `<|open|>argument key="KEY" type="TYPE"<|sep|>VALUE<|close|>argument<|sep|>`.
pub(super) fn kimi3(body: &Body<'_>) -> Result<Vec<Call>, String> {
    let mut calls = Vec::new();
    let mut problem = None;
    let tags = ("<|open|>call tool=", "<|sep|>", "<|close|>call<|sep|>");
    each_element(body.text, tags, |head, inside| {
        let mut arguments = Map::new();
        let tags = ("<|open|>argument key=", "<|sep|>", "<|close|>argument<|sep|>");
        let result = each_element(inside, tags, |head, value| {
            let is_text = attribute(head, "type").is_none_or(|kind| kind == "string");
            let json = if is_text { None } else { serde_json::from_str(value).ok() };
            let value = json.unwrap_or_else(|| Json::from(value));
            arguments.insert(first_quoted(head).to_owned(), value);
        });
        problem = problem.take().or(result.err());
        calls.push((first_quoted(head).to_owned(), arguments));
    })?;
    finished(calls, problem)
}

/// The calls, unless there was a problem or there are none.
fn finished(calls: Vec<Call>, problem: Option<String>) -> Result<Vec<Call>, String> {
    match problem {
        Some(problem) => Err(problem),
        None if calls.is_empty() => Err("no call inside the markers".to_owned()),
        None => Ok(calls),
    }
}

/// The value that a head such as `"NAME" index="1"` begins with.
fn first_quoted(head: &str) -> &str {
    head.trim().strip_prefix('"').and_then(|text| text.split('"').next()).unwrap_or_default()
}

/// The value of `name="..."` in a head.
fn attribute<'t>(head: &'t str, name: &str) -> Option<&'t str> {
    let (_, after) = head.split_once(&format!("{name}=\""))?;
    after.split('"').next()
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

/// Calls `each` with the head and the inside of every element in `text`, which holds nothing else;
/// `tags` are what opens it, what ends its head, and what closes it.
fn each_element<'t>(
    text: &'t str,
    (open, head_end, close): (&str, &str, &str),
    mut each: impl FnMut(&'t str, &'t str),
) -> Result<(), String> {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let after = rest.strip_prefix(open).ok_or_else(|| format!("expected `{open}`"))?;
        let (head, after) =
            after.split_once(head_end).ok_or_else(|| format!("`{open}` is not closed"))?;
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
