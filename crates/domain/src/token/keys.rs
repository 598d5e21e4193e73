//! Which keys sign and verify tokens, and which of them may the world see? (RFC 7517, 7518, 7638, 8037)

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    VerificationAlgorithm,
};
use serde_json::{Value, json};

use super::jwk::PublicJwk;
use super::jwt::HeaderPlan;
use super::old::OldKeys;
use crate::secret::SecretBytes;

/// The shortest shared secret that is accepted without asking, in bytes (RFC 7518 section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// How many keys one set may hold, the active one included; it bounds the work for one hostile token.
pub const MAX_KEYS: usize = 8;

/// Secrets that are printed in tutorials and templates, or are what a missing variable turns into. Compared without case.
pub(super) const SAMPLE_SECRETS: [&str; 40] = [
    "secret",
    "secrets",
    "secretkey",
    "secret-key",
    "secret_key",
    "mysecret",
    "my-secret",
    "my_secret",
    "mysecretkey",
    "my-secret-key",
    "my_secret_key",
    "supersecret",
    "super-secret",
    "super_secret",
    "supersecretkey",
    "super-secret-key",
    "your-secret",
    "your_secret",
    "your-secret-key",
    "your_secret_key",
    "your-secret-key-here",
    "your-jwt-secret",
    "your_jwt_secret",
    "jwt-secret",
    "jwt_secret",
    "jwtsecret",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "changeme",
    "change-me",
    "change_me",
    "changeit",
    "password",
    "shhhhh",
    "keyboard cat",
    "topsecret51",
    "do not use this value. instead, create a complex secret and keep it safe outside of the source code.",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
];

/// The signature algorithms there are: a closed list, without "none" (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256, a secret shared with whoever verifies.
    HS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    RS256,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// Its name in a token header.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::HS256 => "HS256",
            Algorithm::ES256 => "ES256",
            Algorithm::RS256 => "RS256",
            Algorithm::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of exactly this name, case included.
    pub fn named(name: &str) -> Option<Algorithm> {
        [Algorithm::HS256, Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA]
            .into_iter()
            .find(|one| one.name() == name)
    }

    /// Whether those who verify hold the same secret as those who sign.
    pub fn is_shared(self) -> bool {
        self == Algorithm::HS256
    }

    fn verification(self) -> Result<&'static dyn VerificationAlgorithm, KeyFault> {
        match self {
            Algorithm::HS256 => Err(KeyFault::WrongAlgorithm),
            Algorithm::ES256 => Ok(&ECDSA_P256_SHA256_FIXED),
            Algorithm::RS256 => Ok(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::EdDSA => Ok(&ED25519),
        }
    }
}

/// Why a key or a set of keys is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Fewer than [`MIN_SECRET_BYTES`] bytes, or an RSA modulus below 2048 bits.
    #[error("the key is too short")]
    TooShort,
    /// Empty, one byte repeated, or a value that everybody knows from documentation.
    #[error("the secret is empty or a well-known sample")]
    Sample,
    /// Not a key of this algorithm in the expected encoding.
    #[error("not a usable key of this algorithm")]
    Unusable,
    /// The algorithm has no such kind of key.
    #[error("the algorithm does not use this kind of key")]
    WrongAlgorithm,
    /// The active key of a set cannot sign.
    #[error("the active key has no private part")]
    NoPrivateKey,
    /// A set holds shared secrets beside public keys (RFC 8725 section 3.1).
    #[error("shared secrets and public keys do not mix in one set")]
    Mixed,
    /// A set holds more than [`MAX_KEYS`] keys.
    #[error("too many keys in one set")]
    TooMany,
    /// Two keys of a set have the same `kid`.
    #[error("the same key is given twice")]
    Twice,
    /// The system could not make a key.
    #[error("no key could be generated")]
    NotGenerated,
}

/// One key with the one algorithm it is for. Cloning shares the parsed key. `Debug` shows `kid` and algorithm only.
#[derive(Clone)]
pub struct Key {
    kid: Option<Arc<str>>,
    algorithm: Algorithm,
    material: Arc<Material>,
}

#[expect(clippy::large_enum_variant, reason = "always behind one Arc, and a process has a handful")]
enum Material {
    Shared(hmac::Key),
    Pair { private: Option<Private>, public: ParsedPublicKey, jwk: PublicJwk },
}

enum Private {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// An HS256 key from a shared secret, which is used as it is, byte for byte.
    ///
    /// Refused: empty and well-known secrets always; fewer than [`MIN_SECRET_BYTES`] bytes unless `allow_short`,
    /// which is for secrets that an application already uses (SEC-54).
    pub fn hs256(secret: &SecretBytes, allow_short: bool) -> Result<Key, KeyFault> {
        let bytes = secret.expose();
        if is_sample(bytes) {
            return Err(KeyFault::Sample);
        }
        if bytes.len() < MIN_SECRET_BYTES && !allow_short {
            return Err(KeyFault::TooShort);
        }
        let material = Arc::new(Material::Shared(hmac::Key::new(hmac::HMAC_SHA256, bytes)));
        Ok(Key { kid: None, algorithm: Algorithm::HS256, material })
    }

    /// A new P-256 key and its PKCS#8 form. Draws its own chance from the system: keys are the one exception to the rule.
    pub fn generate_es256() -> Result<(Key, SecretBytes), KeyFault> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyFault::NotGenerated)?;
        let der = pair.to_pkcs8v1().map_err(|_| KeyFault::NotGenerated)?;
        Key::with_der(Algorithm::ES256, der.as_ref())
    }

    /// A new Ed25519 key and its PKCS#8 form. Draws its own chance from the system: keys are the one exception to the rule.
    pub fn generate_eddsa() -> Result<(Key, SecretBytes), KeyFault> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyFault::NotGenerated)?;
        // The first version of the format holds the seed alone, which every other reader understands.
        let der = pair.to_pkcs8v1().map_err(|_| KeyFault::NotGenerated)?;
        Key::with_der(Algorithm::EdDSA, der.as_ref())
    }

    /// A new RSA key of 3072 bits and its PKCS#8 form. Draws its own chance from the system: keys are the one exception to the rule.
    pub fn generate_rs256() -> Result<(Key, SecretBytes), KeyFault> {
        let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(|_| KeyFault::NotGenerated)?;
        let der = pair.as_der().map_err(|_| KeyFault::NotGenerated)?;
        Key::with_der(Algorithm::RS256, der.as_ref())
    }

    fn with_der(algorithm: Algorithm, der: &[u8]) -> Result<(Key, SecretBytes), KeyFault> {
        Ok((Key::from_pkcs8(algorithm, der)?, SecretBytes::new(der)))
    }

    /// A private key from unencrypted PKCS#8 in DER (RFC 5958).
    ///
    /// Refused: another kind or curve than the algorithm's, RSA below 2048 or above 8192 bits, and HS256, which has no such form.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Key, KeyFault> {
        let unusable = |_| KeyFault::Unusable;
        let (private, public) = match algorithm {
            Algorithm::HS256 => return Err(KeyFault::WrongAlgorithm),
            Algorithm::ES256 => {
                let pair =
                    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(unusable)?;
                let public = pair.public_key().as_ref().to_vec();
                (Private::Ecdsa(pair), public)
            }
            Algorithm::RS256 => {
                let pair = RsaKeyPair::from_pkcs8(der).map_err(unusable)?;
                let public = pair.public_key().as_ref().to_vec();
                (Private::Rsa(pair), public)
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(der).map_err(unusable)?;
                let public = pair.public_key().as_ref().to_vec();
                (Private::Ed25519(pair), public)
            }
        };
        Key::assemble(algorithm, Some(private), &public)
    }

    /// A public key that can only verify, for tokens that an application signed before: 65 bytes of an uncompressed P-256 point,
    /// 32 bytes of Ed25519, or PKCS#1 `RSAPublicKey` in DER.
    pub fn from_public(algorithm: Algorithm, bytes: &[u8]) -> Result<Key, KeyFault> {
        Key::assemble(algorithm, None, bytes)
    }

    fn assemble(algorithm: Algorithm, private: Option<Private>, public: &[u8]) -> Result<Key, KeyFault> {
        let jwk = PublicJwk::read(algorithm, public)?;
        let public =
            ParsedPublicKey::new(algorithm.verification()?, public).map_err(|_| KeyFault::Unusable)?;
        let kid = Some(Arc::from(jwk.thumbprint()));
        Ok(Key { kid, algorithm, material: Arc::new(Material::Pair { private, public, jwk }) })
    }

    /// The name of a public key: its RFC 7638 thumbprint. A shared secret has none.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm that this key signs and verifies with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this key can sign, not only verify.
    pub fn can_sign(&self) -> bool {
        match &*self.material {
            Material::Shared(_) => true,
            Material::Pair { private, .. } => private.is_some(),
        }
    }

    /// The public key as a JWK with `use`, `alg` and `kid`; nothing for a shared secret.
    pub fn jwk(&self) -> Option<Value> {
        let Material::Pair { jwk, .. } = &*self.material else { return None };
        Some(jwk.value(self.algorithm, self.kid()))
    }

    pub(super) fn signature(&self, message: &[u8]) -> Vec<u8> {
        const SIGNS: &str = "a parsed private key signs any message";
        match &*self.material {
            Material::Shared(key) => hmac::sign(key, message).as_ref().to_vec(),
            Material::Pair { private, .. } => {
                match private.as_ref().expect("KeySet::new took only a key that signs") {
                    Private::Ecdsa(pair) => {
                        pair.sign(&SystemRandom::new(), message).expect(SIGNS).as_ref().to_vec()
                    }
                    Private::Ed25519(pair) => pair.try_sign(message).expect(SIGNS).as_ref().to_vec(),
                    Private::Rsa(pair) => {
                        let mut signature = vec![0; pair.public_modulus_len()];
                        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                            .expect(SIGNS);
                        signature
                    }
                }
            }
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &*self.material {
            Material::Shared(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Pair { public, .. } => public.verify_sig(message, signature).is_ok(),
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// The keys of one issuer: one signs, all of them verify.
pub struct KeySet {
    active: Key,
    previous: Vec<Key>,
    plan: HeaderPlan,
    header: String,
    old: Option<OldKeys>,
}

impl KeySet {
    /// A set whose tokens have the planned header; `previous` keys go on verifying what they signed.
    ///
    /// Refused: an active key that cannot sign, shared secrets beside public keys, the same `kid` twice, more than [`MAX_KEYS`].
    pub fn new(active: Key, previous: Vec<Key>, plan: HeaderPlan) -> Result<KeySet, KeyFault> {
        if !active.can_sign() {
            return Err(KeyFault::NoPrivateKey);
        }
        if previous.len() >= MAX_KEYS {
            return Err(KeyFault::TooMany);
        }
        if previous.iter().any(|key| key.algorithm.is_shared() != active.algorithm.is_shared()) {
            return Err(KeyFault::Mixed);
        }
        let mut kids: Vec<&str> = previous.iter().chain([&active]).filter_map(Key::kid).collect();
        let given = kids.len();
        kids.sort_unstable();
        kids.dedup();
        if kids.len() < given {
            return Err(KeyFault::Twice);
        }
        let header = plan.encode(&active);
        Ok(KeySet { active, previous, plan, header, old: None })
    }

    /// The same set beside the keys that the application signed with before the move. They sign nothing, are not
    /// published, and [`KeySet::verify`] does not know them.
    ///
    /// Refused: a key that is in the set already.
    pub fn with_old(mut self, old: OldKeys) -> Result<KeySet, KeyFault> {
        let ours: Vec<&str> = self.keys().filter_map(Key::kid).collect();
        if old.keys().filter_map(Key::kid).any(|kid| ours.contains(&kid)) {
            return Err(KeyFault::Twice);
        }
        self.old = Some(old);
        Ok(self)
    }

    /// The keys that the application signed with before the move.
    pub fn old(&self) -> Option<&OldKeys> {
        self.old.as_ref()
    }

    /// The key that signs.
    pub fn active(&self) -> &Key {
        &self.active
    }

    /// All keys, the active one first.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.active).chain(&self.previous)
    }

    /// The public keys as a JWK set (RFC 7517 section 5). Shared secrets never appear, so a set of those gives an empty list.
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys().filter_map(Key::jwk).collect::<Vec<_>>() })
    }

    /// How the headers of this set's tokens look.
    pub fn plan(&self) -> &HeaderPlan {
        &self.plan
    }

    pub(super) fn header(&self) -> &str {
        &self.header
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}

fn is_sample(secret: &[u8]) -> bool {
    let trimmed = secret.trim_ascii();
    let repeated = secret.windows(2).all(|two| two[0] == two[1]);
    trimmed.is_empty()
        || repeated
        || SAMPLE_SECRETS.iter().any(|sample| trimmed.eq_ignore_ascii_case(sample.as_bytes()))
}
