//! Prints the machine's limits and the share of them that each kernel reaches.
//!
//! `kernel-shares [THREADS] [KERNELS [TYPE...]]`, by default all cores, the best kernels, and
//! attention and all types of weights; with types named, these alone.
#![expect(clippy::print_stdout, reason = "a report is what this program is for")]

use std::time::Instant;

use camelid_benches::{data, limits};
use camelid_gguf::TensorType;
use camelid_kernels::{
    Attention, Cpu, Kernels, KvPool, KvType, Matrix, PAGE_LEN, Query, ThreadTeam,
};

/// Rows and columns of the matrices: a small model's.
const DIM: usize = 2048;
/// Together larger than any cache.
const WEIGHT_BYTES: usize = 192 << 20;
const N_RUNS: usize = 7;

fn main() {
    let mut args = std::env::args().skip(1);
    let team = match args.next().and_then(|n| n.parse().ok()) {
        Some(n_threads) => ThreadTeam::new(n_threads),
        None => ThreadTeam::with_available(),
    };
    let kernels = args.next().map_or(Kernels::detect(), |name| {
        Kernels::by_name(&name).expect("kernels that this CPU can run")
    });
    println!("kernels {}, {} threads", kernels.name(), team.n_threads());
    println!("starting a parallel step: {:.2} us", 1e6 * step_time(&team));
    let limits = Limits {
        read: limits::read_bandwidth(&team) / 1e9,
        dot8: limits::dot8_rate(&team).map(|rate| rate / 1e9),
        fma: limits::fma_rate(&team).map(|rate| rate / 1e9),
    };
    println!("read bandwidth {:.1} GB/s", limits.read);
    print_limit("8-bit dot product", limits.dot8);
    print_limit("f32 multiply-add", limits.fma);
    let cpu = Cpu::new(kernels, team);
    let names: Vec<String> = args.collect();
    if names.is_empty() {
        report_attention(&cpu, &limits);
    }
    let wanted = |ty: TensorType| names.is_empty() || names.iter().any(|name| name == ty.name());
    println!("\nweights    1 token           8 tokens  512 tokens");
    for &ty in TensorType::ALL.iter().filter(|&&ty| Cpu::supports(ty) && wanted(ty)) {
        report(&cpu, ty, &limits);
    }
}

/// In units of 1e9 per second.
struct Limits {
    read: f64,
    dot8: Option<f64>,
    fma: Option<f64>,
}

fn print_limit(what: &str, limit: Option<f64>) {
    match limit {
        Some(limit) => println!("{what} {limit:.0} G multiply-adds/s"),
        None => println!("{what}: not measured on this CPU"),
    }
}

/// The rate, and its share where the limit is known.
fn with_share(rate: f64, limit: Option<f64>) -> String {
    limit.map_or(format!("{rate:.0} G/s"), |limit| {
        format!("{rate:.0} G/s ({:.0} %)", 100.0 * rate / limit)
    })
}

/// Seconds of an empty parallel step, once the team is hot.
fn step_time(team: &ThreadTeam) -> f64 {
    const N_STEPS: usize = 2000;
    best_time(|| (0..N_STEPS).for_each(|_| team.run(team.n_threads(), |_| ()))) / N_STEPS as f64
}

fn best_time(run: impl Fn()) -> f64 {
    (0..N_RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn report(cpu: &Cpu, ty: TensorType, limits: &Limits) {
    let row_bytes = ty.row_bytes(DIM).expect("rows of whole blocks");
    let n_matrices = WEIGHT_BYTES.div_ceil(DIM * row_bytes);
    let bytes = data::weights(ty, n_matrices * DIM, DIM);
    let matrices: Vec<Matrix<'_>> = bytes
        .chunks_exact(DIM * row_bytes)
        .map(|bytes| Matrix::new(ty, DIM, DIM, bytes).expect("bytes of the matrix's length"))
        .collect();
    let time = |n_tokens: usize, matrices: &[Matrix<'_>]| {
        let x = data::noise(n_tokens * DIM, 1);
        let mut out = vec![0.0; n_tokens * DIM];
        let out = std::cell::RefCell::new(&mut out);
        best_time(|| matrices.iter().for_each(|w| cpu.matmul(w, &x, &mut out.borrow_mut())))
            / matrices.len() as f64
    };
    let decode = time(1, &matrices);
    let read = (DIM * row_bytes) as f64 / decode / 1e9;
    let eight = 8.0 * decode / time(8, &matrices);
    let prefill = 512.0 * (DIM * DIM) as f64 / time(512, &matrices[..1]) / 1e9;
    let limit = match ty {
        TensorType::F32 | TensorType::BF16 => limits.fma,
        // Products of 16-bit integers, half as many to an instruction.
        TensorType::F16 => limits.dot8.map(|rate| rate / 2.0),
        _ => limits.dot8,
    };
    println!(
        "{:8} {read:5.1} GB/s ({:2.0} %) {eight:5.1} times {:>18}",
        ty.name(),
        100.0 * read / limits.read,
        with_share(prefill, limit),
    );
}

/// A small model's attention behind a long context, for every type of cache.
fn report_attention(cpu: &Cpu, limits: &Limits) {
    let spec = Attention::new(32, 8, 64);
    let n_context = 8192;
    let n_pages = n_context / PAGE_LEN;
    let slots: Vec<usize> = (0..n_context).collect();
    let kv_len = n_context * spec.n_head_kv * spec.head_dim;
    let (k, v) = (data::noise(kv_len, 2), data::noise(kv_len, 3));
    let pages: Vec<u32> = (0..n_pages as u32).collect();
    println!("\nattention, 32 heads of 64 over 8, context {n_context}");
    println!("cache   1 query                        64 queries");
    for ty in KvType::ALL {
        let new = || {
            let mut kv = KvPool::new(ty, n_pages, spec.n_head_kv, spec.head_dim);
            kv.store(&slots, &k, &v);
            kv
        };
        // Together larger than the caches.
        let layers: Vec<KvPool> = (0..8).map(|_| new()).collect();
        let time = |n_queries: usize, layers: &[KvPool]| {
            let queries: Vec<Query<'_>> = (0..n_queries)
                .map(|i| Query::causal(&pages, n_context - n_queries + 1 + i))
                .collect();
            let q = data::noise(n_queries * spec.n_head * spec.head_dim, 4);
            let out = std::cell::RefCell::new(vec![0.0; q.len()]);
            best_time(|| {
                layers.iter().for_each(|kv| {
                    cpu.attention(&spec, kv, &queries, &q, &mut out.borrow_mut());
                });
            }) / layers.len() as f64
        };
        let one = time(1, &layers);
        let read = layers[0].n_bytes() as f64 / one / 1e9;
        let many = time(64, &layers[..1]);
        let rate = (2 * 64 * spec.n_head * spec.head_dim * n_context) as f64 / many / 1e9;
        println!(
            "{:5} {:5.0} us, {read:5.1} GB/s ({:2.0} %)   {:6.1} ms, {}",
            ty.name(),
            1e6 * one,
            100.0 * read / limits.read,
            1e3 * many,
            with_share(rate, limits.fma),
        );
    }
}
