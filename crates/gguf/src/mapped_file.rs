//! A file mapped into memory: the one place in this crate with `unsafe`.
//!
//! # The contract
//!
//! A mapping shows the file as it is, not as it was: Rust's promise that a `&[u8]` does not
//! change under its holder then depends on nobody writing to the file. The system gives no way
//! to enforce that, so it is kept as follows.
//!
//! - The mapping is read-only: this process cannot write through it.
//! - A shared advisory lock is held for as long as the mapping lives. Programs that take locks
//!   (ours do, before they write) keep out. A file system without locks has programs that do
//!   not expect them; then the promise rests on the next point alone.
//! - Model files are written beside and renamed into place, by this project as by Ollama, never
//!   changed where they are. A renamed or deleted file lives on under its mapping.
//! - All reading is bounds-checked against the length the mapping had at the start. Bytes that
//!   change give other numbers or a panic with a reason, not memory errors.
//!
//! What remains: a process that ignores locks and cuts the file short. Touching a page that is
//! gone raises `SIGBUS` on Unix, which ends the process. [`GgufFile::read`] is the way for
//! storage that is not trusted so far, such as network file systems.
//!
//! [`GgufFile::read`]: crate::GgufFile::read

use std::fs::{File, TryLockError};
use std::io;

use memmap2::Mmap;

use crate::Error;

/// A read-only mapping and the descriptor that holds its lock.
#[derive(Debug)]
pub(crate) struct MappedFile {
    map: Mmap,
    _locked: File,
}

impl MappedFile {
    /// Locks and maps a regular file that is open for reading.
    pub(crate) fn new(file: File) -> Result<Self, Error> {
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let source = io::Error::from(io::ErrorKind::WouldBlock);
                return Err(Error::Io { action: "lock a file that is being written", source });
            }
            // A file system without locks, or out of them: the lock is a courtesy between
            // programs that ask for it, not what makes reading correct.
            Err(TryLockError::Error(_)) => {}
        }
        let map = map(&file).map_err(Error::io("map the file"))?;
        ask_for_huge_pages(&map);
        Ok(Self { map, _locked: file })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }
}

#[expect(unsafe_code, reason = "mapping is the one thing here that the compiler cannot check")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the file does not change while it is mapped, by the contract at the module head:
    // the caller holds a shared lock on it and keeps the descriptor with the mapping.
    unsafe { Mmap::map(file) }
}

/// Asks for pages of 2 MiB where the file is yet to be read: every token reads all weights, and
/// with the smallest pages, translating addresses takes half as long again as reading. The file is
/// read from storage in such pieces, too, which is several times faster than to follow faults.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(map: &Mmap) {
    // A wish: kernels and file systems without them serve small pages as before.
    let _ = map.advise(memmap2::Advice::HugePage);
}

/// Other systems choose for themselves.
#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: &Mmap) {}
