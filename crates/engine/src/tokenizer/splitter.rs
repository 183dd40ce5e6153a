//! Cuts a text into pieces with regular expressions, in time linear in the text.
//!
//! The expressions of `tokenizer.json` files need a backtracking engine for one thing only:
//! `\s+(?!\S)`, a run of white space without its last character where a word follows. Backtracking
//! engines give up, or take hours, on texts that are made for it. So that alternative becomes two
//! that a finite automaton can run, in the same order of preference:
//!
//! ```text
//! A|\s+(?!\S)|B      A  |  \s+\z  |  \s+\s and give the last character back  |  B
//! ```
//!
//! A run at the end of the text is taken whole. Elsewhere something that is no white space follows
//! the run, so that the longest match is all but the last character, and needs two of them.

use regex_automata::{
    Input,
    meta::{BuildError, Regex},
};

use super::pre_tokenizer::Step;

/// Memory for the automaton that is built while a text is read. With little of it the engine
/// falls back to a slower one on texts in many scripts.
const AUTOMATON_BYTES: usize = 16 << 20;

/// All steps of a pre-tokenizer, ready to run.
pub(super) struct Splitter {
    cutters: Vec<Cutter>,
}

impl Splitter {
    /// # Errors
    /// For an expression that the engine does not know; the table's are tested.
    pub(super) fn new(steps: &[Step]) -> Result<Self, Box<BuildError>> {
        let cutters = steps.iter().map(Cutter::new).collect::<Result<_, _>>()?;
        Ok(Self { cutters })
    }

    /// Hands the pieces of `text` to `take` in order; none is empty and joined they are the text.
    pub(super) fn split<'t>(&self, text: &'t str, mut take: impl FnMut(&'t str)) {
        let [others @ .., last] = self.cutters.as_slice() else { return take(text) };
        let mut pieces = vec![text];
        for cutter in others {
            let mut finer = Vec::with_capacity(pieces.len());
            pieces.iter().for_each(|piece| cutter.cut(piece, &mut |part| finer.push(part)));
            pieces = finer;
        }
        pieces.iter().for_each(|piece| last.cut(piece, &mut take));
    }
}

/// One step.
struct Cutter {
    regex: Regex,
    /// For each alternative, whether its last character goes back to the text.
    gives_back: Vec<bool>,
    in_threes: bool,
}

impl Cutter {
    fn new(step: &Step) -> Result<Self, Box<BuildError>> {
        let (pattern, in_threes) = match *step {
            Step::Isolate(pattern) => (pattern, false),
            Step::Thousands(pattern) => (pattern, true),
        };
        let (patterns, gives_back): (Vec<_>, _) = without_look_ahead(pattern).into_iter().unzip();
        let config = Regex::config().hybrid_cache_capacity(AUTOMATON_BYTES);
        let regex = Regex::builder().configure(config).build_many(&patterns)?;
        Ok(Self { regex, gives_back, in_threes })
    }

    /// Hands matches and what is between them to `take`, leaving out what is empty.
    fn cut<'t>(&self, text: &'t str, take: &mut impl FnMut(&'t str)) {
        let mut done = 0;
        let mut input = Input::new(text);
        while let Some(found) = self.regex.search(&input) {
            let (start, mut end) = (found.start(), found.end());
            if self.gives_back[found.pattern().as_usize()] {
                end = text.floor_char_boundary(end - 1);
            }
            if done < start {
                take(&text[done..start]);
            }
            if self.in_threes {
                in_threes(&text[start..end], take);
            } else {
                take(&text[start..end]);
            }
            done = end;
            input.set_start(end);
        }
        if done < text.len() {
            take(&text[done..]);
        }
    }
}

/// The alternatives of an expression, `\s+(?!\S)` replaced as the module says.
fn without_look_ahead(pattern: &str) -> Vec<(&str, bool)> {
    let Some((before, after)) = pattern.split_once(r"|\s+(?!\S)") else {
        return vec![(pattern, false)];
    };
    let after = after.strip_prefix('|').map(|pattern| (pattern, false));
    [(before, false), (r"\s+\z", false), (r"\s+\s", true)].into_iter().chain(after).collect()
}

/// Groups of three characters, counted from the end; the first may be shorter.
fn in_threes<'t>(digits: &'t str, take: &mut impl FnMut(&'t str)) {
    let mut n_left = digits.chars().count();
    let mut rest = digits;
    while n_left > 0 {
        let n = (n_left - 1) % 3 + 1;
        let n_bytes = rest.chars().take(n).map(char::len_utf8).sum();
        let (group, after) = rest.split_at(n_bytes);
        take(group);
        (rest, n_left) = (after, n_left - n);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::utils::SysRegex;

    use super::*;

    fn pieces<'t>(steps: &[Step], text: &'t str) -> Vec<&'t str> {
        let mut pieces = Vec::new();
        Splitter::new(steps).unwrap().split(text, |piece| pieces.push(piece));
        pieces
    }

    #[test]
    fn a_run_of_spaces_leaves_one_to_the_word_behind() {
        let row = super::super::pre_tokenizer::find("llama-bpe").unwrap();
        assert_eq!(pieces(row.steps, "a   b"), ["a", "  ", " b"]);
        assert_eq!(pieces(row.steps, "a   "), ["a", "   "]);
        assert_eq!(pieces(row.steps, "a\t3"), ["a", "\t", "3"]);
        assert_eq!(pieces(row.steps, " \n \u{3000}骆"), [" \n", " ", "\u{3000}骆"]);
    }

    #[test]
    fn digits_are_grouped_from_the_end() {
        let steps = [Step::Thousands(r"\d+\b")];
        assert_eq!(pieces(&steps, "1234567, 12"), ["1", "234", "567", ", ", "12"]);
        assert_eq!(pieces(&steps, "123456x"), ["123456x"]);
        assert_eq!(pieces(&steps, "٣٤٥٦"), ["٣", "٤٥٦"]);
    }

    /// Alternating white space, words, digits and signs: all that the expressions tell apart.
    fn texts() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[ \t\r\n\u{a0}\u{3000}]{0,4}",
            "[a-cA-C'sStT]{1,4}",
            "[0-9]{1,5}",
            r"[\PC]{1,3}",
            "[!,._/]{1,3}",
        ];
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    #[test]
    fn cuts_are_those_of_the_expression_itself() {
        let engines = ["gpt-2", "llama-bpe", "qwen2", "qwen35", "gpt-4o", "tekken"].map(|name| {
            let steps = super::super::pre_tokenizer::find(name).unwrap().steps;
            let [Step::Isolate(pattern)] = steps else { panic!("{name}") };
            (name, Splitter::new(steps).unwrap(), SysRegex::new(pattern).unwrap())
        });
        // The backtracking engine is the definition.
        proptest!(|(text in texts())| {
            for (name, splitter, reference) in &engines {
                let (mut want, mut done) = (Vec::new(), 0);
                for (start, end) in reference.find_iter(&text) {
                    want.extend((done < start).then(|| &text[done..start]));
                    want.push(&text[start..end]);
                    done = end;
                }
                want.extend((done < text.len()).then(|| &text[done..]));
                let mut pieces = Vec::new();
                splitter.split(&text, |piece| pieces.push(piece));
                prop_assert_eq!(pieces, want, "{}", name);
            }
        });
    }
}
