//! How a request points at a model: a name, with what may stand around it.
//!
//! `[scheme://]name[:local|:cloud]`. The suffix says where the model must run: `:local` here,
//! `:cloud`, or a tag ending in `-cloud`, at Ollama's own service.

use std::str::FromStr;

use crate::{InvalidModelName, ModelName, Scheme};

/// A text that points at no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidModelReference {
    /// The name in it is none.
    #[error(transparent)]
    Name(#[from] InvalidModelName),
    /// Both suffixes stand there.
    #[error("use either :local or :cloud, not both: {text:?}")]
    TwoSources {
        /// The whole text.
        text: String,
    },
    /// A scheme other than `http` and `https`.
    #[error("{text:?} has the scheme {scheme:?}, expected http or https")]
    UnknownScheme {
        /// The whole text.
        text: String,
        /// The scheme found.
        scheme: String,
    },
}

/// Where a model must run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ModelSource {
    /// Nothing was said.
    #[default]
    Unspecified,
    /// On this machine.
    Local,
    /// At Ollama's own service.
    Cloud,
}

/// A name as a request gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelReference {
    /// How to reach the registry, where that was said.
    pub scheme: Option<Scheme>,
    /// The model.
    pub name: ModelName,
    /// Where it must run.
    pub source: ModelSource,
}

impl FromStr for ModelReference {
    type Err = InvalidModelReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = match text.trim().split_once("://") {
            None => (None, text.trim()),
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some((scheme, _)) => {
                let (text, scheme) = (text.to_owned(), scheme.to_owned());
                return Err(InvalidModelReference::UnknownScheme { text, scheme });
            }
        };
        let (rest, suffix) = split_source(rest);
        if suffix != ModelSource::Unspecified && split_source(rest).1 != ModelSource::Unspecified {
            return Err(InvalidModelReference::TwoSources { text: text.to_owned() });
        }
        let name: ModelName = rest.parse()?;
        let source = match suffix {
            ModelSource::Unspecified if name.tag().ends_with("-cloud") => ModelSource::Cloud,
            suffix => suffix,
        };
        Ok(Self { scheme, name, source })
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
        let cases = [
            ("tiny", None, "tiny:latest", ModelSource::Unspecified),
            ("tiny:local", None, "tiny:latest", ModelSource::Local),
            ("tiny:1b:local", None, "tiny:1b", ModelSource::Local),
            ("big:cloud", None, "big:latest", ModelSource::Cloud),
            ("big:120b-cloud", None, "big:120b-cloud", ModelSource::Cloud),
            ("big:120b-cloud:local", None, "big:120b-cloud", ModelSource::Local),
            (
                "http://h:5000/n/m",
                Some(Scheme::Http),
                "h:5000/n/m:latest",
                ModelSource::Unspecified,
            ),
        ];
        for (text, scheme, display, source) in cases {
            let reference: ModelReference = text.parse().expect(text);
            assert_eq!(
                (reference.scheme, reference.name.to_string(), reference.source),
                (scheme, display.to_owned(), source),
                "{text}"
            );
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let error = "a:cloud:local".parse::<ModelReference>().expect_err("both");
        assert_eq!(error.to_string(), r#"use either :local or :cloud, not both: "a:cloud:local""#);
        assert!("ftp://h/n/m".parse::<ModelReference>().is_err());
        assert!("a:".parse::<ModelReference>().is_err());
    }
}
