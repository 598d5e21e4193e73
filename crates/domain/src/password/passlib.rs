//! How are the hashes that only Passlib writes read, and how is its PBKDF2 written for others?
//!
//! `$pbkdf2-sha256$rounds$salt$hash`, salt and hash in "adapted" base64 (`.` for `+`, no padding); `$pbkdf2$` is
//! SHA-1. OpenLDAP (pw-pbkdf2) and 389 Directory Server write the same behind `{PBKDF2-SHA256}`. Auth0 and others write
//! the costs as `i=…,l=…`, `l` being the length of the hash. Passlib's hashes are as long as their digest; other origins
//! derive more or less.
//!
//! `$bcrypt-sha256$` is bcrypt over the base64 of a digest: SHA-256 in version 1, since 1.7.3 HMAC-SHA-256 with the text of
//! the salt as its key (version 2).

use super::bcrypt::{self, Bcrypt};
use super::pbkdf2::{Pbkdf2, Pbkdf2Digest, split_cost};
use super::reading::{Base64, Reading};
use super::{Hash, HashFault, Kind};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

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

/// `$bcrypt-sha256$v=2,t=2b,r=12$salt$hash`, or `$bcrypt-sha256$2b,12$salt$hash` (version 1).
pub(super) fn parse_bcrypt(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let [costs, salt, tag] = reading.fields(reading.rest())?;
    let costs_fault =
        || reading.malformed("the parameters are neither v=2,t=…,r=… nor a revision and a cost");
    let (digest, revision, cost): (bcrypt::Digest, _, _) = match costs.strip_prefix("v=2,t=") {
        Some(rest) => {
            let (revision, cost) = rest.split_once(",r=").ok_or_else(costs_fault)?;
            (keyed_digest, revision, cost)
        }
        None => {
            let (revision, cost) = costs.split_once(',').ok_or_else(costs_fault)?;
            (plain_digest, revision, cost)
        }
    };
    if !matches!(revision, "2a" | "2b") {
        return Err(reading.malformed("the revision is not 2a or 2b"));
    }
    // Passlib writes the cost without a leading zero, crypt(3) with one.
    let text = format!("${revision}${cost:0>2}${salt}{tag}");
    Bcrypt::of_digest(reading, &text, digest).map(Kind::Bcrypt)
}

fn plain_digest(password: &[u8], _salt: &str) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(Sha256::digest(password)))
}

fn keyed_digest(password: &[u8], salt: &str) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
    Zeroizing::new(STANDARD.encode(hmac::sign(&key, password)))
}

/// A hash of nobody.
pub(super) fn sample_bcrypt(prefix: &str, cost: &str) -> Option<String> {
    let cost = cost.strip_prefix('0').unwrap_or(cost);
    let ordinary = bcrypt::sample("", "")?;
    let (salt, tag) = ordinary.strip_prefix('$')?.split_at_checked(22)?;
    Some(format!("{prefix}v=2,t=2b,r={cost}${salt}${tag}"))
}
