//! SentencePiece's table of replacements: what a text becomes before it is cut into tokens.
//!
//! Layout of `tokenizer.ggml.precompiled_charsmap`, little-endian:
//!
//! ```text
//! u32            length of the array in bytes
//! u32 * n        a tree of keys, as a double array
//! bytes          the replacements, each ended by a zero byte
//!
//! a node                bits 0..8   the byte that leads here; bit 31 is not set
//!                       bit  8      whether a key ends here
//!                       bits 10..   distance to the children, times 256 if bit 9 is set
//! a value               bits 0..31  where the replacement begins; bit 31 is set
//! ```
//!
//! From node `n` with distance `d`, the child for byte `b` is at `n ^ d ^ b` if the unit there
//! names `b`; the value is at `n ^ d`. The longest key that the text begins with is replaced.
//!
//! Branches that are alike are stored once, so the tree is really a graph. All of it is walked once
//! when it is read: every replacement is inside the array and is text, so that normalising cannot
//! fail. A damaged graph may have a circle; no key is followed beyond [`MAX_KEY_BYTES`], so that it
//! cannot take long either.
//!
//! Source of the layout: Darts-clone and SentencePiece's `normalizer.cc`, described from their
//! documentation.

use camelid_gguf::Array;

use crate::{error::Result, vocab::VocabError};

/// The longest key that is looked for, in bytes; those of the usual table have fewer than 32.
const MAX_KEY_BYTES: usize = 256;

pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

impl Charsmap {
    /// Reads and checks the table.
    ///
    /// # Errors
    /// [`VocabError::Charsmap`], and the GGUF error of an array that is not of bytes.
    pub(super) fn read(array: Array<'_>) -> Result<Self> {
        // Either sign of byte is in use.
        let bytes: Vec<u8> = match array.i8s() {
            Ok(bytes) => bytes.map(i8::cast_unsigned).collect(),
            Err(_) => array.u8s()?.collect(),
        };
        Ok(Self::from_bytes(&bytes)?)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, VocabError> {
        let short = VocabError::Charsmap { problem: "is shorter than it says" };
        let Some((n_bytes, rest)) = bytes.split_first_chunk() else { return Err(short) };
        let n_bytes = u32::from_le_bytes(*n_bytes) as usize;
        let Some((array, replacements)) = rest.split_at_checked(n_bytes) else { return Err(short) };
        let units = array.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let map = Self { units: units.collect(), replacements: replacements.to_vec() };
        map.check()?;
        Ok(map)
    }

    /// Walks the whole tree.
    fn check(&self) -> Result<(), VocabError> {
        let broken = |problem| Err(VocabError::Charsmap { problem });
        let mut is_known = vec![false; self.units.len()];
        let mut open = vec![0];
        while let Some(node) = open.pop() {
            let Some(known) = is_known.get_mut(node) else { return broken("has no root") };
            if std::mem::replace(known, true) {
                continue;
            }
            if node != 0 && self.has_value(node) && self.replacement(node).is_none() {
                return broken("has a replacement that is no text");
            }
            open.extend((1..=255).filter_map(|byte| self.child(node, byte)));
        }
        Ok(())
    }

    /// Where the children of a node are, before their bytes are mixed in.
    fn children(&self, node: usize) -> usize {
        let unit = self.units[node];
        node ^ ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize
    }

    fn child(&self, node: usize, byte: u8) -> Option<usize> {
        let child = self.children(node) ^ usize::from(byte);
        let label = self.units.get(child)? & (1 << 31 | 0xff);
        (label == u32::from(byte)).then_some(child)
    }

    fn has_value(&self, node: usize) -> bool {
        self.units[node] & (1 << 8) != 0
    }

    /// The text that replaces the key that ends at `node`.
    fn replacement(&self, node: usize) -> Option<&str> {
        let start = self.units.get(self.children(node))? & !(1 << 31);
        let rest = self.replacements.get(start as usize..)?;
        let n_bytes = rest.iter().position(|&byte| byte == 0)?;
        std::str::from_utf8(&rest[..n_bytes]).ok()
    }

    /// The longest key that `text` begins with: its length and its replacement.
    fn longest(&self, text: &[u8]) -> Option<(usize, &str)> {
        let (mut node, mut found) = (0, None);
        for (i, &byte) in text.iter().take(MAX_KEY_BYTES).enumerate() {
            // A zero byte ends keys, it is in none.
            let Some(child) = self.child(node, byte).filter(|_| byte != 0) else { break };
            node = child;
            if self.has_value(node) {
                found = Some((i + 1, node));
            }
        }
        let (n_bytes, node) = found?;
        Some((n_bytes, self.replacement(node)?))
    }

    /// Replaces every longest key, from left to right. Keys are whole characters in every table
    /// that was made from text; where one is not, the character stays as it is.
    pub(super) fn normalize(&self, text: &str) -> String {
        let mut normal = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let found = self.longest(rest.as_bytes());
            let n_bytes = match found.filter(|(n_bytes, _)| rest.is_char_boundary(*n_bytes)) {
                Some((n_bytes, replacement)) => {
                    normal.push_str(replacement);
                    n_bytes
                }
                None => {
                    normal.push(c);
                    c.len_utf8()
                }
            };
            rest = &rest[n_bytes..];
        }
        normal
    }
}

#[cfg(test)]
mod tests;
