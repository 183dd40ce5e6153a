//! Near misses: what a misspelt word was probably meant to be.

use crate::instruction::Keyword;
use crate::parameter_table::PARAMETERS;

/// Words longer than this are not compared: nobody misspells that much, and the comparison is
/// quadratic.
const MAX_WORD_CHARS: usize = 40;

/// The known word nearest to `word`, if it is near enough to be a slip.
///
/// Case does not count; a third of the letters may differ, one at least. The first of several
/// equally near words wins.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: Vec<char> =
        word.chars().take(MAX_WORD_CHARS + 1).map(|c| c.to_ascii_lowercase()).collect();
    if word.is_empty() || word.len() > MAX_WORD_CHARS {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    known
        .into_iter()
        .map(|k| {
            let lower: Vec<char> = k.chars().map(|c| c.to_ascii_lowercase()).collect();
            (edit_distance(&word, &lower), k)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// What a line that starts with `word` was probably meant to say.
pub(crate) fn for_instruction(word: &str) -> Option<String> {
    let is_parameter = PARAMETERS.iter().find(|p| p.name.eq_ignore_ascii_case(word));
    if let Some(parameter) = is_parameter {
        return Some(format!("did you mean `PARAMETER {}`?", parameter.name));
    }
    if let Some(keyword) = nearest(word, Keyword::ALL.iter().map(|k| k.as_str())) {
        return Some(format!("did you mean `{keyword}`?"));
    }
    Some("a value of several lines needs quotes: \"\"\" on both sides".to_owned())
        .filter(|_| word.chars().all(char::is_alphanumeric))
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
/// (optimal string alignment, three rows of the table at a time).
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: &str, b: &str) -> usize {
        edit_distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
    }

    #[test]
    fn distances_count_slips_of_the_finger() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("form", "from"), 1, "a swap is one slip");
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn slips_find_their_word_and_strangers_do_not() {
        let known = ["temperature", "top_k", "top_p"];
        assert_eq!(nearest("temperture", known), Some("temperature"));
        assert_eq!(nearest("TOP_K", known), Some("top_k"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn instructions_get_a_hint_that_fits() {
        assert_eq!(for_instruction("SYTEM").as_deref(), Some("did you mean `SYSTEM`?"));
        assert_eq!(
            for_instruction("num_ctx").as_deref(),
            Some("did you mean `PARAMETER num_ctx`?")
        );
        assert!(for_instruction("line").unwrap().contains("quotes"));
        assert_eq!(for_instruction("\"\"\""), None);
    }
}
