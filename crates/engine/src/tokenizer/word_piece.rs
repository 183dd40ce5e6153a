//! WordPiece (`tokenizer.ggml.model = bert`), with the normaliser and the search of the `tokenizers`
//! crate.
//!
//! A text is cleaned, lower-cased and stripped of its accents; white space, punctuation and each
//! Chinese character cut it into words; a word is written with the longest pieces from its left,
//! or becomes the unknown token. A GGUF file marks pieces that begin a word with `▁`, where the
//! models' own files mark those that do not with `##`.

use camelid_gguf::Metadata;
use tokenizers::{
    Model, NormalizedString, Normalizer, models::wordpiece::WordPiece as Pieces,
    normalizers::BertNormalizer,
};

use super::{
    pre_tokenizer::Step,
    splitter::Splitter,
    words::{SPACE, WordMemory},
};
use crate::{
    batch::TokenId,
    error::Result,
    vocab::{TokenKind, Vocab, VocabError},
};

/// Longest word in characters, as in the models' own tokenizers.
const MAX_WORD_CHARS: usize = 100;

/// About how much text goes through the library at once: it keeps several numbers for each byte.
const CHUNK_BYTES: usize = 4 << 10;

/// What is a piece of its own: a punctuation mark, and a run of white space. Words are the rest.
const WORDS: Step = Step::Isolate(r"[[:punct:]\p{P}]|\s+");

pub(super) struct WordPiece {
    normalizer: BertNormalizer,
    splitter: Splitter,
    pieces: Pieces,
}

impl WordPiece {
    pub(super) fn new(metadata: Metadata<'_>, vocab: &Vocab) -> Result<Self> {
        let missing = "an unknown token";
        let unknown = vocab.special().unknown.ok_or(VocabError::NoFallback { missing })?;
        let unknown = vocab.text(unknown).expect("because special ids were checked");
        let lowercase = metadata.get_as("tokenizer.ggml.normalizer.lowercase")?.unwrap_or(true);
        let strip_accents = metadata.get_as("tokenizer.ggml.normalizer.strip_accents")?;
        let mut ids = ahash::AHashMap::with_capacity(vocab.len());
        for (id, text, kind) in vocab.iter() {
            let piece = match text.strip_prefix(SPACE) {
                _ if kind != TokenKind::Normal => text.to_owned(),
                Some(begins_word) => begins_word.to_owned(),
                None => format!("##{text}"),
            };
            ids.entry(piece).or_insert(id);
        }
        let pieces = Pieces::builder()
            .vocab(ids)
            .unk_token(unknown.to_owned())
            .max_input_chars_per_word(MAX_WORD_CHARS)
            .build()
            .map_err(VocabError::Build)?;
        let normalizer = BertNormalizer::new(true, true, strip_accents, lowercase);
        let splitter = Splitter::new(&[WORDS]).map_err(|error| VocabError::Build(error.into()))?;
        Ok(Self { normalizer, splitter, pieces })
    }

    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<()> {
        chunks(text).try_for_each(|chunk| self.encode_chunk(chunk, tokens))
    }

    fn encode_chunk(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<()> {
        let mut normal = NormalizedString::from(text);
        self.normalizer.normalize(&mut normal).map_err(VocabError::Build)?;
        let (mut memory, mut result) = (WordMemory::default(), Ok(()));
        self.splitter.split(normal.get(), |word| {
            if !word.starts_with(char::is_whitespace) {
                memory.encode(word, tokens, |tokens| match self.pieces.tokenize(word) {
                    Ok(pieces) => tokens.extend(pieces.iter().map(|piece| piece.id)),
                    Err(error) => result = Err(VocabError::Build(error).into()),
                });
            }
        });
        result
    }
}

/// Cuts a text at white space, which is never part of a word, into parts that are not much longer
/// than [`CHUNK_BYTES`] where there is white space at all.
fn chunks(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let at = text.floor_char_boundary(CHUNK_BYTES);
        let end = text[at..].find(char::is_whitespace).map_or(text.len(), |n| at + n);
        let (chunk, rest) = text.split_at(end);
        text = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}
