//! What does Supabase keep of its users (`auth.users`)?

use super::row::Reader;
use domain::record::{Record, StoredHashText};
use serde_json::{Map, Value};

/// The columns that are read, of those that are there.
pub(super) const COLUMNS: [&str; 16] = [
    "id",
    "email",
    "encrypted_password",
    "email_confirmed_at",
    "confirmed_at",
    "phone",
    "raw_user_meta_data",
    "raw_app_meta_data",
    "is_super_admin",
    "created_at",
    "last_sign_in_at",
    "banned_until",
    "deleted_at",
    "is_anonymous",
    "is_sso_user",
    "role",
];

/// The user of a row. `role` is the name of a database role, the same for everybody, and is not taken.
///
/// Refused: anonymous users, who have no name to sign in with, and users of single sign-on.
pub(super) fn record(row: &Map<String, Value>) -> Result<Record, Vec<String>> {
    let mut reader = Reader::new(row);
    let mut record = Record::default();
    reader.identify("id", &mut record);
    record.email = reader.text("email");
    record.email_verified =
        reader.moment("email_confirmed_at").or_else(|| reader.moment("confirmed_at")).is_some();
    record.phone_number = reader.text("phone");
    record.password_hash = reader.hash("encrypted_password").map(StoredHashText::new);
    record.created_at = reader.moment("created_at");
    record.last_login_at = reader.moment("last_sign_in_at");
    let meta = reader.object("raw_user_meta_data");
    names(&meta, &mut record);
    let attributes = record.attributes.get_or_insert_default();
    if !meta.is_empty() {
        attributes.insert("user_metadata".to_owned(), meta.into());
    }
    let app = reader.object("raw_app_meta_data");
    if !app.is_empty() {
        attributes.insert("app_metadata".to_owned(), app.into());
    }
    if reader.flag("is_super_admin") == Some(true) {
        attributes.insert("is_superuser".to_owned(), true.into());
    }
    if reader.moment("deleted_at").is_some() {
        record.status = Some("inactive".to_owned());
    }
    // A ban without end is written as one of a hundred years. Whether it is over is not asked: nobody lifted it.
    if reader.moment("banned_until").is_some() {
        record.status = Some("suspended".to_owned());
    }
    for (column, what) in [("is_anonymous", "anonymous"), ("is_sso_user", "a user of single sign-on")] {
        if reader.flag(column) == Some(true) {
            reader.fault(format!(
                "the user is {what} and can not sign in with a password; leave such users out of the export"
            ));
        }
    }
    reader.finish(record)
}

/// Given and family name as they usually stand in metadata.
fn names(meta: &Map<String, Value>, record: &mut Record) {
    let text = |name: &str| {
        meta.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    record.first_name = text("first_name").or_else(|| text("given_name"));
    record.last_name = text("last_name").or_else(|| text("family_name"));
    if record.first_name.is_none() && record.last_name.is_none() {
        record.first_name = text("full_name").or_else(|| text("name"));
    }
    record.avatar = text("avatar_url").or_else(|| text("picture"));
}
