//! How does a user look in a partial import of a Keycloak realm?

use super::hash::{self, Parts};
use super::{Told, is_active, millis, object};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use domain::record::{Record, RecordFactor};
use serde_json::{Value, json};

/// One object of the list `users`.
pub(super) fn user(record: &Record) -> Told {
    let mut left_out = Vec::new();
    let mut credentials: Vec<Value> = password(record, &mut left_out).into_iter().collect();
    credentials.extend(record.second_factor.as_ref().map(|factor| otp(factor, &mut left_out)));
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let name = record.username.clone().or_else(|| record.email.clone());
    let role = filled(&record.role).map(|role| json!([role]));
    let user = object([
        ("id", json!(record.uuid)),
        ("username", json!(name)),
        ("email", json!(record.email)),
        ("emailVerified", json!(record.email_verified)),
        ("firstName", json!(filled(&record.first_name))),
        ("lastName", json!(filled(&record.last_name))),
        ("enabled", json!(is_active(record))),
        ("createdTimestamp", json!(millis(record.created_at.as_ref()))),
        ("realmRoles", json!(role)),
        ("attributes", attributes(record)),
        ("credentials", json!(credentials)),
    ]);
    (user, left_out)
}

/// Attributes are lists of texts there. What is no text is written as JSON.
fn attributes(record: &Record) -> Value {
    let texts = record.attributes.iter().flatten().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), json!([text]))
    });
    let id = record.id.map(|id| ("id".to_owned(), json!([id.to_string()])));
    let phone = record.phone_number.as_ref().map(|phone| ("phoneNumber".to_owned(), json!([phone])));
    Value::Object(texts.chain(id).chain(phone).collect())
}

fn credential(kind: &str, secret: &Value, data: &Value) -> Value {
    json!({ "type": kind, "secretData": secret.to_string(), "credentialData": data.to_string() })
}

fn password(record: &Record, left_out: &mut Vec<String>) -> Option<Value> {
    let told = match hash::of(record)? {
        Parts::Pbkdf2(parts) => {
            let algorithm =
                if parts.digest == "sha1" { "pbkdf2".to_owned() } else { format!("pbkdf2-{}", parts.digest) };
            let (value, salt) = (STANDARD.encode(&parts.hash), STANDARD.encode(&parts.salt));
            let secret = json!({ "value": value, "salt": salt, "additionalParameters": {} });
            let data =
                json!({ "hashIterations": parts.rounds, "algorithm": algorithm, "additionalParameters": {} });
            return Some(credential("password", &secret, &data));
        }
        Parts::Argon2(phc) => match argon2(&phc) {
            Some((secret, data)) => return Some(credential("password", &secret, &data)),
            None => "this form of argon2".to_owned(),
        },
        Parts::Bcrypt(_) => "bcrypt".to_owned(),
        Parts::DjangoBcryptSha256(_) => "bcrypt over SHA-256".to_owned(),
        Parts::Scrypt(_) => "scrypt".to_owned(),
        Parts::Other(scheme) => scheme,
    };
    left_out.push(format!("the password hash: Keycloak does not know {told} without a plug-in"));
    None
}

/// Secret and parameters of `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
fn argon2(phc: &str) -> Option<(Value, Value)> {
    let fields: Vec<&str> = phc.split('$').collect();
    let ["", kind, version, costs, salt, hash] = fields.as_slice() else { return None };
    let cost = |name: &str| costs.split(',').find_map(|cost| cost.strip_prefix(name)?.strip_prefix('='));
    let (salt, hash) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?);
    let version = match *version {
        "v=19" => "1.3",
        "v=16" => "1.0",
        _ => return None,
    };
    let secret =
        json!({ "value": STANDARD.encode(&hash), "salt": STANDARD.encode(salt), "additionalParameters": {} });
    let data = json!({
        "hashIterations": cost("t")?.parse::<u32>().ok()?,
        "algorithm": "argon2",
        "additionalParameters": {
            "hashLength": [hash.len().to_string()], "memory": [cost("m")?], "type": [kind.strip_prefix("argon2")?],
            "version": [version], "parallelism": [cost("p")?],
        },
    });
    Some((secret, data))
}

fn otp(factor: &RecordFactor, left_out: &mut Vec<String>) -> Value {
    if !factor.recovery_codes.is_empty() {
        left_out.push("the recovery codes: Keycloak hashes its own in another way".to_owned());
    }
    let secret = json!({ "value": factor.totp_seed.expose() });
    let data = json!({
        "subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1", "secretEncoding": "BASE32",
    });
    credential("otp", &secret, &data)
}
