//! A blob that is not complete yet, on disk.
//!
//! ```text
//! partial-<64 hex>            the bytes, full length from the start, holes where none came yet
//! partial-<64 hex>.journal    which chunks are there
//! ```
//!
//! The journal is text, appended to and never changed: a head line
//! `camelid-partial 1 <size> <chunk size>` and a line `<chunk> <sha256 of it>` for each chunk that
//! is complete. A line that a crash cut short is not read, nor anything after it; the chunk is
//! fetched again. Should the whole turn out to have the wrong digest, the chunks' own digests tell
//! which of them went bad on this disk.
//!
//! Whoever works on the download holds the journal's file lock; the system lets go of it when the
//! process ends.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::store::StoreError;

/// A download that this task has to itself.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) path: PathBuf,
    journal_path: PathBuf,
    journal: File,
    chunk_size: u64,
    done: BTreeMap<u64, Digest>,
}

impl Partial {
    /// Begins or resumes a download in `dir`; `None` while someone else is at it.
    pub(super) fn open(
        dir: &Path,
        digest: &Digest,
        size: u64,
        chunk_size: u64,
    ) -> Result<Option<Self>, StoreError> {
        let path = Self::path_in(dir, digest);
        let journal_path = path.with_extension("journal");
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { action, path, source }
        };
        let journal = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&journal_path)
            .map_err(failed("opening", &journal_path))?;
        match journal.try_lock() {
            Ok(()) if is_still_at(&journal, &journal_path) => {}
            Ok(()) | Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(failed("locking", &journal_path)(e)),
        }
        let mut partial = Self {
            digest: *digest,
            size,
            path,
            journal_path,
            journal,
            chunk_size: chunk_size.max(1),
            done: BTreeMap::new(),
        };
        partial.load().map_err(failed("reading", &partial.journal_path))?;
        Ok(Some(partial))
    }

    fn path_in(dir: &Path, digest: &Digest) -> PathBuf {
        dir.join(format!("partial-{}", digest.hex()))
    }

    /// Bytes of disk that an interrupted download of the blob takes already.
    pub(super) fn bytes_on_disk(dir: &Path, digest: &Digest) -> u64 {
        let metadata = fs::metadata(Self::path_in(dir, digest));
        metadata.map_or(0, |metadata| allocated(&metadata))
    }

    fn load(&mut self) -> io::Result<()> {
        let mut text = String::new();
        self.journal.seek(SeekFrom::Start(0))?;
        // A journal that is no text is none; its length is bounded by the number of chunks.
        let limit = self.max_journal_bytes();
        let readable = (&self.journal).take(limit).read_to_string(&mut text).is_ok();
        let head = self.head();
        let records = text.strip_prefix(&head).filter(|_| readable);
        let Some(records) = records.filter(|_| self.file_len().is_ok_and(|n| n == Some(self.size)))
        else {
            return self.start_over();
        };
        let n_chunks = self.n_chunks();
        let mut n_good = head.len();
        for line in records.split_inclusive('\n') {
            let Some((chunk, digest)) = parse_record(line).filter(|(chunk, _)| *chunk < n_chunks)
            else {
                break;
            };
            self.done.insert(chunk, digest);
            n_good += line.len();
        }
        // What a crash cut short must not run into the next line.
        self.journal.set_len(n_good as u64)
    }

    /// Forgets every chunk.
    pub(super) fn start_over(&mut self) -> io::Result<()> {
        self.done.clear();
        self.journal.set_len(0)?;
        let file = File::options().create(true).write(true).truncate(true).open(&self.path)?;
        file.set_len(self.size)?;
        self.journal.write_all(self.head().as_bytes())
    }

    fn head(&self) -> String {
        format!("camelid-partial 1 {} {}\n", self.size, self.chunk_size)
    }

    fn file_len(&self) -> io::Result<Option<u64>> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn n_chunks(&self) -> u64 {
        self.size.div_ceil(self.chunk_size)
    }

    fn max_journal_bytes(&self) -> u64 {
        // A chunk may stand there several times, after a repair.
        self.n_chunks().saturating_mul(256).saturating_add(4096)
    }

    fn range(&self, chunk: u64) -> Range<u64> {
        let start = chunk * self.chunk_size;
        start..(start.saturating_add(self.chunk_size)).min(self.size)
    }

    /// The chunks that are not there, with their places.
    pub(super) fn missing(&self) -> Vec<(u64, Range<u64>)> {
        let chunks = (0..self.n_chunks()).filter(|chunk| !self.done.contains_key(chunk));
        chunks.map(|chunk| (chunk, self.range(chunk))).collect()
    }

    /// Bytes that are there.
    pub(super) fn n_done(&self) -> u64 {
        self.done.keys().map(|chunk| self.range(*chunk)).map(|range| range.end - range.start).sum()
    }

    /// Remembers a chunk whose bytes have been written.
    pub(super) fn mark(&mut self, chunk: u64, digest: Digest) -> Result<(), StoreError> {
        self.done.insert(chunk, digest);
        let line = format!("{chunk} {}\n", digest.hex());
        self.journal.write_all(line.as_bytes()).map_err(|source| StoreError::Io {
            action: "writing",
            path: self.journal_path.clone(),
            source,
        })
    }

    /// Hashes the whole.
    pub(super) fn hash(&self) -> Result<Digest, StoreError> {
        let hash = || Digest::of_reader(&mut File::open(&self.path)?);
        hash().map(|(digest, _)| digest).map_err(|source| self.read_error(source))
    }

    /// Forgets the chunks that are not what they were when they were written; whether there were
    /// any.
    pub(super) fn forget_bad_chunks(&mut self) -> Result<bool, StoreError> {
        let check = |partial: &Self| -> io::Result<Vec<(u64, Digest)>> {
            let mut file = File::open(&partial.path)?;
            let mut good = Vec::new();
            for (chunk, digest) in &partial.done {
                let range = partial.range(*chunk);
                file.seek(SeekFrom::Start(range.start))?;
                let (found, _) = Digest::of_reader(&mut (&mut file).take(range.end - range.start))?;
                if found == *digest {
                    good.push((*chunk, *digest));
                }
            }
            Ok(good)
        };
        let good = check(self).map_err(|source| self.read_error(source))?;
        let found_bad = good.len() < self.done.len();
        if found_bad {
            self.done.clear();
            let head = self.head();
            self.journal
                .set_len(0)
                .and_then(|()| self.journal.write_all(head.as_bytes()))
                .map_err(|source| self.read_error(source))?;
            for (chunk, digest) in good {
                self.mark(chunk, digest)?;
            }
        }
        Ok(found_bad)
    }

    fn read_error(&self, source: io::Error) -> StoreError {
        StoreError::Io { action: "reading", path: self.path.clone(), source }
    }

    /// Ends the download: removes what is left of it.
    pub(super) fn remove(self) -> Result<(), StoreError> {
        for path in [&self.path, &self.journal_path] {
            match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::Io {
                        action: "deleting",
                        path: path.clone(),
                        source: e,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn allocated(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.blocks().saturating_mul(512)
}

/// Without holes a file takes what it is long.
#[cfg(not(unix))]
fn allocated(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

impl Drop for Partial {
    /// Lets go of the lock even if a process that is being started has the file for a moment.
    fn drop(&mut self) {
        // Closing the file, which comes next, lets go of it as well.
        let _ = self.journal.unlock();
    }
}

fn parse_record(line: &str) -> Option<(u64, Digest)> {
    let (chunk, hex) = line.strip_suffix('\n')?.split_once(' ')?;
    Some((chunk.parse().ok()?, Digest::parse(&format!("sha256:{hex}")).ok()?))
}

/// Whether the locked file is the one that has the name now, and not one that was removed by
/// whoever had the lock before.
#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Windows does not give the name of an open file away.
#[cfg(not(unix))]
fn is_still_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path) -> Option<Partial> {
        Partial::open(dir, &Digest::of(b"0123456789"), 10, 4).unwrap()
    }

    fn write(partial: &mut Partial, chunk: u64, bytes: &[u8]) {
        let mut file = File::options().write(true).open(&partial.path).unwrap();
        file.seek(SeekFrom::Start(chunk * 4)).unwrap();
        file.write_all(bytes).unwrap();
        partial.mark(chunk, Digest::of(bytes)).unwrap();
    }

    #[test]
    fn finished_chunks_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let mut partial = open(dir.path()).unwrap();
        assert_eq!(partial.missing(), [(0, 0..4), (1, 4..8), (2, 8..10)]);
        write(&mut partial, 1, b"4567");
        assert!(open(dir.path()).is_none(), "one at a time");
        drop(partial);
        let mut partial = open(dir.path()).unwrap();
        assert_eq!((partial.missing(), partial.n_done()), (vec![(0, 0..4), (2, 8..10)], 4));
        write(&mut partial, 0, b"0123");
        write(&mut partial, 2, b"89");
        assert_eq!((partial.hash().unwrap(), partial.n_done()), (partial.digest, 10));
        partial.remove().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_torn_or_foreign_journal_costs_what_it_does_not_tell() {
        let dir = tempfile::tempdir().unwrap();
        let mut partial = open(dir.path()).unwrap();
        write(&mut partial, 0, b"0123");
        write(&mut partial, 1, b"4567");
        let journal = partial.journal_path.clone();
        drop(partial);
        let text = fs::read_to_string(&journal).unwrap();
        fs::write(&journal, &text[..text.len() - 3]).unwrap();
        let mut partial = open(dir.path()).unwrap();
        assert_eq!(partial.n_done(), 4);
        write(&mut partial, 2, b"89");
        drop(partial);
        assert_eq!(open(dir.path()).unwrap().n_done(), 6, "the next line is whole");
        for foreign in [&b"\xFF\xFE"[..], b"camelid-partial 1 11 4\n", b""] {
            fs::write(&journal, foreign).unwrap();
            assert_eq!(open(dir.path()).unwrap().n_done(), 0);
        }
    }

    #[test]
    fn chunks_that_went_bad_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut partial = open(dir.path()).unwrap();
        for (chunk, bytes) in [(0, &b"0123"[..]), (1, b"4567"), (2, b"89")] {
            write(&mut partial, chunk, bytes);
        }
        assert!(!partial.forget_bad_chunks().unwrap());
        let mut file = File::options().write(true).open(&partial.path).unwrap();
        file.seek(SeekFrom::Start(5)).unwrap();
        file.write_all(b"x").unwrap();
        assert_ne!(partial.hash().unwrap(), partial.digest);
        assert!(partial.forget_bad_chunks().unwrap());
        assert_eq!(partial.missing(), [(1, 4..8)]);
    }
}
