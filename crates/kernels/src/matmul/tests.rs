use half::f16;

use super::*;
use camelid_gguf::TensorType;

/// Deterministic noise in -1..1.
fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Weights of the type with values of the order of 1.
fn weights(ty: TensorType, n_elems: usize) -> Vec<u8> {
    let x = noise(n_elems, 7);
    match ty {
        TensorType::F32 => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
        TensorType::F16 => x.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect(),
        TensorType::BF16 => {
            x.iter().flat_map(|x| ((x.to_bits() >> 16) as u16).to_le_bytes()).collect()
        }
        _ => {
            let mut out = vec![0; n_elems / ty.block_len() * ty.block_bytes()];
            crate::quantize::quantize(ty, &x, None, &mut out).unwrap();
            out
        }
    }
}

fn product(w: &Matrix<'_>, x: &[f32], kernels: &Kernels, n_threads: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / w.n_cols() * w.n_rows()];
    matmul((kernels, &ThreadTeam::new(n_threads)), x, [(*w, &mut out[..])]);
    out
}

/// The product in f64 over dequantised weights.
fn textbook(w: &Matrix<'_>, x: &[f32]) -> Vec<f32> {
    let mut row = vec![0.0; w.n_cols()];
    let mut out = vec![0.0; x.len() / w.n_cols() * w.n_rows()];
    for r in 0..w.n_rows() {
        block::dequantize(w.tensor_type(), w.row(r), &mut row);
        for (t, x) in x.chunks_exact(w.n_cols()).enumerate() {
            let dot: f64 = row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            out[t * w.n_rows() + r] = dot as f32;
        }
    }
    out
}

const TYPES: [TensorType; 4] =
    [TensorType::F32, TensorType::F16, TensorType::BF16, TensorType::Q8_0];

/// As many tokens as F16 weights meet in codes, in every kernel row that has them.
const N_MANY: usize = 50;
/// How far a product may be off: of a group's largest, 8 bits err by up to 1/254 and 14 bits by up
/// to 1/8191.
fn tolerance(ty: TensorType, n_cols: usize, n_tokens: usize, kernels: &Kernels) -> f32 {
    match ty {
        TensorType::Q8_0 => 0.004 * (n_cols as f32).sqrt(),
        TensorType::F16 if n_tokens >= kernels.wide_from() => 1.8e-4 * (n_cols as f32).sqrt(),
        _ => 2e-5,
    }
}

#[test]
fn products_equal_the_textbook_form() {
    for ty in TYPES {
        for (n_rows, n_cols, n_tokens) in
            [(1, 32, 1), (17, 96, 3), (40, 288, 5), (16, 512, 14), (33, 320, N_MANY)]
        {
            // Many tokens are another way of F16 alone; of others they are the same bits as few.
            if n_tokens == N_MANY && ty != TensorType::F16 {
                continue;
            }
            // Miri is some hundred times slower.
            if cfg!(miri) && n_rows * n_cols > 2000 {
                continue;
            }
            let data = weights(ty, n_rows * n_cols);
            let w = Matrix::new(ty, n_rows, n_cols, &data).unwrap();
            let x = noise(n_tokens * n_cols, 9);
            let want = textbook(&w, &x);
            for kernels in Kernels::available() {
                let tolerance = tolerance(ty, n_cols, n_tokens, kernels);
                for (i, (got, want)) in product(&w, &x, kernels, 2).iter().zip(&want).enumerate() {
                    assert!(
                        (got - want).abs() <= tolerance,
                        "{} {ty} [{n_rows}, {n_cols}] x {n_tokens}: {i} is {got}, expected {want}",
                        kernels.name()
                    );
                }
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_batch_or_threads() {
    let (n_rows, n_cols, n_tokens) = if cfg!(miri) { (17, 64, 5) } else { (50, 288, 2 * N_MANY) };
    for ty in TYPES {
        let data = weights(ty, n_rows * n_cols);
        let w = Matrix::new(ty, n_rows, n_cols, &data).unwrap();
        let x = noise(n_tokens * n_cols, 11);
        for kernels in Kernels::available() {
            let all = product(&w, &x, kernels, 3);
            // Few tokens and many are two ways of F16 weights.
            let few = if ty == TensorType::F16 && n_tokens >= kernels.wide_from() {
                x.chunks(n_cols).flat_map(|x| product(&w, x, kernels, 1)).collect()
            } else {
                all.clone()
            };
            for batch in [1, 2, 5, 12, 13, N_MANY] {
                let all = if batch < kernels.wide_from() { &few } else { &all };
                let parts: Vec<f32> = x
                    .chunks(batch * n_cols)
                    .flat_map(|x| product(&w, x, kernels, 1 + batch % 2))
                    .collect();
                assert!(*all == parts, "{} {ty} in batches of {batch}", kernels.name());
            }
        }
    }
}

#[test]
fn float_tails_of_any_length() {
    for ty in [TensorType::F32, TensorType::F16, TensorType::BF16] {
        for n_cols in [1, 2, 7, 15, 16, 17, 31, 33] {
            let data = weights(ty, 3 * n_cols);
            let w = Matrix::new(ty, 3, n_cols, &data).unwrap();
            for n_tokens in [2, N_MANY] {
                let x = noise(n_tokens * n_cols, 13);
                let want = textbook(&w, &x);
                for kernels in Kernels::available() {
                    let tolerance = tolerance(ty, n_cols, n_tokens, kernels);
                    for (got, want) in product(&w, &x, kernels, 1).iter().zip(&want) {
                        let close = (got - want).abs() <= tolerance;
                        assert!(close, "{} {ty} {n_cols} x {n_tokens}", kernels.name());
                    }
                }
            }
        }
    }
}

#[test]
fn products_together_have_the_bits_of_each_alone() {
    let n_cols = if cfg!(miri) { 32 } else { 512 };
    let mut types = vec![TensorType::Q8_0, TensorType::F16, TensorType::F32];
    if !cfg!(miri) {
        // Two that are rounded in one way, and one in another.
        types.extend([TensorType::Q4_K, TensorType::Q6_K, TensorType::Q5_K]);
    }
    let rows = [40, 3, 17, 64, 1, 33];
    let data: Vec<_> = types.iter().zip(rows).map(|(&ty, n)| weights(ty, n * n_cols)).collect();
    let matrices = types.iter().zip(rows).zip(&data);
    let matrices: Vec<_> =
        matrices.map(|((&ty, n), data)| Matrix::new(ty, n, n_cols, data).unwrap()).collect();
    for n_tokens in [1, 3, N_MANY] {
        let x = noise(n_tokens * n_cols, 17);
        for kernels in Kernels::available() {
            for n_threads in [1, 3] {
                let mut outs: Vec<_> =
                    rows.iter().zip(&types).map(|(n, _)| vec![f32::NAN; n * n_tokens]).collect();
                let products = matrices.iter().copied().zip(outs.iter_mut().map(Vec::as_mut_slice));
                matmul((kernels, &ThreadTeam::new(n_threads)), &x, products);
                for ((ty, w), out) in types.iter().zip(&matrices).zip(&outs) {
                    assert!(*out == product(w, &x, kernels, 1), "{} {ty}", kernels.name());
                }
            }
        }
    }
}

#[test]
fn empty_products() {
    let w = Matrix::new(TensorType::F32, 2, 0, &[]).unwrap();
    let mut out = [1.0; 4];
    let cpu = (Kernels::detect(), &ThreadTeam::new(1));
    matmul(cpu, &[], [(w, &mut out[..])]);
    assert_eq!(out, [0.0; 4]);
    let w = Matrix::new(TensorType::Q8_0, 0, 32, &[]).unwrap();
    matmul(cpu, &[], [(w, &mut [][..])]);
    matmul(cpu, &[], []);
}

#[test]
#[should_panic(expected = "matmul: weights [2, 4] with 7 activations and 4 outputs")]
fn lengths_that_do_not_fit_are_refused() {
    let data = [0; 32];
    let w = Matrix::new(TensorType::F32, 2, 4, &data).unwrap();
    matmul((Kernels::detect(), &ThreadTeam::new(1)), &[0.0; 7], [(w, &mut [0.0; 4][..])]);
}

#[test]
#[should_panic(expected = "matmul: weights of 4 columns and of others")]
fn products_of_different_activations_are_refused() {
    let data = [0; 32];
    let products = [(2, 4), (4, 2)]
        .map(|(n_rows, n_cols)| Matrix::new(TensorType::F32, n_rows, n_cols, &data).unwrap());
    let (mut one, mut other) = ([0.0; 4], [0.0; 16]);
    let outs = [&mut one[..], &mut other[..]];
    matmul((Kernels::detect(), &ThreadTeam::new(1)), &[0.0; 8], products.into_iter().zip(outs));
}
