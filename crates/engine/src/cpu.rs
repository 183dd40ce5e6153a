//! The CPU as a [`Device`]: the `kernels` crate over weights that stay in the file.

use std::sync::Arc;

use camelid_gguf::TensorType;
use camelid_kernels::{
    Attention, Cpu, Kernels, KvPool, Matrix, Query, Rope, Run, Scan, ScanInput, StatePool,
    ThreadTeam,
};

use crate::{
    device::{CacheShape, Columns, Device, Norm, Origin, StatePlacement, StateScan, View, Window},
    error::{Error, Result},
    page_table::{PageCopy, PageId},
    spec::{Activation, NormKind},
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

    /// A device that computes with this machine's best kernels and these threads.
    pub(crate) fn with_team(team: &Arc<ThreadTeam>) -> Self {
        Self::new(Cpu::new(Kernels::detect(), Arc::clone(team)))
    }

    /// Fails where so many bytes are not to be had; a pool's own allocation would end the program.
    fn probe(n_bytes: Option<usize>) -> Result<()> {
        let n_bytes = n_bytes.ok_or(Error::OutOfMemory { n_bytes: usize::MAX })?;
        let mut probe: Vec<u8> = Vec::new();
        probe.try_reserve_exact(n_bytes).map_err(|_| Error::OutOfMemory { n_bytes })
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

fn kernel(act: Activation) -> camelid_kernels::Activation {
    match act {
        Activation::Silu => camelid_kernels::Activation::Silu,
        Activation::GeluTanh => camelid_kernels::Activation::GeluTanh,
        Activation::GeluErf => camelid_kernels::Activation::GeluErf,
    }
}

impl Device for CpuDevice {
    type Weight = TensorSource;
    type Buffer = Vec<f32>;
    type Cache = KvPool;
    type States = StatePool;

    fn weight(&self, source: &TensorSource) -> Result<TensorSource> {
        Self::check_format(source)?;
        Ok(source.clone())
    }

    fn vector(&self, source: &TensorSource) -> Result<Vec<f32>> {
        Self::check_format(source)?;
        let matrix = matrix(source);
        let mut out = vec![0.0; matrix.n_rows() * matrix.n_cols()];
        let ids: Vec<u32> = (0..).take(matrix.n_rows()).collect();
        self.cpu.gather(&matrix, &ids, &mut out);
        Ok(out)
    }

    fn buffer(&self) -> Vec<f32> {
        Vec::new()
    }

    fn cache(&self, shape: CacheShape) -> Result<KvPool> {
        let CacheShape { n_pages, n_head_kv, head_dim, ty, values_are_keys } = shape;
        let page_bytes = match values_are_keys {
            true => ty.latent_page_bytes(n_head_kv, head_dim),
            false => ty.page_bytes(n_head_kv, head_dim),
        };
        Self::probe(page_bytes.and_then(|bytes| bytes.checked_mul(n_pages)))?;
        Ok(match values_are_keys {
            true => KvPool::of_latents(ty, n_pages, n_head_kv, head_dim),
            false => KvPool::new(ty, n_pages, n_head_kv, head_dim),
        })
    }

    fn states(&self, n: usize, len: usize) -> Result<StatePool> {
        Self::probe(n.checked_mul(len).and_then(|n| n.checked_mul(size_of::<f32>())))?;
        Ok(StatePool::new(n, len))
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

    fn scatter_add(
        &mut self,
        x: &mut Vec<f32>,
        width: usize,
        targets: (&[usize], &[f32]),
        y: &Vec<f32>,
    ) {
        self.cpu.scatter_add(x, width, targets, y);
    }

    fn copy_columns(
        &mut self,
        (x, from): (&Vec<f32>, Columns),
        (out, to): (&mut Vec<f32>, Columns),
        n: usize,
    ) {
        let n_rows = x.len() / from.width;
        out.resize(n_rows * to.width, 0.0);
        for (x, out) in x.chunks_exact(from.width).zip(out.chunks_exact_mut(to.width)) {
            out[to.start..][..n].copy_from_slice(&x[from.start..][..n]);
        }
    }

    fn matmul<const N: usize>(
        &mut self,
        x: &Vec<f32>,
        products: [(&TensorSource, &mut Vec<f32>); N],
    ) {
        let products = products.map(|(w, out)| {
            out.resize(x.len() / w.n_cols() * w.n_rows(), 0.0);
            (matrix(w), out.as_mut_slice())
        });
        self.cpu.matmul_each(x, products);
    }

    fn add(&mut self, x: &mut Vec<f32>, y: &Vec<f32>) {
        self.cpu.add(x, y);
    }

    fn mul(&mut self, x: &mut Vec<f32>, y: &Vec<f32>) {
        x.iter_mut().zip(y).for_each(|(x, y)| *x *= y);
    }

    fn gate(&mut self, x: &mut Vec<f32>, gate: &Vec<f32>) {
        x.iter_mut().zip(gate).for_each(|(x, gate)| *x /= 1.0 + (-gate).exp());
    }

    fn add_bias(&mut self, x: &mut Vec<f32>, bias: &Vec<f32>) {
        self.cpu.add_bias(x, bias);
    }

    fn scale(&mut self, x: &mut Vec<f32>, factor: f32) {
        self.cpu.scale(x, factor);
    }

    fn scale_rows(&mut self, x: &mut Vec<f32>, factors: &[f32]) {
        let width = x.len() / factors.len().max(1);
        for (row, &factor) in x.chunks_exact_mut(width.max(1)).zip(factors) {
            self.cpu.scale(row, factor);
        }
    }

    fn softcap(&mut self, x: &mut Vec<f32>, cap: f32) {
        self.cpu.softcap(x, cap);
    }

    fn clamp(&mut self, x: &mut Vec<f32>, limit: f32) {
        self.cpu.clamp(x, limit);
    }

    fn zeros(&mut self, x: &mut Vec<f32>, n: usize) {
        x.clear();
        x.resize(n, 0.0);
    }

    fn norm(&mut self, norm: Norm<'_, Vec<f32>>, x: &Vec<f32>, out: &mut Vec<f32>) {
        let Norm { kind, eps, width, weight, bias } = norm;
        out.resize(x.len(), 0.0);
        // The kernels take one weight for all vectors; where vectors have their own, or none, it
        // is applied behind them.
        let own = weight.filter(|weight| weight.len() == width);
        let ones = if own.is_some() { Vec::new() } else { vec![1.0; width] };
        let inner = own.unwrap_or(&ones);
        match kind {
            NormKind::Rms => self.cpu.rms_norm(x, inner, eps, out),
            NormKind::Layer => self.cpu.layer_norm(x, inner, None, eps, out),
        }
        if let Some(weight) = weight.filter(|_| own.is_none()) {
            for row in out.chunks_exact_mut(weight.len()) {
                row.iter_mut().zip(weight).for_each(|(x, w)| *x *= w);
            }
        }
        if let Some(bias) = bias {
            self.cpu.add_bias(out, bias);
        }
    }

    fn activate(&mut self, act: Activation, x: &mut Vec<f32>) {
        self.cpu.activate(kernel(act), x);
    }

    fn activate_mul(&mut self, act: Activation, gate: &mut Vec<f32>, up: &Vec<f32>) {
        self.cpu.activate_mul(kernel(act), gate, up);
    }

    fn clamped_gate(&mut self, alpha_limit: (f32, f32), gate: &mut Vec<f32>, up: &Vec<f32>) {
        self.cpu.clamped_gate(alpha_limit, gate, up);
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
        (attention, window): (&Attention, Option<Window>),
        cache: &KvPool,
        views: &[View],
        q: &Vec<f32>,
        out: &mut Vec<f32>,
    ) {
        let queries: Vec<Query<'_>> = views
            .iter()
            .map(|view| {
                let seen = window.map_or(0..view.n_visible, |window| window.range(view));
                Query { pages: &view.pages, first: seen.start, n_visible: seen.end, pos: view.pos }
            })
            .collect();
        out.resize(q.len(), 0.0);
        self.cpu.attention(attention, cache, &queries, q, out);
    }

    fn place_state(&mut self, states: &mut StatePool, placement: StatePlacement) {
        match placement.origin {
            Origin::Here => {}
            Origin::Zeros => states.clear(placement.slot),
            Origin::CopyOf(from) => states.copy(from, placement.slot),
        }
    }

    fn conv(
        &mut self,
        (states, runs): (&mut StatePool, &[Run]),
        (weight, bias): (&Vec<f32>, Option<&Vec<f32>>),
        x: &Vec<f32>,
        out: &mut Vec<f32>,
    ) {
        out.resize(x.len(), 0.0);
        self.cpu.causal_conv(states, runs, (weight, bias.map(Vec::as_slice)), x, out);
    }

    fn scan(
        &mut self,
        (states, runs): (&mut StatePool, &[Run]),
        scan: StateScan<'_, Vec<f32>>,
        out: &mut Vec<f32>,
    ) {
        let StateScan { n_head, n_group, order, k_dim, v_dim, a, dt_bias, .. } = scan;
        let skip = scan.skip.map(Vec::as_slice);
        let layer = Scan { n_head, n_group, order, k_dim, v_dim, a, dt_bias, skip };
        let beta = scan.beta.map(Vec::as_slice);
        let input = ScanInput { q: scan.q, k: scan.k, v: scan.v, dt: scan.dt, beta };
        out.resize(scan.v.len(), 0.0);
        self.cpu.scan(states, runs, (&layer, &input), out);
    }

    fn page_bytes(&self, cache: &KvPool) -> usize {
        cache.page_bytes()
    }

    fn save_page(&self, cache: &KvPool, page: PageId, out: &mut Vec<u8>) {
        cache.save_page(page as usize, out);
    }

    fn load_page(&mut self, cache: &mut KvPool, page: PageId, bytes: &[u8]) {
        cache.load_page(page as usize, bytes);
    }

    fn state_bytes(&self, states: &StatePool) -> usize {
        states.state_len() * size_of::<f32>()
    }

    fn save_state(&self, states: &StatePool, slot: usize, out: &mut Vec<u8>) {
        states.slot(slot).iter().for_each(|x| out.extend(x.to_le_bytes()));
    }

    fn load_state(&mut self, states: &mut StatePool, slot: usize, bytes: &[u8]) {
        let (numbers, _) = bytes.as_chunks();
        let state: Vec<f32> = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        states.set(slot, &state);
    }

    fn copy_page(&mut self, cache: &mut KvPool, copy: PageCopy) {
        cache.copy_page(copy.from as usize, copy.to as usize, copy.n_slots);
    }

    fn move_slot(
        &mut self,
        cache: &mut KvPool,
        (from, to): (usize, usize),
        turn: Option<(&Rope, i32)>,
    ) {
        cache.move_slot(from, to);
        if let Some((rope, delta)) = turn {
            cache.rotate(to, rope, delta);
        }
    }

    fn read<'b>(&self, buffer: &'b Vec<f32>, _out: &'b mut Vec<f32>) -> &'b [f32] {
        buffer
    }
}
