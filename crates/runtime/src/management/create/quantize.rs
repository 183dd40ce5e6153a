//! Quantising, as far as it is here: what is asked is checked, and what is so already stays.

use camelid_api_types::{ApiError, ErrorKind};
use camelid_registry::{Store, media_type};

use super::{Draft, base};
use crate::{catalog::summary, error::from_loading};

/// The formats one can quantise to.
const TARGETS: [&str; 7] = ["F32", "F16", "BF16", "Q8_0", "Q4_K_S", "Q4_K_M", "Q4_K"];

/// The formats one can quantise.
const SOURCES: [&str; 3] = ["F32", "F16", "BF16"];

/// Checks that the weights are, or could be made to be, of the format asked for.
pub(super) fn check(store: &Store, draft: &Draft, target: &str) -> Result<(), ApiError> {
    if target.is_empty() {
        return Ok(());
    }
    if !TARGETS.contains(&target) {
        return Err(ApiError::internal(format!(
            "unsupported quantization type {target} - supported types are F32, F16, Q4_K_S, \
             Q4_K_M, Q8_0"
        )));
    }
    for part in draft.layers.iter().filter(|part| part.layer.media_type == media_type::MODEL) {
        let file = base::open(store, &part.layer.digest)?;
        let found = summary::file_type_of(&file).map_err(|error| from_loading(&error))?;
        if !SOURCES.contains(&found) {
            let message = "quantization is only supported for F16, BF16 and F32 models";
            return Err(ApiError::internal(message));
        }
        if found != target {
            let message = format!("weights of type {found} cannot be quantized here yet");
            return Err(ApiError::new(ErrorKind::Unsupported, message));
        }
    }
    Ok(())
}
