//! How does a user look in a fixture for Django's `loaddata`?

use super::hash::{self, Parts};
use super::{Told, is_active, no_place_for_factor, object};
use domain::record::Record;
use serde_json::{Value, json};

/// Characters of `username`, `first_name` and `last_name` in Django's own model.
const LONGEST: usize = 150;

/// One object of the fixture.
pub(super) fn user(record: &Record, model: &str) -> Told {
    let mut left_out = Vec::new();
    let password = password(record, &mut left_out);
    no_place_for_factor(record, &mut left_out);
    let name = record.username.as_ref().or(record.email.as_ref());
    let name = name.cloned().or_else(|| record.uuid.map(|uuid| uuid.to_string())).unwrap_or_default();
    for (what, text) in [
        ("username", Some(&name)),
        ("first name", record.first_name.as_ref()),
        ("last name", record.last_name.as_ref()),
    ] {
        if text.is_some_and(|text| text.chars().count() > LONGEST) {
            left_out.push(format!("the {what} has more than {LONGEST} characters; a database may refuse it"));
        }
    }
    let mark = |name: &str| {
        json!(record.attributes.iter().flatten().any(|(key, value)| key == name && *value == true))
    };
    let fields = object([
        ("username", json!(name)),
        ("email", json!(record.email.as_deref().unwrap_or(""))),
        ("first_name", json!(record.first_name.as_deref().unwrap_or(""))),
        ("last_name", json!(record.last_name.as_deref().unwrap_or(""))),
        ("password", json!(password)),
        ("is_active", json!(is_active(record))),
        ("is_staff", mark("is_staff")),
        ("is_superuser", mark("is_superuser")),
        ("date_joined", json!(record.created_at)),
        ("last_login", json!(record.last_login_at)),
    ]);
    (
        object([
            ("model", json!(model)),
            ("pk", record.id.map_or(Value::Null, Value::from)),
            ("fields", fields),
        ]),
        left_out,
    )
}

/// The `password` column. Without a usable one it begins with `!`, and what follows is of this user alone.
fn password(record: &Record, left_out: &mut Vec<String>) -> String {
    let unusable = || format!("!{}", record.uuid.unwrap_or_default().simple());
    let Some(parts) = hash::of(record) else { return unusable() };
    let told = match parts {
        Parts::Argon2(phc) => Some(format!("argon2{phc}")),
        Parts::Bcrypt(crypt) => Some(format!("bcrypt${crypt}")),
        Parts::DjangoBcryptSha256(text) => Some(text),
        Parts::Pbkdf2(parts) => parts.django(),
        Parts::Scrypt(parts) => parts.django(),
        Parts::Other(scheme) => {
            left_out.push(format!("the password hash: Django does not know {scheme}"));
            return unusable();
        }
    };
    told.unwrap_or_else(|| {
        left_out.push(
            "the password hash: Django keeps salts as text and hashes of one length, and this one differs"
                .to_owned(),
        );
        unusable()
    })
}
