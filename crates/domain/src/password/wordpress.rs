//! How are the hashes of WordPress since 6.8 read?
//!
//! `$wp` before a bcrypt hash of the base64 of HMAC-SHA-384 of the password, whose key is `wp-sha384`. White space is
//! taken off both ends first: WordPress does so when it hashes (`wp_hash_password`) and when somebody signs in
//! (`wp_authenticate`). What it wrote before is phpass.

use super::bcrypt::{self, Bcrypt};
use super::reading::Reading;
use super::{HashFault, Kind};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// `$wp$2y$10$` and 53 characters.
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let text = reading.text.strip_prefix("$wp").unwrap_or_default();
    Bcrypt::of_digest(reading, text, digest).map(Kind::Bcrypt)
}

fn digest(password: &[u8], _salt: &str) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA384, b"wp-sha384");
    Zeroizing::new(STANDARD.encode(hmac::sign(&key, trim(password))))
}

/// What PHP's `trim` leaves.
pub(super) fn trim(password: &[u8]) -> &[u8] {
    let inside = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0);
    let start = password.iter().position(inside).unwrap_or(password.len());
    let end = password.iter().rposition(inside).map_or(start, |last| last + 1);
    &password[start..end]
}

/// A hash of nobody.
pub(super) fn sample(prefix: &str, cost: &str) -> Option<String> {
    bcrypt::sample(prefix, cost)
}
