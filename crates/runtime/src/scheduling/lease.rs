//! The right to use a model.

use std::sync::{Arc, Weak};

use tokio::runtime::Handle;

use super::{residents::Rest, scheduler::Scheduler};

/// The right to use a model. Dropping it may begin the model's last rest.
#[derive(Debug)]
pub(crate) struct Lease<M: Send + Sync + 'static> {
    pub(super) model: Arc<M>,
    pub(super) key: String,
    pub(super) scheduler: Weak<Scheduler<M>>,
    /// Where the wait for the end of the rest runs.
    pub(super) handle: Handle,
}

impl<M: Send + Sync + 'static> Lease<M> {
    /// The model for work that the lease's owner waits for.
    pub(crate) fn share(&self) -> Arc<M> {
        Arc::clone(&self.model)
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
        let Some(scheduler) = self.scheduler.upgrade() else { return };
        let Rest::Until(rest, since) = scheduler.give_back(&self.key, &self.model) else { return };
        let (key, scheduler) = (std::mem::take(&mut self.key), Weak::clone(&self.scheduler));
        self.handle.spawn(async move {
            tokio::time::sleep(rest).await;
            if let Some(scheduler) = scheduler.upgrade() {
                scheduler.end_rest(&key, since);
            }
        });
    }
}
