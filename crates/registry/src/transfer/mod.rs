//! Pull and push: models between a store and a registry.
//!
//! The protocol is that of Docker's and the OCI's distribution specification, with Ollama's media
//! types and login; `hf.co/<user>/<repository>:<quantisation>` is such a registry too, with a way
//! of its own (`hub`) to models of several files.
//!
//! A registry is not trusted: what it sends is limited, checked against the digest it was asked
//! for before it becomes visible, and never says where something is stored. Where requests go and
//! what they carry is decided in `session`, `address` and `login`.
//!
//! ```no_run
//! use camelid_registry::transfer::{Event, Options, pull};
//! use camelid_registry::{Reference, Store};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open("models")?;
//! let reference = Reference::parse("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M")?;
//! pull(&store, &reference, &Options::default(), &|event: Event| {
//!     println!("{}", event.status());
//! })
//! .await?;
//! # Ok(())
//! # }
//! ```

mod address;
mod body;
mod challenge;
mod download;
mod error;
mod hub;
mod login;
mod meter;
mod options;
mod partial;
mod progress;
mod pull;
mod push;
mod retry;
mod session;

pub use error::TransferError;
pub use options::{Credentials, Key, KeyFiles, Options};
pub use progress::{BlobProgress, Event, Progress};
pub use pull::pull;
pub use push::push;
