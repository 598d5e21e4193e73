//! Which public keys stand in a JWK set that another application published? (RFC 7517, 7518 section 6, 8037)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value};

use super::jwt::MAX_KID_BYTES;
use super::keys::{Algorithm, Key, KeyFault, MAX_KEYS};
use super::old::OldKey;
use crate::json::strict_object;

/// The largest JWK set that is read, in bytes.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;
/// Keys that are looked at in all, those included that are not for signatures.
const MAX_MEMBERS: usize = 32;
/// The largest RSA modulus, in bytes: 8192 bits.
const MAX_MODULUS: usize = 1024;
const DEPTH: u8 = 6;
/// Members that only private and shared keys have (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a JWK set is not read: which key, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JwksFault(String);

/// The keys of a JWK set that are for signatures. One with `use: enc`, or whose `key_ops` are without `verify`, is passed over.
///
/// Refused: a set that is larger than [`MAX_JWKS_BYTES`] or no set; private and shared keys; algorithms other than
/// RS256 (2048 to 8192 bits), ES256 and EdDSA with Ed25519; two keys with one name; more than [`MAX_KEYS`], and none.
pub fn read_jwks(text: &[u8]) -> Result<Vec<OldKey>, JwksFault> {
    let fault = |text: &str| JwksFault(text.to_owned());
    if text.len() > MAX_JWKS_BYTES {
        return Err(JwksFault(format!("a key set has at most {MAX_JWKS_BYTES} bytes")));
    }
    let set = strict_object(text, DEPTH)
        .ok_or_else(|| fault("this is not a JWK set: one JSON object with \"keys\""))?;
    let Some(Value::Array(members)) = set.get("keys") else {
        return Err(fault("this is not a JWK set: the list \"keys\" is missing"));
    };
    if members.len() > MAX_MEMBERS {
        return Err(JwksFault(format!(
            "a key set has at most {MAX_MEMBERS} keys, and {MAX_KEYS} that verify"
        )));
    }
    let mut keys: Vec<OldKey> = Vec::new();
    for (at, member) in members.iter().enumerate() {
        let kid = member.get("kid").and_then(Value::as_str).unwrap_or("without a name");
        let told = |what: &str| JwksFault(format!("key {} ({:.40?}): {what}", at + 1, kid));
        let map = member.as_object().ok_or_else(|| told("a key is a JSON object"))?;
        if let Some(key) = read_key(map).map_err(|what| told(&what))? {
            let again = |other: &OldKey| {
                other.kid.is_some() && other.kid == key.kid || other.key.kid() == key.key.kid()
            };
            if keys.iter().any(again) {
                return Err(told("another key of the set has the same name, or is the same"));
            }
            keys.push(key);
        }
    }
    match keys.len() {
        0 => Err(fault("no key of this set is for signatures")),
        1..=MAX_KEYS => Ok(keys),
        _ => Err(JwksFault(format!(
            "at most {MAX_KEYS} keys verify; take those away that sign nothing any more"
        ))),
    }
}

/// One key; none where it is not for signatures.
fn read_key(map: &Map<String, Value>) -> Result<Option<OldKey>, String> {
    if PRIVATE.iter().any(|member| map.contains_key(*member)) {
        return Err("it is private or a shared secret, and only public keys belong here; publish the set without it, \
                    and renew the key if others could read this file"
            .to_owned());
    }
    let usage = text(map, "use")?;
    let operations = map.get("key_ops").and_then(Value::as_array);
    let verifies = operations.is_none_or(|list| list.iter().any(|one| one == "verify"));
    if usage.is_some_and(|usage| usage != "sig") || !verifies {
        return Ok(None);
    }
    let algorithm = algorithm(map)?;
    let kid = text(map, "kid")?.map(str::to_owned);
    if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES || kid.chars().any(char::is_control)) {
        return Err(format!("`kid` has at most {MAX_KID_BYTES} bytes and no control characters"));
    }
    let key = Key::from_public(algorithm, &public_bytes(map, algorithm)?).map_err(told)?;
    Ok(Some(OldKey { key, kid }))
}

fn told(fault: KeyFault) -> String {
    if fault == KeyFault::TooShort {
        "an RSA key has at least 2048 bits".to_owned()
    } else {
        fault.to_string()
    }
}

fn algorithm(map: &Map<String, Value>) -> Result<Algorithm, String> {
    let (alg, curve) = (text(map, "alg")?, text(map, "crv")?);
    let found = match (text(map, "kty")?, curve) {
        (Some("RSA"), _) => Algorithm::RS256,
        (Some("EC"), Some("P-256")) => Algorithm::ES256,
        (Some("OKP"), Some("Ed25519")) => Algorithm::EdDSA,
        (kind, curve) => {
            let found = format!("{} {}", kind.unwrap_or("a key without `kty`"), curve.unwrap_or(""));
            let found: String = found.trim_end().chars().take(40).collect();
            return Err(format!("{found:?} is not verified here; RSA, EC P-256 and OKP Ed25519 are"));
        }
    };
    // RFC 9864 has a name of its own for EdDSA with this curve.
    let fits = |alg: &str| alg == found.name() || (found == Algorithm::EdDSA && alg == "Ed25519");
    match alg {
        Some(alg) if !fits(alg) => Err(format!(
            "it is for {alg:.40?}, and RS256, ES256 and EdDSA are verified here; take it away if no session hangs on it"
        )),
        Some(_) | None => Ok(found),
    }
}

fn public_bytes(map: &Map<String, Value>, algorithm: Algorithm) -> Result<Vec<u8>, String> {
    match algorithm {
        Algorithm::RS256 => {
            let (modulus, exponent) = (bytes(map, "n")?, bytes(map, "e")?);
            if modulus.len() > MAX_MODULUS + 1 || exponent.len() > 8 {
                return Err("an RSA key has at most 8192 bits".to_owned());
            }
            let numbers = [der_number(&modulus), der_number(&exponent)].concat();
            Ok(der(0x30, &numbers))
        }
        Algorithm::ES256 => {
            let (x, y) = (bytes(map, "x")?, bytes(map, "y")?);
            if (x.len(), y.len()) != (32, 32) {
                return Err("`x` and `y` of P-256 have 32 bytes each".to_owned());
            }
            Ok([&[4], x.as_slice(), y.as_slice()].concat())
        }
        Algorithm::EdDSA => bytes(map, "x"),
        Algorithm::HS256 => Err("a shared secret has no place in a key set".to_owned()),
    }
}

fn text<'m>(map: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, String> {
    match map.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| format!("`{name}` is a text")),
    }
}

fn bytes(map: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    let text = text(map, name)?.ok_or_else(|| format!("`{name}` is missing"))?;
    BASE64URL.decode(text).map_err(|_| format!("`{name}` is not base64url without padding"))
}

/// A positive integer in DER, from big-endian bytes with or without leading zeros.
fn der_number(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let sign: &[u8] = if number.first().is_none_or(|first| *first > 0x7f) { &[0] } else { &[] };
    der(0x02, &[sign, number].concat())
}

/// A DER value; its content is far below 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}
