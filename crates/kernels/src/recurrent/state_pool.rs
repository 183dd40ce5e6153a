//! One layer's states, one for each sequence.

/// States of equal length, `[n_slots, len]`, all zeros at first.
pub struct StatePool {
    n_slots: usize,
    len: usize,
    data: Vec<f32>,
}

impl StatePool {
    /// A pool of zeros, which takes memory as it is used.
    ///
    /// # Panics
    /// If the whole is larger than the address space.
    pub fn new(n_slots: usize, len: usize) -> Self {
        let n_elems = n_slots.checked_mul(len);
        let n_elems = n_elems.unwrap_or_else(|| panic!("{n_slots} states of {len} are too large"));
        Self { n_slots, len, data: vec![0.0; n_elems] }
    }

    /// Number of states.
    pub fn n_slots(&self) -> usize {
        self.n_slots
    }

    /// Bytes of memory they take, once all are used.
    pub fn n_bytes(&self) -> usize {
        size_of_val(&self.data[..])
    }

    /// The state of a slot, `[len]`.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn slot(&self, slot: usize) -> &[f32] {
        &self.data[slot * self.len..][..self.len]
    }

    pub(crate) fn slot_mut(&mut self, slot: usize) -> &mut [f32] {
        &mut self.data[slot * self.len..][..self.len]
    }

    /// Makes a slot's state this one, `[len]`.
    ///
    /// # Panics
    /// If there is no such slot or the lengths differ.
    pub fn set(&mut self, slot: usize, state: &[f32]) {
        self.slot_mut(slot).copy_from_slice(state);
    }

    /// Numbers of one state.
    pub fn state_len(&self) -> usize {
        self.len
    }

    /// Makes a state that of no token: all zeros.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn clear(&mut self, slot: usize) {
        self.slot_mut(slot).fill(0.0);
    }

    /// Copies a state over another.
    ///
    /// # Panics
    /// If there is no such slot.
    pub fn copy(&mut self, from: usize, to: usize) {
        assert!(to < self.n_slots(), "slot {to} of {}", self.n_slots());
        let from = from * self.len;
        self.data.copy_within(from..from + self.len, to * self.len);
    }
}
