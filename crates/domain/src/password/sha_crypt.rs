//! How are the SHA-2 hashes of crypt(3), `$5$` and `$6$`, read and checked?
//!
//! `$6$rounds=656000$salt$hash`; without rounds there are 5000 (the specification of Ulrich Drepper, 2008). Passwords are
//! C strings: they end at the first NUL. libxcrypt takes none above 511 bytes, and neither does this: the time grows
//! with the password.

use super::reading::Reading;
use super::{HashFault, Kind, crypt64};
use crate::secret::SecretBytes;
use sha_crypt::Params;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The longest password, in bytes.
const MAX_PASSWORD_BYTES: usize = 511;
const MAX_SALT_BYTES: usize = 16;
const DEFAULT_ROUNDS: u64 = 5000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digest {
    Sha256,
    Sha512,
}

impl Digest {
    /// The characters of the hash.
    fn characters(self) -> usize {
        match self {
            Digest::Sha256 => 43,
            Digest::Sha512 => 86,
        }
    }
}

/// A parsed hash.
#[derive(Clone)]
pub(super) struct ShaCrypt {
    digest: Digest,
    rounds: u32,
    params: Params,
    salt: SecretBytes,
    tag: SecretBytes,
}

impl ShaCrypt {
    pub fn cost(&self) -> String {
        self.rounds.to_string()
    }

    pub fn verify(&self, password: &[u8]) -> bool {
        let password = password.split(|byte| *byte == 0).next().unwrap_or_default();
        if password.len() > MAX_PASSWORD_BYTES {
            return false;
        }
        let salt = self.salt.expose();
        let text = match self.digest {
            Digest::Sha256 => {
                encode_256(&Zeroizing::new(sha_crypt::sha256_crypt(password, salt, self.params)))
            }
            Digest::Sha512 => {
                encode_512(&Zeroizing::new(sha_crypt::sha512_crypt(password, salt, self.params)))
            }
        };
        text.ct_eq(self.tag.expose()).into()
    }
}

/// How many times as long a check takes at most for this password, which goes into each round up to twice. What is too
/// long is not hashed at all.
pub(super) fn stretch(password: &[u8]) -> u32 {
    let length = if password.len() > MAX_PASSWORD_BYTES { 0 } else { password.len() };
    u32::try_from(1 + length / 32).unwrap_or(1)
}

/// The order of the bytes in the text: each group is the one before, turned and moved on by one.
fn encode_256(digest: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let groups = std::iter::successors(Some([0, 10, 20]), |[a, b, c]| Some([c + 1, a + 1, b + 1]));
    let groups = groups.take(10).map(|group| group.map(|at: usize| digest[at]));
    crypt64::encode(groups.chain([[0, digest[31], digest[30]]]), Digest::Sha256.characters())
}

fn encode_512(digest: &[u8; 64]) -> Zeroizing<Vec<u8>> {
    let groups = std::iter::successors(Some([0, 21, 42]), |[a, b, c]| Some([b + 1, c + 1, a + 1]));
    let groups = groups.take(21).map(|group| group.map(|at: usize| digest[at]));
    crypt64::encode(groups.chain([[0, 0, digest[63]]]), Digest::Sha512.characters())
}

/// `$5$…`.
pub(super) fn parse_256(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    parse(reading, Digest::Sha256)
}

/// `$6$…`.
pub(super) fn parse_512(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    parse(reading, Digest::Sha512)
}

fn parse(reading: &Reading<'_>, digest: Digest) -> Result<Kind, HashFault> {
    let rest = reading.rest();
    let (rounds, rest) = match rest.strip_prefix("rounds=").map(|rest| rest.split_once('$')) {
        None => (DEFAULT_ROUNDS, rest),
        Some(Some((rounds, rest))) => (reading.number(rounds)?, rest),
        Some(None) => return Err(reading.malformed("a field is missing")),
    };
    let [salt, tag] = reading.fields(rest)?;
    let rounds = reading.at_most("rounds", rounds, reading.format.caps.rounds)?;
    let params = Params::new(rounds).map_err(|_| reading.malformed("the rounds are less than 1000"))?;
    reading.check_salt(salt.as_bytes(), 1)?;
    if salt.len() > MAX_SALT_BYTES || !salt.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(reading.malformed("the salt is not up to 16 printable characters"));
    }
    if tag.len() != digest.characters() || !crypt64::is_text(tag) {
        return Err(reading.malformed("the hash is not as long as its digest, or not of its alphabet"));
    }
    let (salt, tag) = (SecretBytes::new(salt), SecretBytes::new(tag));
    Ok(Kind::ShaCrypt(ShaCrypt { digest, rounds, params, salt, tag }))
}

/// A hash of nobody.
pub(super) fn sample(prefix: &str, cost: &str) -> Option<String> {
    let digest = if prefix == "$5$" { Digest::Sha256 } else { Digest::Sha512 };
    Some(format!("{prefix}rounds={cost}$salt${}", ".".repeat(digest.characters())))
}
