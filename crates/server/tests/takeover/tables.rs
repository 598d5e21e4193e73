//! Who is in the application's table, and who in Countersign?

use crate::application::Kind;
use crate::binary::Home;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::BTreeMap;

/// What must be the same on both sides, by the id that tokens name.
pub type People = BTreeMap<String, Row>;

/// A user as both sides know him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The address.
    pub email: String,
    /// The user name; empty where there are none.
    pub username: String,
    /// The given name; empty where there are none.
    pub first_name: String,
    /// Whether he may sign in.
    pub active: bool,
}

/// Everybody in the application's own table.
pub fn theirs(kind: Kind, home: &Home) -> People {
    let path = kind.database(home);
    let base = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sql = match kind {
        Kind::Django => "SELECT CAST(id AS TEXT), email, username, first_name, is_active FROM users_users",
        Kind::Nest => r#"SELECT "id", "email", '', '', "isActive" FROM "user""#,
    };
    let mut statement = base.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        let (email, username, first_name) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((row.get(0)?, Row { email, username, first_name, active: row.get(4)? }))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Everybody in Countersign.
pub fn ours(kind: Kind, home: &Home) -> People {
    let lines = home.run(&["user", "export"]);
    let id = match kind {
        Kind::Django => "id",
        Kind::Nest => "uuid",
    };
    let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let key = row[id].as_str().map_or_else(|| row[id].to_string(), str::to_owned);
        let active = row["status"] == "active";
        (
            key,
            Row { email: text("email"), username: text("username"), first_name: text("first_name"), active },
        )
    })
    .collect()
}

/// Where two sides differ, a line each; empty if they know the same people.
pub fn differences(theirs: &People, ours: &People) -> Vec<String> {
    let mut all = Vec::new();
    for (id, row) in theirs {
        match ours.get(id) {
            Some(other) if other == row => {}
            other => all.push(format!("{id}: theirs {row:?}, ours {other:?}")),
        }
    }
    let only_ours = ours.iter().filter(|(id, _)| !theirs.contains_key(*id));
    all.extend(only_ours.map(|(id, row)| format!("{id}: only ours {row:?}")));
    all
}
