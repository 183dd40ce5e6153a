//! How many tokens a request took.

use serde::{Deserialize, Serialize};

use crate::ollama::{Metrics, is_default};

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
    /// More about the prompt; not written where nothing of it was cached or left out.
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
    /// How many were left out because they did not fit the context; not written where none were.
    /// Not OpenAI's.
    #[serde(skip_serializing_if = "is_default")]
    pub dropped_tokens: u64,
    /// The same of messages. Not OpenAI's.
    #[serde(skip_serializing_if = "is_default")]
    pub dropped_messages: u64,
}

impl From<&Metrics> for PromptTokensDetails {
    fn from(metrics: &Metrics) -> Self {
        Self {
            cached_tokens: metrics.prompt_cached_count,
            dropped_tokens: metrics.prompt_dropped_count,
            dropped_messages: metrics.messages_dropped_count,
        }
    }
}

impl PromptTokensDetails {
    /// Both together.
    fn plus(self, other: Self) -> Self {
        Self {
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            dropped_tokens: self.dropped_tokens.saturating_add(other.dropped_tokens),
            dropped_messages: self.dropped_messages.saturating_add(other.dropped_messages),
        }
    }

    /// `None` where there is nothing to tell.
    fn unless_empty(self) -> Option<Self> {
        (!is_default(&self)).then_some(self)
    }
}

impl Usage {
    /// Counts an answer, the first or one more, among those to one prompt.
    pub fn count(total: &mut Option<Self>, metrics: &Metrics) {
        match total {
            Some(total) => total.add_answer(metrics),
            None => *total = Some(Self::of(metrics)),
        }
    }

    /// The counts of one answer.
    fn of(metrics: &Metrics) -> Self {
        let (prompt, completion) = (metrics.prompt_eval_count, metrics.eval_count);
        Self {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt.saturating_add(completion),
            prompt_tokens_details: PromptTokensDetails::from(metrics).unless_empty(),
        }
    }

    /// Counts one more answer to the same prompt.
    fn add_answer(&mut self, metrics: &Metrics) {
        self.completion_tokens = self.completion_tokens.saturating_add(metrics.eval_count);
        self.total_tokens = self.prompt_tokens.saturating_add(self.completion_tokens);
    }

    /// Counts the answers to another prompt.
    pub fn add(&mut self, other: Self) {
        let details = |usage: Self| usage.prompt_tokens_details.unwrap_or_default();
        self.prompt_tokens_details = details(*self).plus(details(other)).unless_empty();
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(other.completion_tokens);
        self.total_tokens = self.total_tokens.saturating_add(other.total_tokens);
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

    #[test]
    fn what_was_left_out_is_told_and_nothing_where_all_fits() {
        let metrics = Metrics { prompt_eval_count: 5, ..Metrics::default() };
        assert_eq!(Usage::of(&metrics).prompt_tokens_details, None);
        let cut = Metrics { prompt_dropped_count: 7, messages_dropped_count: 2, ..metrics };
        let mut usage = Usage::of(&cut);
        usage.add(Usage::of(&cut));
        let details = serde_json::to_value(usage.prompt_tokens_details).expect("plain data");
        let want = serde_json::json!({
            "cached_tokens": 0, "dropped_tokens": 14, "dropped_messages": 4
        });
        assert_eq!(details, want);
    }
}
