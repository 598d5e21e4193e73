//! Do keys of another application verify what it signed, and nothing else?

use serde_json::{Value, json};

use super::vectors::{KEYS, bytes, keys, tokens};
use super::*;

const PYJWT: &str = include_str!("../../../testdata/tokens/pyjwt-2.9.0.txt");
const NODE: &str = include_str!("../../../testdata/tokens/node.txt");
/// Key sets, the tokens of the same library, and the labels of those that name the key.
const MADE: [(&str, &str, &str); 2] = [
    (include_str!("../../../testdata/tokens/jwks-pyjwt.txt"), PYJWT, "headers"),
    (include_str!("../../../testdata/tokens/jwks-node.txt"), NODE, "keyid"),
];

fn sets(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines().filter_map(|line| line.strip_prefix("jwks ")?.split_once(' '))
}

fn old(keys: Vec<OldKey>) -> OldKeys {
    OldKeys::new(keys, None).unwrap()
}

fn unnamed(key: &Key) -> OldKey {
    OldKey { key: key.clone(), kid: None }
}

#[test]
fn key_sets_of_the_original_libraries_verify_their_tokens() {
    let mut seen = 0;
    for (text, made, named) in MADE {
        for (name, set) in sets(text).filter(|(name, _)| *name != "all") {
            let keys = old(read_jwks(set.as_bytes()).unwrap());
            for (key, label, token, claims) in tokens(made) {
                let read = keys.verify(token, TokenUse::Access);
                if key == name {
                    let expected: Value = serde_json::from_str(claims).unwrap();
                    assert_eq!(json!(read.unwrap().map()), expected, "{name} {label}");
                    seen += usize::from(label == named);
                } else {
                    assert_eq!(read, Err(TokenFault::BadSignature), "{key} {label} with {name}");
                }
            }
        }
    }
    // Those that name their key: four from Python, three from Node.
    assert_eq!(seen, 7);
}

#[test]
fn a_whole_set_selects_by_name_and_passes_over_what_is_for_encryption() {
    let (_, set) = sets(MADE[0].0).find(|(name, _)| *name == "all").unwrap();
    let read = read_jwks(set.as_bytes()).unwrap();
    let names: Vec<&str> = read.iter().map(|one| one.kid.as_deref().unwrap()).collect();
    assert_eq!(names, ["es", "rs2048", "rs3072", "ed"]);
    let all = old(read);
    for (key, label, token, _) in tokens(PYJWT) {
        let good = key.starts_with("hs") || label == "headers";
        assert_eq!(all.verify(token, TokenUse::Access).is_err(), good, "{key} {label}");
    }
    assert_eq!(all.general().len(), 4);
}

#[test]
fn public_keys_in_the_place_of_secrets_and_secrets_of_others_verify_nothing() {
    let keys = keys(KEYS);
    let shared = old(vec![unnamed(&keys["hs"])]);
    for (key, label, token, _) in tokens(NODE) {
        assert_eq!(shared.verify(token, TokenUse::Refresh).is_ok(), key == "hs", "{key} {label}");
    }
    // The algorithm is the key's: an HMAC over the public key is no signature (RFC 8725 section 2.1).
    let public = old(vec![unnamed(&keys["rs2048"])]);
    let modulus = keys["rs2048"].jwk().unwrap()["n"].as_str().unwrap().to_owned();
    let forger = Key::hs256(&SecretBytes::new(modulus), false).unwrap();
    let forged = craft(r#"{"alg":"HS256","typ":"JWT"}"#, CLAIMS, |text| forger.signature(text));
    assert_eq!(public.verify(&forged, TokenUse::Access), Err(TokenFault::BadSignature));
    let none = craft(r#"{"alg":"none"}"#, CLAIMS, |_| vec![0]);
    assert_eq!(public.verify(&none, TokenUse::Access), Err(TokenFault::BadSignature));
    let crit = craft(r#"{"alg":"HS256","crit":["x"]}"#, CLAIMS, |text| keys["hs"].signature(text));
    assert_eq!(shared.verify(&crit, TokenUse::Access), Err(TokenFault::Malformed));
}

#[test]
fn a_secret_of_their_own_tells_refresh_tokens_apart() {
    let keys = keys(KEYS);
    let apart = OldKeys::new(vec![unnamed(&keys["hs"])], Some(keys["hstext"].clone())).unwrap();
    let at = |name: &str| {
        let (_, _, token, _) = tokens(NODE).find(|(key, ..)| *key == name).unwrap();
        let good = |usage| apart.verify(token, usage).is_ok();
        (good(TokenUse::Access), good(TokenUse::Refresh))
    };
    assert_eq!((at("hs"), at("hstext"), at("es")), ((true, false), (false, true), (false, false)));
    assert!(apart.tells_refresh());
}

#[test]
fn old_keys_are_not_published_and_are_not_ours() {
    let keys = keys(KEYS);
    let set = set_of(&keys["ed"]).with_old(old(vec![unnamed(&keys["es"])])).unwrap();
    assert_eq!(set.jwks()["keys"].as_array().unwrap().len(), 1);
    for (key, label, token, _) in tokens(NODE) {
        assert_eq!(set.verify(token).is_ok(), key == "ed", "{key} {label}");
    }
    let twice = set_of(&keys["ed"]).with_old(old(vec![unnamed(&keys["ed"])]));
    assert_eq!(twice.err(), Some(KeyFault::Twice));
    assert_eq!(OldKeys::new(Vec::new(), None).err(), Some(KeyFault::Unusable));
    let named = |name: &str| OldKey { key: keys[name].clone(), kid: Some("one".to_owned()) };
    assert_eq!(OldKeys::new(vec![named("es"), named("ed")], None).err(), Some(KeyFault::Twice));
    assert_eq!(OldKeys::new(vec![unnamed(&keys["hs"]); 9], None).err(), Some(KeyFault::TooMany));
}

/// What is said of a set with this key, and with what of it changed.
fn said(name: &str, change: Value) -> String {
    let (_, set) = sets(MADE[0].0).find(|(known, _)| *known == name).unwrap();
    let mut set: Value = serde_json::from_str(set).unwrap();
    for (member, value) in change.as_object().unwrap() {
        if value.is_null() {
            set["keys"][0].as_object_mut().unwrap().remove(member);
        } else {
            set["keys"][0][member] = value.clone();
        }
    }
    read_jwks(set.to_string().as_bytes())
        .map_or_else(|fault| fault.to_string(), |keys| format!("{} keys", keys.len()))
}

#[test]
fn every_fault_of_a_key_set_is_told() {
    for (name, change, told) in [
        ("es", json!({"alg": null, "use": null, "kid": null}), "1 keys"),
        ("ed", json!({"alg": "Ed25519"}), "1 keys"),
        ("es", json!({"key_ops": ["verify"]}), "1 keys"),
        ("es", json!({"key_ops": ["deriveKey"]}), "no key of this set is for signatures"),
        ("rs2048", json!({"use": "enc"}), "no key of this set is for signatures"),
        ("rs2048", json!({"d": "AQAB"}), "it is private or a shared secret"),
        ("rs2048", json!({"kty": "oct", "k": "AQAB"}), "it is private or a shared secret"),
        ("rs2048", json!({"kty": "oct"}), "\"oct\" is not verified here"),
        ("rs2048", json!({"alg": "RS512"}), "it is for \"RS512\""),
        ("rs2048", json!({"alg": "HS256"}), "it is for \"HS256\""),
        ("es", json!({"crv": "P-384"}), "\"EC P-384\" is not verified here"),
        ("es", json!({"x": "AQAB"}), "`x` and `y` of P-256 have 32 bytes each"),
        ("es", json!({"x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}), "not a usable key"),
        ("es", json!({"y": null}), "`y` is missing"),
        ("ed", json!({"x": "AQ=="}), "`x` is not base64url without padding"),
        ("ed", json!({"x": "AQAB"}), "not a usable key"),
        ("rs2048", json!({"n": "AQAB"}), "an RSA key has at least 2048 bits"),
        ("rs2048", json!({"n": "A".repeat(1500)}), "an RSA key has at most 8192 bits"),
        ("rs2048", json!({"e": ""}), "not a usable key"),
        ("rs2048", json!({"kid": 7}), "`kid` is a text"),
        ("rs2048", json!({"kid": "k".repeat(300)}), "`kid` has at most 256 bytes"),
    ] {
        let said = said(name, change.clone());
        assert!(said.contains(told), "{name} {change}: {said}");
    }
    let read = |text: &str| read_jwks(text.as_bytes()).unwrap_err().to_string();
    for text in ["", "[]", "{}", "{\"keys\": 1}", "{\"keys\": [], \"keys\": []}", "\u{feff}{}"] {
        assert!(read(text).contains("this is not a JWK set"), "{text}");
    }
    assert!(read("{\"keys\": [7]}").contains("a key is a JSON object"));
    assert!(read(&" ".repeat(MAX_JWKS_BYTES + 1)).contains("at most 65536 bytes"));
    assert!(read(&format!("{{\"keys\": [{}]}}", vec!["{}"; 33].join(","))).contains("at most 32 keys"));
    let (_, set) = sets(MADE[1].0).next().unwrap();
    let key = set.trim_start_matches("{\"keys\":[").trim_end_matches("]}");
    assert!(
        read(&format!("{{\"keys\": [{key}, {key}]}}")).contains("key 2 (\"key-1\"): another key of the set")
    );
    // Leading zeros of a number change nothing.
    let (_, set) = sets(MADE[1].0).find(|(name, _)| *name == "rs2048").unwrap();
    let mut padded: Value = serde_json::from_str(set).unwrap();
    let modulus = bytes(padded["keys"][0]["n"].as_str().unwrap());
    padded["keys"][0]["n"] = json!(BASE64URL.encode([&[0, 0], modulus.as_slice()].concat()));
    assert_eq!(
        read_jwks(padded.to_string().as_bytes()).unwrap()[0].key.kid(),
        read_jwks(set.as_bytes()).unwrap()[0].key.kid()
    );
}
