//! `camelid list`

use std::{io::Write, time::SystemTime};

use anyhow::Result;
use camelid_api_types::ollama::ModelSummary;

use crate::{connection, environment::Environment, human, table};

/// Characters of a digest that are shown.
const N_DIGEST: usize = 12;

/// The first characters of a digest, by which people know a model.
pub(super) fn short_digest(digest: &str) -> String {
    digest.chars().take(N_DIGEST).collect()
}

/// The models at hand whose names begin with `prefix`, newest first.
pub(crate) async fn list(prefix: Option<&str>, environment: &Environment) -> Result<()> {
    let models = connection::server_or_own(environment).await?.list().await?.models;
    let prefix = prefix.unwrap_or("").to_lowercase();
    let chosen = models.iter().filter(|model| model.name.to_lowercase().starts_with(&prefix));
    let now = SystemTime::now();
    let rows: Vec<_> = chosen.map(|model| row(model, now)).collect();
    let table = table::render(["NAME", "ID", "SIZE", "MODIFIED"], &rows);
    std::io::stdout().write_all(table.as_bytes())?;
    Ok(())
}

fn row(model: &ModelSummary, now: SystemTime) -> [String; 4] {
    let is_remote = !model.remote_model.is_empty();
    [
        model.name.clone(),
        short_digest(&model.digest),
        if is_remote { "-".to_owned() } else { human::bytes(model.size) },
        human::relative(model.modified_at.into(), now),
    ]
}
