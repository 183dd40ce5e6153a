//! The files of a folder that make up a model.
//!
//! The first rule that any file meets decides which weights are taken; configuration and tokenizer
//! files go along. Patterns are looked for in the folder itself and, where `*/` says so, one level
//! below.
//!
//! | weights | content |
//! |---|---|
//! | `model*.safetensors`, `*/model*.safetensors` | any |
//! | `consolidated*.safetensors` | any |
//! | `pytorch_model*.bin` | zip |
//! | `consolidated*.pth` | zip |
//! | `*.gguf` | binary |
//! | `*.bin` | binary |
//!
//! A file of another content than its rule asks for, such as the text that Git LFS leaves in place
//! of a large file, does not count. For adapters `adapter_model*.safetensors` and
//! `adapters.safetensors` come first, which Ollama does not look for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ResolveError;
use super::sniff::Content;

/// Entries of a folder and its subfolders that are looked at.
const MAX_ENTRIES: usize = 100_000;

/// What the files of a folder should make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A model.
    Model,
    /// A LoRA adapter.
    Adapter,
}

/// A file name with one `*` in it, and where to look.
struct Pattern {
    before: &'static str,
    after: &'static str,
    one_level_down: bool,
}

struct Rule {
    pattern: Pattern,
    content: Option<Content>,
}

const fn rule(before: &'static str, after: &'static str, content: Option<Content>) -> Rule {
    Rule { pattern: Pattern { before, after, one_level_down: false }, content }
}

const MODEL_RULES: &[Rule] = &[
    Rule {
        pattern: Pattern { before: "model", after: ".safetensors", one_level_down: true },
        content: None,
    },
    rule("consolidated", ".safetensors", None),
    rule("pytorch_model", ".bin", Some(Content::Zip)),
    rule("consolidated", ".pth", Some(Content::Zip)),
    rule("", ".gguf", Some(Content::Binary)),
    rule("", ".bin", Some(Content::Binary)),
];

const ADAPTER_RULES: &[Rule] =
    &[rule("adapter_model", ".safetensors", None), rule("adapters", ".safetensors", None)];

impl Pattern {
    fn matches(&self, entry: &Entry) -> bool {
        let middle = entry.name.strip_prefix(self.before);
        (self.one_level_down || !entry.is_below) && middle.is_some_and(|m| m.ends_with(self.after))
    }
}

/// A regular file of the folder or of one of its subfolders.
struct Entry {
    name: String,
    /// Relative to the folder.
    path: PathBuf,
    is_below: bool,
}

/// The files of `dir` that make up what is wanted: the folder with links resolved, and the paths
/// within it, sorted.
///
/// # Errors
/// If there are no weights, if a link leads out of the folder, if a configuration file is not
/// text, or if the folder cannot be read.
pub fn model_files(dir: &Path, wanted: Wanted) -> Result<(PathBuf, Vec<PathBuf>), ResolveError> {
    let io_error = |source| ResolveError::Io { path: dir.to_owned(), source };
    let folder = Folder { root: dir.canonicalize().map_err(io_error)? };
    let entries = folder.entries()?;
    let mut files = folder.weights(&entries, wanted)?;
    files.extend(folder.side_files(&entries)?);
    files.sort();
    files.dedup();
    Ok((folder.root, files))
}

struct Folder {
    /// Absolute, links resolved.
    root: PathBuf,
}

impl Folder {
    fn entries(&self) -> Result<Vec<Entry>, ResolveError> {
        let mut entries = Vec::new();
        for name in self.names(Path::new(""))? {
            let path = PathBuf::from(&name);
            if self.root.join(&path).is_dir() {
                for name in self.names(&path)? {
                    entries.push(Entry { path: path.join(&name), name, is_below: true });
                }
            } else {
                entries.push(Entry { path, name, is_below: false });
            }
            if entries.len() > MAX_ENTRIES {
                return Err(ResolveError::TooManyEntries {
                    dir: self.root.clone(),
                    limit: MAX_ENTRIES,
                });
            }
        }
        Ok(entries)
    }

    /// Sorted names in a folder of the root. Names that are not UTF-8 match no pattern.
    fn names(&self, below: &Path) -> Result<Vec<String>, ResolveError> {
        let dir = self.root.join(below);
        let list = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&dir)?.take(MAX_ENTRIES + 1) {
                names.extend(entry?.file_name().into_string().ok());
            }
            names.sort();
            Ok(names)
        };
        list().map_err(|source| ResolveError::Io { path: dir.clone(), source })
    }

    fn weights(&self, entries: &[Entry], wanted: Wanted) -> Result<Vec<PathBuf>, ResolveError> {
        let first = match wanted {
            Wanted::Model => &[][..],
            Wanted::Adapter => ADAPTER_RULES,
        };
        for rule in first.iter().chain(MODEL_RULES) {
            let mut files = Vec::new();
            for entry in entries.iter().filter(|entry| rule.pattern.matches(entry)) {
                let path = self.checked(entry)?;
                if rule
                    .content
                    .is_none_or(|content| sniffed(&path).is_ok_and(|found| found == content))
                {
                    files.push(path);
                }
            }
            if !files.is_empty() {
                return Ok(files);
            }
        }
        Err(ResolveError::NoModelFiles { dir: self.root.clone() })
    }

    /// Configuration, chat template and tokenizer.
    fn side_files(&self, entries: &[Entry]) -> Result<Vec<PathBuf>, ResolveError> {
        let mut files = Vec::new();
        let has_tokenizer = |e: &Entry| !e.is_below && e.name == "tokenizer.model";
        let tokenizer_is_below = !entries.iter().any(has_tokenizer);
        for entry in entries {
            let expected = match entry.name.as_str() {
                name if name.ends_with(".json") => Some(Content::Text),
                "chat_template.jinja" if !entry.is_below => Some(Content::Text),
                "tokenizer.model" if entry.is_below == tokenizer_is_below => None,
                _ => continue,
            };
            let path = self.checked(entry)?;
            if let Some(expected) = expected {
                let found = sniffed(&path)?;
                // A template may start with a tag of its own.
                if found != expected
                    && !(entry.name.ends_with(".jinja") && found == Content::Markup)
                {
                    return Err(ResolveError::WrongContent { path, found, expected });
                }
            }
            files.push(path);
        }
        Ok(files)
    }

    /// The entry's real path, if that is a regular file within the root.
    fn checked(&self, entry: &Entry) -> Result<PathBuf, ResolveError> {
        let path = self.root.join(&entry.path);
        let io_error = |source| ResolveError::Io { path: path.clone(), source };
        let real = path.canonicalize().map_err(io_error)?;
        if !real.starts_with(&self.root) {
            return Err(ResolveError::LeavesDirectory { path: entry.path.clone() });
        }
        match real.is_file() {
            // The name is kept, the real path's may be a hash.
            true => Ok(path),
            false => Err(ResolveError::NotAFile { path }),
        }
    }
}

fn sniffed(path: &Path) -> Result<Content, ResolveError> {
    Content::of_file(path).map_err(|source| ResolveError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: &[u8] = b"GGUF\x03\0\0\0";

    fn found(files: &[(&str, &[u8])], wanted: Wanted) -> Result<Vec<String>, ResolveError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let (root, files) = model_files(dir.path(), wanted)?;
        let relative = |p: &PathBuf| p.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        Ok(files.iter().map(relative).collect())
    }

    #[test]
    fn safetensors_come_before_everything_else() {
        let files: &[(&str, &[u8])] = &[
            ("model-00001.safetensors", b"x"),
            ("text/model.safetensors", b"x"),
            ("other.safetensors", b"x"),
            ("a.gguf", BINARY),
            ("config.json", b"{}"),
            ("text/more.json", b"{}"),
            ("text/deep/most.json", b"{}"),
            ("tokenizer.model", BINARY),
            ("README.md", b"x"),
        ];
        assert_eq!(
            found(files, Wanted::Model).unwrap(),
            [
                "config.json",
                "model-00001.safetensors",
                "text/model.safetensors",
                "text/more.json",
                "tokenizer.model"
            ]
        );
    }

    #[test]
    fn a_pointer_to_a_large_file_is_no_weight() {
        let files: &[(&str, &[u8])] = &[("a.gguf", b"version https://git-lfs"), ("b.bin", BINARY)];
        assert_eq!(found(files, Wanted::Model).unwrap(), ["b.bin"]);
        let error = found(&files[..1], Wanted::Model).unwrap_err();
        assert!(matches!(error, ResolveError::NoModelFiles { .. }), "{error}");
    }

    #[test]
    fn configuration_must_be_text() {
        let files: &[(&str, &[u8])] = &[("a.gguf", BINARY), ("config.json", b"<html>")];
        let error = found(files, Wanted::Model).unwrap_err().to_string();
        assert!(error.ends_with("config.json: found a web page, expected text"), "{error}");
    }

    #[test]
    fn adapters_have_names_of_their_own() {
        let files: &[(&str, &[u8])] =
            &[("adapter_model.safetensors", b"x"), ("adapter_config.json", b"{}")];
        assert_eq!(found(files, Wanted::Adapter).unwrap().len(), 2);
        assert!(found(files, Wanted::Model).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_may_not_leave_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.json"), b"{}").unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.gguf"), BINARY).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a.gguf"), dir.path().join("b.gguf")).unwrap();
        assert_eq!(
            model_files(dir.path(), Wanted::Model).unwrap().1.len(),
            2,
            "links within are fine"
        );

        let link = dir.path().join("config.json");
        std::os::unix::fs::symlink(outside.path().join("secret.json"), link).unwrap();
        let error = model_files(dir.path(), Wanted::Model).unwrap_err();
        assert_eq!(error.to_string(), "insecure path: config.json");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_may_be_reached_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        fs::write(dir.path().join("real/a.gguf"), BINARY).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        assert!(model_files(&dir.path().join("link"), Wanted::Model).is_ok());
    }
}
