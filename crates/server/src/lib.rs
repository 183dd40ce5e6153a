//! HTTP to any [`Service`](camelid_api_types::Service) and back, and nothing else.
//!
//! The crate knows the wire types and the trait; what answers behind it, a model in this process, a
//! client of another server or a test's fake, it does not know. It reads no environment and no files:
//! everything is handed in with [`Config`].
//!
//! - [`router`] makes an axum router of a service; tests call it without a port.
//! - [`serve`] runs a router on a listener until told to stop.
//! - [`ApiKeys`] say who may ask what, [`Tls`] keeps it between the two.
//! - [`Origins`] and [`HostFilter`] decide which web pages may talk to the server.
//!
//! The way of a request: id, log and counts (`observe`, `meters`), CORS (`cors`), `Host` filter
//! (`host_filter`), key (`auth`), route (`routes`), body (`payload`), handler (`handlers`), service
//! (`app`), answer as one object (`json_body`) or as lines (`answer`). A failure at any point is an
//! `ApiError`, which `failure` alone turns into a status. When the server ends, `cut_off` ends what
//! is under way.
//!
//! OpenAI's and Anthropic's requests (`openai`, `anthropic`) are translated to native ones here, at
//! the edge, and the native answer's parts to theirs (`choices`, `sse`); what both do alike is in
//! `dialect`, `format` and `native_options`. `openapi` describes all routes.
#![forbid(unsafe_code)]

mod answer;
mod anthropic;
mod app;
mod auth;
mod choices;
mod config;
mod cors;
mod cut_off;
mod dialect;
mod failure;
mod fallback;
mod format;
mod handlers;
mod host_filter;
mod ids;
mod json_body;
mod keys;
mod meters;
mod native_options;
mod observe;
mod openai;
mod openapi;
mod origins;
mod panics;
mod payload;
mod rerank;
mod routes;
mod serve;
mod sse;
mod tls;
mod unknown_fields;

pub use config::Config;
pub use cut_off::CutOff;
pub use host_filter::HostFilter;
pub use keys::{ApiKey, ApiKeys, InvalidHash, Scope, UnknownScope};
pub use origins::{OriginDecision, OriginError, Origins};
pub use routes::router;
pub use serve::{ConnectionLimits, ServeOptions, serve, serve_with};
pub use tls::{Tls, TlsError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
