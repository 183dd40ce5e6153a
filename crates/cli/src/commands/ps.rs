//! `camelid ps`

use std::{io::Write, time::SystemTime};

use anyhow::Result;
use camelid_api_types::{Service, ollama::RunningModel};

use super::list::short_digest;
use crate::{connection, environment::Environment, human, table};

/// The models in a server's memory whose names begin with `prefix`.
pub(crate) async fn ps(prefix: Option<&str>, environment: &Environment) -> Result<()> {
    let models = connection::required_server(environment).await?.ps().await?.models;
    let chosen = models.iter().filter(|model| model.name.starts_with(prefix.unwrap_or("")));
    let now = SystemTime::now();
    let rows: Vec<_> = chosen.map(|model| row(model, now)).collect();
    let header = ["NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"];
    std::io::stdout().write_all(table::render(header, &rows).as_bytes())?;
    Ok(())
}

fn row(model: &RunningModel, now: SystemTime) -> [String; 6] {
    let expires_at = model.expires_at.into();
    let until = match expires_at < now && expires_at != SystemTime::UNIX_EPOCH {
        true => "Stopping...".to_owned(),
        false => human::relative(expires_at, now),
    };
    [
        model.name.clone(),
        short_digest(&model.digest),
        human::bytes(model.size),
        processor(model.size, model.size_vram),
        model.context_length.to_string(),
        until,
    ]
}

/// Where a model of `size` bytes is, of which `n_gpu` are a GPU's.
fn processor(size: u64, n_gpu: u64) -> String {
    match n_gpu {
        0 => "100% CPU".to_owned(),
        _ if n_gpu == size => "100% GPU".to_owned(),
        _ if n_gpu > size => "Unknown".to_owned(),
        _ => {
            let on_cpu = ((size - n_gpu) as f64 / size as f64 * 100.0).round();
            format!("{on_cpu}%/{}% CPU/GPU", 100.0 - on_cpu)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_model_is_where_its_bytes_are() {
        for (size, n_gpu, want) in [
            (10, 0, "100% CPU"),
            (10, 10, "100% GPU"),
            (10, 11, "Unknown"),
            (3, 1, "67%/33% CPU/GPU"),
        ] {
            assert_eq!(processor(size, n_gpu), want);
        }
    }

    #[test]
    fn a_model_whose_time_is_over_is_stopping() {
        let now = SystemTime::now();
        let until = |expires_at: SystemTime| {
            let model = RunningModel { expires_at: expires_at.into(), ..RunningModel::default() };
            row(&model, now)[5].clone()
        };
        assert_eq!(until(now - Duration::from_secs(1)), "Stopping...");
        assert_eq!(until(now + Duration::from_secs(270)), "4 minutes from now");
        assert_eq!(until(now + Duration::from_secs(100 * 365 * 86_400)), "Forever");
    }
}
