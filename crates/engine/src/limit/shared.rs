//! What is counted against budgets that all nodes share? (SEC-28)
//!
//! The counters in memory come first: what they refuse never reaches the database. Then the same budgets are taken
//! there, so that a client who asks many nodes in turn has no more than one who asks one.

use super::{Client, Limiter, Reserved};
use domain::limit::{Pairs, Rate, Throttle};
use domain::token::Blind;

/// A budget in the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// A letter for which budget it is, and whose it is.
    pub name: [u8; 17],
    /// How much there is.
    pub rate: Rate,
    /// What the client is told.
    policy: &'static str,
}

impl Budget {
    fn of(letter: u8, whose: &Blind, policy: &'static str, rate: Rate) -> Budget {
        Budget { name: named(letter, whose), rate, policy }
    }

    /// The refusal while it has nothing left for so many microseconds.
    pub fn throttle(&self, wait: u64) -> Throttle {
        Throttle::of(self.policy, self.rate, wait)
    }
}

/// A pair of account and password that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspicion {
    /// The client.
    pub client: Blind,
    /// The pair.
    pub pair: Blind,
    /// How many are too many.
    pub rule: Pairs,
    /// The name under which the client is blocked.
    pub block: [u8; 17],
}

impl Limiter {
    /// The budgets that a try takes beforehand, beside the failures in a row of the account.
    pub fn shared_try(&self, reserved: &Reserved) -> Vec<Budget> {
        let request = reserved.client().map(|client| self.shared_request(client));
        request.into_iter().chain(self.shared_refund(reserved)).collect()
    }

    /// Of these, what a right password gives back.
    pub fn shared_refund(&self, reserved: &Reserved) -> Vec<Budget> {
        match reserved {
            Reserved::Free => Vec::new(),
            Reserved::Device(device) => vec![Budget::of(b'd', device, "device", self.rules.device_failures)],
            Reserved::Stranger { client, .. } => {
                client.iter().flat_map(|client| self.failures(client)).collect()
            }
        }
    }

    /// The budget for requests of a client.
    pub fn shared_request(&self, client: &Client) -> Budget {
        Budget::of(b'r', &client.near, "requests", self.rules.client_requests)
    }

    /// The budget for sign-ups of a client.
    pub fn shared_sign_up(&self, client: &Client) -> Budget {
        Budget::of(b's', &client.near, "sign-ups", self.rules.sign_ups)
    }

    /// The refusal of a client that is blocked for so many microseconds, and the name under which it is.
    pub fn shared_block(&self, client: &Client) -> ([u8; 17], impl Fn(u64) -> Throttle + use<>) {
        let Pairs { most, window_seconds, .. } = self.rules.pairs;
        let told = move |left| Throttle {
            policy: "pairs",
            quota: most,
            window: window_seconds,
            seconds: domain::limit::whole_seconds(left),
        };
        (named(b'b', &client.near), told)
    }

    /// A pair that failed from a client.
    pub fn shared_suspicion(&self, client: &Client, pair: &[u8]) -> Suspicion {
        Suspicion {
            client: client.near,
            pair: self.keys.blind("pair", pair),
            rule: self.rules.pairs,
            block: named(b'b', &client.near),
        }
    }

    fn failures(&self, client: &Client) -> impl Iterator<Item = Budget> {
        let [short, long] = self.rules.client_failures;
        let factor = self.rules.wide_factor;
        let near =
            [Budget::of(b'f', &client.near, "client", short), Budget::of(b'F', &client.near, "client", long)];
        let wide = client.wide.map(|wide| {
            [
                Budget::of(b'w', &wide, "network", short.times(factor)),
                Budget::of(b'W', &wide, "network", long.times(factor)),
            ]
        });
        near.into_iter().chain(wide.into_iter().flatten())
    }
}

fn named(letter: u8, whose: &Blind) -> [u8; 17] {
    let mut name = [letter; 17];
    name[1..].copy_from_slice(&whose.0);
    name
}
