//! The CPU as a model sees it.

use std::sync::Arc;

use crate::attention::{self, Attention, Query};
use crate::block;
use crate::elementwise::{self, Activation};
use crate::kv_pool::KvPool;
use crate::matmul;
use crate::matrix::Matrix;
use crate::norm;
use crate::rope::Rope;
use crate::table::Kernels;
use crate::team::ThreadTeam;
use camelid_gguf::TensorType;

/// A row of kernels and a team of threads: the device on which a decoder runs.
///
/// Cheap to share in an `Arc`; concurrent calls are correct, one of them gets the team.
///
/// All shapes are outermost first and row-major. Every operation panics where its arguments'
/// lengths do not fit each other: shapes are the caller's to get right once, when it loads a
/// model.
///
/// # Examples
/// ```
/// use camelid_kernels::{Cpu, Kernels, Matrix, ThreadTeam};
/// use camelid_gguf::TensorType;
///
/// let cpu = Cpu::new(Kernels::detect(), ThreadTeam::with_available());
/// let bytes: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0].iter().flat_map(|x| x.to_le_bytes()).collect();
/// let w = Matrix::new(TensorType::F32, 2, 2, &bytes)?;
/// let mut out = [0.0; 2];
/// cpu.matmul(&w, &[10.0, 1.0], &mut out);
/// assert_eq!(out, [12.0, 34.0]);
/// # Ok::<(), camelid_kernels::Error>(())
/// ```
pub struct Cpu {
    kernels: &'static Kernels,
    team: Arc<ThreadTeam>,
}

impl Cpu {
    /// Joins kernels and threads: a team of its own, or one that is shared with others.
    pub fn new(kernels: &'static Kernels, team: impl Into<Arc<ThreadTeam>>) -> Self {
        Self { kernels, team: team.into() }
    }

    /// The kernels in use.
    pub fn kernels(&self) -> &'static Kernels {
        self.kernels
    }

    /// The threads in use.
    pub fn team(&self) -> &ThreadTeam {
        &self.team
    }

    /// Whether weights of this type can be used.
    pub fn supports(ty: TensorType) -> bool {
        block::is_supported(ty)
    }

    /// `out = x * w^T`: each token's activations times the weights.
    ///
    /// Shapes: `w` is `[n_rows, n_cols]`, `x` is `[n_tokens, n_cols]`, `out` is
    /// `[n_tokens, n_rows]`.
    ///
    /// Float weights meet f32 activations and f32 sums. For quantised weights the activations are
    /// rounded to 8 bits in groups of 32, each in steps of its own or, for formats with blocks of
    /// 256, in steps that are powers of two times one of theirs; sums are exact within a group and
    /// f32 across groups. A token's results have the same bits whatever the batch and the number of
    /// threads.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn matmul(&self, w: &Matrix<'_>, x: &[f32], out: &mut [f32]) {
        self.matmul_each(x, [(*w, out)]);
    }

    /// [`matmul`](Self::matmul) with each `(w, out)`, in one parallel step; activations are rounded
    /// once for all. The results have the same bits.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn matmul_each<'a>(
        &self,
        x: &[f32],
        products: impl IntoIterator<Item = (Matrix<'a>, &'a mut [f32])>,
    ) {
        matmul::matmul((self.kernels, &self.team), x, products);
    }

    /// Looks rows of `table` up, as floats.
    ///
    /// Shapes: `table` is `[n_rows, n_cols]`, `ids` is `[n_ids]`, `out` is `[n_ids, n_cols]`.
    ///
    /// # Panics
    /// If an id is not below `n_rows`, or the lengths do not fit.
    pub fn gather(&self, table: &Matrix<'_>, ids: &[u32], out: &mut [f32]) {
        assert_eq!(out.len(), ids.len() * table.n_cols(), "gather: ids times columns");
        if table.n_cols() == 0 {
            return;
        }
        let rows = ids.iter().zip(out.chunks_exact_mut(table.n_cols())).collect();
        self.team.run_each(rows, |(&id, out): (&u32, &mut [f32])| {
            block::dequantize(table.tensor_type(), table.row(id as usize), out);
        });
    }

    /// Root-mean-square norm of each row: `x / sqrt(mean(x^2) + eps) * weight`.
    ///
    /// Shapes: `x` and `out` are `[n_rows, weight.len()]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn rms_norm(&self, x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
        norm::rms_norm((self.kernels, &self.team), x, weight, eps, out);
    }

    /// Layer norm of each row: `(x - mean) / sqrt(variance + eps) * weight + bias`.
    ///
    /// Shapes: `x` and `out` are `[n_rows, weight.len()]`, `bias` is as `weight`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn layer_norm(
        &self,
        x: &[f32],
        weight: &[f32],
        bias: Option<&[f32]>,
        eps: f32,
        out: &mut [f32],
    ) {
        norm::layer_norm((self.kernels, &self.team), x, (weight, bias), eps, out);
    }

    /// Turns each head's first `n_rot` lanes by the token's position, in place.
    ///
    /// Shapes: `x` is `[n_tokens, n_head, head_dim]`, `pos` is `[n_tokens]`.
    ///
    /// # Panics
    /// If the rope turns more than `head_dim` lanes, or the lengths do not fit.
    pub fn rope(&self, x: &mut [f32], n_head: usize, head_dim: usize, pos: &[u32], rope: &Rope) {
        rope.apply(&self.team, x, (n_head, head_dim), pos);
    }

    /// The same by four positions of each token; see [`Sections`](crate::Sections).
    ///
    /// Shapes: `x` is `[n_tokens, n_head, head_dim]`, `pos` is `[n_tokens]`.
    ///
    /// # Panics
    /// As [`rope`](Self::rope).
    pub fn rope_sections(
        &self,
        x: &mut [f32],
        (n_head, head_dim): (usize, usize),
        pos: &[[u32; 4]],
        rope: &Rope,
    ) {
        rope.apply(&self.team, x, (n_head, head_dim), pos);
    }

    /// `x += y`, element by element.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(&self, x: &mut [f32], y: &[f32]) {
        elementwise::add(&self.team, x, y);
    }

    /// Adds `bias` to each row of `x`, `[n_rows, bias.len()]`.
    ///
    /// # Panics
    /// If `x` is not whole rows.
    pub fn add_bias(&self, x: &mut [f32], bias: &[f32]) {
        elementwise::add_bias(&self.team, x, bias);
    }

    /// `x *= factor`.
    pub fn scale(&self, x: &mut [f32], factor: f32) {
        elementwise::scale(x, factor);
    }

    /// `x = cap * tanh(x / cap)`: keeps values within `-cap..cap`.
    pub fn softcap(&self, x: &mut [f32], cap: f32) {
        elementwise::softcap((self.kernels, &self.team), x, cap);
    }

    /// `x = act(x)`, element by element.
    pub fn activate(&self, act: Activation, x: &mut [f32]) {
        elementwise::activate((self.kernels, &self.team), act, x, None);
    }

    /// `gate = act(gate) * up`, element by element.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn activate_mul(&self, act: Activation, gate: &mut [f32], up: &[f32]) {
        elementwise::activate((self.kernels, &self.team), act, gate, Some(up));
    }

    /// `gate = silu(gate) * up`, element by element; `silu(x) = x / (1 + exp(-x))`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn silu_mul(&self, gate: &mut [f32], up: &[f32]) {
        self.activate_mul(Activation::Silu, gate, up);
    }

    /// `gate = g * sigmoid(alpha * g) * (u + 1)`, where `g` is a gate cut at `limit` and `u` an
    /// `up` cut at `-limit..=limit`.
    ///
    /// # Panics
    /// If the lengths differ or `limit` is below 0 or not a number.
    pub fn clamped_gate(&self, (alpha, limit): (f32, f32), gate: &mut [f32], up: &[f32]) {
        elementwise::clamped_gate((self.kernels, &self.team), (alpha, limit), gate, up);
    }

    /// Cuts every element to `-limit..=limit`; a NaN stays.
    ///
    /// # Panics
    /// If `limit` is below 0 or not a number.
    pub fn clamp(&self, x: &mut [f32], limit: f32) {
        elementwise::clamp(x, limit);
    }

    /// `x[rows[i]] += factors[i] * y[i]`, rows of `width`.
    ///
    /// Shapes: `rows` and `factors` are `[n]`, `y` is `[n, width]`.
    ///
    /// # Panics
    /// If a row is not in `x` or the lengths do not fit.
    pub fn scatter_add(&self, x: &mut [f32], width: usize, targets: (&[usize], &[f32]), y: &[f32]) {
        elementwise::scatter_add(x, width, targets, y);
    }

    /// Softmax of each row of `row_len`, in place.
    ///
    /// Shapes: `x` is `[n_rows, row_len]`.
    ///
    /// # Panics
    /// If `x` is not whole rows.
    pub fn softmax(&self, x: &mut [f32], row_len: usize) {
        elementwise::softmax(self.kernels, x, row_len);
    }

    /// Attention of each query over its own keys and values: `softmax(q k^T * scale) v`.
    ///
    /// Shapes: `q` and `out` are `[n_queries, n_head, head_dim]`, `queries` is `[n_queries]`.
    /// Query head `h` reads key head `h / (n_head / n_head_kv)`.
    ///
    /// Computed in f32 with an online softmax, keys in order, so a query's result has the same
    /// bits whatever the batch and the number of threads, and wherever its pages lie. A query
    /// that sees no key gives zeros.
    ///
    /// # Panics
    /// If the spec does not fit the pool, a page is not in the pool, a query has too few pages, or
    /// the lengths do not fit.
    pub fn attention(
        &self,
        spec: &Attention,
        kv: &KvPool,
        queries: &[Query<'_>],
        q: &[f32],
        out: &mut [f32],
    ) {
        attention::attention((self.kernels, &self.team), spec, kv, queries, (q, out));
    }
}
