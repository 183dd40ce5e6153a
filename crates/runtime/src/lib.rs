//! From a model's name to its answers, in one process.
//!
//! [`Runtime`] implements [`Service`](camelid_api_types::Service) with the native engine: it finds
//! a model in its [`Catalog`], loads it when a request needs it, makes a prompt of the messages,
//! and turns the engine's pieces into a streamed answer. A program embeds it with the very
//! requests that others send over the network:
//!
//! ```
//! use camelid_api_types::{Service, ollama::{ChatRequest, Message}};
//! use camelid_runtime::{Catalog, Config, Runtime};
//! use futures_util::StreamExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), camelid_api_types::ApiError> {
//! let runtime = Runtime::new(Catalog::bundled(), Config::default());
//! let mut answer = runtime
//!     .chat(ChatRequest {
//!         model: "tiny".to_owned(),
//!         messages: vec![Message::user("What is the capital of France?")],
//!         ..ChatRequest::default()
//!     })
//!     .await?;
//! while let Some(part) = answer.next().await {
//!     print!("{}", part?.message.content);
//! }
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod answering;
mod catalog;
mod config;
mod error;
mod management;
mod prompting;
mod runtime;
mod scheduling;
mod service;

pub use camelid_registry as registry;
pub use catalog::{Catalog, CatalogError};
pub use config::{Config, KvType};
pub use runtime::Runtime;

#[cfg(all(doctest, feature = "bundled-tiny"))]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
