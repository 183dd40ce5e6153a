//! The CPU as a [`Device`]: the `kernels` crate over weights that stay in the file.

use camelid_gguf::TensorType;
use camelid_kernels::{Attention, Cpu, KvPool, KvType, Matrix, Query, Rope};

use crate::{
    device::{Device, View},
    error::{Error, Result},
    page_table::{PAGE_LEN, PageCopy},
    spec::AttentionSpec,
    weights::TensorSource,
};

/// Runs a decoder's operations with a [`Cpu`].
pub struct CpuDevice {
    cpu: Cpu,
}

impl CpuDevice {
    /// A device that computes with the given kernels and threads.
    #[must_use]
    pub fn new(cpu: Cpu) -> Self {
        Self { cpu }
    }

    fn check_format(source: &TensorSource) -> Result<()> {
        if Cpu::supports(source.ty()) {
            return Ok(());
        }
        let known = TensorType::ALL.iter().filter(|&&ty| Cpu::supports(ty));
        Err(Error::Unsupported {
            what: format!("number format of tensor `{}`", source.name()),
            found: source.ty().name().to_owned(),
            supported: known.map(|ty| ty.name()).collect::<Vec<_>>().join(", "),
        })
    }
}

fn matrix(source: &TensorSource) -> Matrix<'_> {
    Matrix::new(source.ty(), source.n_rows(), source.n_cols(), source.data())
        .expect("a tensor's bytes were measured when the file was read")
}

impl Device for CpuDevice {
    type Weight = TensorSource;
    type Buffer = Vec<f32>;
    type Cache = KvPool;

    fn weight(&self, source: &TensorSource) -> Result<TensorSource> {
        Self::check_format(source)?;
        Ok(source.clone())
    }

    fn vector(&self, source: &TensorSource) -> Result<Vec<f32>> {
        Self::check_format(source)?;
        let mut out = vec![0.0; source.n_cols()];
        self.cpu.gather(&matrix(source), &[0], &mut out);
        Ok(out)
    }

    fn buffer(&self) -> Vec<f32> {
        Vec::new()
    }

    fn cache(&self, spec: &AttentionSpec, n_pages: usize, ty: KvType) -> Result<KvPool> {
        let n_elems = [PAGE_LEN, spec.n_head_kv, spec.head_dim, 2]
            .iter()
            .try_fold(n_pages, |product: usize, &n| product.checked_mul(n));
        // Half of it keys, half values; asked for as if F32, so that no format is larger.
        let n_bytes = n_elems.and_then(|n| n.checked_mul(size_of::<f32>()));
        let n_bytes = n_bytes.ok_or(Error::OutOfMemory { n_bytes: usize::MAX })?;
        // The pool's own allocation would end the program where there is no memory.
        let mut probe: Vec<u8> = Vec::new();
        probe.try_reserve_exact(n_bytes).map_err(|_| Error::OutOfMemory { n_bytes })?;
        drop(probe);
        Ok(KvPool::new(ty, n_pages, PAGE_LEN, spec.n_head_kv, spec.head_dim))
    }

    fn gather(&mut self, table: &TensorSource, ids: &[u32], out: &mut Vec<f32>) {
        out.resize(ids.len() * table.n_cols(), 0.0);
        self.cpu.gather(&matrix(table), ids, out);
    }

    fn select(&mut self, x: &Vec<f32>, width: usize, rows: &[usize], out: &mut Vec<f32>) {
        out.clear();
        for &row in rows {
            out.extend_from_slice(&x[row * width..][..width]);
        }
    }

    fn matmul(&mut self, w: &TensorSource, x: &Vec<f32>, out: &mut Vec<f32>) {
        let n_tokens = x.len() / w.n_cols();
        out.resize(n_tokens * w.n_rows(), 0.0);
        self.cpu.matmul(&matrix(w), x, out);
    }

    fn add(&mut self, x: &mut Vec<f32>, y: &Vec<f32>) {
        self.cpu.add(x, y);
    }

    fn rms_norm(&mut self, x: &Vec<f32>, weight: &Vec<f32>, eps: f32, out: &mut Vec<f32>) {
        out.resize(x.len(), 0.0);
        self.cpu.rms_norm(x, weight, eps, out);
    }

    fn silu_mul(&mut self, gate: &mut Vec<f32>, up: &Vec<f32>) {
        self.cpu.silu_mul(gate, up);
    }

    fn rope(&mut self, x: &mut Vec<f32>, head_dim: usize, pos: &[u32], rope: &Rope) {
        let n_head = x.len() / (pos.len() * head_dim);
        self.cpu.rope(x, n_head, head_dim, pos, rope);
    }

    fn store(&mut self, cache: &mut KvPool, slots: &[usize], k: &Vec<f32>, v: &Vec<f32>) {
        cache.store(slots, k, v);
    }

    fn attention(
        &mut self,
        spec: &AttentionSpec,
        cache: &KvPool,
        views: &[View],
        q: &Vec<f32>,
        out: &mut Vec<f32>,
    ) {
        let queries: Vec<Query<'_>> = views
            .iter()
            .map(|view| Query { pages: &view.pages, n_visible: view.n_visible })
            .collect();
        out.resize(q.len(), 0.0);
        let mut attention = Attention::new(spec.n_head, spec.n_head_kv, spec.head_dim);
        attention.scale = spec.scale;
        self.cpu.attention(&attention, cache, &queries, q, out);
    }

    fn copy_page(&mut self, cache: &mut KvPool, copy: PageCopy) {
        cache.copy_page(copy.from as usize, copy.to as usize, copy.n_slots);
    }

    fn move_slot(&mut self, cache: &mut KvPool, from: usize, to: usize, rope: &Rope, delta: i32) {
        cache.move_slot(from, to);
        cache.rotate(to, rope, delta);
    }

    fn read<'b>(&self, buffer: &'b Vec<f32>, _out: &'b mut Vec<f32>) -> &'b [f32] {
        buffer
    }
}
