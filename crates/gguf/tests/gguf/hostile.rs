//! The 36 hostile files of the security record, and what each must be refused for.

use camelid_gguf::{Error, Gguf, Header, TensorProblem as Problem, ValueType};

use crate::allocations;
use crate::recipe::*;

/// Whether an error is the right one.
type IsRight = fn(&Error) -> bool;

/// Whether an error is about a tensor, for the given reason.
macro_rules! tensor_problem {
    ($problem:pat) => {
        |error| matches!(error, Error::Tensor { problem: $problem, .. })
    };
}

/// Whether an error is of the given kind.
macro_rules! error {
    ($error:pat) => {
        |error| matches!(error, $error)
    };
}

/// Name, bytes, and the reason for refusal.
type Case = (&'static str, Vec<u8>, IsRight);

fn lengths_and_counts() -> Vec<Case> {
    // A file of a length alone has no room for an entry, which is found first.
    let key_of_length = |n: u64| [header(0, 1), n.to_le_bytes().to_vec()].concat();
    let no_room: IsRight = error!(Error::Truncated { offset: 24, needed: 13, available: 8, .. });
    let long_key = |n| [key_of_length(n), vec![b'k'; 64]].concat();
    let array_entry = |ty, len| with_entry(&entry("a", ARRAY, array(ty, len)));
    let counts = |n_tensors, n_entries| [header(n_tensors, n_entries), architecture()].concat();
    let nested = array(ARRAY, 1).repeat(200_000);
    vec![
        ("f01 magic alone", b"GGUF".to_vec(), error!(Error::Truncated { offset: 4, .. })),
        ("f03 key of 2^63 bytes", key_of_length(1 << 63), no_room),
        (
            "f03 key of 2^63 bytes, with room",
            long_key(1 << 63),
            error!(Error::TooLarge { max: 65_535, .. }),
        ),
        ("f04 key of 2^62 bytes", key_of_length(1 << 62), no_room),
        (
            "f04 key of 2^62 bytes, with room",
            long_key(1 << 62),
            error!(Error::TooLarge { max: 65_535, .. }),
        ),
        ("f05 key of 8 GiB", key_of_length(8 << 30), no_room),
        (
            "f05 key of 8 GiB, with room",
            long_key(8 << 30),
            error!(Error::TooLarge { max: 65_535, .. }),
        ),
        ("f06 key of 1 GiB - 1", key_of_length((1 << 30) - 1), no_room),
        (
            "f06 key of 1 GiB - 1, with room",
            long_key((1 << 30) - 1),
            error!(Error::TooLarge { max: 65_535, .. }),
        ),
        ("f07 2^64 - 1 entries", counts(0, u64::MAX), error!(Error::TooLarge { .. })),
        ("f08 2^63 tensors", header(1 << 63, 0), error!(Error::TooLarge { .. })),
        ("f09 2^28 tensors", header(1 << 28, 0), error!(Error::TooLarge { .. })),
        ("f10 2^28 entries", counts(0, 1 << 28), error!(Error::TooLarge { .. })),
        ("f11 array of 2^62 u32", array_entry(U32, 1 << 62), error!(Error::TooLarge { .. })),
        ("f12 array of 2^30 u8", array_entry(U8, 1 << 30), error!(Error::TooLarge { .. })),
        ("f13 array of 2^30 strings", array_entry(STRING, 1 << 30), error!(Error::TooLarge { .. })),
        (
            "f14 200,000 nested arrays",
            with_entry(&entry("a", ARRAY, nested)),
            error!(Error::NestedTooDeep { max: 4, .. }),
        ),
    ]
}

fn metadata() -> Vec<Case> {
    let alignment = |value: u32| with_entry(&entry("general.alignment", U32, value.to_le_bytes()));
    let twice = entry("a", U32, [0; 4]);
    let version_1_empty_key =
        [&b"GGUF"[..], &1_u32.to_le_bytes(), &0_u32.to_le_bytes(), &1_u32.to_le_bytes(), &[0; 16]];
    vec![
        ("f18 alignment 0", alignment(0), error!(Error::InvalidAlignment { found: 0 })),
        ("f19 alignment 3", alignment(3), error!(Error::InvalidAlignment { found: 3 })),
        (
            "f20 alignment 2^31",
            alignment(1 << 31),
            error!(Error::InvalidAlignment { found: 0x8000_0000 }),
        ),
        (
            "f21 alignment as text",
            with_entry(&entry("general.alignment", STRING, string("32"))),
            error!(Error::WrongType { found: ValueType::String, expected: ValueType::U32, .. }),
        ),
        (
            "f25 value type 99",
            with_entry(&entry("a", 99, [0; 8])),
            error!(Error::UnknownValueType { found: 99, .. }),
        ),
        (
            "f26 key twice",
            [header(0, 2), twice.clone(), twice].concat(),
            error!(Error::DuplicateKey { .. }),
        ),
        (
            "f29 key not UTF-8",
            with_entry(&entry([0xFF, 0xFE], U32, [0; 4])),
            error!(Error::InvalidText { .. }),
        ),
        ("f30 version 1, empty key", version_1_empty_key.concat(), error!(Error::EmptyName { .. })),
        (
            "f31 version 0",
            versioned_header(0, 0, 0),
            error!(Error::UnsupportedVersion { found: 0 }),
        ),
        (
            "f32 version 2^31",
            versioned_header(1 << 31, 0, 0),
            error!(Error::UnsupportedVersion { found: 0x8000_0000 }),
        ),
        (
            "f36 boolean 7",
            with_entry(&entry("a", BOOL, [7])),
            error!(Error::InvalidBool { found: 7, .. }),
        ),
    ]
}

fn tensors() -> Vec<Case> {
    let one = |dims: &[u64], ty, offset| with_tensors(&[tensor("t", dims, ty, offset)], 64);
    let n_dims = |n_dims| with_tensors(&[tensor_with_n_dims("t", n_dims, &[1; 9], F32, 0)], 64);
    vec![
        ("f15 2^32 - 1 dimensions", n_dims(u32::MAX), tensor_problem!(Problem::DimCount { .. })),
        ("f16 9 dimensions", n_dims(9), tensor_problem!(Problem::DimCount { found: 9 })),
        (
            "f17 2^66 elements",
            one(&[1 << 33, 1 << 33], F32, 0),
            tensor_problem!(Problem::TooManyElements { .. }),
        ),
        (
            "f22 offset 2^64 - 32",
            one(&[4], F32, u64::MAX - 31),
            tensor_problem!(Problem::PastEnd { .. }),
        ),
        (
            "f23 data shorter than the tensor",
            one(&[1 << 20], F32, 0),
            tensor_problem!(Problem::PastEnd { n_bytes: 4_194_304, .. }),
        ),
        (
            "f24 tensor type 9999",
            one(&[4], 9999, 0),
            tensor_problem!(Problem::UnknownType { found: 9999 }),
        ),
        (
            "f27 tensor twice",
            with_tensors(&[tensor("t", &[4], F32, 0), tensor("t", &[4], F32, 32)], 64),
            tensor_problem!(Problem::DuplicateName),
        ),
        (
            "f28 two tensors at one place",
            with_tensors(&[tensor("t", &[4], F32, 0), tensor("u", &[4], F32, 0)], 64),
            tensor_problem!(Problem::Overlap { .. }),
        ),
        (
            "f33 Q4_K with rows of 33",
            one(&[33], Q4_K, 0),
            tensor_problem!(Problem::PartialBlock { row_len: 33, .. }),
        ),
        ("f34 dimension 0", one(&[0], F32, 0), tensor_problem!(Problem::ZeroDim { dim: 0 })),
        (
            "f35 offset 7",
            one(&[4], F32, 7),
            tensor_problem!(Problem::Misaligned { offset: 7, alignment: 32 }),
        ),
    ]
}

#[test]
fn hostile_files_are_refused_for_the_right_reason() {
    let cases = [lengths_and_counts(), metadata(), tensors()].concat();
    assert_eq!(cases.len(), 35 + 4, "f01 to f36 and 4 variants; f02 has its own test");
    for (name, bytes, is_right) in cases {
        let (result, usage) = allocations::count(|| Gguf::parse(&bytes[..]));
        let error = result.err().unwrap_or_else(|| panic!("{name} was accepted"));
        assert!(is_right(&error), "{name}: {error}");
        assert!(usage.peak < 4096, "{name} took {} bytes of memory", usage.peak);
    }
}

#[test]
fn hostile_streams_are_refused_for_the_right_reason() {
    let cases = [lengths_and_counts(), metadata(), tensors()].concat();
    for (name, bytes, is_right) in cases {
        // That data is missing shows only where the data is, and a stream's length is unknown.
        let is_about_length = ["f03", "f04", "f05", "f06"].contains(&&name[..3]);
        if name.starts_with("f23") || is_about_length && !name.ends_with("with room") {
            continue;
        }
        let error = Header::read(&bytes[..]).err().unwrap_or_else(|| panic!("{name} was accepted"));
        assert!(is_right(&error), "{name}: {error}");
    }
}

#[test]
fn f02_empty_file_is_no_model() {
    let bytes = header(0, 0);
    let gguf = Gguf::parse(&bytes[..]).unwrap();
    assert!(gguf.metadata().is_empty() && gguf.tensors().is_empty());
    let error = gguf.require_architecture().unwrap_err();
    assert_eq!(error.to_string(), "metadata key `general.architecture` is missing");
}

#[test]
fn withdrawn_types_are_refused_with_a_reason() {
    for (number, name) in [(4, "Q4_2"), (31, "Q4_0_4_4"), (38, "IQ4_NL_8_8")] {
        let bytes = with_tensors(&[tensor("t", &[256], number, 0)], 1024);
        let error = Gguf::parse(&bytes[..]).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("no longer supported"), "{error}");
    }
}

#[test]
fn arrays_nest_as_deep_as_allowed_and_no_deeper() {
    let nested = |levels: usize| {
        let outer = array(ARRAY, 1).repeat(levels - 1);
        with_entry(&entry("a", ARRAY, [outer, array(U8, 2), vec![5, 6]].concat()))
    };
    for levels in 1..=4 {
        let bytes = nested(levels);
        crate::touch_everything(&Gguf::parse(&bytes[..]).unwrap());
    }
    let error = Gguf::parse(&nested(5)[..]).unwrap_err();
    assert!(matches!(error, Error::NestedTooDeep { .. }), "{error}");
}

#[test]
fn empty_arrays_within_arrays_are_walked_over() {
    let inner = [array(ARRAY, 2), array(U8, 0), array(STRING, 0)].concat();
    let value = [array(ARRAY, 3), array(ARRAY, 0), inner, array(U8, 1), vec![9]].concat();
    let bytes = with_entry(&entry("a", ARRAY, value));
    crate::touch_everything(&Gguf::parse(&bytes[..]).unwrap());
}

#[test]
fn largest_alignments_are_accepted_and_beyond_refused() {
    for (alignment, is_allowed) in [(4, false), (8, true), (1 << 20, true), (1 << 21, false)] {
        let alignment: u32 = alignment;
        let bytes = with_entry(&entry("general.alignment", U32, alignment.to_le_bytes()));
        assert_eq!(Gguf::parse(&bytes[..]).is_ok(), is_allowed, "{alignment}");
    }
}

#[test]
fn names_are_bounded() {
    for (n_bytes, is_allowed) in [(0, false), (1, true), (64, true), (65, false)] {
        let bytes = with_tensors(&[tensor(&"n".repeat(n_bytes), &[4], F32, 0)], 64);
        assert_eq!(Gguf::parse(&bytes[..]).is_ok(), is_allowed, "tensor name of {n_bytes}");
    }
    for (n_bytes, is_allowed) in [(0, false), (1, true), (65_535, true), (65_536, false)] {
        let bytes = with_entry(&entry("k".repeat(n_bytes), U8, [1]));
        assert_eq!(Gguf::parse(&bytes[..]).is_ok(), is_allowed, "key of {n_bytes}");
    }
}

#[test]
fn errors_say_where() {
    let bytes = with_entry(&entry("a", ARRAY, [array(STRING, 2), string("b")].concat()));
    let error = Gguf::parse(&bytes[..]).unwrap_err().to_string();
    // The architecture's entry ends at byte 69; then come key (9 bytes), type (4), array head (12).
    assert_eq!(error, "array of metadata key `a` at byte 94: needs 16 bytes, 9 left in the file");
}
