//! Finds the number of an item by its name, without a second copy of the name.
//!
//! An open-addressing table of item numbers. The names stay where they are (metadata keys in
//! the file, tensor names in their [`TensorInfo`](crate::TensorInfo)); whoever asks supplies a
//! function from number to name. The hash is seeded at random, so a file cannot be made whose
//! names all collide.

use std::hash::{BuildHasher, RandomState};

/// A slot that holds nothing. No item has this number: `limits::MAX_ENTRIES` is far below.
const EMPTY: u32 = u32::MAX;

#[derive(Debug, Clone)]
pub(crate) struct NameIndex {
    /// Item numbers; a power of two of them and at most half full, so that probes end soon.
    slots: Box<[u32]>,
    hasher: RandomState,
}

impl NameIndex {
    /// Indexes items `0..n_items`, whose names `name_of` gives.
    ///
    /// # Errors
    /// The number of the first item whose name an earlier one has too.
    pub(crate) fn new<'a>(
        n_items: usize,
        name_of: impl Fn(usize) -> &'a [u8],
    ) -> Result<Self, usize> {
        let n_slots = (2 * n_items).next_power_of_two();
        let mut index =
            Self { slots: vec![EMPTY; n_slots].into_boxed_slice(), hasher: RandomState::new() };
        for item in 0..n_items {
            let slot = index.slot_of(name_of(item), &name_of);
            if index.slots[slot] != EMPTY {
                return Err(item);
            }
            index.slots[slot] =
                u32::try_from(item).expect("because `limits::MAX_ENTRIES` fits in 32 bits");
        }
        Ok(index)
    }

    /// The number of the item called `name`.
    pub(crate) fn find<'a>(
        &self,
        name: &[u8],
        name_of: impl Fn(usize) -> &'a [u8],
    ) -> Option<usize> {
        let item = self.slots[self.slot_of(name, &name_of)];
        (item != EMPTY).then_some(item as usize)
    }

    /// The slot that holds `name`, or the empty one where it belongs.
    fn slot_of<'a>(&self, name: &[u8], name_of: &impl Fn(usize) -> &'a [u8]) -> usize {
        let mask = self.slots.len() - 1;
        // Narrowing is meant: only the low bits choose a slot.
        let mut slot = self.hasher.hash_one(name) as usize & mask;
        while self.slots[slot] != EMPTY && name_of(self.slots[slot] as usize) != name {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_name_and_no_other() {
        for n_items in [0, 1, 2, 3, 100, 1000] {
            let names: Vec<String> = (0..n_items).map(|i| format!("blk.{i}.attn_q")).collect();
            let index = NameIndex::new(names.len(), |i| names[i].as_bytes()).unwrap();
            for (item, name) in names.iter().enumerate() {
                assert_eq!(index.find(name.as_bytes(), |i| names[i].as_bytes()), Some(item));
            }
            assert_eq!(index.find(b"output", |i| names[i].as_bytes()), None);
            assert_eq!(index.find(b"", |i| names[i].as_bytes()), None);
        }
    }

    #[test]
    fn the_second_of_two_equal_names_is_reported() {
        let names = ["a", "b", "c", "b", "a"];
        assert_eq!(NameIndex::new(names.len(), |i| names[i].as_bytes()).err(), Some(3));
    }
}
