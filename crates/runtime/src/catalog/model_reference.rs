//! How a request points at a model: a name, with what may stand around it.
//!
//! `[scheme://]name[:local|:cloud]`. The suffix says where the model must run: `:local` here,
//! `:cloud`, or a tag ending in `-cloud`, at Ollama's own service.

use std::str::FromStr;

use camelid_registry::{InvalidName, ModelName, Reference};

/// A text that points at no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidModelReference {
    /// The name in it is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Both suffixes stand there.
    #[error("use either :local or :cloud, not both: {text:?}")]
    TwoSources {
        /// The whole text.
        text: String,
    },
}

/// Where a model must run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelSource {
    /// Nothing was said.
    Unspecified,
    /// On this machine.
    Local,
    /// At Ollama's own service.
    Cloud,
}

/// A name as a request gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelReference {
    /// The model.
    pub(crate) name: ModelName,
    /// Where it must run.
    pub(crate) source: ModelSource,
}

impl FromStr for ModelReference {
    type Err = InvalidModelReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, suffix) = split_source(text.trim());
        if suffix != ModelSource::Unspecified && split_source(rest).1 != ModelSource::Unspecified {
            return Err(InvalidModelReference::TwoSources { text: text.to_owned() });
        }
        let name = Reference::parse(rest)?.name;
        let source = match suffix {
            ModelSource::Unspecified if name.tag().ends_with("-cloud") => ModelSource::Cloud,
            suffix => suffix,
        };
        Ok(Self { name, source })
    }
}

/// Cuts a source suffix off the end.
fn split_source(text: &str) -> (&str, ModelSource) {
    match text.rsplit_once(':') {
        Some((rest, "local")) => (rest, ModelSource::Local),
        Some((rest, "cloud")) => (rest, ModelSource::Cloud),
        _ => (text, ModelSource::Unspecified),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        for (text, display, source) in [
            ("tiny", "tiny:latest", ModelSource::Unspecified),
            ("tiny:local", "tiny:latest", ModelSource::Local),
            ("tiny:1b:local", "tiny:1b", ModelSource::Local),
            ("big:cloud", "big:latest", ModelSource::Cloud),
            ("big:120b-cloud", "big:120b-cloud", ModelSource::Cloud),
            ("big:120b-cloud:local", "big:120b-cloud", ModelSource::Local),
            ("http://h:5000/n/m", "h:5000/n/m:latest", ModelSource::Unspecified),
        ] {
            let reference: ModelReference = text.parse().expect(text);
            assert_eq!((reference.name.to_string().as_str(), reference.source), (display, source));
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let error = "a:cloud:local".parse::<ModelReference>().unwrap_err();
        assert_eq!(error.to_string(), r#"use either :local or :cloud, not both: "a:cloud:local""#);
        assert!("ftp://h/n/m".parse::<ModelReference>().is_err());
        assert!("a:".parse::<ModelReference>().is_err());
    }
}
