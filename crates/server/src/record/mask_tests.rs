use super::*;
use crate::record::exchange::{Answered, Asked, Exchange, Fields, Recording};
use domain::time::Moment;

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn exchange(target: &str, asked: &[(&str, &str)], body: &str, status: u16, answer: &str) -> Exchange {
    let mut asked = fields(asked);
    asked.push(("Content-Type".to_owned(), "application/json".to_owned()));
    Exchange {
        at: Moment::from_seconds(1_710_080_400),
        asked: Asked {
            method: "POST".to_owned(),
            target: target.to_owned(),
            fields: asked,
            body: body.as_bytes().to_vec(),
        },
        answered: Answered {
            status,
            fields: fields(&[("Content-Type", "application/json")]),
            body: answer.as_bytes().to_vec(),
        },
    }
}

fn jwt(claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"HS256","typ":"JWT"}"#),
        part(claims),
        part("a signature of the original")
    )
}

/// Everything of a recording as one text, tokens opened.
fn text_of(recording: &Recording) -> String {
    let mut out = String::new();
    for one in &recording.exchanges {
        out.push_str(&format!("{} {:?}\n", one.asked.target, one.asked.fields));
        out.push_str(&String::from_utf8_lossy(&one.asked.body));
        out.push_str(&format!("{:?}", one.answered.fields));
        out.push_str(&String::from_utf8_lossy(&one.answered.body));
        let body = String::from_utf8_lossy(&one.answered.body).into_owned();
        for word in body.split('"') {
            out.extend(claims(word).map(|claims| Value::Object(claims).to_string()));
        }
    }
    out
}

fn conversation() -> Recording {
    let access =
        jwt(r#"{"sub":"5c635aaf-a1b5-4f58-bb29-20831da1961d","email":"Ana.Ruiz@corp.io","exp":1710084000}"#);
    let sign_in = exchange(
        "/sign-in",
        &[],
        r#"{"email":"Ana.Ruiz@corp.io","password":"Tr0ub4dor&3","phone":"+34 600 123 456","first_name":"Ana","username":"ana"}"#,
        200,
        &format!(
            r#"{{"access":"{access}","refresh":"b2KkpPp3ar4m","user":{{"id":7,"uuid":"5c635aaf-a1b5-4f58-bb29-20831da1961d",
            "email":"Ana.Ruiz@corp.io","first_name":"Ana","username":"ana","phone":"+34 600 123 456","role":"ana",
            "note":"Welcome back, Ana.Ruiz@corp.io"}}}}"#
        ),
    );
    let refresh = exchange(
        "/refresh?token=b2KkpPp3ar4m",
        &[("Authorization", &format!("Bearer {access}")), ("Cookie", "sid=8f14e45fceea167a5a36dedd4bea2543")],
        r#"{"refresh":"b2KkpPp3ar4m"}"#,
        401,
        r#"{"detail":"b2KkpPp3ar4m is over"}"#,
    );
    let profile = exchange(
        "/users/5c635aaf-a1b5-4f58-bb29-20831da1961d/ana",
        &[("User-Agent", "Ana's telephone")],
        "{}",
        200,
        r#"{"hash":"pbkdf2_sha256$870000$aIoAvxL8iCH3GiCD5255KA$yncf6KXHHfe4MpzxBjj="}"#,
    );
    Recording { exchanges: vec![sign_in, refresh, profile], ..Recording::default() }
}

#[test]
fn no_secret_is_left_anywhere() {
    let recording = conversation();
    let mask = Mask::of(&recording);
    let text = text_of(&mask.recording(&recording));
    for secret in [
        "Ana.Ruiz",
        "corp.io",
        "Tr0ub4dor",
        "600 123 456",
        "\"Ana\"",
        "Ana's",
        "/ana",
        "b2KkpPp3ar4m",
        "5c635aaf-a1b5",
        "8f14e45fceea167a5a36dedd4bea2543",
        "aIoAvxL8iCH3GiCD5255KA",
    ] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    assert_eq!(mask.leak(&text), None);
    assert_eq!(mask.leak("so Tr0ub4dor&3 was it"), Some("password"));
}

#[test]
fn the_same_value_has_the_same_stand_in_everywhere() {
    let recording = conversation();
    let masked = Mask::of(&recording).recording(&recording);
    let body = |at: usize| masked.exchanges[at].asked.json().unwrap();
    let answer = masked.exchanges[0].answered.json().unwrap();
    assert_eq!(body(0)["email"], answer["user"]["email"]);
    assert_eq!(body(1)["refresh"], answer["refresh"]);
    assert_ne!(answer["refresh"], "b2KkpPp3ar4m");
    let access = answer["access"].as_str().unwrap();
    assert_eq!(claims(access).unwrap()["sub"], answer["user"]["uuid"]);
    assert_eq!(claims(access).unwrap()["exp"], 1_710_084_000);
    let credential = &masked.exchanges[1].asked.fields[0].1;
    assert_eq!(credential, &format!("Bearer {access}"));
    let uuid = answer["user"]["uuid"].as_str().unwrap();
    assert!(masked.exchanges[2].asked.target.starts_with(&format!("/users/{uuid}/")));
    // A word of the contract stays, whoever is called so.
    assert_eq!(answer["user"]["role"], "ana");
    assert_eq!(answer["user"]["id"], 7);
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % below as u64).unwrap()
    }

    fn text(&mut self, from: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(from[self.next(from.len())])).collect()
    }
}

#[test]
fn whatever_the_secrets_are_none_is_left() {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const MARKS: &[u8] = b"abcXYZ019!$%&/()=?+*#-_.:,;<>\"'\\ {}[]~";
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let long = 10 + dice.next(20);
        let password = format!("{}9", dice.text(MARKS, long).trim());
        let token = dice.text(LETTERS, 32);
        let email = format!("{}@{}.dev", dice.text(LETTERS, 9), dice.text(&LETTERS[..26], 6));
        let hash = format!("$2b$12${}", dice.text(LETTERS, 53));
        let json = serde_json::json!({"login": email, "password": password, "refresh_token": token});
        let answer = serde_json::json!({"token": jwt(&serde_json::json!({"email": email, "t": token}).to_string()),
            "deep": [{"hash": hash, "say": format!("to {email} with {token}")}], "refresh_token": token});
        let form = format!(
            "a={}&password={}",
            crate::record::parts::encoded(&email),
            crate::record::parts::encoded(&password)
        );
        let first = exchange("/a", &[("X-Api-Key", &token)], &json.to_string(), 200, &answer.to_string());
        let mut second = exchange(&format!("/b/{token}?mail={email}"), &[], "", 200, "{}");
        second.asked.fields = fields(&[("Content-Type", "application/x-www-form-urlencoded")]);
        second.asked.body = form.into_bytes();
        let recording = Recording { exchanges: vec![first, second], ..Recording::default() };
        let mask = Mask::of(&recording);
        let masked = mask.recording(&recording);
        let text = crate::record::parts::decoded(&text_of(&masked), false);
        for secret in [&password, &token, &email, &hash] {
            let escaped = Value::from(secret.as_str()).to_string();
            assert!(!text.contains(secret.as_str()), "seed {seed}: {secret} is in {text}");
            assert!(!text.contains(escaped.trim_matches('"')), "seed {seed}: {secret} is in {text}");
        }
        let asked = masked.exchanges[0].asked.json().unwrap();
        assert_eq!(asked["refresh_token"], masked.exchanges[0].answered.json().unwrap()["refresh_token"]);
    }
}
