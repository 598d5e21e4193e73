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
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::jwt::HeaderPlan;
use crate::secret::SecretBytes;

/// The shortest shared secret that is accepted without asking, in bytes (RFC 7518 section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;
/// How many keys one set may hold, the active one included; it bounds the work for one hostile token.
pub const MAX_KEYS: usize = 8;
const MIN_RSA_BITS: usize = 2048;

/// Secrets that are printed in tutorials and templates, or are what a missing variable turns into. Compared without case.
const SAMPLE_SECRETS: [&str; 40] = [
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

enum Material {
    Shared(hmac::Key),
    Pair { private: Option<Private>, public: ParsedPublicKey, jwk: PublicJwk },
}

enum Private {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The required members of a public JWK in lexicographic order, as a thumbprint needs them (RFC 7638 section 3.2).
struct PublicJwk(Vec<(&'static str, String)>);

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
        let mut value = json!({});
        for (name, text) in &jwk.0 {
            value[*name] = json!(text);
        }
        value["use"] = json!("sig");
        value["alg"] = json!(self.algorithm.name());
        value["kid"] = json!(self.kid());
        Some(value)
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

impl PublicJwk {
    fn read(algorithm: Algorithm, public: &[u8]) -> Result<PublicJwk, KeyFault> {
        let text = |value: &str| value.to_owned();
        let members = match algorithm {
            Algorithm::HS256 => return Err(KeyFault::WrongAlgorithm),
            Algorithm::ES256 => {
                let (Some([4]), 65) = (public.first_chunk::<1>(), public.len()) else {
                    return Err(KeyFault::Unusable);
                };
                let (x, y) = public[1..].split_at(32);
                vec![
                    ("crv", text("P-256")),
                    ("kty", text("EC")),
                    ("x", BASE64URL.encode(x)),
                    ("y", BASE64URL.encode(y)),
                ]
            }
            Algorithm::RS256 => {
                let (modulus, exponent) = rsa_public(public).ok_or(KeyFault::Unusable)?;
                let bits =
                    modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
                if bits < MIN_RSA_BITS {
                    return Err(KeyFault::TooShort);
                }
                vec![
                    ("e", BASE64URL.encode(exponent)),
                    ("kty", text("RSA")),
                    ("n", BASE64URL.encode(modulus)),
                ]
            }
            Algorithm::EdDSA if public.len() == 32 => {
                vec![("crv", text("Ed25519")), ("kty", text("OKP")), ("x", BASE64URL.encode(public))]
            }
            Algorithm::EdDSA => return Err(KeyFault::Unusable),
        };
        Ok(PublicJwk(members))
    }

    fn thumbprint(&self) -> String {
        let members: Vec<String> =
            self.0.iter().map(|(name, text)| format!("{}:{}", json!(name), json!(text))).collect();
        BASE64URL.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
    }
}

/// Modulus and exponent, without leading zeros, of a PKCS#1 `RSAPublicKey` (RFC 8017 appendix A.1.1).
fn rsa_public(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (body, rest) = der_value(0x30, der)?;
    let (modulus, after) = der_value(0x02, body)?;
    let (exponent, end) = der_value(0x02, after)?;
    if rest.is_empty() && end.is_empty() {
        Some((without_sign(modulus)?, without_sign(exponent)?))
    } else {
        None
    }
}

/// The bytes of a positive DER integer without its sign byte.
fn without_sign(number: &[u8]) -> Option<&[u8]> {
    match number {
        [0, rest @ ..] if !rest.is_empty() => Some(rest),
        [first, ..] if (1..=0x7f).contains(first) => Some(number),
        _ => None,
    }
}

/// The content of the DER value with this tag at the head of `der`, and what follows it.
fn der_value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), rest.get(2..)?),
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The keys of one issuer: one signs, all of them verify.
pub struct KeySet {
    active: Key,
    previous: Vec<Key>,
    plan: HeaderPlan,
    header: String,
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
        Ok(KeySet { active, previous, plan, header })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::new(text)
    }

    #[test]
    fn a_shared_secret_is_long_and_not_from_a_tutorial() {
        let short = "0123456789abcdef";
        assert_eq!(Key::hs256(&secret(short), false).unwrap_err(), KeyFault::TooShort);
        assert_eq!(
            Key::hs256(&secret("0123456789abcdef0123456789abcde"), false).unwrap_err(),
            KeyFault::TooShort
        );
        assert!(Key::hs256(&secret(short), true).is_ok());
        assert!(Key::hs256(&secret("0123456789abcdef0123456789abcdef"), false).is_ok());
        let repeated = "a".repeat(64);
        for sample in
            ["", " ", "\n", "x", &repeated, "secret", " Secret\n", "CHANGEME", "your-256-bit-secret"]
        {
            for allow_short in [false, true] {
                assert_eq!(
                    Key::hs256(&secret(sample), allow_short).unwrap_err(),
                    KeyFault::Sample,
                    "{sample:?}"
                );
            }
        }
        for sample in SAMPLE_SECRETS {
            assert_eq!(Key::hs256(&secret(sample), true).unwrap_err(), KeyFault::Sample);
        }
    }

    #[test]
    fn a_generated_key_comes_back_from_its_der() {
        for (key, der) in
            [Key::generate_es256(), Key::generate_eddsa(), Key::generate_rs256()].map(Result::unwrap)
        {
            let again = Key::from_pkcs8(key.algorithm(), der.expose()).unwrap();
            assert_eq!(again.jwk(), key.jwk());
            let signature = key.signature(b"text");
            assert!(again.verifies(b"text", &signature));
            assert!(!again.verifies(b"Text", &signature));
        }
    }

    #[test]
    fn a_key_serves_one_algorithm() {
        let (_, es) = Key::generate_es256().unwrap();
        let (_, ed) = Key::generate_eddsa().unwrap();
        for algorithm in [Algorithm::RS256, Algorithm::EdDSA] {
            assert_eq!(Key::from_pkcs8(algorithm, es.expose()).unwrap_err(), KeyFault::Unusable);
        }
        assert_eq!(Key::from_pkcs8(Algorithm::ES256, ed.expose()).unwrap_err(), KeyFault::Unusable);
        assert_eq!(Key::from_pkcs8(Algorithm::HS256, ed.expose()).unwrap_err(), KeyFault::WrongAlgorithm);
        assert_eq!(Key::from_public(Algorithm::HS256, &[7; 32]).unwrap_err(), KeyFault::WrongAlgorithm);
        for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
            for bytes in [&b""[..], b"x", &[4; 65], &[0x30; 300], &[0x30, 0x82, 0xff, 0xff, 2]] {
                assert_eq!(Key::from_public(algorithm, bytes).unwrap_err(), KeyFault::Unusable);
                assert_eq!(Key::from_pkcs8(algorithm, bytes).unwrap_err(), KeyFault::Unusable);
            }
        }
    }

    #[test]
    fn a_short_rsa_key_is_refused_by_its_exact_size() {
        let public = |bits: usize| {
            let mut modulus = vec![0xff; bits.div_ceil(8)];
            modulus[0] >>= (8 - bits % 8) % 8;
            if bits.is_multiple_of(8) {
                modulus.insert(0, 0);
            }
            let head = u16::try_from(modulus.len()).unwrap().to_be_bytes();
            let body = [&[2, 0x82], &head[..], &modulus, &[2, 3, 1, 0, 1]].concat();
            [&[0x30, 0x82], &u16::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
        };
        for bits in [1024, 2028, 2040, 2047] {
            assert_eq!(
                Key::from_public(Algorithm::RS256, &public(bits)).unwrap_err(),
                KeyFault::TooShort,
                "{bits}"
            );
        }
        assert!(Key::from_public(Algorithm::RS256, &public(2048)).is_ok());
    }

    #[test]
    fn a_set_is_of_one_family_and_bounded() {
        let shared = Key::hs256(&secret("0123456789abcdef0123456789abcdef"), false).unwrap();
        let (es, _) = Key::generate_es256().unwrap();
        let (ed, _) = Key::generate_eddsa().unwrap();
        let set = |active: &Key, previous: &[&Key]| {
            KeySet::new(
                active.clone(),
                previous.iter().map(|key| (*key).clone()).collect(),
                HeaderPlan::default(),
            )
        };
        assert!(set(&ed, &[&es]).is_ok());
        assert_eq!(set(&shared, &[&es]).unwrap_err(), KeyFault::Mixed);
        assert_eq!(set(&es, &[&shared]).unwrap_err(), KeyFault::Mixed);
        assert_eq!(set(&es, &[&ed, &es]).unwrap_err(), KeyFault::Twice);
        assert!(set(&shared, &[&shared; MAX_KEYS - 1]).is_ok());
        assert_eq!(set(&shared, &[&shared; MAX_KEYS]).unwrap_err(), KeyFault::TooMany);
        let verifier = Key::from_public(
            Algorithm::EdDSA,
            &BASE64URL.decode(ed.jwk().unwrap()["x"].as_str().unwrap()).unwrap(),
        );
        assert_eq!(set(&verifier.unwrap(), &[]).unwrap_err(), KeyFault::NoPrivateKey);
    }

    #[test]
    fn the_published_set_holds_public_members_only() {
        let shared = Key::hs256(&secret("0123456789abcdef0123456789abcdef"), false).unwrap();
        assert_eq!(KeySet::new(shared, vec![], HeaderPlan::default()).unwrap().jwks(), json!({"keys": []}));
        let keys =
            [Key::generate_es256(), Key::generate_eddsa(), Key::generate_rs256()].map(|made| made.unwrap().0);
        let [es, ed, rs] = keys.clone();
        let jwks = KeySet::new(es, vec![ed, rs], HeaderPlan::default()).unwrap().jwks();
        let members: Vec<Vec<&String>> = jwks["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.as_object().unwrap().keys().collect())
            .collect();
        assert_eq!(members[0], ["crv", "kty", "x", "y", "use", "alg", "kid"]);
        assert_eq!(members[1], ["crv", "kty", "x", "use", "alg", "kid"]);
        assert_eq!(members[2], ["e", "kty", "n", "use", "alg", "kid"]);
        assert_eq!(BASE64URL.decode(jwks["keys"][2]["n"].as_str().unwrap()).unwrap().len() * 8, 3072);
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(jwks["keys"][index]["alg"], key.algorithm().name());
            assert_eq!(jwks["keys"][index]["kid"], key.kid().unwrap());
            assert_eq!(jwks["keys"][index]["use"], "sig");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = "0123456789abcdef0123456789abcdef";
        let key = Key::hs256(&secret(text), false).unwrap();
        assert_eq!(format!("{key:?}"), "Key { algorithm: HS256, kid: None, .. }");
        let set = KeySet::new(key, vec![], HeaderPlan::default()).unwrap();
        assert_eq!(format!("{set:?}"), "[Key { algorithm: HS256, kid: None, .. }]");
    }
}
