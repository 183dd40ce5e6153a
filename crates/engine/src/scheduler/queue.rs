//! Requests that wait for their turn, and how many there may be.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::Request;
use crate::generation::Priority;

/// The bound on requests in the house, waiting or at work.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    n_free: Arc<AtomicUsize>,
}

/// A request's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Places {
    pub(crate) fn new(n: usize) -> Self {
        Self { n_free: Arc::new(AtomicUsize::new(n)) }
    }

    /// A place, or `None` if all are taken.
    pub(crate) fn take(&self) -> Option<Place> {
        let one_less = |n: usize| n.checked_sub(1);
        // The count guards no other memory, so its order against other accesses is free.
        let taken = self.n_free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        taken.ok().map(|_| Place(Arc::clone(&self.n_free)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Requests in the order they will be taken: interactive ones first, then by age.
#[derive(Debug, Default)]
pub(super) struct Queue {
    interactive: VecDeque<Request>,
    background: VecDeque<Request>,
}

impl Queue {
    pub(super) fn push(&mut self, request: Request) {
        match request.options.priority {
            Priority::Interactive => self.interactive.push_back(request),
            Priority::Background => self.background.push_back(request),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Request> {
        self.interactive.pop_front().or_else(|| self.background.pop_front())
    }

    /// Forgets the requests nobody waits for any more, so that their places are free.
    pub(super) fn drop_cancelled(&mut self) {
        for queue in [&mut self.interactive, &mut self.background] {
            queue.retain(|request| !request.sender.is_closed());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.interactive.is_empty() && self.background.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_places_as_were_said() {
        let places = Places::new(2);
        let (first, second) = (places.take(), places.take());
        assert!(first.is_some() && second.is_some() && places.take().is_none());
        drop(first);
        assert!(places.take().is_some());
    }
}
