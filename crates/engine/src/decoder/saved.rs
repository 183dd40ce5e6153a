//! A sequence's cache as bytes and back.
//!
//! ```text
//! for each page table   u32     pages at the beginning that left the window
//! for each block        pages   of attention: those that are held, in order
//!                       states  of a recurrent mixer: of its convolution, of its heads
//! ```
//!
//! All numbers are little-endian. Pages go whole: what the last one holds behind the sequence's end
//! goes with it, and is not looked at.

use super::{Decoder, layer::Layer};
use crate::{
    batch::SeqId,
    device::{Device, PageId},
    error::{Error, Result},
    page_table::PAGE_LEN,
    saved_prefix::SavedPrefixError,
};

/// Bytes of a number in front of the pages.
const COUNT_LEN: usize = size_of::<u32>();

impl<D: Device> Decoder<D> {
    /// What is cached of a sequence, which is `len` tokens long or can be taken over so far.
    pub(super) fn save_sequence(&self, seq: SeqId, len: u32) -> Vec<u8> {
        let n_dropped: Vec<usize> = self.memory.n_dropped(seq).collect();
        let n_bytes = self.saved_len(len, &n_dropped);
        let mut out = Vec::with_capacity(n_bytes);
        for n in &n_dropped {
            let n = u32::try_from(*n).expect("a context is shorter than 2^32 tokens");
            out.extend(n.to_le_bytes());
        }
        for layer in &self.layers {
            match layer {
                Layer::Attention(layer) => {
                    let pages = self.memory.table(layer.table).pages(seq);
                    for &page in &pages[n_dropped[layer.table]..n_pages(len)] {
                        self.device.save_page(&layer.cache, page, &mut out);
                    }
                }
                Layer::Recurrent(layer) => {
                    let slot = self.memory.state_slot(seq).expect("a cached sequence has a state");
                    for states in std::iter::once(&layer.conv).chain(&layer.scan) {
                        self.device.save_state(states, slot, &mut out);
                    }
                }
            }
        }
        debug_assert_eq!(out.len(), n_bytes);
        out
    }

    /// Makes a new sequence of `len` tokens, above 0, of what [`save_sequence`](Self::save_sequence)
    /// gave.
    ///
    /// # Errors
    /// Where the bytes are not those of so many tokens of this model, and [`Error::CacheFull`];
    /// nothing has changed then.
    pub(super) fn load_sequence(&mut self, seq: SeqId, len: u32, bytes: &[u8]) -> Result<()> {
        let (n_dropped, mut rest) = self.read_counts(len, bytes)?;
        self.memory.adopt(seq, len, &n_dropped)?;
        let Self { device, memory, layers, .. } = self;
        let mut take = |n: usize| {
            let (taken, behind) = rest.split_at(n);
            rest = behind;
            taken
        };
        for layer in layers {
            match layer {
                Layer::Attention(layer) => {
                    let pages: &[PageId] = memory.table(layer.table).pages(seq);
                    for &page in &pages[n_dropped[layer.table]..] {
                        let bytes = take(device.page_bytes(&layer.cache));
                        device.load_page(&mut layer.cache, page, bytes);
                    }
                }
                Layer::Recurrent(layer) => {
                    let slot = memory.state_slot(seq).expect("it has just been made");
                    for states in std::iter::once(&mut layer.conv).chain(&mut layer.scan) {
                        let bytes = take(device.state_bytes(states));
                        device.load_state(states, slot, bytes);
                    }
                }
            }
        }
        Ok(())
    }

    /// The numbers of pages that are lacking, and the bytes behind them, whose length is right.
    fn read_counts<'b>(&self, len: u32, bytes: &'b [u8]) -> Result<(Vec<usize>, &'b [u8])> {
        let wrong = |what, found: usize, allowed| {
            Error::SavedPrefix(SavedPrefixError::Malformed {
                what,
                found: found.to_string(),
                allowed,
            })
        };
        let n_tables = self.memory.n_tables();
        let Some((counts, rest)) = bytes.split_at_checked(n_tables * COUNT_LEN) else {
            let allowed = format!("at least {}", n_tables * COUNT_LEN);
            return Err(wrong("bytes of the cache", bytes.len(), allowed));
        };
        let (counts, _) = counts.as_chunks();
        let mut n_dropped = Vec::with_capacity(n_tables);
        for (idx, &count) in counts.iter().enumerate() {
            let n = u32::from_le_bytes(count) as usize;
            if !self.memory.table(idx).may_lack(len, n) {
                let allowed = format!("pages that no token behind {len} others sees");
                return Err(wrong("pages that left the window", n, allowed));
            }
            n_dropped.push(n);
        }
        let n_bytes = self.saved_len(len, &n_dropped);
        if bytes.len() != n_bytes {
            let allowed = format!("{n_bytes} for {len} tokens");
            return Err(wrong("bytes of the cache", bytes.len(), allowed));
        }
        Ok((n_dropped, rest))
    }

    /// Bytes of a sequence of `len` tokens.
    fn saved_len(&self, len: u32, n_dropped: &[usize]) -> usize {
        let of_layer = |layer: &Layer<D>| match layer {
            Layer::Attention(layer) => {
                let n_held = n_pages(len) - n_dropped[layer.table];
                n_held * self.device.page_bytes(&layer.cache)
            }
            Layer::Recurrent(layer) => std::iter::once(&layer.conv)
                .chain(&layer.scan)
                .map(|states| self.device.state_bytes(states))
                .sum(),
        };
        n_dropped.len() * COUNT_LEN + self.layers.iter().map(of_layer).sum::<usize>()
    }
}

/// Pages of `len` tokens.
fn n_pages(len: u32) -> usize {
    (len as usize).div_ceil(PAGE_LEN)
}
