//! Where a call came from, as a network: addresses by prefix, services by name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name of a service that is told apart, in characters.
const NAME_LIMIT: usize = 64;

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Network {
    /// A /24 of IPv4, by its first address.
    V4(Ipv4Addr),
    /// A /48 of IPv6, by its first address.
    V6(Ipv6Addr),
    /// A service of the provider: `lambda.amazonaws.com`, `AWS Internal`.
    Service(String),
}

impl Network {
    /// Reads what a log calls the source address: an address, with or without a port, or a service's name. `None` where it is neither, as
    /// in `...` or an address whose octets are not numbers of an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(address) = address_of(text) {
            return Some(Self::of(address));
        }
        let is_name = text.len() <= NAME_LIMIT
            && text.bytes().any(|byte| byte.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b' '));
        is_name.then(|| Self::Service(text.to_ascii_lowercase()))
    }

    /// Returns the network of an address. An IPv4 address that is written as IPv6 is one of IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(Ipv4Addr::from(u32::from(address) & 0xffff_ff00)),
            IpAddr::V6(address) => Self::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << 80))),
        }
    }

    /// Says whether it is a service of the provider rather than an address.
    #[must_use]
    pub const fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// Says whether it is a network of addresses that are reached over the internet: no service, and no private or shared range.
    #[must_use]
    pub const fn is_of_the_internet(&self) -> bool {
        match self {
            Self::V4(address) => {
                let [first, second, ..] = address.octets();
                let is_shared = first == 100 && second & 0b1100_0000 == 64;
                !(address.is_private() || address.is_loopback() || address.is_link_local() || is_shared)
            }
            Self::V6(address) => !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()),
            Self::Service(_) => false,
        }
    }

    /// Reads what [`fmt::Display`] writes.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.rsplit_once('/') {
            Some((address, "24")) => address.parse().ok().map(|address: Ipv4Addr| Self::of(address.into())),
            Some((address, "48")) => address.parse().ok().map(|address: Ipv6Addr| Self::of(address.into())),
            Some(_) => None,
            None => Self::parse(text).filter(Self::is_service),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => write!(f, "{address}/24"),
            Self::V6(address) => write!(f, "{address}/48"),
            Self::Service(name) => f.write_str(name),
        }
    }
}

/// Reads an address, with or without a port.
pub(super) fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse().ok().map(|address: std::net::SocketAddr| address.ip());
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_by_prefix_and_services_by_name() {
        for (text, network) in [
            ("198.51.100.7", Some("198.51.100.0/24")),
            ("198.51.100.200:443", Some("198.51.100.0/24")),
            ("2001:db8:1:2::3", Some("2001:db8:1::/48")),
            ("[2001:db8:1:2::3]:443", Some("2001:db8:1::/48")),
            ("::ffff:198.51.100.7", Some("198.51.100.0/24")),
            ("lambda.amazonaws.com", Some("lambda.amazonaws.com")),
            ("AWS Internal", Some("aws internal")),
            ("...", None),
            ("172.01.01.001", None),
            ("&AWS; Internal", None),
            ("", None),
        ] {
            assert_eq!(Network::parse(text).map(|network| network.to_string()).as_deref(), network, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["198.51.100.7", "2001:db8:1:2::3", "AWS Internal"] {
            let network = Network::parse(text).unwrap();
            assert_eq!(Network::read(&network.to_string()), Some(network));
        }
        for text in ["198.51.100.0/23", "x/24", "1.2.3.4", "a/b/48"] {
            assert_eq!(Network::read(text), None, "{text}");
        }
    }
}
