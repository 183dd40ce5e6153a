//! One head of one page, brought into the form that the products take.

use half::f16;

use crate::activation::{ActivationPanel, Steps};
use crate::kv_pool::{BLOCK, Bits, HeadPage, KvPool, PAGE_CODES, PAGE_LEN, unpack_nibbles};
use crate::scalar::{FloatRows, MAX_K, TileShape};
use crate::table::Kernels;
use crate::tile::{PANEL, RowLanes, TILE_ROWS, Tile};

/// Blocks of a panel.
const BLOCKS: usize = PANEL / BLOCK;
/// Tiles of a page's keys: a lane for each.
const TILES: usize = PAGE_LEN / TILE_ROWS;

/// Memory for a page.
pub(super) struct PageCopy {
    /// As floats.
    floats: Vec<f32>,
    /// Keys as values.
    turned: Vec<f32>,
    /// A block of codes, a byte each.
    codes: Box<[u8; PAGE_CODES]>,
    tiles: Box<[Tile; TILES]>,
    /// Sums of rows with each tile's keys, `[TILES, n_rows]`.
    lanes: Vec<RowLanes>,
}

impl Default for PageCopy {
    fn default() -> Self {
        Self {
            floats: Vec::new(),
            turned: Vec::new(),
            codes: Box::new([0; PAGE_CODES]),
            tiles: Box::default(),
            lanes: Vec::new(),
        }
    }
}

impl PageCopy {
    /// Floats as f32.
    pub(super) fn widen(&mut self, kernels: &Kernels, x: FloatRows<'_>) -> &[f32] {
        self.floats.resize(x.len(), 0.0);
        kernels.widen(x, &mut self.floats);
        &self.floats
    }
}

/// One head of a page in codes: their width, the codes, the scales.
type Codes<'a> = (Bits, &'a [u8], &'a [f16]);

/// A block's codes, a byte each.
fn codes_of<'a>(
    bits: Bits,
    bytes: &'a [u8],
    space: &'a mut [u8; PAGE_CODES],
) -> &'a [u8; PAGE_CODES] {
    match bits {
        Bits::Eight => bytes.try_into().expect("because a block is a page of bytes"),
        Bits::Four => {
            unpack_nibbles(bytes, space);
            space
        }
    }
}

/// Values that are the keys `(page, head)`, as floats, `[PAGE_LEN, width]`.
pub(super) fn values_of_keys<'p>(
    kernels: &Kernels,
    kv: &KvPool,
    (page, head_kv): (usize, usize),
    copy: &'p mut PageCopy,
) -> &'p [f32] {
    let (head_dim, width) = (kv.head_dim(), kv.v_width());
    let mut turned = std::mem::take(&mut copy.turned);
    turned.clear();
    turned.resize(PAGE_LEN * width, 0.0);
    match kv.k_page(page, head_kv) {
        HeadPage::Floats(keys) => {
            let lanes = copy.widen(kernels, keys).chunks_exact(PAGE_LEN);
            for (lane, keys) in lanes.enumerate() {
                turned[lane..].iter_mut().step_by(width).zip(keys).for_each(|(v, k)| *v = *k);
            }
        }
        HeadPage::Codes { .. } => {
            for (offset, row) in turned.chunks_exact_mut(width).enumerate() {
                kv.read_key(page * PAGE_LEN + offset, head_kv, &mut row[..head_dim]);
            }
        }
    }
    copy.turned = turned;
    &copy.turned
}

/// Values as floats, `[PAGE_LEN, width]`.
pub(super) fn value_codes<'p>(
    kernels: &Kernels,
    (bits, codes, scales): Codes<'_>,
    width: usize,
    page: &'p mut PageCopy,
) -> &'p [f32] {
    let PageCopy { floats, codes: space, .. } = page;
    floats.resize(PAGE_LEN * width, 0.0);
    let blocks = codes.chunks_exact(bits.page_bytes()).zip(scales.chunks_exact(PAGE_LEN));
    for (block_idx, (bytes, scales)) in blocks.enumerate() {
        let mut wide = [0.0; PAGE_LEN];
        kernels.widen(FloatRows::F16(scales), &mut wide);
        let codes = codes_of(bits, bytes, space).as_chunks().0;
        kernels.widen_codes((codes, bits.zero()), &wide, floats, (width, block_idx * BLOCK));
    }
    floats
}

/// Adds dot products with keys to `scores`, `[n_rows]`: of integers, with queries in 8 bits.
///
/// Shapes: `q` is `[n_panels, n_rows]`.
pub(super) fn score_codes(
    kernels: &Kernels,
    (bits, codes, scales): Codes<'_>,
    q: &[ActivationPanel],
    (page, scores): (&mut PageCopy, &mut [[f32; MAX_K]]),
) {
    let n_rows = scores.len();
    let PageCopy { codes: space, tiles, lanes, .. } = page;
    lanes.clear();
    lanes.resize(TILES * n_rows, RowLanes([0.0; TILE_ROWS]));
    let panels = codes.chunks(BLOCKS * bits.page_bytes()).zip(scales.chunks(BLOCKS * PAGE_LEN));
    for ((codes, scales), q) in panels.zip(q.chunks_exact(n_rows)) {
        load_tiles(kernels, (bits, codes, scales), (tiles, space));
        let shape = TileShape {
            n_groups: scales.len() / PAGE_LEN,
            group: BLOCK,
            has_mins: false,
            wide_codes: bits == Bits::Eight,
            steps: Steps::Own,
        };
        kernels.mul_tiles(&**tiles, shape, q, lanes);
    }
    for (part_idx, lanes) in lanes.chunks_exact(n_rows).enumerate() {
        for (scores, lanes) in scores.iter_mut().zip(lanes) {
            scores[part_idx * TILE_ROWS..][..TILE_ROWS].copy_from_slice(&lanes.0);
        }
    }
}

/// Fills tiles with a panel's blocks, each with its part of the keys.
fn load_tiles(
    kernels: &Kernels,
    (bits, codes, scales): Codes<'_>,
    (tiles, space): (&mut [Tile; TILES], &mut [u8; PAGE_CODES]),
) {
    /// Steps of four elements in a block.
    const QUADS: usize = BLOCK / 4;
    let blocks = codes.chunks_exact(bits.page_bytes()).zip(scales.chunks_exact(PAGE_LEN));
    for (block_idx, (bytes, scales)) in blocks.enumerate() {
        let codes = codes_of(bits, bytes, space).as_chunks::<{ 4 * TILE_ROWS }>().0;
        for (part_idx, tile) in tiles.iter_mut().enumerate() {
            let quads = codes.iter().skip(part_idx).step_by(TILES);
            for (lanes, codes) in tile.codes[block_idx * QUADS..].iter_mut().zip(quads) {
                lanes.0 = *codes;
            }
            let scales = &scales[part_idx * TILE_ROWS..][..TILE_ROWS];
            kernels.widen(FloatRows::F16(scales), &mut tile.scales[block_idx].0);
        }
    }
}
