//! What the crate promises, tested through its public interface.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod agreement;
mod allocations;
mod fuzz;
mod golden;
mod hostile;
mod recipe;
mod round_trip;
mod stream;

// Miri has no memory maps and would take hours over large files.
#[cfg(not(miri))]
mod damage;
#[cfg(not(miri))]
mod files;
#[cfg(not(miri))]
mod split;
#[cfg(not(miri))]
mod vocabulary;

use std::path::PathBuf;

use camelid_gguf::{Gguf, Value};

/// A file of this crate's golden data.
fn testdata(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", name].iter().collect()
}

/// Asks for everything a file holds, as a hostile file's reader would sooner or later.
fn touch_everything(gguf: &Gguf<&[u8]>) {
    for (key, value) in gguf.metadata().iter() {
        assert_eq!(gguf.metadata().get(key).map(|found| found.ty()), Some(value.ty()), "{key}");
        touch(value);
    }
    for tensor in gguf.tensors() {
        let found = gguf.tensor(tensor.name()).expect("because it is listed");
        assert_eq!(found.offset(), tensor.offset(), "{}", tensor.name());
        assert_eq!(gguf.tensor_data(tensor).len(), tensor.n_bytes());
    }
}

fn touch(value: Value<'_>) {
    if let Value::Array(array) = value {
        assert_eq!(array.values().map(touch).count(), array.len());
    }
}
