use super::*;

/// Where `scripts/dequantize_golden.c` wrote what ggml makes of the blocks of [`golden_blocks`].
const GOLDEN: &str = include_str!("../../testdata/dequantize.txt");
const N_BLOCKS: usize = 4096;

/// The generator of the script.
fn golden_blocks(n_bytes: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..n_bytes).map(|_| next()).collect()
}

/// FNV-1a over the floats' bits, NaNs made equal.
fn hash(floats: &[f32]) -> u64 {
    floats
        .iter()
        .map(|x| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() })
        .flat_map(u32::to_le_bytes)
        .fold(14_695_981_039_346_656_037, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
        })
}

#[test]
#[cfg_attr(miri, ignore = "millions of elements")]
fn every_format_dequantizes_to_the_bits_of_ggml() {
    let mut n_formats = 0;
    for line in GOLDEN.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let format = FORMATS
            .iter()
            .find(|format| format.ty.name().eq_ignore_ascii_case(fields[0]))
            .unwrap_or_else(|| panic!("no format {}", fields[0]));
        let mut floats = vec![0.0; N_BLOCKS * format.len];
        format.dequantize(&golden_blocks(N_BLOCKS * format.bytes), &mut floats);
        for (i, want) in fields[2..].iter().enumerate() {
            let want = f32::from_bits(u32::from_str_radix(want, 16).unwrap());
            let got = floats[i];
            let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
            assert!(same, "{}: element {i} is {got}, ggml has {want}", fields[0]);
        }
        assert_eq!(format!("{:016x}", hash(&floats)), fields[1], "{}", fields[0]);
        n_formats += 1;
    }
    assert_eq!(n_formats, FORMATS.len(), "a format without golden values");
}

#[test]
fn rows_that_end_within_a_panel() {
    // Miri is some hundred times slower.
    for format in FORMATS.iter().step_by(if cfg!(miri) { 8 } else { 1 }) {
        let n_blocks = 256 / format.len + 1;
        let blocks = golden_blocks(n_blocks * format.bytes);
        let mut floats = vec![0.0; n_blocks * format.len];
        format.dequantize(&blocks, &mut floats);
        let mut last = vec![0.0; format.len];
        format.dequantize(&blocks[(n_blocks - 1) * format.bytes..], &mut last);
        let tail = &floats[(n_blocks - 1) * format.len..];
        assert_eq!(hash(tail), hash(&last), "{}", format.ty);
    }
}

#[test]
fn floats_are_read_exactly() {
    let mut out = [0.0; 2];
    dequantize(TensorType::BF16, &[0x80, 0x3f, 0x00, 0xc0], &mut out);
    assert_eq!(out, [1.0, -2.0]);
    dequantize(TensorType::F16, &[0x00, 0x3c, 0x01, 0x00], &mut out);
    assert_eq!(out, [1.0, 5.960_464_5e-8]);
    dequantize(TensorType::F32, &[0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf], &mut out);
    assert_eq!(out, [1.0, -0.5]);
}

#[test]
fn integers_have_no_arithmetic() {
    assert!(!is_supported(TensorType::I32) && !is_supported(TensorType::Q8_K));
}
