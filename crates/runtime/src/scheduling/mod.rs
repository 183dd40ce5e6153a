//! Which models are in memory, who uses them, when they come and when they go.
//!
//! A model is loaded by the first request that needs it and stays while any [`Lease`] on it is
//! held. When the last one is dropped, its keep-alive time begins; when that has passed without
//! another request, the model goes. Requests for models that are here go straight to them. Loads
//! wait in line, and the first in line makes room: it lets the model go that was idle for longest,
//! or waits for one that is in use.

mod lease;
mod loaded;
mod memory;
mod residents;
mod scheduler;

pub(crate) use lease::Lease;
pub(crate) use loaded::{LoadError, Loaded, Needs};
pub(crate) use memory::{Estimate, available_memory};
pub(crate) use residents::Snapshot;
pub(crate) use scheduler::{Limits, Plan, Scheduler};
