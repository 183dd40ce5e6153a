//! Accepting connections, and ending well.
//!
//! HTTP/1.1, with TLS where there is a certificate, and with the limits that axum's own `serve`
//! lacks: headers must arrive in time and be of moderate size, and there are only so many
//! connections. After the shutdown signal nobody is let in; requests under way may finish for a
//! while. Then they are cut off: a stream ends with an error as its last frame, and what does not
//! end even so loses its connection, so that the server always ends.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cut_off::CutOff;
use crate::tls::Tls;

/// How long to wait after `accept` failed, as it does when file descriptors run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How long answers have that were cut off to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a connection may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The time for a request's headers to arrive, counted anew for each request; also that for a
    /// TLS handshake.
    pub header_timeout: Duration,
    /// The size of a request's line and headers, in bytes.
    pub max_header_bytes: usize,
    /// Connections at once; more wait to be accepted.
    pub max_connections: usize,
    /// The time that requests under way have after the shutdown signal.
    pub shutdown_grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(30),
            max_header_bytes: 64 << 10,
            max_connections: 4096,
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

/// How a router is served.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// What a connection may cost.
    pub limits: ConnectionLimits,
    /// The certificate; without one, connections are plain.
    pub tls: Option<Tls>,
    /// The same as in the router's [`Config`](crate::Config), so that answers hear when the time is
    /// up.
    pub cut_off: CutOff,
}

impl From<ConnectionLimits> for ServeOptions {
    fn from(limits: ConnectionLimits) -> Self {
        Self { limits, ..Self::default() }
    }
}

/// Serves `router` on `listener` until `shutdown` completes, with the default limits.
///
/// # Errors
/// When the listener cannot be used at all; failures of single connections are not errors.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with(listener, router, ServeOptions::default(), shutdown).await
}

/// [`serve`] with options of one's own.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    options: impl Into<ServeOptions>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let ServeOptions { limits, tls, cut_off } = options.into();
    // Before the first connection, so that a socket that is none is noticed.
    listener.local_addr()?;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(limits.max_header_bytes);
    let door = Arc::new(Door { builder, router, tls, handshake_timeout: limits.header_timeout });
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let has_room = connections.len() < limits.max_connections;
        tokio::select! {
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(Arc::clone(&door).connect(stream, graceful.watcher()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(ended) = connections.join_next() => log_end(ended),
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    let mut drained = pin!(graceful.shutdown());
    if timeout(limits.shutdown_grace, &mut drained).await.is_err() {
        tracing::warn!("requests still under way are cut off");
        cut_off.cut();
        if timeout(LAST_WORDS, drained).await.is_err() {
            tracing::warn!("connections that do not end are closed");
        }
    }
    connections.shutdown().await;
    Ok(())
}

/// What every connection comes through.
struct Door {
    builder: http1::Builder,
    router: Router,
    tls: Option<Tls>,
    handshake_timeout: Duration,
}

impl Door {
    async fn connect(self: Arc<Self>, stream: TcpStream, watcher: Watcher) {
        // Parts of an answer are small and must not wait for each other.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "parts of answers may be delayed");
        }
        match &self.tls {
            None => self.converse(stream, watcher).await,
            Some(tls) => match timeout(self.handshake_timeout, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.converse(stream, watcher).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            },
        }
    }

    async fn converse<S>(&self, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(self.router.clone());
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

fn log_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // A panic while an answer was under way: the client sees it cut off.
        tracing::error!(%error, "a connection's task failed");
    }
}
