//! `camelid serve`

use std::{io::ErrorKind, sync::Arc};

use anyhow::{Context, Result, anyhow};
use camelid_api_types::HostAddress;
use camelid_runtime::{Catalog, Runtime, registry::PruneOptions};
use camelid_server::{Config, CutOff, HostFilter, Origins, ServeOptions};
use tokio::net::TcpListener;

use super::preload::preload;
use crate::{
    connection::{runtime_config, store},
    environment::Environment,
    settings::Settings,
};

/// Serves the models at hand until the program is told to stop.
pub(crate) async fn serve(environment: &Environment, settings: &Settings) -> Result<()> {
    let listener = listen(&environment.host).await?;
    let address = listener.local_addr().context("the listener has no address")?;
    let keys = settings.keys()?;
    if !address.ip().is_loopback() && keys.is_empty() {
        tracing::warn!(
            "{address} can be reached from other machines, and there is no API key: \
             anybody there may use, change and remove models"
        );
    }
    let options = ServeOptions {
        limits: settings.limits()?,
        tls: settings.tls()?,
        cut_off: CutOff::default(),
    };
    let config = Config {
        origins: Origins::with_extra(&environment.origins).context("OLLAMA_ORIGINS")?,
        host_filter: HostFilter::for_listener(address, &environment.hosts).map(|mut filter| {
            filter.names.extend(gethostname::gethostname().into_string());
            filter
        }),
        max_body_bytes: settings.max_body_bytes(),
        keys,
        logs_bodies: settings.logs_bodies(),
        is_strict: environment.is_strict,
        cut_off: options.cut_off.clone(),
    };
    let runtime = Runtime::new(served_catalog(environment)?, served_config(environment)?);
    let router = camelid_server::router(Arc::new(runtime.clone()), config);
    let stop = stop_signal()?;
    tracing::info!("Listening on {address} (version {})", env!("CARGO_PKG_VERSION"));
    #[cfg(unix)]
    crate::service_manager::ready();
    let models = environment.preload.clone();
    let preloading = tokio::spawn(async move { preload(&runtime, &models).await });
    camelid_server::serve_with(listener, router, options, stop).await?;
    preloading.abort();
    tracing::info!("stopped");
    Ok(())
}

/// The environment's settings, and who the user is to registries.
fn served_config(environment: &Environment) -> Result<camelid_runtime::Config> {
    #[cfg_attr(not(feature = "transfer"), expect(unused_mut, reason = "nothing is added"))]
    let mut config = runtime_config(environment);
    #[cfg(feature = "transfer")]
    {
        let home = environment.home.as_deref();
        if let Err(error) = crate::keys::ensure(home) {
            // Models of a registry that asks for no key can be had all the same.
            tracing::warn!(%error, "no key pair for registries could be made");
        }
        config.transfer.credentials = crate::keys::credentials(home)?;
    }
    Ok(config)
}

/// What is bundled, and the store, swept first.
fn served_catalog(environment: &Environment) -> Result<Catalog> {
    let Some(store) = store(environment)? else { return Ok(Catalog::bundled()) };
    if !environment.keeps_unused {
        match store.prune(&PruneOptions::default()) {
            Ok(pruned) => {
                tracing::info!(n_files = pruned.files.len(), "unused blobs removed");
            }
            // It can be done next time.
            Err(error) => tracing::warn!(%error, "unused blobs stay"),
        }
    }
    Ok(Catalog::bundled().with_store(store))
}

async fn listen(host: &HostAddress) -> Result<TcpListener> {
    let mut failure = anyhow!("there is no address to listen on");
    for authority in host.listen_authorities() {
        match TcpListener::bind(&authority).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return Err(anyhow!("listen tcp {authority}: bind: address already in use"));
            }
            Err(error) => failure = anyhow!("listen tcp {authority}: {error}"),
        }
    }
    Err(failure)
}

/// Completes when the program is interrupted or told to end.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            crate::service_manager::stopping();
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
