//! `GET /api/ps`: the models in memory.

use serde::{Deserialize, Serialize};

use super::ModelDetails;
use crate::Timestamp;

/// The models in memory, the one that stays longest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PsResponse {
    /// Never null, even when there are none.
    pub models: Vec<RunningModel>,
}

/// A model in memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RunningModel {
    /// The name by which it was loaded, in its display form.
    pub name: String,
    /// The same again.
    pub model: String,
    /// Bytes of memory: weights, cache of keys and values, buffers.
    pub size: u64,
    /// SHA-256 of its manifest: 64 hex digits, no prefix.
    pub digest: String,
    /// What sort of model it is; without a parent and lengths.
    pub details: ModelDetails,
    /// When it goes if nobody asks it anything; far away for one that stays.
    pub expires_at: Timestamp,
    /// How many of the bytes are a GPU's.
    pub size_vram: u64,
    /// Tokens that a request's window holds.
    pub context_length: u64,
}
