//! What is a weak digest of a password, and how is it stored all the same?
//!
//! MD5, SHA-1 and the SHA-2 family, salted or not, are guessed by the billion each second. They are never stored and
//! never read from the database. At import argon2id is computed over the digest (SEC-115), and what is stored is a PHC
//! string of argon2id whose `data` says how the digest was made (`wrapped`). The digest itself then opens nothing.

use super::reading::unhex;
use super::{HashFault, MAX_HASH_BYTES, Params, Scheme, Workspace, write};
use crate::secret::SecretBytes;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use md5::Digest as _;
use zeroize::Zeroizing;

/// The longest salt, in bytes (SEC-114).
const MAX_SALT_BYTES: usize = 128;

/// The digest that was made of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1 of the SHA-1, as MySQL's `PASSWORD()` made it; never salted.
    DoubleSha1,
}

/// Where the salt stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Before the password: Django, Passlib, most others.
    #[default]
    SaltFirst,
    /// Behind the password: LDAP.
    SaltLast,
    /// It is the key of an HMAC over the password: Werkzeug before 3.
    HmacSalt,
}

impl Algorithm {
    const ALL: [Algorithm; 5] =
        [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512, Algorithm::DoubleSha1];

    /// The name written into the stored text, and before the first `$` by Django.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
            Algorithm::DoubleSha1 => "sha1-sha1",
        }
    }

    /// How long the digest is.
    pub fn bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha1 | Algorithm::DoubleSha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }

    /// The block of its HMAC (RFC 2104), in bytes.
    fn block(self) -> usize {
        if self == Algorithm::Sha512 { 128 } else { 64 }
    }

    fn named(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn digest(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let sha = |algorithm| {
            let mut context = digest::Context::new(algorithm);
            parts.iter().for_each(|part| context.update(part));
            Zeroizing::new(context.finish().as_ref().to_vec())
        };
        match self {
            Algorithm::Md5 => {
                let mut context = md5::Md5::new();
                parts.iter().for_each(|part| context.update(part));
                Zeroizing::new(context.finalize().to_vec())
            }
            Algorithm::Sha1 => sha(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Algorithm::Sha256 => sha(&digest::SHA256),
            Algorithm::Sha512 => sha(&digest::SHA512),
            Algorithm::DoubleSha1 => {
                let inner = sha(&digest::SHA1_FOR_LEGACY_USE_ONLY);
                Algorithm::Sha1.digest(&[&inner])
            }
        }
    }

    /// HMAC (RFC 2104), also of MD5.
    fn hmac(self, key: &[u8], message: &[u8]) -> Zeroizing<Vec<u8>> {
        let short = if key.len() > self.block() { self.digest(&[key]) } else { Zeroizing::new(key.to_vec()) };
        let pad = |byte: u8| {
            let mut block = Zeroizing::new(vec![byte; self.block()]);
            block.iter_mut().zip(short.iter()).for_each(|(padded, key)| *padded ^= key);
            block
        };
        let inner = self.digest(&[&pad(0x36), message]);
        self.digest(&[&pad(0x5c), &inner])
    }
}

impl Layout {
    const ALL: [Layout; 3] = [Layout::SaltFirst, Layout::SaltLast, Layout::HmacSalt];

    /// The word for it on the command line and in the stored text.
    pub fn name(self) -> &'static str {
        match self {
            Layout::SaltFirst => "salt-first",
            Layout::SaltLast => "salt-last",
            Layout::HmacSalt => "hmac-salt",
        }
    }

    /// The layout with this name.
    pub fn named(name: &str) -> Option<Layout> {
        Layout::ALL.into_iter().find(|layout| layout.name() == name)
    }
}

/// How a digest is made of a password.
#[derive(Clone)]
pub(super) struct Recipe {
    algorithm: Algorithm,
    /// None: no salt.
    salt: Option<(Layout, SecretBytes)>,
}

impl Recipe {
    /// The digest of this password.
    pub fn digest(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let Recipe { algorithm, salt } = self;
        match salt {
            None => algorithm.digest(&[password]),
            Some((Layout::SaltFirst, salt)) => algorithm.digest(&[salt.expose(), password]),
            Some((Layout::SaltLast, salt)) => algorithm.digest(&[password, salt.expose()]),
            Some((Layout::HmacSalt, salt)) => algorithm.hmac(salt.expose(), password),
        }
    }

    /// `md5`, or `sha1/salt-first/` and the bytes of the salt.
    fn describe(&self) -> Vec<u8> {
        let mut text = self.algorithm.name().as_bytes().to_vec();
        if let Some((layout, salt)) = &self.salt {
            text.extend_from_slice(format!("/{}/", layout.name()).as_bytes());
            text.extend_from_slice(salt.expose());
        }
        text
    }

    /// Reads what `describe` writes. None for anything else.
    pub fn read(described: &[u8]) -> Option<Recipe> {
        let mut parts = described.splitn(3, |byte| *byte == b'/');
        let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
        let algorithm = Algorithm::named(text()?)?;
        let layout = text();
        let Some(layout) = layout else {
            return (described.len() == algorithm.name().len()).then_some(Recipe { algorithm, salt: None });
        };
        let (layout, salt) = (Layout::named(layout)?, parts.next()?);
        let fits = (1..=MAX_SALT_BYTES).contains(&salt.len()) && algorithm != Algorithm::DoubleSha1;
        fits.then(|| Recipe { algorithm, salt: Some((layout, SecretBytes::new(salt))) })
    }
}

/// A weak digest of a password from another application, to be wrapped before it is stored.
pub struct WeakDigest {
    recipe: Recipe,
    digest: SecretBytes,
}

impl WeakDigest {
    /// Reads a digest; a salt in `sha1$salt$hex` and its like stands before the password.
    ///
    /// As `parse_as` with `Layout::SaltFirst`.
    pub fn parse(text: &str) -> Option<Result<WeakDigest, HashFault>> {
        WeakDigest::parse_as(text, Layout::SaltFirst)
    }

    /// Reads a digest. None if the text is no digest at all: it may be a password in plain text and must be refused.
    ///
    /// Read are hexadecimal digits alone (32: MD5, 40: SHA-1, 64: SHA-256, 128: SHA-512), `md5$salt$hex` with md5, sha1,
    /// sha256 or sha512 and a salt that may be empty, `{MD5} {SMD5} {SHA} {SSHA} {SHA256} {SSHA256} {SHA512} {SSHA512}`
    /// with base64 (LDAP, RFC 2307; salt last) and MySQL's `*` with 40 digits. `layout` is for `name$salt$hex` only: the
    /// text does not tell.
    ///
    /// # Errors
    /// A digest of the wrong length or alphabet, or a salt above 128 bytes.
    pub fn parse_as(text: &str, layout: Layout) -> Option<Result<WeakDigest, HashFault>> {
        if text.len() > MAX_HASH_BYTES {
            return None;
        }
        if let Some(digits) = text.strip_prefix('*') {
            return (digits.len() == 40).then(|| hex(Algorithm::DoubleSha1, Layout::SaltFirst, b"", digits));
        }
        if let Some((name, encoded)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
            return ldap(&name.to_ascii_uppercase(), encoded);
        }
        if let Some((name, rest)) = text.split_once('$') {
            let algorithm = Algorithm::named(name).filter(|algorithm| *algorithm != Algorithm::DoubleSha1)?;
            let (salt, digits) = rest.split_once('$')?;
            return Some(hex(algorithm, layout, salt.as_bytes(), digits));
        }
        let algorithm = match text.len() {
            32 => Algorithm::Md5,
            40 => Algorithm::Sha1,
            64 => Algorithm::Sha256,
            128 => Algorithm::Sha512,
            _ => return None,
        };
        let digest = unhex(text)?;
        Some(WeakDigest::new(algorithm, layout, b"", &digest))
    }

    /// A digest whose parts stand in columns of their own. An empty salt is none.
    ///
    /// # Errors
    /// A digest of the wrong length, a salt above 128 bytes, or a salt for MySQL's double SHA-1.
    pub fn new(
        algorithm: Algorithm,
        layout: Layout,
        salt: &[u8],
        digest: &[u8],
    ) -> Result<WeakDigest, HashFault> {
        if digest.len() != algorithm.bytes() {
            return Err(malformed("the digest is not as long as its algorithm makes it"));
        }
        if salt.len() > MAX_SALT_BYTES {
            let (value, most) = (salt.len() as u64, MAX_SALT_BYTES as u64);
            return Err(HashFault::OverCap {
                scheme: Scheme::Wrapped,
                cap: "the salt in bytes",
                value,
                most,
            });
        }
        if algorithm == Algorithm::DoubleSha1 && !salt.is_empty() {
            return Err(malformed("this digest has no salt"));
        }
        let salt = (!salt.is_empty()).then(|| (layout, SecretBytes::new(salt)));
        Ok(WeakDigest { recipe: Recipe { algorithm, salt }, digest: SecretBytes::new(digest) })
    }

    /// What it is, for reports: `md5`, `salted sha1`, …
    pub fn name(&self) -> &'static str {
        let salted = self.recipe.salt.is_some();
        match self.recipe.algorithm {
            Algorithm::Md5 if salted => "salted md5",
            Algorithm::Sha1 if salted => "salted sha1",
            Algorithm::Sha256 if salted => "salted sha256",
            Algorithm::Sha512 if salted => "salted sha512",
            Algorithm::Md5 => "md5",
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
            Algorithm::DoubleSha1 => "mysql sha1",
        }
    }

    /// The text to store: argon2id over the bytes of the digest, with how the digest is made in the parameter `data`.
    /// Costs one hash; the caller draws a fresh salt for each.
    ///
    /// `data` is not fed to argon2 as its associated data (RFC 9106 section 3.1): it only has to be found again.
    ///
    /// # Panics
    /// When the system does not give the memory the hash needs.
    pub fn wrap(&self, params: &Params, salt: &[u8; 16], workspace: &mut Workspace) -> String {
        let text = write(self.digest.expose(), salt, params, workspace);
        let data = STANDARD_NO_PAD.encode(self.recipe.describe());
        // `$argon2id$v=19$costs$salt$hash`: it goes to the end of the costs.
        let end_of_costs = text.match_indices('$').nth(3).map_or(text.len(), |(at, _)| at);
        let (costs, rest) = text.split_at(end_of_costs);
        format!("{costs},data={data}{rest}")
    }
}

impl std::fmt::Debug for WeakDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WeakDigest({})", self.name())
    }
}

fn malformed(what: &'static str) -> HashFault {
    HashFault::Malformed { scheme: Scheme::Wrapped, what }
}

fn hex(algorithm: Algorithm, layout: Layout, salt: &[u8], digits: &str) -> Result<WeakDigest, HashFault> {
    let digest = unhex(digits).ok_or_else(|| malformed("the digest is not hexadecimal"))?;
    WeakDigest::new(algorithm, layout, salt, &digest)
}

/// The digest, and behind it the salt of the kinds that have one.
fn ldap(name: &str, encoded: &str) -> Option<Result<WeakDigest, HashFault>> {
    let (algorithm, salted) = match name {
        "MD5" => (Algorithm::Md5, false),
        "SMD5" => (Algorithm::Md5, true),
        "SHA" => (Algorithm::Sha1, false),
        "SSHA" => (Algorithm::Sha1, true),
        "SHA256" => (Algorithm::Sha256, false),
        "SSHA256" => (Algorithm::Sha256, true),
        "SHA512" => (Algorithm::Sha512, false),
        "SSHA512" => (Algorithm::Sha512, true),
        _ => return None,
    };
    let Ok(bytes) = STANDARD.decode(encoded) else {
        return Some(Err(malformed("the digest is not base64")));
    };
    let (digest, salt) = bytes.split_at(bytes.len().min(algorithm.bytes()));
    if salted == salt.is_empty() {
        return Some(Err(malformed("the digest is not as long as its algorithm makes it")));
    }
    Some(WeakDigest::new(algorithm, Layout::SaltLast, salt, digest))
}
