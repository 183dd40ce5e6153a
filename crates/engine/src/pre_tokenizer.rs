//! How a text is cut into words before byte-pair merging, by the names GGUF files carry.
//!
//! Each name of `tokenizer.ggml.pre` stands for one or more regular expressions. They are applied
//! one after the other, each to the pieces the one before left; what an expression does not match
//! stays a piece. A wrong expression gives tokens the model was not trained on, so a name that is
//! not in the table is refused.
//!
//! Source of the names and expressions: `tokenizer.json` of the models they are named after.

/// One row: the names, the expressions, and whether a word that is a token is taken whole before
/// any merging.
pub(crate) struct PreTokenizer {
    names: &'static [&'static str],
    pub(crate) patterns: &'static [&'static str],
    pub(crate) ignore_merges: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";

static PRE_TOKENIZERS: &[PreTokenizer] = &[
    PreTokenizer {
        names: &["gpt-2", "mpt", "olmo", "phi-2"],
        patterns: &[GPT2],
        ignore_merges: false,
    },
    PreTokenizer {
        names: &["llama-bpe", "llama3", "llama-v3"],
        patterns: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        ignore_merges: true,
    },
    PreTokenizer {
        names: &["qwen2", "deepseek-r1-qwen", "stablelm2"],
        patterns: &[
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        ignore_merges: false,
    },
    PreTokenizer {
        names: &["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"],
        patterns: &[r"\p{N}", GPT2],
        ignore_merges: false,
    },
    PreTokenizer {
        names: &["falcon"],
        patterns: &[r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
        ignore_merges: false,
    },
    PreTokenizer {
        names: &["deepseek-coder"],
        patterns: &["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\u{d7ff}]+", r"\p{N}"],
        ignore_merges: false,
    },
];

/// The row for a name.
pub(crate) fn find(name: &str) -> Option<&'static PreTokenizer> {
    PRE_TOKENIZERS.iter().find(|p| p.names.contains(&name))
}

/// All names in the table.
pub(crate) fn names() -> Vec<&'static str> {
    PRE_TOKENIZERS.iter().flat_map(|p| p.names).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut all = names();
        all.sort_unstable();
        let n = all.len();
        all.dedup();
        assert_eq!(all.len(), n);
    }

    #[test]
    fn every_pattern_compiles() {
        for pattern in PRE_TOKENIZERS.iter().flat_map(|p| p.patterns) {
            tokenizers::utils::SysRegex::new(pattern).unwrap();
        }
    }
}
