//! How a text is cut into words before byte-pair merging, by the names GGUF files carry.
//!
//! Each name of `tokenizer.ggml.pre` stands for one or more regular expressions. They are applied
//! one after the other, each to the pieces the one before left; what an expression does not match
//! stays a piece. A wrong expression gives tokens the model was not trained on, so a name that is
//! not in the table is refused.
//!
//! Source of the names: llama.cpp (MIT), `src/llama-vocab.cpp`. Source of the expressions:
//! `tokenizer.json` of the models they are named after; where llama.cpp has an approximation that
//! its own regex engine can run, the original stands here.

/// One row: the names, the expressions, and two facts about the models that carry them.
pub(super) struct PreTokenizer {
    names: &'static [&'static str],
    pub(super) steps: &'static [Step],
    /// Whether a word that is a token is taken whole before any merging.
    pub(super) ignore_merges: bool,
    /// Whether a text begins with BOS where the file has no flag for it.
    begins_with_bos: bool,
}

/// One cut.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Every match becomes a piece.
    Isolate(&'static str),
    /// Every match is cut in threes, counted from its end: digits as people group them.
    Thousands(&'static str),
}

use Step::{Isolate, Thousands};

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const KIMI_K2: &str = r"\p{Han}+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Letters that have a case, range by range, as DeepSeek's first models list them.
const DEEPSEEK_LETTERS: &str = concat!(
    r"\s?[",
    r"A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}",
    r"\x{1C4}-\x{293}\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}",
    r"\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}",
    r"\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}",
    r"\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}",
    r"\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}",
    r"\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}",
    r"\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}",
    r"\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}",
    r"\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}",
    r"\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}",
    r"\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}",
    r"\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}",
    r"\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}",
    r"\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}",
    r"\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3}",
    r"\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}",
    r"\x{1E900}-\x{1E943}",
    "]+",
);
const DEEPSEEK_CJK: &str = "[一-龥ࠀ-一가-\u{d7ff}]+";
const DEEPSEEK_V3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;
const BLOOM: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";

/// A row of a model family that does nothing unusual; the fields that differ are overridden.
const PLAIN: PreTokenizer =
    PreTokenizer { names: &[], steps: &[], ignore_merges: false, begins_with_bos: false };

static PRE_TOKENIZERS: &[PreTokenizer] = &[
    PreTokenizer {
        names: &["default"],
        steps: &[
            Isolate(r"[\p{P}\$\+<=>\^~\|]+"),
            Isolate(GPT2),
            Isolate(r"\p{N}+"),
            Isolate("[0-9][0-9][0-9]"),
        ],
        ..PLAIN
    },
    PreTokenizer {
        names: &[
            "gpt-2",
            "mpt",
            "olmo",
            "phi-2",
            "jais",
            "trillion",
            "granite-docling",
            "exaone4",
            "jina-v1-en",
            "jina-v2-code",
            "jina-v2-de",
            "jina-v2-es",
            "jina-de",
            "jina-es",
            "roberta-bpe",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
        ],
        steps: &[Isolate(GPT2)],
        ..PLAIN
    },
    PreTokenizer {
        names: &[
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano",
        ],
        steps: &[Isolate(LLAMA3)],
        ignore_merges: true,
        begins_with_bos: true,
    },
    PreTokenizer {
        names: &["glm4", "glm5"],
        steps: &[Isolate(LLAMA3)],
        ignore_merges: true,
        ..PLAIN
    },
    PreTokenizer {
        names: &["dbrx", "smaug-bpe", "chatglm-bpe"],
        steps: &[Isolate(LLAMA3)],
        ..PLAIN
    },
    PreTokenizer {
        names: &["minicpm5"],
        steps: &[
            Isolate(r"\p{N}{1,3}"),
            Isolate(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
            ),
        ],
        ignore_merges: true,
        ..PLAIN
    },
    PreTokenizer {
        names: &[
            "qwen2",
            "deepseek-r1-qwen",
            "stablelm2",
            "megrez",
            "kormo",
            "f2llmv2",
            "hunyuan",
            "solar-open",
            "grok-2",
        ],
        steps: &[Isolate(QWEN2)],
        ..PLAIN
    },
    PreTokenizer { names: &["qwen35"], steps: &[Isolate(QWEN35)], ..PLAIN },
    PreTokenizer {
        names: &[
            "starcoder",
            "refact",
            "command-r",
            "smollm",
            "codeshell",
            "exaone",
            "minerva-7b",
            "mellum2",
        ],
        steps: &[Isolate(r"\p{N}"), Isolate(GPT2)],
        ..PLAIN
    },
    PreTokenizer {
        names: &["falcon"],
        steps: &[Isolate(r"[\p{P}\$\+<=>\^~\|`]+"), Isolate(GPT2), Isolate("[0-9][0-9][0-9]")],
        ..PLAIN
    },
    PreTokenizer {
        names: &["deepseek-llm"],
        steps: &[
            Isolate(r"[\r\n]"),
            Isolate(DEEPSEEK_LETTERS),
            Isolate(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
            Isolate(r"\s+$"),
            Isolate(DEEPSEEK_CJK),
            Isolate(r"\p{N}+"),
        ],
        ..PLAIN
    },
    PreTokenizer {
        names: &["deepseek-coder"],
        steps: &[
            Isolate(r"[\r\n]"),
            Isolate(r"\s?\p{L}+"),
            Isolate(r"\s?\p{P}+"),
            Isolate(DEEPSEEK_CJK),
            Isolate(r"\p{N}"),
        ],
        ..PLAIN
    },
    PreTokenizer {
        names: &["deepseek-v3", "hunyuan-dense", "joyai-llm"],
        steps: &[Isolate(r"\p{N}{1,3}"), Isolate("[一-龥\u{3040}-ゟ゠-ヿ]+"), Isolate(DEEPSEEK_V3)],
        ..PLAIN
    },
    PreTokenizer { names: &["kimi-k2"], steps: &[Isolate(KIMI_K2)], ..PLAIN },
    PreTokenizer {
        names: &["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"],
        steps: &[Isolate(GPT4O)],
        ..PLAIN
    },
    PreTokenizer {
        names: &["tekken"],
        steps: &[Isolate(TEKKEN)],
        ignore_merges: true,
        begins_with_bos: true,
    },
    PreTokenizer {
        names: &["tiny_aya", "cohere2moe"],
        steps: &[Thousands(r"\d+\b"), Isolate(GPT4O)],
        ..PLAIN
    },
    PreTokenizer { names: &["superbpe"], steps: &[Isolate(r"\p{N}+"), Thousands(r"\d+")], ..PLAIN },
    PreTokenizer {
        names: &["bloom", "poro-chat", "gpt3-finnish"],
        steps: &[Isolate(BLOOM)],
        ..PLAIN
    },
    PreTokenizer { names: &["viking"], steps: &[Isolate(BLOOM), Isolate(r"\p{N}")], ..PLAIN },
];

/// The row for a name.
pub(super) fn find(name: &str) -> Option<&'static PreTokenizer> {
    PRE_TOKENIZERS.iter().find(|p| p.names.contains(&name))
}

/// All names in the table.
pub(super) fn names() -> Vec<&'static str> {
    PRE_TOKENIZERS.iter().flat_map(|p| p.names).copied().collect()
}

/// Whether texts begin with BOS where a file with this pre-tokenizer does not say; `None` for a
/// name that is not in the table.
pub(crate) fn begins_with_bos(name: &str) -> Option<bool> {
    find(name).map(|row| row.begins_with_bos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::splitter::Splitter;

    #[test]
    fn names_are_unique() {
        let mut all = names();
        all.sort_unstable();
        let n = all.len();
        all.dedup();
        assert_eq!(all.len(), n);
    }

    #[test]
    fn every_row_cuts_a_text_into_pieces_that_join_to_it() {
        let text = "I'll pay 1234567.50 €, YOU'D say\r\n\r\n  \t骆驼 in año 2024 ... ok  ";
        for row in PRE_TOKENIZERS {
            let splitter = Splitter::new(row.steps).unwrap();
            let mut joined = String::new();
            splitter.split(text, |piece| {
                assert!(!piece.is_empty(), "{:?}", row.names);
                joined.push_str(piece);
            });
            assert_eq!(joined, text, "{:?}", row.names);
        }
    }
}
