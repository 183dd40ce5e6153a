//! Who may delete.
//!
//! A blob is written before the manifest that needs it, so for a while nothing refers to it.
//! Everyone who adds to a store holds its lock shared from the first blob to the manifest;
//! everyone who deletes blobs, or what dead writers left behind, holds it alone and so sees every
//! reference there is. The lock is a file lock (`flock` or its like): the system lets go of it when
//! a process ends, however that happens, and it works between processes and between the threads
//! of one.
//!
//! Whoever deletes never waits: while a large download runs, deleting is put off, not the
//! download. Ollama does not know the lock; against it there is the time of grace of `prune`.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::{StoreError, io_error};

/// Holds a store's lock until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Lets go of the lock, not only of the file: where this process is starting another one just
    /// now, that has the file too for a moment.
    fn drop(&mut self) {
        // Closing the file, which comes next, lets go of it as well.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// The lock shared with others; waits while someone deletes.
    pub(super) fn shared(path: &Path) -> Result<Self, StoreError> {
        let file = open(path)?;
        file.lock_shared().map_err(io_error("locking", path))?;
        Ok(Self { file })
    }

    /// The lock for oneself, or `None` while anyone else has it.
    pub(super) fn try_exclusive(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(io_error("locking", path)(source)),
        }
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    let mut options = File::options();
    options.read(true).append(true).create(true);
    options.open(path).map_err(io_error("opening", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_share_and_one_has_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::shared(&path).unwrap();
        let second = Lock::shared(&path).unwrap();
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop((first, second));
        let alone = Lock::try_exclusive(&path).unwrap();
        assert!(alone.is_some());
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
    }
}
