//! Typed questions to the metadata of one architecture.

use camelid_gguf::{Array, Metadata, Value};

use crate::error::{Error, Result};

/// Most blocks a model may have.
pub(super) const MAX_N_LAYER: usize = 512;
/// Widest residual stream, hidden layer or head, and longest context: what no model reaches.
pub(super) const MAX_WIDTH: usize = 1 << 24;
/// Most experts a block may have.
pub(super) const MAX_N_EXPERT: usize = 4096;

/// The metadata of a file and the architecture that its keys begin with.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub(super) metadata: Metadata<'a>,
    pub(super) architecture: &'static str,
}

impl<'a> Keys<'a> {
    /// The key `{architecture}.{name}`.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.metadata.get(&self.key(name)).is_some()
    }

    /// A size of 1 to `max` that must be there.
    pub(super) fn size(&self, name: &str, max: usize) -> Result<usize> {
        self.in_range(name, self.metadata.require_usize(&self.key(name))?, max)
    }

    /// A size of 1 to `max` that may be missing.
    pub(super) fn optional_size(&self, name: &str, max: usize) -> Result<Option<usize>> {
        let n = self.metadata.get_usize(&self.key(name))?;
        n.map(|n| self.in_range(name, n, max)).transpose()
    }

    /// A count of 0 to `max`; 0 where it is missing.
    pub(super) fn count(&self, name: &str, max: usize) -> Result<usize> {
        match self.metadata.get_usize(&self.key(name))? {
            Some(n) if n > max => Err(self.refuse(name, n, format!("0 to {max}"))),
            n => Ok(n.unwrap_or(0)),
        }
    }

    fn in_range(&self, name: &str, n: usize, max: usize) -> Result<usize> {
        if (1..=max).contains(&n) {
            Ok(n)
        } else {
            Err(self.refuse(name, n, format!("1 to {max}")))
        }
    }

    /// A finite number above 0 that may be missing.
    pub(super) fn positive(&self, name: &str) -> Result<Option<f32>> {
        let found: Option<f32> = self.metadata.get_as(&self.key(name))?;
        found.map(|x| self.check_positive(name, x)).transpose()
    }

    /// A finite number above 0 that must be there.
    pub(super) fn required_positive(&self, name: &str) -> Result<f32> {
        self.check_positive(name, self.metadata.require(&self.key(name))?)
    }

    /// A finite number above 0; 0 means the same as a missing key: that there is none.
    pub(super) fn positive_or_zero(&self, name: &str) -> Result<Option<f32>> {
        match self.metadata.get_as(&self.key(name))? {
            None | Some(0.0) => Ok(None),
            Some(x) => self.check_positive(name, x).map(Some),
        }
    }

    fn check_positive(&self, name: &str, x: f32) -> Result<f32> {
        let is_allowed = x.is_finite() && x > 0.0;
        if is_allowed { Ok(x) } else { Err(self.refuse(name, x, "a finite number above 0".into())) }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        Ok(self.metadata.get_as(&self.key(name))?)
    }

    pub(super) fn required_flag(&self, name: &str) -> Result<bool> {
        Ok(self.metadata.require(&self.key(name))?)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>> {
        Ok(self.metadata.get_as(&self.key(name))?)
    }

    /// A flag for each of `n` blocks, where the key holds an array.
    pub(super) fn flags(&self, name: &str, n: usize) -> Result<Option<Vec<bool>>> {
        let key = self.key(name);
        let Some(Value::Array(array)) = self.metadata.get(&key) else { return Ok(None) };
        let flags: Vec<bool> = array.elements::<bool>()?.collect();
        if flags.len() != n {
            return Err(self.refuse(
                name,
                format!("{} flags", flags.len()),
                format!("{n}, one for each block"),
            ));
        }
        Ok(Some(flags))
    }

    /// A count of 0 to `max` that may be missing: one for all of `n` blocks, or one for each, of
    /// which block `i`'s is asked for.
    pub(super) fn count_of_block(
        &self,
        name: &str,
        (i, n): (usize, usize),
        max: usize,
    ) -> Result<Option<usize>> {
        let key = self.key(name);
        let Some(Value::Array(array)) = self.metadata.get(&key) else {
            return self.has(name).then(|| self.count(name, max)).transpose();
        };
        if array.len() != n {
            let found = format!("{} numbers", array.len());
            return Err(self.refuse(name, found, format!("{n}, one for each block")));
        }
        let number = array.values().nth(i).and_then(|value| value.as_integer());
        let count = number.and_then(|number| usize::try_from(number).ok());
        let allowed = || self.refuse(name, format!("{array:?}"), format!("0 to {max} each"));
        count.filter(|&count| count <= max).ok_or_else(allowed).map(Some)
    }

    /// How many elements an array has, 1 to `max`; `None` where the key is missing.
    pub(super) fn n_elements(&self, name: &str, max: usize) -> Result<Option<usize>> {
        let array: Option<Array<'_>> = self.metadata.get_as(&self.key(name))?;
        array.map(|array| self.in_range(name, array.len(), max)).transpose()
    }

    /// Vocabulary size: the tokens' number, which `vocab_size` must not contradict.
    pub(super) fn n_vocab(&self) -> Result<usize> {
        let n_tokens = self.metadata.require::<Array<'_>>("tokenizer.ggml.tokens")?.len();
        match self.optional_size("vocab_size", u32::MAX as usize)? {
            Some(n) if n != n_tokens => {
                Err(self.refuse("vocab_size", n, format!("{n_tokens}, the number of tokens")))
            }
            _ => Ok(n_tokens),
        }
    }

    pub(super) fn refuse(&self, name: &str, found: impl ToString, allowed: String) -> Error {
        Error::Metadata { key: self.key(name), found: found.to_string(), allowed }
    }

    pub(super) fn unsupported(&self, name: &str, found: impl ToString, supported: &str) -> Error {
        Error::Unsupported {
            what: self.key(name),
            found: found.to_string(),
            supported: supported.to_owned(),
        }
    }
}
