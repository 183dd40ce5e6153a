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
pub(super) const MAX_SOURCE: usize = 1 << 20;
/// Engine instructions per render; a chat of 1,000 messages takes about 300,000.
pub(super) const MAX_STEPS: u64 = 20_000_000;
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

