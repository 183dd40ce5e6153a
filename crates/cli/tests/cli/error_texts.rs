//! No error of the workspace shows in its own text what stands behind it: whoever prints an error
//! prints the whole chain, and would say it twice.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::MetadataCommand;

/// An error's format and the fields that follow it.
struct Declaration<'a> {
    format: &'a str,
    fields: &'a str,
}

/// The declarations in a file: what stands in `#[error(...)]`, and what follows up to the next.
fn declarations(text: &str) -> impl Iterator<Item = Declaration<'_>> {
    text.split("#[error(").skip(1).filter_map(|rest| {
        let (format, after) = rest.split_once(")]")?;
        let end =
            [after.find("),\n"), after.find(");\n"), after.find("    },\n"), after.find("\n}\n")];
        let end = end.into_iter().flatten().min().unwrap_or(after.len());
        Some(Declaration { format, fields: &after[..end] })
    })
}

/// The name by which a format would show the cause, where there is one.
fn cause(fields: &str) -> Option<&str> {
    let marked = ["#[from]", "#[source]"].iter().find_map(|mark| Some(fields.split_once(mark)?.1));
    match marked.and_then(|field| field.trim_start().split_once(": ")) {
        Some((name, _)) => Some(name.trim_start_matches("pub ")),
        None if marked.is_some() => Some("0"),
        None => fields.contains(" source: ").then_some("source"),
    }
}

fn shows_its_cause(declaration: &Declaration<'_>) -> bool {
    let shown = |name| declaration.format.contains(&format!("{{{name}"));
    cause(declaration.fields).is_some_and(shown)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let below = folders.iter().flat_map(|folder| sources(folder));
    files.into_iter().filter(is_rust).chain(below).collect()
}

#[test]
fn no_error_shows_the_cause_that_is_printed_after_it() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let workspace = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let (mut n_with_cause, mut found) = (0, Vec::new());
    for package in &workspace.packages {
        for path in sources(package.manifest_path.parent().unwrap().join("src").as_std_path()) {
            let text = fs::read_to_string(&path).unwrap();
            for declaration in declarations(&text) {
                n_with_cause += usize::from(cause(declaration.fields).is_some());
                if shows_its_cause(&declaration) {
                    found.push(format!("{}: {}", path.display(), declaration.format));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(n_with_cause >= 40, "only {n_with_cause} errors with a cause were seen");
}

#[test]
fn an_error_that_shows_its_cause_is_seen() {
    for (declaration, is_seen) in [
        ("#[error(\"damaged: {0}\")]\n    Json(#[from] serde_json::Error),\n", true),
        ("#[error(\"damaged\")]\n    Json(#[from] serde_json::Error),\n", false),
        ("#[error(transparent)]\n    Json(#[from] serde_json::Error),\n", false),
        (
            "#[error(\"{0} is odd\")]\n    Odd(u8),\n    #[error(\"x\")]\n    X(#[source] E),\n",
            false,
        ),
        ("#[error(\"{path}: {source}\")]\n    Read {\n        source: E,\n    },\n", true),
        ("#[error(\"{path}\")]\n    Read {\n        source: E,\n    },\n", false),
        ("#[error(\"{why:#}\")]\n    Read {\n        #[source]\n        why: E,\n    },\n", true),
    ] {
        assert_eq!(
            declarations(declaration).any(|d| shows_its_cause(&d)),
            is_seen,
            "{declaration}"
        );
    }
}
