//! The defence against DNS rebinding.
//!
//! A web page may point its own name at 127.0.0.1 and then talk to a server there as if it were the
//! page's own. The browser still sends that name in `Host`, so a server on the loopback interface
//! answers only to names and addresses that belong to this machine or its private network. On other
//! interfaces any name may rightly lead to it, unless it is told which do.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The name that stands for all names.
const ANY: &str = "*";

/// Names that lead to no public server.
const LOCAL_SUFFIXES: [&str; 3] = [".localhost", ".local", ".internal"];

/// Which hosts a server answers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFilter {
    /// Names that are allowed besides those that lead to no public server.
    pub names: Vec<String>,
    /// The addresses of the machine's interfaces, allowed besides loopback and private ones.
    pub local_addresses: Vec<IpAddr>,
}

/// What to do about a request's `Host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostDecision {
    /// An address of this machine or its network.
    Address,
    /// A name of this machine.
    Name,
    Refused,
}

impl HostFilter {
    /// The filter for a server that listens on `address` and answers to `hosts`, names and addresses,
    /// as well. Without any there is a filter for the loopback interface only, and with `*` among them
    /// none at all.
    pub fn for_listener(address: SocketAddr, hosts: &[String]) -> Option<Self> {
        let is_loopback = address.ip().to_canonical().is_loopback();
        let answers_to_all =
            hosts.iter().any(|host| host == ANY) || (hosts.is_empty() && !is_loopback);
        if answers_to_all {
            return None;
        }
        let mut filter = Self::default();
        for host in hosts.iter().map(|host| without_port(host)) {
            match host.parse::<IpAddr>() {
                Ok(address) => filter.local_addresses.push(address),
                Err(_) => filter.names.push(host.to_owned()),
            }
        }
        Some(filter)
    }

    /// Decides about a `Host`, with or without its port.
    fn decide(&self, host: &str) -> HostDecision {
        let host = without_port(host).to_lowercase();
        match host.parse::<IpAddr>() {
            Ok(address) if self.is_local(address.to_canonical()) => HostDecision::Address,
            Ok(_) => HostDecision::Refused,
            Err(_) if self.is_own_name(&host) => HostDecision::Name,
            Err(_) => HostDecision::Refused,
        }
    }

    fn is_local(&self, address: IpAddr) -> bool {
        let is_private = match address {
            IpAddr::V4(v4) => v4.is_private(),
            IpAddr::V6(v6) => v6.is_unique_local(),
        };
        is_private
            || address.is_loopback()
            || address.is_unspecified()
            || self.local_addresses.contains(&address)
    }

    fn is_own_name(&self, host: &str) -> bool {
        host.is_empty()
            || host == "localhost"
            || self.names.iter().any(|name| host.eq_ignore_ascii_case(name))
            || LOCAL_SUFFIXES.iter().any(|suffix| host.ends_with(suffix))
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port` and a bare IPv6 address without port and brackets.
fn without_port(host: &str) -> &str {
    if let Some((v6, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return v6;
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

/// The host that a request is for: that of its URL, which wins if there is one, else its `Host`
/// header; empty without either.
pub(crate) fn requested_host(request: &Request) -> &str {
    if let Some(authority) = request.uri().authority() {
        return authority.as_str();
    }
    match request.headers().get(header::HOST) {
        // Bytes that are no text match no name, and no address.
        Some(value) => value.to_str().unwrap_or("\u{fffd}"),
        None => "",
    }
}

/// The middleware; without a filter it lets everything pass.
pub(crate) async fn filter_hosts(
    State(filter): State<Arc<Option<HostFilter>>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(filter) = filter.as_ref() else {
        return next.run(request).await;
    };
    match filter.decide(requested_host(&request)) {
        HostDecision::Refused => StatusCode::FORBIDDEN.into_response(),
        HostDecision::Name if *request.method() == Method::OPTIONS => {
            StatusCode::NO_CONTENT.into_response()
        }
        HostDecision::Name | HostDecision::Address => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::HostDecision::*;
    use super::*;

    #[test]
    fn hosts_are_judged() {
        let filter = HostFilter {
            names: vec!["Desk".to_owned()],
            local_addresses: vec!["203.0.113.7".parse().expect("an address")],
        };
        let cases = [
            ("", Name),
            ("localhost", Name),
            ("LocalHost:11434", Name),
            ("desk:11434", Name),
            ("my.localhost", Name),
            ("printer.local:80", Name),
            ("host.docker.internal", Name),
            ("127.0.0.1:11434", Address),
            ("127.9.9.9", Address),
            ("0.0.0.0", Address),
            ("192.168.1.5:11434", Address),
            ("10.0.0.1", Address),
            ("203.0.113.7", Address),
            ("::1", Address),
            ("[::1]", Address),
            ("[::1]:11434", Address),
            ("[::ffff:127.0.0.1]:1", Address),
            ("[fd00::1]:1", Address),
            ("203.0.113.8", Refused),
            ("8.8.8.8:11434", Refused),
            ("[2001:db8::1]:11434", Refused),
            ("evil.example.com", Refused),
            ("localhost.evil.example.com", Refused),
            ("evillocal", Refused),
            ("127.0.0.1.evil.example.com", Refused),
            ("\u{fffd}", Refused),
            ("[::1", Refused),
        ];
        for (host, want) in cases {
            assert_eq!(filter.decide(host), want, "{host}");
        }
    }

    #[test]
    fn only_loopback_listeners_filter_unless_they_are_told_to() {
        let filter = |address: &str| HostFilter::for_listener(address.parse().expect(address), &[]);
        assert!(filter("127.0.0.1:1").is_some());
        assert!(filter("[::1]:1").is_some());
        assert!(filter("0.0.0.0:1").is_none());
        assert!(filter("192.168.0.2:1").is_none());
    }

    #[test]
    fn a_server_on_any_interface_answers_to_what_it_is_told() {
        let filter = |address: &str, hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
            HostFilter::for_listener(address.parse().expect(address), &hosts)
        };
        for address in ["0.0.0.0:1", "127.0.0.1:1"] {
            let filter = filter(address, &["llm.example:443", "203.0.113.8"]).expect("a filter");
            assert_eq!(filter.decide("LLM.example:443"), Name);
            assert_eq!(filter.decide("203.0.113.8"), Address);
            assert_eq!(filter.decide("127.0.0.1"), Address);
            assert_eq!(filter.decide("evil.example"), Refused);
        }
        assert!(filter("127.0.0.1:1", &["llm.example", "*"]).is_none());
    }
}
