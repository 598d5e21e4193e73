//! Which requests come from one client? (SEC-22, SEC-23)

use domain::token::{Blind, DeviceKey};
use std::net::{IpAddr, Ipv6Addr};

/// The names under which a client is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// An IPv4 address, or a network of 64 bits of IPv6: what one household or machine has.
    pub near: Blind,
    /// The network of 48 bits of IPv6 around it: what one site has.
    pub wide: Option<Blind>,
}

impl Client {
    /// The client behind an address as text. None: no address could be derived, and nothing is counted against a client.
    pub fn of(address: &str, keys: &DeviceKey) -> Option<Client> {
        let address: IpAddr = address.parse().ok()?;
        Some(match address.to_canonical() {
            IpAddr::V4(four) => Client { near: keys.blind("client 4", &four.octets()), wide: None },
            IpAddr::V6(six) => Client {
                near: keys.blind("client 64", &prefix(six, 64)),
                wide: Some(keys.blind("client 48", &prefix(six, 48))),
            },
        })
    }
}

/// The first bits of an address, the others zero.
fn prefix(address: Ipv6Addr, bits: u32) -> [u8; 16] {
    (address.to_bits() & !(u128::MAX >> bits)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::secret::SecretBytes;

    fn client(address: &str) -> Option<Client> {
        let secret: Vec<u8> = (0..32).collect();
        Client::of(address, &DeviceKey::new(&SecretBytes::new(secret)).unwrap())
    }

    #[test]
    fn one_client_is_an_address_or_a_network_of_64_bits() {
        // SEC-23
        assert_eq!(client("127.0.0.1"), client("::ffff:127.0.0.1"));
        assert_ne!(client("127.0.0.1"), client("127.0.0.2"));
        let (one, same) = (client("2001:db8:1:2::1").unwrap(), client("2001:db8:1:2:ffff::9").unwrap());
        assert_eq!(one, same);
        let beside = client("2001:db8:1:3::1").unwrap();
        assert_ne!(one.near, beside.near);
        assert_eq!(one.wide, beside.wide);
        assert_ne!(one.wide, client("2001:db8:2:2::1").unwrap().wide);
    }

    #[test]
    fn what_is_no_address_is_no_client() {
        // SEC-22
        for text in ["", "console", "unknown", "_hidden", "10.0.0", "::g", "127.0.0.1:80"] {
            assert_eq!(client(text), None, "{text}");
        }
    }
}
