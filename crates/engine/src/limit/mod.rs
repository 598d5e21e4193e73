//! Is this try looked at, and what is it counted against? (SEC-17…27, REL-13)
//!
//! A try is reserved before its password is hashed and settled afterwards; one that is never settled has failed. All
//! counters are in memory of a fixed size; the failures in a row of an account are in the database as well.

mod alarm;
mod client;
mod pairs;
mod shared;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use client::Client;
pub(crate) use shared::{Budget, Suspicion};

use alarm::Siren;
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::limit::{Limits, Rate, SECOND, Standing, Throttle, whole_seconds};
use domain::time::Moment;
use domain::token::{Blind, Device, DeviceKey};
use pairs::Suspects;
use table::Table;

/// Room for names of accounts, known or not.
const ACCOUNTS: usize = 1 << 20;
/// Room for client addresses.
const CLIENTS: usize = 1 << 19;
/// Room for known devices, families of refresh tokens and whatever else has a budget.
const BUDGETS: usize = 1 << 18;

/// Words of a client's row.
mod of_client {
    pub const REQUESTS: usize = 1;
    /// Two budgets.
    pub const FAILURES: usize = 2;
    pub const SIGN_UPS: usize = 4;
    pub const BLOCKED_UNTIL: usize = 5;
    pub const WORDS: usize = 6;
}

/// Failures in a row as the database has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// How many.
    pub failures: u32,
    /// The last one.
    pub last: Option<Moment>,
    /// How often they were forgotten; another number than in memory means: look here.
    pub cleared: u32,
}

/// Whose password is tried, by whom.
pub(crate) struct Claim {
    /// The account, known or not.
    pub account: Blind,
    /// The device, if the account knows it.
    pub device: Option<Blind>,
    /// The client, if it has an address.
    pub client: Option<Client>,
    /// What the database says.
    pub stored: Stored,
    /// The moment of the command.
    pub now: Moment,
}

/// A try that is looked at. To be settled or released; one that is dropped has failed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reserved {
    /// Nothing is counted.
    Free,
    /// Against the budget of a known device.
    Device(Blind),
    /// Against the account and the client.
    Stranger {
        /// The account.
        account: Blind,
        /// The client.
        client: Option<Client>,
        /// Which failure in a row it is, if it fails.
        nth: u32,
    },
}

impl Reserved {
    /// The account against which it is counted, if it is.
    pub fn account(&self) -> Option<Blind> {
        match self {
            Reserved::Free | Reserved::Device(_) => None,
            Reserved::Stranger { account, .. } => Some(*account),
        }
    }

    /// The client against whom it is counted, if it is.
    pub fn client(&self) -> Option<&Client> {
        match self {
            Reserved::Free | Reserved::Device(_) => None,
            Reserved::Stranger { client, .. } => client.as_ref(),
        }
    }
}

/// Why a try is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Later.
    Wait(Throttle),
    /// The password is off.
    Off,
}

/// What a failed try has brought about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aftermath {
    /// The account whose failure is to be stored.
    pub count: Option<Blind>,
    /// The next try of the account has to wait, for the first time.
    pub throttled: bool,
    /// The password is off from now on.
    pub off: bool,
    /// The client is blocked from now on.
    pub blocked: bool,
    /// Too many sign-ins fail on the whole server.
    pub alarm: bool,
}

/// All counters of one server.
pub(crate) struct Limiter {
    rules: Limits,
    keys: DeviceKey,
    /// Whether other nodes count, too: then the database knows best how often an account failed.
    shared: bool,
    /// None while limits are off: no memory is taken.
    tables: Option<Tables>,
}

struct Tables {
    accounts: Table<2>,
    clients: Table<{ of_client::WORDS }>,
    budgets: Table<3>,
    suspects: Suspects,
    siren: Siren,
}

impl Limiter {
    /// `shared`: whether there are other nodes. Exchanges of refresh tokens are the only budget that each counts alone.
    pub fn new(rules: Limits, keys: DeviceKey, shared: bool) -> Limiter {
        let newest = |row: &[u64; of_client::WORDS]| row[1..].iter().copied().max().unwrap_or(0);
        let tables = rules.enabled.then(|| Tables {
            accounts: Table::new(ACCOUNTS, |row| row[1]),
            clients: Table::new(CLIENTS, newest),
            budgets: Table::new(BUDGETS, |row| row[1].max(row[2])),
            suspects: Suspects::new(rules.pairs),
            siren: Siren::new(rules.alarm),
        });
        Limiter { rules, keys, shared, tables }
    }

    /// The client behind an address; none while nothing is counted.
    pub fn client(&self, address: &str) -> Option<Client> {
        self.tables.as_ref().and_then(|_| Client::of(address, &self.keys))
    }

    /// Whether anything is counted.
    pub fn is_on(&self) -> bool {
        self.tables.is_some()
    }

    /// The name under which a user is counted, whatever was typed (SEC-19).
    pub fn user(&self, user: UserId) -> Blind {
        self.keys.blind("user", &user.0.to_be_bytes())
    }

    /// The name under which an identifier is counted that nobody has: one for all its spellings (SEC-11, SEC-19).
    pub fn nobody(&self, typed: &str) -> Blind {
        if let Some(key) = EmailKey::parse(typed) {
            return self.keys.blind("email", key.as_str().as_bytes());
        }
        match UsernameKey::parse(typed) {
            Some(key) => self.keys.blind("username", key.as_str().as_bytes()),
            None => self.keys.blind("text", typed.trim().as_bytes()),
        }
    }

    /// The device that a token names, if it is one that the account knows at this moment (SEC-24).
    pub fn device(&self, token: &str, user: UserId, epoch: i64, now: Moment) -> Option<Device> {
        let device = self.keys.open(token)?;
        let age = now.seconds().saturating_sub(device.issued);
        let young = age <= i64::from(self.rules.device_days) * 86_400;
        (self.is_on() && young && device.user == user.0 && device.epoch == epoch).then_some(device)
    }

    /// The name under which a device is counted.
    pub fn device_name(&self, device: &Device) -> Blind {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&device.user.to_be_bytes());
        name[8..].copy_from_slice(&device.number.to_be_bytes());
        self.keys.blind("device", &name)
    }

    /// The token of a device and the moment it ends; none where devices are not remembered.
    pub fn device_token(&self, device: &Device) -> Option<(String, Moment)> {
        if !self.is_on() || self.rules.device_days == 0 {
            return None;
        }
        let end =
            Moment::from_seconds(device.issued).plus_seconds(i64::from(self.rules.device_days) * 86_400);
        Some((self.keys.token(device), end))
    }

    /// Reserves a try, before anything is hashed (SEC-18).
    pub fn reserve(&self, claim: &Claim, now: u64) -> Result<Reserved, Stop> {
        let Some(tables) = &self.tables else { return Ok(Reserved::Free) };
        let Some(device) = claim.device else { return self.reserve_stranger(tables, claim, now) };
        if self.rules.off_for_devices && claim.stored.failures >= self.rules.account.most {
            return Err(Stop::Off);
        }
        let rate = self.rules.device_failures;
        tables
            .spend(&device, [rate, rate], now)
            .map_err(|wait| Stop::Wait(Throttle::of("device", rate, wait)))?;
        Ok(Reserved::Device(device))
    }

    fn reserve_stranger(&self, tables: &Tables, claim: &Claim, now: u64) -> Result<Reserved, Stop> {
        if let Some(client) = &claim.client {
            self.admit(client, now).map_err(Stop::Wait)?;
            self.charge(tables, client, now).map_err(Stop::Wait)?;
        }
        match self.step(tables, claim, now) {
            Ok(nth) => Ok(Reserved::Stranger { account: claim.account, client: claim.client, nth }),
            Err(stop) => {
                claim.client.iter().for_each(|client| self.refund(tables, client));
                Err(stop)
            }
        }
    }

    /// Counts a request of a client that checks a password or asks about accounts.
    pub fn admit(&self, client: &Client, now: u64) -> Result<(), Throttle> {
        let Some(tables) = &self.tables else { return Ok(()) };
        let (rate, pairs) = (self.rules.client_requests, self.rules.pairs);
        tables.clients.with(&client.near, |row| {
            let blocked = row[of_client::BLOCKED_UNTIL].saturating_sub(now);
            if blocked > 0 {
                let (quota, window) = (pairs.most, pairs.window_seconds);
                return Err(Throttle { policy: "pairs", quota, window, seconds: whole_seconds(blocked) });
            }
            let taken = rate.take(row[of_client::REQUESTS], now);
            row[of_client::REQUESTS] = taken.map_err(|wait| Throttle::of("requests", rate, wait))?;
            Ok(())
        })
    }

    /// Counts a sign-up of a client (SEC-27).
    pub fn admit_sign_up(&self, client: &Client, now: u64) -> Result<(), Throttle> {
        let Some(tables) = &self.tables else { return Ok(()) };
        self.admit(client, now)?;
        let rate = self.rules.sign_ups;
        tables.clients.with(&client.near, |row| {
            let taken = rate.take(row[of_client::SIGN_UPS], now);
            row[of_client::SIGN_UPS] = taken.map_err(|wait| Throttle::of("sign-ups", rate, wait))?;
            Ok(())
        })
    }

    /// Gives a sign-up back that was refused before anything about other accounts was told.
    pub fn spare_sign_up(&self, client: &Client) {
        let Some(tables) = &self.tables else { return };
        tables.clients.with(&client.near, |row| {
            row[of_client::SIGN_UPS] = self.rules.sign_ups.give_back(row[of_client::SIGN_UPS]);
        });
    }

    /// Takes one from each of two budgets of a thing: an exchange of a family, a letter to an address. `kind` is the name of
    /// the budget for the client.
    pub fn spend(&self, kind: &'static str, name: &[u8], rates: [Rate; 2], now: u64) -> Result<(), Throttle> {
        let Some(tables) = &self.tables else { return Ok(()) };
        let name = self.keys.blind(kind, name);
        tables.spend(&name, rates, now).map_err(|wait| Throttle::of(kind, rates[0], wait))
    }

    /// Counts an exchange of a refresh token against its family.
    pub fn spend_refresh(&self, family: i64, now: u64) -> Result<(), Throttle> {
        let rate = self.rules.refreshes;
        self.spend("refreshes", &family.to_be_bytes(), [rate, rate], now)
    }

    /// Takes the budgets for failures of a client and of the network around it.
    fn charge(&self, tables: &Tables, client: &Client, now: u64) -> Result<(), Throttle> {
        let rates = self.rules.client_failures;
        tables.charge(&client.near, rates, now).map_err(|(rate, wait)| Throttle::of("client", rate, wait))?;
        let Some(wide) = &client.wide else { return Ok(()) };
        let rates = rates.map(|rate| rate.times(self.rules.wide_factor));
        tables.charge(wide, rates, now).map_err(|(rate, wait)| {
            tables.refund(&client.near, self.rules.client_failures);
            Throttle::of("network", rate, wait)
        })
    }

    fn refund(&self, tables: &Tables, client: &Client) {
        let rates = self.rules.client_failures;
        tables.refund(&client.near, rates);
        if let Some(wide) = &client.wide {
            tables.refund(wide, rates.map(|rate| rate.times(self.rules.wide_factor)));
        }
    }

    /// One more failure in a row of an account, unless it has to wait. Gives which one it is.
    fn step(&self, tables: &Tables, claim: &Claim, now: u64) -> Result<u32, Stop> {
        let rule = self.rules.account;
        let now_ms = now / 1000;
        tables.accounts.with(&claim.account, |row| {
            let mut streak = Streak::unpack(row[1]);
            if self.shared || row[1] == 0 || streak.generation != claim.stored.cleared & 0xff {
                streak = Streak::stored(&claim.stored, claim.now, now_ms);
            }
            let since = now_ms.saturating_sub(streak.last_ms) * 1000;
            let standing = rule.standing(streak.failures, since);
            if standing == Standing::Open {
                streak = Streak { failures: streak.failures + 1, last_ms: now_ms, ..streak };
            }
            row[1] = streak.pack();
            match standing {
                Standing::Open => Ok(streak.failures),
                Standing::Off => Err(Stop::Off),
                Standing::Wait(wait) => Err(Stop::Wait(self.too_soon(wait))),
            }
        })
    }

    /// The password was right. True: earlier failures of the account are to be forgotten in the database, too.
    ///
    /// A success of a known device does not forget what strangers tried.
    pub fn settle_right(&self, reserved: &Reserved, now: u64) -> bool {
        let Some(tables) = &self.tables else { return false };
        tables.siren.note(true, now);
        match reserved {
            Reserved::Free => false,
            Reserved::Device(device) => {
                tables.budgets.with(device, |row| row[1..].fill(0));
                false
            }
            Reserved::Stranger { account, client, .. } => {
                client.iter().for_each(|client| self.refund(tables, client));
                tables.accounts.with(account, |row| {
                    let streak = Streak::unpack(row[1]);
                    row[1] = Streak { failures: 0, ..streak }.pack();
                    // What was counted beforehand is in the database.
                    self.shared || streak.failures > 1
                })
            }
        }
    }

    /// The refusal while an account has to wait for so many microseconds.
    pub fn too_soon(&self, wait: u64) -> Throttle {
        Throttle {
            policy: "account",
            quota: self.rules.account.free,
            window: 0,
            seconds: whole_seconds(wait),
        }
    }

    /// The password was wrong, or must look like it. `pair`: the account with the password, as a text of its own.
    pub fn settle_wrong(&self, reserved: &Reserved, pair: &[u8], now: u64) -> Aftermath {
        let Some(tables) = &self.tables else { return Aftermath::default() };
        let alarm = tables.siren.note(false, now);
        let Reserved::Stranger { account, client, nth } = reserved else {
            return Aftermath { alarm, ..Aftermath::default() };
        };
        let rule = self.rules.account;
        // Where nodes share their counters, so do they what is suspect.
        let blocked = !self.shared && client.is_some_and(|client| self.suspect(tables, &client, pair, now));
        Aftermath {
            count: (!self.shared).then_some(*account),
            throttled: *nth == rule.free,
            off: *nth == rule.most,
            blocked,
            alarm,
        }
    }

    fn suspect(&self, tables: &Tables, client: &Client, pair: &[u8], now: u64) -> bool {
        let many = tables.suspects.note(&client.near, &self.keys.blind("pair", pair), now);
        if many {
            let until = now + u64::from(self.rules.pairs.block_seconds) * SECOND;
            tables.clients.with(&client.near, |row| row[of_client::BLOCKED_UNTIL] = until);
        }
        many
    }

    /// Nothing was hashed: the try counts as not made.
    pub fn release(&self, reserved: &Reserved) {
        let Some(tables) = &self.tables else { return };
        match reserved {
            Reserved::Free => {}
            Reserved::Device(device) => {
                let rate = self.rules.device_failures;
                tables
                    .budgets
                    .with(device, |row| row[1..].iter_mut().for_each(|at| *at = rate.give_back(*at)));
            }
            Reserved::Stranger { account, client, .. } => {
                client.iter().for_each(|client| self.refund(tables, client));
                tables.accounts.with(account, |row| {
                    let streak = Streak::unpack(row[1]);
                    row[1] = Streak { failures: streak.failures.saturating_sub(1), ..streak }.pack();
                });
            }
        }
    }

    /// The most memory that all counters can take.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.tables.as_ref().map_or(0, |tables| {
            tables.accounts.bytes()
                + tables.clients.bytes()
                + tables.budgets.bytes()
                + tables.suspects.bytes()
        })
    }
}

impl Tables {
    /// Takes one from both budgets, or from none. Gives the longer wait.
    fn spend(&self, name: &Blind, rates: [Rate; 2], now: u64) -> Result<(), u64> {
        self.budgets.with(name, |row| {
            let taken = [rates[0].take(row[1], now), rates[1].take(row[2], now)];
            match taken {
                [Ok(one), Ok(other)] => {
                    row[1..].copy_from_slice(&[one, other]);
                    Ok(())
                }
                [one, other] => Err(one.err().unwrap_or(0).max(other.err().unwrap_or(0))),
            }
        })
    }

    /// As `spend`, on the failures of a client. Gives the budget with the longer wait.
    fn charge(&self, name: &Blind, rates: [Rate; 2], now: u64) -> Result<(), (Rate, u64)> {
        self.clients.with(name, |row| {
            let budgets = &mut row[of_client::FAILURES..of_client::FAILURES + 2];
            let taken = [rates[0].take(budgets[0], now), rates[1].take(budgets[1], now)];
            match taken {
                [Ok(one), Ok(other)] => {
                    budgets.copy_from_slice(&[one, other]);
                    Ok(())
                }
                [Err(one), Err(other)] if one > other => Err((rates[0], one)),
                [_, Err(other)] => Err((rates[1], other)),
                [Err(one), Ok(_)] => Err((rates[0], one)),
            }
        })
    }

    fn refund(&self, name: &Blind, rates: [Rate; 2]) {
        self.clients.with(name, |row| {
            for (at, rate) in rates.iter().enumerate() {
                let budget = &mut row[of_client::FAILURES + at];
                *budget = rate.give_back(*budget);
            }
        });
    }
}

/// Failures in a row, in one word: 12 bits of failures, 44 of milliseconds, 8 of generation. More failures are worth more.
#[derive(Clone, Copy)]
struct Streak {
    failures: u32,
    last_ms: u64,
    generation: u32,
}

impl Streak {
    fn unpack(word: u64) -> Streak {
        let part = |shift: u32, bits: u32| (word >> shift) & ((1 << bits) - 1);
        Streak {
            failures: u32::try_from(part(52, 12)).unwrap_or(0),
            last_ms: part(8, 44),
            generation: u32::try_from(part(0, 8)).unwrap_or(0),
        }
    }

    fn pack(self) -> u64 {
        let last = self.last_ms & ((1 << 44) - 1);
        u64::from(self.failures.min(0xfff)) << 52 | last << 8 | u64::from(self.generation & 0xff)
    }

    /// As the database has it; moments of the wall become moments of the steady clock.
    fn stored(stored: &Stored, wall: Moment, now_ms: u64) -> Streak {
        let gone = stored.last.map_or(i64::MAX, |last| wall.millis().saturating_sub(last.millis()));
        let last_ms = now_ms.saturating_sub(u64::try_from(gone).unwrap_or(0));
        Streak { failures: stored.failures.min(0xfff), last_ms, generation: stored.cleared & 0xff }
    }
}
