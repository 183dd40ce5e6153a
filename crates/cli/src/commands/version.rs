//! `camelid --version`

use std::io::Write;

use anyhow::Result;
use camelid_api_types::Service;

use crate::{connection, environment::Environment};

const OWN: &str = env!("CARGO_PKG_VERSION");

/// The server's version, and ours where it is another.
pub(crate) async fn version(environment: &Environment) -> Result<()> {
    let mut out = std::io::stdout();
    let Some(server) = connection::server(environment).await? else {
        writeln!(out, "camelid version is {OWN}")?;
        writeln!(out, "(no server is running at {})", environment.host.base_url())?;
        return Ok(());
    };
    let version = server.version().await?.version;
    writeln!(out, "camelid version is {version}")?;
    if version != OWN {
        writeln!(out, "Warning: client version is {OWN}")?;
    }
    Ok(())
}
