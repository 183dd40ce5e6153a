//! Names that say how to reach their registry.
//!
//! ```text
//! [scheme://]host/namespace/model[:tag]
//! ```

use std::str::FromStr;

use crate::name::{InvalidName, ModelName, NameFault, Part, Split};

/// How a registry is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without encryption.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// A name that may say how its registry is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The scheme, if the text had one.
    pub scheme: Option<Scheme>,
    /// The name.
    pub name: ModelName,
}

impl Reference {
    /// Reads a name that may start with `http://` or `https://`; host and namespace must then be
    /// there too.
    ///
    /// # Errors
    /// The first part that is wrong, and why.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self { scheme: None, name: ModelName::parse(text)? });
        };
        let invalid = |part, fault| InvalidName::new(text, part, fault);
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(invalid(Part::Scheme, NameFault::UnknownScheme)),
        };
        let split = Split::of(rest);
        if split.host.is_none() {
            return Err(invalid(Part::Host, NameFault::Empty));
        }
        Ok(Self { scheme: Some(scheme), name: ModelName::from_split(text, split)? })
    }
}

impl FromStr for Reference {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_may_have_a_scheme() {
        let reference = Reference::parse("http://localhost:5000/n/m:t").unwrap();
        assert_eq!(reference.scheme, Some(Scheme::Http));
        assert_eq!(reference.name.full(), "localhost:5000/n/m:t");
        assert_eq!(Reference::parse("m").unwrap().scheme, None);
        for text in
            ["http://h/m", "ftp://h/n/m", "://h/n/m", "http://", "http:///n/m", "https://a@h/n/m"]
        {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
