//! One layer's keys and values, in pages of [`PAGE_LEN`] tokens.
//!
//! A *slot* is a place for one token: `page * PAGE_LEN + offset`. Which pages belong to which
//! sequence is the caller's business; the pool only stores, copies and turns. Attention takes one
//! head of one page at a time; how that lies in memory is told in [`store`].

mod codes;
mod memory;
mod store;

use crate::rope::Rope;
use store::{Side, Store};

pub(crate) use codes::{BLOCK, Bits, PAGE_CODES, unpack_nibbles};
pub(crate) use store::HeadPage;

/// Tokens of a page.
pub const PAGE_LEN: usize = 32;

/// How keys and values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KvType {
    /// Exact.
    F32,
    /// Rounded to 11 significant bits; magnitudes beyond 65504 become 65504.
    F16,
    /// Rounded to 8 significant bits, with the range of f32.
    BF16,
    /// 8 bits each, and a scale for 32 elements of a head: 8.5 bits per element.
    Q8_0,
    /// 4 bits each, and a scale for 32 elements of a head: 4.5 bits per element.
    Q4_0,
}

impl KvType {
    /// Every type, widest first.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::BF16, Self::Q8_0, Self::Q4_0];

    /// The type's name in options and environment variables: `f16`, `q8_0`, ...
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }

    /// The type of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name().eq_ignore_ascii_case(name))
    }

    /// Bytes that one layer's keys and values take for each page; `None` beyond the address space.
    pub fn page_bytes(self, n_head_kv: usize, head_dim: usize) -> Option<usize> {
        let side = |side| store::page_bytes(self, side, head_dim);
        side(Side::Keys)?.checked_add(side(Side::Values)?)?.checked_mul(n_head_kv)
    }

    /// The same where values are the keys, and stored as those alone.
    pub fn latent_page_bytes(self, n_head_kv: usize, head_dim: usize) -> Option<usize> {
        store::page_bytes(self, Side::Keys, head_dim)?.checked_mul(n_head_kv)
    }
}

/// One layer's keys and values.
pub struct KvPool {
    ty: KvType,
    n_pages: usize,
    n_head_kv: usize,
    head_dim: usize,
    k: Store,
    /// `None` where values are the keys.
    v: Option<Store>,
}

impl KvPool {
    /// A pool of zeros.
    ///
    /// # Panics
    /// If a size is 0 or the whole is larger than the address space.
    pub fn new(ty: KvType, n_pages: usize, n_head_kv: usize, head_dim: usize) -> Self {
        let n_bytes =
            ty.page_bytes(n_head_kv, head_dim).and_then(|bytes| bytes.checked_mul(n_pages));
        assert!(
            n_bytes.is_some_and(|n| n > 0),
            "kv pool of {n_pages} pages of {n_head_kv} heads of {head_dim} is empty or too large"
        );
        let store = |side| Store::zeros(ty, side, n_pages * n_head_kv, head_dim);
        let (k, v) = (store(Side::Keys), Some(store(Side::Values)));
        Self { ty, n_pages, n_head_kv, head_dim, k, v }
    }

    /// A pool of zeros whose values are its keys, stored once.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn of_latents(ty: KvType, n_pages: usize, n_head_kv: usize, head_dim: usize) -> Self {
        let n_bytes =
            ty.latent_page_bytes(n_head_kv, head_dim).and_then(|bytes| bytes.checked_mul(n_pages));
        assert!(
            n_bytes.is_some_and(|n| n > 0),
            "latents of {n_pages} pages of {n_head_kv} heads of {head_dim} are none or too many"
        );
        let k = Store::zeros(ty, Side::Keys, n_pages * n_head_kv, head_dim);
        Self { ty, n_pages, n_head_kv, head_dim, k, v: None }
    }

    /// How elements are stored.
    pub fn kv_type(&self) -> KvType {
        self.ty
    }

    /// Number of pages.
    pub fn n_pages(&self) -> usize {
        self.n_pages
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
        self.n_pages * self.page_bytes()
    }

    /// Stores tokens' keys and values in their slots. Where values are the keys, `v` is `k`.
    ///
    /// Shapes: `slots` is `[n_tokens]`, `k` and `v` are `[n_tokens, n_head_kv, head_dim]`.
    ///
    /// # Panics
    /// If a slot is not in the pool or the lengths do not fit.
    pub fn store(&mut self, slots: &[usize], k: &[f32], v: &[f32]) {
        let slot_len = self.n_head_kv * self.head_dim;
        assert_eq!(k.len(), slots.len() * slot_len, "kv store: keys");
        assert_eq!(v.len(), slots.len() * slot_len, "kv store: values");
        // One head after the other: neighbouring tokens of a head share cache lines.
        for head_kv in 0..self.n_head_kv {
            for (token_idx, &slot) in slots.iter().enumerate() {
                let (page, offset) = self.place(slot, head_kv);
                let first = token_idx * slot_len + head_kv * self.head_dim;
                self.k.write(page, offset, &k[first..first + self.head_dim]);
                if let Some(store) = &mut self.v {
                    store.write(page, offset, &v[first..first + self.head_dim]);
                }
            }
        }
    }

    /// Copies the first `n_slots` tokens of one page to another.
    ///
    /// # Panics
    /// If a page is not in the pool or `n_slots` is more than a page.
    pub fn copy_page(&mut self, from: usize, to: usize, n_slots: usize) {
        assert!(n_slots <= PAGE_LEN, "{n_slots} slots of a page of {PAGE_LEN}");
        (0..n_slots).for_each(|i| self.move_slot(from * PAGE_LEN + i, to * PAGE_LEN + i));
    }

    /// Copies one token's keys and values to another slot.
    ///
    /// # Panics
    /// If a slot is not in the pool.
    pub fn move_slot(&mut self, from: usize, to: usize) {
        for head_kv in 0..self.n_head_kv {
            let (from, to) = (self.place(from, head_kv), self.place(to, head_kv));
            self.k.copy(from, to);
            if let Some(store) = &mut self.v {
                store.copy(from, to);
            }
        }
    }

    /// Turns a slot's keys by `delta_pos` further positions: a context shift.
    ///
    /// Keys that are not stored exactly are rounded again.
    ///
    /// # Panics
    /// If the slot is not in the pool or the rope turns more than `head_dim` lanes.
    pub fn rotate(&mut self, slot: usize, rope: &Rope, delta_pos: i32) {
        let mut k = vec![0.0; self.head_dim];
        for head_kv in 0..self.n_head_kv {
            let (page, offset) = self.place(slot, head_kv);
            self.k.read(page, offset, &mut k);
            rope.shift(&mut k, self.head_dim, delta_pos);
            self.k.write(page, offset, &k);
        }
    }

    /// Bytes that one page's elements take.
    pub fn page_bytes(&self) -> usize {
        let page = match self.v {
            Some(_) => self.ty.page_bytes(self.n_head_kv, self.head_dim),
            None => self.ty.latent_page_bytes(self.n_head_kv, self.head_dim),
        };
        page.expect("because the pool was made")
    }

    /// Appends a page as it is stored: its keys, then its values, in bytes that are the same on
    /// every machine.
    ///
    /// # Panics
    /// If the page is not in the pool.
    pub fn save_page(&self, page: usize, out: &mut Vec<u8>) {
        let heads = self.heads_of(page);
        self.k.save(heads.clone(), out);
        if let Some(store) = &self.v {
            store.save(heads, out);
        }
    }

    /// Makes a page what it was when [`save_page`](Self::save_page) gave these bytes, in a pool of
    /// the same type and shape.
    ///
    /// # Panics
    /// If the page is not in the pool or `bytes` is not [`page_bytes`](Self::page_bytes) long.
    pub fn load_page(&mut self, page: usize, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.page_bytes(), "bytes of a saved page");
        let heads = self.heads_of(page);
        let values = self.k.load(heads.clone(), bytes);
        if let Some(store) = &mut self.v {
            store.load(heads, values);
        }
    }

    /// The numbers of a page's heads in the stores.
    fn heads_of(&self, page: usize) -> std::ops::Range<usize> {
        let first = self.place(page * PAGE_LEN, 0).0;
        first..first + self.n_head_kv
    }

    /// One head of the keys of a page.
    pub(crate) fn k_page(&self, page: usize, head_kv: usize) -> HeadPage<'_> {
        self.k.page(self.place(page * PAGE_LEN, head_kv).0)
    }

    /// One head of the values of a page; `None` where they are the keys.
    pub(crate) fn v_page(&self, page: usize, head_kv: usize) -> Option<HeadPage<'_>> {
        Some(self.v.as_ref()?.page(self.place(page * PAGE_LEN, head_kv).0))
    }

    /// One head of a token's key, `[head_dim]`.
    pub(crate) fn read_key(&self, slot: usize, head_kv: usize, out: &mut [f32]) {
        let (page, offset) = self.place(slot, head_kv);
        self.k.read(page, offset, out);
    }

    /// Width of a row of values as [`v_page`](Self::v_page) shows them; zeros fill it up.
    pub(crate) fn v_width(&self) -> usize {
        self.v.as_ref().map_or(self.head_dim.next_multiple_of(16), Store::width)
    }

    /// The number of a head's page in the stores, and the slot's place there.
    fn place(&self, slot: usize, head_kv: usize) -> (usize, usize) {
        let (page, offset) = (slot / PAGE_LEN, slot % PAGE_LEN);
        assert!(page < self.n_pages, "slot {slot} is beyond the pool's {} pages", self.n_pages);
        (page * self.n_head_kv + head_kv, offset)
    }
}

#[cfg(test)]
mod tests;
