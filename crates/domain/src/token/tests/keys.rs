//! Which keys are taken, and what of them is shown?

use serde_json::json;

use super::*;
use crate::token::keys::{MAX_KEYS, SAMPLE_SECRETS};

fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text)
}

#[test]
fn a_shared_secret_is_long_and_not_from_a_tutorial() {
    // SEC-54
    let short = "0123456789abcdef";
    assert_eq!(Key::hs256(&secret(short), false).unwrap_err(), KeyFault::TooShort);
    assert_eq!(
        Key::hs256(&secret("0123456789abcdef0123456789abcde"), false).unwrap_err(),
        KeyFault::TooShort
    );
    assert!(Key::hs256(&secret(short), true).is_ok());
    assert!(Key::hs256(&secret("0123456789abcdef0123456789abcdef"), false).is_ok());
    let repeated = "a".repeat(64);
    for sample in ["", " ", "\n", "x", &repeated, "secret", " Secret\n", "CHANGEME", "your-256-bit-secret"] {
        for allow_short in [false, true] {
            assert_eq!(Key::hs256(&secret(sample), allow_short).unwrap_err(), KeyFault::Sample, "{sample:?}");
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
    // SEC-57
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
