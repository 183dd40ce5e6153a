//! A connection through bad weather: passes bytes on to a server, slowly, and cuts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What happens to connections.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    /// Bytes, both ways together, after which a connection is cut.
    pub(crate) cut_after: Option<u64>,
    /// The time that a KiB takes.
    pub(crate) delay_per_kib: Duration,
}

#[derive(Debug, Default)]
struct Counters {
    n_up: AtomicU64,
    n_down: AtomicU64,
    n_cut: AtomicU64,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    counters: Arc<Counters>,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr, weather: Weather) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counters = Arc::new(Counters::default());
        let shared = Arc::clone(&counters);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else { continue };
                tokio::spawn(connect(client, server, weather, Arc::clone(&shared)));
            }
        });
        Self { address, counters }
    }

    /// Bytes from client to server.
    pub(crate) fn n_up(&self) -> u64 {
        self.counters.n_up.load(Ordering::Relaxed)
    }

    /// Bytes from server to client.
    pub(crate) fn n_down(&self) -> u64 {
        self.counters.n_down.load(Ordering::Relaxed)
    }

    /// Connections that were cut.
    pub(crate) fn n_cut(&self) -> u64 {
        self.counters.n_cut.load(Ordering::Relaxed)
    }
}

async fn connect(client: TcpStream, server: TcpStream, weather: Weather, counters: Arc<Counters>) {
    let left = AtomicU64::new(weather.cut_after.unwrap_or(u64::MAX));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    // The first direction that ends, by itself or by a cut, ends both.
    tokio::select! {
        () = pump(client_read, server_write, &left, weather, &counters.n_up) => {}
        () = pump(server_read, client_write, &left, weather, &counters.n_down) => {}
    }
    if left.load(Ordering::Relaxed) == 0 {
        counters.n_cut.fetch_add(1, Ordering::Relaxed);
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    left: &AtomicU64,
    weather: Weather,
    counter: &AtomicU64,
) {
    let mut buffer = [0; 8 * 1024];
    while let Ok(n_read @ 1..) = from.read(&mut buffer).await {
        let n_allowed = left.load(Ordering::Relaxed).min(n_read as u64);
        left.fetch_sub(n_allowed, Ordering::Relaxed);
        counter.fetch_add(n_allowed, Ordering::Relaxed);
        let n_kib = u32::try_from(n_read / 1024).unwrap_or(0);
        tokio::time::sleep(weather.delay_per_kib * n_kib).await;
        if to.write_all(&buffer[..n_allowed as usize]).await.is_err() || n_allowed < n_read as u64 {
            return;
        }
    }
}
