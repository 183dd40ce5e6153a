//! `camelid save` and `camelid load`: models from one machine to another without a network.
//!
//! An archive is one file in the layout of OCI images. Both commands work on the store itself, beside
//! a server or without one.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use camelid_runtime::registry::{ModelName, Store};

use crate::{
    args::{LoadArgs, SaveArgs},
    connection,
    environment::Environment,
};

/// The file that stands for standard input and output.
const STANDARD: &str = "-";

/// Writes models as an archive. A file appears whole or not at all.
pub(crate) fn save(args: &SaveArgs, environment: &Environment) -> Result<()> {
    let names = args.models.iter().map(|model| model.parse().with_context(|| model.clone()));
    let names: Vec<ModelName> = names.collect::<Result<_>>()?;
    let store = store(environment)?;
    if args.output.as_os_str() == STANDARD {
        return Ok(store.export(&names, io::stdout().lock(), &mut |_| {})?);
    }
    let part = part_of(&args.output);
    let saved = write(&store, &names, &part).and_then(|()| {
        fs::rename(&part, &args.output).with_context(|| args.output.display().to_string())
    });
    if saved.is_err() {
        // What went wrong is told already, and a file that was never made cannot be removed.
        drop(fs::remove_file(&part));
    }
    saved
}

/// Adds the models of an archive to the store, and prints their names.
pub(crate) fn load(args: &LoadArgs, environment: &Environment) -> Result<()> {
    let store = store(environment)?;
    let shown = || args.file.display().to_string();
    let names = if args.file.as_os_str() == STANDARD {
        store.import(io::stdin().lock(), &mut |_| {})
    } else {
        let file = File::open(&args.file).with_context(shown)?;
        store.import(BufReader::new(file), &mut |_| {})
    };
    let mut out = io::stdout();
    for name in names.with_context(shown)? {
        writeln!(out, "{name}")?;
    }
    Ok(())
}

fn store(environment: &Environment) -> Result<Store> {
    connection::store(environment)?.context("there is no folder for models: set OLLAMA_MODELS")
}

/// Where a file grows before it gets its name.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn write(store: &Store, names: &[ModelName], path: &Path) -> Result<()> {
    let shown = || path.display().to_string();
    let mut file = BufWriter::new(File::create(path).with_context(shown)?);
    store.export(names, &mut file, &mut |_| {})?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(shown)?;
    file.sync_all().with_context(shown)
}
