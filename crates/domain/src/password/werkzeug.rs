//! How are the hashes of Werkzeug (the library below Flask) read?
//!
//! `method$salt$hash`: the method names algorithm and cost, the salt is the text itself, the hash is lower-case
//! hexadecimal. Its releases always write the cost down; a text without it can not be checked. Its oldest form,
//! `sha1$salt$hash`, is a weak digest and not read here.

use super::pbkdf2::{Pbkdf2, Pbkdf2Digest, split_cost};
use super::reading::Reading;
use super::scrypt::Scrypt;
use super::{HashFault, Kind};

/// `pbkdf2:sha256:1000000$salt$hash`; also sha1 and sha512. The hash is as long as its digest.
pub(super) fn parse_pbkdf2(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let [method, salt, tag] = reading.fields(reading.rest())?;
    let (digest, rounds) =
        method.split_once(':').ok_or_else(|| reading.malformed("the rounds are missing"))?;
    let digest = Pbkdf2Digest::named(digest)
        .ok_or_else(|| reading.malformed("the digest is not sha1, sha256 or sha512"))?;
    let (rounds, tag) = (reading.number(rounds)?, reading.hex_tag(tag)?);
    if tag.len() != digest.bytes() {
        return Err(reading.malformed("the hash is not as long as its digest"));
    }
    Pbkdf2::new(reading, digest, rounds, salt, tag).map(Kind::Pbkdf2)
}

/// `scrypt:32768:8:1$salt$hash`: N, r and p; the hash has 64 bytes.
pub(super) fn parse_scrypt(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let [method, salt, tag] = reading.fields(reading.rest())?;
    let mut numbers = method.split(':').map(|text| reading.number(text));
    let mut next = || numbers.next().unwrap_or_else(|| Err(reading.malformed("a parameter is missing")));
    let costs = [next()?, next()?, next()?];
    if numbers.next().is_some() {
        return Err(reading.malformed("there are too many parameters"));
    }
    let tag = reading.hex_tag(tag)?;
    if tag.len() != 64 {
        return Err(reading.malformed("the hash is not 64 bytes long"));
    }
    Scrypt::new(reading, costs, salt, tag).map(Kind::Scrypt)
}

/// A hash of nobody.
pub(super) fn sample_pbkdf2(prefix: &str, cost: &str) -> Option<String> {
    let (digest, rounds, bytes) = split_cost(cost)?;
    Some(format!("{prefix}{}:{rounds}$salt${}", digest.name(), "00".repeat(bytes)))
}

/// A hash of nobody.
pub(super) fn sample_scrypt(prefix: &str, cost: &str) -> Option<String> {
    let (log_n, rest) = cost.strip_prefix("ln=")?.split_once(",r=")?;
    let (r, p) = rest.split_once(",p=")?;
    let n = 1_u64.checked_shl(log_n.parse().ok()?)?;
    Some(format!("{prefix}{n}:{r}:{p}$salt${}", "00".repeat(64)))
}
