use proptest::prelude::*;

use super::*;
use crate::rope::Pairing;

impl KvPool {
    /// A slot's keys and values of one head, as they were rounded.
    pub(crate) fn read(&self, slot: usize, head_kv: usize) -> (Vec<f32>, Vec<f32>) {
        let (page, offset) = self.place(slot, head_kv);
        let (mut k, mut v) = (vec![0.0; self.head_dim], vec![0.0; self.head_dim]);
        self.k.read(page, offset, &mut k);
        self.v.as_ref().unwrap_or(&self.k).read(page, offset, &mut v);
        (k, v)
    }
}

/// How far an element may be off, relative to the largest of its row.
fn tolerance(ty: KvType) -> f32 {
    match ty {
        KvType::F32 => 0.0,
        KvType::F16 => 0.0005,
        KvType::BF16 => 0.004,
        KvType::Q8_0 => 0.005,
        KvType::Q4_0 => 0.13,
    }
}

fn assert_close(got: &[f32], want: &[f32], tolerance: f32, what: &str) {
    let largest = want.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= tolerance * largest, "{what}: {got}, expected {want}");
    }
}

/// Two heads, three pages, tokens in slots 1, 0, 32 and 95.
fn filled(ty: KvType, head_dim: usize) -> (KvPool, Vec<f32>, Vec<f32>) {
    let mut pool = KvPool::new(ty, 3, 2, head_dim);
    let k: Vec<f32> = (0..8 * head_dim).map(|i| (i * 37 % 101) as f32 - 50.0).collect();
    let v: Vec<f32> = k.iter().rev().map(|k| -k).collect();
    pool.store(&[1, 0, 32, 95], &k, &v);
    (pool, k, v)
}

#[test]
fn a_saved_page_is_the_same_in_another_place() {
    for ty in KvType::ALL {
        for head_dim in [1, 20, 64] {
            let (pool, ..) = filled(ty, head_dim);
            let mut bytes = Vec::new();
            pool.save_page(0, &mut bytes);
            assert_eq!(bytes.len(), pool.page_bytes());
            let mut other = KvPool::new(ty, 2, 2, head_dim);
            other.load_page(1, &bytes);
            for (slot, head) in [(0, 0), (1, 1)] {
                assert_eq!(other.read(PAGE_LEN + slot, head), pool.read(slot, head), "{ty:?}");
            }
            assert_eq!(other.read(0, 0).0, vec![0.0; head_dim], "the other page stays");
        }
    }
    let mut latents = KvPool::of_latents(KvType::F16, 2, 1, 8);
    latents.store(&[3], &[1.5; 8], &[1.5; 8]);
    let mut bytes = Vec::new();
    latents.save_page(0, &mut bytes);
    latents.load_page(1, &bytes);
    assert_eq!(latents.read(PAGE_LEN + 3, 0).0, [1.5; 8]);
}

#[test]
fn slots_keep_what_they_were_given() {
    for ty in KvType::ALL {
        for head_dim in [1, 16, 20, 32, 80] {
            let (mut pool, k, v) = filled(ty, head_dim);
            let row = |x: &[f32], token: usize, head: usize| {
                x[(2 * token + head) * head_dim..][..head_dim].to_vec()
            };
            let check = |pool: &KvPool, slot, token| {
                for head in 0..2 {
                    let (got_k, got_v) = pool.read(slot, head);
                    let what = format!("{ty:?} {head_dim} slot {slot}");
                    assert_close(&got_k, &row(&k, token, head), tolerance(ty), &what);
                    assert_close(&got_v, &row(&v, token, head), tolerance(ty), &what);
                }
            };
            for (slot, token) in [(1, 0), (0, 1), (32, 2), (95, 3)] {
                check(&pool, slot, token);
            }
            pool.copy_page(0, 1, 2);
            pool.move_slot(95, 34);
            for (slot, token) in [(1, 0), (33, 0), (32, 1), (34, 3), (95, 3)] {
                check(&pool, slot, token);
            }
        }
    }
}

#[test]
fn narrow_types_take_less_memory() {
    let bytes = |ty| KvPool::new(ty, 2, 2, 64).n_bytes();
    let n_elems = 2 * 2 * 2 * 64 * PAGE_LEN;
    let want = [4 * n_elems, 2 * n_elems, 2 * n_elems, n_elems * 34 / 32, n_elems * 18 / 32];
    assert_eq!(KvType::ALL.map(bytes).to_vec(), want);
    assert_eq!(KvType::F16.page_bytes(usize::MAX, 64), None);
}

#[test]
fn types_have_names() {
    for ty in KvType::ALL {
        assert_eq!(KvType::from_name(ty.name()), Some(ty));
        assert_eq!(KvType::from_name(&ty.name().to_uppercase()), Some(ty));
    }
    assert_eq!(KvType::from_name("q5_1"), None);
}

#[test]
#[cfg_attr(miri, ignore = "Miri's sine is deliberately not exact")]
fn rotation_touches_the_keys_of_one_slot() {
    let rope = Rope::new(Pairing::Norm, 32, 1e4, 1.0, None).expect("a plain rope");
    for ty in KvType::ALL {
        let (mut pool, ..) = filled(ty, 32);
        let before: Vec<_> = [0, 1, 32].map(|slot| pool.read(slot, 1)).to_vec();
        pool.rotate(1, &rope, 7);
        let mut want = before[1].0.clone();
        rope.shift(&mut want, 32, 7);
        let (k, v) = pool.read(1, 1);
        assert_close(&k, &want, tolerance(ty), &format!("{ty:?}"));
        assert_eq!(v, before[1].1);
        assert_eq!([0, 32].map(|slot| pool.read(slot, 1)), [before[0].clone(), before[2].clone()]);
    }
}

#[test]
fn what_is_too_large_stays_finite_in_f16() {
    let mut pool = KvPool::new(KvType::F16, 1, 1, 2);
    pool.store(&[0], &[1e9, f32::NEG_INFINITY], &[f32::NAN, 1.0]);
    let (k, v) = pool.read(0, 0);
    assert_eq!(k, [65504.0, -65504.0]);
    assert!(v[0].is_nan() && v[1] == 1.0);
}

#[test]
#[should_panic(expected = "slot 96 is beyond the pool's 3 pages")]
fn a_slot_beyond_the_pool_is_refused() {
    KvPool::new(KvType::F32, 3, 2, 2).store(&[96], &[0.0; 4], &[0.0; 4]);
}

#[test]
#[should_panic(expected = "empty or too large")]
fn an_empty_pool_is_refused() {
    KvPool::new(KvType::F32, 3, 0, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 64 }))]

    #[test]
    fn any_row_comes_back(
        x in proptest::collection::vec(-1e4f32..1e4, 1..70),
        small in 0.0f32..1.0,
        slot in 0usize..64,
    ) {
        // A block of small numbers beside one of large ones keeps its own scale.
        let mut x = x;
        x.iter_mut().take(32).for_each(|x| *x *= small);
        for ty in KvType::ALL {
            let mut pool = KvPool::new(ty, 2, 1, x.len());
            pool.store(&[slot], &x, &x);
            let (k, v) = pool.read(slot, 0);
            prop_assert_eq!(&k, &v);
            for (got, want) in k.chunks(32).zip(x.chunks(32)) {
                assert_close(got, want, tolerance(ty), &format!("{ty:?}"));
            }
        }
    }
}
