//! How does a user look in a bulk import of Auth0?

use super::hash::{self, Parts};
use super::{Told, full_name, is_active, object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::record::Record;
use serde_json::{Value, json};

/// One object of the list.
pub(super) fn user(record: &Record) -> Told {
    let mut left_out = Vec::new();
    if record.email.is_none() {
        left_out.push("the user: Auth0 needs an e-mail address".to_owned());
    }
    if record.username.as_ref().is_some_and(|name| name.chars().count() > 15) {
        left_out.push("the user name has more than 15 characters, the most that Auth0 takes unless the connection says more".to_owned());
    }
    let factor = record.second_factor.as_ref().map(|factor| {
        if !factor.recovery_codes.is_empty() {
            left_out.push("the recovery codes: Auth0 takes none, the user makes new ones".to_owned());
        }
        json!([{ "totp": { "secret": factor.totp_seed.expose() } }])
    });
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let app = object([
        ("uuid", json!(record.uuid)),
        ("role", json!(filled(&record.role))),
        ("permissions", json!(record.permissions.as_ref().filter(|list| !list.is_empty()))),
    ]);
    let user = object([
        ("user_id", json!(record.id.map(|id| id.to_string()))),
        ("email", json!(record.email)),
        ("email_verified", json!(record.email_verified)),
        ("username", json!(record.username)),
        ("given_name", json!(filled(&record.first_name))),
        ("family_name", json!(filled(&record.last_name))),
        ("name", json!(full_name(record))),
        ("picture", json!(record.avatar.as_ref().filter(|avatar| avatar.starts_with("https://")))),
        ("blocked", json!(!is_active(record))),
        ("app_metadata", app),
        ("user_metadata", json!(record.attributes.as_ref().filter(|map| !map.is_empty()))),
        ("mfa_factors", json!(factor)),
        ("custom_password_hash", password(record, &mut left_out)),
    ]);
    (user, left_out)
}

fn password(record: &Record, left_out: &mut Vec<String>) -> Value {
    let text = |algorithm: &str, value: String| json!({ "algorithm": algorithm, "hash": { "value": value, "encoding": "utf8" } });
    match hash::of(record) {
        None => Value::Null,
        Some(Parts::Argon2(phc)) => text("argon2", phc),
        Some(Parts::Bcrypt(crypt)) => text("bcrypt", crypt),
        Some(Parts::Pbkdf2(parts)) => text("pbkdf2", parts.phc()),
        Some(Parts::Scrypt(parts)) => json!({
            "algorithm": "scrypt",
            "hash": { "value": STANDARD.encode(&parts.hash), "encoding": "base64" },
            "salt": { "value": STANDARD.encode(&parts.salt), "encoding": "base64" },
            "keylen": parts.hash.len(), "cost": parts.n, "blockSize": parts.r, "parallelization": parts.p,
        }),
        Some(Parts::DjangoBcryptSha256(_)) => {
            left_out.push(
                "the password hash: Auth0 does not know bcrypt over SHA-256 as Django does it".to_owned(),
            );
            Value::Null
        }
        Some(Parts::Other(scheme)) => {
            left_out.push(format!("the password hash: Auth0 does not know {scheme}"));
            Value::Null
        }
    }
}
