//! DeepSeek's and Kimi's calls, between special tokens of their own.

use serde_json::Value as Json;

use super::event::Call;
use super::json_call::arguments_of;
use super::tagged::Body;

/// `<｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{...}<｜tool▁call▁end｜>`, as DeepSeek V3.1 writes them;
/// or, as R1 and Cogito do, `function<｜tool▁sep｜>NAME` and the arguments in a fence.
pub(super) fn deepseek(body: &Body<'_>) -> Result<Vec<Call>, String> {
    each(body.text, "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", |text| {
        let (head, tail) = text.split_once("<｜tool▁sep｜>").ok_or("expected `<｜tool▁sep｜>`")?;
        match tail.split_once("```json") {
            Some((name, arguments)) if head.trim() == "function" => {
                let arguments = arguments.trim().strip_suffix("```").ok_or("the fence is open")?;
                call(name, arguments)
            }
            _ => call(head, tail),
        }
    })
}

/// `<|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{...}<|tool_call_end|>`.
pub(super) fn kimi(body: &Body<'_>) -> Result<Vec<Call>, String> {
    each(body.text, "<|tool_call_begin|>", "<|tool_call_end|>", |text| {
        let mark = "<|tool_call_argument_begin|>";
        let (id, arguments) = text.split_once(mark).ok_or_else(|| format!("expected `{mark}`"))?;
        let id = id.trim();
        let name = id.rsplit_once(':').map_or(id, |(name, _)| name);
        call(name.strip_prefix("functions.").unwrap_or(name), arguments)
    })
}

/// What tools answered, which is no part of the reply.
pub(super) fn ignored(_: &Body<'_>) -> Result<Vec<Call>, String> {
    Ok(Vec::new())
}

fn call(name: &str, arguments: &str) -> Result<Call, String> {
    let name = name.trim();
    if name.is_empty() {
        return Err("the call has no name".to_owned());
    }
    Ok((name.to_owned(), arguments_of(Json::String(arguments.to_owned()))?))
}

/// Reads each `open ... close` of `text`, which holds nothing else.
fn each(
    text: &str,
    open: &str,
    close: &str,
    read: impl Fn(&str) -> Result<Call, String>,
) -> Result<Vec<Call>, String> {
    let mut calls = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let inside = rest.strip_prefix(open).ok_or_else(|| format!("expected `{open}`"))?;
        let (block, after) =
            inside.split_once(close).ok_or_else(|| format!("expected `{close}`"))?;
        calls.push(read(block)?);
        rest = after.trim_start();
    }
    if calls.is_empty() { Err("no call inside the markers".to_owned()) } else { Ok(calls) }
}
