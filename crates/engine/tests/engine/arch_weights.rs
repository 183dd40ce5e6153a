//! Pseudo-random weights that follow from a tensor's name and an element's index.
//!
//! The same numbers as `tests/oracle/weights.py`, which documents how they are made.

/// FNV-1a, 64 bits.
fn key(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |key, byte| {
        (key ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// The finaliser of splitmix64.
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// `n` numbers in -1..1.
fn uniform(name: &str, n: usize) -> impl Iterator<Item = f64> {
    let key = key(name);
    (1..=n as u64).map(move |i| {
        let z = mix(key.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

/// The tensor `name`; `shape` is outermost first.
pub(crate) fn tensor(name: &str, shape: &[usize]) -> Vec<f32> {
    let n_cols = *shape.last().unwrap() as f64;
    let u = uniform(name, shape.iter().product());
    if name.contains("norm") && name.ends_with(".weight") {
        u.map(|u| (1.0 + u / 4.0) as f32).collect()
    } else if name.ends_with(".bias") || name.contains("sinks") {
        u.map(|u| (u / 4.0) as f32).collect()
    } else if name.ends_with("ssm_a") {
        u.map(|u| -(1.0 + 0.75 * u) as f32).collect()
    } else {
        let scale = (3.0 / n_cols).sqrt();
        u.map(|u| (u * scale) as f32).collect()
    }
}

/// The first numbers of three tensors, as the Python script makes them.
#[test]
fn weights_are_those_of_the_oracle() {
    let cases = [
        ("token_embd.weight", [96, 64], [0.043_263_47, 0.126_347_62, -0.092_418_72]),
        ("blk.1.attn_norm.weight", [64, 1], [0.769_609_33, 1.045_746, 1.133_829_6]),
        ("blk.0.attn_q.bias", [64, 1], [0.154_656_29, 0.124_276_1, -0.079_631]),
    ];
    for (name, shape, want) in cases {
        assert_eq!(tensor(name, &shape)[..3], want, "{name}");
    }
}
