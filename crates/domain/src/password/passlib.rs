//! How are PBKDF2 hashes in the form of Passlib read, and written for others?
//!
//! `$pbkdf2-sha256$rounds$salt$hash`, salt and hash in "adapted" base64 (`.` for `+`, no padding); `$pbkdf2$` is
//! SHA-1. OpenLDAP (pw-pbkdf2) and 389 Directory Server write the same behind `{PBKDF2-SHA256}`. Auth0 and others write
//! the costs as `i=…,l=…`, `l` being the length of the hash. Passlib's hashes are as long as their digest; other origins
//! derive more or less.

use super::pbkdf2::{Pbkdf2, Pbkdf2Digest, split_cost};
use super::reading::{Base64, Reading};
use super::{Hash, HashFault, Kind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// `$pbkdf2-sha256$29000$salt$hash`, `$pbkdf2-sha256$i=100000,l=32$salt$hash`, `{PBKDF2-SHA256}10000$salt$hash`.
pub(super) fn parse_pbkdf2(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let digest = match reading.prefix {
        "$pbkdf2$" | "$pbkdf2-sha1$" | "{PBKDF2}" | "{PBKDF2-SHA1}" => Pbkdf2Digest::Sha1,
        "$pbkdf2-sha512$" | "{PBKDF2-SHA512}" => Pbkdf2Digest::Sha512,
        _ => Pbkdf2Digest::Sha256,
    };
    let [costs, salt, tag] = reading.fields(reading.rest())?;
    let salt = reading.base64(salt, Base64::Adapted, "the salt is not base64")?;
    let tag = reading.tag(tag, Base64::Adapted)?;
    let (rounds, length) = parse_costs(reading, costs)?;
    if length.is_some_and(|length| length != tag.len() as u64) {
        return Err(reading.malformed("the hash is not as long as its parameter l says"));
    }
    Pbkdf2::new(reading, digest, rounds, salt, tag).map(Kind::Pbkdf2)
}

/// The rounds, and the length of the hash if it is told.
fn parse_costs(reading: &Reading<'_>, costs: &str) -> Result<(u64, Option<u64>), HashFault> {
    if !costs.starts_with("i=") && !costs.starts_with("l=") {
        return Ok((reading.number(costs)?, None));
    }
    if costs.contains(',') {
        let [rounds, length] = reading.pairs(costs, ["i", "l"])?;
        return Ok((rounds, Some(length)));
    }
    let [rounds] = reading.pairs(costs, ["i"])?;
    Ok((rounds, None))
}

/// The text of a PBKDF2 hash whose parts stand in columns of their own: `$pbkdf2-sha256$rounds$salt$hash`.
///
/// # Errors
/// What `Hash::parse` refuses: no rounds or too many, a salt that is empty or above 128 bytes, a hash below 12 or above
/// 128 bytes.
pub fn pbkdf2_text(digest: Pbkdf2Digest, rounds: u32, salt: &[u8], hash: &[u8]) -> Result<String, HashFault> {
    let text = write(digest, rounds, salt, hash);
    Hash::parse(&text).map(|_| text)
}

fn write(digest: Pbkdf2Digest, rounds: u32, salt: &[u8], hash: &[u8]) -> String {
    let prefix = match digest {
        Pbkdf2Digest::Sha1 => "$pbkdf2$",
        Pbkdf2Digest::Sha256 => "$pbkdf2-sha256$",
        Pbkdf2Digest::Sha512 => "$pbkdf2-sha512$",
    };
    let adapted = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes).replace('+', ".");
    format!("{prefix}{rounds}${}${}", adapted(salt), adapted(hash))
}

/// A hash of nobody.
pub(super) fn sample_pbkdf2(_prefix: &str, cost: &str) -> Option<String> {
    let (digest, rounds, bytes) = split_cost(cost)?;
    Some(write(digest, rounds, &[0; 16], &vec![0; bytes]))
}
