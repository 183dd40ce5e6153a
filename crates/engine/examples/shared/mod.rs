//! What the examples share.

use camelid_engine::{Model, ModelOptions, gguf::GgufFile};

/// The model the first argument names, or the bundled one.
pub(crate) fn model_from_arguments() -> anyhow::Result<Model> {
    Ok(match std::env::args_os().nth(1) {
        Some(path) => Model::open(path)?,
        None => {
            let file = GgufFile::from_static(camelid_model_tiny::GGUF)?;
            Model::from_gguf(file, &ModelOptions::default())?
        }
    })
}
