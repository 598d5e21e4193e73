//! How does a user look in a file for `firebase auth:import --hash-algo=BCRYPT`?
//!
//! Firebase takes one algorithm with one set of parameters for a whole file, so one has to be chosen: bcrypt, which
//! carries its parameters in each hash.

use super::hash::{self, Parts};
use super::{Told, full_name, is_active, millis, no_place_for_factor, object};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use domain::record::Record;
use serde_json::{Value, json};

/// Bytes of all claims together.
const CLAIMS: usize = 1000;

/// One object of the list `users`.
pub(super) fn user(record: &Record) -> Told {
    let mut left_out = Vec::new();
    let password = password(record, &mut left_out);
    no_place_for_factor(record, &mut left_out);
    if record.email.is_none() {
        left_out.push("the e-mail address: without one nobody signs in by password there".to_owned());
    }
    let phone = record.phone_number.as_ref().filter(|phone| phone.starts_with('+'));
    let role = record.role.as_ref().filter(|role| !role.is_empty());
    let claims = role.map(|role| json!({ "role": role }).to_string()).filter(|claims| claims.len() <= CLAIMS);
    let text = |at: Option<i64>| at.map(|at| at.to_string());
    let user = object([
        ("localId", json!(record.uuid)),
        ("email", json!(record.email)),
        ("emailVerified", json!(record.email_verified)),
        ("passwordHash", json!(password)),
        ("displayName", json!(full_name(record).or_else(|| record.username.clone()))),
        ("photoUrl", json!(record.avatar.as_ref().filter(|avatar| avatar.starts_with("https://")))),
        ("phoneNumber", json!(phone)),
        ("createdAt", json!(text(millis(record.created_at.as_ref())))),
        ("lastSignedInAt", json!(text(millis(record.last_login_at.as_ref())))),
        ("disabled", json!(!is_active(record))),
        ("customAttributes", json!(claims)),
    ]);
    (user, left_out)
}

fn password(record: &Record, left_out: &mut Vec<String>) -> Option<Value> {
    let other = match hash::of(record)? {
        Parts::Bcrypt(crypt) => return Some(json!(URL_SAFE.encode(crypt))),
        Parts::Argon2(_) => "argon2".to_owned(),
        Parts::Pbkdf2(_) => "PBKDF2 (up to 120,000 rounds, the same for all users)".to_owned(),
        Parts::Scrypt(_) => "scrypt (the same parameters for all users)".to_owned(),
        Parts::DjangoBcryptSha256(_) => "bcrypt over SHA-256".to_owned(),
        Parts::Other(scheme) => scheme,
    };
    left_out.push(format!("the password hash: a file for Firebase with bcrypt can not hold {other}"));
    None
}
