//! Which models are in memory, who uses them, and when they go.
//!
//! A model is loaded by the first request that needs it and stays while any [`Lease`] on it is
//! held. When the last one is dropped, its keep-alive time begins; when that has passed without
//! another request, the model goes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use camelid_api_types::ollama::KeepAlive;
use camelid_registry::ModelName;
use tokio::runtime::Handle;

/// The models in memory.
#[derive(Debug)]
pub(crate) struct Residents<M> {
    map: Mutex<HashMap<ModelName, Resident<M>>>,
    /// Held while a model is loaded, so that two requests do not load the same one.
    loading: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Resident<M> {
    model: Arc<M>,
    /// Tells this resident from another of the same name, and a rest from a later one.
    generation: u64,
    n_leases: usize,
    keep_alive: KeepAlive,
}

/// The right to use a model. Dropping it may begin the model's last rest.
#[derive(Debug)]
pub(crate) struct Lease<M: Send + Sync + 'static> {
    model: Arc<M>,
    name: ModelName,
    residents: Weak<Residents<M>>,
    /// Where the wait for the end of the rest runs.
    handle: Handle,
}

impl<M: Send + Sync + 'static> Residents<M> {
    pub(crate) fn new() -> Arc<Self> {
        let loading = tokio::sync::Mutex::new(());
        Arc::new(Self { map: Mutex::new(HashMap::new()), loading })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ModelName, Resident<M>>> {
        // Nothing under this lock can leave the map half changed.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease on the model of that name, loaded by `load` unless one `is_fit` is there already.
    ///
    /// `keep_alive` replaces the resident's; absent it stays what an earlier request said, or
    /// becomes `default`.
    pub(crate) async fn acquire<E>(
        self: &Arc<Self>,
        name: &ModelName,
        keep_alive: (Option<KeepAlive>, KeepAlive),
        is_fit: impl Fn(&M) -> bool,
        load: impl Future<Output = Result<M, E>>,
    ) -> Result<Lease<M>, E> {
        if let Some(lease) = self.lease(name, keep_alive.0, &is_fit) {
            return Ok(lease);
        }
        let _loading = self.loading.lock().await;
        if let Some(lease) = self.lease(name, keep_alive.0, &is_fit) {
            return Ok(lease);
        }
        let model = Arc::new(load.await?);
        let mut map = self.lock();
        let before = map.remove(name);
        let generation = before.as_ref().map_or(0, |r| r.generation + 1);
        let sticky = before.map_or(keep_alive.1, |r| r.keep_alive);
        let keep_alive = keep_alive.0.unwrap_or(sticky);
        let resident = Resident { model: Arc::clone(&model), generation, n_leases: 1, keep_alive };
        map.insert(name.clone(), resident);
        Ok(self.make_lease(name, model))
    }

    fn lease(
        self: &Arc<Self>,
        name: &ModelName,
        keep_alive: Option<KeepAlive>,
        is_fit: impl Fn(&M) -> bool,
    ) -> Option<Lease<M>> {
        let mut map = self.lock();
        let resident = map.get_mut(name).filter(|resident| is_fit(&resident.model))?;
        resident.n_leases += 1;
        resident.generation += 1;
        resident.keep_alive = keep_alive.unwrap_or(resident.keep_alive);
        let model = Arc::clone(&resident.model);
        Some(self.make_lease(name, model))
    }

    fn make_lease(self: &Arc<Self>, name: &ModelName, model: Arc<M>) -> Lease<M> {
        let (name, residents) = (name.clone(), Arc::downgrade(self));
        Lease { model, name, residents, handle: Handle::current() }
    }

    /// Lets a model go as soon as nobody uses it.
    pub(crate) fn unload(&self, name: &ModelName) {
        let mut map = self.lock();
        let Some(resident) = map.get_mut(name) else { return };
        resident.keep_alive = KeepAlive::UNLOAD;
        if resident.n_leases == 0 {
            map.remove(name);
        }
    }

    /// One lease less on `model`. Answers how long to wait for the end of the rest that begins,
    /// and how to tell it from a later one.
    fn give_back(&self, name: &ModelName, model: &Arc<M>) -> Option<(Duration, u64)> {
        let mut map = self.lock();
        // A model that was replaced meanwhile is no resident any more.
        let resident = map.get_mut(name).filter(|r| Arc::ptr_eq(&r.model, model))?;
        resident.n_leases -= 1;
        if resident.n_leases > 0 {
            return None;
        }
        resident.generation += 1;
        match resident.keep_alive {
            KeepAlive::Forever => None,
            KeepAlive::For(Duration::ZERO) => {
                map.remove(name);
                None
            }
            KeepAlive::For(rest) => Some((rest, resident.generation)),
        }
    }

    /// Lets a model go if it has rested since.
    fn end_rest(&self, name: &ModelName, generation: u64) {
        let mut map = self.lock();
        if map.get(name).is_some_and(|r| r.n_leases == 0 && r.generation == generation) {
            tracing::info!(model = %name, "unloaded after its keep-alive time");
            map.remove(name);
        }
    }

    #[cfg(test)]
    fn is_resident(&self, name: &ModelName) -> bool {
        self.lock().contains_key(name)
    }
}

impl<M: Send + Sync + 'static> std::ops::Deref for Lease<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.model
    }
}

impl<M: Send + Sync + 'static> Drop for Lease<M> {
    fn drop(&mut self) {
        let Some(residents) = self.residents.upgrade() else { return };
        let Some((rest, generation)) = residents.give_back(&self.name, &self.model) else { return };
        let (name, residents) = (self.name.clone(), Weak::clone(&self.residents));
        self.handle.spawn(async move {
            tokio::time::sleep(rest).await;
            if let Some(residents) = residents.upgrade() {
                residents.end_rest(&name, generation);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: KeepAlive = KeepAlive::For(Duration::from_secs(300));

    fn name() -> ModelName {
        "m".parse().unwrap()
    }

    async fn acquire(
        residents: &Arc<Residents<u32>>,
        keep_alive: Option<KeepAlive>,
        model: u32,
    ) -> Lease<u32> {
        let load = async { Ok::<_, ()>(model) };
        residents.acquire(&name(), (keep_alive, MINUTES), |_| true, load).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_is_loaded_once_and_rests_for_its_keep_alive_time() {
        let residents = Residents::new();
        let first = acquire(&residents, None, 1).await;
        let second = acquire(&residents, None, 2).await;
        assert_eq!((*first, *second), (1, 1));
        drop(first);
        tokio::time::sleep(Duration::from_secs(1000)).await;
        assert!(residents.is_resident(&name()), "it is in use");
        drop(second);
        tokio::time::sleep(Duration::from_secs(299)).await;
        assert!(residents.is_resident(&name()));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!residents.is_resident(&name()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_between_begins_the_rest_anew() {
        let residents = Residents::new();
        drop(acquire(&residents, None, 1).await);
        tokio::time::sleep(Duration::from_secs(200)).await;
        drop(acquire(&residents, None, 2).await);
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert!(residents.is_resident(&name()));
        tokio::time::sleep(Duration::from_secs(101)).await;
        assert!(!residents.is_resident(&name()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_keep_alive_stays_until_another_is_said() {
        let residents = Residents::new();
        drop(acquire(&residents, Some(KeepAlive::Forever), 1).await);
        drop(acquire(&residents, None, 2).await);
        tokio::time::sleep(Duration::from_secs(100_000)).await;
        assert!(residents.is_resident(&name()));
        drop(acquire(&residents, Some(KeepAlive::UNLOAD), 3).await);
        assert!(!residents.is_resident(&name()));
    }

    #[tokio::test]
    async fn unloading_waits_for_those_who_use_the_model() {
        let residents = Residents::new();
        let lease = acquire(&residents, None, 1).await;
        residents.unload(&name());
        assert!(residents.is_resident(&name()));
        drop(lease);
        assert!(!residents.is_resident(&name()));
    }

    #[tokio::test]
    async fn a_model_that_is_not_fit_is_replaced() {
        let residents = Residents::new();
        let old = acquire(&residents, None, 1).await;
        let load = async { Ok::<_, ()>(2) };
        let new = residents.acquire(&name(), (None, MINUTES), |m| *m >= 2, load).await.unwrap();
        assert_eq!((*old, *new), (1, 2));
        drop(old);
        assert!(residents.is_resident(&name()), "the old one's end is not the new one's");
    }

    #[tokio::test]
    async fn a_failed_load_leaves_nothing_behind() {
        let residents = Residents::<u32>::new();
        let load = async { Err::<u32, _>("no") };
        let result = residents.acquire(&name(), (None, MINUTES), |_| true, load).await;
        assert_eq!(result.unwrap_err(), "no");
        assert!(!residents.is_resident(&name()));
    }
}
