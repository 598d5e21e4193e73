//! How are admin keys and the bootstrap token kept, and who is an administrator?

use super::fault::Halt;
use super::users::{account_columns, read_account};
use crate::error::Fault;
use domain::admin::{AdminChange, AdminKey, KeyId, NewAdminKey, Scopes, UserSearch};
use domain::change::Conflict;
use domain::id::UserId;
use domain::time::Moment;
use domain::token::Digest;
use domain::user::{Account, Status};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};

macro_rules! key_columns {
    () => {
        "id, name, scopes, owner, created_at, expires_at, last_used_at, revoked_at"
    };
}

/// The second condition is that of the partial index, word for word.
const ADMINISTRATOR: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE status = 'active' AND role <> '' \
     AND role IN (SELECT value FROM json_each($1))) \
     OR EXISTS (SELECT 1 FROM users WHERE status = 'active' AND instr(permissions, '\"admin.*\"') > 0)";
const ADD_KEY: &str = "INSERT INTO admin_keys (id, digest, name, scopes, owner, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const REVOKE_KEY: &str = "UPDATE admin_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
const TOUCH_KEY: &str = "UPDATE admin_keys SET last_used_at = $1 WHERE id = $2";
const KEY: &str = concat!("SELECT ", key_columns!(), ", digest FROM admin_keys WHERE id = $1");
const KEYS: &str = concat!("SELECT ", key_columns!(), " FROM admin_keys ORDER BY created_at, id");
const PUT_BOOTSTRAP: &str = "INSERT INTO admin_bootstrap (one, digest, expires_at) VALUES (1, $1, $2) \
     ON CONFLICT (one) DO UPDATE SET digest = $1, expires_at = $2";
const USE_BOOTSTRAP: &str = "DELETE FROM admin_bootstrap WHERE digest = $1 AND expires_at > $2";
const BOOTSTRAP: &str = "SELECT 1 FROM admin_bootstrap WHERE digest = $1 AND expires_at > $2";

/// Whether there is an active user who may do everything. `roles` are those that permit it.
pub(super) fn has_administrator(conn: &Connection, roles: &[String]) -> rusqlite::Result<bool> {
    let roles = serde_json::Value::from(roles).to_string();
    conn.prepare_cached(ADMINISTRATOR)?.query_row([roles], |row| row.get(0))
}

/// Whether this is the bootstrap token in force.
pub(super) fn is_bootstrap(conn: &Connection, digest: &Digest, now: Moment) -> Result<bool, Fault> {
    let found = conn
        .prepare_cached(BOOTSTRAP)?
        .query_row(params![digest.bytes().as_slice(), now.millis()], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Carries out one write.
pub(super) fn write(conn: &Connection, change: &AdminChange) -> Result<(), Halt> {
    let unless = |refused: bool, conflict| if refused { Err(Halt::Conflict(conflict)) } else { Ok(()) };
    match change {
        AdminChange::KeepAdministrator { roles } => {
            unless(!has_administrator(conn, roles)?, Conflict::LastAdministrator)
        }
        AdminChange::AddKey(key) => Ok(add_key(conn, key)?),
        AdminChange::RevokeKey { key, at } => {
            Ok(conn.prepare_cached(REVOKE_KEY)?.execute([at.millis(), key.0]).map(drop)?)
        }
        AdminChange::TouchKey { key, at } => {
            Ok(conn.prepare_cached(TOUCH_KEY)?.execute([at.millis(), key.0]).map(drop)?)
        }
        AdminChange::PutBootstrap { digest, expires_at, roles } => {
            unless(has_administrator(conn, roles)?, Conflict::BootstrapClosed)?;
            let values = params![digest.bytes().as_slice(), expires_at.millis()];
            Ok(conn.prepare_cached(PUT_BOOTSTRAP)?.execute(values).map(drop)?)
        }
        AdminChange::UseBootstrap { digest, at, roles } => {
            unless(has_administrator(conn, roles)?, Conflict::BootstrapClosed)?;
            let values = params![digest.bytes().as_slice(), at.millis()];
            let used = conn.prepare_cached(USE_BOOTSTRAP)?.execute(values)?;
            unless(used != 1, Conflict::BootstrapClosed)
        }
    }
}

fn add_key(conn: &Connection, new: &NewAdminKey) -> rusqlite::Result<()> {
    let key = &new.key;
    let values = params![
        key.id.0,
        new.digest.bytes().as_slice(),
        key.name,
        serde_json::Value::from(key.scopes.names()).to_string(),
        key.owner.map(|owner| owner.0),
        key.created_at.millis(),
        key.expires_at.millis(),
    ];
    conn.prepare_cached(ADD_KEY)?.execute(values).map(drop)
}

/// A key with the digest of its text.
pub(super) fn key_by_id(conn: &Connection, id: KeyId) -> Result<Option<NewAdminKey>, Fault> {
    let mut statement = conn.prepare_cached(KEY)?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let digest = row.get_ref(8)?.as_blob().ok().and_then(|bytes| bytes.try_into().ok());
    let digest = digest.ok_or_else(|| corrupt("digest", id))?;
    Ok(Some(NewAdminKey { key: read_key(row)?, digest: Digest::from_bytes(digest) }))
}

/// All keys, the oldest first, revoked ones and those that are over, too.
pub(super) fn keys(conn: &Connection) -> Result<Vec<AdminKey>, Fault> {
    let mut statement = conn.prepare_cached(KEYS)?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(read_key(row)?);
    }
    Ok(keys)
}

fn read_key(row: &Row<'_>) -> Result<AdminKey, Fault> {
    let id = KeyId(row.get(0)?);
    let names: Option<Vec<String>> =
        row.get_ref(2)?.as_str().ok().and_then(|text| serde_json::from_str(text).ok());
    let scopes = names.and_then(|names| Scopes::parse(names.iter().map(String::as_str)));
    Ok(AdminKey {
        id,
        name: row.get(1)?,
        scopes: scopes.ok_or_else(|| corrupt("scopes", id))?,
        owner: row.get::<_, Option<i64>>(3)?.map(UserId),
        created_at: Moment::from_millis(row.get(4)?),
        expires_at: Moment::from_millis(row.get(5)?),
        last_used_at: row.get::<_, Option<i64>>(6)?.map(Moment::from_millis),
        revoked_at: row.get::<_, Option<i64>>(7)?.map(Moment::from_millis),
    })
}

fn corrupt(column: &str, id: KeyId) -> Fault {
    Fault::Corrupt(format!("admin_keys.{column} of key {id}"))
}

/// The users whom a search finds, in order of id, and how many there are on all pages.
///
/// Columns and comparisons are written here; what was typed is only ever a value (SEC-95).
pub(super) fn search(conn: &Connection, search: &UserSearch) -> Result<(Vec<Account>, u64), Fault> {
    let mut conditions = Vec::new();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    if let Some((email, username)) = &search.prefix {
        conditions
            .push("((u.email_key >= ? AND u.email_key < ?) OR (u.username_key >= ? AND u.username_key < ?))");
        for text in [email, username] {
            values.push(Box::new(text.clone()));
            values.push(Box::new(format!("{text}{}", char::MAX)));
        }
    }
    if let Some(role) = &search.role {
        conditions.push("u.role = ?");
        values.push(Box::new(role.clone()));
    }
    if let Some(status) = search.status {
        conditions.push("u.status = ?");
        values.push(Box::new(Status::name(status)));
    }
    let filter = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
    let count = format!("SELECT count(*) FROM users u WHERE {filter}");
    let total: i64 = conn
        .prepare_cached(&count)?
        .query_row(params_from_iter(values.iter().map(AsRef::as_ref)), |row| row.get(0))?;
    let columns = account_columns!();
    let page = format!("SELECT {columns} FROM users u WHERE {filter} AND u.id > ? ORDER BY u.id LIMIT ?");
    values.push(Box::new(search.after.map_or(0, |id| id.0)));
    values.push(Box::new(search.limit));
    let mut statement = conn.prepare_cached(&page)?;
    let mut rows = statement.query(params_from_iter(values.iter().map(AsRef::as_ref)))?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        accounts.push(read_account(row, 0)?);
    }
    Ok((accounts, u64::try_from(total).unwrap_or(0)))
}
