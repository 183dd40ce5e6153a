use super::*;
use crate::kv_pool::KvType;

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

struct Case {
    kv: KvPool,
    /// As the pool has rounded them.
    k: Vec<f32>,
    v: Vec<f32>,
    pages: Vec<u32>,
}

/// A sequence of `n_tokens` in pages laid out from page `first_page` on, backwards.
fn case(spec: &Attention, ty: KvType, n_tokens: usize, first_page: u32) -> Case {
    let slot_len = spec.n_head_kv * spec.head_dim;
    let n_pages = n_tokens.div_ceil(PAGE_LEN).max(1) as u32;
    let mut kv = KvPool::new(ty, (first_page + n_pages) as usize, spec.n_head_kv, spec.head_dim);
    let pages: Vec<u32> = (first_page..first_page + n_pages).rev().collect();
    let slots: Vec<usize> =
        (0..n_tokens).map(|i| pages[i / PAGE_LEN] as usize * PAGE_LEN + i % PAGE_LEN).collect();
    kv.store(&slots, &noise(n_tokens * slot_len, 1), &noise(n_tokens * slot_len, 2));
    let (mut k, mut v) = (Vec::new(), Vec::new());
    for &slot in &slots {
        for head_kv in 0..spec.n_head_kv {
            let (head_k, head_v) = kv.read(slot, head_kv);
            k.extend(head_k);
            v.extend(head_v);
        }
    }
    Case { kv, k, v, pages }
}

/// How far results may be off: queries meet codes in 8 bits, which errs by up to 1/254 of their
/// largest lane, times the scale of the scores; everything else is f32.
fn tolerance(ty: KvType, spec: &Attention) -> f32 {
    match ty {
        KvType::F32 | KvType::F16 | KvType::BF16 => 2e-5,
        KvType::Q8_0 | KvType::Q4_0 => 0.012 * spec.scale.max(0.5),
    }
}

/// The textbook form in f64.
fn textbook(spec: &Attention, case: &Case, q: &[f32], query: &Query<'_>) -> Vec<f32> {
    let (dim, slot_len) = (spec.head_dim, spec.n_head_kv * spec.head_dim);
    let Query { n_visible, pos, .. } = *query;
    let window = spec.window.map_or(0, |window| n_visible.saturating_sub(window));
    let first = window.max(query.first);
    let mut out = Vec::new();
    for (head, q) in q.chunks_exact(dim).enumerate() {
        let row = |data: &[f32], i: usize| {
            data[i * slot_len + head / spec.n_rep() * dim..][..dim].to_vec()
        };
        let scores: Vec<f64> = (first..n_visible)
            .map(|i| {
                let k = row(&case.k, i);
                let dot: f64 = q.iter().zip(&k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                let score = dot * f64::from(spec.scale);
                let score = spec
                    .softcap
                    .map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh());
                let slope = spec.alibi_slopes.as_ref().map_or(0.0, |slopes| slopes[head]);
                score - f64::from(slope) * pos.abs_diff(i) as f64
            })
            .collect();
        let sink = spec.sinks.as_ref().map(|sinks| f64::from(sinks[head]));
        let max = scores.iter().copied().chain(sink).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
        let sum = weights.iter().sum::<f64>() + sink.map_or(0.0, |sink| (sink - max).exp());
        for d in 0..dim {
            let value: f64 = weights
                .iter()
                .enumerate()
                .map(|(i, w)| w * f64::from(row(&case.v, first + i)[d]))
                .sum();
            out.push((value / sum) as f32);
        }
    }
    out
}

fn assert_close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance, "{what}: element {i} is {got}, expected {want}");
    }
}

#[test]
fn equals_the_textbook_form() {
    let plain = Attention::new(4, 2, 20);
    let specs = [
        plain.clone(),
        Attention { window: Some(5), ..plain.clone() },
        Attention { softcap: Some(2.0), ..plain.clone() },
        Attention { alibi_slopes: Some(vec![0.5, 0.25, 0.125, 0.0]), ..plain.clone() },
        Attention { window: Some(40), sinks: Some(vec![0.0, 3.0, -2.0, 1.0]), ..plain.clone() },
        Attention { scale: 3.0, ..plain },
    ];
    // Miri is some hundred times slower.
    let n_tokens = if cfg!(miri) { 34 } else { 150 };
    let specs = if cfg!(miri) { &specs[4..5] } else { &specs[..] };
    for spec in specs {
        let types = if cfg!(miri) { &[KvType::F16][..] } else { &KvType::ALL };
        for &ty in types {
            let case = case(spec, ty, n_tokens, 1);
            let visible = if cfg!(miri) {
                vec![n_tokens]
            } else {
                vec![1, 2, 31, 32, 33, 34, 35, 36, 37, n_tokens - 1, n_tokens]
            };
            let causal = visible.iter().map(|&n_visible| Query::causal(&case.pages, n_visible));
            // From the middle of what it sees, or with what lies far back hidden.
            let free = causal.clone().map(|query| Query {
                first: query.n_visible / 3,
                pos: query.n_visible / 2,
                ..query
            });
            let queries: Vec<Query<'_>> = causal.chain(free).collect();
            let q = noise(queries.len() * 80, 3);
            for kernels in Kernels::available() {
                let mut out = vec![f32::NAN; q.len()];
                let team = ThreadTeam::new(2);
                attention((kernels, &team), spec, &case.kv, &queries, (&q, &mut out));
                for (i, query) in queries.iter().enumerate() {
                    let want = textbook(spec, &case, &q[i * 80..][..80], query);
                    let what = format!("{} {ty:?} {spec:?} {query:?}", kernels.name());
                    assert_close(&out[i * 80..][..80], &want, tolerance(ty, spec), &what);
                }
            }
        }
    }
}

#[test]
fn long_contexts_and_many_heads_equal_the_textbook_form() {
    let wide = Attention { window: Some(1500), ..Attention::new(16, 1, 36) };
    let specs = [wide, Attention::new(2, 2, 64)];
    for spec in specs.iter().filter(|_| !cfg!(miri)) {
        for ty in KvType::ALL {
            let n_tokens = 2 * RANGE + 40;
            let case = case(spec, ty, n_tokens, 0);
            let token_len = spec.n_head * spec.head_dim;
            let q = noise(2 * token_len, 4);
            let queries =
                [n_tokens - 1, n_tokens].map(|n_visible| Query::causal(&case.pages, n_visible));
            let mut out = vec![f32::NAN; q.len()];
            let team = ThreadTeam::new(2);
            attention((Kernels::detect(), &team), spec, &case.kv, &queries, (&q, &mut out));
            let want = textbook(spec, &case, &q[token_len..], &queries[1]);
            assert_close(
                &out[token_len..],
                &want,
                tolerance(ty, spec),
                &format!("{ty:?} {spec:?}"),
            );
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri's exp is deliberately not deterministic")]
fn bits_do_not_depend_on_batch_pages_or_threads() {
    let spec = Attention::new(4, 2, 16);
    let n_tokens = RANGE + 100;
    for ty in KvType::ALL {
        let (a, b) = (case(&spec, ty, n_tokens, 0), case(&spec, ty, n_tokens, 5));
        let q = noise(40 * 64, 5);
        let run = |case: &Case, n_threads: usize, range: std::ops::Range<usize>| {
            let n_visible = |i| n_tokens - 39 + i;
            let queries: Vec<Query<'_>> =
                range.clone().map(|i| Query::causal(&case.pages, n_visible(i))).collect();
            let mut out = vec![0.0; range.len() * 64];
            let team = ThreadTeam::new(n_threads);
            let q = &q[range.start * 64..range.end * 64];
            attention((Kernels::detect(), &team), &spec, &case.kv, &queries, (q, &mut out));
            out
        };
        let all = run(&a, 1, 0..40);
        assert_eq!(all, run(&b, 3, 0..40), "{ty:?}");
        assert_eq!(all[64..128], run(&b, 2, 1..2), "{ty:?}");
        assert_eq!(all[64..20 * 64], run(&b, 2, 1..20), "{ty:?}");
    }
}

#[test]
fn what_lies_behind_the_last_key_does_not_matter() {
    let spec = Attention::new(2, 1, 4);
    let mut case = case(&spec, KvType::F32, 3, 0);
    let pages = case.pages.clone();
    let queries = [Query::causal(&pages, 3)];
    let run = |kv: &KvPool| {
        let mut out = [0.0; 8];
        let team = ThreadTeam::new(1);
        attention((Kernels::detect(), &team), &spec, kv, &queries, (&[1.0; 8], &mut out));
        out
    };
    let before = run(&case.kv);
    case.kv.store(&[3], &[f32::NAN; 4], &[f32::NAN; 4]);
    assert_eq!(run(&case.kv), before);
}

#[test]
fn a_query_that_sees_nothing_gives_zeros() {
    let spec = Attention::new(2, 1, 4);
    let case = case(&spec, KvType::F32, 3, 0);
    let mut out = [1.0; 8];
    let team = ThreadTeam::new(1);
    let query = Query::causal(&[], 0);
    attention((Kernels::detect(), &team), &spec, &case.kv, &[query], (&[1.0; 8], &mut out));
    assert_eq!(out, [0.0; 8]);
}

#[test]
#[should_panic(expected = "query sees 65 tokens in 2 pages of 32")]
fn too_few_pages_are_refused() {
    let spec = Attention::new(1, 1, 4);
    let case = case(&spec, KvType::F32, 64, 0);
    let query = Query::causal(&case.pages, 65);
    let team = ThreadTeam::new(1);
    attention((Kernels::detect(), &team), &spec, &case.kv, &[query], (&[0.0; 4], &mut [0.0; 4]));
}

/// Eight query heads over one key head that is its own value, and the same with a copy of it.
#[test]
#[cfg_attr(miri, ignore = "minutes of work")]
fn values_that_are_the_keys_need_no_copy() {
    let (n_tokens, head_dim) = (70, 40);
    let spec = Attention::new(8, 1, head_dim);
    let team = ThreadTeam::new(2);
    let slots: Vec<usize> = (0..n_tokens).collect();
    let k = noise(n_tokens * head_dim, 3);
    let pages = [0, 1, 2];
    let queries: Vec<Query<'_>> =
        (60..=n_tokens).map(|n_visible| Query::causal(&pages, n_visible)).collect();
    let q = noise(queries.len() * 8 * head_dim, 4);
    for ty in KvType::ALL {
        let mut once = KvPool::of_latents(ty, 3, 1, head_dim);
        let mut twice = KvPool::new(ty, 3, 1, head_dim);
        let outs = [&mut once, &mut twice].map(|kv| {
            kv.store(&slots, &k, &k);
            kv.copy_page(2, 1, 6);
            let mut out = vec![0.0; q.len()];
            attention((Kernels::detect(), &team), &spec, kv, &queries, (&q, &mut out));
            out
        });
        for (once, twice) in outs[0].iter().zip(&outs[1]) {
            assert!((once - twice).abs() < 1e-5, "{ty:?}: {once} {twice}");
        }
        assert!(once.n_bytes() < twice.n_bytes());
    }
}
