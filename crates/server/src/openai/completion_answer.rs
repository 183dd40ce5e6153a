//! Native answers as completions, whole and in chunks.

use std::cmp::Reverse;

use camelid_api_types::ApiError;
use camelid_api_types::ollama::{DoneReason, GenerateResponse};
use camelid_api_types::openai::{
    Completion, CompletionChoice, CompletionLogprobs, ErrorBody, Usage,
};

use super::frame::Frame;
use super::heading::{FINGERPRINT, Heading};
use crate::sse::Translator;

/// How many answers there are to each prompt, and what they show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// How many are made.
    pub(super) best_of: usize,
    /// How many of those are given.
    pub(super) n: usize,
    /// Whether with log-probabilities.
    pub(super) includes_logprobs: bool,
}

/// The whole answer.
pub(super) fn whole(
    heading: Heading,
    answers: &mut [GenerateResponse],
    layout: Layout,
) -> Completion {
    let mut usage = Usage::default();
    let mut choices = Vec::new();
    for of_prompt in answers.chunks_mut(layout.best_of) {
        let mut of_these: Option<Usage> = None;
        for answer in &*of_prompt {
            Usage::count(&mut of_these, &answer.metrics);
        }
        usage.add(of_these.unwrap_or_default());
        if layout.best_of > layout.n {
            of_prompt.sort_by_key(|answer| Reverse(likelihood(answer)));
        }
        for answer in of_prompt.iter_mut().take(layout.n) {
            let logprobs = layout.includes_logprobs.then(|| logprobs_at(answer, 0));
            choices.push(CompletionChoice {
                text: std::mem::take(&mut answer.response),
                index: choices.len(),
                logprobs,
                finish_reason: answer.done_reason.as_ref().map(|reason| reason.as_str().to_owned()),
            });
        }
    }
    let debug_info = answers.first().and_then(|answer| answer.debug_info.clone());
    Completion { usage: Some(usage), debug_info, ..completion(&heading, choices) }
}

fn completion(heading: &Heading, choices: Vec<CompletionChoice>) -> Completion {
    Completion {
        id: heading.id.clone(),
        object: "text_completion".to_owned(),
        created: heading.created,
        model: heading.model.clone(),
        system_fingerprint: FINGERPRINT.to_owned(),
        choices,
        ..Completion::default()
    }
}

/// An answer's log-probability per token, in a form that can be ordered. An empty answer is the
/// least likely.
fn likelihood(answer: &GenerateResponse) -> impl Ord + use<> {
    let sum: f64 = answer.logprobs.iter().map(|logprob| logprob.logprob).sum();
    let mean = sum / answer.logprobs.len() as f64;
    // As far as nanounits of a logarithm; `as` saturates, and takes no number for 0.
    let nano = (mean * 1e9) as i64;
    if answer.logprobs.is_empty() { i64::MIN } else { nano }
}

/// The four lists, for an answer's tokens, the first of which begins after `offset` characters.
fn logprobs_at(answer: &GenerateResponse, mut offset: usize) -> CompletionLogprobs {
    let of_prompt = answer.prompt_logprobs.iter().map(|l| (&l.token, l.logprob, &l.top_logprobs));
    let of_answer = answer.logprobs.iter().map(|l| (&l.token, Some(l.logprob), &l.top_logprobs));
    let mut lists = CompletionLogprobs::default();
    for (token, logprob, top) in of_prompt.chain(of_answer) {
        lists.text_offset.push(offset);
        offset += token.chars().count();
        lists.tokens.push(token.clone());
        lists.token_logprobs.push(logprob);
        let top = top.iter().map(|top| (top.token.clone(), top.logprob));
        lists.top_logprobs.push(logprob.is_some().then(|| top.collect()));
    }
    lists
}

/// Answers on their way out in chunks.
#[derive(Debug)]
pub(super) struct CompletionStream {
    heading: Heading,
    layout: Layout,
    includes_usage: bool,
    /// Characters sent of each answer.
    n_sent: Vec<usize>,
    /// Counts of each prompt's answers, where any has ended.
    usages: Vec<Option<Usage>>,
}

impl CompletionStream {
    /// For `n_choices` answers to all prompts together.
    pub(super) fn new(
        heading: Heading,
        layout: Layout,
        includes_usage: bool,
        n_choices: usize,
    ) -> Self {
        let n_sent = vec![0; n_choices];
        let usages = vec![None; n_choices.div_ceil(layout.n)];
        Self { heading, layout, includes_usage, n_sent, usages }
    }
}

impl Translator for CompletionStream {
    type Part = GenerateResponse;
    type Frame = Frame<Completion>;

    fn part(&mut self, index: usize, part: GenerateResponse) -> Vec<Self::Frame> {
        if part.done {
            Usage::count(&mut self.usages[index / self.layout.n], &part.metrics);
        }
        let n_sent = &mut self.n_sent[index];
        let logprobs = self.layout.includes_logprobs.then(|| logprobs_at(&part, *n_sent));
        let logprobs = logprobs.filter(|lists| !lists.tokens.is_empty());
        if part.response.is_empty() && part.logprobs.is_empty() && !part.done {
            // Thinking, which has no place in a completion.
            return Vec::new();
        }
        *n_sent += part.response.chars().count();
        let choice = CompletionChoice {
            text: part.response,
            index,
            logprobs,
            finish_reason: part.done_reason.as_ref().map(DoneReason::as_str).map(str::to_owned),
        };
        let usage = self.includes_usage.then(Usage::default);
        vec![Frame::Chunk(Completion { usage, ..completion(&self.heading, vec![choice]) })]
    }

    fn end(&mut self) -> Vec<Self::Frame> {
        let mut total = Usage::default();
        self.usages.iter().flatten().for_each(|usage| total.add(*usage));
        let last = self.includes_usage.then(|| {
            Frame::Chunk(Completion { usage: Some(total), ..completion(&self.heading, Vec::new()) })
        });
        last.into_iter().chain([Frame::Done]).collect()
    }

    fn fail(&mut self, error: ApiError) -> Vec<Self::Frame> {
        vec![Frame::Error(ErrorBody::from(error))]
    }
}

#[cfg(test)]
mod tests {
    use camelid_api_types::ollama::{Logprob, Metrics, PromptLogprob};
    use serde_json::{Value, json};

    use super::*;

    fn heading() -> Heading {
        Heading { id: "cmpl-1".to_owned(), created: 5, model: "m".to_owned() }
    }

    fn answer(text: &str, logprob: f64) -> GenerateResponse {
        let token = Logprob { token: text.to_owned(), logprob, ..Logprob::default() };
        GenerateResponse {
            response: text.to_owned(),
            done: true,
            done_reason: Some(DoneReason::Stop),
            logprobs: vec![token],
            metrics: Metrics { prompt_eval_count: 3, eval_count: 2, ..Metrics::default() },
            ..GenerateResponse::default()
        }
    }

    #[test]
    fn the_likeliest_answers_of_each_prompt_are_given() {
        let layout = Layout { best_of: 2, n: 1, includes_logprobs: false };
        let mut answers =
            [answer("a", -2.0), answer("b", -1.0), answer("c", -0.5), answer("d", -0.7)];
        let got = serde_json::to_value(whole(heading(), &mut answers, layout)).expect("data");
        let want = json!({
            "id": "cmpl-1", "object": "text_completion", "created": 5, "model": "m",
            "system_fingerprint": "fp_ollama",
            "choices": [
                {"text": "b", "index": 0, "finish_reason": "stop"},
                {"text": "c", "index": 1, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 6, "completion_tokens": 8, "total_tokens": 14}
        });
        assert_eq!(got, want);
    }

    #[test]
    fn probabilities_come_in_four_lists() {
        let first = PromptLogprob { token: "é".to_owned(), ..PromptLogprob::default() };
        let second = PromptLogprob { token: "x".to_owned(), logprob: Some(-3.0), ..first.clone() };
        let answer = GenerateResponse { prompt_logprobs: vec![first, second], ..answer("b", -2.0) };
        let lists = serde_json::to_value(logprobs_at(&answer, 4)).expect("data");
        let want = json!({
            "tokens": ["é", "x", "b"], "token_logprobs": [null, -3.0, -2.0],
            "top_logprobs": [null, {}, {}], "text_offset": [4, 5, 6]
        });
        assert_eq!(lists, want);
    }

    #[test]
    fn a_stream_tells_the_counts_at_its_end() {
        let layout = Layout { best_of: 1, n: 1, includes_logprobs: false };
        let mut stream = CompletionStream::new(heading(), layout, true, 1);
        let mut frames = stream.part(0, answer("a", -1.0));
        frames.extend(stream.end());
        let chunk = |frame: &Frame<Completion>| match frame {
            Frame::Chunk(chunk) => serde_json::to_value(chunk).expect("data"),
            frame => panic!("{frame:?}"),
        };
        let [text, usage, Frame::Done] = frames.as_slice() else { panic!("{frames:?}") };
        assert_eq!(chunk(text)["choices"][0]["text"], "a");
        assert_eq!(chunk(text)["usage"]["total_tokens"], 0);
        assert_eq!(chunk(usage)["choices"], Value::Array(Vec::new()));
        assert_eq!(chunk(usage)["usage"]["total_tokens"], 5);
    }
}
