//! Output that obeys: JSON schemas, regular expressions, grammars, lists of choices.
//!
//! The `llguidance` crate turns a grammar and the text generated so far into the set of tokens that
//! may come next; the others' logits become minus infinity before sampling. A generation can end
//! only where the grammar may. Grammars come from strangers, so compiling and every step have
//! limits, and what goes beyond them fails that one request.

mod gbnf;

use std::sync::{Arc, OnceLock};

use llguidance::{
    Matcher, ParserFactory,
    api::TopLevelGrammar,
    toktrie::{TokEnv, TokRxInfo, TokTrie, TokenizerEnv},
};
use serde_json::{Value, json};

use crate::{
    batch::TokenId,
    tokenizer::{Special, Tokenizer},
    vocab::{TokenKind, Vocab},
};

pub use gbnf::{GbnfError, Place};

/// Most white space between two tokens of JSON. A model that likes blanks must get on.
const JSON_WHITESPACE: &str = r"[ \t\n\r]{0,40}";

/// What an answer must look like.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Grammar {
    /// Any JSON object.
    Json,
    /// JSON that satisfies this schema.
    JsonSchema(Value),
    /// A text that matches this regular expression from beginning to end.
    Regex(String),
    /// A text of this grammar, in llguidance's dialect of Lark.
    Lark(String),
    /// A text of this grammar in GBNF, llama.cpp's notation. Nothing in it may name tokens.
    Gbnf(String),
    /// One of these texts.
    Choice(Vec<String>),
}

/// Why a grammar cannot be used, or stopped being usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrammarError {
    /// It is wrong, or asks for what cannot be honoured.
    #[error("the grammar cannot be used: {reason}")]
    Refused {
        /// What is wrong, with the keyword or place.
        reason: String,
    },
    /// It is in GBNF and wrong.
    #[error("the grammar cannot be used")]
    Gbnf(#[from] GbnfError),
    /// A list of choices without one.
    #[error("there is no choice to choose from")]
    NoChoice,
    /// The vocabulary has no token that could end an answer.
    #[error("the vocabulary has no token that ends a generation")]
    NoEnd,
    /// A step went beyond its limits.
    #[error("the grammar cannot be followed any further: {reason}")]
    Step {
        /// What went wrong.
        reason: String,
    },
}

/// Makes constraints over one vocabulary. The work for the vocabulary is done by the first.
#[derive(Default)]
pub(crate) struct GrammarCompiler {
    factory: OnceLock<Option<ParserFactory>>,
}

impl GrammarCompiler {
    /// # Errors
    /// [`GrammarError::Refused`] and its kin; nothing has run then.
    pub(crate) fn compile(
        &self,
        grammar: &Grammar,
        tokenizer: &Tokenizer,
    ) -> Result<Constraint, GrammarError> {
        let factory = self.factory.get_or_init(|| make_factory(tokenizer));
        let factory = factory.as_ref().ok_or(GrammarError::NoEnd)?;
        let parser = factory.create_parser(top_level(grammar)?);
        let parser = parser.map_err(|error| GrammarError::Refused { reason: one_line(&error) })?;
        let eog = end_tokens(tokenizer.vocab()).collect();
        Ok(Constraint { matcher: Matcher::new(Ok(parser)), eog })
    }
}

fn top_level(grammar: &Grammar) -> Result<TopLevelGrammar, GrammarError> {
    Ok(match grammar {
        Grammar::Json => from_schema(json!({"type": "object"})),
        Grammar::JsonSchema(schema) => from_schema(schema.clone()),
        Grammar::Regex(pattern) => TopLevelGrammar::from_regex(pattern),
        Grammar::Lark(text) => TopLevelGrammar::from_lark(text.clone()),
        Grammar::Gbnf(text) => TopLevelGrammar::from_lark(gbnf::to_lark(text)?),
        Grammar::Choice(choices) if choices.is_empty() => return Err(GrammarError::NoChoice),
        Grammar::Choice(choices) => {
            // A JSON string is a Lark string too.
            let quoted: Vec<String> =
                choices.iter().map(|c| Value::from(&**c).to_string()).collect();
            TopLevelGrammar::from_lark(format!("start: {}", quoted.join(" | ")))
        }
    })
}

fn from_schema(mut schema: Value) -> TopLevelGrammar {
    if let Some(object) = schema.as_object_mut() {
        object
            .entry("x-guidance")
            .or_insert_with(|| json!({"whitespace_pattern": JSON_WHITESPACE}));
    }
    TopLevelGrammar::from_json_schema(schema)
}

fn end_tokens(vocab: &Vocab) -> impl Iterator<Item = TokenId> {
    vocab.iter().map(|(id, ..)| id).filter(|&id| vocab.is_end_of_generation(id))
}

/// `None` where no token ends a generation: a grammar could then never end.
fn make_factory(tokenizer: &Tokenizer) -> Option<ParserFactory> {
    let vocab = tokenizer.vocab();
    let end = vocab.special().eos.or_else(|| end_tokens(vocab).next())?;
    let n_vocab = u32::try_from(vocab.len()).ok()?;
    let bytes = |(id, text, kind): (TokenId, &str, TokenKind)| match kind {
        TokenKind::Control | TokenKind::Unknown | TokenKind::Unused => {
            [&[TokTrie::SPECIAL_TOKEN_MARKER], text.as_bytes()].concat()
        }
        _ => tokenizer.bytes(id).to_vec(),
    };
    let words: Vec<Vec<u8>> = vocab.iter().map(bytes).collect();
    let trie = TokTrie::from(&TokRxInfo::new(n_vocab, end), &words);
    let env: TokEnv = Arc::new(Canonical { trie, tokenizer: tokenizer.clone() });
    let mut factory = ParserFactory::new_simple(&env).ok()?;
    factory.quiet();
    Some(factory)
}

/// The tokenizer as the grammars see it.
struct Canonical {
    trie: TokTrie,
    tokenizer: Tokenizer,
}

impl TokenizerEnv for Canonical {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    /// As the tokenizer writes a text; as the longest tokens where that is no text, or where the
    /// tokenizer would put something before it.
    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        let text = std::str::from_utf8(bytes).ok();
        let tokens = text.and_then(|text| self.tokenizer.encode(text, Special::AsText).ok());
        let is_same = |tokens: &Vec<TokenId>| {
            tokens.iter().flat_map(|&id| self.tokenizer.bytes(id)).eq(bytes)
        };
        tokens.filter(is_same).unwrap_or_else(|| self.trie.greedy_tokenize(bytes))
    }
}

/// An error's text without its line breaks and its debugging tail.
fn one_line(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or("");
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The state of one answer under a grammar.
pub(crate) struct Constraint {
    matcher: Matcher,
    eog: Vec<TokenId>,
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraint").finish_non_exhaustive()
    }
}

impl Constraint {
    /// Makes the logits of tokens that may not come next minus infinity.
    ///
    /// Shapes: `logits` is `[n_vocab]`.
    pub(crate) fn mask(&mut self, logits: &mut [f32]) -> Result<(), GrammarError> {
        let step = |error| GrammarError::Step { reason: one_line(&error) };
        let mut allowed = self.matcher.compute_mask_or_eos().map_err(step)?;
        if self.eog.iter().any(|&id| allowed.is_allowed(id)) {
            // The grammar knows one end; the model may have learnt another.
            self.eog.iter().for_each(|&id| allowed.allow_token(id));
        }
        forbid_others(logits, allowed.as_slice());
        Ok(())
    }

    /// The tokens that must come next, as the tokenizer would write them; none where there is a
    /// choice.
    pub(crate) fn forced(&mut self) -> Vec<TokenId> {
        self.matcher.compute_ff_tokens()
    }

    /// Notes the token that was chosen; an end of generation is not for the grammar.
    pub(crate) fn accept(&mut self, token: TokenId) -> Result<(), GrammarError> {
        let step = |error| GrammarError::Step { reason: one_line(&error) };
        self.matcher.consume_token(token).map_err(step)
    }
}

/// Leaves the logits whose bits are set. Shapes: `allowed` is `[n_vocab / 32]`, rounded up.
fn forbid_others(logits: &mut [f32], allowed: &[u32]) {
    let words = allowed.iter().copied().chain(std::iter::repeat(0));
    for (chunk, word) in logits.chunks_mut(32).zip(words) {
        match word {
            // Most words of a strict grammar, and most of a lenient one.
            0 => chunk.fill(f32::NEG_INFINITY),
            u32::MAX => {}
            _ => {
                for (bit, logit) in chunk.iter_mut().enumerate() {
                    if word >> bit & 1 == 0 {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
