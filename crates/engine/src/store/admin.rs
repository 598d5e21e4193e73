//! How are admin keys and the bootstrap token kept, and who is an administrator?

use super::row::Row;
use super::sql::Sql;
use super::step::{Expect, Step};
use super::users::account_columns;
use super::value::{Value, values};
use crate::error::Fault;
use domain::admin::{AdminChange, AdminKey, KeyId, NewAdminKey, Scopes, UserSearch};
use domain::change::Conflict;
use domain::id::UserId;
use domain::time::Moment;
use domain::token::Digest;

macro_rules! key_columns {
    () => {
        "id, name, scopes, owner, created_at, expires_at, last_used_at, revoked_at"
    };
}

/// The second condition is that of the partial index, word for word.
macro_rules! administrator {
    ($names:literal, $holds:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM users WHERE status = 'active' AND role <> '' AND role IN (",
            $names,
            ")) OR EXISTS (SELECT 1 FROM users WHERE status = 'active' AND ",
            $holds,
            "(permissions, '\"admin.*\"') > 0))"
        )
    };
}

macro_rules! about_administrator {
    ($before:literal) => {
        Sql::each(
            concat!($before, administrator!("SELECT value FROM json_each($1)", "instr")),
            concat!(
                $before,
                administrator!("SELECT json_array_elements_text(CAST(CAST($1 AS TEXT) AS JSON))", "strpos")
            ),
        )
    };
}

/// Whether there is an active user who may do everything.
pub(super) static ADMINISTRATOR: Sql = about_administrator!("SELECT ");
static SOME: Sql = about_administrator!("SELECT 1 AS there WHERE ");
static NONE: Sql = about_administrator!("SELECT 1 AS there WHERE NOT ");
pub(super) static ADD_KEY: Sql = Sql::same(
    "INSERT INTO admin_keys (id, digest, name, scopes, owner, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)",
);
pub(super) static REVOKE_KEY: Sql =
    Sql::same("UPDATE admin_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL");
pub(super) static TOUCH_KEY: Sql = Sql::same("UPDATE admin_keys SET last_used_at = $1 WHERE id = $2");
pub(super) static KEY: Sql =
    Sql::same(concat!("SELECT ", key_columns!(), ", digest FROM admin_keys WHERE id = $1"));
pub(super) static KEYS: Sql =
    Sql::same(concat!("SELECT ", key_columns!(), " FROM admin_keys ORDER BY created_at, id"));
pub(super) static PUT_BOOTSTRAP: Sql = Sql::same(
    "INSERT INTO admin_bootstrap (one, digest, expires_at) VALUES (1, $1, $2) \
     ON CONFLICT (one) DO UPDATE SET digest = $1, expires_at = $2",
);
pub(super) static USE_BOOTSTRAP: Sql =
    Sql::same("DELETE FROM admin_bootstrap WHERE digest = $1 AND expires_at > $2");
pub(super) static BOOTSTRAP: Sql =
    Sql::same("SELECT 1 FROM admin_bootstrap WHERE digest = $1 AND expires_at > $2");

/// The parameter of [`ADMINISTRATOR`]: the roles that permit everything.
pub(super) fn names(roles: &[String]) -> Value<'static> {
    Value::from(serde_json::Value::from(roles).to_string())
}

/// Carries out one write.
pub(super) fn write<'a>(steps: &mut Vec<Step<'a>>, change: &'a AdminChange) {
    let must = |sql, values, conflict| Step { sql, values, expect: Expect::Row(conflict) };
    match change {
        AdminChange::KeepAdministrator { roles } => {
            steps.push(must(&SOME, vec![names(roles)], Conflict::LastAdministrator));
        }
        AdminChange::AddKey(key) => steps.push(add_key(key)),
        AdminChange::RevokeKey { key, at } => {
            steps.push(Step::any(&REVOKE_KEY, values![at.millis(), key.0]));
        }
        AdminChange::TouchKey { key, at } => steps.push(Step::any(&TOUCH_KEY, values![at.millis(), key.0])),
        AdminChange::PutBootstrap { digest, expires_at, roles } => {
            steps.push(must(&NONE, vec![names(roles)], Conflict::BootstrapClosed));
            steps.push(Step::any(&PUT_BOOTSTRAP, values![digest.bytes(), expires_at.millis()]));
        }
        AdminChange::UseBootstrap { digest, at, roles } => {
            steps.push(must(&NONE, vec![names(roles)], Conflict::BootstrapClosed));
            let values = values![digest.bytes(), at.millis()];
            steps.push(must(&USE_BOOTSTRAP, values.into(), Conflict::BootstrapClosed));
        }
    }
}

/// Whether a change looks at rows of others that it does not write: then nobody may write them at the same time.
pub(super) fn looks_round(change: &AdminChange) -> bool {
    match change {
        AdminChange::KeepAdministrator { .. }
        | AdminChange::PutBootstrap { .. }
        | AdminChange::UseBootstrap { .. } => true,
        AdminChange::AddKey(_) | AdminChange::RevokeKey { .. } | AdminChange::TouchKey { .. } => false,
    }
}

fn add_key(new: &NewAdminKey) -> Step<'_> {
    let key = &new.key;
    let values = values![
        key.id.0,
        new.digest.bytes(),
        &key.name,
        serde_json::Value::from(key.scopes.names()).to_string(),
        key.owner.map(|owner| owner.0),
        key.created_at.millis(),
        key.expires_at.millis(),
    ];
    Step::any(&ADD_KEY, values)
}

/// Reads a key with the digest of its text.
pub(super) fn read_with_digest(row: &Row<'_>) -> Result<NewAdminKey, Fault> {
    Ok(NewAdminKey { key: read_key(row)?, digest: Digest::from_bytes(row.bytes(8)?) })
}

/// Reads a key.
pub(super) fn read_key(row: &Row<'_>) -> Result<AdminKey, Fault> {
    let id = KeyId(row.int(0)?);
    let names: Option<Vec<String>> = serde_json::from_str(row.str(2)?).ok();
    let scopes = names.and_then(|names| Scopes::parse(names.iter().map(String::as_str)));
    let corrupt = || Fault::Corrupt(format!("admin_keys.scopes of key {id}"));
    Ok(AdminKey {
        id,
        name: row.string(1)?,
        scopes: scopes.ok_or_else(corrupt)?,
        owner: row.maybe_int(3)?.map(UserId),
        created_at: Moment::from_millis(row.int(4)?),
        expires_at: Moment::from_millis(row.int(5)?),
        last_used_at: row.maybe_int(6)?.map(Moment::from_millis),
        revoked_at: row.maybe_int(7)?.map(Moment::from_millis),
    })
}

/// A search for users as two statements with their parameters: how many there are on all pages, and the page itself in
/// order of id.
///
/// Columns and comparisons are written here; what was typed is only ever a value (SEC-95).
pub(super) fn search(search: &UserSearch) -> [(String, Vec<Value<'_>>); 2] {
    let mut filter = "TRUE".to_owned();
    let mut values: Vec<Value<'_>> = Vec::new();
    if let Some((email, username)) = &search.prefix {
        filter.push_str(
            " AND ((u.email_key >= $1 AND u.email_key < $2) OR (u.username_key >= $3 AND u.username_key < $4))",
        );
        for text in [email, username] {
            values.push(Value::from(text));
            values.push(Value::from(format!("{text}{}", char::MAX)));
        }
    }
    if let Some(role) = &search.role {
        values.push(Value::from(role));
        filter.push_str(&format!(" AND u.role = ${}", values.len()));
    }
    if let Some(status) = search.status {
        values.push(Value::from(status.name()));
        filter.push_str(&format!(" AND u.status = ${}", values.len()));
    }
    let columns = account_columns!();
    let (after, limit) = (values.len() + 1, values.len() + 2);
    let count = format!("SELECT count(*) FROM users u WHERE {filter}");
    let page = format!(
        "SELECT {columns} FROM users u WHERE {filter} AND u.id > ${after} ORDER BY u.id LIMIT ${limit}"
    );
    let mut of_page = values.clone();
    of_page.extend(values![search.after.map_or(0, |id| id.0), search.limit]);
    [(count, values), (page, of_page)]
}
