//! Which hashes of other forms are kept behind a scheme in braces?
//!
//! `{CRYPT}` before what crypt(3) writes (LDAP, RFC 2307), `{ARGON2}` before a PHC string (OpenLDAP, Spring Security),
//! `{bcrypt}` (Spring Security). `{PBKDF2…}` is a prefix of the form of Passlib. `{SSHA}` and its like are weak digests.

use super::Scheme;

const CRYPT: &str = "{CRYPT}";
const ARGON2: &str = "{ARGON2}";
const BCRYPT: &str = "{bcrypt}";

/// The hash behind the braces and the schemes it may be of. None without such braces.
pub(super) fn unwrap(text: &str) -> Option<(&str, &'static [Scheme])> {
    if let Some(rest) = strip(text, CRYPT) {
        return Some((rest, &[Scheme::Bcrypt, Scheme::Sha256Crypt, Scheme::Sha512Crypt]));
    }
    if let Some(rest) = strip(text, BCRYPT) {
        return Some((rest, &[Scheme::Bcrypt]));
    }
    let rest = strip(text, ARGON2)?;
    Some((rest, &[Scheme::Argon2id, Scheme::Argon2i, Scheme::Argon2d]))
}

/// What is behind `{CRYPT}`, or the text as it is: what may be a mark for "no password".
pub(super) fn without_crypt(text: &str) -> &str {
    strip(text, CRYPT).unwrap_or(text)
}

/// RFC 2307 compares the names of schemes without regard to case.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
