//! How are the hashes of better-auth read and checked?
//!
//! `salt:key`, 32 and 128 lower-case hexadecimal digits, which is also what Lucia and Oslo wrote: scrypt with N = 16384,
//! r = 16, p = 1. The salt is the text itself, the password is taken in its NFKC form.

use super::reading::Reading;
use super::scrypt::Scrypt;
use super::{HashFault, Kind};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

const COSTS: [u64; 3] = [16_384, 16, 1];
const SALT_DIGITS: usize = 32;
const KEY_DIGITS: usize = 128;

/// A parsed hash.
#[derive(Clone)]
pub(super) struct BetterAuth(Scrypt);

impl BetterAuth {
    pub fn memory_kib(&self) -> u32 {
        self.0.memory_kib()
    }

    pub fn cost(&self) -> String {
        self.0.cost()
    }

    pub fn verify(&self, password: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(password) else { return self.0.verify(password) };
        // Measured first, so that no part of the password is left behind by a reallocation.
        let mut normal = Zeroizing::new(String::with_capacity(text.nfkc().map(char::len_utf8).sum()));
        normal.extend(text.nfkc());
        self.0.verify(normal.as_bytes())
    }
}

/// Whether a text has exactly this form.
pub(super) fn recognise(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    text.len() == SALT_DIGITS + 1 + KEY_DIGITS
        && text
            .split_once(':')
            .is_some_and(|(salt, key)| salt.len() == SALT_DIGITS && digits(salt) && digits(key))
}

/// The form was recognised as a whole.
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let (salt, key) = reading.text.split_once(':').ok_or_else(|| reading.malformed("a field is missing"))?;
    let key = reading.hex_tag(key)?;
    Scrypt::new(reading, COSTS, salt, key).map(|scrypt| Kind::BetterAuth(BetterAuth(scrypt)))
}

/// A hash of nobody. There is one cost.
pub(super) fn sample(_prefix: &str, cost: &str) -> Option<String> {
    let zeros = |digits| "0".repeat(digits);
    (cost == "ln=14,r=16,p=1").then(|| format!("{}:{}", zeros(SALT_DIGITS), zeros(KEY_DIGITS)))
}
