//! Which stored password hashes are understood, and does a password match one?
//!
//! New hashes are argon2id in PHC form. Every other format is only read, so that people keep their passwords
//! when they move here; `Hash::is_current` tells when to write a new one.

mod argon2;
mod bcrypt;
mod pbkdf2;
mod prepare;
mod reading;
mod scrypt;
mod workspace;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_hostile;

pub use argon2::{decoy, write};
pub use prepare::{
    Candidates, MAX_BYTES, MAX_CODE_POINTS, MAX_TYPED_BYTES, PasswordFault, Prepared, Verdict, prepare,
};
pub use workspace::{Backend, Params, Workspace};

use reading::Reading;

/// The longest stored hash that is looked at, in bytes (SEC-114).
pub const MAX_HASH_BYTES: usize = 512;

/// One way of storing a password: who wrote it and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// PHC `$argon2id$…`: what is written here.
    Argon2id,
    /// PHC `$argon2i$…`.
    Argon2i,
    /// PHC `$argon2d$…`.
    Argon2d,
    /// Django's `argon2$argon2id$…`, in old releases `argon2$argon2i$…`.
    DjangoArgon2,
    /// Django's `pbkdf2_sha256$rounds$salt$hash`.
    DjangoPbkdf2Sha256,
    /// Django's `pbkdf2_sha1$rounds$salt$hash`.
    DjangoPbkdf2Sha1,
    /// Django's `bcrypt_sha256$$2b$…`: bcrypt over the hexadecimal SHA-256 of the password.
    DjangoBcryptSha256,
    /// Django's `bcrypt$$2b$…`.
    DjangoBcrypt,
    /// Django's `scrypt$N$salt$r$p$hash`.
    DjangoScrypt,
    /// `$2a$ $2b$ $2x$ $2y$`, as crypt(3), PHP, Node and Python write it.
    Bcrypt,
    /// PHC `$scrypt$ln=…,r=…,p=…$salt$hash`.
    Scrypt,
}

impl Scheme {
    /// The name used in messages, reports and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Argon2id => "argon2id",
            Scheme::Argon2i => "argon2i",
            Scheme::Argon2d => "argon2d",
            Scheme::DjangoArgon2 => "django_argon2",
            Scheme::DjangoPbkdf2Sha256 => "django_pbkdf2_sha256",
            Scheme::DjangoPbkdf2Sha1 => "django_pbkdf2_sha1",
            Scheme::DjangoBcryptSha256 => "django_bcrypt_sha256",
            Scheme::DjangoBcrypt => "django_bcrypt",
            Scheme::DjangoScrypt => "django_scrypt",
            Scheme::Bcrypt => "bcrypt",
            Scheme::Scrypt => "scrypt",
        }
    }
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What checking one hash may cost at most (SEC-114). Every field is stated in every row of `FORMATS`.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Time, in the unit of the format: argon2 passes, PBKDF2 rounds, bcrypt's log₂ cost, scrypt's N·r·p.
    pub rounds: u32,
    /// Lanes (argon2 and scrypt `p`).
    pub lanes: u32,
    /// Salt and hash, each, in bytes.
    pub bytes: usize,
}

/// One row of the table: a format, how it is recognised, and what it may cost.
#[derive(Debug)]
pub struct Format {
    /// The scheme this row reads.
    pub scheme: Scheme,
    /// A stored hash belongs to this row if it begins with one of these. No prefix begins another one.
    pub prefixes: &'static [&'static str],
    /// The costs above which a hash is refused before anything is allocated.
    pub caps: Caps,
    parse: fn(&Reading<'_>) -> Result<Kind, HashFault>,
}

const ARGON2: Caps = Caps { memory_kib: 256 * 1024, rounds: 16, lanes: 16, bytes: 128 };
const PBKDF2: Caps = Caps { memory_kib: 1, rounds: 5_000_000, lanes: 1, bytes: 128 };
const BCRYPT: Caps = Caps { memory_kib: bcrypt::MEMORY_KIB, rounds: 15, lanes: 1, bytes: 128 };
/// 256 MiB, and four times the mixing that fills them: about as long as bcrypt at its own cap.
const SCRYPT: Caps = Caps { memory_kib: 256 * 1024, rounds: 8 * 1024 * 1024, lanes: 16, bytes: 128 };

/// Every format that is understood. A stored hash that fits no row is refused by name.
pub static FORMATS: [Format; 11] = [
    Format { scheme: Scheme::Argon2id, prefixes: &["$argon2id$"], caps: ARGON2, parse: argon2::parse },
    Format { scheme: Scheme::Argon2i, prefixes: &["$argon2i$"], caps: ARGON2, parse: argon2::parse },
    Format { scheme: Scheme::Argon2d, prefixes: &["$argon2d$"], caps: ARGON2, parse: argon2::parse },
    Format {
        scheme: Scheme::DjangoArgon2,
        prefixes: &["argon2$"],
        caps: ARGON2,
        parse: argon2::parse_django,
    },
    Format {
        scheme: Scheme::DjangoPbkdf2Sha256,
        prefixes: &["pbkdf2_sha256$"],
        caps: PBKDF2,
        parse: pbkdf2::parse_sha256,
    },
    Format {
        scheme: Scheme::DjangoPbkdf2Sha1,
        prefixes: &["pbkdf2_sha1$"],
        caps: PBKDF2,
        parse: pbkdf2::parse_sha1,
    },
    Format {
        scheme: Scheme::DjangoBcryptSha256,
        prefixes: &["bcrypt_sha256$"],
        caps: BCRYPT,
        parse: bcrypt::parse_django_sha256,
    },
    Format {
        scheme: Scheme::DjangoBcrypt,
        prefixes: &["bcrypt$"],
        caps: BCRYPT,
        parse: bcrypt::parse_django,
    },
    Format {
        scheme: Scheme::DjangoScrypt,
        prefixes: &["scrypt$"],
        caps: SCRYPT,
        parse: scrypt::parse_django,
    },
    Format {
        scheme: Scheme::Bcrypt,
        prefixes: &["$2a$", "$2b$", "$2x$", "$2y$"],
        caps: BCRYPT,
        parse: bcrypt::parse,
    },
    Format { scheme: Scheme::Scrypt, prefixes: &["$scrypt$"], caps: SCRYPT, parse: scrypt::parse },
];

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
        for format in &FORMATS {
            if let Some(prefix) = format.prefixes.iter().find(|prefix| text.starts_with(**prefix)) {
                let kind = (format.parse)(&Reading { text, prefix, format })?;
                return Ok(Hash { scheme: format.scheme, kind, decoy: false });
            }
        }
        Err(HashFault::UnknownScheme)
    }

    /// The scheme the hash was stored with.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The memory one check takes, in KiB: its weight against the memory the hashing threads may use together.
    pub fn memory_kib(&self) -> u32 {
        match &self.kind {
            Kind::Argon2(hash) => hash.memory_kib(),
            Kind::Pbkdf2(_) => 1,
            Kind::Bcrypt(_) => bcrypt::MEMORY_KIB,
            Kind::Scrypt(hash) => hash.memory_kib(),
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
        };
        right && !self.decoy
    }

    /// Whether this is what `write` would make now or stronger, so that no new hash has to be written (SEC-08).
    pub fn is_current(&self, params: &Params) -> bool {
        match &self.kind {
            Kind::Argon2(hash) => self.scheme == Scheme::Argon2id && hash.is_at_least(params),
            Kind::Pbkdf2(_) | Kind::Bcrypt(_) | Kind::Scrypt(_) => false,
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
    /// Reads the column. Empty, `!…` (Django, shadow) and the `*` markers of crypt(3) and shadow mean "no password".
    ///
    /// # Errors
    /// As `Hash::parse`. MySQL's `*` followed by 40 digits is a digest, not a marker, and is refused.
    pub fn parse(text: &str) -> Result<Stored, HashFault> {
        let marker = text.starts_with('!') || matches!(text, "" | "*" | "*0" | "*1" | "*LK*" | "*NP*");
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
