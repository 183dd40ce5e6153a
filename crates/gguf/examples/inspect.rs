//! Prints what is in a GGUF file.
//!
//! ```sh
//! cargo run -p camelid-gguf --example inspect -- model.gguf
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufWriter, ErrorKind, Write, stderr, stdout};
use std::iter::successors;
use std::process::ExitCode;

use camelid_gguf::{Array, Endianness, GgufFile, TensorType, Value};

/// Longest text shown of a metadata value, in characters.
const MAX_CHARS: usize = 60;
/// Most elements shown of an array.
const MAX_ELEMS: usize = 8;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done about an error message that cannot be written.
            let _ = writeln!(stderr(), "inspect: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: inspect FILE.gguf")?;
    let gguf = GgufFile::open(path)?;
    match print(&gguf, &mut BufWriter::new(stdout().lock())) {
        // Whoever reads has read enough, as in `inspect model.gguf | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn with_causes(error: &dyn Error) -> String {
    let causes = successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn print(gguf: &GgufFile, out: &mut impl Write) -> std::io::Result<()> {
    print_summary(gguf, out)?;
    print_metadata(gguf, out)?;
    print_tensors(gguf, out)?;
    print_types(gguf, out)?;
    out.flush()
}

fn print_summary(gguf: &GgufFile, out: &mut impl Write) -> std::io::Result<()> {
    let order = match gguf.endianness() {
        Endianness::Little => "little",
        Endianness::Big => "big",
    };
    let n_params: usize = gguf.tensors().iter().map(|tensor| tensor.n_elems()).sum();
    writeln!(
        out,
        "GGUF version {}, {order}-endian, alignment {}, {} in {} part(s)",
        gguf.version(),
        gguf.alignment(),
        size(gguf.n_bytes()),
        gguf.n_parts(),
    )?;
    writeln!(
        out,
        "{} metadata entries, {} tensors, {n_params} parameters",
        gguf.metadata().len(),
        gguf.tensors().len(),
    )
}

fn print_metadata(gguf: &GgufFile, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\nMetadata")?;
    let width = gguf.metadata().iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
    for (key, value) in gguf.metadata().iter() {
        let key = shown(key, usize::MAX);
        writeln!(out, "  {key:width$}  {:<10}  {}", kind(value), text(value))?;
    }
    Ok(())
}

fn print_tensors(gguf: &GgufFile, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\nTensors (shapes outermost first)")?;
    let names = gguf.tensors().iter().map(|tensor| tensor.name().chars().count());
    let width = names.max().unwrap_or(0);
    for tensor in gguf.tensors() {
        writeln!(
            out,
            "  {:width$}  {:<8}  {:>20}  {:>10}  at {}",
            shown(tensor.name(), usize::MAX),
            tensor.ty(),
            format!("{:?}", tensor.shape()),
            size(tensor.n_bytes() as u64),
            tensor.file_offset(),
        )?;
    }
    Ok(())
}

/// How much of the file each number format takes.
fn print_types(gguf: &GgufFile, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\nTypes")?;
    let mut totals = BTreeMap::<TensorType, (usize, u64)>::new();
    for tensor in gguf.tensors() {
        let (n_tensors, n_bytes) = totals.entry(tensor.ty()).or_default();
        *n_tensors += 1;
        *n_bytes += tensor.n_bytes() as u64;
    }
    for (ty, (n_tensors, n_bytes)) in totals {
        writeln!(out, "  {ty:<8}  {n_tensors:>5} tensors  {:>10}", size(n_bytes))?;
    }
    Ok(())
}

/// A value's type: `u32`, `string[1000]`.
fn kind(value: Value<'_>) -> String {
    match value {
        Value::Array(array) => format!("{}[{}]", array.elem_type(), array.len()),
        value => value.ty().to_string(),
    }
}

fn text(value: Value<'_>) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", shown(text, MAX_CHARS)),
        Value::Array(array) => elements(array),
        Value::Bool(value) => value.to_string(),
        Value::F32(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        integer => integer.as_integer().map(|value| value.to_string()).unwrap_or_default(),
    }
}

fn elements(array: Array<'_>) -> String {
    let shown: Vec<String> = array.values().take(MAX_ELEMS).map(text).collect();
    let more = if array.len() > MAX_ELEMS { ", ..." } else { "" };
    format!("[{}{more}]", shown.join(", "))
}

/// Text from the file made fit for a terminal: control characters escaped, length bounded.
fn shown(text: &str, max_chars: usize) -> String {
    let mut shown = String::new();
    for char in text.chars().take(max_chars) {
        match char {
            '"' | '\'' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
    }
    if text.chars().nth(max_chars).is_some() {
        shown.push_str("...");
    }
    shown
}

/// A size as people read it.
fn size(n_bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n_bytes < 1024 {
        return format!("{n_bytes} B");
    }
    let mut size = n_bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}
