//! Text to tokens and back, from GGUF metadata alone.
//!
//! Encoding cuts the text at the tokens that were added to the vocabulary by hand, and hands what
//! lies between to the `tokenizers` crate (byte-level BPE). Cutting is done here because callers
//! decide, text by text, whether control tokens are recognised: a template's text may steer the
//! model, a user's may not.
//!
//! Decoding is a table of bytes, one entry a token: tokens are joined as bytes, and
//! [`TextStream`](crate::TextStream) makes characters of them.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use camelid_gguf::{Array, Metadata};
use tokenizers::{
    ModelWrapper, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _,
    SplitDelimiterBehavior,
    models::bpe::{BPE, Vocab as BpeVocab},
    pre_tokenizers::{
        PreTokenizerWrapper, byte_level::ByteLevel, split::Split, split::SplitPattern,
    },
};

use crate::{
    batch::TokenId,
    byte_alphabet::byte_of,
    error::Result,
    pre_tokenizer,
    text_stream::TextStream,
    vocab::{TokenKind, Vocab, VocabError},
};

/// Which texts of special tokens are recognised when a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// Control tokens are recognised: for prompts made by a template.
    Recognise,
    /// Control tokens' texts are ordinary text: for text that somebody else wrote.
    AsText,
}

/// Turns text into tokens and tokens into bytes. Cheap to clone.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<Inner>,
}

struct Inner {
    vocab: Vocab,
    bpe: ModelWrapper,
    pre: Vec<PreTokenizerWrapper>,
    /// Tokens of kind `UserDefined`, recognised always.
    added: Finder,
    /// The same and control tokens.
    added_and_control: Finder,
    bytes: TokenBytes,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("n_vocab", &self.inner.vocab.len())
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads the vocabulary and builds the tokenizer it describes.
    ///
    /// # Errors
    /// [`Error::Vocab`](crate::Error::Vocab) for a kind of tokenizer that is not implemented and for a vocabulary that
    /// contradicts itself, [`Error::Gguf`](crate::Error::Gguf) for missing keys.
    pub fn from_metadata(metadata: Metadata<'_>) -> Result<Self> {
        require_byte_level(metadata)?;
        let pre = require_pre_tokenizer(metadata)?;
        let vocab = Vocab::from_metadata(metadata)?;
        let bytes = TokenBytes::new(&vocab)?;
        let bpe = build_bpe(&vocab, metadata.require("tokenizer.ggml.merges")?, pre.ignore_merges)?;
        let added = Finder::new(&vocab, |kind| kind == TokenKind::UserDefined)?;
        let added_and_control = Finder::new(&vocab, |kind| {
            matches!(kind, TokenKind::UserDefined | TokenKind::Control | TokenKind::Unknown)
        })?;
        let pre = build_pre_tokenizers(pre)?;
        let inner = Inner { vocab, bpe, pre, added, added_and_control, bytes };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The vocabulary.
    #[must_use]
    pub fn vocab(&self) -> &Vocab {
        &self.inner.vocab
    }

    /// The tokens of a text, without BOS or EOS.
    ///
    /// # Errors
    /// When the tokenizer library fails, which no text is known to cause.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<TokenId>> {
        let inner = &*self.inner;
        let finder = match special {
            Special::Recognise => &inner.added_and_control,
            Special::AsText => &inner.added,
        };
        let mut tokens = Vec::with_capacity(text.len() / 3 + 1);
        finder.cut(text, |part| match part {
            Part::Token(id) => {
                tokens.push(id);
                Ok(())
            }
            Part::Text(text) => inner.encode_words(text, &mut tokens),
        })?;
        Ok(tokens)
    }

    /// As [`encode`](Self::encode), with BOS in front where the model wants one and the text does
    /// not already begin with it.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_prompt(&self, text: &str, special: Special) -> Result<Vec<TokenId>> {
        let mut tokens = self.encode(text, special)?;
        let vocab = self.vocab();
        if let Some(bos) = vocab.special().bos
            && vocab.add_bos()
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        Ok(tokens)
    }

    /// The bytes a token stands for in text; empty for control tokens and outside the vocabulary.
    #[must_use]
    pub fn bytes(&self, id: TokenId) -> &[u8] {
        match self.vocab().kind(id) {
            Some(TokenKind::Control | TokenKind::Unused | TokenKind::Unknown) | None => &[],
            Some(_) => self.inner.bytes.get(id),
        }
    }

    /// The text of some tokens. Bytes that make no character become U+FFFD; control tokens
    /// show nothing.
    #[must_use]
    pub fn decode(&self, tokens: &[TokenId]) -> String {
        join(tokens.iter().map(|&id| self.bytes(id)))
    }

    /// As [`decode`](Self::decode), with control tokens written as their texts, so that encoding
    /// with [`Special::Recognise`] brings them back.
    #[must_use]
    pub fn decode_all(&self, tokens: &[TokenId]) -> String {
        join(tokens.iter().map(|&id| self.inner.bytes.get(id)))
    }
}

impl Inner {
    fn encode_words(&self, text: &str, tokens: &mut Vec<TokenId>) -> Result<()> {
        let build = VocabError::Build;
        let mut words = PreTokenizedString::from(text);
        for pre in &self.pre {
            pre.pre_tokenize(&mut words).map_err(build)?;
        }
        words.tokenize(|word| tokenizers::Model::tokenize(&self.bpe, word.get())).map_err(build)?;
        for (_, _, pieces) in words.get_splits(OffsetReferential::Original, OffsetType::None) {
            let pieces = pieces.as_ref().map_or(&[][..], Vec::as_slice);
            tokens.extend(pieces.iter().map(|piece| piece.id));
        }
        Ok(())
    }
}

fn require_byte_level(metadata: Metadata<'_>) -> Result<()> {
    let key = "tokenizer.ggml.model";
    match metadata.require::<&str>(key)? {
        "gpt2" => Ok(()),
        found => {
            let found = found.to_owned();
            Err(VocabError::Unsupported { key, found, supported: vec!["gpt2"] }.into())
        }
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

fn build_pre_tokenizers(
    row: &pre_tokenizer::PreTokenizer,
) -> Result<Vec<PreTokenizerWrapper>, VocabError> {
    let split = |pattern: &&str| {
        let pattern = SplitPattern::Regex((*pattern).to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
        split.map(PreTokenizerWrapper::Split).map_err(VocabError::Build)
    };
    let to_alphabet = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false));
    row.patterns.iter().map(split).chain([Ok(to_alphabet)]).collect()
}

/// Merges are lines of two token texts with a space between; token texts have none themselves.
fn build_bpe(vocab: &Vocab, merges: Array<'_>, ignore_merges: bool) -> Result<ModelWrapper> {
    let mut ids = BpeVocab::default();
    for (id, text, _) in vocab.iter() {
        // Files exist with a text twice; the lower id is the one that merging makes.
        ids.entry(text.to_owned()).or_insert(id);
    }
    let mut rules = Vec::with_capacity(merges.len());
    let mut joined = String::new();
    for (index, text) in merges.strs()?.enumerate() {
        let Some((a, b)) = text.split_once(' ') else {
            return Err(VocabError::Merge { index, text: text.to_owned() }.into());
        };
        joined.clear();
        joined.extend([a, b]);
        if ![a, b, &joined].into_iter().all(|part| ids.contains_key(part)) {
            return Err(VocabError::Merge { index, text: text.to_owned() }.into());
        }
        rules.push((a.to_owned(), b.to_owned()));
    }
    let bpe = BPE::builder().vocab_and_merges(ids, rules).ignore_merges(ignore_merges).build();
    Ok(ModelWrapper::BPE(bpe.map_err(VocabError::Build)?))
}

fn join<'b>(tokens: impl Iterator<Item = &'b [u8]>) -> String {
    let (mut stream, mut text) = (TextStream::new(), String::new());
    for bytes in tokens {
        stream.push(bytes, &mut text);
    }
    stream.finish(&mut text);
    text
}

/// A piece of text between special tokens, or one of those.
enum Part<'t> {
    Text(&'t str),
    Token(TokenId),
}

/// Finds the texts of special tokens: the leftmost, and of those the longest.
struct Finder {
    /// `None` when there is nothing to find.
    automaton: Option<AhoCorasick>,
    ids: Vec<TokenId>,
}

impl Finder {
    fn new(vocab: &Vocab, is_wanted: impl Fn(TokenKind) -> bool) -> Result<Self, VocabError> {
        let wanted = vocab.iter().filter(|(_, text, kind)| !text.is_empty() && is_wanted(*kind));
        let (ids, texts): (Vec<_>, Vec<_>) = wanted.map(|(id, text, _)| (id, text)).unzip();
        if ids.is_empty() {
            return Ok(Self { automaton: None, ids });
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(texts)
            .map_err(|error| VocabError::Build(error.into()))?;
        Ok(Self { automaton: Some(automaton), ids })
    }

    /// Hands the parts of `text` to `take` in order; parts of no characters are left out.
    fn cut(&self, text: &str, mut take: impl FnMut(Part<'_>) -> Result<()>) -> Result<()> {
        let mut done = 0;
        for found in self.automaton.iter().flat_map(|a| a.find_iter(text)) {
            if done < found.start() {
                take(Part::Text(&text[done..found.start()]))?;
            }
            take(Part::Token(self.ids[found.pattern().as_usize()]))?;
            done = found.end();
        }
        if done < text.len() { take(Part::Text(&text[done..])) } else { Ok(()) }
    }
}

/// The bytes of all tokens behind one another.
struct TokenBytes {
    bytes: Vec<u8>,
    /// Where each token ends.
    ends: Vec<u32>,
}

impl TokenBytes {
    fn new(vocab: &Vocab) -> Result<Self, VocabError> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(vocab.len()));
        for (id, text, kind) in vocab.iter() {
            if kind == TokenKind::Normal {
                for c in text.chars() {
                    bytes.push(byte_of(c).ok_or(VocabError::NotByteLevel { id, found: c })?);
                }
            } else {
                bytes.extend_from_slice(text.as_bytes());
            }
            let end = u32::try_from(bytes.len()).map_err(|_| VocabError::TooLarge)?;
            ends.push(end);
        }
        Ok(Self { bytes, ends })
    }

    fn get(&self, id: TokenId) -> &[u8] {
        let Some(&end) = self.ends.get(id as usize) else { return &[] };
        let start = if id == 0 { 0 } else { self.ends[id as usize - 1] };
        &self.bytes[start as usize..end as usize]
    }
}
