//! `camelid stop MODEL` and `camelid stop --all`

use anyhow::{Result, bail};
use camelid_api_types::{
    ErrorKind, Service,
    ollama::{GenerateRequest, KeepAlive},
};
use camelid_client::Client;
use futures_util::TryStreamExt;

use crate::{args::StopArgs, connection, environment::Environment};

/// Has a server take one model out of memory, or all it has there. What they are at work on is
/// finished first.
pub(crate) async fn stop(args: &StopArgs, environment: &Environment) -> Result<()> {
    let server = connection::required_server(environment).await?;
    if let Some(model) = &args.model {
        return unload(&server, model).await;
    }
    for model in server.ps().await?.models {
        unload(&server, &model.name).await?;
    }
    Ok(())
}

/// Ends a model's stay: an empty prompt, after which it need not be kept.
async fn unload(server: &Client, model: &str) -> Result<()> {
    let request = GenerateRequest {
        model: model.to_owned(),
        keep_alive: Some(KeepAlive::UNLOAD),
        ..GenerateRequest::default()
    };
    match server.generate(request).await {
        Ok(parts) => drop(parts.try_collect::<Vec<_>>().await?),
        Err(error) if error.kind == ErrorKind::NotFound => {
            bail!("couldn't find model {model:?} to stop");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
