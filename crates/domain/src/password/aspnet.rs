//! How are the hashes of ASP.NET Identity read?
//!
//! The base64 of bytes that begin with the version. Version 2: 0, 16 bytes of salt, 32 of PBKDF2-HMAC-SHA-1 in 1000
//! rounds. Version 3: 1, then big-endian the digest (0 to 2: SHA-1, SHA-256, SHA-512), the rounds and the length of the
//! salt, then salt and hash. Nothing else that is read looks like them: version 3 begins with `AQAAAA`, version 2 has 68
//! characters and decodes to 49 bytes of which the first is 0.

use super::pbkdf2::{Pbkdf2, Pbkdf2Digest, split_cost};
use super::reading::Reading;
use super::{Hash, HashFault, Kind, Scheme};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const NAMED: &str = "$aspnet$";
const V2_CHARACTERS: usize = 68;
const V2_BYTES: usize = 49;
const V2_ROUNDS: u64 = 1000;
/// ASP.NET itself refuses shorter ones.
const MIN_BYTES: usize = 16;

/// The text to store: the base64 behind `$aspnet$`, which says whose it is. The base64 alone is read as well.
///
/// # Errors
/// What `Hash::parse` refuses.
pub fn text(base64: &str) -> Result<String, HashFault> {
    let text = format!("{NAMED}{base64}");
    let parsed = Hash::parse(&text)?;
    debug_assert_eq!(parsed.scheme(), Scheme::AspNetIdentity);
    Ok(text)
}

/// Whether a text is a bare hash of version 2.
pub(super) fn recognise(text: &str) -> bool {
    text.len() == V2_CHARACTERS
        && STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == V2_BYTES && bytes.first() == Some(&0))
}

/// Either version, with or without the name before it.
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let text = reading.text.strip_prefix(NAMED).unwrap_or(reading.text);
    let bytes = STANDARD.decode(text).map_err(|_| reading.malformed("it is not base64"))?;
    let short = || reading.malformed("it is too short");
    let hash = match bytes.split_first() {
        Some((0, rest)) if bytes.len() == V2_BYTES => {
            let (salt, tag) = rest.split_at_checked(16).ok_or_else(short)?;
            Pbkdf2::new(reading, Pbkdf2Digest::Sha1, V2_ROUNDS, salt, tag.to_vec())
        }
        Some((0, _)) => Err(reading.malformed("version 2 is not 49 bytes long")),
        Some((1, rest)) => parse_v3(reading, rest),
        Some(_) | None => Err(reading.malformed("the version is neither 2 nor 3")),
    };
    hash.map(Kind::Pbkdf2)
}

fn parse_v3(reading: &Reading<'_>, bytes: &[u8]) -> Result<Pbkdf2, HashFault> {
    let short = || reading.malformed("it is too short");
    let (digest, rest) = bytes.split_first_chunk().ok_or_else(short)?;
    let (rounds, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (salt_bytes, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let digest = match u32::from_be_bytes(*digest) {
        0 => Pbkdf2Digest::Sha1,
        1 => Pbkdf2Digest::Sha256,
        2 => Pbkdf2Digest::Sha512,
        _ => return Err(reading.malformed("the digest is not SHA-1, SHA-256 or SHA-512")),
    };
    let salt_bytes = usize::try_from(u32::from_be_bytes(*salt_bytes)).unwrap_or(usize::MAX);
    let (salt, tag) = rest.split_at_checked(salt_bytes).ok_or_else(short)?;
    if salt.len() < MIN_BYTES || tag.len() < MIN_BYTES {
        return Err(short());
    }
    Pbkdf2::new(reading, digest, u64::from(u32::from_be_bytes(*rounds)), salt, tag.to_vec())
}

/// A hash of nobody.
pub(super) fn sample(prefix: &str, cost: &str) -> Option<String> {
    let (digest, rounds, bytes) = split_cost(cost)?;
    let digest = match digest {
        Pbkdf2Digest::Sha1 => 0,
        Pbkdf2Digest::Sha256 => 1,
        Pbkdf2Digest::Sha512 => 2_u32,
    };
    let mut blob = vec![1];
    for number in [digest, rounds, 16] {
        blob.extend(number.to_be_bytes());
    }
    blob.resize(blob.len() + 16 + bytes, 0);
    Some(format!("{prefix}{}", STANDARD.encode(blob)))
}
