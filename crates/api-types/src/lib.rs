//! What goes over the wire, and the one trait that answers it.
//!
//! A program that serves models, one that calls them and the tests of both meet here and nowhere
//! else. The crate has no HTTP stack and no async runtime; it depends on none of ours.
//!
//! Where to start:
//! - [`Service`]: a method per operation. The runtime implements it in the process, the client over
//!   HTTP, and the server turns any implementation into HTTP.
//! - [`ollama`]: requests and answers of Ollama's own API, which are also the native types.
//! - [`openai`], [`anthropic`], [`rerank`]: other dialects, which the server translates to the native
//!   types and back.
//! - [`ApiError`]: why an operation failed, as far as a caller may act on it.
//! - [`json`]: the decoder and the encoder, which follow Go's rules as clients expect them.
//! - [`HostAddress`], [`duration`]: the small languages of addresses and durations.
//!
//! Feature `openapi` gives every type of the wire its `utoipa::ToSchema`.
//!
//! ```
//! use camelid_api_types::{json, ollama::ChatRequest};
//!
//! let request: ChatRequest = json::decode(br#"{"model":"tiny","keep_alive":"5m"}"#)?;
//! assert_eq!(request.model, "tiny");
//! # Ok::<(), json::DecodeError>(())
//! ```
#![forbid(unsafe_code)]

pub mod anthropic;
pub mod duration;
mod error;
mod host_address;
pub mod json;
pub mod ollama;
pub mod openai;
#[cfg(feature = "openapi")]
mod openapi;
pub mod rerank;
mod service;
mod text_enum;
mod timestamp;

pub use error::{ApiError, ErrorKind};
pub use host_address::{HostAddress, PortWarning, Scheme};
pub use service::{BlobOutcome, ByteStream, ResponseStream, Service};
pub use timestamp::{InvalidTimestamp, Timestamp};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
