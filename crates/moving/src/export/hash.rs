//! Of which parts is a stored password hash made, so that others can be told them?

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, STANDARD_NO_PAD};
use domain::password::Stored;
use domain::record::Record;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A hash, taken apart.
#[derive(Debug, PartialEq)]
pub(super) enum Parts {
    /// As a PHC string.
    Argon2(String),
    /// As crypt(3) writes it: `$2b$…`.
    Bcrypt(String),
    /// PBKDF2 with this digest.
    Pbkdf2(Pbkdf2),
    /// scrypt.
    Scrypt(Scrypt),
    /// bcrypt over a hexadecimal SHA-256, which Django alone writes.
    DjangoBcryptSha256(String),
    /// Another scheme, by name.
    Other(String),
}

#[derive(Debug, PartialEq)]
pub(super) struct Pbkdf2 {
    /// `sha1`, `sha256` or `sha512`.
    pub digest: &'static str,
    pub rounds: u64,
    pub salt: Vec<u8>,
    pub hash: Vec<u8>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Scrypt {
    /// A power of two.
    pub n: u64,
    pub r: u64,
    pub p: u64,
    pub salt: Vec<u8>,
    pub hash: Vec<u8>,
}

impl Pbkdf2 {
    /// `$pbkdf2-sha256$i=…,l=…$salt$hash`
    pub fn phc(&self) -> String {
        let (salt, hash) = (STANDARD_NO_PAD.encode(&self.salt), STANDARD_NO_PAD.encode(&self.hash));
        format!("$pbkdf2-{}$i={},l={}${salt}${hash}", self.digest, self.rounds, self.hash.len())
    }

    /// The salt as Django keeps it, and the hash, if it is one that Django would make.
    pub fn django(&self) -> Option<String> {
        let bytes = match self.digest {
            "sha1" => 20,
            "sha256" => 32,
            _ => return None,
        };
        let salt = django_salt(&self.salt)?;
        (self.hash.len() == bytes)
            .then(|| format!("pbkdf2_{}${}${salt}${}", self.digest, self.rounds, STANDARD.encode(&self.hash)))
    }
}

impl Scrypt {
    /// `$scrypt$ln=…,r=…,p=…$salt$hash`
    pub fn phc(&self) -> String {
        let (salt, hash) = (STANDARD_NO_PAD.encode(&self.salt), STANDARD_NO_PAD.encode(&self.hash));
        format!("$scrypt$ln={},r={},p={}${salt}${hash}", self.n.trailing_zeros(), self.r, self.p)
    }

    /// As Django writes it, if it is one that Django would make.
    pub fn django(&self) -> Option<String> {
        let salt = django_salt(&self.salt)?;
        let Scrypt { n, r, p, hash, .. } = self;
        (hash.len() == 64).then(|| format!("scrypt${n}${salt}${r}${p}${}", STANDARD.encode(hash)))
    }
}

/// Django's salts are texts without its separator.
fn django_salt(salt: &[u8]) -> Option<&str> {
    std::str::from_utf8(salt).ok().filter(|salt| !salt.is_empty() && !salt.contains('$'))
}

/// The hash of a user; none where there is none.
pub(super) fn of(record: &Record) -> Option<Parts> {
    record.password_hash.as_ref().map(|hash| parts(hash.expose()))
}

/// Takes a stored hash apart.
fn parts(text: &str) -> Parts {
    read(text).unwrap_or_else(|| Parts::Other(scheme(text)))
}

/// The scheme by its name, for messages.
fn scheme(text: &str) -> String {
    match Stored::parse(text) {
        Ok(Stored::Usable(hash)) => hash.scheme().to_string(),
        Ok(Stored::Unusable) => "no password".to_owned(),
        Err(_) => "an unknown scheme".to_owned(),
    }
}

fn read(text: &str) -> Option<Parts> {
    if let Some(phc) = text.strip_prefix("argon2$") {
        return Some(Parts::Argon2(format!("${phc}")));
    }
    if ["$argon2id$", "$argon2i$", "$argon2d$"].iter().any(|prefix| text.starts_with(prefix)) {
        // With `data` it is a weak digest, wrapped: the password alone does not match.
        return (!text.contains(",data=")).then(|| Parts::Argon2(text.to_owned()));
    }
    if text.starts_with("bcrypt_sha256$") {
        return Some(Parts::DjangoBcryptSha256(text.to_owned()));
    }
    let crypt = text.strip_prefix("bcrypt$").unwrap_or(text);
    if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| crypt.starts_with(prefix)) {
        return Some(Parts::Bcrypt(crypt.to_owned()));
    }
    pbkdf2(text).map(Parts::Pbkdf2).or_else(|| scrypt(text).map(Parts::Scrypt))
}

fn pbkdf2(text: &str) -> Option<Pbkdf2> {
    if let Some(rest) = text.strip_prefix("pbkdf2:") {
        let [method, salt, hash] = fields(rest)?;
        let (name, rounds) = method.split_once(':')?;
        let (salt, hash) = (salt.as_bytes().to_vec(), unhex(hash)?);
        return Some(Pbkdf2 { digest: digest(name)?, rounds: rounds.parse().ok()?, salt, hash });
    }
    if let Some(rest) = text.strip_prefix("pbkdf2_") {
        let [name, rounds, salt, hash] = fields(rest)?;
        let (salt, hash) = (salt.as_bytes().to_vec(), unbase64(hash)?);
        return Some(Pbkdf2 { digest: digest(name)?, rounds: rounds.parse().ok()?, salt, hash });
    }
    let (name, rest) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => text.strip_prefix('$')?.split_once('$')?,
    };
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("pbkdf2")?.trim_start_matches('-');
    let digest = digest(if name.is_empty() { "sha1" } else { name })?;
    let [costs, salt, hash] = fields(rest)?;
    let rounds = costs.split(',').find_map(|cost| cost.strip_prefix("i=")).unwrap_or(costs);
    Some(Pbkdf2 { digest, rounds: rounds.parse().ok()?, salt: unbase64(salt)?, hash: unbase64(hash)? })
}

fn scrypt(text: &str) -> Option<Scrypt> {
    let number = |text: &str| text.parse::<u64>().ok();
    if let Some(rest) = text.strip_prefix("scrypt:") {
        let [method, salt, hash] = fields(rest)?;
        let mut costs = method.split(':').map(number);
        let (n, r, p) = (costs.next()??, costs.next()??, costs.next()??);
        return Some(Scrypt { n, r, p, salt: salt.as_bytes().to_vec(), hash: unhex(hash)? });
    }
    if let Some(rest) = text.strip_prefix("scrypt$") {
        let [n, salt, r, p, hash] = fields(rest)?;
        let salt = salt.as_bytes().to_vec();
        return Some(Scrypt { n: number(n)?, r: number(r)?, p: number(p)?, salt, hash: unbase64(hash)? });
    }
    let [costs, salt, hash] = fields(text.strip_prefix("$scrypt$")?)?;
    let cost =
        |name: &str| costs.split(',').find_map(|cost| number(cost.strip_prefix(name)?.strip_prefix('=')?));
    let n = 1_u64.checked_shl(u32::try_from(cost("ln")?).ok()?)?;
    Some(Scrypt { n, r: cost("r")?, p: cost("p")?, salt: unbase64(salt)?, hash: unbase64(hash)? })
}

fn digest(name: &str) -> Option<&'static str> {
    ["sha1", "sha256", "sha512"].into_iter().find(|known| *known == name)
}

fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('$').collect::<Vec<_>>().try_into().ok()
}

/// Base64, also the kind that Passlib adapted.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.replace('.', "+")).ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.len() / 2;
    let bytes = (0..pairs).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok());
    bytes.collect::<Option<Vec<u8>>>().filter(|_| text.len().is_multiple_of(2))
}
