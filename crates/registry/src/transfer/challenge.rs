//! The `WWW-Authenticate` header (RFC 9110, section 11.6.1).
//!
//! ```text
//! challenge = scheme [ 1*SP param *( "," param ) ]
//! param     = token "=" ( token / quoted-string )
//! ```
//!
//! A comma within quotes is part of the value: a parser that splits at commas can be made to
//! read another address than the one that is there.

/// How a registry wants to be logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// With a name and a password.
    Basic,
    /// With a token that another address gives out.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The first challenge in the header that is of a known kind; `None` if there is none, or the
    /// header is malformed.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let mut input = Input { rest: header };
        loop {
            let scheme = input.token()?;
            let params = input.params()?;
            let param = |name: &str| {
                params
                    .iter()
                    .find(|(n, _)| n.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("basic") {
                return Some(Self::Basic);
            }
            if scheme.eq_ignore_ascii_case("bearer") {
                let realm = param("realm")?;
                return Some(Self::Bearer {
                    realm,
                    service: param("service"),
                    scope: param("scope"),
                });
            }
            if input.rest.is_empty() {
                return None;
            }
        }
    }
}

struct Input<'a> {
    rest: &'a str,
}

impl<'a> Input<'a> {
    fn skip(&mut self, chars: &[char]) {
        self.rest = self.rest.trim_start_matches(chars);
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip(&[' ', '\t', ',']);
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// Parameters up to the end or to the next challenge, a word that no `=` follows.
    fn params(&mut self) -> Option<Vec<(&'a str, String)>> {
        let mut params = Vec::new();
        loop {
            self.skip(&[' ', '\t', ',']);
            let before = self.rest;
            if before.is_empty() {
                return Some(params);
            }
            let name = self.token()?;
            self.skip(&[' ', '\t']);
            let Some(rest) = self.rest.strip_prefix('=') else {
                self.rest = before;
                return Some(params);
            };
            self.rest = rest;
            self.skip(&[' ', '\t']);
            params.push((name, self.value()?));
        }
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return self.token().map(str::to_owned);
        };
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(chars.next()?.1),
                c => value.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Challenge::Bearer {
            realm: realm.into(),
            service: owned(service),
            scope: owned(scope),
        })
    }

    #[test]
    fn challenges_are_read() {
        let scope = "repository:library/x:pull,push";
        let header = format!("Bearer realm=\"https://a/token\",service=\"s\", scope=\"{scope}\"");
        assert_eq!(Challenge::parse(&header), bearer("https://a/token", Some("s"), Some(scope)));
        assert_eq!(Challenge::parse("Basic realm=\"x, y\""), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("basic"), Some(Challenge::Basic));
        assert_eq!(
            Challenge::parse("Digest a=b, c=\"d\", Bearer realm=r"),
            bearer("r", None, None)
        );
    }

    #[test]
    fn quotes_hide_commas_and_quotes() {
        assert_eq!(
            Challenge::parse("Bearer x=\"realm=\\\"https://evil\\\",\", realm=\"https://good\""),
            bearer("https://good", None, None)
        );
        assert_eq!(
            Challenge::parse("Bearer realm=\"https://evil/a,b\""),
            bearer("https://evil/a,b", None, None)
        );
    }

    #[test]
    fn malformed_headers_are_none() {
        for header in [
            "",
            ",",
            "Bearer",
            "Bearer realm",
            "Bearer realm=\"open",
            "=",
            "Bearer realm=",
            "Digest a=b",
        ] {
            assert_eq!(Challenge::parse(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_judged(header in "[a-zA-Z=\",\\\\ ]{0,60}|.*") {
            let _ = Challenge::parse(&header);
        }
    }
}
