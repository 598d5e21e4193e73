//! Which keys did the application sign with before the move, and is a given text one that they signed?
//!
//! They verify and nothing else. What they signed is never a token of ours, whatever it says.

use super::claims::Claims;
use super::jwt::{Header, TokenFault, read_header, signed_by, three_parts};
use super::keys::{Key, KeyFault, MAX_KEYS};

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// It opens what needs a user.
    Access,
    /// It is exchanged.
    Refresh,
}

/// A key of the application, with the name that it has there.
#[derive(Clone, Debug)]
pub struct OldKey {
    /// The key.
    pub key: Key,
    /// Its `kid` in the application's own key set; none for shared secrets, and for keys without a name.
    pub kid: Option<String>,
}

/// The keys that the application signed with before the move.
#[derive(Clone, Debug)]
pub struct OldKeys {
    general: Vec<OldKey>,
    refresh: Option<Key>,
}

impl OldKeys {
    /// Keys for all kinds of token; with `refresh`, a secret that only refresh tokens are signed with and that nothing
    /// else signs those with.
    ///
    /// Refused: none at all, more than [`MAX_KEYS`], two with one name, and one key twice.
    pub fn new(general: Vec<OldKey>, refresh: Option<Key>) -> Result<OldKeys, KeyFault> {
        if general.len() > MAX_KEYS {
            return Err(KeyFault::TooMany);
        }
        if general.is_empty() && refresh.is_none() {
            return Err(KeyFault::Unusable);
        }
        for (at, one) in general.iter().enumerate() {
            let before = &general[..at];
            let named = one.kid.is_some() && before.iter().any(|other| other.kid == one.kid);
            let known =
                one.key.kid().is_some() && before.iter().any(|other| other.key.kid() == one.key.kid());
            if named || known {
                return Err(KeyFault::Twice);
            }
        }
        Ok(OldKeys { general, refresh })
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.general.iter().map(|one| &one.key).chain(&self.refresh)
    }

    /// The keys for all kinds of token, with their names.
    pub fn general(&self) -> &[OldKey] {
        &self.general
    }

    /// Whether refresh tokens have a secret of their own.
    pub fn tells_refresh(&self) -> bool {
        self.refresh.is_some()
    }

    /// The claims of a token that one of these keys signed, with that key's own algorithm, for this use.
    ///
    /// Only form and signature are checked. `kid` selects among the keys that have a name; `jku`, `jwk`, `x5u` and
    /// `x5c` are never read; `crit` and `b64` are refused (RFC 8725 section 3.1, 3.10).
    pub fn verify(&self, token: &str, usage: TokenUse) -> Result<Claims, TokenFault> {
        let parts = three_parts(token)?;
        let header = read_header(parts.0)?;
        match (&self.refresh, usage) {
            (Some(key), TokenUse::Refresh) => {
                let fits = key.algorithm() == header.algorithm;
                signed_by(token, parts, fits.then_some(key).into_iter())
            }
            (Some(_), TokenUse::Access) | (None, _) => signed_by(
                token,
                parts,
                self.general.iter().filter(|one| one.fits(&header)).map(|one| &one.key),
            ),
        }
    }
}

impl OldKey {
    fn fits(&self, header: &Header<'_>) -> bool {
        let named =
            header.kid.is_none() || self.kid.is_none() || self.kid.as_deref() == header.kid.as_deref();
        self.key.algorithm() == header.algorithm && named
    }
}
