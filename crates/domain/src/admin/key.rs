//! What is an admin key?
//!
//! `csk_` and the key's number, then 256 bits that only its holder has. The store keeps a digest (SEC-94).

use super::Scopes;
use crate::id::UserId;
use crate::secret::Secret;
use crate::time::Moment;
use crate::token::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

const PREFIX: &str = "csk_";
/// Hexadecimal digits of the number.
const ID_DIGITS: usize = 16;
/// Bytes of the secret.
pub const SECRET_BYTES: usize = 32;
/// base64url of the secret.
const SECRET_TEXT: usize = 43;
/// The longest life of a key, in days.
pub const MAX_DAYS: i64 = 365;
/// Most code points of a key's name.
pub const MAX_NAME: usize = 80;
/// Most keys that are not over, of one administrator or of the console.
pub const MAX_KEYS: usize = 20;

/// The number of a key; random, so that it counts nothing. Not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub i64);

impl KeyId {
    /// From eight random bytes; the sign bit is cut off.
    pub const fn from_bytes(bytes: [u8; 8]) -> KeyId {
        KeyId(i64::from_be_bytes(bytes) & i64::MAX)
    }

    /// Reads 16 lower-case hexadecimal digits. Refused: any other text.
    pub fn parse(text: &str) -> Option<KeyId> {
        let plain = text.len() == ID_DIGITS
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if !plain {
            return None;
        }
        i64::from_str_radix(text, 16).ok().map(KeyId)
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text that a holder sends.
pub fn text(id: KeyId, secret: &[u8; SECRET_BYTES]) -> Secret {
    Secret::new(format!("{PREFIX}{id}_{}", BASE64URL.encode(secret)))
}

/// The text of a bootstrap token (SEC-91).
pub fn bootstrap_text(secret: &[u8; SECRET_BYTES]) -> Secret {
    Secret::new(format!("csb_{}", BASE64URL.encode(secret)))
}

/// Whether a credential is meant to be an admin key.
pub fn looks_like(credential: &str) -> bool {
    credential.starts_with(PREFIX)
}

/// The number in a key's text and what the store has to hold for it. Refused: a text that is no key.
pub fn read(credential: &str) -> Option<(KeyId, Digest)> {
    let (id, secret) = credential.strip_prefix(PREFIX)?.split_at_checked(ID_DIGITS)?;
    let secret = secret.strip_prefix('_')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if secret.len() != SECRET_TEXT || !secret.bytes().all(plain) {
        return None;
    }
    Some((KeyId::parse(id)?, Digest::of(credential)))
}

/// A key as it may be shown. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminKey {
    /// Its number.
    pub id: KeyId,
    /// For people.
    pub name: String,
    /// What it may do, at most.
    pub scopes: Scopes,
    /// Who made it; absent = the console. Its scopes end with theirs.
    pub owner: Option<UserId>,
    /// When it was made.
    pub created_at: Moment,
    /// When it ends.
    pub expires_at: Moment,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Moment>,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
}

impl AdminKey {
    /// Whether it opens anything at this moment.
    pub fn is_live(&self, now: Moment) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewAdminKey {
    /// The key.
    pub key: AdminKey,
    /// SHA-256 of its whole text.
    pub digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_text_alone() {
        let id = KeyId::from_bytes([0xff; 8]);
        let text = text(id, &[7; SECRET_BYTES]);
        let (read_id, digest) = read(text.expose()).unwrap();
        assert_eq!((read_id, digest), (id, Digest::of(text.expose())));
        assert_eq!(KeyId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn texts_that_are_no_key_are_refused() {
        let good = text(KeyId(5), &[7; SECRET_BYTES]);
        let good = good.expose();
        for bad in [
            String::new(),
            "csk_".to_owned(),
            good.to_uppercase(),
            format!("{good}A"),
            good[..good.len() - 1].to_owned(),
            good.replace("csk_", "csr_"),
            good.replacen("0000", "000g", 1),
            good.replacen("csk_0", "csk_8", 1).replacen("csk_8", "csk_f", 1),
            format!("csk_é{}", &good[6..]),
            good.replace('B', "/"),
        ] {
            assert!(read(&bad).is_none(), "{bad}");
        }
    }
}
