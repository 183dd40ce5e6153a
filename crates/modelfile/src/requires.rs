//! `REQUIRES`: a semantic version, as Go's `semver` package reads it.
//!
//! ```text
//! [v] MAJOR [. MINOR [. PATCH [- pre.release] [+ build]]]
//! ```
//!
//! Numbers have no leading zeros; pre-release and build are dot-separated words of letters,
//! digits and `-`, and only a full version has them.

use std::fmt;

/// A version that a model asks for, in the precision it was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version without a leading `v`.
    text: String,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("requires must be a valid semver (e.g. 0.14.0), found {found:?}")]
pub struct InvalidVersion {
    found: String,
}

impl Version {
    /// Reads a version, with or without a leading `v`; `1` and `0.14` are short for full ones.
    ///
    /// # Errors
    /// If the text is none.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        if is_semver(plain) {
            Ok(Self { text: plain.to_owned() })
        } else {
            Err(InvalidVersion { found: text.to_owned() })
        }
    }

    /// The version as written, without a leading `v`; this is what a model's config stores.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_semver(text: &str) -> bool {
    let (rest, build) = split(text, '+');
    let (core, pre_release) = split(rest, '-');
    let numbers: Vec<&str> = core.split('.').take(4).collect();
    let suffixes_allowed = numbers.len() == 3 || (build.is_none() && pre_release.is_none());
    numbers.len() <= 3
        && numbers.iter().all(|n| is_number(n))
        && suffixes_allowed
        && build.is_none_or(|words| words.split('.').all(is_word))
        && pre_release.is_none_or(|words| {
            words.split('.').all(|w| is_word(w) && (!all_digits(w) || is_number(w)))
        })
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_number(text: &str) -> bool {
    text == "0" || (all_digits(text) && !text.is_empty() && !text.starts_with('0'))
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_lose_their_v() {
        for (text, stored) in [
            ("0.14.0", "0.14.0"),
            ("v0.14", "0.14"),
            ("1", "1"),
            ("v1.2.3-rc.1+build.007", "1.2.3-rc.1+build.007"),
            ("1.2.3+a-b", "1.2.3+a-b"),
        ] {
            assert_eq!(
                Version::parse(text).map(|v| v.to_string()),
                Ok(stored.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "", "v", "abc", "1.", "1.02.3", "1.2.3.4", "1.2-rc1", "1.2.3-", "1.2.3-01", "1.2.3+",
            "vv1", "-1", "1.2.3 ",
        ] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }
}
