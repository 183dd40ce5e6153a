//! A conversation at the terminal.

use std::{io::Write, sync::Arc};

use anyhow::Result;
use camelid_api_types::{
    Service,
    ollama::{ChatRequest, Format, KeepAlive, Message, Think},
};
use futures_util::TryStreamExt;
use rustyline::{DefaultEditor, error::ReadlineError};

use crate::printer::{Printer, Style};

/// What every request of a conversation says.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) model: String,
    pub(crate) format: Option<Format>,
    pub(crate) think: Option<Think>,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) style: Style,
}

const HELP: &str = "\
Available Commands:
  /clear          Clear session context
  /bye            Exit
  /?, /help       Help for a command

Use \"\"\" to begin a multi-line message.
";

/// What a line that was typed asks for.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Say(&'a str),
    /// The first line of a message that goes on until `\"\"\"`.
    Begin(&'a str),
    Clear,
    Help,
    Leave,
    Unknown(&'a str),
    Nothing,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Self {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("\"\"\"") {
            return match rest.strip_suffix("\"\"\"") {
                Some(whole) => Self::Say(whole),
                None => Self::Begin(rest),
            };
        }
        let command = text.split_whitespace().next().unwrap_or("");
        match command {
            "" => Self::Nothing,
            "/bye" | "/exit" => Self::Leave,
            "/clear" => Self::Clear,
            "/?" | "/help" => Self::Help,
            command if command.starts_with('/') => Self::Unknown(command),
            _ => Self::Say(text),
        }
    }
}

/// Reads lines and shows answers until the person leaves.
pub(crate) async fn run(service: &Arc<dyn Service>, settings: Settings) -> Result<()> {
    let mut editor = DefaultEditor::new()?;
    let mut messages = Vec::new();
    loop {
        let (back, read) = tokio::task::spawn_blocking(move || {
            let line = read_message(&mut editor);
            (editor, line)
        })
        .await?;
        editor = back;
        match read {
            Ok(text) => match Line::parse(&text) {
                Line::Leave => return Ok(()),
                Line::Nothing | Line::Begin(_) => {}
                Line::Clear => {
                    messages.clear();
                    tell("Cleared session context\n")?;
                }
                Line::Help => tell(HELP)?,
                Line::Unknown(command) => {
                    tell(&format!("Unknown command '{command}'. Type /? for help\n"))?;
                }
                Line::Say(text) => {
                    messages.push(Message::user(text));
                    messages.extend(answer(service, &settings, &messages).await?);
                }
            },
            Err(ReadlineError::Interrupted) => tell("\nUse Ctrl + d or /bye to exit.\n")?,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// One message, which may have several lines between `\"\"\"`.
fn read_message(editor: &mut DefaultEditor) -> rustyline::Result<String> {
    let first = editor.readline(">>> ")?;
    let mut text = first.clone();
    if let Line::Begin(begin) = Line::parse(&first) {
        let mut lines = vec![begin.to_owned()];
        loop {
            let line = editor.readline("... ")?;
            match line.trim_end().strip_suffix("\"\"\"") {
                Some(last) => {
                    lines.push(last.to_owned());
                    break;
                }
                None => lines.push(line),
            }
        }
        text = format!("\"\"\"{}\"\"\"", lines.join("\n"));
    }
    if !text.trim().is_empty() {
        editor.add_history_entry(&text)?;
    }
    Ok(text)
}

/// Shows the model's answer and gives it back; `None` if the person stopped it.
async fn answer(
    service: &Arc<dyn Service>,
    settings: &Settings,
    messages: &[Message],
) -> Result<Option<Message>> {
    let request = ChatRequest {
        model: settings.model.clone(),
        messages: messages.to_vec(),
        format: settings.format.clone(),
        think: settings.think,
        keep_alive: settings.keep_alive,
        ..ChatRequest::default()
    };
    let mut printer = Printer::new(std::io::stdout(), settings.style);
    let mut whole = Message::assistant("");
    let stream = async {
        let mut parts = service.chat(request).await?;
        let mut metrics = None;
        while let Some(part) = parts.try_next().await? {
            printer.thinking(&part.message.thinking)?;
            printer.text(&part.message.content)?;
            whole.thinking += &part.message.thinking;
            whole.content += &part.message.content;
            metrics = part.done.then_some(part.metrics);
        }
        anyhow::Ok(metrics)
    };
    let metrics = tokio::select! {
        metrics = stream => metrics?,
        _ = tokio::signal::ctrl_c() => None,
    };
    printer.finish(&metrics.unwrap_or_default())?;
    Ok(metrics.is_some().then_some(whole))
}

fn tell(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_from_commands() {
        for (text, line) in [
            ("  Hi there ", Line::Say("Hi there")),
            ("", Line::Nothing),
            ("/bye", Line::Leave),
            ("/exit now", Line::Leave),
            ("/?", Line::Help),
            ("/clear", Line::Clear),
            ("/foo bar", Line::Unknown("/foo")),
            ("\"\"\"one line\"\"\"", Line::Say("one line")),
            ("\"\"\"two", Line::Begin("two")),
            ("\"\"\"a\nb\"\"\"", Line::Say("a\nb")),
        ] {
            assert_eq!(Line::parse(text), line, "{text:?}");
        }
    }
}
