//! `OLLAMA_HOST`: where a server listens and where a client finds it.
//!
//! Forms: nothing, `host`, `host:port`, `:port`, `[v6]:port`, a bare IPv6 address, each with
//! `http://` or `https://` before it and a `/path` behind it. The port is 11434 unless a scheme is
//! given, then 80 or 443. A server uses host and port, a client all of it. This file reads texts; who
//! reads the environment is not its business.

use std::fmt;
use std::net::Ipv6Addr;

const DEFAULT_HOST: &str = "127.0.0.1";

/// The two ways to speak HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A port that could not be used, and what is used in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortWarning {
    /// The text found.
    pub found: String,
    /// The port used.
    pub default: u16,
}

impl fmt::Display for PortWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid port {:?}, using default {}", self.found, self.default)
    }
}

/// A server's address.
///
/// ```
/// use camelid_api_types::HostAddress;
///
/// let (address, warning) = HostAddress::parse("0.0.0.0:8080");
/// assert_eq!((address.host.as_str(), address.port), ("0.0.0.0", 8080));
/// assert_eq!(address.base_url(), "http://127.0.0.1:8080");
/// assert_eq!(warning, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostAddress {
    /// How to speak to it.
    pub scheme: Scheme,
    /// A name or an address, IPv6 without brackets; empty means every interface.
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// What stands before the API's own paths: empty, or `/` and more.
    pub path: String,
}

impl Default for HostAddress {
    fn default() -> Self {
        Self::parse("").0
    }
}

impl HostAddress {
    /// The port of a server that nobody told otherwise.
    pub const DEFAULT_PORT: u16 = 11434;

    /// Reads the value of `OLLAMA_HOST`. Blanks and quotation marks around it are not looked at;
    /// every text is some address, and a port that is none gives the default and a warning.
    pub fn parse(text: &str) -> (Self, Option<PortWarning>) {
        let text = text.trim().trim_matches(['"', '\'']).trim();
        if text == "ollama.com" {
            return (Self::new(Scheme::Https, "ollama.com", 443, ""), None);
        }
        let (scheme, default_port, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, 80, rest),
            Some(("https", rest)) => (Scheme::Https, 443, rest),
            Some((_, rest)) => (Scheme::Http, Self::DEFAULT_PORT, rest),
            None => (Scheme::Http, Self::DEFAULT_PORT, text),
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (host, port) = split_authority(authority);
        let (port, warning) = match port.map(|found| (found, found.parse())) {
            None => (default_port, None),
            Some((_, Ok(port))) => (port, None),
            Some((found, Err(_))) => {
                let found = found.to_owned();
                (default_port, Some(PortWarning { found, default: default_port }))
            }
        };
        (Self::new(scheme, host, port, path.trim_end_matches('/')), warning)
    }

    fn new(scheme: Scheme, host: &str, port: u16, path: &str) -> Self {
        Self { scheme, host: host.to_owned(), port, path: path.to_owned() }
    }

    /// What to listen on, in the order in which to try: for every interface first IPv6, which takes
    /// IPv4 too where there is any, then IPv4 alone.
    pub fn listen_authorities(&self) -> Vec<String> {
        match self.host.as_str() {
            "" => vec![format!("[::]:{}", self.port), format!("0.0.0.0:{}", self.port)],
            _ => vec![self.authority()],
        }
    }

    /// Host and port as in a URL: `127.0.0.1:11434`, `[::1]:11434`; `:11434` for every interface,
    /// which nothing can be bound to as it stands (see [`listen_authorities`](Self::listen_authorities)).
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// The URL for a client, without a slash at its end. An address that means every interface is
    /// one to listen on, not to connect to: the loopback interface stands for it.
    pub fn base_url(&self) -> String {
        let host = match self.host.as_str() {
            "" | "0.0.0.0" => DEFAULT_HOST,
            "::" => "::1",
            host => host,
        };
        let reachable = Self::new(self.scheme, host, self.port, "");
        format!("{}://{}{}", self.scheme.as_str(), reachable.authority(), self.path)
    }
}

/// Splits `host:port`; the port may be missing, the host empty.
fn split_authority(authority: &str) -> (&str, Option<&str>) {
    let unbracketed = authority.trim_start_matches('[').trim_end_matches(']');
    if authority.is_empty() {
        return (DEFAULT_HOST, None);
    }
    if unbracketed.parse::<Ipv6Addr>().is_ok() {
        return (unbracketed, None);
    }
    match authority.rsplit_once(':') {
        Some((host, port)) => (host.trim_start_matches('[').trim_end_matches(']'), Some(port)),
        None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let cases = [
            ("", "http", "127.0.0.1", 11434, ""),
            ("  '1.2.3.4' ", "http", "1.2.3.4", 11434, ""),
            ("1.2.3.4:5678", "http", "1.2.3.4", 5678, ""),
            (":1234", "http", "", 1234, ""),
            ("example.com", "http", "example.com", 11434, ""),
            ("http://example.com", "http", "example.com", 80, ""),
            ("https://example.com", "https", "example.com", 443, ""),
            ("https://example.com:1234/a/b", "https", "example.com", 1234, "/a/b"),
            ("example.com/ollama/", "http", "example.com", 11434, "/ollama"),
            ("ollama.com", "https", "ollama.com", 443, ""),
            ("::1", "http", "::1", 11434, ""),
            ("[::1]", "http", "::1", 11434, ""),
            ("[::1]:99", "http", "::1", 99, ""),
            ("[::]:0", "http", "::", 0, ""),
        ];
        for (text, scheme, host, port, path) in cases {
            let (got, warning) = HostAddress::parse(text);
            let got = (got.scheme.as_str(), got.host.as_str(), got.port, got.path.as_str());
            assert_eq!(got, (scheme, host, port, path), "{text:?}");
            assert_eq!(warning, None, "{text:?}");
        }
    }

    #[test]
    fn a_bad_port_is_the_default_with_a_warning() {
        for (text, found, default) in [
            ("1.2.3.4:66000", "66000", 11434),
            ("1.2.3.4:-1", "-1", 11434),
            ("https://h:x", "x", 443),
            ("h:", "", 11434),
        ] {
            let (address, warning) = HostAddress::parse(text);
            assert_eq!(address.port, default);
            assert_eq!(warning, Some(PortWarning { found: found.to_owned(), default }));
        }
    }

    #[test]
    fn urls_can_be_connected_to() {
        let cases = [
            ("", "http://127.0.0.1:11434"),
            (":80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("[fe80::1]:80", "http://[fe80::1]:80"),
            ("https://h/x/", "https://h:443/x"),
        ];
        for (text, want) in cases {
            assert_eq!(HostAddress::parse(text).0.base_url(), want);
        }
    }

    #[test]
    fn every_interface_is_two_addresses_to_try() {
        let listen = |text: &str| HostAddress::parse(text).0.listen_authorities();
        assert_eq!(listen(":80"), ["[::]:80", "0.0.0.0:80"]);
        assert_eq!(listen("0.0.0.0:80"), ["0.0.0.0:80"]);
        assert_eq!(listen("[::1]"), ["[::1]:11434"]);
        assert_eq!(listen("localhost"), ["localhost:11434"]);
    }
}
