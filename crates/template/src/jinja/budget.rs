//! What one render may cost.
//!
//! `minijinja` counts instructions itself; the size of what they work on is counted here. A
//! [`Meter`] lies among the template's variables for the time of a render, so that the value
//! printer and the guards (`guard`), which see nothing but the engine's state, can charge it.

use std::sync::atomic::{AtomicU64, Ordering};

use minijinja::value::Object;
use minijinja::{Error, ErrorKind, State, Value};

use super::error::OverBudget;

/// Longest template accepted, in bytes; the longest known one is 40 KiB.
pub(super) const MAX_SOURCE: usize = 256 << 10;
/// Engine instructions for a render of up to [`FEW_MESSAGES`], guards included; the heaviest known
/// template takes about 900 a message.
const MAX_STEPS: u64 = 1_000_000;
/// Messages above which a render may take more steps.
const FEW_MESSAGES: u64 = 200;
/// Steps for each message above those.
const STEPS_PER_MESSAGE: u64 = 3_000;
/// Stack for each step: a value nests one level in two steps at most (making and weighing), and
/// the engine's deepest recursion into values, printing, takes about 640 bytes a level.
const STACK_PER_STEP: u64 = 320;
/// Largest stack that is asked for; it is reserved, and used by hostile templates alone.
const MAX_STACK: u64 = 1 << 30;

/// Steps that a render of so many messages may take.
pub(super) fn max_steps(n_messages: usize) -> u64 {
    let more = (n_messages as u64).saturating_sub(FEW_MESSAGES);
    MAX_STEPS.saturating_add(more.saturating_mul(STEPS_PER_MESSAGE))
}

/// Bytes of stack that hold any value made in so many steps.
pub(super) fn stack_size(steps: u64) -> usize {
    let size = steps.saturating_mul(STACK_PER_STEP).min(MAX_STACK);
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Bytes made, looked through and printed in one render, in all.
///
/// So a render holds no more memory than this beside what it was given, and takes seconds at
/// worst.
pub(super) const MAX_WORK: u64 = 256 << 20;
/// The variable under which the meter lies; no identifier of a template can spell it.
const METER: &str = "camelid meter";

/// Counts the bytes of one render.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bytes: AtomicU64,
}

impl Meter {
    /// The name and value to put among a render's variables.
    pub(super) fn variable() -> (&'static str, Value) {
        (METER, Value::from_object(Self::default()))
    }

    fn charge(&self, n_bytes: u64) -> Result<(), Error> {
        let before = self.bytes.fetch_add(n_bytes, Ordering::Relaxed);
        if before.saturating_add(n_bytes) > MAX_WORK {
            return Err(over_budget(OverBudget(MAX_WORK)));
        }
        Ok(())
    }
}

impl Object for Meter {}

/// Charges `n_bytes` to the render that `state` belongs to.
pub(super) fn charge(state: &State<'_, '_>, n_bytes: u64) -> Result<(), Error> {
    let Some(value) = state.lookup(METER) else { return Ok(()) };
    match value.downcast_object_ref::<Meter>() {
        Some(meter) => meter.charge(n_bytes),
        None => Ok(()),
    }
}

/// A broken limit as the engine's error; `classify` finds it there.
pub(super) fn over_budget(limit: OverBudget) -> Error {
    Error::new(ErrorKind::InvalidOperation, "byte limit").with_source(limit)
}
