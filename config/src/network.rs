//! A range of addresses, as operators write it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that share their first bits: `10.0.0.0/8`, `2001:db8::/32`. Source: RFC 4632, section 3.1; RFC 4291, section
/// 2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// The network of the addresses that share their first `prefix` bits with `address`; `None` if it has not so many.
    pub fn of(address: IpAddr, prefix: u8) -> Option<Self> {
        let first = match address {
            IpAddr::V4(address) if prefix <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) if prefix <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        };
        Some(Self { first, prefix })
    }

    /// `10.0.0.0/8`, or an address for itself alone.
    pub(crate) fn parse(text: &str) -> Option<Parsed> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                let is_number = prefix.bytes().all(|byte| byte.is_ascii_digit());
                (address, Some(prefix.parse().ok().filter(|_| is_number)?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let network = Self::of(address, prefix.unwrap_or(all))?;
        Some(if network.first == address {
            Parsed::Network(network)
        } else {
            Parsed::Within(network)
        })
    }

    /// Whether `address` is one of them. An IPv4 address counts as that also where it is mapped into IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        Self::of(address.to_canonical(), self.prefix) == Some(*self)
    }
}

/// What a text may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Network(Network),
    /// An address in the midst of this network: probably a slip.
    Within(Network),
}

impl fmt::Display for Network {
    /// As it is written: `10.0.0.0/8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_address_and_how_many_of_its_bits_count() {
        for (text, expected) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("192.0.2.1", Some("192.0.2.1/32")),
            ("192.0.2.1/32", Some("192.0.2.1/32")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("::/0", Some("::/0")),
            ("::1", Some("::1/128")),
            ("10.0.0.1/8", Some("within 10.0.0.0/8")),
            ("2001:db8::1/64", Some("within 2001:db8::/64")),
            ("10.0.0.0/33", None),
            ("::/129", None),
            ("10.0.0.0/", None),
            ("10.0.0.0/+8", None),
            ("10.0.0/8", None),
            ("localhost", None),
            ("", None),
        ] {
            let seen = Network::parse(text).map(|parsed| match parsed {
                Parsed::Network(network) => network.to_string(),
                Parsed::Within(network) => format!("within {network}"),
            });
            assert_eq!(seen.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_in_the_networks_whose_bits_it_shares() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "::1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/33", "2001:db8:7fff::", true),
            ("2001:db8::/33", "2001:db8:8000::", false),
            ("::/0", "2001:db8::1", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            let Some(Parsed::Network(parsed)) = Network::parse(network) else {
                panic!("{network} is one");
            };
            let address = address.parse().expect("an address");
            assert_eq!(parsed.contains(address), expected, "{network} {address}");
        }
    }
}
