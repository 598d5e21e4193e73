//! In which ways are passwords stored, and what are those ways called?

use super::{phpass, sha_crypt};

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
    /// Werkzeug's (Flask's) `pbkdf2:sha256:rounds$salt$hex`.
    WerkzeugPbkdf2,
    /// Werkzeug's (Flask's) `scrypt:N:r:p$salt$hex`.
    WerkzeugScrypt,
    /// `$pbkdf2-sha256$rounds$salt$hash` as Passlib, OpenLDAP and Auth0 write it; Keycloak's hashes are stored so, too.
    Pbkdf2,
    /// Passlib's `$bcrypt-sha256$…`: bcrypt over the base64 of a digest of the password.
    PasslibBcryptSha256,
    /// phpass, `$P$…` and `$H$…`: WordPress until 6.7, phpBB and others.
    Phpass,
    /// `$wp$2y$…`: WordPress since 6.8.
    WordPress,
    /// `$5$…` of crypt(3).
    Sha256Crypt,
    /// `$6$…` of crypt(3).
    Sha512Crypt,
    /// `$fbscrypt$…`: Firebase Authentication, in the form of Supabase.
    FirebaseScrypt,
    /// ASP.NET Identity, versions 2 and 3: base64.
    AspNetIdentity,
    /// better-auth, Lucia and Oslo: `salt:key` in hexadecimal digits.
    BetterAuth,
    /// `$argon2id$…,data=…$…`: argon2id over a weak digest of the password (SEC-115).
    Wrapped,
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
            Scheme::WerkzeugPbkdf2 => "werkzeug_pbkdf2",
            Scheme::WerkzeugScrypt => "werkzeug_scrypt",
            Scheme::Pbkdf2 => "pbkdf2",
            Scheme::PasslibBcryptSha256 => "passlib_bcrypt_sha256",
            Scheme::Phpass => "phpass",
            Scheme::WordPress => "wordpress",
            Scheme::Sha256Crypt => "sha256_crypt",
            Scheme::Sha512Crypt => "sha512_crypt",
            Scheme::FirebaseScrypt => "firebase_scrypt",
            Scheme::AspNetIdentity => "aspnet_identity",
            Scheme::BetterAuth => "better_auth",
            Scheme::Wrapped => "wrapped",
        }
    }

    /// The scheme with this name.
    pub fn named(name: &str) -> Option<Scheme> {
        super::FORMATS.iter().map(|format| format.scheme).find(|scheme| scheme.name() == name)
    }

    /// How many times as long as for a short password a check may take for this one, at most. One, but for the schemes
    /// that hash the password itself in every round: these are slower for a long one (SEC-12).
    pub fn stretch(self, password: &[u8]) -> u32 {
        match self {
            Scheme::Phpass => phpass::stretch(password),
            Scheme::Sha256Crypt | Scheme::Sha512Crypt => sha_crypt::stretch(password),
            Scheme::Argon2id
            | Scheme::Argon2i
            | Scheme::Argon2d
            | Scheme::DjangoArgon2
            | Scheme::DjangoPbkdf2Sha256
            | Scheme::DjangoPbkdf2Sha1
            | Scheme::DjangoBcryptSha256
            | Scheme::DjangoBcrypt
            | Scheme::DjangoScrypt
            | Scheme::Bcrypt
            | Scheme::Scrypt
            | Scheme::WerkzeugPbkdf2
            | Scheme::WerkzeugScrypt
            | Scheme::Pbkdf2
            | Scheme::PasslibBcryptSha256
            | Scheme::WordPress
            | Scheme::FirebaseScrypt
            | Scheme::AspNetIdentity
            | Scheme::BetterAuth
            | Scheme::Wrapped => 1,
        }
    }

    /// Whether Django writes it.
    pub(super) fn is_django(self) -> bool {
        self.name().starts_with("django_")
    }
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
