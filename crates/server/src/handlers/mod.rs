//! What each route does: take the request apart, ask the service, put the answer together.
//!
//! A module per area: `general` is about the server itself, `health` is for those who look after it,
//! `inference` asks models, `models` looks at and after them, `transfer` makes and moves them, `blobs`
//! takes their parts, `cloud` says that there is none.

pub(crate) mod blobs;
pub(crate) mod cloud;
pub(crate) mod general;
pub(crate) mod health;
pub(crate) mod inference;
pub(crate) mod models;
pub(crate) mod transfer;
