//! What lists say of a model, read from its file.

use camelid_api_types::ollama::{Capability, ModelDetails};
use camelid_gguf::{Error, GgufFile};
use camelid_registry::Config;

use crate::prompting::Prompting;

/// The display name of a number format that nobody knows.
const UNKNOWN: &str = "unknown";

/// Display names of `general.file_type`, by number.
///
/// Source: llama.cpp's `llama_ftype`. Number 0 (F32) is shown as unknown, as clients know it.
const FILE_TYPES: &[(u32, &str)] = &[
    (1, "F16"),
    (2, "Q4_0"),
    (3, "Q4_1"),
    (7, "Q8_0"),
    (8, "Q5_0"),
    (9, "Q5_1"),
    (10, "Q2_K"),
    (11, "Q3_K_S"),
    (12, "Q3_K_M"),
    (13, "Q3_K_L"),
    (14, "Q4_K_S"),
    (15, "Q4_K_M"),
    (16, "Q5_K_S"),
    (17, "Q5_K_M"),
    (18, "Q6_K"),
    (19, "IQ2_XXS"),
    (20, "IQ2_XS"),
    (21, "Q2_K_S"),
    (22, "IQ3_XS"),
    (23, "IQ3_XXS"),
    (24, "IQ1_S"),
    (25, "IQ4_NL"),
    (26, "IQ3_S"),
    (27, "IQ3_M"),
    (28, "IQ2_S"),
    (29, "IQ2_M"),
    (30, "IQ4_XS"),
    (31, "IQ1_M"),
    (32, "BF16"),
    (36, "TQ1_0"),
    (37, "TQ2_0"),
    (38, "MXFP4_MOE"),
    (39, "NVFP4"),
    (40, "Q1_0"),
];

/// Family, sizes and format of a model: as its configuration says, else as its file does.
pub(crate) fn details(file: &GgufFile, config: &Config) -> Result<ModelDetails, Error> {
    let metadata = file.metadata();
    let family = file.require_architecture()?.to_owned();
    let length = |name: &str| -> Result<u64, Error> {
        Ok(metadata.get_usize(&format!("{family}.{name}"))?.unwrap_or(0) as u64)
    };
    let said = details_of_config(config);
    let or = |said: String, found: String| if said.is_empty() { found } else { said };
    let quantization_level = match said.quantization_level.as_str() {
        "" | UNKNOWN => file_type(metadata.get_as("general.file_type")?).to_owned(),
        _ => said.quantization_level,
    };
    Ok(ModelDetails {
        parent_model: String::new(),
        format: or(said.format, "gguf".to_owned()),
        families: said.families.or_else(|| Some(vec![family.clone()])),
        parameter_size: or(said.parameter_size, human_count(n_parameters(file))),
        quantization_level,
        context_length: length("context_length")?,
        embedding_length: length("embedding_length")?,
        family: or(said.family, family),
    })
}

/// What a configuration says by itself.
pub(crate) fn details_of_config(config: &Config) -> ModelDetails {
    ModelDetails {
        parent_model: String::new(),
        format: config.model_format.clone(),
        family: config.model_family.clone(),
        families: config.model_families.clone(),
        parameter_size: config.model_type.clone(),
        quantization_level: config.file_type.clone(),
        context_length: config.context_length,
        embedding_length: config.embedding_length,
    }
}

/// The capabilities that a configuration lists.
pub(crate) fn declared(config: &Config) -> Vec<Capability> {
    config.capabilities.iter().cloned().map(Capability::from).collect()
}

/// How many numbers the tensors of a file hold.
pub(crate) fn n_parameters(file: &GgufFile) -> u64 {
    file.tensors().iter().map(|info| info.n_elems() as u64).sum()
}

/// What a model can do, by its configuration, its file and its templates.
///
/// Images and sound are not among it, whatever the file says: nothing here looks at them yet.
pub(crate) fn capabilities(
    file: &GgufFile,
    config: &Config,
    prompting: &Prompting,
) -> Result<Vec<Capability>, Error> {
    let by_template = prompting.capabilities();
    let is_embedding = is_embedding(file)?;
    let rows = [
        (!is_embedding, Capability::Completion),
        (is_embedding, Capability::Embedding),
        (by_template.tools, Capability::Tools),
        (by_template.insert, Capability::Insert),
        (by_template.thinking, Capability::Thinking),
    ];
    let mut capabilities = declared(config);
    for (can, capability) in rows {
        if can && !capabilities.contains(&capability) {
            capabilities.push(capability);
        }
    }
    Ok(capabilities)
}

/// Whether the model makes embeddings and no text.
pub(crate) fn is_embedding(file: &GgufFile) -> Result<bool, Error> {
    let pooling = format!("{}.pooling_type", file.require_architecture()?);
    Ok(file.metadata().get(&pooling).is_some())
}

/// The display name of a file's number format.
pub(crate) fn file_type_of(file: &GgufFile) -> Result<&'static str, Error> {
    Ok(file_type(file.metadata().get_as("general.file_type")?))
}

fn file_type(number: Option<u32>) -> &'static str {
    let row = FILE_TYPES.iter().find(|(n, _)| Some(*n) == number);
    row.map_or(UNKNOWN, |(_, name)| name)
}

/// A count with three digits or so: `7.6B`, `5.40M`, `12K`.
pub(crate) fn human_count(n: u64) -> String {
    const BILLION: u64 = 1_000_000_000;
    const MILLION: u64 = 1_000_000;
    let in_units = |unit: u64| n as f64 / unit as f64;
    match n {
        BILLION.. if n.is_multiple_of(BILLION) => format!("{:.0}B", in_units(BILLION)),
        BILLION.. => format!("{:.1}B", in_units(BILLION)),
        MILLION.. if n.is_multiple_of(MILLION) => format!("{:.0}M", in_units(MILLION)),
        MILLION.. => format!("{:.2}M", in_units(MILLION)),
        1000.. => format!("{:.0}K", in_units(1000)),
        _ => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        for (n, want) in [
            (7_615_616_512, "7.6B"),
            (7_000_000_000, "7B"),
            (5_396_736, "5.40M"),
            (2_000_000, "2M"),
            (12_400, "12K"),
            (999, "999"),
        ] {
            assert_eq!(human_count(n), want);
        }
    }

    #[test]
    fn file_types_are_in_order_and_unknown_ones_say_so() {
        assert!(FILE_TYPES.is_sorted());
        assert_eq!(file_type(Some(15)), "Q4_K_M");
        for number in [None, Some(0), Some(4), Some(999)] {
            assert_eq!(file_type(number), "unknown");
        }
    }
}
