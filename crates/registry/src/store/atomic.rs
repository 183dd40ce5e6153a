//! Files that appear whole or not at all: written beside, synced, renamed, and the folder synced
//! so that the new name survives a power failure too.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::{StoreError, io_error};

/// A new file in `dir` whose name starts with `prefix`; it vanishes when dropped.
pub(super) fn temp_file(dir: &Path, prefix: &str) -> Result<NamedTempFile, StoreError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    {
        // Others may read models, as in Ollama; the user's umask still counts.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    builder.tempfile_in(dir).map_err(io_error("creating a file in", dir))
}

/// Gives a finished file its name, replacing what has it.
pub(super) fn publish(file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
    file.as_file().sync_all().map_err(io_error("writing", file.path()))?;
    file.persist(path).map_err(|e| io_error("creating", path)(e.error))?;
    match path.parent() {
        Some(dir) => sync_dir(dir),
        None => Ok(()),
    }
}

/// Makes the names in a folder last.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    // Windows cannot open folders as files, and needs no sync after a rename.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error("syncing", dir))
}

/// Creates the folders from `base`, which exists, down to `dir`, and makes them last.
pub(super) fn create_dirs(base: &Path, dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(io_error("creating", dir))?;
    for parent in dir.ancestors().skip(1).take_while(|parent| parent.starts_with(base)) {
        // Someone may be removing empty folders; whoever puts a file there will notice.
        match sync_dir(parent) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

/// Removes a file; `false` if it was not there.
pub(super) fn remove_file(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io_error("deleting", path)(e)),
    }
}

/// A file's bytes, if it exists and has at most `limit`; the error of a longer one is `too_large`.
pub(super) fn read_limited(
    path: &Path,
    limit: usize,
    too_large: impl FnOnce(usize) -> StoreError,
) -> Result<Option<Vec<u8>>, StoreError> {
    use std::io::Read;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if is_absent(&e) => return Ok(None),
        Err(e) => return Err(io_error("opening", path)(e)),
    };
    let mut bytes = Vec::new();
    let n_read =
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(io_error("reading", path))?;
    match n_read > limit {
        true => Err(too_large(n_read)),
        false => Ok(Some(bytes)),
    }
}

/// Whether an error says that there is no such file, a file standing where a folder is looked for
/// included.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Names in a folder, sorted; none if there is no folder. Names that are not Unicode cannot be
/// this crate's or Ollama's, and are left out.
pub(super) fn names_in(dir: &Path) -> Result<Vec<String>, StoreError> {
    let list = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    };
    match list() {
        Err(e) if is_absent(&e) => Ok(Vec::new()),
        other => other.map_err(io_error("listing", dir)),
    }
}
