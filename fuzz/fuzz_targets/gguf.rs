//! Feeds bytes to the GGUF reader and, if it accepts them, to the writer.

#![no_main]

#[path = "../../crates/gguf/tests/gguf/agreement.rs"]
mod agreement;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    agreement::check(bytes);
});
