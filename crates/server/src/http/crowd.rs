//! How many connections are open, in all and of each client?

use super::client::address_key;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The connections of one server.
#[derive(Debug)]
pub struct Crowd {
    most: usize,
    /// Zero: any number.
    per_client: usize,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// A place for one connection; given back on drop.
#[derive(Debug)]
pub struct Seat {
    crowd: Arc<Crowd>,
    client: Option<IpAddr>,
}

impl Crowd {
    /// A crowd of at most `most`, and `per_client` of each client (zero: any number).
    pub fn new(most: usize, per_client: usize) -> Arc<Crowd> {
        Arc::new(Crowd { most, per_client, present: Mutex::new(Present::default()) })
    }

    /// A place, unless all are taken or the client has its share. Connections from this very machine have no share.
    pub fn seat(self: &Arc<Crowd>, peer: IpAddr) -> Option<Seat> {
        let key = address_key(peer);
        let client = Some(key).filter(|_| self.per_client > 0 && !peer.to_canonical().is_loopback());
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if present.all >= self.most {
            return None;
        }
        if let Some(key) = client {
            let count = present.by_client.entry(key).or_default();
            if *count >= self.per_client {
                return None;
            }
            *count += 1;
        }
        present.all += 1;
        Some(Seat { crowd: Arc::clone(self), client })
    }

    /// How many are here.
    pub fn count(&self) -> usize {
        self.present.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut present = self.crowd.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.all -= 1;
        let Some(key) = self.client else { return };
        if let Some(count) = present.by_client.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                present.by_client.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_share_and_gives_it_back() {
        let crowd = Crowd::new(4, 2);
        let at = |text: &str| crowd.seat(text.parse().unwrap());
        let (one, two) = (at("2001:db8::1"), at("2001:db8::2"));
        assert!(one.is_some() && two.is_some());
        assert!(at("2001:db8::3").is_none(), "the same /64");
        let (three, four) = (at("203.0.113.1"), at("203.0.113.2"));
        assert!(three.is_some() && four.is_some());
        assert!(at("203.0.113.3").is_none(), "all places are taken");
        drop(one);
        assert!(at("2001:db8::3").is_some());
        drop((two, three, four));
        assert_eq!(crowd.count(), 0);
        assert!(crowd.present.lock().unwrap().by_client.is_empty());
    }

    #[test]
    fn this_machine_has_no_share() {
        let crowd = Crowd::new(100, 1);
        let seats: Vec<_> = (0..50).map(|_| crowd.seat("127.0.0.1".parse().unwrap())).collect();
        assert!(seats.iter().all(Option::is_some));
    }
}
