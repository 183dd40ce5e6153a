//! One layer's keys and values, in pages.
//!
//! A pool is two arrays, keys and values, each
//!
//! ```text
//! [n_pages][n_head_kv][page_len][head_dim]
//! ```
//!
//! so that attention, which takes one head at a time, reads neighbouring tokens as one piece. A
//! *slot* is a place for one token: `page * page_len + offset`. Which pages belong to which
//! sequence is the caller's business; the pool only stores, copies and turns.

use half::f16;

use crate::rope::Rope;

/// How keys and values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KvType {
    /// Exact.
    F32,
    /// Rounded to 11 significant bits; values beyond 65504 become infinite.
    F16,
}

/// One layer's keys and values.
pub struct KvPool {
    n_pages: usize,
    page_len: usize,
    n_head_kv: usize,
    head_dim: usize,
    k: Store,
    v: Store,
}

/// The elements of one array.
enum Store {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

/// Neighbouring tokens' elements for one head, as stored: `[n_tokens, head_dim]`.
#[derive(Clone, Copy)]
pub(crate) enum HeadRows<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
}

impl KvPool {
    /// A pool of zeros.
    ///
    /// # Panics
    /// If a size is 0 or the whole is larger than the address space.
    pub fn new(
        ty: KvType,
        n_pages: usize,
        page_len: usize,
        n_head_kv: usize,
        head_dim: usize,
    ) -> Self {
        let n_elems = [n_pages, page_len, n_head_kv, head_dim]
            .into_iter()
            .try_fold(1usize, |product, size| product.checked_mul(size).filter(|&n| n > 0))
            .unwrap_or_else(|| {
                panic!(
                    "kv pool [{n_pages}, {page_len}, {n_head_kv}, {head_dim}] is empty or too large"
                )
            });
        let (k, v) = (Store::zeros(ty, n_elems), Store::zeros(ty, n_elems));
        Self { n_pages, page_len, n_head_kv, head_dim, k, v }
    }

    /// How elements are stored.
    pub fn kv_type(&self) -> KvType {
        match self.k {
            Store::F32(_) => KvType::F32,
            Store::F16(_) => KvType::F16,
        }
    }

    /// Number of pages.
    pub fn n_pages(&self) -> usize {
        self.n_pages
    }

    /// Tokens per page.
    pub fn page_len(&self) -> usize {
        self.page_len
    }

    /// Key heads, and value heads.
    pub fn n_head_kv(&self) -> usize {
        self.n_head_kv
    }

    /// Width of a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// Bytes of memory the elements take.
    pub fn n_bytes(&self) -> usize {
        self.k.n_bytes() + self.v.n_bytes()
    }

    /// Stores tokens' keys and values in their slots.
    ///
    /// Shapes: `slots` is `[n_tokens]`, `k` and `v` are `[n_tokens, n_head_kv, head_dim]`.
    ///
    /// # Panics
    /// If a slot is not in the pool or the lengths do not fit.
    pub fn store(&mut self, slots: &[usize], k: &[f32], v: &[f32]) {
        let slot_len = self.n_head_kv * self.head_dim;
        assert_eq!(k.len(), slots.len() * slot_len, "kv store: keys");
        assert_eq!(v.len(), slots.len() * slot_len, "kv store: values");
        let tokens = k.chunks_exact(slot_len).zip(v.chunks_exact(slot_len));
        for (&slot, (k, v)) in slots.iter().zip(tokens) {
            let heads = k.chunks_exact(self.head_dim).zip(v.chunks_exact(self.head_dim));
            for (head_kv, (k, v)) in heads.enumerate() {
                let first = self.first_elem(slot, head_kv);
                self.k.write(first, k);
                self.v.write(first, v);
            }
        }
    }

    /// Copies the first `n_slots` tokens of one page to another.
    ///
    /// # Panics
    /// If a page is not in the pool or `n_slots` is more than a page.
    pub fn copy_page(&mut self, from: usize, to: usize, n_slots: usize) {
        assert!(n_slots <= self.page_len, "{n_slots} slots of a page of {}", self.page_len);
        self.copy(from * self.page_len, to * self.page_len, n_slots);
    }

    /// Copies one token's keys and values to another slot.
    ///
    /// # Panics
    /// If a slot is not in the pool.
    pub fn move_slot(&mut self, from: usize, to: usize) {
        self.copy(from, to, 1);
    }

    /// Turns a slot's keys by `delta_pos` further positions: a context shift.
    ///
    /// # Panics
    /// If the slot is not in the pool or the rope turns more than `head_dim` lanes.
    pub fn rotate(&mut self, slot: usize, rope: &Rope, delta_pos: i32) {
        let mut k = vec![0.0; self.head_dim];
        for head_kv in 0..self.n_head_kv {
            let first = self.first_elem(slot, head_kv);
            self.k.read(first, &mut k);
            rope.shift(&mut k, self.head_dim, delta_pos);
            self.k.write(first, &k);
        }
    }

    /// One head of the keys of `n_slots` neighbouring slots of a page.
    pub(crate) fn k_rows(&self, slot: usize, n_slots: usize, head_kv: usize) -> HeadRows<'_> {
        self.k.rows(self.first_elem(slot, head_kv), n_slots * self.head_dim)
    }

    /// One head of the values of `n_slots` neighbouring slots of a page.
    pub(crate) fn v_rows(&self, slot: usize, n_slots: usize, head_kv: usize) -> HeadRows<'_> {
        self.v.rows(self.first_elem(slot, head_kv), n_slots * self.head_dim)
    }

    /// Where a slot's elements for one head begin.
    fn first_elem(&self, slot: usize, head_kv: usize) -> usize {
        let (page, offset) = (slot / self.page_len, slot % self.page_len);
        assert!(page < self.n_pages, "slot {slot} is beyond the pool's {} pages", self.n_pages);
        ((page * self.n_head_kv + head_kv) * self.page_len + offset) * self.head_dim
    }

    /// Copies neighbouring slots within their pages.
    fn copy(&mut self, from: usize, to: usize, n_slots: usize) {
        let n_elems = n_slots * self.head_dim;
        for head_kv in 0..self.n_head_kv {
            let (from, to) = (self.first_elem(from, head_kv), self.first_elem(to, head_kv));
            for store in [&mut self.k, &mut self.v] {
                match store {
                    Store::F32(data) => data.copy_within(from..from + n_elems, to),
                    Store::F16(data) => data.copy_within(from..from + n_elems, to),
                }
            }
        }
    }
}

impl Store {
    fn zeros(ty: KvType, n_elems: usize) -> Self {
        match ty {
            KvType::F32 => Self::F32(vec![0.0; n_elems]),
            KvType::F16 => Self::F16(vec![f16::ZERO; n_elems]),
        }
    }

    fn n_bytes(&self) -> usize {
        match self {
            Self::F32(data) => size_of_val(&data[..]),
            Self::F16(data) => size_of_val(&data[..]),
        }
    }

    fn rows(&self, first: usize, n_elems: usize) -> HeadRows<'_> {
        match self {
            Self::F32(data) => HeadRows::F32(&data[first..first + n_elems]),
            Self::F16(data) => HeadRows::F16(&data[first..first + n_elems]),
        }
    }

    fn write(&mut self, first: usize, x: &[f32]) {
        match self {
            Self::F32(data) => data[first..first + x.len()].copy_from_slice(x),
            Self::F16(data) => {
                for (out, &x) in data[first..first + x.len()].iter_mut().zip(x) {
                    *out = f16::from_f32(x);
                }
            }
        }
    }

    fn read(&self, first: usize, out: &mut [f32]) {
        match self {
            Self::F32(data) => out.copy_from_slice(&data[first..first + out.len()]),
            Self::F16(data) => {
                let data = &data[first..first + out.len()];
                for (out, x) in out.iter_mut().zip(data) {
                    *out = x.to_f32();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rope::Pairing;

    fn floats(row: HeadRows<'_>) -> Vec<f32> {
        match row {
            HeadRows::F32(row) => row.to_vec(),
            HeadRows::F16(row) => row.iter().map(|x| x.to_f32()).collect(),
        }
    }

    fn filled(ty: KvType) -> KvPool {
        let mut pool = KvPool::new(ty, 3, 2, 2, 2);
        let k: Vec<f32> = (0..16).map(|i| i as f32).collect();
        let v: Vec<f32> = k.iter().map(|k| -k).collect();
        pool.store(&[1, 0, 2, 3], &k, &v);
        pool
    }

    #[test]
    fn slots_keep_what_they_were_given() {
        for ty in [KvType::F32, KvType::F16] {
            let mut pool = filled(ty);
            assert_eq!(floats(pool.k_rows(1, 1, 0)), [0.0, 1.0]);
            assert_eq!(floats(pool.v_rows(0, 1, 1)), [-6.0, -7.0]);
            pool.copy_page(1, 2, 2);
            assert_eq!(floats(pool.k_rows(5, 1, 1)), [14.0, 15.0]);
            pool.move_slot(0, 4);
            assert_eq!(floats(pool.k_rows(4, 1, 0)), [4.0, 5.0]);
            assert_eq!(floats(pool.v_rows(5, 1, 1)), [-14.0, -15.0]);
        }
        assert_eq!(filled(KvType::F16).n_bytes() * 2, filled(KvType::F32).n_bytes());
    }

    #[test]
    fn rotation_touches_the_keys_of_one_slot() {
        let rope = Rope::new(Pairing::Norm, 2, 1e4, 1.0, None).unwrap();
        let mut pool = filled(KvType::F32);
        pool.rotate(1, &rope, 2);
        let (sin, cos) = 2f32.sin_cos();
        let turned = floats(pool.k_rows(1, 1, 0));
        assert!((turned[0] + sin).abs() < 1e-6 && (turned[1] - cos).abs() < 1e-6, "{turned:?}");
        assert_eq!(floats(pool.v_rows(1, 1, 0)), [-0.0, -1.0]);
        assert_eq!(floats(pool.k_rows(0, 1, 0)), [4.0, 5.0]);
    }

    #[test]
    #[should_panic(expected = "slot 6 is beyond the pool's 3 pages")]
    fn a_slot_beyond_the_pool_is_refused() {
        filled(KvType::F32).store(&[6], &[0.0; 4], &[0.0; 4]);
    }
}
