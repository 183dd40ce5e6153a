//! What HTTP and JSON cost.
//!
//! ```text
//! cargo run --release -p camelid-benches --bin serving [FILE.gguf [TOKENS]]
//! ```
//!
//! With a file, how fast the model writes for a caller of the engine, of the runtime, and of the
//! server, the same text each time, in turns. Without one, the same of the bundled model, and how
//! many frames a second many clients get at once: of it, and of a service that has the next part as
//! soon as the last one is taken. Server and clients share the machine.
#![allow(clippy::print_stdout, reason = "this is what the program is for")]

mod fast;
mod model;
mod wire;

use std::{error::Error, sync::Arc, time::Duration};

use camelid_api_types::Service;
use camelid_server::{Config, router, serve};
use tokio::{net::TcpListener, sync::oneshot};

use self::{
    fast::Fast,
    wire::{Ask, DIALECTS, Read},
};

/// How many clients read at once.
const CROWDS: [usize; 3] = [1, 20, 200];
/// Frames of each measurement, for all clients together.
const N_FRAMES: usize = 60_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next();
    let n_tokens = arguments.next().map_or(Ok(128), |text| text.parse())?;
    if file.is_none() {
        fast_frames()?;
    }
    model::compare(file.as_deref(), n_tokens)
}

/// Frames that the server alone can send.
fn fast_frames() -> Result<()> {
    println!("frames a second, all clients together, from a service that costs nothing");
    for dialect in DIALECTS {
        for n_clients in CROWDS {
            let n_parts = N_FRAMES / n_clients;
            let ask = Ask { dialect, model: "fast", n_tokens: n_parts };
            let service = Arc::new(Fast { n_parts });
            let reads = served(service, |address| wire::read_all(address, ask, n_clients))?;
            let speed = all_frames(&reads);
            println!("  {:<20} {n_clients:>4} clients {speed:>9.0}", dialect.path());
        }
    }
    Ok(())
}

/// What reached all readers, by the time of the slowest, per second.
fn all_frames(reads: &[Read]) -> f64 {
    let longest = reads.iter().map(|read| read.whole).max().unwrap_or_default();
    rate(reads.iter().map(|read| read.n_frames).sum(), longest)
}

/// `n` per second.
fn rate(n: usize, time: Duration) -> f64 {
    n as f64 / time.as_secs_f64()
}

/// What `ask` finds at a service's address, while it is served by threads of its own.
fn served<T>(
    service: Arc<dyn Service>,
    ask: impl FnOnce(std::net::SocketAddr) -> Result<T>,
) -> Result<T> {
    let server = tokio::runtime::Runtime::new()?;
    let listener = server.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = server.spawn(serve(listener, router(service, Config::default()), async {
        // Either way it is over.
        drop(stopped.await);
    }));
    let found = ask(address);
    drop(stop);
    server.block_on(serving)??;
    found
}
