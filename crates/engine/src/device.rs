//! What the decoder asks of a machine: some thirty operations on buffers of f32.
//!
//! A model is written once, over this trait. The CPU implements it with the `kernels` crate; a GPU
//! would keep its buffers, weights and caches in its own memory behind the associated types.
//!
//! Shapes are row-major, outermost first. Activations are `[n_tokens, width]`.

use std::ops::Range;

use camelid_kernels::{Attention, HeadOrder, KvType, Rope};

use crate::{
    error::Result,
    spec::{Activation, NormKind, WindowShape},
};

pub use camelid_kernels::Run;

pub use crate::{
    page_table::{PAGE_LEN, PageCopy, PageId},
    state_table::{Origin, StatePlacement},
    weights::TensorSource,
};

/// Where one token of a batch looks: at the cached tokens of its sequence, up to itself or all.
#[derive(Debug, Clone)]
pub struct View {
    /// The pages of its sequence.
    pub pages: std::sync::Arc<[u32]>,
    /// Its own position.
    pub pos: usize,
    /// How many tokens of the sequence it sees, if no window hides them.
    pub n_visible: usize,
}

/// How far a token sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Where it lies.
    pub shape: WindowShape,
    /// Its width in tokens; above 0.
    pub width: usize,
}

impl Window {
    /// The positions that a token sees, of those its view names.
    #[must_use]
    pub fn range(self, view: &View) -> Range<usize> {
        let Self { shape, width } = self;
        let (start, end) = match shape {
            WindowShape::Past => ((view.pos + 1).saturating_sub(width), view.n_visible),
            WindowShape::Around => {
                let half = width / 2;
                (view.pos.saturating_sub(half), view.n_visible.min(view.pos + half + 1))
            }
            WindowShape::Chunk => (view.pos / width * width, view.n_visible),
        };
        start..end
    }
}

/// The shape of a block's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheShape {
    /// Pages of [`PAGE_LEN`] tokens.
    pub n_pages: usize,
    /// Key heads, and value heads.
    pub n_head_kv: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Number format.
    pub ty: KvType,
    /// Whether values are the keys, and stored once.
    pub values_are_keys: bool,
}

/// A norm over vectors of `width` elements, of which a row may have several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Norm<'a, B> {
    /// The arithmetic.
    pub kind: NormKind,
    /// Added to the mean square or the variance.
    pub eps: f32,
    /// Elements that are normalised together.
    pub width: usize,
    /// Factors: `[width]`, or a multiple of it for vectors that take turns.
    pub weight: Option<&'a B>,
    /// Summands, as `weight`.
    pub bias: Option<&'a B>,
}

/// Linear attention with decay over a batch; what it computes is told at
/// [`camelid_kernels::Cpu::scan`].
#[derive(Debug, Clone, Copy)]
pub struct StateScan<'a, B> {
    /// Number of heads.
    pub n_head: usize,
    /// Keys and queries; each serves `n_head / n_group` heads.
    pub n_group: usize,
    /// Which key and query serve a head.
    pub order: HeadOrder,
    /// Width of keys and queries.
    pub k_dim: usize,
    /// Width of values.
    pub v_dim: usize,
    /// Logarithms of the decays over a step of 1, `[n_head]`.
    pub a: &'a B,
    /// Added to the steps, `[n_head]`.
    pub dt_bias: &'a B,
    /// Shares of the values in the result, `[n_head]`.
    pub skip: Option<&'a B>,
    /// `[n_tokens, n_group * k_dim]`.
    pub q: &'a B,
    /// `[n_tokens, n_group * k_dim]`.
    pub k: &'a B,
    /// `[n_tokens, n_head * v_dim]`.
    pub v: &'a B,
    /// Steps, `[n_tokens, n_head]`.
    pub dt: &'a B,
    /// What is written by the delta rule, `[n_tokens, n_head]`.
    pub beta: Option<&'a B>,
}

/// Where some columns lie in a buffer of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    /// Width of a row.
    pub width: usize,
    /// The first of the columns.
    pub start: usize,
}

/// A machine that runs a decoder's operations.
pub trait Device: Send {
    /// A weight matrix in the file's own block format.
    type Weight: Send;
    /// A row of activations per token, or a small vector of weights.
    type Buffer: Send;
    /// One block's keys and values, in pages.
    type Cache: Send;
    /// One block's states of one kind, one for each sequence.
    type States: Send;

    /// Takes a matrix of weights into use.
    ///
    /// # Errors
    /// When its number format has no kernels.
    fn weight(&self, source: &TensorSource) -> Result<Self::Weight>;
    /// Takes all elements of a tensor (a norm's) into use, as f32.
    ///
    /// # Errors
    /// When its number format has no kernels.
    fn vector(&self, source: &TensorSource) -> Result<Self::Buffer>;
    /// An empty buffer; operations give it the size they need and reuse its memory.
    fn buffer(&self) -> Self::Buffer;
    /// Memory for pages of keys and values.
    ///
    /// # Errors
    /// When there is not that much.
    fn cache(&self, shape: CacheShape) -> Result<Self::Cache>;
    /// Memory for `n` states of `len` numbers, all zeros.
    ///
    /// # Errors
    /// When there is not that much.
    fn states(&self, n: usize, len: usize) -> Result<Self::States>;

    /// `out[i] = table[ids[i]]`.
    fn gather(&mut self, table: &Self::Weight, ids: &[u32], out: &mut Self::Buffer);
    /// `out[i] = x[rows[i]]`, rows of `width`.
    fn select(&mut self, x: &Self::Buffer, width: usize, rows: &[usize], out: &mut Self::Buffer);
    /// `x[rows[i]] += factors[i] * y[i]`, rows of `width`.
    fn scatter_add(
        &mut self,
        x: &mut Self::Buffer,
        width: usize,
        targets: (&[usize], &[f32]),
        y: &Self::Buffer,
    );
    /// Copies `n` columns of every row. `out` gets as many rows as `x`; its other columns stay.
    fn copy_columns(
        &mut self,
        x: (&Self::Buffer, Columns),
        out: (&mut Self::Buffer, Columns),
        n: usize,
    );
    /// `out = x · wᵀ` for each `(w, out)`: `[n_tokens, n_cols]` to `[n_tokens, n_rows]`.
    fn matmul<const N: usize>(
        &mut self,
        x: &Self::Buffer,
        products: [(&Self::Weight, &mut Self::Buffer); N],
    );
    /// `x += y`.
    fn add(&mut self, x: &mut Self::Buffer, y: &Self::Buffer);
    /// `x *= y`.
    fn mul(&mut self, x: &mut Self::Buffer, y: &Self::Buffer);
    /// `x *= sigmoid(gate)`.
    fn gate(&mut self, x: &mut Self::Buffer, gate: &Self::Buffer);
    /// Adds `bias` to each row.
    fn add_bias(&mut self, x: &mut Self::Buffer, bias: &Self::Buffer);
    /// `x *= factor`.
    fn scale(&mut self, x: &mut Self::Buffer, factor: f32);
    /// Multiplies each of `factors.len()` rows by its factor.
    fn scale_rows(&mut self, x: &mut Self::Buffer, factors: &[f32]);
    /// `x = cap * tanh(x / cap)`.
    fn softcap(&mut self, x: &mut Self::Buffer, cap: f32);
    /// Cuts every element to `-limit..=limit`.
    fn clamp(&mut self, x: &mut Self::Buffer, limit: f32);
    /// Fills `x` with as many zeros.
    fn zeros(&mut self, x: &mut Self::Buffer, n: usize);
    /// `out = norm(x)`.
    fn norm(&mut self, norm: Norm<'_, Self::Buffer>, x: &Self::Buffer, out: &mut Self::Buffer);
    /// `x = act(x)`.
    fn activate(&mut self, act: Activation, x: &mut Self::Buffer);
    /// `gate = act(gate) * up`.
    fn activate_mul(&mut self, act: Activation, gate: &mut Self::Buffer, up: &Self::Buffer);
    /// `gate = g * sigmoid(alpha * g) * (u + 1)`, `g` and `u` cut at `limit`; see
    /// [`HiddenLayer::GatedClamped`](crate::HiddenLayer).
    fn clamped_gate(&mut self, alpha_limit: (f32, f32), gate: &mut Self::Buffer, up: &Self::Buffer);
    /// Turns each head of `x` by its token's position.
    fn rope(&mut self, x: &mut Self::Buffer, head_dim: usize, pos: &[u32], rope: &Rope);
    /// Writes a row of keys and of values to each slot.
    fn store(
        &mut self,
        cache: &mut Self::Cache,
        slots: &[usize],
        k: &Self::Buffer,
        v: &Self::Buffer,
    );
    /// `out = softmax(q · kᵀ * scale) · v`, each token over what it sees and the window shows it.
    fn attention(
        &mut self,
        attention: (&Attention, Option<Window>),
        cache: &Self::Cache,
        views: &[View],
        q: &Self::Buffer,
        out: &mut Self::Buffer,
    );

    /// Brings a state to where it goes on.
    fn place_state(&mut self, states: &mut Self::States, placement: StatePlacement);
    /// Convolves each column of `x` over the last few tokens, those before the batch among them;
    /// `weight` is `[d_conv, n_channels]`, the oldest token's first.
    fn conv(
        &mut self,
        states: (&mut Self::States, &[Run]),
        weights: (&Self::Buffer, Option<&Self::Buffer>),
        x: &Self::Buffer,
        out: &mut Self::Buffer,
    );
    /// Linear attention with decay.
    fn scan(
        &mut self,
        states: (&mut Self::States, &[Run]),
        scan: StateScan<'_, Self::Buffer>,
        out: &mut Self::Buffer,
    );

    /// Bytes of a page.
    fn page_bytes(&self, cache: &Self::Cache) -> usize;
    /// Appends a page in bytes that are the same on every machine.
    fn save_page(&self, cache: &Self::Cache, page: PageId, out: &mut Vec<u8>);
    /// Makes a page what it was when [`save_page`](Self::save_page) gave these bytes, of which
    /// there are [`page_bytes`](Self::page_bytes).
    fn load_page(&mut self, cache: &mut Self::Cache, page: PageId, bytes: &[u8]);
    /// Bytes of a state.
    fn state_bytes(&self, states: &Self::States) -> usize;
    /// Appends a state, as [`save_page`](Self::save_page).
    fn save_state(&self, states: &Self::States, slot: usize, out: &mut Vec<u8>);
    /// Makes a state what it was, as [`load_page`](Self::load_page).
    fn load_state(&mut self, states: &mut Self::States, slot: usize, bytes: &[u8]);

    /// Copies the beginning of a page.
    fn copy_page(&mut self, cache: &mut Self::Cache, copy: PageCopy);
    /// Moves one slot's keys and values to another slot, turning the key by `delta` positions.
    fn move_slot(
        &mut self,
        cache: &mut Self::Cache,
        from_to: (usize, usize),
        turn: Option<(&Rope, i32)>,
    );
    /// The numbers of a buffer.
    fn read<'b>(&self, buffer: &'b Self::Buffer, out: &'b mut Vec<f32>) -> &'b [f32];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lies_where_its_shape_says() {
        let range = |shape, width, pos, n_visible| {
            let view = View { pages: [].into(), pos, n_visible };
            Window { shape, width }.range(&view)
        };
        assert_eq!(range(WindowShape::Past, 4, 9, 10), 6..10);
        assert_eq!(range(WindowShape::Past, 4, 2, 3), 0..3);
        assert_eq!(range(WindowShape::Around, 5, 9, 30), 7..12);
        assert_eq!(range(WindowShape::Around, 4, 1, 3), 0..3);
        assert_eq!(range(WindowShape::Chunk, 4, 7, 8), 4..8);
        assert_eq!(range(WindowShape::Chunk, 4, 8, 9), 8..9);
    }
}
