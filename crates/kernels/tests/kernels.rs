//! The crate as a decoder uses it.

use camelid_gguf::TensorType;
use camelid_kernels::{
    Activation, Attention, Cpu, Kernels, KvPool, KvType, Matrix, PAGE_LEN, Pairing, Query, Rope,
    ThreadTeam,
};

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

fn bytes(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn assert_close(x: &[f32], y: &[f32], tolerance: f32, what: &str) {
    assert_eq!(x.len(), y.len(), "{what}");
    for (i, (x, y)) in x.iter().zip(y).enumerate() {
        assert!((x - y).abs() <= tolerance, "{what}: element {i} is {x}, expected {y}");
    }
}

const N_HEAD: usize = 4;
const N_HEAD_KV: usize = 2;
const HEAD_DIM: usize = 16;
const DIM: usize = N_HEAD * HEAD_DIM;

/// One layer with float weights.
struct Layer {
    norm: Vec<f32>,
    q: Vec<u8>,
    k: Vec<u8>,
    v: Vec<u8>,
    up: Vec<u8>,
    rope: Rope,
}

impl Layer {
    fn new() -> Self {
        let kv_dim = N_HEAD_KV * HEAD_DIM;
        Self {
            norm: noise(DIM, 1),
            q: bytes(&noise(DIM * DIM, 2)),
            k: bytes(&noise(DIM * kv_dim, 3)),
            v: bytes(&noise(DIM * kv_dim, 4)),
            up: bytes(&noise(DIM * DIM, 5)),
            rope: Rope::new(Pairing::Neox, HEAD_DIM, 1e4, 1.0, None).expect("a plain rope"),
        }
    }

    fn project(&self, cpu: &Cpu, weights: &[u8], n_rows: usize, x: &[f32]) -> Vec<f32> {
        let w = Matrix::new(TensorType::F32, n_rows, DIM, weights).expect("whole rows");
        let mut out = vec![0.0; x.len() / DIM * n_rows];
        cpu.matmul(&w, x, &mut out);
        out
    }

    /// Runs tokens at `first..` of one sequence.
    fn forward(
        &self,
        cpu: &Cpu,
        kv: &mut KvPool,
        pages: &[u32],
        first: usize,
        x: &[f32],
    ) -> Vec<f32> {
        let n_tokens = x.len() / DIM;
        let pos: Vec<u32> = (first..first + n_tokens).map(|pos| pos as u32).collect();
        let mut normed = vec![0.0; x.len()];
        cpu.rms_norm(x, &self.norm, 1e-5, &mut normed);
        let mut q = self.project(cpu, &self.q, DIM, &normed);
        let mut k = self.project(cpu, &self.k, N_HEAD_KV * HEAD_DIM, &normed);
        let v = self.project(cpu, &self.v, N_HEAD_KV * HEAD_DIM, &normed);
        cpu.rope(&mut q, N_HEAD, HEAD_DIM, &pos, &self.rope);
        cpu.rope(&mut k, N_HEAD_KV, HEAD_DIM, &pos, &self.rope);
        let slot = |pos: usize| pages[pos / PAGE_LEN] as usize * PAGE_LEN + pos % PAGE_LEN;
        let slots: Vec<usize> = (first..first + n_tokens).map(slot).collect();
        kv.store(&slots, &k, &v);
        let queries: Vec<Query<'_>> =
            (first..first + n_tokens).map(|pos| Query::causal(pages, pos + 1)).collect();
        let mut out = vec![0.0; q.len()];
        let spec = Attention::new(N_HEAD, N_HEAD_KV, HEAD_DIM);
        cpu.attention(&spec, kv, &queries, &q, &mut out);
        cpu.add(&mut out, x);
        let mut gate = self.project(cpu, &self.up, DIM, &out);
        cpu.activate_mul(Activation::Silu, &mut gate, &out);
        gate
    }
}

fn pool() -> KvPool {
    KvPool::new(KvType::F16, 4, N_HEAD_KV, HEAD_DIM)
}

#[test]
#[cfg_attr(miri, ignore = "Miri's exp is deliberately not deterministic")]
fn a_prompt_in_one_batch_equals_token_by_token() {
    let layer = Layer::new();
    let x = noise(80 * DIM, 6);
    for kernels in Kernels::available() {
        let cpu = Cpu::new(kernels, ThreadTeam::new(2));
        let at_once = layer.forward(&cpu, &mut pool(), &[2, 0, 3, 1], 0, &x);
        let mut kv = pool();
        let one_by_one: Vec<f32> = x
            .chunks(DIM)
            .enumerate()
            .flat_map(|(pos, x)| layer.forward(&cpu, &mut kv, &[0, 1, 2, 3], pos, x))
            .collect();
        assert!(at_once == one_by_one, "{}", kernels.name());
    }
}

#[test]
fn every_row_of_kernels_gives_the_same_layer() {
    let layer = Layer::new();
    let x = noise(20 * DIM, 7);
    let run = |kernels| {
        layer.forward(&Cpu::new(kernels, ThreadTeam::new(1)), &mut pool(), &[1, 0], 0, &x)
    };
    let want = run(Kernels::by_name("scalar").unwrap());
    let largest = want.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    for kernels in Kernels::available() {
        assert_close(&run(kernels), &want, 1e-4 * largest, kernels.name());
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri's exp is deliberately not deterministic")]
fn concurrent_callers_get_their_own_results() {
    let layer = Layer::new();
    let cpu = Cpu::new(Kernels::detect(), ThreadTeam::new(3));
    let x = noise(8 * DIM, 8);
    let want = layer.forward(&cpu, &mut pool(), &[0], 0, &x);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert!(layer.forward(&cpu, &mut pool(), &[0], 0, &x) == want);
                }
            });
        }
    });
}

#[test]
fn shifted_keys_equal_keys_stored_at_the_new_position() {
    let rope = Rope::new(Pairing::Norm, HEAD_DIM, 1e4, 1.0, None).unwrap();
    let cpu = Cpu::new(Kernels::detect(), ThreadTeam::new(1));
    let spec = Attention::new(N_HEAD, N_HEAD_KV, HEAD_DIM);
    let (k, v, q) = (noise(32, 9), noise(32, 10), noise(DIM, 11));
    let result = |pos: u32, delta: i32| {
        let mut kv = KvPool::new(KvType::F32, 1, N_HEAD_KV, HEAD_DIM);
        let mut k = k.clone();
        cpu.rope(&mut k, N_HEAD_KV, HEAD_DIM, &[pos], &rope);
        kv.store(&[0], &k, &v);
        kv.store(&[1], &noise(32, 12), &noise(32, 13));
        kv.rotate(0, &rope, delta);
        let mut out = vec![0.0; DIM];
        cpu.attention(&spec, &kv, &[Query::causal(&[0], 2)], &q, &mut out);
        out
    };
    assert_close(&result(40, -30), &result(10, 0), 1e-5, "shifted by -30");
}

#[test]
fn gathered_rows_are_the_dequantised_ones() {
    let cpu = Cpu::new(Kernels::detect(), ThreadTeam::new(2));
    // Q8_0 rows with scale 1: the values are the signed bytes.
    let rows: Vec<u8> = (0..3u8)
        .flat_map(|r| [0x00, 0x3c].into_iter().chain((0..32).map(move |i| i * 3 + r)))
        .collect();
    let table = Matrix::new(TensorType::Q8_0, 3, 32, &rows).unwrap();
    let mut out = vec![0.0; 64];
    cpu.gather(&table, &[2, 0], &mut out);
    let want: Vec<f32> =
        [2, 0].iter().flat_map(|r| (0..32).map(move |i| (i * 3 + r) as f32)).collect();
    assert_eq!(out, want);
}

#[test]
#[should_panic(expected = "row 3 of 3")]
fn an_id_beyond_the_table_is_refused() {
    let cpu = Cpu::new(Kernels::detect(), ThreadTeam::new(1));
    let rows = vec![0; 3 * 34];
    let table = Matrix::new(TensorType::Q8_0, 3, 32, &rows).unwrap();
    cpu.gather(&table, &[3], &mut [0.0; 32]);
}
