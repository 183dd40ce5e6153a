//! How much of a text must wait for what comes next.

/// A marker found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<T> {
    /// Where it starts.
    pub(super) at: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What it stands for.
    pub(super) what: T,
}

/// The first of the markers in `text`; of several at one place the longest.
pub(super) fn find_first<'m, T>(
    text: &str,
    markers: impl Iterator<Item = (&'m str, T)>,
) -> Option<Found<T>> {
    let found = markers.filter_map(|(marker, what)| {
        let at = text.find(marker)?;
        Some(Found { at, end: at + marker.len(), what })
    });
    found.min_by_key(|f| (f.at, std::cmp::Reverse(f.end)))
}

/// Bytes at the end of `text` that may be the beginning of a marker.
pub(super) fn partial_marker<'m>(text: &str, markers: impl Iterator<Item = &'m str>) -> usize {
    markers.map(|marker| overlap(text, marker)).max().unwrap_or(0)
}

/// Length of the longest end of `text` that is a proper beginning of `marker`.
pub(super) fn overlap(text: &str, marker: &str) -> usize {
    let longest = text.len().min(marker.len().saturating_sub(1));
    (1..=longest)
        .rev()
        .find(|&n| text.as_bytes()[text.len() - n..] == marker.as_bytes()[..n])
        .unwrap_or(0)
}

/// Bytes of white space at the end of `text`.
pub(super) fn trailing_space(text: &str) -> usize {
    text.len() - text.trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_are_proper_prefixes() {
        for (text, marker, wanted) in [
            ("abc<thi", "<think>", 4),
            ("abc<think>", "<think>", 0),
            ("<", "<think>", 1),
            ("", "<think>", 0),
            ("a<t<t", "<think>", 2),
            ("｜tool", "｜tool▁", 7),
            ("｜tool", "x｜tool", 0),
        ] {
            assert_eq!(overlap(text, marker), wanted, "{text} {marker}");
        }
    }

    #[test]
    fn the_earliest_and_longest_marker_wins() {
        let markers = [("<a", 1), ("<ab>", 2), ("x", 3)];
        let found = find_first("..<ab>x", markers.into_iter()).expect("a marker");
        assert_eq!((found.at, found.end, found.what), (2, 6, 2));
    }
}
