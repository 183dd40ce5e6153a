//! What a template's constants come to before it is rendered.
//!
//! The engine computes expressions of constants when it compiles a template, before any guard can
//! look: `{{ 'ab' * 90000000 }}` takes 180 MB to load. Its cost is bounded from the tokens: an
//! expression's constants are no longer than its text times every number in it, if it multiplies
//! at all.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

/// Bytes that all of a template's constant expressions may come to.
pub(super) const MAX_CONSTANTS: u64 = 16 << 20;

/// An upper bound of the bytes that compiling `source` makes of its constants.
///
/// A text that is not well-formed counts up to where it breaks, for the engine to refuse.
pub(super) fn constant_size(source: &str, syntax: SyntaxConfig) -> u64 {
    let mut total = 0u64;
    let mut expression = Expression::default();
    for token in tokenize(source, false, syntax) {
        let Ok((token, span)) = token else { break };
        let n_bytes = u64::from(span.end_offset.saturating_sub(span.start_offset));
        match token {
            Token::VariableStart | Token::BlockStart => expression = Expression::default(),
            Token::VariableEnd | Token::BlockEnd => {
                total = total.saturating_add(expression.size());
            }
            token => expression.add(&token, n_bytes),
        }
    }
    total
}

/// The tokens between two delimiters.
#[derive(Default)]
struct Expression {
    n_bytes: u64,
    multiplies: bool,
    raises: bool,
    /// The product of one more than each number: no sum or product of them is larger.
    factor: Option<u64>,
}

impl Expression {
    fn add(&mut self, token: &Token<'_>, n_bytes: u64) {
        self.n_bytes += n_bytes;
        let number = match token {
            Token::Int(number) => *number,
            Token::Int128(_) => u64::MAX,
            Token::Mul => return self.multiplies = true,
            Token::Pow => return self.raises = true,
            _ => return,
        };
        self.factor = Some(self.factor.unwrap_or(1).saturating_mul(number.saturating_add(1)));
    }

    fn size(&self) -> u64 {
        match (self.multiplies, self.raises) {
            (false, _) => self.n_bytes,
            (true, false) => self.n_bytes.saturating_mul(self.factor.unwrap_or(1)),
            (true, true) => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(source: &str) -> u64 {
        constant_size(source, SyntaxConfig::default())
    }

    #[test]
    fn only_multiplication_grows() {
        assert_eq!(size("plain text {# 9 * 9 #}"), 0);
        assert!(size("{{ 'ab' ~ 'cd' }}{% if x[1000000] > 5 %}{% endif %}") < 30);
        assert!(size("{{ '=' * 40 }}") < 250);
        assert!(size("{{ 'ab' * 90000000 }}") > MAX_CONSTANTS);
        assert!(size("{{ ('a' * 9000) * 9000 }}") > MAX_CONSTANTS);
        assert!(size("{{ 'a' * (4000 * 4000 + 1) }}") > MAX_CONSTANTS);
        assert!(size("{{ 'a' * 2 ** 30 }}") > MAX_CONSTANTS);
        assert!(size(&"{{ 'a' * 90000 }}".repeat(100)) > MAX_CONSTANTS);
    }
}
