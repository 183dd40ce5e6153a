//! Finds tensors, checks their shapes, and collects what does not fit.
//!
//! A method answers `None` where a tensor is missing or misshapen, after noting it, so that one
//! pass over a model finds every problem.

use std::{collections::HashSet, sync::Arc};

use camelid_gguf::GgufFile;

use super::{Linear, NormWeights, TensorSource};
use crate::{
    device::Device,
    error::{Error, Result},
    spec::{NormSpec, Presence},
};

/// Beginnings of the names of tensors that have no part in a text's logits: vision, audio, the
/// projections from them, and the classifiers of models that are not used to rank. Some files hold
/// them beside the language model.
const OTHER_TOWERS: [&str; 4] = ["v.", "a.", "mm.", "cls."];
/// Most problems that an error lists: a file may claim any number of blocks and experts.
const MAX_PROBLEMS: usize = 100;

/// Looks for a model's tensors in a file.
pub(super) struct Binder<'a, D> {
    file: &'a Arc<GgufFile>,
    pub(super) device: &'a D,
    seen: HashSet<String>,
    /// Beginnings of the names of tensors that are not used.
    let_be: Vec<String>,
    problems: Vec<String>,
    /// Problems beyond those listed.
    n_more: usize,
    /// The first that a device could not take.
    refused: Option<Error>,
}

impl<'a, D: Device> Binder<'a, D> {
    pub(super) fn new(file: &'a Arc<GgufFile>, device: &'a D) -> Self {
        let let_be = OTHER_TOWERS.map(str::to_owned).to_vec();
        Self {
            file,
            device,
            seen: HashSet::new(),
            let_be,
            problems: Vec::new(),
            n_more: 0,
            refused: None,
        }
    }

    /// Says what did not fit.
    pub(super) fn finish(mut self) -> Result<()> {
        for info in self.file.tensors().iter() {
            let name = info.name();
            let is_let_be = self.let_be.iter().any(|prefix| name.starts_with(prefix));
            if !is_let_be && !self.seen.contains(name) {
                self.note(format!("`{name}` is not known here"));
            }
        }
        let Self { mut problems, n_more, refused, .. } = self;
        if n_more > 0 {
            problems.push(format!("{n_more} more"));
        }
        if !problems.is_empty() {
            return Err(Error::Weights { problems });
        }
        refused.map_or(Ok(()), Err)
    }

    /// Takes tensors whose names begin so for known, and unused.
    pub(super) fn let_be(&mut self, prefix: String) {
        self.let_be.push(prefix);
    }

    fn note(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.n_more += 1;
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.file.tensor(name).is_some()
    }

    /// The outermost dimension of a matrix.
    pub(super) fn n_rows(&self, name: &str) -> Option<usize> {
        self.file.tensor(name)?.shape().first().copied()
    }

    /// The tensor `name` of the given shape, outermost dimension first.
    pub(super) fn source(&mut self, name: &str, shape: &[usize]) -> Option<TensorSource> {
        self.seen.insert(name.to_owned());
        let Some(info) = self.file.tensor(name) else {
            self.note(format!("`{name}` is missing, expected {shape:?}"));
            return None;
        };
        let found = info.shape();
        if found != shape {
            self.note(format!("`{name}` is {found:?}, expected {shape:?}"));
            return None;
        }
        Some(TensorSource::new(self.file, info))
    }

    /// Whether a tensor is to be bound: it must be there, or may and is.
    fn wants(&self, name: &str, presence: Presence) -> bool {
        match presence {
            Presence::Absent => false,
            Presence::Optional => self.has(name),
            Presence::Required => true,
        }
    }

    fn taken<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.refused.get_or_insert(error)).ok()
    }

    pub(super) fn take_matrix(&mut self, source: &TensorSource) -> Option<D::Weight> {
        let result = self.device.weight(source);
        self.taken(result)
    }

    pub(super) fn take_vector(&mut self, source: &TensorSource) -> Option<D::Buffer> {
        let result = self.device.vector(source);
        self.taken(result)
    }

    /// A matrix `[n_rows, n_cols]`.
    pub(super) fn matrix(&mut self, name: &str, n_rows: usize, n_cols: usize) -> Option<D::Weight> {
        let source = self.source(name, &[n_rows, n_cols])?;
        self.take_matrix(&source)
    }

    /// A matrix that a file may have, must have or must not; `None` is noted only where it must.
    pub(super) fn matrix_if(
        &mut self,
        presence: Presence,
        name: &str,
        (n_rows, n_cols): (usize, usize),
    ) -> Option<D::Weight> {
        if self.wants(name, presence) { self.matrix(name, n_rows, n_cols) } else { None }
    }

    /// A vector, of whatever shape its elements are in.
    pub(super) fn vector(&mut self, name: &str, shape: &[usize]) -> Option<D::Buffer> {
        let source = self.source(name, shape)?;
        self.take_vector(&source)
    }

    /// A vector that a file may have, must have or must not; `None` is noted only where it must.
    pub(super) fn vector_if(
        &mut self,
        presence: Presence,
        name: &str,
        shape: &[usize],
    ) -> Option<D::Buffer> {
        if self.wants(name, presence) { self.vector(name, shape) } else { None }
    }

    /// The numbers of a vector, in the program's memory.
    pub(super) fn values(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let buffer = self.vector(name, shape)?;
        Some(self.read(&buffer))
    }

    pub(super) fn read(&self, buffer: &D::Buffer) -> Vec<f32> {
        let mut copy = Vec::new();
        self.device.read(buffer, &mut copy).to_vec()
    }

    /// A projection: `name.weight`, and `name.bias` by its presence.
    pub(super) fn linear(
        &mut self,
        name: &str,
        (n_rows, n_cols): (usize, usize),
        bias: Presence,
    ) -> Option<Linear<D>> {
        let weight = self.matrix(&format!("{name}.weight"), n_rows, n_cols);
        let bias = self.vector_if(bias, &format!("{name}.bias"), &[n_rows]);
        Some(Linear { weight: weight?, bias })
    }

    /// Projections whose rows lie one behind the other in one tensor.
    pub(super) fn fused_linears<const N: usize>(
        &mut self,
        name: &str,
        (counts, n_cols): ([usize; N], usize),
        bias: Presence,
    ) -> Option<[Linear<D>; N]> {
        let n_rows = counts.iter().sum();
        let weight = self.source(&format!("{name}.weight"), &[n_rows, n_cols]);
        let bias_name = format!("{name}.bias");
        let bias = if self.wants(&bias_name, bias) {
            let source = self.source(&bias_name, &[n_rows])?;
            Some(self.column(&source)?.split_rows(&counts))
        } else {
            None
        };
        let weights = weight?.split_rows(&counts);
        let mut linears = Vec::with_capacity(N);
        for (i, weight) in weights.iter().enumerate() {
            let bias = match &bias {
                Some(parts) => Some(self.take_vector(&parts[i])?),
                None => None,
            };
            linears.push(Linear { weight: self.take_matrix(weight)?, bias });
        }
        linears.try_into().ok()
    }

    /// A vector's elements as rows.
    pub(super) fn column(&mut self, source: &TensorSource) -> Option<TensorSource> {
        let column = source.as_column();
        if column.is_none() {
            let ty = source.ty().name();
            self.note(format!("`{}` is {ty}, expected F32", source.name()));
        }
        column
    }

    /// A norm over vectors of the given shape. `prefix` is `blk.N.` or empty. Where the weight may
    /// be missing and is, there is no norm: `None`.
    pub(super) fn norm(
        &mut self,
        prefix: &str,
        spec: &NormSpec,
        shape: &[usize],
    ) -> Option<NormWeights<D>> {
        let exists = |name: &&&str| self.has(&format!("{prefix}{name}.weight"));
        let name = spec.names.iter().find(exists).or(spec.names.last())?;
        let weight_name = format!("{prefix}{name}.weight");
        if spec.weight == Presence::Absent {
            return Some(NormWeights { weight: None, bias: None });
        }
        let weight = self.vector_if(spec.weight, &weight_name, shape)?;
        let bias = self.vector_if(spec.bias, &format!("{prefix}{name}.bias"), shape);
        Some(NormWeights { weight: Some(weight), bias })
    }
}
