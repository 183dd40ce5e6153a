//! From the vectors of a text's tokens to one for the text.

/// How the vectors of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pooling {
    /// They do not: each token keeps its own.
    None,
    /// Their mean.
    Mean,
    /// The first token's.
    Cls,
    /// The last token's.
    Last,
    /// The first token's, or in a model that sees only what came before the last token's; a
    /// classification head makes scores of it.
    Rank,
}

impl Pooling {
    /// The pooling with this number in `{architecture}.pooling_type`.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        [Self::None, Self::Mean, Self::Cls, Self::Last, Self::Rank].get(number as usize).copied()
    }
}
