//! `camelid run MODEL [PROMPT]`

use std::{
    io::{IsTerminal, Read},
    sync::Arc,
};

use anyhow::{Context, Result};
use camelid_api_types::{
    Service,
    ollama::{Format, GenerateRequest},
};
use futures_util::TryStreamExt;

use crate::{
    args::RunArgs,
    chat_loop::{self, Settings},
    connection,
    environment::Environment,
    printer::{Printer, Style},
};

/// Answers one prompt, or holds a conversation where there is none and a person is at the other
/// end.
pub(crate) async fn run(args: RunArgs, environment: &Environment) -> Result<()> {
    let style = Style::new(&args);
    let prompt = prompt(&args)?;
    let (service, model) = match args.path() {
        Some(path) => connection::own_file(path, environment)?,
        None => (connection::server_or_own(environment).await?, args.model.clone()),
    };
    let format = args.format.as_deref().map(parse_format).transpose()?;
    let settings = Settings { model, format, think: args.think, keep_alive: args.keepalive, style };
    match prompt {
        Some(prompt) => once(&service, &settings, prompt).await,
        None => {
            load(&service, &settings).await?;
            let is_person = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
            if is_person { chat_loop::run(&service, settings).await } else { Ok(()) }
        }
    }
}

/// What was piped in and what stands on the command line, joined by a space; `None` for nothing.
fn prompt(args: &RunArgs) -> Result<Option<String>> {
    let mut parts = Vec::new();
    let mut stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let mut text = String::new();
        stdin.read_to_string(&mut text).context("standard input is not text")?;
        parts.extend((!text.is_empty()).then_some(text));
    }
    parts.extend(args.prompt.iter().cloned());
    Ok((!parts.is_empty()).then(|| parts.join(" ")))
}

fn parse_format(text: &str) -> Result<Format> {
    if text == "json" {
        return Ok(Format::Json);
    }
    let object = serde_json::from_str(text).context("--format is neither `json` nor an object")?;
    Format::from_object(object).map_err(anyhow::Error::msg)
}

fn request(settings: &Settings, prompt: String) -> GenerateRequest {
    GenerateRequest {
        model: settings.model.clone(),
        prompt,
        format: settings.format.clone(),
        think: settings.think,
        keep_alive: settings.keep_alive,
        ..GenerateRequest::default()
    }
}

/// Has the model loaded while the person reads the first line.
async fn load(service: &Arc<dyn Service>, settings: &Settings) -> Result<()> {
    let parts = service.generate(request(settings, String::new())).await?;
    parts.try_collect::<Vec<_>>().await?;
    Ok(())
}

async fn once(service: &Arc<dyn Service>, settings: &Settings, prompt: String) -> Result<()> {
    let is_empty = prompt.is_empty();
    let mut printer = Printer::new(std::io::stdout(), settings.style);
    let answer = async {
        let mut parts = service.generate(request(settings, prompt)).await?;
        let mut metrics = None;
        while let Some(part) = parts.try_next().await? {
            printer.thinking(&part.thinking)?;
            printer.text(&part.response)?;
            metrics = part.done.then_some(part.metrics);
        }
        anyhow::Ok(metrics)
    };
    let metrics = tokio::select! {
        metrics = answer => metrics?,
        // Dropping the stream is what stops the model.
        _ = tokio::signal::ctrl_c() => None,
    };
    if !is_empty {
        printer.finish(&metrics.unwrap_or_default())?;
    }
    Ok(())
}
