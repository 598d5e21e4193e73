//! How are the portable hashes of phpass read and checked?
//!
//! `$P$` or `$H$` (phpBB), one character for the logarithm of the rounds, eight of salt, 22 of hash: MD5 over salt and
//! password, then again and again over the digest and the password. WordPress wrote it until 6.7, and takes white
//! space off both ends of a password whenever it hashes and whenever somebody signs in; so a `$P$` hash is also tried
//! without it.

use super::reading::Reading;
use super::wordpress::trim;
use super::{HashFault, Kind, crypt64};
use crate::secret::SecretBytes;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// phpass itself refuses less.
const MIN_LOG_ROUNDS: u32 = 7;
const SALT_CHARACTERS: usize = 8;
const TAG_CHARACTERS: usize = 22;

/// A parsed phpass hash.
#[derive(Clone)]
pub(super) struct Phpass {
    rounds: u32,
    salt: SecretBytes,
    tag: SecretBytes,
    trims: bool,
}

impl Phpass {
    pub fn cost(&self) -> String {
        self.rounds.to_string()
    }

    pub fn verify(&self, password: &[u8]) -> bool {
        let trimmed = trim(password);
        self.matches(password) || self.trims && trimmed.len() < password.len() && self.matches(trimmed)
    }

    fn matches(&self, password: &[u8]) -> bool {
        let digest = |first: &[u8]| {
            Zeroizing::new(<[u8; 16]>::from(Md5::new().chain_update(first).chain_update(password).finalize()))
        };
        let mut state = digest(self.salt.expose());
        for _ in 0..self.rounds {
            state = digest(state.as_slice());
        }
        let groups = state.chunks(3).map(|bytes| {
            let byte = |at| bytes.get(at).copied().unwrap_or_default();
            [byte(2), byte(1), byte(0)]
        });
        crypt64::encode(groups, TAG_CHARACTERS).ct_eq(self.tag.expose()).into()
    }
}

/// How many times as long a check takes at most for this password: blocks of MD5 hold 64 bytes, and all of it is
/// done twice if there is white space to take off.
pub(super) fn stretch(password: &[u8]) -> u32 {
    let blocks = u32::try_from(1 + password.len() / 32).unwrap_or(u32::MAX);
    let times = if trim(password).len() < password.len() { 2 } else { 1 };
    blocks.saturating_mul(times)
}

/// 34 characters in all.
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let rest = reading.rest();
    if rest.len() != 1 + SALT_CHARACTERS + TAG_CHARACTERS || !rest.is_ascii() {
        return Err(reading.malformed("it is not 34 characters long"));
    }
    let (setting, tag) = rest.split_at(1 + SALT_CHARACTERS);
    let (cost, salt) = setting.split_at(1);
    let log_rounds = cost.bytes().next().and_then(crypt64::value).unwrap_or_default();
    if log_rounds < MIN_LOG_ROUNDS {
        return Err(reading.malformed("the rounds are less than 2^7"));
    }
    let rounds = 1_u64.checked_shl(log_rounds).unwrap_or(u64::MAX);
    let rounds = reading.at_most("rounds", rounds, reading.format.caps.rounds)?;
    if !crypt64::is_text(tag) {
        return Err(reading.malformed("the hash has a character that is not of its alphabet"));
    }
    let trims = reading.prefix == "$P$";
    Ok(Kind::Phpass(Phpass { rounds, salt: SecretBytes::new(salt), tag: SecretBytes::new(tag), trims }))
}

/// A hash of nobody.
pub(super) fn sample(prefix: &str, cost: &str) -> Option<String> {
    let rounds: u32 = cost.parse().ok().filter(|rounds: &u32| rounds.is_power_of_two())?;
    let character = crypt64::encode(std::iter::once([0, 0, u8::try_from(rounds.ilog2()).ok()?]), 1);
    let character = char::from(*character.first()?);
    Some(format!("{prefix}{character}{}", ".".repeat(SALT_CHARACTERS + TAG_CHARACTERS)))
}
