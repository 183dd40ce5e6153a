//! Tokens with a role of their own: begin, end, unknown, fill-in-the-middle.
//!
//! A file names them by keys (`tokenizer.ggml.bos_token_id`). Many files do not name all, and then
//! the token's text tells: `<|im_end|>` ends a turn whoever made the vocabulary. Each role is a row
//! of [`ROLES`] with its keys and, in order of preference, its well-known texts.

use std::collections::HashMap;

use camelid_gguf::Metadata;

use super::{TokenKind, TokenizerKind, VocabError};
use crate::{batch::TokenId, error::Result};

/// Ids of tokens with a role of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpecialTokens {
    /// Begins a text.
    pub bos: Option<TokenId>,
    /// Ends a text.
    pub eos: Option<TokenId>,
    /// Ends a turn.
    pub eot: Option<TokenId>,
    /// Ends a message.
    pub eom: Option<TokenId>,
    /// Stands for what cannot be encoded.
    pub unknown: Option<TokenId>,
    /// Stands between two texts, and ends one in a WordPiece vocabulary.
    pub separator: Option<TokenId>,
    /// Fills a batch to equal lengths.
    pub padding: Option<TokenId>,
    /// Stands for a word to be guessed.
    pub mask: Option<TokenId>,
    /// Fill-in-the-middle: before the prefix.
    pub fim_prefix: Option<TokenId>,
    /// Fill-in-the-middle: before the suffix.
    pub fim_suffix: Option<TokenId>,
    /// Fill-in-the-middle: before the middle.
    pub fim_middle: Option<TokenId>,
    /// Fill-in-the-middle: in place of an empty middle.
    pub fim_pad: Option<TokenId>,
    /// Fill-in-the-middle: before the name of a repository.
    pub fim_repo: Option<TokenId>,
    /// Fill-in-the-middle: between files.
    pub fim_separator: Option<TokenId>,
}

/// One role: where its token's id stands, and what the token is usually called.
struct Role {
    slot: fn(&mut SpecialTokens) -> &mut Option<TokenId>,
    /// The first that is present counts.
    keys: &'static [&'static str],
    /// Looked for where no key is present; the first that is in the vocabulary counts.
    texts: &'static [&'static str],
}

static ROLES: &[Role] = &[
    Role {
        slot: |s| &mut s.bos,
        keys: &["tokenizer.ggml.bos_token_id", "tokenizer.ggml.cls_token_id"],
        texts: &[],
    },
    Role { slot: |s| &mut s.eos, keys: &["tokenizer.ggml.eos_token_id"], texts: &[] },
    Role {
        slot: |s| &mut s.eot,
        keys: &["tokenizer.ggml.eot_token_id"],
        texts: &[
            "<|eot_id|>",
            "<|im_end|>",
            "<|end|>",
            "<end_of_turn>",
            "<|endoftext|>",
            "<|end_of_text|>",
            "<EOT>",
            "_<EOT>",
            "[EOT]",
            "<｜end▁of▁sentence｜>",
            "<end_of_utterance>",
        ],
    },
    Role { slot: |s| &mut s.eom, keys: &["tokenizer.ggml.eom_token_id"], texts: &["<|eom_id|>"] },
    Role { slot: |s| &mut s.unknown, keys: &["tokenizer.ggml.unknown_token_id"], texts: &[] },
    // The key is spelt like this in the files.
    Role { slot: |s| &mut s.separator, keys: &["tokenizer.ggml.seperator_token_id"], texts: &[] },
    Role { slot: |s| &mut s.padding, keys: &["tokenizer.ggml.padding_token_id"], texts: &[] },
    Role { slot: |s| &mut s.mask, keys: &["tokenizer.ggml.mask_token_id"], texts: &[] },
    Role {
        slot: |s| &mut s.fim_prefix,
        keys: &["tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"],
        texts: &[
            "<|fim_prefix|>",
            "<fim-prefix>",
            "<fim_prefix>",
            "<｜fim▁begin｜>",
            "<PRE>",
            "▁<PRE>",
            "<|code_prefix|>",
            "<|prefix|>",
        ],
    },
    Role {
        slot: |s| &mut s.fim_suffix,
        keys: &["tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"],
        texts: &[
            "<|fim_suffix|>",
            "<fim-suffix>",
            "<fim_suffix>",
            "<｜fim▁hole｜>",
            "<SUF>",
            "▁<SUF>",
            "<|code_suffix|>",
            "<|suffix|>",
        ],
    },
    Role {
        slot: |s| &mut s.fim_middle,
        keys: &["tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"],
        texts: &[
            "<|fim_middle|>",
            "<fim-middle>",
            "<fim_middle>",
            "<｜fim▁end｜>",
            "<MID>",
            "▁<MID>",
            "<|code_middle|>",
            "<|middle|>",
        ],
    },
    Role {
        slot: |s| &mut s.fim_pad,
        keys: &["tokenizer.ggml.fim_pad_token_id"],
        texts: &["<|fim_pad|>", "<fim-pad>", "<fim_pad>"],
    },
    Role {
        slot: |s| &mut s.fim_repo,
        keys: &["tokenizer.ggml.fim_rep_token_id"],
        texts: &["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
    },
    Role {
        slot: |s| &mut s.fim_separator,
        keys: &["tokenizer.ggml.fim_sep_token_id"],
        texts: &["<|file_sep|>"],
    },
];

/// Texts of tokens that end a generation, whatever the metadata says.
const END_TEXTS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<turn|>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "[e~[",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
];

/// Ends a text in many vocabularies and a line of struck-out HTML in others, where it is an
/// ordinary token.
const AMBIGUOUS_END: &str = "</s>";

/// Where both of a pair are there, a message ends with `<|end|>` and a generation does not.
const ENDS_AFTER_MESSAGES: [[&str; 2]; 2] =
    [["<|return|>", "<|call|>"], ["<|calls|>", "<|flush|>"]];

/// Control tokens that say which channel of an answer follows. A reader of the answer needs them,
/// so they are shown, unlike all other control tokens.
const CHANNEL_TEXTS: [&str; 5] =
    ["<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>"];

/// All tokens, and where the well-known ones among them are.
pub(super) struct NamedTokens<'v> {
    texts: &'v [String],
    kinds: &'v [TokenKind],
    ids: HashMap<&'static str, TokenId>,
}

impl<'v> NamedTokens<'v> {
    pub(super) fn find(texts: &'v [String], kinds: &'v [TokenKind]) -> Self {
        let names = ROLES.iter().flat_map(|role| role.texts).chain(END_TEXTS).chain(&CHANNEL_TEXTS);
        let mut wanted: HashMap<&str, &'static str> = names.map(|&name| (name, name)).collect();
        let mut ids = HashMap::new();
        for ((id, text), &kind) in (0..).zip(texts).zip(kinds) {
            if kind != TokenKind::Byte
                && let Some(name) = wanted.remove(text.as_str())
            {
                ids.insert(name, id);
            }
        }
        Self { texts, kinds, ids }
    }

    /// The id for each role: from the metadata, or a well-known text, or the kind's default.
    pub(super) fn roles(
        &self,
        metadata: Metadata<'_>,
        kind: TokenizerKind,
    ) -> Result<SpecialTokens> {
        let mut special = kind.default_special(self.texts.len());
        for role in ROLES {
            let named = self.by_key(metadata, role.keys)?;
            let found = named.or_else(|| role.texts.iter().find_map(|text| self.id(text)));
            let slot = (role.slot)(&mut special);
            *slot = found.or(*slot);
        }
        Ok(special)
    }

    fn by_key(
        &self,
        metadata: Metadata<'_>,
        keys: &'static [&'static str],
    ) -> Result<Option<TokenId>> {
        let n_vocab = self.texts.len();
        for &key in keys {
            let Some(id) = metadata.get_as::<u32>(key)? else { continue };
            if id as usize >= n_vocab {
                return Err(VocabError::SpecialId { key, id: id.into(), n_vocab }.into());
            }
            return Ok(Some(id));
        }
        Ok(None)
    }

    fn id(&self, name: &str) -> Option<TokenId> {
        self.ids.get(name).copied()
    }

    /// Ids of the tokens that end a generation, without order.
    pub(super) fn ends(&self, special: SpecialTokens) -> Vec<TokenId> {
        let by_role = [
            special.eos,
            special.eot,
            special.eom,
            special.fim_pad,
            special.fim_repo,
            special.fim_separator,
        ];
        let mut ends: Vec<TokenId> = by_role.into_iter().flatten().collect();
        ends.extend(END_TEXTS.iter().filter_map(|text| self.id(text)));
        ends.extend(self.control_id(AMBIGUOUS_END));
        if self.end_is_of_a_message() {
            ends.retain(|&id| Some(id) != self.id("<|end|>"));
        }
        ends
    }

    fn end_is_of_a_message(&self) -> bool {
        ENDS_AFTER_MESSAGES.iter().any(|pair| pair.iter().all(|text| self.id(text).is_some()))
    }

    fn control_id(&self, text: &str) -> Option<TokenId> {
        let mut all = (0..).zip(self.texts).zip(self.kinds);
        all.find(|((_, t), k)| **k == TokenKind::Control && *t == text).map(|((id, _), _)| id)
    }

    /// Ids of control tokens that a reader of an answer must see; empty for most vocabularies.
    pub(super) fn shown(&self) -> Vec<TokenId> {
        let is_channelled =
            ["<|start|>", "<|channel|>", "<|message|>"].iter().all(|text| self.id(text).is_some());
        let shown = CHANNEL_TEXTS.iter().filter_map(|text| self.id(text));
        if is_channelled { shown.collect() } else { Vec::new() }
    }
}
