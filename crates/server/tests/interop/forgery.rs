//! Which tokens look like a good one and must be refused?

use crate::application::Framework;
use crate::binary::{Home, chance};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The claims of a JWT, unchecked.
pub fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap_or_else(|| panic!("not a JWT: {token}"));
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Tokens made from a good one, each with what is wrong with it. `subject` is the claim that names the user.
pub fn forgeries(
    framework: Framework,
    home: &Home,
    token: &str,
    subject: &str,
) -> Vec<(&'static str, String)> {
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut flipped = URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[7] ^= 1;
    let none = encode(&json!({ "alg": "none", "typ": "JWT" }));
    let good = claims(token);
    let other = with(&good, subject, other_user(&good[subject]));
    let issued = good["iat"].as_i64().unwrap();
    let expired = with(&with(&good, "iat", json!(issued - 7200)), "exp", json!(issued - 3600));
    vec![
        (
            "one bit of the signature flipped",
            format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(flipped)),
        ),
        ("no signature", format!("{header}.{payload}.")),
        ("algorithm none, no signature", format!("{none}.{payload}.")),
        ("algorithm none, the old signature", format!("{none}.{payload}.{signature}")),
        ("another user, the old signature", format!("{header}.{}.{signature}", encode(&other))),
        ("another secret", framework.sign(home, &good, &chance().repeat(4))),
        ("expired", framework.sign(home, &expired, &secret(home))),
    ]
}

/// The same claims signed again with the right secret: it must be accepted, or the forgeries prove nothing.
pub fn signed_again(framework: Framework, home: &Home, token: &str) -> String {
    framework.sign(home, &claims(token), &secret(home))
}

fn secret(home: &Home) -> String {
    std::fs::read_to_string(home.path("secret")).unwrap().trim().to_owned()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

/// Another user's id of the same form: a number, or a UUID with another last digit.
fn other_user(id: &Value) -> Value {
    match id.as_str() {
        Some(text) => {
            let (rest, last) = text.split_at(text.len() - 1);
            json!(format!("{rest}{}", if last == "7" { "8" } else { "7" }))
        }
        None => json!(id.as_i64().unwrap() + 1),
    }
}
