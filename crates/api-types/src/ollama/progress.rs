//! `POST /api/pull` and `POST /api/push`, and the progress that these and `/api/create` report.

use serde::{Deserialize, Serialize};

use super::Chunk;
use super::presence::is_default;

/// Declares a request that names a model of a registry.
macro_rules! transfer_request {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(default)]
        pub struct $name {
            /// The model's name, which also says where its registry is.
            pub model: String,
            /// What `model` was called in 2024; looked at where `model` is empty.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub name: String,
            /// Whether the registry may be spoken to without encryption.
            #[serde(skip_serializing_if = "is_default")]
            pub insecure: bool,
            /// Whether the transport sends progress as it comes; absent means yes.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub stream: Option<bool>,
        }

        impl $name {
            /// The name of the model, under whichever field it came.
            pub fn model(&self) -> &str {
                super::either(&self.model, &self.name)
            }
        }
    };
}

transfer_request! {
    /// Fetches a model from a registry.
    PullRequest
}
transfer_request! {
    /// Sends a model to a registry.
    PushRequest
}

/// How far something is that takes long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ProgressResponse {
    /// What is going on; `success` at the end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// The blob that it is about.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Bytes to be done.
    #[serde(skip_serializing_if = "is_default")]
    pub total: u64,
    /// Bytes that are done.
    #[serde(skip_serializing_if = "is_default")]
    pub completed: u64,
}

impl ProgressResponse {
    /// The status of the last part.
    pub const SUCCESS: &'static str = "success";

    /// A step that is about no blob.
    pub fn status(status: impl Into<String>) -> Self {
        Self { status: status.into(), ..Self::default() }
    }
}

impl Chunk for ProgressResponse {
    /// What was before is of no interest.
    fn absorb(&mut self, next: Self) {
        *self = next;
    }

    fn is_done(&self) -> bool {
        self.status == Self::SUCCESS
    }

    fn stands_alone(&self) -> bool {
        false
    }
}
