//! The events of a streamed response.

use serde::{Deserialize, Serialize};

use super::{OutputContent, OutputItem, Response};
use crate::ollama::Logprob;

/// What has happened. On the wire each has a `sequence_number` beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type")]
pub enum ResponseEvent {
    /// The request is understood.
    #[serde(rename = "response.created")]
    Created {
        /// Empty so far.
        response: Response,
    },
    /// The model is at work.
    #[serde(rename = "response.in_progress")]
    InProgress {
        /// Empty so far.
        response: Response,
    },
    /// An item begins.
    #[serde(rename = "response.output_item.added")]
    ItemAdded {
        /// Its place in the output.
        output_index: usize,
        /// Empty so far.
        item: OutputItem,
    },
    /// An item ends.
    #[serde(rename = "response.output_item.done")]
    ItemDone {
        /// Its place in the output.
        output_index: usize,
        /// The whole of it.
        item: OutputItem,
    },
    /// More thinking.
    #[serde(rename = "response.reasoning_summary_text.delta")]
    ReasoningDelta {
        /// The item's id.
        item_id: String,
        /// The item's place.
        output_index: usize,
        /// Always 0.
        summary_index: usize,
        /// What is added.
        delta: String,
    },
    /// The thinking is done.
    #[serde(rename = "response.reasoning_summary_text.done")]
    ReasoningDone {
        /// The item's id.
        item_id: String,
        /// The item's place.
        output_index: usize,
        /// Always 0.
        summary_index: usize,
        /// The whole of it.
        text: String,
    },
    /// A part of a message begins.
    #[serde(rename = "response.content_part.added")]
    PartAdded {
        /// The item's id.
        item_id: String,
        /// The item's place.
        output_index: usize,
        /// Always 0.
        content_index: usize,
        /// Empty so far.
        part: OutputContent,
    },
    /// A part of a message ends.
    #[serde(rename = "response.content_part.done")]
    PartDone {
        /// The item's id.
        item_id: String,
        /// The item's place.
        output_index: usize,
        /// Always 0.
        content_index: usize,
        /// The whole of it.
        part: OutputContent,
    },
    /// More text.
    #[serde(rename = "response.output_text.delta")]
    TextDelta {
        /// The item's id.
        item_id: String,
        /// The item's place.
        output_index: usize,
        /// Always 0.
        content_index: usize,
        /// What is added.
        delta: String,
        /// How likely its tokens were, where that was asked for.
        logprobs: Vec<Logprob>,
    },
    /// The text is done.
    #[serde(rename = "response.output_text.done")]
    TextDone {
        /// The item's id.
        item_id: String,
        /// The item's place.
        output_index: usize,
        /// Always 0.
        content_index: usize,
        /// The whole of it.
        text: String,
        /// How likely its tokens were, where that was asked for.
        logprobs: Vec<Logprob>,
    },
    /// A call's arguments: all of them at once.
    #[serde(rename = "response.function_call_arguments.delta")]
    ArgumentsDelta {
        /// The item's id.
        item_id: String,
        /// The item's place.
        output_index: usize,
        /// What is added.
        delta: String,
    },
    /// A call's arguments are done.
    #[serde(rename = "response.function_call_arguments.done")]
    ArgumentsDone {
        /// The item's id.
        item_id: String,
        /// The item's place.
        output_index: usize,
        /// The whole of them.
        arguments: String,
    },
    /// The end.
    #[serde(rename = "response.completed")]
    Completed {
        /// The whole of it.
        response: Response,
    },
    /// The end, because no more tokens were allowed.
    #[serde(rename = "response.incomplete")]
    Incomplete {
        /// As far as it came.
        response: Response,
    },
    /// The end, because something went wrong.
    #[serde(rename = "response.failed")]
    Failed {
        /// As far as it came.
        response: Response,
    },
}

impl ResponseEvent {
    /// The event's name, which is also its `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "response.created",
            Self::InProgress { .. } => "response.in_progress",
            Self::ItemAdded { .. } => "response.output_item.added",
            Self::ItemDone { .. } => "response.output_item.done",
            Self::ReasoningDelta { .. } => "response.reasoning_summary_text.delta",
            Self::ReasoningDone { .. } => "response.reasoning_summary_text.done",
            Self::PartAdded { .. } => "response.content_part.added",
            Self::PartDone { .. } => "response.content_part.done",
            Self::TextDelta { .. } => "response.output_text.delta",
            Self::TextDone { .. } => "response.output_text.done",
            Self::ArgumentsDelta { .. } => "response.function_call_arguments.delta",
            Self::ArgumentsDone { .. } => "response.function_call_arguments.done",
            Self::Completed { .. } => "response.completed",
            Self::Incomplete { .. } => "response.incomplete",
            Self::Failed { .. } => "response.failed",
        }
    }
}
