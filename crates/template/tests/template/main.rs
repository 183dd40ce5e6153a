//! The crate against recorded answers of the reference implementations, and the bundled model.

mod conformance;
mod golden;
mod hostile;
mod streams;
mod tiny;
