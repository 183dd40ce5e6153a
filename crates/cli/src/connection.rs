//! Whom a command speaks to: the server, if one answers, or a runtime in this very process.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use camelid_api_types::{ErrorKind, Service};
use camelid_client::{ApiKey, Client};
use camelid_runtime::{
    Catalog, Config, Runtime,
    registry::{ModelName, Store, default_root},
};

use crate::environment::Environment;

/// The server at the configured address, or what there is without one.
pub(crate) async fn server_or_own(environment: &Environment) -> Result<Arc<dyn Service>> {
    match server(environment).await? {
        Some(client) => Ok(Arc::new(client)),
        None => {
            let runtime = Runtime::new(catalog(environment)?, runtime_config(environment));
            Ok(Arc::new(runtime))
        }
    }
}

/// The server at the configured address, or `None` where nobody listens.
pub(crate) async fn server(environment: &Environment) -> Result<Option<Client>> {
    let mut client = Client::new(&environment.host.base_url())?;
    if let Some(key) = Environment::api_key() {
        let key = ApiKey::new(&key.to_string_lossy()).context("CAMELID_API_KEY")?;
        client = client.with_key(key);
    }
    match client.ping().await {
        Ok(()) => Ok(Some(client)),
        Err(error) if error.kind == ErrorKind::Unreachable => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The server at the configured address.
///
/// # Errors
/// When nobody listens there.
pub(crate) async fn required_server(environment: &Environment) -> Result<Client> {
    server(environment).await?.with_context(|| {
        let url = environment.host.base_url();
        format!("no server is running at {url}; `camelid serve` starts one")
    })
}

/// A runtime in this process that knows one file, and the name it goes by.
pub(crate) fn own_file(
    path: &Path,
    environment: &Environment,
) -> Result<(Arc<dyn Service>, String)> {
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
        bail!("{}: the file's name is not text", path.display());
    };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let safe: String = stem.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect();
    let name: ModelName = format!("file-{safe}")
        .parse()
        .with_context(|| format!("{}: no model name can be made of this", path.display()))?;
    let mut catalog = Catalog::new();
    let text = name.to_string();
    catalog.add_file(name, path, None).with_context(|| path.display().to_string())?;
    Ok((Arc::new(Runtime::new(catalog, runtime_config(environment))), text))
}

/// What is bundled with the program, and the user's store where there is one.
pub(crate) fn catalog(environment: &Environment) -> Result<Catalog> {
    let catalog = Catalog::bundled();
    // A store is made by who puts something into it, not by looking.
    match store_root(environment).filter(|root| root.is_dir()) {
        None => Ok(catalog),
        Some(root) => Ok(catalog.with_store(open_store(&root)?)),
    }
}

/// The user's store, made if there is none; `None` where nobody says where it should be.
pub(crate) fn store(environment: &Environment) -> Result<Option<Store>> {
    store_root(environment).map(|root| open_store(&root)).transpose()
}

/// The folder of the user's store; `None` where nobody says where it should be.
pub(crate) fn store_root(environment: &Environment) -> Option<PathBuf> {
    match (&environment.models, &environment.home) {
        (None, None) => None,
        (models, home) => {
            let home = home.as_deref().unwrap_or(Path::new(""));
            Some(default_root(models.as_deref(), home))
        }
    }
}

fn open_store(root: &Path) -> Result<Store> {
    Store::open(root).with_context(|| format!("the store {}", root.display()))
}

/// The runtime's settings as the environment has them.
pub(crate) fn runtime_config(environment: &Environment) -> Config {
    let mut config = Config::default();
    config.n_ctx = environment.n_ctx.unwrap_or(config.n_ctx);
    config.n_parallel = environment.n_parallel.unwrap_or(config.n_parallel);
    config.n_waiting = environment.n_waiting.unwrap_or(config.n_waiting);
    config.max_loaded = environment.max_loaded.unwrap_or(config.max_loaded);
    config.kv_type = environment.kv_type.unwrap_or(config.kv_type);
    config.prune = !environment.keeps_unused;
    config.is_offline = environment.is_offline;
    config.keep_alive = environment.keep_alive.unwrap_or(config.keep_alive);
    config
}
