//! The end of patience: what is still under way when a server has waited long enough.

use std::sync::Arc;

use camelid_api_types::{ApiError, ErrorKind};
use tokio::sync::watch;

/// A switch that ends all answers under way, each with an error as its last frame. Clones share it.
#[derive(Debug, Clone)]
pub struct CutOff(Arc<watch::Sender<bool>>);

impl Default for CutOff {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl CutOff {
    /// Ends what is under way, and whatever begins from now on.
    pub fn cut(&self) {
        self.0.send_replace(true);
    }

    /// Whether that has happened.
    pub fn is_cut(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when it happens.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut receiver = self.0.subscribe();
        let sender = Arc::clone(&self.0);
        async move {
            // The sender is held here, so it cannot be gone.
            let _ = receiver.wait_for(|is_cut| *is_cut).await;
            drop(sender);
        }
    }
}

/// What those hear whose answer is cut off.
pub(crate) fn shutting_down() -> ApiError {
    ApiError::new(ErrorKind::Busy, "the server is shutting down")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_wait_and_those_who_come_later_hear_of_it() {
        let cut_off = CutOff::default();
        let waiting = cut_off.wait();
        assert!(!cut_off.is_cut());
        cut_off.clone().cut();
        waiting.await;
        cut_off.wait().await;
        assert!(cut_off.is_cut());
    }
}
