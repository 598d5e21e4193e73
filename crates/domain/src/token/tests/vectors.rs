//! Tokens and keys made elsewhere; each file says by what.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::*;

pub(super) const KEYS: &str = include_str!("../../../testdata/tokens/keys.txt");
const RFC: &str = include_str!("../../../testdata/tokens/rfc.txt");
const MADE: [(&str, usize, &str); 4] = [
    ("pyjwt", 24, include_str!("../../../testdata/tokens/pyjwt-2.9.0.txt")),
    ("simplejwt 5.3.1", 10, include_str!("../../../testdata/tokens/simplejwt-5.3.1.txt")),
    ("simplejwt 5.5.1", 10, include_str!("../../../testdata/tokens/simplejwt-5.5.1.txt")),
    ("node", 11, include_str!("../../../testdata/tokens/node.txt")),
];

pub(super) fn bytes(text: &str) -> Vec<u8> {
    BASE64URL.decode(text).unwrap()
}

pub(super) fn keys(text: &'static str) -> HashMap<&'static str, Key> {
    let read = |line: &'static str| {
        let [_, name, algorithm, material] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let key = match Algorithm::named(algorithm).unwrap() {
            Algorithm::HS256 => Key::hs256(&SecretBytes::new(bytes(material)), false),
            other @ (Algorithm::ES256 | Algorithm::RS256 | Algorithm::EdDSA) => {
                Key::from_pkcs8(other, &bytes(material))
            }
        };
        (name, key.unwrap())
    };
    text.lines().filter(|line| line.starts_with("key ")).map(read).collect()
}

/// Key name, label, token and the line after it without its first word.
pub(super) fn tokens(
    text: &'static str,
) -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
    let lines: Vec<&str> = text.lines().collect();
    let pairs: Vec<_> = lines.windows(2).map(|two| (two[0], two[1])).collect();
    pairs.into_iter().filter(|(line, _)| line.starts_with("token ")).map(|(line, next)| {
        let [_, key, label, token] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        (key, label, token, next.split_once(' ').unwrap().1)
    })
}

#[test]
fn tokens_of_the_original_libraries_are_read() {
    let keys = keys(KEYS);
    for (made_by, count, text) in MADE {
        assert_eq!(tokens(text).count(), count, "{made_by}");
        for (key, label, token, claims) in tokens(text) {
            if ["headers", "keyid"].contains(&label) && keys[key].kid().is_some() {
                // Its header names a key that is not ours (SEC-50).
                assert_eq!(set_of(&keys[key]).verify(token).err(), Some(TokenFault::BadSignature));
                continue;
            }
            let read = set_of(&keys[key])
                .verify(token)
                .unwrap_or_else(|fault| panic!("{made_by} {key} {label}: {fault}"));
            let expected: Map<String, Value> = serde_json::from_str(claims).unwrap();
            assert_eq!(read.map(), &expected, "{made_by} {key} {label}");
            let expires = read.need_seconds("exp").unwrap();
            assert_eq!(read.check_times(expires - 1, 0), Ok(()));
            assert_eq!(read.check_times(expires + 1, 0), Err(TokenFault::Expired));
        }
    }
}

#[test]
fn a_token_is_read_with_no_key_but_its_own() {
    let keys = keys(KEYS);
    for (made_by, _, text) in MADE {
        for (own, label, token, _) in tokens(text) {
            for (name, key) in keys.iter().filter(|(name, _)| **name != own) {
                let read = set_of(key).verify(token);
                assert_eq!(read, Err(TokenFault::BadSignature), "{made_by} {own} {label} with {name}");
            }
        }
    }
}

#[test]
fn our_tokens_are_theirs_to_the_byte() {
    let keys = keys(KEYS);
    let mut same = 0;
    for (made_by, _, text) in MADE {
        for (key, label, token, claims) in
            tokens(text).filter(|(_, label, ..)| !["headers", "keyid"].contains(label))
        {
            let ours = set_of(&keys[key]).sign(claims.as_bytes());
            if keys[key].algorithm() == Algorithm::ES256 {
                assert_eq!(ours.rsplit_once('.').unwrap().0, token.rsplit_once('.').unwrap().0);
                assert!(set_of(&keys[key]).verify(&ours).is_ok());
            } else {
                assert_eq!(ours, token, "{made_by} {key} {label}");
                same += 1;
            }
        }
    }
    assert_eq!(same, 36);
}

#[test]
fn examples_of_the_rfcs_hold() {
    let keys = keys(RFC);
    let plan = |typ: Option<&str>| HeaderPlan { typ: typ.map(str::to_owned), ..HeaderPlan::default() };
    let mut seen = 0;
    for (key, label, token, payload) in tokens(RFC) {
        let key = &keys[key];
        let set = KeySet::new(key.clone(), vec![], plan(None)).unwrap();
        let read = set.verify(token);
        if key.algorithm() == Algorithm::EdDSA {
            // Its payload is a sentence, so the signature is good and the claims are none.
            assert_eq!(read, Err(TokenFault::Malformed));
        } else {
            let read = read.unwrap_or_else(|fault| panic!("{label}: {fault}"));
            assert_eq!(read.need_text("iss"), Ok("joe"));
            assert_eq!(read.need_seconds("exp"), Ok(1_300_819_380));
        }
        // The header of A.1 holds a line break, and ES256 never signs twice alike.
        if [Algorithm::RS256, Algorithm::EdDSA].contains(&key.algorithm()) {
            assert_eq!(set.sign(&bytes(payload)), token, "{label}");
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn thumbprints_of_the_rfcs_hold() {
    let lines: Vec<&str> = RFC.lines().filter(|line| line.starts_with("thumbprint ")).collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        let [_, source, algorithm, public, kid] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let key = Key::from_public(Algorithm::named(algorithm).unwrap(), &bytes(public)).unwrap();
        assert_eq!(key.kid(), Some(kid), "{source}");
    }
}

#[test]
fn the_header_is_written_as_planned() {
    let [hs, es, ..] = one_of_each();
    let kid = es.kid().unwrap().to_owned();
    let header = |key: &Key, typ: Option<&str>, alg_first, kid| {
        let plan = HeaderPlan { typ: typ.map(str::to_owned), alg_first, kid, check_typ: false };
        let token = KeySet::new(key.clone(), vec![], plan).unwrap().sign(CLAIMS);
        String::from_utf8(bytes(token.split('.').next().unwrap())).unwrap()
    };
    assert_eq!(header(&hs, Some("JWT"), true, false), r#"{"alg":"HS256","typ":"JWT"}"#);
    assert_eq!(header(&hs, Some("JWT"), false, true), r#"{"typ":"JWT","alg":"HS256"}"#);
    assert_eq!(header(&hs, None, true, true), r#"{"alg":"HS256"}"#);
    assert_eq!(
        header(&es, Some("at+jwt"), true, true),
        format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#)
    );
}
