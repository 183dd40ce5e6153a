//! What the decoder asks of a machine: about a dozen operations on buffers of f32.
//!
//! A model is written once, over this trait. The CPU implements it with the `kernels` crate; a GPU
//! would keep its buffers, weights and caches in its own memory behind the associated types.
//!
//! Shapes are row-major, outermost first. Activations are `[n_tokens, width]`.

use camelid_kernels::{KvType, Rope};

use crate::{error::Result, spec::AttentionSpec};

pub use crate::{
    page_table::{PAGE_LEN, PageCopy, PageId},
    weights::TensorSource,
};

/// Where one token of a batch looks: at all cached tokens of its sequence up to itself.
#[derive(Debug, Clone)]
pub struct View {
    /// The pages of its sequence.
    pub pages: std::sync::Arc<[u32]>,
    /// How many tokens it sees, itself included.
    pub n_visible: usize,
}

/// A machine that runs a decoder's operations.
pub trait Device: Send {
    /// A weight matrix in the file's own block format.
    type Weight: Send;
    /// A row of activations per token, or a small vector of weights.
    type Buffer: Send;
    /// One block's keys and values, in pages.
    type Cache: Send;

    /// Takes a matrix of weights into use.
    ///
    /// # Errors
    /// When its number format has no kernels.
    fn weight(&self, source: &TensorSource) -> Result<Self::Weight>;
    /// Takes a vector of weights (a norm's) into use, as f32.
    ///
    /// # Errors
    /// When its number format has no kernels.
    fn vector(&self, source: &TensorSource) -> Result<Self::Buffer>;
    /// An empty buffer; operations give it the size they need and reuse its memory.
    fn buffer(&self) -> Self::Buffer;
    /// Memory for `n_pages` pages of keys and values.
    ///
    /// # Errors
    /// When there is not that much.
    fn cache(&self, spec: &AttentionSpec, n_pages: usize, ty: KvType) -> Result<Self::Cache>;

    /// `out[i] = table[ids[i]]`.
    fn gather(&mut self, table: &Self::Weight, ids: &[u32], out: &mut Self::Buffer);
    /// `out[i] = x[rows[i]]`, rows of `width`.
    fn select(&mut self, x: &Self::Buffer, width: usize, rows: &[usize], out: &mut Self::Buffer);
    /// `out = x · wᵀ`: `[n_tokens, n_cols]` to `[n_tokens, n_rows]`.
    fn matmul(&mut self, w: &Self::Weight, x: &Self::Buffer, out: &mut Self::Buffer);
    /// `x += y`.
    fn add(&mut self, x: &mut Self::Buffer, y: &Self::Buffer);
    /// Each row divided by the root of its mean square and multiplied by `weight`.
    fn rms_norm(
        &mut self,
        x: &Self::Buffer,
        weight: &Self::Buffer,
        eps: f32,
        out: &mut Self::Buffer,
    );
    /// `gate = silu(gate) * up`.
    fn silu_mul(&mut self, gate: &mut Self::Buffer, up: &Self::Buffer);
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
    /// `out = softmax(q · kᵀ * scale) · v`, each token over what it sees.
    fn attention(
        &mut self,
        spec: &AttentionSpec,
        cache: &Self::Cache,
        views: &[View],
        q: &Self::Buffer,
        out: &mut Self::Buffer,
    );

    /// Copies the beginning of a page.
    fn copy_page(&mut self, cache: &mut Self::Cache, copy: PageCopy);
    /// Moves one slot's keys and values to another slot, turning the key by `delta` positions.
    fn move_slot(
        &mut self,
        cache: &mut Self::Cache,
        from: usize,
        to: usize,
        rope: &Rope,
        delta: i32,
    );
    /// The numbers of a buffer.
    fn read<'b>(&self, buffer: &'b Self::Buffer, out: &'b mut Vec<f32>) -> &'b [f32];
}
