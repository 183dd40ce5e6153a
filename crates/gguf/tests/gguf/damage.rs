//! Files cut short and with bytes changed: each gives an error or a file that can be used.

use std::fs;
use std::path::Path;

use camelid_gguf::{Error, Gguf};

use crate::{allocations, testdata, touch_everything};

/// Most bytes of memory that parsing a header of a given length may take. The smallest metadata
/// entry is 14 bytes of header, the smallest tensor 41; what stands for either is larger.
fn memory_for(header_len: usize) -> usize {
    16 * header_len + 4096
}

/// Parses and uses what comes out, in no more than `max_memory` bytes of memory.
fn parse(bytes: &[u8], max_memory: usize) -> Result<(), Error> {
    let (result, peak) = parse_and_measure(bytes);
    assert!(peak <= max_memory, "{peak} bytes of memory, {max_memory} allowed");
    result
}

fn parse_and_measure(bytes: &[u8]) -> (Result<(), Error>, usize) {
    let (result, usage) = allocations::count(|| {
        let gguf = Gguf::parse(bytes)?;
        touch_everything(&gguf);
        Ok(())
    });
    (result, usage.peak)
}

/// Twice what the undamaged bytes take.
fn twice_the_memory_of(bytes: &[u8]) -> usize {
    let (result, peak) = parse_and_measure(bytes);
    result.expect("because the bytes are not damaged yet");
    2 * peak
}

fn header_len(bytes: &[u8]) -> usize {
    usize::try_from(Gguf::parse(bytes).unwrap().data_start()).unwrap()
}

fn model() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/tiny");
    fs::read(folder.join("tiny-q8_0.gguf")).expect("because the bundled model is in the repository")
}

#[test]
fn model_cut_short_at_200_places_is_refused() {
    let bytes = model();
    let (header_len, memory) = (header_len(&bytes), twice_the_memory_of(&bytes));
    let in_header = (0..150).map(|i| i * header_len / 150);
    let in_data = (0..50).map(|i| header_len + i * (bytes.len() - header_len) / 50);
    for len in in_header.chain(in_data) {
        assert!(parse(&bytes[..len], memory).is_err(), "cut at {len}");
    }
}

#[test]
fn model_with_bytes_flipped_at_2000_places_is_refused_or_usable() {
    let mut bytes = model();
    let (header_len, memory) = (header_len(&bytes), twice_the_memory_of(&bytes));
    let mut refused = 0;
    for i in 0..2000 {
        // Odd steps over the header, so that all fields are hit; each time with another change.
        let at = i * 7919 % header_len;
        let change = u8::try_from(i % 255 + 1).unwrap();
        bytes[at] ^= change;
        refused += usize::from(parse(&bytes, memory).is_err());
        bytes[at] ^= change;
    }
    assert!(refused > 0 && refused < 2000, "{refused} of 2000 refused");
    parse(&bytes, memory).expect("because all changes were undone");
}

#[test]
fn golden_file_cut_anywhere_is_refused() {
    let bytes = fs::read(testdata("version-1.gguf")).unwrap();
    let gguf = Gguf::parse(&bytes[..]).unwrap();
    let last = gguf.tensors().last().unwrap();
    let end = usize::try_from(last.file_offset()).unwrap() + last.n_bytes();
    for len in 0..end {
        let error = parse(&bytes[..len], memory_for(len)).unwrap_err();
        let is_right = matches!(error, Error::Truncated { .. } | Error::Tensor { .. });
        assert!(is_right, "cut at {len}: {error}");
    }
    assert!(
        parse(&bytes[..end], memory_for(end)).is_ok(),
        "padding after the last tensor may be missing"
    );
}

#[test]
fn golden_file_with_any_byte_changed_is_refused_or_usable() {
    for name in ["version-1.gguf", "version-1-terminated.gguf", "version-2.gguf"] {
        let mut bytes = fs::read(testdata(name)).unwrap();
        let header_len = header_len(&bytes);
        for at in 0..header_len {
            for change in [0x01, 0x80, 0xFF] {
                bytes[at] ^= change;
                // Either is fine; what is tested is that neither panics nor takes memory.
                let _ = parse(&bytes, memory_for(header_len));
                bytes[at] ^= change;
            }
        }
    }
}

#[test]
fn memory_stays_in_proportion_for_the_smallest_entries() {
    use crate::recipe::{U8, entry, header, tensor};

    let n = 20_000;
    let entries: Vec<u8> = (0..n).flat_map(|i| entry(format!("{i}"), U8, [1])).collect();
    let tensors: Vec<u8> = (0..n).flat_map(|i| tensor(&format!("{i}"), &[1], 24, 32 * i)).collect();
    for bytes in [[header(0, n), entries].concat(), [header(n, 0), tensors].concat()] {
        let memory = memory_for(bytes.len());
        let bytes = crate::recipe::padded(bytes, 32 * usize::try_from(n).unwrap());
        parse(&bytes, memory).unwrap();
    }
}
