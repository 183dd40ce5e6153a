//! What the arguments of `FROM`, `ADAPTER` and `DRAFT` stand for on this machine's disk.
//!
//! Parsing never gets here: a program that reads Modelfiles of others need not look at a disk at
//! all. An argument is taken relative to the folder of the Modelfile; `~` and `~name` are home
//! folders; globs and environment variables are not expanded. A folder stands for the files in it
//! that make up a model ([`model_files`]).

mod files;
mod path;
mod sniff;

use std::io;
use std::path::{Path, PathBuf};

pub use files::{Wanted, model_files};
pub use path::expand_path;
pub use sniff::Content;

use crate::instruction::Keyword;
use crate::modelfile::Modelfile;

/// Why an argument stands for nothing usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A path does not exist where only a path can be meant.
    #[error("{keyword} {argument:?}: no such file or directory")]
    NotFound {
        /// The instruction.
        keyword: Keyword,
        /// Its argument as written.
        argument: String,
    },
    /// `~` or `~name` of nobody known.
    #[error("no home directory is known for {user}, in {argument:?}")]
    UnknownHome {
        /// The user's name, or "the current user".
        user: String,
        /// The argument as written.
        argument: String,
    },
    /// A folder without model files.
    #[error("no Modelfile or safetensors files found in {}", .dir.display())]
    NoModelFiles {
        /// The folder.
        dir: PathBuf,
    },
    /// A link in a folder leads out of it.
    #[error("insecure path: {}{}", .path.display(), cache_hint(path))]
    LeavesDirectory {
        /// The link, relative to the folder.
        path: PathBuf,
    },
    /// A file holds something else than its name promises.
    #[error("{}: found {found}, expected {expected}", .path.display())]
    WrongContent {
        /// The file.
        path: PathBuf,
        /// What it starts like.
        found: Content,
        /// What such a file should hold.
        expected: Content,
    },
    /// A device, pipe or socket, or a folder where a file is wanted.
    #[error("{} is not a regular file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A folder with more entries than any model has.
    #[error("{} has more than {limit} entries", .dir.display())]
    TooManyEntries {
        /// The folder.
        dir: PathBuf,
        /// How many are looked at.
        limit: usize,
    },
    /// `DRAFT` and `FROM` are the same file.
    #[error("DRAFT must not reference the same local path as FROM: {}", .path.display())]
    DraftIsFrom {
        /// The file.
        path: PathBuf,
    },
    /// The disk refuses.
    #[error("reading {}", .path.display())]
    Io {
        /// What was being read.
        path: PathBuf,
        /// Why it could not be.
        source: io::Error,
    },
}

fn cache_hint(path: &Path) -> &'static str {
    match path.to_string_lossy().contains(".cache") {
        true => "\n\nUse --local-dir <dir> when downloading model to disable caching",
        false => "",
    }
}

/// What an argument stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A model in a store or registry, by the argument as written.
    Model(String),
    /// A file.
    File(PathBuf),
    /// A folder and the files in it that make up a model.
    Directory {
        /// The folder, links resolved.
        root: PathBuf,
        /// The files, each within `root`, sorted.
        files: Vec<PathBuf>,
    },
}

/// Everything a Modelfile refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// What each `FROM` stands for, in order.
    pub from: Vec<Source>,
    /// The adapter, a file or folder.
    pub adapter: Option<Source>,
    /// What each `DRAFT` stands for, in order; files or folders.
    pub drafts: Vec<Source>,
}

/// Finds what `FROM`, `ADAPTER` and `DRAFT` refer to, seen from `base`, the Modelfile's folder.
///
/// # Errors
/// If a path, or what is in it, cannot be used; see [`ResolveError`].
pub fn resolve(modelfile: &Modelfile, base: &Path) -> Result<Sources, ResolveError> {
    let from = modelfile.froms().map(|f| resolve_from(f, base)).collect::<Result<Vec<_>, _>>()?;
    let adapter = modelfile
        .adapter()
        .map(|a| resolve_local(Keyword::Adapter, a, base, Wanted::Adapter))
        .transpose()?;
    let drafts = modelfile
        .drafts()
        .map(|d| resolve_local(Keyword::Draft, d, base, Wanted::Model))
        .collect::<Result<Vec<_>, _>>()?;
    refuse_same_path(&from, &drafts)?;
    Ok(Sources { from, adapter, drafts })
}

/// Finds what the argument of a `FROM` refers to: a path if there is one, else a model's name.
///
/// # Errors
/// As for [`resolve`]; a missing path is an error where the argument cannot be a name.
pub fn resolve_from(argument: &str, base: &Path) -> Result<Source, ResolveError> {
    match resolve_local(Keyword::From, argument, base, Wanted::Model) {
        Err(ResolveError::NotFound { .. }) if !is_path_like(argument) => {
            Ok(Source::Model(argument.to_owned()))
        }
        other => other,
    }
}

fn resolve_local(
    keyword: Keyword,
    argument: &str,
    base: &Path,
    wanted: Wanted,
) -> Result<Source, ResolveError> {
    let path = expand_path(argument, base)?;
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(ResolveError::NotFound { keyword, argument: argument.to_owned() });
        }
        // A name with a NUL or of a thousand letters is no path; as a model's name it is refused
        // later, with a better message.
        Err(e)
            if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename) =>
        {
            return Err(ResolveError::NotFound { keyword, argument: argument.to_owned() });
        }
        Err(source) => return Err(ResolveError::Io { path, source }),
    };
    if metadata.is_dir() {
        let (root, files) = model_files(&path, wanted)?;
        return Ok(Source::Directory { root, files });
    }
    match metadata.is_file() {
        true => Ok(Source::File(path)),
        false => Err(ResolveError::NotAFile { path }),
    }
}

/// Whether an argument can only be a path, because no model's name starts like that.
fn is_path_like(argument: &str) -> bool {
    argument.is_empty() || argument.starts_with(['.', '/', '\\', '~'])
}

fn refuse_same_path(from: &[Source], drafts: &[Source]) -> Result<(), ResolveError> {
    let real = |source: &Source| match source {
        Source::Model(_) => None,
        Source::File(path) | Source::Directory { root: path, .. } => path.canonicalize().ok(),
    };
    for draft in drafts.iter().filter_map(real) {
        if from.iter().filter_map(real).any(|path| path == draft) {
            return Err(ResolveError::DraftIsFrom { path: draft });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn sources(text: &str, base: &Path) -> Result<Sources, ResolveError> {
        resolve(&Modelfile::parse(text).unwrap(), base)
    }

    #[test]
    fn names_and_files_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("my model.gguf");
        fs::write(&file, b"GGUF\0").unwrap();
        let found = sources("FROM ./my model.gguf\nFROM llama3.2:1b", dir.path()).unwrap();
        assert_eq!(found.from[0], Source::File(file));
        assert_eq!(found.from[1], Source::Model("llama3.2:1b".into()));
    }

    #[test]
    fn a_missing_path_is_no_name() {
        let dir = tempfile::tempdir().unwrap();
        for argument in ["./x.gguf", "../x", "/no/such/file"] {
            let error = sources(&format!("FROM {argument}"), dir.path()).unwrap_err();
            assert!(matches!(error, ResolveError::NotFound { .. }), "{error}");
        }
        let error = sources("FROM a\nADAPTER lora.gguf", dir.path()).unwrap_err();
        assert_eq!(error.to_string(), "ADAPTER \"lora.gguf\": no such file or directory");
    }

    #[test]
    fn a_draft_must_be_another_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.gguf"), b"GGUF\0").unwrap();
        let error = sources("FROM ./a.gguf\nDRAFT a.gguf", dir.path()).unwrap_err();
        assert!(matches!(error, ResolveError::DraftIsFrom { .. }), "{error}");
    }

    #[test]
    fn a_nul_in_a_name_does_no_harm() {
        let found = resolve_from("a\0b", Path::new("/tmp")).unwrap();
        assert_eq!(found, Source::Model("a\0b".into()));
    }
}
