//! Which formats are read, how is each recognised, and what may it cost?

use super::reading::Reading;
use super::{
    HashFault, Kind, Scheme, argon2, aspnet, bcrypt, better_auth, firebase, passlib, pbkdf2, phpass, scrypt,
    sha_crypt, werkzeug, wordpress, wrapped,
};

/// What checking one hash may cost at most (SEC-114). Every field is stated in every row of `FORMATS`.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Time, in the unit of the format: argon2 passes, rounds (PBKDF2, for each block of the hash), bcrypt's log₂ cost,
    /// scrypt's N·r·p, rounds (phpass, crypt(3)).
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
    /// A stored hash belongs to this row if it begins with one of these. No prefix begins another one. Prefixes with
    /// braces (LDAP, RFC 2307) are compared without regard to case.
    pub prefixes: &'static [&'static str],
    /// How a hash without a prefix of its own is recognised; asked before all prefixes.
    pub shape: Option<fn(&str) -> bool>,
    /// The costs above which a hash is refused before anything is allocated.
    pub caps: Caps,
    pub(super) parse: fn(&Reading<'_>) -> Result<Kind, HashFault>,
    /// A text of this format that costs as much as `Hash::cost` says and belongs to nobody; given the first prefix.
    pub(super) sample: fn(&str, &str) -> Option<String>,
}

type Parse = fn(&Reading<'_>) -> Result<Kind, HashFault>;
type Sample = fn(&str, &str) -> Option<String>;

const fn row(
    scheme: Scheme,
    prefixes: &'static [&'static str],
    caps: Caps,
    parse: Parse,
    sample: Sample,
) -> Format {
    Format { scheme, prefixes, shape: None, caps, parse, sample }
}

const ARGON2: Caps = Caps { memory_kib: 256 * 1024, rounds: 16, lanes: 16, bytes: 128 };
const PBKDF2: Caps = Caps { memory_kib: 1, rounds: 5_000_000, lanes: 1, bytes: 128 };
const BCRYPT: Caps = Caps { memory_kib: bcrypt::MEMORY_KIB, rounds: 15, lanes: 1, bytes: 128 };
/// 256 MiB, and four times the mixing that fills them: about as long as bcrypt at its own cap.
const SCRYPT: Caps = Caps { memory_kib: 256 * 1024, rounds: 8 * 1024 * 1024, lanes: 16, bytes: 128 };
/// 512 times what WordPress asks for.
const PHPASS: Caps = Caps { memory_kib: 1, rounds: 1 << 22, lanes: 1, bytes: 128 };
/// About half a second for a short password, four for the longest.
const SHA_CRYPT: Caps = Caps { memory_kib: 1, rounds: 1_000_000, lanes: 1, bytes: 128 };

/// Every format that is understood. A stored hash that fits no row is refused by name.
pub static FORMATS: [Format; 23] = [
    Format {
        shape: Some(wrapped::recognise),
        ..row(Scheme::Wrapped, &[], ARGON2, wrapped::parse, wrapped::sample)
    },
    row(Scheme::Argon2id, &["$argon2id$"], ARGON2, argon2::parse, argon2::sample),
    row(Scheme::Argon2i, &["$argon2i$"], ARGON2, argon2::parse, argon2::sample),
    row(Scheme::Argon2d, &["$argon2d$"], ARGON2, argon2::parse, argon2::sample),
    row(Scheme::DjangoArgon2, &["argon2$"], ARGON2, argon2::parse_django, argon2::sample_django),
    row(
        Scheme::DjangoPbkdf2Sha256,
        &["pbkdf2_sha256$"],
        PBKDF2,
        pbkdf2::parse_django_sha256,
        pbkdf2::sample_django_sha256,
    ),
    row(
        Scheme::DjangoPbkdf2Sha1,
        &["pbkdf2_sha1$"],
        PBKDF2,
        pbkdf2::parse_django_sha1,
        pbkdf2::sample_django_sha1,
    ),
    row(
        Scheme::DjangoBcryptSha256,
        &["bcrypt_sha256$"],
        BCRYPT,
        bcrypt::parse_django_sha256,
        bcrypt::sample_django,
    ),
    row(Scheme::DjangoBcrypt, &["bcrypt$"], BCRYPT, bcrypt::parse_django, bcrypt::sample_django),
    row(Scheme::DjangoScrypt, &["scrypt$"], SCRYPT, scrypt::parse_django, scrypt::sample_django),
    row(Scheme::Bcrypt, &["$2b$", "$2a$", "$2x$", "$2y$"], BCRYPT, bcrypt::parse, bcrypt::sample),
    row(Scheme::Scrypt, &["$scrypt$"], SCRYPT, scrypt::parse, scrypt::sample),
    row(Scheme::WerkzeugPbkdf2, &["pbkdf2:"], PBKDF2, werkzeug::parse_pbkdf2, werkzeug::sample_pbkdf2),
    row(Scheme::WerkzeugScrypt, &["scrypt:"], SCRYPT, werkzeug::parse_scrypt, werkzeug::sample_scrypt),
    row(
        Scheme::Pbkdf2,
        &[
            "$pbkdf2-sha256$",
            "$pbkdf2$",
            "$pbkdf2-sha1$",
            "$pbkdf2-sha512$",
            "{PBKDF2}",
            "{PBKDF2-SHA1}",
            "{PBKDF2-SHA256}",
            "{PBKDF2-SHA512}",
        ],
        PBKDF2,
        passlib::parse_pbkdf2,
        passlib::sample_pbkdf2,
    ),
    row(
        Scheme::PasslibBcryptSha256,
        &["$bcrypt-sha256$"],
        BCRYPT,
        passlib::parse_bcrypt,
        passlib::sample_bcrypt,
    ),
    row(Scheme::Phpass, &["$P$", "$H$"], PHPASS, phpass::parse, phpass::sample),
    row(Scheme::WordPress, &["$wp$2y$"], BCRYPT, wordpress::parse, wordpress::sample),
    row(Scheme::Sha256Crypt, &["$5$"], SHA_CRYPT, sha_crypt::parse_256, sha_crypt::sample),
    row(Scheme::Sha512Crypt, &["$6$"], SHA_CRYPT, sha_crypt::parse_512, sha_crypt::sample),
    row(Scheme::FirebaseScrypt, &["$fbscrypt$"], SCRYPT, firebase::parse, firebase::sample),
    Format {
        shape: Some(aspnet::recognise),
        ..row(
            Scheme::AspNetIdentity,
            &["$aspnet$", "AQAAAAAA", "AQAAAAEA", "AQAAAAIA"],
            PBKDF2,
            aspnet::parse,
            aspnet::sample,
        )
    },
    Format {
        shape: Some(better_auth::recognise),
        ..row(Scheme::BetterAuth, &[], SCRYPT, better_auth::parse, better_auth::sample)
    },
];

/// The row a text belongs to, and the prefix by which it was recognised.
pub(super) fn recognise(text: &str) -> Option<(&'static Format, &'static str)> {
    let shaped = FORMATS.iter().find(|format| format.shape.is_some_and(|shape| shape(text)));
    if let Some(format) = shaped {
        return Some((format, ""));
    }
    FORMATS.iter().find_map(|format| {
        let prefix = format.prefixes.iter().find(|prefix| begins_with(text, prefix))?;
        Some((format, *prefix))
    })
}

fn begins_with(text: &str, prefix: &str) -> bool {
    let head = text.get(..prefix.len()).unwrap_or_default();
    if prefix.starts_with('{') { head.eq_ignore_ascii_case(prefix) } else { head == prefix }
}
