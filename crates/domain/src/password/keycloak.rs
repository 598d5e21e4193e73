//! How does a password credential of Keycloak become a stored hash?
//!
//! Keycloak keeps the parts of a hash in two JSON texts: `secretData` (`value`, `salt`) and `credentialData`
//! (`algorithm`, `hashIterations`, `additionalParameters`). PBKDF2 is stored in the form of Passlib, argon2 as PHC.
//! Keycloak lengthens passwords below 14 characters with NUL, which changes nothing in HMAC.

use super::pbkdf2::Pbkdf2Digest;
use super::{Hash, HashFault, Scheme, pbkdf2_text};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// The parts of one credential, as Keycloak writes them.
#[derive(Clone, Copy)]
pub struct Credential<'a> {
    /// `credentialData.algorithm`: `pbkdf2` (SHA-1), `pbkdf2-sha256`, `pbkdf2-sha512` or `argon2`.
    pub algorithm: &'a str,
    /// `credentialData.hashIterations`.
    pub iterations: u64,
    /// `secretData.salt`, base64.
    pub salt: &'a str,
    /// `secretData.value`, base64.
    pub value: &'a str,
    /// `credentialData.additionalParameters`, the first value of each; only argon2 needs them: `type`, `version`,
    /// `memory`, `parallelism`, `hashLength`.
    pub parameters: &'a [(&'a str, &'a str)],
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({}, {})", self.algorithm, self.iterations)
    }
}

/// The text to store.
///
/// # Errors
/// `UnknownScheme` for an algorithm of a plug-in; else what `Hash::parse` refuses, or a part that is missing.
pub fn text(credential: &Credential<'_>) -> Result<String, HashFault> {
    let digest = match credential.algorithm {
        "pbkdf2" => Pbkdf2Digest::Sha1,
        "pbkdf2-sha256" => Pbkdf2Digest::Sha256,
        "pbkdf2-sha512" => Pbkdf2Digest::Sha512,
        "argon2" => return argon2(credential),
        _ => return Err(HashFault::UnknownScheme),
    };
    let fault = |what| HashFault::Malformed { scheme: Scheme::Pbkdf2, what };
    let salt = STANDARD.decode(credential.salt).map_err(|_| fault("the salt is not base64"))?;
    let value = STANDARD.decode(credential.value).map_err(|_| fault("the hash is not base64"))?;
    // A number that does not fit becomes the largest, and fails its cap.
    let rounds = u32::try_from(credential.iterations).unwrap_or(u32::MAX);
    pbkdf2_text(digest, rounds, &salt, &value)
}

fn argon2(credential: &Credential<'_>) -> Result<String, HashFault> {
    let fault = |what| HashFault::Malformed { scheme: Scheme::Argon2id, what };
    let parameter = |name| {
        let found = credential.parameters.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value).ok_or_else(|| fault("a parameter is missing"))
    };
    let variant = match parameter("type")? {
        "d" => "argon2d",
        "i" => "argon2i",
        "id" => "argon2id",
        _ => return Err(fault("the type is not d, i or id")),
    };
    let version = match parameter("version")? {
        "1.0" => 16,
        "1.3" => 19,
        _ => return Err(fault("the version is neither 1.0 nor 1.3")),
    };
    let (memory, lanes) = (parameter("memory")?, parameter("parallelism")?);
    let unpadded =
        |text, what| STANDARD.decode(text).map(|raw| STANDARD_NO_PAD.encode(raw)).map_err(|_| fault(what));
    let salt = unpadded(credential.salt, "the salt is not base64")?;
    let value = unpadded(credential.value, "the hash is not base64")?;
    let passes = credential.iterations;
    let text = format!("${variant}$v={version}$m={memory},t={passes},p={lanes}${salt}${value}");
    Hash::parse(&text).map(|_| text)
}
