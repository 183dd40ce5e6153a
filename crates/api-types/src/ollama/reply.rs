//! What the answers of generate and chat have in common.

use serde::{Deserialize, Serialize};

use super::presence::is_default;
use crate::text_enum::text_enum;

text_enum! {
    /// Why an answer ended.
    DoneReason {
        /// The model ended it, or a stop text was met.
        Stop = "stop",
        /// The limit of tokens or the window was reached.
        Length = "length",
        /// Nothing was asked but to load the model.
        Load = "load",
        /// Nothing was asked but to unload the model.
        Unload = "unload",
    }
}

/// What `_debug_render_only` asks for instead of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct DebugInfo {
    /// The prompt as the model would see it.
    pub rendered_template: String,
    /// How many tokens it has. Not Ollama's.
    #[serde(skip_serializing_if = "is_default")]
    pub token_count: u64,
    /// How many images stand in it.
    #[serde(skip_serializing_if = "is_default")]
    pub image_count: u64,
}
