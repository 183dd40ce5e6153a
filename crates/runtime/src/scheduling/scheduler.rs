//! Getting a model: at once where it is in memory, else in line with the other loads.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use camelid_api_types::{ApiError, ollama::KeepAlive};
use tokio::{runtime::Handle, sync::Notify};

use super::{
    Lease, Snapshot,
    memory::Bytes,
    residents::{Residents, Rest},
};

/// What the scheduler keeps to.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Models in memory at once.
    pub(crate) max_loaded: usize,
    /// Requests that may wait for a load.
    pub(crate) max_waiting: usize,
    /// For models of which no request says how long they stay.
    pub(crate) keep_alive: KeepAlive,
    /// Bytes that a new model could take; `None` where nobody knows.
    pub(crate) available_memory: fn() -> Option<u64>,
}

/// How a request gets its model.
pub(crate) struct Plan<'a, M, L> {
    /// What tells the model's weights from others.
    pub(crate) key: &'a str,
    /// Bytes it will need.
    pub(crate) n_bytes: u64,
    /// How long it stays; `None` leaves that as it is.
    pub(crate) keep_alive: Option<KeepAlive>,
    /// Whether one that is in memory will do.
    pub(crate) is_fit: &'a (dyn Fn(&M) -> bool + Sync),
    /// Loads it.
    pub(crate) load: L,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Scheduler<M> {
    residents: Mutex<Residents<M>>,
    limits: Limits,
    /// Held by the first in line, from making room until the model is there.
    loading: tokio::sync::Mutex<()>,
    n_waiting: AtomicUsize,
    /// Told whenever a model goes or becomes idle.
    freed: Notify,
}

/// What stands between a request and its load.
enum Obstacle {
    None,
    /// This model's place is needed.
    Resident(String),
}

impl<M: Send + Sync + 'static> Scheduler<M> {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            residents: Mutex::default(),
            limits,
            loading: tokio::sync::Mutex::new(()),
            n_waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        })
    }

    fn residents(&self) -> MutexGuard<'_, Residents<M>> {
        // Nothing under this lock can leave the residents half changed.
        self.residents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease on the model, loaded unless one that is fit is there already.
    ///
    /// # Errors
    /// `Busy` where too many wait, `Internal` where the model is larger than the memory, and what
    /// loading fails with.
    pub(crate) async fn acquire<L>(
        self: &Arc<Self>,
        plan: Plan<'_, M, L>,
    ) -> Result<Lease<M>, ApiError>
    where
        L: Future<Output = Result<M, ApiError>>,
    {
        if let Some(lease) = self.lease(&plan) {
            return Ok(lease);
        }
        let place = Place::take(&self.n_waiting, self.limits.max_waiting)?;
        let _first = self.loading.lock().await;
        loop {
            // Heard from now on, so that nothing that happens between the look and the wait is
            // missed.
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Some(lease) = self.lease(&plan) {
                return Ok(lease);
            }
            let Obstacle::Resident(key) = self.obstacle(&plan)? else { break };
            let is_gone = self.residents().dismiss(&key);
            tracing::info!(model = key, is_gone, "its place is needed");
            if !is_gone {
                freed.await;
            }
        }
        drop(place);
        let model = Arc::new(plan.load.await?);
        let keep_alive = plan.keep_alive.unwrap_or(self.limits.keep_alive);
        self.residents().insert(plan.key, Arc::clone(&model), plan.n_bytes, keep_alive);
        Ok(self.make_lease(plan.key, model))
    }

    fn lease<L>(self: &Arc<Self>, plan: &Plan<'_, M, L>) -> Option<Lease<M>> {
        let mut residents = self.residents();
        residents.model(plan.key).filter(|model| (plan.is_fit)(model))?;
        let model = residents.lease(plan.key, plan.keep_alive)?;
        Some(self.make_lease(plan.key, model))
    }

    fn make_lease(self: &Arc<Self>, key: &str, model: Arc<M>) -> Lease<M> {
        let (key, scheduler) = (key.to_owned(), Arc::downgrade(self));
        Lease { model, key, scheduler, handle: Handle::current() }
    }

    /// What must go before the model can come.
    fn obstacle<L>(&self, plan: &Plan<'_, M, L>) -> Result<Obstacle, ApiError> {
        let residents = self.residents();
        if residents.model(plan.key).is_some() {
            // It is there and not fit, or it would have been leased.
            return Ok(Obstacle::Resident(plan.key.to_owned()));
        }
        let victim = residents.victim();
        if residents.len() >= self.limits.max_loaded.max(1) {
            return Ok(victim.map_or(Obstacle::None, Obstacle::Resident));
        }
        let Some(available) = (self.limits.available_memory)() else { return Ok(Obstacle::None) };
        // The weights of those that are here are files in the cache, and counted as available.
        let left = available.saturating_sub(residents.n_bytes());
        match victim {
            Some(victim) if plan.n_bytes > left => Ok(Obstacle::Resident(victim)),
            None if plan.n_bytes > available => Err(too_large(plan.n_bytes, available)),
            _ => Ok(Obstacle::None),
        }
    }

    /// Lets a model go as soon as nobody uses it.
    pub(crate) fn unload(&self, key: &str) {
        if self.residents().dismiss(key) {
            self.freed.notify_waiters();
        }
    }

    /// The models in memory, the one that stays longest first.
    pub(crate) fn snapshots(&self) -> Vec<Snapshot<M>> {
        self.residents().snapshots()
    }

    pub(super) fn give_back(&self, key: &str, model: &Arc<M>) -> Rest {
        let rest = self.residents().give_back(key, model);
        if rest != Rest::None {
            self.freed.notify_waiters();
        }
        rest
    }

    pub(super) fn end_rest(&self, key: &str, since: u64) {
        if self.residents().end_rest(key, since) {
            tracing::info!(model = key, "unloaded after its keep-alive time");
            self.freed.notify_waiters();
        }
    }
}

fn too_large(n_bytes: u64, available: u64) -> ApiError {
    let (needed, available) = (Bytes(n_bytes), Bytes(available));
    ApiError::internal(format!(
        "model requires more system memory ({needed}) than is available ({available})"
    ))
}

/// A place among those that wait, given back when dropped: a request that gave up waits no more.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(n_waiting: &'a AtomicUsize, max: usize) -> Result<Self, ApiError> {
        let place = Self(n_waiting);
        match n_waiting.fetch_add(1, Ordering::Relaxed) < max {
            true => Ok(place),
            // Dropping the place takes it out of the count again.
            false => Err(ApiError::busy()),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
