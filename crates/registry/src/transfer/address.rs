//! Which addresses may be connected to.
//!
//! The check is made on the addresses that are then connected to, so that a name cannot have one
//! address when checked and another when used.
//!
//! A registry may send a client anywhere for a blob: to a content network, but also to the
//! client's own machine, its office network or the metadata service of its cloud. An address is
//! therefore put into a class, and a redirect away from the registry may lead to public addresses
//! and to the classes that the registry itself is in, or to hosts that the operator named.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A class of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Public,
    Loopback,
    LinkLocal,
    Private,
    /// Behind a provider's address translation.
    Shared,
    /// Multicast, unspecified, reserved, documentation.
    Special,
}

impl Class {
    pub(super) fn of(address: IpAddr) -> Class {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Class {
        let [a, b, ..] = address.octets();
        match (a, b) {
            _ if address.is_loopback() => Class::Loopback,
            _ if address.is_link_local() => Class::LinkLocal,
            _ if address.is_private() => Class::Private,
            (100, 64..=127) => Class::Shared,
            // This network, protocol assignments, benchmarks, multicast and reserved.
            (0, _) | (198, 18..=19) | (224..=255, _) => Class::Special,
            (192, 0) if address.octets()[2] == 0 => Class::Special,
            _ if address.is_documentation() => Class::Special,
            _ => Class::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Class {
        if let Some(v4) = embedded_v4(address) {
            return Self::of_v4(v4);
        }
        let first = address.segments()[0];
        match first {
            _ if address.is_loopback() => Class::Loopback,
            0xFE80..=0xFEBF => Class::LinkLocal,
            0xFC00..=0xFDFF | 0xFEC0..=0xFEFF => Class::Private,
            // Global unicast is 2000::/3; 2001:db8::/32 is documentation.
            0x2001 if address.segments()[1] == 0xDB8 => Class::Special,
            0x2000..=0x3FFF => Class::Public,
            _ => Class::Special,
        }
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped, compatible, translated (NAT64) or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0, 0, 0, 0, 0, 0xFFFF, high, low] => v4(high, low),
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => v4(high, low),
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

/// Where redirects may lead.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    pub(super) classes: BTreeSet<Class>,
    /// Hosts that the operator trusts, in lower case.
    pub(super) hosts: BTreeSet<String>,
}

impl Allowed {
    /// For the registry itself: a machine's own network and office are fine, since the user named
    /// it; link-local addresses, where clouds keep their secrets, are not.
    pub(super) fn for_registry(hosts: BTreeSet<String>) -> Self {
        let classes = BTreeSet::from([Class::Loopback, Class::Private, Class::Shared]);
        Self { classes, hosts }
    }

    pub(super) fn permits(&self, host: &str, address: IpAddr) -> bool {
        let class = Class::of(address);
        class == Class::Public
            || self.classes.contains(&class)
            || self.hosts.contains(&host.to_ascii_lowercase())
    }
}

/// Resolves names and drops the addresses that may not be connected to.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) allowed: Arc<Allowed>,
}

/// All addresses of a host were refused.
#[derive(Debug, thiserror::Error)]
#[error("{host} is at {address}")]
pub(super) struct RefusedAddress {
    pub(super) host: String,
    pub(super) address: IpAddr,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let (good, bad): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|at| allowed.permits(&host, at.ip()));
            match (good.is_empty(), bad.first()) {
                (true, Some(at)) => Err(RefusedAddress { host, address: at.ip() }.into()),
                _ => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_fall_into_their_classes() {
        for (address, class) in [
            ("93.184.216.34", Class::Public),
            ("127.8.8.8", Class::Loopback),
            ("169.254.169.254", Class::LinkLocal),
            ("10.1.2.3", Class::Private),
            ("172.31.0.1", Class::Private),
            ("172.32.0.1", Class::Public),
            ("100.64.0.1", Class::Shared),
            ("100.128.0.1", Class::Public),
            ("0.0.0.0", Class::Special),
            ("224.0.0.1", Class::Special),
            ("255.255.255.255", Class::Special),
            ("::1", Class::Loopback),
            ("::", Class::Special),
            ("fe80::1", Class::LinkLocal),
            ("fd00::1", Class::Private),
            ("ff02::1", Class::Special),
            ("2606:4700::1111", Class::Public),
            ("::ffff:127.0.0.1", Class::Loopback),
            ("::ffff:169.254.169.254", Class::LinkLocal),
            ("::10.0.0.1", Class::Private),
            ("64:ff9b::7f00:1", Class::Loopback),
            ("2002:7f00:1::", Class::Loopback),
            ("2001:db8::1", Class::Special),
        ] {
            assert_eq!(Class::of(address.parse().unwrap()), class, "{address}");
        }
    }

    #[test]
    fn the_operator_may_name_hosts() {
        let hosts = BTreeSet::from(["cache.office".to_owned()]);
        let allowed = Allowed { hosts, ..Allowed::default() };
        let address = "10.0.0.1".parse().unwrap();
        assert!(allowed.permits("Cache.Office", address));
        assert!(!allowed.permits("other.office", address));
    }
}
