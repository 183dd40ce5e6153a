//! The architectures this engine runs: one row each, and the way from metadata to a [`ModelSpec`].
//!
//! A row of the [`table`] holds the facts that GGUF metadata does not carry. Numbers come from the
//! metadata, whose keys are `{architecture}.…`; each is checked against the range a model can have
//! before anything is computed from it. Metadata that would change the arithmetic in a way that is
//! not implemented is refused by name.
//!
//! [`Keys`](keys::Keys) asks for single values, `read` puts a model together, `read_rope`,
//! `read_experts`, `read_head` and `read_recurrent` the parts that have many keys of their own.

mod keys;
mod read;
mod read_experts;
mod read_head;
mod read_recurrent;
mod read_rope;
mod row;
mod table;

use camelid_gguf::Metadata;

use self::{read::Reader, table::ARCHS};
use crate::{
    error::{Error, Result},
    spec::{ModelSpec, RopeOptions},
};

/// Names of the architectures this engine runs, as in `general.architecture`.
#[must_use]
pub fn supported() -> Vec<&'static str> {
    ARCHS.iter().map(|arch| arch.name).collect()
}

impl ModelSpec {
    /// Reads the specification of the model a file holds.
    ///
    /// # Errors
    /// [`Error::UnsupportedArchitecture`] and [`Error::Unsupported`] for what is not implemented,
    /// [`Error::Metadata`] for values no model can have, [`Error::Gguf`] for missing keys.
    pub fn from_metadata(metadata: Metadata<'_>) -> Result<Self> {
        Self::with_rope(metadata, RopeOptions::default())
    }

    /// The same with other rope frequencies than the file's.
    ///
    /// # Errors
    /// As [`from_metadata`](Self::from_metadata), and [`Error::Option`] for frequencies out of
    /// range.
    pub fn with_rope(metadata: Metadata<'_>, rope: RopeOptions) -> Result<Self> {
        rope.check()?;
        let name: &str = metadata.require("general.architecture")?;
        let arch = ARCHS.iter().find(|arch| arch.name == name).ok_or_else(|| {
            Error::UnsupportedArchitecture { found: name.to_owned(), supported: supported() }
        })?;
        Reader::new(metadata, arch, rope)?.model()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names = supported();
        let n = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n);
    }
}
