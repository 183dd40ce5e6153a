//! Which web pages may talk to the server: the decision behind CORS.
//!
//! A browser names the page's origin (`scheme://host[:port]`) in the `Origin` header. Pages from
//! this machine and from desktop shells are allowed; `OLLAMA_ORIGINS` adds to the list. An entry is
//! an origin, or a pattern with one `*` for any text. This file only decides; `cors` writes headers.

/// Hosts whose pages are allowed, under both schemes, with and without a port.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "0.0.0.0"];

/// Desktop shells and editors, whose pages come from no server.
const DESKTOP_SCHEMES: [&str; 5] = ["app", "file", "tauri", "vscode-webview", "vscode-file"];

/// Schemes that an entry without `*` may have.
const ENTRY_SCHEMES: [&str; 6] = [
    "http://",
    "https://",
    "chrome-extension://",
    "safari-extension://",
    "moz-extension://",
    "ms-browser-extension://",
];

/// Why a list of origins cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// An entry with more than one `*`.
    #[error("origin {entry:?} has more than one *")]
    ManyWildcards {
        /// The entry.
        entry: String,
    },
    /// An entry that could never match.
    #[error("origin {entry:?} has neither * nor one of the schemes {}", ENTRY_SCHEMES.join(", "))]
    UnknownScheme {
        /// The entry.
        entry: String,
    },
}

/// What to do about a request's `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginDecision<'a> {
    /// Not a matter of CORS: no page, or one that this very server sent.
    NotCrossOrigin,
    /// Allowed, like every other origin.
    AnyAllowed,
    /// Allowed, by its name.
    Allowed(&'a str),
    /// Not allowed.
    Refused,
}

/// The origins whose pages may talk to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    allows_any: bool,
    exact: Vec<String>,
    /// What stands before and after the `*`.
    patterns: Vec<(String, String)>,
}

impl Default for Origins {
    /// Pages from this machine and from desktop shells.
    fn default() -> Self {
        let mut origins = Self { allows_any: false, exact: Vec::new(), patterns: Vec::new() };
        for host in LOCAL_HOSTS {
            for scheme in ["http", "https"] {
                origins.exact.push(format!("{scheme}://{host}"));
                origins.patterns.push((format!("{scheme}://{host}:"), String::new()));
            }
        }
        for scheme in DESKTOP_SCHEMES {
            origins.patterns.push((format!("{scheme}://"), String::new()));
        }
        origins
    }
}

impl Origins {
    /// The default origins and those of a comma-separated list, the value of `OLLAMA_ORIGINS`.
    ///
    /// # Errors
    /// When an entry has two `*`, or neither a `*` nor a scheme that browsers send.
    pub fn with_extra(list: &str) -> Result<Self, OriginError> {
        let mut origins = Self::default();
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            origins.add(entry)?;
        }
        Ok(origins)
    }

    fn add(&mut self, entry: &str) -> Result<(), OriginError> {
        match entry.split_once('*') {
            _ if entry == "*" => self.allows_any = true,
            Some((_, after)) if after.contains('*') => {
                return Err(OriginError::ManyWildcards { entry: entry.to_owned() });
            }
            Some((before, after)) => self.patterns.push((before.to_owned(), after.to_owned())),
            None => {
                let entry = entry.to_lowercase();
                if !ENTRY_SCHEMES.iter().any(|scheme| entry.starts_with(scheme)) {
                    return Err(OriginError::UnknownScheme { entry });
                }
                self.exact.push(entry);
            }
        }
        Ok(())
    }

    /// Decides about a request with this `Origin` to this `Host`, port included.
    pub fn decide<'a>(&self, origin: &'a str, host: &str) -> OriginDecision<'a> {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if origin.is_empty() || authority == Some(host) {
            OriginDecision::NotCrossOrigin
        } else if self.allows_any {
            OriginDecision::AnyAllowed
        } else if self.allows(origin) {
            OriginDecision::Allowed(origin)
        } else {
            OriginDecision::Refused
        }
    }

    fn allows(&self, origin: &str) -> bool {
        self.exact.iter().any(|exact| exact == origin)
            || self.patterns.iter().any(|(before, after)| {
                origin.strip_prefix(before.as_str()).is_some_and(|rest| rest.ends_with(after))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::OriginDecision::*;
    use super::*;

    const HOST: &str = "127.0.0.1:11434";

    #[test]
    fn pages_of_this_machine_are_allowed_by_default() {
        let origins = Origins::default();
        let cases = [
            ("", NotCrossOrigin),
            ("http://127.0.0.1:11434", NotCrossOrigin),
            ("https://127.0.0.1:11434", NotCrossOrigin),
            ("http://localhost", Allowed("http://localhost")),
            ("https://localhost:3000", Allowed("https://localhost:3000")),
            ("http://0.0.0.0:1", Allowed("http://0.0.0.0:1")),
            ("app://x", Allowed("app://x")),
            ("vscode-webview://abc", Allowed("vscode-webview://abc")),
            ("null", Refused),
            ("http://evil.example.com", Refused),
            ("http://localhost.evil.example.com", Refused),
            ("http://evil.example.com/localhost:80", Refused),
            ("HTTP://LOCALHOST", Refused),
            ("chrome-extension://abc", Refused),
            ("ftp://127.0.0.1:11434", Refused),
        ];
        for (origin, want) in cases {
            assert_eq!(origins.decide(origin, HOST), want, "{origin}");
        }
    }

    #[test]
    fn entries_are_added() {
        let list = " HTTP://Example.com ,chrome-extension://*,,http://*.test,moz-extension://x";
        let origins = Origins::with_extra(list).expect("a valid list");
        for origin in [
            "http://example.com",
            "chrome-extension://abc",
            "http://a.test",
            "moz-extension://x",
            "http://localhost",
        ] {
            assert_eq!(origins.decide(origin, HOST), Allowed(origin));
        }
        for origin in ["http://example.com:80", "http://atest", "https://a.test"] {
            assert_eq!(origins.decide(origin, HOST), Refused);
        }
    }

    #[test]
    fn the_parts_of_a_pattern_do_not_overlap() {
        let origins = Origins::with_extra("http://aa*aa").expect("a valid list");
        assert_eq!(origins.decide("http://aaa", HOST), Refused);
        assert_eq!(origins.decide("http://aaaa", HOST), Allowed("http://aaaa"));
    }

    #[test]
    fn a_star_alone_allows_all() {
        let origins = Origins::with_extra("http://a.example,*").expect("a valid list");
        assert_eq!(origins.decide("null", HOST), AnyAllowed);
        assert_eq!(origins.decide("http://127.0.0.1:11434", HOST), NotCrossOrigin);
    }

    #[test]
    fn entries_that_cannot_match_are_refused() {
        let error = Origins::with_extra("http://*.a.*").expect_err("two stars");
        assert_eq!(error.to_string(), r#"origin "http://*.a.*" has more than one *"#);
        let error = Origins::with_extra("example.com").expect_err("no scheme");
        assert!(error.to_string().starts_with(r#"origin "example.com" has neither"#), "{error}");
        assert!(Origins::with_extra("app://x").is_err());
    }
}
