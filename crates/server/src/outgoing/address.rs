//! Which addresses may be connected to? (SEC-106)

use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a connection may lead. Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere.
    Any,
    /// This machine only.
    ThisMachine,
    /// The public internet only.
    Public,
    /// The public internet, private networks and this machine; never link-local addresses, where clouds keep their
    /// secrets, nor groups.
    Private,
}

impl Reach {
    /// Whether this address may be connected to. An IPv4 address in the clothes of IPv6 is judged as what it is.
    pub fn may(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Reach::Any => true,
            Reach::ThisMachine => address.is_loopback(),
            Reach::Public => is_public(address),
            Reach::Private => is_public(address) || address.is_loopback() || is_private(address),
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(first: u16, second: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), length)
}

/// Not on the public internet (IANA's registry of special-purpose addresses, RFC 6890).
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];
/// All that was ever given out (RFC 4291 section 2.4).
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);
/// Inside it, but not on the public internet, or a tunnel to an IPv4 address.
const SPECIAL_V6: [Ipv6Net; 4] =
    [v6(0x2001, 0, 23), v6(0x2001, 0x0db8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

/// Private networks (RFC 1918, RFC 6598).
const PRIVATE_V4: [Ipv4Net; 4] =
    [v4(10, 0, 0, 0, 8), v4(100, 64, 0, 0, 10), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16)];
/// Unique local addresses (RFC 4193).
const PRIVATE_V6: Ipv6Net = v6(0xfc00, 0, 7);

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|block| block.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|block| block.contains(&address))
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => PRIVATE_V4.iter().any(|block| block.contains(&address)),
        IpAddr::V6(address) => PRIVATE_V6.contains(&address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SEC-106
    #[test]
    fn a_name_leads_to_the_public_internet_and_nowhere_else() {
        let table = [
            ("8.8.8.8", true, true),
            ("2606:4700::1111", true, true),
            ("::ffff:8.8.8.8", true, true),
            ("127.0.0.1", false, true),
            ("127.9.9.9", false, true),
            ("::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("10.1.2.3", false, true),
            ("172.31.255.255", false, true),
            ("192.168.0.1", false, true),
            ("100.64.0.1", false, true),
            ("fd00::1", false, true),
            ("::ffff:192.168.0.1", false, true),
            ("0.0.0.0", false, false),
            ("::", false, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fe80::1", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("ff02::1", false, false),
            ("64:ff9b::7f00:1", false, false),
            ("2002:7f00:1::", false, false),
            ("2001:0:1::1", false, false),
            ("::127.0.0.1", false, false),
            ("192.0.2.1", false, false),
        ];
        for (text, public, private) in table {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(Reach::Public.may(address), public, "{text}");
            assert_eq!(Reach::Private.may(address), private, "{text}");
            assert!(Reach::Any.may(address));
            let here =
                text.contains("127.0.0.1") && text != "::127.0.0.1" || text == "::1" || text == "127.9.9.9";
            assert_eq!(Reach::ThisMachine.may(address), here, "{text}");
        }
    }
}
