//! Does anything get in that no key of ours signed, or in any form but the one we write?

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

const BAD: TokenFault = TokenFault::BadSignature;
const FORM: TokenFault = TokenFault::Malformed;

fn hs(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    move |message| hmac::sign(&key, message).as_ref().to_vec()
}

#[test]
fn no_name_of_no_algorithm_is_accepted() {
    for key in one_of_each() {
        let set = set_of(&key);
        for alg in [
            "none", "None", "NONE", "nOnE", "", "null", "hs256", "HS256 ", "HS384", "HS512", "es256",
            "ES256K", "PS256", "EDDSA", "Ed25519",
        ] {
            let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
            assert_eq!(set.verify(&craft(&header, CLAIMS, |_| vec![])), Err(FORM), "{alg} unsigned");
            assert_eq!(set.verify(&craft(&header, CLAIMS, |_| vec![0])), Err(BAD), "{alg}");
            assert_eq!(
                set.verify(&craft(&header, CLAIMS, |text| key.signature(text))),
                Err(BAD),
                "{alg} signed by us"
            );
        }
        for header in [
            r#"{"typ":"JWT"}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":1}"#,
            r#"{"Alg":"HS256"}"#,
            "{}",
        ] {
            assert_eq!(set.verify(&craft(header, CLAIMS, |text| key.signature(text))), Err(FORM), "{header}");
        }
        for other in
            ["HS256", "ES256", "RS256", "EdDSA"].into_iter().filter(|alg| *alg != key.algorithm().name())
        {
            let header = format!(r#"{{"alg":"{other}","typ":"JWT"}}"#);
            assert_eq!(set.verify(&craft(&header, CLAIMS, |text| key.signature(text))), Err(BAD), "{other}");
        }
    }
}

/// A public key in every form in which a verifier may have it lying about.
fn forms(pkcs1_or_raw: &[u8], spki: &[u8], jwk: &serde_json::Value) -> Vec<Vec<u8>> {
    let mut forms = vec![
        pkcs1_or_raw.to_vec(),
        spki.to_vec(),
        jwk.to_string().into_bytes(),
        serde_json::to_vec_pretty(jwk).unwrap(),
    ];
    for (label, der) in [("PUBLIC KEY", spki), ("RSA PUBLIC KEY", pkcs1_or_raw)] {
        let text = STANDARD.encode(der);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        for newline in ["\n", "\r\n"] {
            let pem = format!(
                "-----BEGIN {label}-----{newline}{}{newline}-----END {label}-----",
                lines.join(newline)
            );
            forms.extend([pem.clone().into_bytes(), format!("{pem}{newline}").into_bytes()]);
        }
        forms.push(text.into_bytes());
    }
    forms
}

#[test]
fn a_public_key_is_never_a_shared_secret() {
    let (es, der) = Key::generate_es256().unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.expose()).unwrap();
    let es_forms =
        forms(pair.public_key().as_ref(), pair.public_key().as_der().unwrap().as_ref(), &es.jwk().unwrap());
    let (ed, der) = Key::generate_eddsa().unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(der.expose()).unwrap();
    let ed_forms =
        forms(pair.public_key().as_ref(), pair.public_key().as_der().unwrap().as_ref(), &ed.jwk().unwrap());
    let (rs, der) = Key::generate_rs256().unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.expose()).unwrap();
    let rs_forms =
        forms(pair.public_key().as_ref(), pair.public_key().as_der().unwrap().as_ref(), &rs.jwk().unwrap());
    for (key, forms) in [(es, es_forms), (ed, ed_forms), (rs, rs_forms)] {
        let kid = key.kid().unwrap();
        for secret in forms.iter().map(Vec::as_slice).chain([kid.as_bytes(), b""]) {
            for header in
                [r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(), format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#)]
            {
                assert_eq!(set_of(&key).verify(&craft(&header, CLAIMS, hs(secret))), Err(BAD));
            }
        }
    }
}

#[test]
fn signatures_that_broken_verifiers_accept_are_refused() {
    for key in one_of_each() {
        let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, key.algorithm().name());
        let order = [
            [255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
            [0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51],
        ]
        .concat();
        let one = [vec![0; 31], vec![1]].concat();
        let zero = vec![0; 32];
        for signature in [
            vec![0; 64],
            vec![0; 32],
            vec![255; 64],
            vec![0; 256],
            vec![0; 384],
            vec![0x30, 6, 2, 1, 0, 2, 1, 0],
            [order.clone(), order.clone()].concat(),
            [one.clone(), zero.clone()].concat(),
            [zero, one].concat(),
            [order.clone(), vec![0; 32]].concat(),
        ] {
            assert_eq!(set_of(&key).verify(&craft(&header, CLAIMS, |_| signature)), Err(BAD));
        }
        let mut padded = set_of(&key).sign(CLAIMS);
        let signature = BASE64URL.decode(padded.split('.').nth(2).unwrap()).unwrap();
        padded.truncate(padded.rfind('.').unwrap() + 1);
        for longer in [[&[0][..], &signature].concat(), [&signature[..], &[0]].concat()] {
            assert_eq!(set_of(&key).verify(&format!("{padded}{}", BASE64URL.encode(longer))), Err(BAD));
        }
    }
}

#[test]
fn rsa_with_another_padding_is_another_algorithm() {
    let (key, der) = Key::generate_rs256().unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.expose()).unwrap();
    for alg in ["RS256", "PS256"] {
        let token = craft(&format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#), CLAIMS, |text| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
            signature
        });
        assert_eq!(set_of(&key).verify(&token), Err(BAD), "{alg}");
    }
}

#[test]
fn a_kid_selects_among_our_keys_and_does_nothing_else() {
    let [_, es, ed, _] = one_of_each();
    let (es_two, _) = Key::generate_es256().unwrap();
    let plan = HeaderPlan { kid: true, ..HeaderPlan::default() };
    let set = KeySet::new(es.clone(), vec![es_two.clone(), ed.clone()], plan).unwrap();
    let token = |key: &Key, kid: &str| {
        craft(&format!(r#"{{"alg":"{}","kid":{kid}}}"#, key.algorithm().name()), CLAIMS, |text| {
            key.signature(text)
        })
    };
    let quoted = |key: &Key| format!("{:?}", key.kid().unwrap());
    for key in [&es, &es_two, &ed] {
        assert!(set.verify(&token(key, &quoted(key))).is_ok());
        assert!(set.verify(&set_of(key).sign(CLAIMS)).is_ok(), "without a kid");
        let attacker = one_of_each().into_iter().find(|other| other.algorithm() == key.algorithm()).unwrap();
        for kid in [
            quoted(key),
            "\"../../dev/null\"".into(),
            "\"' OR 1=1--\"".into(),
            "\"\"".into(),
            "\"http://127.0.0.1:9/\"".into(),
        ] {
            assert_eq!(set.verify(&token(&attacker, &kid)), Err(BAD), "{kid}");
        }
        assert_eq!(set.verify(&token(key, "\"../../dev/null\"")), Err(BAD), "an unknown kid selects nothing");
        let long = format!("\"{}\"", "k".repeat(257));
        for kid in ["[]", "[\"a\"]", "null", "0", "true", "{}", "\"a\\u0000b\"", "\"a\\nb\"", &long] {
            assert_eq!(set.verify(&token(key, kid)), Err(FORM), "{kid}");
        }
        assert_eq!(set.verify(&token(key, &format!("\"{}\"", "k".repeat(100_000)))), Err(FORM));
    }
    assert_eq!(set.verify(&token(&es_two, &quoted(&es))), Err(BAD), "the kid of another key of ours");
    for secret in ["", "\0", "../../dev/null"] {
        let forged = craft(r#"{"alg":"HS256","kid":"../../dev/null"}"#, CLAIMS, hs(secret.as_bytes()));
        assert_eq!(set_of(&shared_key()).verify(&forged), Err(BAD));
    }
}

#[test]
fn a_header_brings_no_key_and_no_extension() {
    let [_, es, ..] = one_of_each();
    let [_, attacker, ..] = one_of_each();
    let jwk = attacker.jwk().unwrap();
    for field in [
        format!(r#""jwk":{jwk}"#),
        r#""jku":"http://127.0.0.1:9/jwks""#.into(),
        r#""x5u":"http://127.0.0.1:9/""#.into(),
        r#""x5c":["MIIB"]"#.into(),
        r#""x5t":7"#.into(),
        r#""cty":"JWT""#.into(),
    ] {
        let header = format!(r#"{{"alg":"ES256",{field}}}"#);
        assert_eq!(
            set_of(&es).verify(&craft(&header, CLAIMS, |text| attacker.signature(text))),
            Err(BAD),
            "{field}"
        );
        assert!(
            set_of(&es).verify(&craft(&header, CLAIMS, |text| es.signature(text))).is_ok(),
            "{field} is not read"
        );
    }
    for field in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""typ":1"#,
        r#""typ":null"#,
        r#""a":[[[[1]]]]"#,
        r#""alg":"ES256""#,
        r#""x":1,"x":1"#,
        r#""x":{"y":1,"y":2}"#,
    ] {
        let header = format!(r#"{{"alg":"ES256",{field}}}"#);
        assert_eq!(
            set_of(&es).verify(&craft(&header, CLAIMS, |text| es.signature(text))),
            Err(FORM),
            "{field}"
        );
    }
}

#[test]
fn typ_is_checked_when_the_plan_asks() {
    let key = shared_key();
    let plan = HeaderPlan { typ: Some("at+jwt".to_owned()), check_typ: true, ..HeaderPlan::default() };
    let strict = KeySet::new(key.clone(), vec![], plan).unwrap();
    assert!(strict.verify(&strict.sign(CLAIMS)).is_ok());
    for (typ, expected) in [
        (r#","typ":"at+jwt""#, true),
        (r#","typ":"AT+JWT""#, true),
        (r#","typ":"application/at+jwt""#, true),
        (r#","typ":"JWT""#, false),
        (r#","typ":"""#, false),
        (r#","typ":"text/at+jwt""#, false),
        ("", false),
    ] {
        let token = craft(&format!(r#"{{"alg":"HS256"{typ}}}"#), CLAIMS, |text| key.signature(text));
        assert_eq!(strict.verify(&token).err(), (!expected).then_some(TokenFault::WrongKind), "{typ}");
        assert!(set_of(&key).verify(&token).is_ok());
    }
}

#[test]
fn only_the_strict_compact_form_is_read() {
    let key = shared_key();
    let set = set_of(&key);
    let token = set.sign(CLAIMS);
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let json = format!(r#"{{"payload":"{claims}","protected":"{header}","signature":"{signature}"}}"#);
    let general = format!(
        r#"{{"payload":"{claims}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
    );
    let refused = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!(".{claims}.{signature}"),
        format!("{header}..{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}.{claims}.{claims}.{claims}.{signature}"),
        json,
        general,
        ".".repeat(1_000_000),
        "a".repeat(1_000_000),
        format!("{token}="),
        format!("{token}=="),
        format!(" {token}"),
        format!("{token} "),
        format!("{token}\n"),
        format!("{token}\0"),
        format!("Bearer {token}"),
        format!("{header}. {claims}.{signature}"),
        token.replace('.', ","),
        format!("\u{feff}{token}"),
    ];
    for text in refused {
        assert_eq!(set.verify(&text), Err(FORM), "{}", text.chars().take(200).collect::<String>());
    }
}

#[test]
fn a_good_signature_does_not_excuse_a_bad_form() {
    let key = shared_key();
    let set = set_of(&key);
    let token = set.sign(CLAIMS);
    let [header, claims, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let sign = |header: &str, claims: &str| craft_encoded(header, claims, |text| key.signature(text));
    let mut refused = vec![];
    for bad in [
        "e30=",
        "e30 ",
        "e3 0",
        "e31",
        "e3",
        "e",
        "eyJhIjoiPz8_In0=",
        "eyJhIjoiPz8/In0",
        "eyJhIjoiPz4+In0",
        "é30",
    ] {
        refused.push(sign(header, bad));
        refused.push(sign(bad, claims));
    }
    for text in [
        "null",
        "[]",
        "\"{}\"",
        "1",
        "{",
        "{}{}",
        "",
        " ",
        "{\"exp\":1,\"exp\":2}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":1,}",
    ] {
        refused.push(sign(header, &BASE64URL.encode(text)));
    }
    refused.push(sign(header, &BASE64URL.encode(b"{\"a\":\"\xff\"}")));
    refused.push(set.sign(format!("{{\"a\":{}{}}}", "[".repeat(16), "]".repeat(16)).as_bytes()));
    refused.push(set.sign(format!("{{\"a\":\"{}\"}}", "a".repeat(MAX_TOKEN_BYTES)).as_bytes()));
    for text in refused {
        assert_eq!(set.verify(&text), Err(FORM), "{}", text.chars().take(200).collect::<String>());
    }
    let room = (MAX_TOKEN_BYTES - header.len() - signature.len() - 2) / 4 * 3 - 8;
    let largest = set.sign(format!("{{\"a\":\"{}\"}}", "a".repeat(room)).as_bytes());
    assert!((MAX_TOKEN_BYTES - 3..=MAX_TOKEN_BYTES).contains(&largest.len()));
    assert!(set.verify(&largest).is_ok());
}

#[test]
fn every_bit_of_a_token_counts() {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. ";
    for key in one_of_each() {
        let set = set_of(&key);
        let token = set.sign(CLAIMS);
        assert!(set.verify(&token).is_ok());
        let exhaustive = key.algorithm() == Algorithm::HS256;
        for (at, own) in token.char_indices() {
            assert!(set.verify(&token[..at]).is_err(), "cut at {at}");
            assert!(set.verify(&token[at + 1..]).is_err(), "begun at {}", at + 1);
            // The last letters of a part hold the spare bits, so all their neighbours are tried for every algorithm.
            let everything = exhaustive || token[at + 1..].starts_with('.') || at + 1 == token.len();
            let flipped = [char::from(own as u8 ^ 1), char::from(own as u8 ^ 32), char::from(own as u8 ^ 64)];
            let all = alphabet.chars().filter(|_| everything);
            for other in flipped.into_iter().chain(all).filter(|other| *other != own) {
                let text = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                assert!(set.verify(&text).is_err(), "{text}");
            }
        }
        for tail in ["A", "AA", "AAA", "AAAA", "=", "==", ".", "%00", "\u{0}", "\t", "é"] {
            assert!(set.verify(&format!("{token}{tail}")).is_err());
            assert!(set.verify(&format!("{tail}{token}")).is_err());
        }
        assert!(set.verify(&token.to_uppercase()).is_err());
        assert!(set.verify(&token.to_lowercase()).is_err());
    }
}

#[test]
fn a_previous_key_verifies_and_a_dropped_one_does_not() {
    for [old, new] in [one_of_each(), one_of_each()].map(|keys| [keys[1].clone(), keys[2].clone()]) {
        let token = set_of(&old).sign(CLAIMS);
        let rotated = KeySet::new(new.clone(), vec![old], HeaderPlan::default()).unwrap();
        assert!(rotated.verify(&token).is_ok());
        assert!(rotated.verify(&rotated.sign(CLAIMS)).is_ok());
        assert_eq!(set_of(&new).verify(&token), Err(BAD));
    }
    let old = Key::hs256(&SecretBytes::new(*b"the secret of the year before 00"), false).unwrap();
    let token = set_of(&old).sign(CLAIMS);
    let rotated = KeySet::new(shared_key(), vec![old], HeaderPlan::default()).unwrap();
    assert!(rotated.verify(&token).is_ok());
    assert_eq!(set_of(&shared_key()).verify(&token), Err(BAD));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fail_otherwise(text in ".{0,300}", header in "[ -~]{0,60}", claims in "[ -~]{0,60}") {
        let key = shared_key();
        let set = set_of(&key);
        prop_assert!(set.verify(&text).is_err());
        prop_assert!(set.verify(&craft(&header, claims.as_bytes(), |_| vec![7; 32])).is_err());
        let signed = set.verify(&set.sign(claims.as_bytes()));
        prop_assert_eq!(signed.is_ok(), serde_json::from_str::<serde_json::Map<_, _>>(&claims).is_ok());
    }
}
