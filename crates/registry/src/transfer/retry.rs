//! When to try again.

use super::TransferError;
use super::options::Options;

/// Pauses that double after this many stay as long as they are.
const MAX_DOUBLINGS: u32 = 5;

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Retries<'a> {
    options: &'a Options,
    n_failed: u32,
}

impl<'a> Retries<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self { options, n_failed: 0 }
    }

    /// Returns when it is time to try again. A failure that followed some progress counts as the
    /// first of a new row, and is followed by no pause.
    ///
    /// # Errors
    /// The error itself if it will not pass; that it was tried too often.
    pub(super) async fn after(
        &mut self,
        error: TransferError,
        made_progress: bool,
    ) -> Result<(), TransferError> {
        match error.is_transient() {
            true => self.after_remedy(error, made_progress).await,
            false => Err(error),
        }
    }

    /// The same for an error that passes because something was done about it.
    ///
    /// # Errors
    /// That it was tried too often.
    pub(super) async fn after_remedy(
        &mut self,
        error: TransferError,
        made_progress: bool,
    ) -> Result<(), TransferError> {
        if made_progress {
            self.n_failed = 0;
            return Ok(());
        }
        self.n_failed += 1;
        if self.n_failed >= self.options.n_attempts {
            return Err(TransferError::GaveUp { attempts: self.n_failed, source: Box::new(error) });
        }
        let factor = 2u32.pow((self.n_failed - 1).min(MAX_DOUBLINGS));
        tokio::time::sleep(self.options.retry_delay.saturating_mul(factor)).await;
        Ok(())
    }
}
