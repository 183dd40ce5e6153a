//! What one render may cost.
//!
//! `minijinja` counts instructions itself; bytes are counted here. A [`Meter`] lies among the
//! template's variables for the time of a render, so that the value printer and the filters,
//! which see nothing but the engine's state, can charge it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use minijinja::value::Object;
use minijinja::{Error, ErrorKind, State, Value};

use super::error::OverBudget;

/// Longest template accepted, in bytes; the longest known one is 40 KiB.
pub(super) const MAX_SOURCE: usize = 256 << 10;
/// Engine instructions for a render of up to [`FEW_MESSAGES`]; the heaviest known template takes
/// about 300 a message.
const MAX_STEPS: u64 = 400_000;
/// Messages above which a render may take more steps.
const FEW_MESSAGES: u64 = 200;
/// Steps for each message above those.
const STEPS_PER_MESSAGE: u64 = 1_000;
/// Stack for each step: a value nests one level per step at most, and the engine's deepest recursion
/// into values, printing, takes about 640 bytes a level.
const STACK_PER_STEP: u64 = 640;
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

/// Bytes printed in one render, including into variables and macros.
pub(super) const MAX_OUTPUT: u64 = 64 << 20;
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
        if before.saturating_add(n_bytes) > MAX_OUTPUT {
            return Err(Error::new(ErrorKind::InvalidOperation, "output limit")
                .with_source(OverBudget(MAX_OUTPUT)));
        }
        Ok(())
    }
}

impl Object for Meter {}

/// Charges `n_bytes` to the render that `state` belongs to.
pub(super) fn charge(state: &State<'_, '_>, n_bytes: usize) -> Result<(), Error> {
    let Some(value) = state.lookup(METER) else { return Ok(()) };
    match value.downcast_object_ref::<Meter>() {
        Some(meter) => meter.charge(n_bytes as u64),
        None => Ok(()),
    }
}

/// Collects a render's output and fails once it grows past [`MAX_OUTPUT`].
#[derive(Debug, Default)]
pub(super) struct Prompt {
    bytes: Vec<u8>,
}

impl Prompt {
    /// The text; the engine writes nothing but whole `str`s.
    pub(super) fn into_string(self) -> String {
        String::from_utf8(self.bytes).expect("because the engine writes only whole strings")
    }
}

impl io::Write for Prompt {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + piece.len()) as u64 > MAX_OUTPUT {
            return Err(io::Error::other(OverBudget(MAX_OUTPUT)));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
