//! Do the files say what their readers expect?

use super::*;
use domain::password::keycloak::{Credential, text};
use domain::record::{RecordFactor, StoredHashText};
use serde_json::json;
use std::io::Write as _;

const ARGON2: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$DeUQDrSSbnFCg3mVqGvAy8kqKvOZ7R1hUYf2iVbK8Wk";
const BCRYPT: &str = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
const DJANGO: &str = "pbkdf2_sha256$870000$salt17$ig6iJkJuHrFOrJSyYFLFzyyMkoFyzQMbxpZOZvFqrpw=";
const PASSLIB: &str =
    "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk";
const WERKZEUG: &str =
    "pbkdf2:sha256:1000$salt17$8a0ea226426e1eb14eac94b26052c5cf2c8c928172cd031bc6964e66f16aae9c";
const SCRYPT: &str = "scrypt:32768:8:1$salt17$\
    00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn ana(hash: &str) -> Record {
    let attributes = json!({"is_staff": true, "town": "Vigo", "wins": 3});
    Record {
        id: Some(17),
        uuid: Some(uuid::Uuid::from_u128(0x0190_a3c4_5d6e_7f80_9a1b_2c3d_4e5f_6071)),
        username: Some("ana".to_owned()),
        email: Some("ana@example.com".to_owned()),
        email_verified: true,
        first_name: Some("Ana \"Nita\"".to_owned()),
        last_name: Some("Pérez, M.".to_owned()),
        role: Some("editor".to_owned()),
        status: Some("active".to_owned()),
        attributes: attributes.as_object().cloned(),
        password_hash: (!hash.is_empty()).then(|| StoredHashText::new(hash)),
        second_factor: Some(RecordFactor {
            totp_seed: StoredHashText::new("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"),
            recovery_codes: vec!["00".repeat(32)],
        }),
        created_at: Some("2024-01-31T12:00:00.000Z".to_owned()),
        ..Record::default()
    }
}

fn wanted(format: Format, secrets: bool) -> Wanted {
    let (django_model, realm) = ("auth.user".to_owned(), "shop".to_owned());
    Wanted { format, hashes: secrets, factors: secrets, django_model, realm }
}

/// A file with these users, and what was left out of each.
fn file(format: Format, secrets: bool, users: &[Record]) -> (String, Vec<Vec<String>>) {
    let mut writer = Writer::new(wanted(format, secrets));
    let (mut text, mut left_out) = (writer.head(), Vec::new());
    for user in users {
        let written = writer.user(user.clone());
        text.push_str(&written.text);
        left_out.push(written.left_out);
    }
    text.push_str(writer.tail());
    (text, left_out)
}

/// One user with this hash, as JSON, and what was left out.
fn one(format: Format, hash: &str) -> (Value, String) {
    let (text, left_out) = file(format, true, &[ana(hash)]);
    let value: Value = serde_json::from_str(&text).unwrap();
    let first = value.get("users").unwrap_or(&value)[0].clone();
    (first, left_out.concat().join("; "))
}

#[test]
fn files_are_whole_with_no_user_and_with_several() {
    for (name, format) in Format::NAMES {
        for count in [0, 1, 3] {
            let (text, _) = file(format, false, &vec![ana(DJANGO); count]);
            let found = match format {
                Format::Jsonl => {
                    text.lines().filter(|line| serde_json::from_str::<Record>(line).is_ok()).count()
                }
                Format::PhcCsv => {
                    csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).count()
                }
                Format::Django | Format::Auth0 => serde_json::from_str::<Vec<Value>>(&text).unwrap().len(),
                Format::Keycloak | Format::Firebase => {
                    serde_json::from_str::<Value>(&text).unwrap()["users"].as_array().unwrap().len()
                }
            };
            assert_eq!(found, count, "{name}");
        }
    }
}

#[test]
fn what_is_not_wanted_is_in_no_file() {
    for (name, format) in Format::NAMES {
        for hash in [ARGON2, BCRYPT, DJANGO, PASSLIB, WERKZEUG, SCRYPT] {
            let (text, left_out) = file(format, false, &[ana(hash)]);
            let secret = hash.rsplit('$').next().unwrap();
            assert!(!text.contains(secret) && !text.contains("JBSWY3DP"), "{name}: {text}");
            assert_eq!(left_out.concat(), Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn django_gets_hashes_in_its_own_form() {
    let at = |hash: &str| {
        let (user, left_out) = one(Format::Django, hash);
        let factor = "the second factor: the format has no place for it";
        assert!(left_out.ends_with(factor), "{left_out}");
        (
            user["fields"]["password"].as_str().unwrap().to_owned(),
            left_out.trim_end_matches(factor).to_owned(),
        )
    };
    assert_eq!(at(ARGON2).0, format!("argon2{ARGON2}"));
    assert_eq!(at(BCRYPT).0, format!("bcrypt${BCRYPT}"));
    assert_eq!(at(&format!("bcrypt${BCRYPT}")).0, format!("bcrypt${BCRYPT}"));
    assert_eq!(at(DJANGO), (DJANGO.to_owned(), String::new()));
    assert_eq!(at(WERKZEUG).0, DJANGO.replace("870000", "1000"));
    assert!(at(SCRYPT).0.starts_with("scrypt$32768$salt17$8$1$ABEiM0RV"), "{:?}", at(SCRYPT));
    let (password, left_out) = at(PASSLIB);
    assert_eq!(password, "!0190a3c45d6e7f809a1b2c3d4e5f6071");
    assert!(left_out.contains("Django keeps salts as text"), "{left_out}");
    assert_eq!(at("").0, "!0190a3c45d6e7f809a1b2c3d4e5f6071");
    let (user, _) = one(Format::Django, DJANGO);
    assert_eq!((&user["model"], &user["pk"]), (&json!("auth.user"), &json!(17)));
    assert_eq!(user["fields"]["is_staff"], true);
    assert_eq!(user["fields"]["is_superuser"], false);
}

#[test]
fn phc_strings_are_read_back() {
    for hash in [ARGON2, BCRYPT, DJANGO, PASSLIB, WERKZEUG, SCRYPT] {
        let (text, _) = file(Format::PhcCsv, true, &[ana(hash)]);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(&row[5], "Ana \"Nita\"");
        let phc = &row[11];
        assert!(phc.starts_with('$'), "{phc}");
        assert!(domain::password::Hash::parse(phc).is_ok(), "{phc}");
        assert_eq!(super::hash::of(&ana(hash)), super::hash::of(&ana(phc)));
    }
    let (_, left_out) = file(Format::PhcCsv, true, &[ana("$P$B12345678GZCVkNS6LSdTSeu3IhBEf1")]);
    assert!(left_out.concat()[1].contains("has no PHC string"), "{left_out:?}");
}

#[test]
fn auth0_gets_custom_hashes_and_the_seed() {
    let (user, left_out) = one(Format::Auth0, ARGON2);
    assert_eq!(user["custom_password_hash"]["algorithm"], "argon2");
    assert_eq!(user["custom_password_hash"]["hash"], json!({"value": ARGON2, "encoding": "utf8"}));
    assert_eq!(user["mfa_factors"][0]["totp"]["secret"], "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
    assert_eq!((&user["user_id"], &user["blocked"]), (&json!("17"), &json!(false)));
    assert!(left_out.contains("the recovery codes"), "{left_out}");
    let (user, _) = one(Format::Auth0, SCRYPT);
    assert_eq!(user["custom_password_hash"]["cost"], 32768);
    assert_eq!(user["custom_password_hash"]["keylen"], 64);
    let (user, _) = one(Format::Auth0, PASSLIB);
    let told = user["custom_password_hash"]["hash"]["value"].as_str().unwrap();
    assert!(told.starts_with("$pbkdf2-sha256$i=29000,l=32$"), "{told}");
}

#[test]
fn keycloak_credentials_are_read_back() {
    for hash in [ARGON2, DJANGO, PASSLIB] {
        let (user, _) = one(Format::Keycloak, hash);
        let of = |part: &str| {
            serde_json::from_str::<Value>(user["credentials"][0][part].as_str().unwrap()).unwrap()
        };
        let (secret, data) = (of("secretData"), of("credentialData"));
        let parameters = data["additionalParameters"].as_object().unwrap();
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, list)| (name.as_str(), list[0].as_str().unwrap())).collect();
        let back = text(&Credential {
            algorithm: data["algorithm"].as_str().unwrap(),
            iterations: data["hashIterations"].as_u64().unwrap(),
            salt: secret["salt"].as_str().unwrap(),
            value: secret["value"].as_str().unwrap(),
            parameters: &parameters,
        });
        let (before, after) = (super::hash::of(&ana(hash)), super::hash::of(&ana(&back.unwrap())));
        assert_eq!(before, after);
        assert_eq!(user["credentials"][1]["type"], "otp");
    }
    let (user, left_out) = one(Format::Keycloak, BCRYPT);
    assert_eq!(user["credentials"].as_array().unwrap().len(), 1);
    assert!(left_out.contains("Keycloak does not know bcrypt without a plug-in"), "{left_out}");
    assert_eq!(
        user["attributes"],
        json!({"is_staff": ["true"], "town": ["Vigo"], "wins": ["3"], "id": ["17"]})
    );
}

#[test]
fn firebase_gets_bcrypt_and_nothing_else() {
    let (user, _) = one(Format::Firebase, BCRYPT);
    assert!(user["passwordHash"].as_str().unwrap().starts_with("JDJiJDEw"));
    assert_eq!(user["createdAt"], "1706702400000");
    let (user, left_out) = one(Format::Firebase, ARGON2);
    assert!(user.get("passwordHash").is_none() && left_out.contains("can not hold argon2"), "{left_out}");
}

#[test]
fn recipients_are_read_with_their_checksum() {
    const GOOD: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    assert!(seal::Recipient::parse(GOOD).is_ok());
    for broken in [
        "",
        "age1",
        "AGE1QL3Z7HJY54PW3HYWW5AYYFG7ZQGVC7W3J2ELW8ZMRJ2KG5SFN9AQMCAC8P",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8q",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8",
        "age1bl3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        "ssh-ed25519 AAAA",
    ] {
        assert!(seal::Recipient::parse(broken).is_err(), "{broken}");
    }
}

#[test]
fn a_sealed_file_has_the_form_of_age_and_the_length_of_its_text() {
    let recipient =
        seal::Recipient::parse("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p").unwrap();
    for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let mut sealed = seal::Sealed::new(Vec::new(), &recipient, &[7; 32]).unwrap();
        sealed.write_all(&vec![b'x'; length]).unwrap();
        let file = sealed.finish().unwrap();
        assert!(file.starts_with(b"age-encryption.org/v1\n-> X25519 "));
        let header = file.windows(4).position(|four| four == b"--- ").unwrap() + 4 + 43 + 1;
        let chunks = length.div_ceil(65_536).max(1);
        assert_eq!(file.len() - header, 16 + length + 16 * chunks, "{length}");
    }
}
