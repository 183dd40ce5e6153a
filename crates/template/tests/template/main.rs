//! The crate against recorded answers of the reference implementations, and the bundled model.

mod conformance;
mod tiny;
