//! Pulling and pushing, as far as they are built in.

#[cfg(not(feature = "transfer"))]
mod absent;
#[cfg(feature = "transfer")]
mod present;

#[cfg(feature = "transfer")]
pub(crate) use present::Downloads;
