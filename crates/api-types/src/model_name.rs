//! Names of models: `[scheme://][host/][namespace/]model[:tag]`.
//!
//! | part | first character | others | length |
//! |---|---|---|---|
//! | host | letter, digit, `_` | letter, digit, `_ - . :` | 1 to 350 |
//! | namespace | letter, digit, `_` | letter, digit, `_ -` | 1 to 80 |
//! | model, tag | letter, digit, `_` | letter, digit, `_ - .` | 1 to 80 |
//!
//! Letters are ASCII. Parts that are left out have defaults; a separator with nothing beside it is an
//! error. No part can be `.` or `..` or hold a slash, so paths may be built from them. What goes
//! around a name (a scheme, `:cloud`) is [`ModelReference`](crate::ModelReference)'s.

use std::fmt;
use std::str::FromStr;

const DEFAULT_HOST: &str = "registry.ollama.ai";
const DEFAULT_NAMESPACE: &str = "library";
const DEFAULT_TAG: &str = "latest";

/// A text that names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a model name: its {part} {found:?} is not 1 to {max_len} letters, digits \
     and any of {punctuation:?}, beginning with a letter, a digit or _"
)]
#[non_exhaustive]
pub struct InvalidModelName {
    /// The whole text.
    pub text: String,
    /// The part that does not follow the grammar.
    pub part: &'static str,
    /// That part as found.
    pub found: String,
    /// How many characters it may have.
    pub max_len: usize,
    /// What it may hold besides letters and digits.
    pub punctuation: &'static str,
}

/// A model's full name; every part is valid.
///
/// Spelling counts in comparisons; stores that do not care compare
/// with [`eq_ignore_case`](Self::eq_ignore_case).
///
/// ```
/// use camelid_api_types::ModelName;
///
/// let name: ModelName = "tiny".parse()?;
/// assert_eq!(name.to_string(), "tiny:latest");
/// assert_eq!(name.canonical(), "registry.ollama.ai/library/tiny:latest");
/// # Ok::<(), camelid_api_types::InvalidModelName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName {
    host: String,
    namespace: String,
    model: String,
    tag: String,
}

impl ModelName {
    /// Makes a name of its four parts.
    ///
    /// # Errors
    /// When a part does not follow the grammar.
    pub fn from_parts(
        host: &str,
        namespace: &str,
        model: &str,
        tag: &str,
    ) -> Result<Self, InvalidModelName> {
        let checks: [(&'static str, &str, usize, &'static str); 4] = [
            ("host", host, 350, "_-.:"),
            ("namespace", namespace, 80, "_-"),
            ("model", model, 80, "_-."),
            ("tag", tag, 80, "_-."),
        ];
        for (part, found, max_len, punctuation) in checks {
            if !is_valid_part(found, max_len, punctuation) {
                let text = format!("{host}/{namespace}/{model}:{tag}");
                let found = found.to_owned();
                return Err(InvalidModelName { text, part, found, max_len, punctuation });
            }
        }
        let [host, namespace, model, tag] = [host, namespace, model, tag].map(str::to_owned);
        Ok(Self { host, namespace, model, tag })
    }

    /// The registry.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whose model it is.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Which version of it.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// All four parts: `registry.ollama.ai/library/tiny:latest`.
    pub fn canonical(&self) -> String {
        format!("{}/{}/{}:{}", self.host, self.namespace, self.model, self.tag)
    }

    /// True when all parts are the same but for ASCII case.
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.canonical().eq_ignore_ascii_case(&other.canonical())
    }
}

/// Reads a name; blanks around it are not looked at.
impl FromStr for ModelName {
    type Err = InvalidModelName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim();
        let (path, tag) = match name.rsplit_once(':') {
            // A colon before the last slash is a port's.
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (name, DEFAULT_TAG),
        };
        let (owner, model) = path.rsplit_once('/').unwrap_or((DEFAULT_NAMESPACE, path));
        let (host, namespace) = owner.rsplit_once('/').unwrap_or((DEFAULT_HOST, owner));
        Self::from_parts(host, namespace, model, tag)
            .map_err(|error| InvalidModelName { text: text.to_owned(), ..error })
    }
}

/// The display form: the default host is left out, with it the default namespace; the tag never is.
impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_own_host = self.host != DEFAULT_HOST;
        if has_own_host {
            write!(f, "{}/", self.host)?;
        }
        if has_own_host || self.namespace != DEFAULT_NAMESPACE {
            write!(f, "{}/", self.namespace)?;
        }
        write!(f, "{}:{}", self.model, self.tag)
    }
}

fn is_valid_part(text: &str, max_len: usize, punctuation: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let rest_fits = text.chars().all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c));
    starts_well && rest_fits && text.len() <= max_len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_shown() {
        let cases = [
            ("tiny", "tiny:latest", "registry.ollama.ai/library/tiny:latest"),
            (" tiny:1b ", "tiny:1b", "registry.ollama.ai/library/tiny:1b"),
            ("me/tiny", "me/tiny:latest", "registry.ollama.ai/me/tiny:latest"),
            ("library/x:y", "x:y", "registry.ollama.ai/library/x:y"),
            ("hf.co/me/x-GGUF:Q4_K_M", "hf.co/me/x-GGUF:Q4_K_M", "hf.co/me/x-GGUF:Q4_K_M"),
            ("h:5000/library/x", "h:5000/library/x:latest", "h:5000/library/x:latest"),
            ("_x.y-z", "_x.y-z:latest", "registry.ollama.ai/library/_x.y-z:latest"),
        ];
        for (text, display, canonical) in cases {
            let name: ModelName = text.parse().expect(text);
            assert_eq!(name.to_string(), display);
            assert_eq!(name.canonical(), canonical);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "x".repeat(81);
        let cases = [
            "", "mm:", ":tag", "/nn/mm", "a//b", "a//b::c", "../x", ".", "..", "x/..", "-x", ".x",
            "a b", "x\0", "näme", "n.s/x", "h/n/m/x", "x:a/b:", "x\\y", &long,
        ];
        for text in cases {
            assert!(text.parse::<ModelName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_part() {
        let error = "me/ti ny".parse::<ModelName>().expect_err("a blank inside");
        assert_eq!(
            error.to_string(),
            "\"me/ti ny\" is not a model name: its model \"ti ny\" is not 1 to 80 letters, digits \
             and any of \"_-.\", beginning with a letter, a digit or _"
        );
    }

    #[test]
    fn case_counts_only_where_asked() {
        let [a, b] = ["Tiny", "tiny"].map(|text| text.parse::<ModelName>().expect(text));
        assert_ne!(a, b);
        assert!(a.eq_ignore_case(&b));
    }
}
