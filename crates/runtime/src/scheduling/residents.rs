//! The models in memory, as a list without a clock of its own.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use camelid_api_types::ollama::KeepAlive;

/// The longest time that a date can lie ahead: 292 years, as Ollama's "for ever".
const FOREVER: Duration = Duration::from_nanos(i64::MAX as u64);

/// The models in memory, by key.
#[derive(Debug)]
pub(super) struct Residents<M> {
    by_key: HashMap<String, Resident<M>>,
    /// Counts every change, so that "since then" can be told.
    now: u64,
}

#[derive(Debug)]
struct Resident<M> {
    model: Arc<M>,
    n_bytes: u64,
    n_leases: usize,
    keep_alive: KeepAlive,
    /// The change at which it was last asked for or given back.
    touched: u64,
    /// When its last lease was given back.
    idle_since: SystemTime,
}

/// What there is to say of a model in memory.
#[derive(Debug)]
pub(crate) struct Snapshot<M> {
    pub(crate) model: Arc<M>,
    pub(crate) n_bytes: u64,
    pub(crate) expires_at: SystemTime,
}

/// What begins when a lease is given back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Others use the model.
    None,
    /// The model is gone.
    Gone,
    /// It goes after this time, unless it was touched since.
    Until(Duration, u64),
    /// It stays until its place is needed.
    ForEver,
}

impl<M> Default for Residents<M> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), now: 0 }
    }
}

impl<M> Residents<M> {
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Bytes of all models.
    pub(super) fn n_bytes(&self) -> u64 {
        self.by_key.values().fold(0, |sum, resident| sum.saturating_add(resident.n_bytes))
    }

    pub(super) fn model(&self, key: &str) -> Option<&Arc<M>> {
        self.by_key.get(key).map(|resident| &resident.model)
    }

    /// Adds a model with one lease on it.
    pub(super) fn insert(&mut self, key: &str, model: Arc<M>, n_bytes: u64, keep: KeepAlive) {
        self.now += 1;
        let (touched, idle_since) = (self.now, SystemTime::now());
        let resident =
            Resident { model, n_bytes, n_leases: 1, keep_alive: keep, touched, idle_since };
        self.by_key.insert(key.to_owned(), resident);
    }

    /// One lease more. A keep-alive time stays until another is said.
    pub(super) fn lease(&mut self, key: &str, keep_alive: Option<KeepAlive>) -> Option<Arc<M>> {
        self.now += 1;
        let resident = self.by_key.get_mut(key)?;
        resident.n_leases += 1;
        resident.touched = self.now;
        resident.keep_alive = keep_alive.unwrap_or(resident.keep_alive);
        Some(Arc::clone(&resident.model))
    }

    /// One lease less.
    pub(super) fn give_back(&mut self, key: &str, model: &Arc<M>) -> Rest {
        self.now += 1;
        // A model that was replaced meanwhile is no resident any more.
        let resident = self.by_key.get_mut(key).filter(|r| Arc::ptr_eq(&r.model, model));
        let Some(resident) = resident else { return Rest::None };
        resident.n_leases -= 1;
        if resident.n_leases > 0 {
            return Rest::None;
        }
        resident.touched = self.now;
        resident.idle_since = SystemTime::now();
        match resident.keep_alive {
            KeepAlive::Forever => Rest::ForEver,
            KeepAlive::For(Duration::ZERO) => {
                self.by_key.remove(key);
                Rest::Gone
            }
            KeepAlive::For(rest) => Rest::Until(rest, self.now),
        }
    }

    /// Lets a model go if it has rested since.
    pub(super) fn end_rest(&mut self, key: &str, since: u64) -> bool {
        let has_rested = |r: &Resident<M>| r.n_leases == 0 && r.touched == since;
        let goes = self.by_key.get(key).is_some_and(has_rested);
        if goes {
            self.by_key.remove(key);
        }
        goes
    }

    /// Lets a model go now, or as soon as nobody uses it. Whether it is gone.
    pub(super) fn dismiss(&mut self, key: &str) -> bool {
        let Some(resident) = self.by_key.get_mut(key) else { return true };
        resident.keep_alive = KeepAlive::UNLOAD;
        let is_idle = resident.n_leases == 0;
        if is_idle {
            self.by_key.remove(key);
        }
        is_idle
    }

    /// Whose place another model should take: of those that are idle the one that was so for
    /// longest, those that were to stay for ever last; if none is idle, the one asked for least
    /// recently.
    pub(super) fn victim(&self) -> Option<String> {
        let stays = |r: &Resident<M>| r.keep_alive == KeepAlive::Forever;
        let rank = |r: &Resident<M>| (r.n_leases > 0, stays(r), r.touched);
        let first = self.by_key.iter().min_by_key(|(_, resident)| rank(resident));
        first.map(|(key, _)| key.clone())
    }

    /// The models, the one that stays longest first.
    pub(super) fn snapshots(&self) -> Vec<Snapshot<M>> {
        let mut snapshots: Vec<Snapshot<M>> =
            self.by_key.values().map(Resident::snapshot).collect();
        snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.expires_at));
        snapshots
    }
}

impl<M> Resident<M> {
    fn snapshot(&self) -> Snapshot<M> {
        let since = if self.n_leases == 0 { self.idle_since } else { SystemTime::now() };
        let rest = match self.keep_alive {
            KeepAlive::Forever => FOREVER,
            KeepAlive::For(rest) => rest.min(FOREVER),
        };
        Snapshot {
            model: Arc::clone(&self.model),
            n_bytes: self.n_bytes,
            expires_at: since.checked_add(rest).unwrap_or(since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: KeepAlive = KeepAlive::For(Duration::from_secs(60));

    fn with(keys: &[(&str, KeepAlive)]) -> Residents<u32> {
        let mut residents = Residents::default();
        for (key, keep_alive) in keys {
            residents.insert(key, Arc::new(0), 10, *keep_alive);
        }
        residents
    }

    fn give_back(residents: &mut Residents<u32>, key: &str) -> Rest {
        let model = Arc::clone(residents.model(key).unwrap());
        residents.give_back(key, &model)
    }

    #[test]
    fn the_one_idle_for_longest_goes_first_and_those_kept_for_ever_last() {
        let mut residents = with(&[("a", KeepAlive::Forever), ("b", MINUTE), ("c", MINUTE)]);
        assert_eq!(residents.victim().as_deref(), Some("b"), "none is idle");
        give_back(&mut residents, "a");
        assert_eq!(residents.victim().as_deref(), Some("a"), "it alone is idle");
        give_back(&mut residents, "c");
        give_back(&mut residents, "b");
        assert_eq!(residents.victim().as_deref(), Some("c"));
        residents.lease("c", None);
        give_back(&mut residents, "c");
        assert_eq!(residents.victim().as_deref(), Some("b"));
        assert_eq!(residents.n_bytes(), 30);
    }

    #[test]
    fn a_rest_ends_only_if_nobody_came_since() {
        let mut residents = with(&[("a", MINUTE)]);
        let Rest::Until(_, first) = give_back(&mut residents, "a") else { panic!("it rests") };
        residents.lease("a", None);
        assert!(!residents.end_rest("a", first));
        let Rest::Until(_, second) = give_back(&mut residents, "a") else { panic!("it rests") };
        assert!(!residents.end_rest("a", first) && residents.end_rest("a", second));
        assert_eq!(residents.len(), 0);
    }

    #[test]
    fn a_dismissed_model_goes_when_it_is_given_back() {
        let mut residents = with(&[("a", KeepAlive::Forever)]);
        assert!(!residents.dismiss("a"));
        assert_eq!(give_back(&mut residents, "a"), Rest::Gone);
        assert!(residents.dismiss("a"), "what is not there is gone");
    }

    #[test]
    fn a_model_that_stays_for_ever_expires_in_centuries() {
        let residents = with(&[("soon", MINUTE), ("never", KeepAlive::Forever)]);
        let snapshots = residents.snapshots();
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        assert!(snapshots[0].expires_at > SystemTime::now() + century);
        assert!(snapshots[1].expires_at < SystemTime::now() + century);
    }
}
