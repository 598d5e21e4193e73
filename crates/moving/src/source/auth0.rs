//! What do Auth0's exports say: the bulk export of users (NDJSON), and the export of password hashes (NDJSON)?

use super::lines::{self, Lines};
use super::row::Reader;
use domain::record::{Record, StoredHashText};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

/// Before the id of a user in Auth0's own database.
const OWN: &str = "auth0|";

/// Password hashes by the id of their user: about 150 bytes of memory each.
#[derive(Debug, Default)]
pub(super) struct Hashes(HashMap<Box<str>, Box<str>>);

impl Hashes {
    /// Reads the export of password hashes. Refused: a line that is not one of it, a user with two hashes.
    pub fn read(path: &Path) -> Result<Hashes, String> {
        let mut hashes = HashMap::new();
        for line in Lines::new(lines::open(path)?) {
            let line = line.map_err(|what| format!("{}: {what}", path.display()))?;
            let told = |what: &str| format!("{}:{}: {what}", path.display(), line.number);
            let text = line.text.as_deref().map_err(|what| told(what))?;
            let row = domain::json::strict_value(text.as_bytes(), 32, 10_000).map_err(|what| told(&what))?;
            let id = row.get("_id").and_then(oid).ok_or_else(|| told("there is no `_id`"))?;
            let Some(hash) = row.get("passwordHash").and_then(Value::as_str) else { continue };
            match hashes.entry(Box::from(id)) {
                Entry::Vacant(free) => drop(free.insert(Box::from(hash))),
                Entry::Occupied(_) => return Err(told("the user had a password hash in an earlier line")),
            }
        }
        Ok(Hashes(hashes))
    }

    fn of(&self, user_id: &str) -> Option<&str> {
        self.0.get(user_id.strip_prefix(OWN)?).map(AsRef::as_ref)
    }
}

/// `{"$oid": "…"}`, or the text alone.
fn oid(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("$oid")?.as_str())
}

/// The user of a line, of either export.
///
/// Refused: users who come from elsewhere (`google-oauth2|…`) and so have no password anybody knows, unless there is an
/// address that they can set one with.
pub(super) fn record(row: &Map<String, Value>, hashes: &Hashes) -> Result<Record, Vec<String>> {
    let mut reader = Reader::new(row);
    let mut record = Record::default();
    if let Some(oid) = reader.value("_id").and_then(oid) {
        // The export of hashes names the user without what stands before the bar in the other one.
        let id = format!("{OWN}{oid}");
        identify(&id, &mut record);
        record.password_hash = reader.text("passwordHash").map(StoredHashText::new);
    } else if let Some(id) = reader.text("user_id").or_else(|| reader.text("Id")) {
        let id = if id.contains('|') { id } else { format!("{OWN}{id}") };
        identify(&id, &mut record);
        record.password_hash = hashes.of(&id).map(StoredHashText::new);
    } else {
        reader.fault("there is neither `user_id` nor `_id`: is this an export of Auth0?");
    }
    record.email = reader.text("email");
    record.email_verified = reader.flag("email_verified").unwrap_or(false);
    record.username = reader.text("username");
    record.first_name = reader.text("given_name");
    record.last_name = reader.text("family_name");
    if record.first_name.is_none() && record.last_name.is_none() {
        record.first_name = reader.text("name").filter(|name| Some(name) != record.email.as_ref());
    }
    record.phone_number = reader.text("phone_number");
    record.avatar = reader.text("picture");
    record.created_at = reader.moment("created_at");
    record.last_login_at = reader.moment("last_login");
    if reader.flag("blocked") == Some(true) {
        record.status = Some("suspended".to_owned());
    }
    for name in ["app_metadata", "user_metadata"] {
        let meta = reader.object(name);
        if !meta.is_empty() {
            record.attributes.get_or_insert_default().insert(name.to_owned(), meta.into());
        }
    }
    if let Some(nickname) = reader.text("nickname") {
        record.attributes.get_or_insert_default().insert("nickname".to_owned(), nickname.into());
    }
    reader.finish(record)
}

fn identify(id: &str, record: &mut Record) {
    record.uuid = Some(super::row::derived(id));
    record.attributes.get_or_insert_default().insert(super::row::EXTERNAL_ID.to_owned(), id.into());
}
