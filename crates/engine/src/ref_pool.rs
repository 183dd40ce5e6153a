//! Places that are held by several, and free when nobody holds them.

use crate::error::{Error, Result};

/// A place's index.
pub(crate) type PlaceId = u32;

/// Places `0..n`, each with the number of its holders.
#[derive(Debug)]
pub(crate) struct RefPool {
    /// How many hold each place; 0 means free.
    holders: Vec<u32>,
    free: Vec<PlaceId>,
}

impl RefPool {
    pub(crate) fn new(n: u32) -> Self {
        // Reversed, so that places are handed out from the first on.
        Self { holders: vec![0; n as usize], free: (0..n).rev().collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.holders.len()
    }

    pub(crate) fn n_free(&self) -> usize {
        self.free.len()
    }

    /// Fails unless `needed` places are free.
    pub(crate) fn require_free(&self, needed: usize) -> Result<()> {
        if needed > self.n_free() {
            return Err(Error::CacheFull { needed, free: self.n_free(), total: self.len() });
        }
        Ok(())
    }

    pub(crate) fn is_shared(&self, place: PlaceId) -> bool {
        self.holders[place as usize] > 1
    }

    /// Hands a free place to its first holder.
    ///
    /// # Panics
    /// If none is free.
    pub(crate) fn take(&mut self) -> PlaceId {
        let place = self.free.pop().expect("free places were counted before");
        self.holders[place as usize] = 1;
        place
    }

    /// Adds a holder.
    pub(crate) fn share(&mut self, place: PlaceId) {
        self.holders[place as usize] += 1;
    }

    /// Takes a holder away.
    pub(crate) fn release(&mut self, place: PlaceId) {
        let holders = &mut self.holders[place as usize];
        *holders -= 1;
        if *holders == 0 {
            self.free.push(place);
        }
    }

    /// Checks that each place has as many holders as it is listed in `held`, and that those
    /// without any are free.
    #[cfg(test)]
    pub(crate) fn assert_held(&self, held: impl IntoIterator<Item = PlaceId>) {
        let mut holders = vec![0; self.len()];
        held.into_iter().for_each(|place| holders[place as usize] += 1);
        assert_eq!(holders, self.holders);
        let mut free = self.free.clone();
        free.sort_unstable();
        let unheld = (0..).take(self.len()).filter(|&place: &u32| holders[place as usize] == 0);
        assert_eq!(free, unheld.collect::<Vec<_>>());
    }
}
