//! How is a public key written for the world, and what is its name? (RFC 7517, 7518 section 6, 7638, 8037)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::keys::{Algorithm, KeyFault};

const MIN_RSA_BITS: usize = 2048;

/// The required members of a public JWK in lexicographic order, as a thumbprint needs them (RFC 7638 section 3.2).
pub(super) struct PublicJwk(Vec<(&'static str, String)>);

impl PublicJwk {
    /// From the bytes that [`super::Key::from_public`] takes.
    pub(super) fn read(algorithm: Algorithm, public: &[u8]) -> Result<PublicJwk, KeyFault> {
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

    /// The JWK with `use`, `alg` and `kid`.
    pub(super) fn value(&self, algorithm: Algorithm, kid: Option<&str>) -> Value {
        let mut value = json!({});
        for (name, text) in &self.0 {
            value[*name] = json!(text);
        }
        value["use"] = json!("sig");
        value["alg"] = json!(algorithm.name());
        value["kid"] = json!(kid);
        value
    }

    /// The RFC 7638 thumbprint with SHA-256, in base64url.
    pub(super) fn thumbprint(&self) -> String {
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
