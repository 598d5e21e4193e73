//! Which stored password hashes are understood, and does a password match one?
//!
//! New hashes are argon2id in PHC form. Every other format is only read, so that people keep their passwords
//! when they move here; `Hash::is_current` tells when to write a new one.

mod argon2;
pub mod aspnet;
mod bcrypt;
mod better_auth;
mod braces;
mod crypt64;
pub mod firebase;
mod formats;
pub mod keycloak;
mod passlib;
mod pbkdf2;
mod phpass;
mod prepare;
mod reading;
mod scheme;
mod scrypt;
mod sha_crypt;
pub mod weak;
mod werkzeug;
mod wordpress;
mod workspace;
mod wrapped;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_moving;
#[cfg(test)]
mod tests_weak;

pub use argon2::{decoy, write};
pub use formats::{Caps, FORMATS, Format};
pub use passlib::pbkdf2_text;
pub use pbkdf2::Pbkdf2Digest;
pub use prepare::{
    Candidates, MAX_BYTES, MAX_CODE_POINTS, MAX_TYPED_BYTES, PasswordFault, Prepared, Verdict, prepare,
};
pub use scheme::Scheme;
pub use workspace::{Backend, Params, Workspace};

use reading::Reading;

/// The longest stored hash that is looked at, in bytes (SEC-114).
pub const MAX_HASH_BYTES: usize = 512;

/// Why a text is not taken as a stored hash. Never contains the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// No row of `FORMATS` begins like this.
    #[error("this is not a password hash of a known scheme")]
    UnknownScheme,
    /// Longer than `MAX_HASH_BYTES`.
    #[error("the password hash is {bytes} bytes long, at most {MAX_HASH_BYTES} are read")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The hash asks for more work or memory than is ever granted (SEC-114).
    #[error("{scheme}: {cap} is {value}, at most {most} is allowed")]
    OverCap {
        /// The scheme of the hash.
        scheme: Scheme,
        /// What is too large, with its unit.
        cap: &'static str,
        /// What the hash asks for; the largest number if it is larger still.
        value: u64,
        /// What is allowed.
        most: u64,
    },
    /// The text does not follow the format.
    #[error("{scheme}: {what}")]
    Malformed {
        /// The scheme whose prefix the text has.
        scheme: Scheme,
        /// What is wrong.
        what: &'static str,
    },
}

/// The parsed form, by algorithm.
#[derive(Clone)]
enum Kind {
    Argon2(argon2::Argon2),
    Pbkdf2(pbkdf2::Pbkdf2),
    Bcrypt(bcrypt::Bcrypt),
    Scrypt(scrypt::Scrypt),
    Phpass(phpass::Phpass),
    ShaCrypt(sha_crypt::ShaCrypt),
    Firebase(firebase::Firebase),
    BetterAuth(better_auth::BetterAuth),
    Wrapped(wrapped::Wrapped),
}

/// A stored password hash whose form and cost have been checked.
#[derive(Clone)]
pub struct Hash {
    scheme: Scheme,
    kind: Kind,
    decoy: bool,
}

impl Hash {
    /// Reads a stored hash.
    ///
    /// # Errors
    /// An unknown scheme, a broken form, or a cost over its cap. Nothing large is allocated in any case.
    pub fn parse(text: &str) -> Result<Hash, HashFault> {
        if text.len() > MAX_HASH_BYTES {
            return Err(HashFault::TooLong { bytes: text.len() });
        }
        match braces::unwrap(text) {
            None => Hash::parse_bare(text),
            Some((inner, schemes)) => {
                let hash = Hash::parse_bare(inner)?;
                if schemes.contains(&hash.scheme) { Ok(hash) } else { Err(HashFault::UnknownScheme) }
            }
        }
    }

    fn parse_bare(text: &str) -> Result<Hash, HashFault> {
        let (format, prefix) = formats::recognise(text).ok_or(HashFault::UnknownScheme)?;
        let kind = (format.parse)(&Reading { text, prefix, format })?;
        Ok(Hash { scheme: format.scheme, kind, decoy: false })
    }

    /// A hash of this scheme and cost that belongs to nobody: to learn how long such hashes take. None if `name` is no
    /// scheme, or `cost` is nothing that `Hash::cost` says.
    pub fn sample(name: &str, cost: &str) -> Option<Hash> {
        let format = FORMATS.iter().find(|format| format.scheme.name() == name)?;
        let text = (format.sample)(format.prefixes.first().unwrap_or(&""), cost)?;
        Hash::parse(&text).ok().filter(|hash| hash.scheme == format.scheme)
    }

    /// The scheme the hash was stored with.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What one check costs, in the words of the scheme: all hashes with the same scheme and cost take the same time.
    ///
    /// `m=19456,t=2,p=1` (argon2), `12` (bcrypt), `ln=15,r=8,p=1` (scrypt; Django `n=16384,r=8,p=5`), the rounds (Django's
    /// PBKDF2), `sha256,600000,32` (other PBKDF2: digest, rounds, bytes of the hash), the rounds (phpass, crypt(3)).
    pub fn cost(&self) -> String {
        match &self.kind {
            Kind::Argon2(hash) => hash.cost(),
            Kind::Pbkdf2(hash) if self.scheme.is_django() => hash.rounds().to_string(),
            Kind::Pbkdf2(hash) => hash.cost(),
            Kind::Bcrypt(hash) => hash.cost(),
            Kind::Scrypt(hash) if self.scheme.is_django() => hash.django_cost(),
            Kind::Scrypt(hash) => hash.cost(),
            Kind::Phpass(hash) => hash.cost(),
            Kind::ShaCrypt(hash) => hash.cost(),
            Kind::Firebase(hash) => hash.cost(),
            Kind::BetterAuth(hash) => hash.cost(),
            Kind::Wrapped(hash) => hash.cost(),
        }
    }

    /// The memory one check takes, in KiB: its weight against the memory the hashing threads may use together.
    pub fn memory_kib(&self) -> u32 {
        match &self.kind {
            Kind::Argon2(hash) => hash.memory_kib(),
            Kind::Pbkdf2(_) | Kind::Phpass(_) | Kind::ShaCrypt(_) => 1,
            Kind::Bcrypt(_) => bcrypt::MEMORY_KIB,
            Kind::Scrypt(hash) => hash.memory_kib(),
            Kind::Firebase(hash) => hash.memory_kib(),
            Kind::BetterAuth(hash) => hash.memory_kib(),
            Kind::Wrapped(hash) => hash.memory_kib(),
        }
    }

    /// Whether the password is the one that was hashed. The hashes are compared in constant time.
    ///
    /// The bytes are taken as they are; `Candidates` decides which forms of a typed password to try.
    ///
    /// # Panics
    /// When the system does not give the memory the hash needs.
    pub fn verify(&self, password: &[u8], workspace: &mut Workspace) -> bool {
        let right = match &self.kind {
            Kind::Argon2(hash) => hash.verify(password, workspace),
            Kind::Pbkdf2(hash) => hash.verify(password),
            Kind::Bcrypt(hash) => hash.verify(password),
            Kind::Scrypt(hash) => hash.verify(password),
            Kind::Phpass(hash) => hash.verify(password),
            Kind::ShaCrypt(hash) => hash.verify(password),
            Kind::Firebase(hash) => hash.verify(password),
            Kind::BetterAuth(hash) => hash.verify(password),
            Kind::Wrapped(hash) => hash.verify(password, workspace),
        };
        right && !self.decoy
    }

    /// Whether this is what `write` would make now or stronger, so that no new hash has to be written (SEC-08).
    pub fn is_current(&self, params: &Params) -> bool {
        match &self.kind {
            Kind::Argon2(hash) => self.scheme == Scheme::Argon2id && hash.is_at_least(params),
            Kind::Pbkdf2(_)
            | Kind::Bcrypt(_)
            | Kind::Scrypt(_)
            | Kind::Phpass(_)
            | Kind::ShaCrypt(_)
            | Kind::Firebase(_)
            | Kind::BetterAuth(_)
            | Kind::Wrapped(_) => false,
        }
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hash({})", self.scheme)
    }
}

/// What a user's password column holds.
#[derive(Clone, Debug)]
pub enum Stored {
    /// A hash that a password may match.
    Usable(Hash),
    /// No password: nothing ever matches (SEC-116). Check a `decoy` in its place.
    Unusable,
}

impl Stored {
    /// Reads the column. Empty, `!…` (Django, shadow) and the `*` markers of crypt(3) and shadow mean "no password",
    /// also behind `{CRYPT}`.
    ///
    /// # Errors
    /// As `Hash::parse`. MySQL's `*` followed by 40 digits is a digest, not a marker, and is refused.
    pub fn parse(text: &str) -> Result<Stored, HashFault> {
        let mark = braces::without_crypt(text);
        let marker = mark.starts_with('!') || matches!(mark, "" | "*" | "*0" | "*1" | "*LK*" | "*NP*");
        if marker { Ok(Stored::Unusable) } else { Hash::parse(text).map(Stored::Usable) }
    }

    /// The hash, if there is one.
    pub fn hash(&self) -> Option<&Hash> {
        match self {
            Stored::Usable(hash) => Some(hash),
            Stored::Unusable => None,
        }
    }
}
