//! Whose request is this? The address comes from the socket, or from proxies that the operator trusts. (SEC-22, SEC-23)

use http::HeaderMap;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr};

/// The most hops that are walked.
const MAX_HOPS: usize = 32;
/// The header that trusted proxies append to.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// IPv4 in IPv6 spelling is IPv4.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Whose address a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The client's own.
    Client(IpAddr),
    /// That of a trusted proxy, which named nobody beyond itself: not to be taken for one client (SEC-22).
    Proxy(IpAddr),
}

impl Origin {
    /// The address, for logs and events.
    pub fn address(self) -> IpAddr {
        let (Origin::Client(address) | Origin::Proxy(address)) = self;
        address
    }

    /// Whether limits may be counted against it.
    pub fn is_client(self) -> bool {
        matches!(self, Origin::Client(_))
    }
}

/// Where a request comes from: the peer, unless the peer is a trusted proxy. Then the chain of `X-Forwarded-For` is walked
/// from the right while its hops are trusted, too. Anything that is not an address ends the walk at the peer.
pub fn origin(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Origin {
    let address = client_address(peer, headers, trusted);
    let proxy = trusted.iter().any(|network| network.contains(&address));
    if proxy { Origin::Proxy(address) } else { Origin::Client(address) }
}

fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = canonical(peer);
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if trusted.is_empty() || !is_trusted(&peer) {
        return peer;
    }
    let mut nearest = peer;
    let lines: Vec<&http::HeaderValue> = headers.get_all(FORWARDED_FOR).iter().collect();
    let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for (count, hop) in hops.enumerate() {
        let address = std::str::from_utf8(hop).ok().and_then(|text| read_hop(text.trim()));
        let (Some(address), true) = (address, count < MAX_HOPS) else { return peer };
        if !is_trusted(&address) {
            return address;
        }
        nearest = address;
    }
    nearest
}

/// An address, with or without a port, IPv6 with or without brackets.
fn read_hop(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(canonical(address));
    }
    if let Ok(with_port) = text.parse::<std::net::SocketAddr>() {
        return Some(canonical(with_port.ip()));
    }
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    inner.parse::<Ipv6Addr>().ok().map(|address| canonical(IpAddr::V6(address)))
}

/// What counts as one client: an IPv4 address, or a /64 of IPv6.
pub fn address_key(address: IpAddr) -> IpAddr {
    match canonical(address) {
        IpAddr::V4(four) => IpAddr::V4(four),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn address(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_client_has_the_address_that_the_last_trusted_hop_saw() {
        const OURS: &[&str] = &["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"];
        let table: &[(&str, &[&str], &[&str], &str)] = &[
            // Nobody is trusted: the peer, whatever it says, loopback too.
            ("203.0.113.9", &[], &[], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], &[], "203.0.113.9"),
            ("127.0.0.1", &["198.51.100.1"], &[], "127.0.0.1"),
            ("::ffff:127.0.0.1", &[], &[], "127.0.0.1"),
            // A peer that is no proxy of ours names nobody.
            ("203.0.113.9", &["198.51.100.1"], OURS, "203.0.113.9"),
            ("203.0.113.9", &["127.0.0.1"], OURS, "203.0.113.9"),
            // One proxy.
            ("10.0.0.1", &["198.51.100.1"], OURS, "198.51.100.1"),
            ("10.0.0.1", &[], OURS, "10.0.0.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], OURS, "198.51.100.1"),
            ("fd00::1", &["2001:db8::7"], OURS, "2001:db8::7"),
            // What the client itself wrote stands on the left and is not reached.
            ("10.0.0.1", &["127.0.0.1, 198.51.100.1"], OURS, "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1"], OURS, "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 8.8.8.8", "198.51.100.1"], OURS, "198.51.100.1"),
            // Several proxies, in one line and in several.
            ("10.0.0.1", &["198.51.100.1, 10.0.0.2"], OURS, "198.51.100.1"),
            ("10.0.0.1", &["9.9.9.9, 198.51.100.1", "10.0.0.3, 10.0.0.2"], OURS, "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.3,10.0.0.2"], OURS, "10.0.0.3"),
            // Ports and brackets.
            ("10.0.0.1", &["198.51.100.1:4711"], OURS, "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], OURS, "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], OURS, "2001:db8::7"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], OURS, "198.51.100.1"),
            // Junk: back to the peer.
            ("10.0.0.1", &["unknown"], OURS, "10.0.0.1"),
            ("10.0.0.1", &[""], OURS, "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, , 10.0.0.2"], OURS, "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, _hidden"], OURS, "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::7"], OURS, "10.0.0.1"),
            ("10.0.0.1", &["1.2.3.4.5"], OURS, "10.0.0.1"),
            ("10.0.0.1", &["999.1.1.1"], OURS, "10.0.0.1"),
        ];
        for (peer, forwarded, trusted, expected) in table {
            assert_eq!(address(peer, forwarded, trusted), *expected, "{peer} {forwarded:?} {trusted:?}");
        }
    }

    #[test]
    fn an_endless_chain_of_trusted_hops_ends_at_the_peer() {
        let chain = vec!["10.0.0.2"; 1000].join(",");
        assert_eq!(address("10.0.0.1", &[&format!("198.51.100.1,{chain}")], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn other_headers_name_nobody() {
        let mut headers = HeaderMap::new();
        for name in ["x-real-ip", "forwarded", "cf-connecting-ip", "true-client-ip", "x-client-ip"] {
            headers.insert(name, HeaderValue::from_static("198.51.100.1"));
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(client_address(peer, &headers, &trusted), peer);
    }

    #[test]
    fn a_proxy_that_names_nobody_is_not_taken_for_a_client() {
        // SEC-22
        let trusted: [IpNet; 1] = ["10.0.0.0/8".parse().unwrap()];
        let table = [
            ("10.0.0.1", "198.51.100.1", true),
            ("10.0.0.1", "junk", false),
            ("10.0.0.1", "10.0.0.2", false),
            ("198.51.100.1", "10.0.0.2", true),
        ];
        for (peer, forwarded, client) in table {
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED_FOR, HeaderValue::from_str(forwarded).unwrap());
            assert_eq!(origin(peer.parse().unwrap(), &headers, &trusted).is_client(), client, "{forwarded}");
        }
        let bare = origin("10.0.0.1".parse().unwrap(), &HeaderMap::new(), &trusted);
        assert_eq!((bare.is_client(), bare.address().to_string()), (false, "10.0.0.1".to_owned()));
    }

    #[test]
    fn one_client_is_an_address_or_a_network_of_64_bits() {
        let key = |text: &str| address_key(text.parse().unwrap()).to_string();
        assert_eq!(key("203.0.113.9"), "203.0.113.9");
        assert_eq!(key("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(key("2001:db8:1:2:ffff::1"), key("2001:db8:1:2::"));
        assert_ne!(key("2001:db8:1:3::"), key("2001:db8:1:2::"));
    }
}
