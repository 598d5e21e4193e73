//! How does a user look as a line of CSV, with the hash as a PHC string?

use super::hash::{self, Parts};
use super::no_place_for_factor;
use domain::record::Record;

const COLUMNS: [&str; 11] = [
    "id",
    "uuid",
    "username",
    "email",
    "email_verified",
    "first_name",
    "last_name",
    "role",
    "status",
    "created_at",
    "last_login_at",
];

/// The names of the columns (RFC 4180).
pub(super) fn head(hashes: bool) -> String {
    let hash = if hashes { ",password_hash" } else { "" };
    format!("{}{hash}\r\n", COLUMNS.join(","))
}

/// One line, and what it can not say.
pub(super) fn row(record: &Record, hashes: bool) -> (String, Vec<String>) {
    let mut left_out = Vec::new();
    no_place_for_factor(record, &mut left_out);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut cells = vec![
        record.id.map_or_else(String::new, |id| id.to_string()),
        record.uuid.map_or_else(String::new, |uuid| uuid.to_string()),
        text(&record.username),
        text(&record.email),
        record.email_verified.to_string(),
        text(&record.first_name),
        text(&record.last_name),
        text(&record.role),
        text(&record.status),
        text(&record.created_at),
        text(&record.last_login_at),
    ];
    if hashes {
        cells.push(phc(record, &mut left_out));
    }
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    (format!("{}\r\n", cells.join(",")), left_out)
}

fn phc(record: &Record, left_out: &mut Vec<String>) -> String {
    match hash::of(record) {
        None => String::new(),
        Some(Parts::Argon2(text) | Parts::Bcrypt(text)) => text,
        Some(Parts::Pbkdf2(parts)) => parts.phc(),
        Some(Parts::Scrypt(parts)) => parts.phc(),
        Some(Parts::DjangoBcryptSha256(_)) => {
            left_out.push(
                "the password hash: bcrypt over SHA-256 as Django does it has no PHC string".to_owned(),
            );
            String::new()
        }
        Some(Parts::Other(scheme)) => {
            left_out.push(format!("the password hash: {scheme} has no PHC string"));
            String::new()
        }
    }
}

/// A cell in quotes where it needs them.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
