//! How many tokens a request took.

use serde::{Deserialize, Serialize};

use crate::ollama::Metrics;

/// Counts of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Usage {
    /// In the prompt.
    pub prompt_tokens: u64,
    /// In all answers to it.
    pub completion_tokens: u64,
    /// In both.
    pub total_tokens: u64,
    /// More about the prompt; not written where nothing of it was cached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_details: Option<PromptTokensDetails>,
}

/// More about a prompt's tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PromptTokensDetails {
    /// How many had been computed for an earlier request.
    pub cached_tokens: u64,
}

impl Usage {
    /// The counts of one answer.
    pub fn of(metrics: &Metrics) -> Self {
        let (prompt, completion) = (metrics.prompt_eval_count, metrics.eval_count);
        let cached_tokens = metrics.prompt_cached_count;
        Self {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt.saturating_add(completion),
            prompt_tokens_details: (cached_tokens > 0)
                .then_some(PromptTokensDetails { cached_tokens }),
        }
    }

    /// Counts one more answer to the same prompt.
    pub fn add_answer(&mut self, metrics: &Metrics) {
        self.completion_tokens = self.completion_tokens.saturating_add(metrics.eval_count);
        self.total_tokens = self.prompt_tokens.saturating_add(self.completion_tokens);
    }

    /// Counts the answers to another prompt.
    pub fn add(&mut self, other: Self) {
        let cached = |usage: Self| usage.prompt_tokens_details.map_or(0, |d| d.cached_tokens);
        let cached_tokens = cached(*self).saturating_add(cached(other));
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
        self.total_tokens = self.total_tokens.saturating_add(other.total_tokens);
        self.prompt_tokens_details =
            (cached_tokens > 0).then_some(PromptTokensDetails { cached_tokens });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_counts_once_however_many_answers_it_has() {
        let metrics = Metrics { prompt_eval_count: 5, eval_count: 3, ..Metrics::default() };
        let mut usage = Usage::of(&metrics);
        usage.add_answer(&metrics);
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (5, 6, 11));
        usage.add(Usage::of(&Metrics { prompt_cached_count: 4, ..metrics }));
        assert_eq!((usage.prompt_tokens, usage.total_tokens), (10, 19));
        assert_eq!(usage.prompt_tokens_details.map(|d| d.cached_tokens), Some(4));
    }
}
