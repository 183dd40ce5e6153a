//! Byte-level byte-pair encoding (`tokenizer.ggml.model = gpt2`).
//!
//! The text is cut into words ([`pre_tokenizer`]), a word's bytes become symbols, and neighbours
//! are joined by the rules of `tokenizer.ggml.merges`, the earliest rule first ([`merger`]). A rule
//! is two token texts with a space between; token texts have none themselves.
//!
//! Why not the `tokenizers` crate, whose output this is: it keeps positions in the original text
//! through every step, which makes 1 MB take 0.5 to 3 seconds, and its regular expressions
//! backtrack.
//!
//! [`pre_tokenizer`]: super::pre_tokenizer
//! [`merger`]: super::merger

use ahash::AHashMap;
use camelid_gguf::{Array, Metadata};

use super::{
    byte_alphabet::{byte_of, char_of},
    merger::{Joined, Merger},
    pre_tokenizer,
    splitter::Splitter,
    words::WordMemory,
};
use crate::{
    batch::TokenId,
    error::Result,
    vocab::{TokenKind, Vocab, VocabError},
};

pub(super) struct ByteLevel {
    splitter: Splitter,
    /// The token of each byte alone. A few models lack bytes that their training text lacked.
    bytes: [Option<TokenId>; 256],
    merges: AHashMap<(TokenId, TokenId), Joined>,
    /// Tokens by their bytes, where a word that is a token is taken whole.
    whole: Option<AHashMap<Box<[u8]>, TokenId>>,
}

impl ByteLevel {
    pub(super) fn new(metadata: Metadata<'_>, vocab: &Vocab) -> Result<Self> {
        let row = require_pre_tokenizer(metadata)?;
        let splitter = Splitter::new(row.steps).map_err(|error| VocabError::Build(error.into()))?;
        let ids = ids_by_text(vocab);
        let bytes = std::array::from_fn(|byte| {
            let mut buffer = [0; 2];
            ids.get(&*char_of(byte as u8).encode_utf8(&mut buffer)).copied()
        });
        let merges = read_merges(metadata.require("tokenizer.ggml.merges")?, &ids)?;
        let whole = row.ignore_merges.then(|| ids_by_bytes(vocab));
        Ok(Self { splitter, bytes, merges, whole })
    }

    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<TokenId>) {
        let mut merger = Merger::default();
        let mut memory = WordMemory::default();
        self.splitter.split(text, |word| {
            memory.encode(word, tokens, |tokens| {
                self.encode_word(word.as_bytes(), &mut merger, tokens);
            });
        });
    }

    fn encode_word(&self, word: &[u8], merger: &mut Merger, tokens: &mut Vec<TokenId>) {
        if let Some(&id) = self.whole.as_ref().and_then(|whole| whole.get(word)) {
            return tokens.push(id);
        }
        merger.clear();
        // A byte without a token is left out, as the models' own tokenizers do.
        let ids = word.iter().filter_map(|&byte| self.bytes[usize::from(byte)]);
        ids.for_each(|id| merger.push(1, Some(id)));
        merger.merge(|left, right| self.merges.get(&(left.id?, right.id?)).copied());
        tokens.extend(merger.symbols().filter_map(|symbol| symbol.id));
    }
}

fn require_pre_tokenizer(metadata: Metadata<'_>) -> Result<&'static pre_tokenizer::PreTokenizer> {
    let key = "tokenizer.ggml.pre";
    let name: &str = metadata.require(key)?;
    pre_tokenizer::find(name).ok_or_else(|| {
        let (found, supported) = (name.to_owned(), pre_tokenizer::names());
        VocabError::Unsupported { key, found, supported }.into()
    })
}

/// Files exist with a text twice; the lower id is the one that merging makes.
fn ids_by_text(vocab: &Vocab) -> AHashMap<&str, TokenId> {
    let mut ids = AHashMap::with_capacity(vocab.len());
    for (id, text, _) in vocab.iter() {
        ids.entry(text).or_insert(id);
    }
    ids
}

/// The same by the bytes that the texts stand for, for tokens that are ordinary text: a control
/// token is never made from text.
fn ids_by_bytes(vocab: &Vocab) -> AHashMap<Box<[u8]>, TokenId> {
    let mut ids = AHashMap::with_capacity(vocab.len());
    for (id, text, _) in vocab.iter().filter(|(.., kind)| *kind == TokenKind::Normal) {
        if let Some(bytes) = text.chars().map(byte_of).collect() {
            ids.entry(bytes).or_insert(id);
        }
    }
    ids
}

fn read_merges(
    merges: Array<'_>,
    ids: &AHashMap<&str, TokenId>,
) -> Result<AHashMap<(TokenId, TokenId), Joined>> {
    let mut rules = AHashMap::with_capacity(merges.len().min(ids.len().saturating_mul(4)));
    let mut joined = String::new();
    for (index, text) in merges.strs()?.enumerate() {
        let wrong = || VocabError::Merge { index, text: text.to_owned() };
        let (a, b) = text.split_once(' ').ok_or_else(wrong)?;
        joined.clear();
        joined.extend([a, b]);
        let id = |text: &str| ids.get(text).copied().ok_or_else(wrong);
        let (pair, id) = ((id(a)?, id(b)?), id(&joined)?);
        let rank = u32::try_from(index).map_err(|_| VocabError::TooLarge)?;
        rules.entry(pair).or_insert(Joined { rank, id });
    }
    Ok(rules)
}
