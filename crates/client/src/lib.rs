//! [`Service`](camelid_api_types::Service) over HTTP: what a program asks of models elsewhere.
//!
//! [`Client`] speaks Ollama's API to a server named by a URL, ours or another. It is made of hyper
//! alone, and needs a tokio runtime to run in. There is no TLS yet: an `https` URL is refused when
//! the client is made.
//!
//! Streams are lines of JSON (`lines`); a line `{"error": ...}` and a stream that ends before its
//! `done` both become an error, so whoever reads to the end has the whole answer. Dropping a stream
//! closes its connection, which tells the server to stop.
#![forbid(unsafe_code)]

mod api_key;
mod client;
mod failure;
mod lines;
mod parts;
mod service;

pub use api_key::{ApiKey, InvalidApiKey};
pub use client::{Client, InvalidBaseUrl};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
