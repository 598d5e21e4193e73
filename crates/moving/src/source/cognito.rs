//! What does the CSV form of Amazon Cognito say? It never holds a password.

use super::row::{Reader, parse_uuid};
use domain::record::Record;
use serde_json::{Map, Value};

/// The columns that are read, of those that are there.
pub(super) const COLUMNS: [&str; 16] = [
    "cognito:username",
    "sub",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "preferred_username",
    "picture",
    "email",
    "email_verified",
    "phone_number",
    "locale",
    "zoneinfo",
    "enabled",
    "created_at",
    "updated_at",
];

/// The user of a row. A `cognito:username` that is a UUID is the id of a pool whose users sign in by address.
pub(super) fn record(row: &Map<String, Value>) -> Result<Record, Vec<String>> {
    let mut reader = Reader::new(row);
    let mut record = Record::default();
    reader.identify("sub", &mut record);
    let name = reader.text("cognito:username");
    match name.as_deref().and_then(parse_uuid) {
        Some(uuid) => {
            record.uuid.get_or_insert(uuid);
            record.username = reader.text("preferred_username");
        }
        None => record.username = name,
    }
    record.email = reader.text("email");
    record.email_verified = reader.flag("email_verified").unwrap_or(false);
    record.first_name = reader.text("given_name");
    record.last_name = reader.text("family_name");
    if record.first_name.is_none() && record.last_name.is_none() {
        record.first_name = reader.text("name");
    }
    record.phone_number = reader.text("phone_number");
    record.avatar = reader.text("picture");
    record.created_at = reader.moment("created_at");
    if reader.flag("enabled") == Some(false) {
        record.status = Some("inactive".to_owned());
    }
    for name in ["nickname", "locale", "zoneinfo"] {
        if let Some(text) = reader.text(name) {
            record.attributes.get_or_insert_default().insert(name.to_owned(), text.into());
        }
    }
    reader.finish(record)
}
