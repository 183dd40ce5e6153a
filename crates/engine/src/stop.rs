//! Ends a text at the first stop string, without showing any part of it.
//!
//! First is the one that is complete first; of several that end together, the longest. So the
//! answer does not depend on how the text was cut into pieces.
//!
//! Text arrives in pieces that may cut a stop string anywhere, so the end of what has been seen is
//! held back for as long as it could still become one.

/// Looks for stop strings in a text that arrives in pieces.
#[derive(Debug, Clone, Default)]
pub struct StopMatcher {
    stops: Vec<String>,
    /// Text not yet handed out: a proper prefix of some stop string.
    held: String,
}

/// What a piece of text led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched {
    /// No stop string yet; this much text is certainly before one.
    Text(String),
    /// A stop string was found; this is the text before it.
    Stop(String),
}

impl StopMatcher {
    /// Empty stop strings are ignored: they would end every text before it began.
    #[must_use]
    pub fn new(stops: impl IntoIterator<Item = String>) -> Self {
        Self { stops: stops.into_iter().filter(|s| !s.is_empty()).collect(), held: String::new() }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str) -> Matched {
        self.held.push_str(piece);
        if let Some(at) = self.first_match() {
            self.held.truncate(at);
            return Matched::Stop(std::mem::take(&mut self.held));
        }
        let n_safe = self.held.len() - self.n_undecided();
        let rest = self.held.split_off(n_safe);
        Matched::Text(std::mem::replace(&mut self.held, rest))
    }

    /// Where the stop string begins that ends first.
    fn first_match(&self) -> Option<usize> {
        let ends = self.stops.iter().filter_map(|s| Some((self.held.find(s.as_str())?, s.len())));
        ends.min_by_key(|&(at, n)| (at + n, at)).map(|(at, _)| at)
    }

    /// The text still held back, once no more will come.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Length in bytes of the longest end of `held` that begins a stop string.
    fn n_undecided(&self) -> usize {
        let longest = |stop: &String| {
            let most = (stop.len() - 1).min(self.held.len());
            (1..=most).rev().find(|&n| {
                stop.is_char_boundary(n) && self.held.as_bytes().ends_with(&stop.as_bytes()[..n])
            })
        };
        self.stops.iter().filter_map(longest).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut matcher = StopMatcher::new(stops.iter().map(|s| (*s).to_owned()));
        let mut text = String::new();
        for piece in pieces {
            match matcher.push(piece) {
                Matched::Text(t) => text += &t,
                Matched::Stop(t) => return (text + &t, true),
            }
        }
        (text + &matcher.finish(), false)
    }

    #[test]
    fn a_stop_string_cut_between_pieces_is_found() {
        assert_eq!(run(&["<|im_end|>"], &["Hi <|im", "_e", "nd|> more"]), ("Hi ".into(), true));
    }

    #[test]
    fn text_that_only_began_like_a_stop_string_comes_out() {
        assert_eq!(run(&["STOP"], &["ST", "ALE ST"]), ("STALE ST".into(), false));
    }

    #[test]
    fn of_several_stop_strings_the_one_complete_first_wins_and_then_the_longest() {
        assert_eq!(run(&["c", "bc"], &["abcd"]), ("a".into(), true));
        for pieces in [&["xaba"][..], &["xa", "ba"], &["xab", "a"]] {
            assert_eq!(run(&["aba", "b"], pieces), ("xa".into(), true), "{pieces:?}");
        }
    }

    #[test]
    fn text_is_held_back_only_while_it_may_be_a_stop_string() {
        let mut matcher = StopMatcher::new(["ab".to_owned()]);
        assert_eq!(matcher.push("xa"), Matched::Text("x".into()));
        assert_eq!(matcher.push("c"), Matched::Text("ac".into()));
    }

    #[test]
    fn an_empty_stop_string_stops_nothing() {
        assert_eq!(run(&[""], &["a"]), ("a".into(), false));
    }

    proptest! {
        /// Cutting a text into other pieces changes neither what comes out nor where it stops.
        #[test]
        fn pieces_do_not_matter(
            text in "[abé]{0,24}", stops in prop::collection::vec("[abé]{1,4}", 0..3),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            let bounds: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|c| *c.get(&bounds)).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            let ends = stops.iter().filter_map(|s| Some((text.find(s)? + s.len(), text.find(s)?)));
            let whole = ends.min().map(|(_, at)| at);
            let want = (text[..whole.unwrap_or(text.len())].to_owned(), whole.is_some());
            prop_assert_eq!(run(&stops, &pieces), want);
        }
    }
}
