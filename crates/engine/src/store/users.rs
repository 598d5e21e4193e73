//! How are people written and found?

use super::fault::Halt;
use crate::error::Fault;
use domain::change::Conflict;
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::time::Moment;
use domain::user::{Account, NewUser, Status, StoredHash, User, UserEdit};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// What [`read_account`] reads, in its order.
macro_rules! account_columns {
    () => {
        "u.id, u.uuid, u.username, u.email, u.email_verified, u.first_name, u.last_name, u.phone_number, \
         u.avatar, u.role, u.permissions, u.status, u.attributes, u.password_hash, u.last_login_at, \
         u.created_at, u.epoch, u.valid_after, u.second_factor"
    };
}
pub(super) use account_columns;

const BY_ID: &str = concat!("SELECT ", account_columns!(), " FROM users u WHERE u.id = $1");
const BY_UUID: &str = concat!("SELECT ", account_columns!(), " FROM users u WHERE u.uuid = $1");
const BY_EMAIL: &str = concat!("SELECT ", account_columns!(), " FROM users u WHERE u.email_key = $1");
const BY_USERNAME: &str = concat!("SELECT ", account_columns!(), " FROM users u WHERE u.username_key = $1");
const AFTER: &str =
    concat!("SELECT ", account_columns!(), " FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2");

/// No row comes back when the id or UUID belonged to somebody who was deleted.
const ADD: &str = "INSERT INTO users (id, uuid, username, username_key, email, email_key, email_verified, \
     first_name, last_name, phone_number, avatar, role, permissions, status, attributes, password_hash, \
     last_login_at, created_at, changed_at) \
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18 \
     WHERE NOT EXISTS (SELECT 1 FROM gone_users WHERE id = $1 OR uuid = $2) RETURNING id";

/// A field whose parameter is absent stays; one that can be absent itself has a flag before it.
const EDIT: &str = "UPDATE users SET \
     username = CASE WHEN $1 THEN $2 ELSE username END, \
     username_key = CASE WHEN $1 THEN $3 ELSE username_key END, \
     email = CASE WHEN $4 THEN $5 ELSE email END, \
     email_key = CASE WHEN $4 THEN $6 ELSE email_key END, \
     email_verified = COALESCE($7, \
         CASE WHEN $4 AND email_key IS DISTINCT FROM $6 THEN FALSE ELSE email_verified END), \
     first_name = COALESCE($8, first_name), last_name = COALESCE($9, last_name), \
     phone_number = CASE WHEN $10 THEN $11 ELSE phone_number END, \
     avatar = CASE WHEN $12 THEN $13 ELSE avatar END, \
     role = COALESCE($14, role), permissions = COALESCE($15, permissions), \
     attributes = COALESCE($16, attributes), \
     epoch = epoch + CASE WHEN $17 <> status THEN 1 ELSE 0 END, status = COALESCE($17, status), \
     changed_at = $18 WHERE id = $19 AND epoch = $20";

const SET_PASSWORD: &str = "UPDATE users SET password_hash = $1, epoch = epoch + 1, \
     valid_after = CASE WHEN valid_after < $2 THEN $2 ELSE valid_after END, changed_at = $2 \
     WHERE id = $3 AND epoch = $4";
const UPGRADE_HASH: &str = "UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
const NOTE_SIGN_IN: &str = "UPDATE users SET last_login_at = $1 WHERE id = $2";
const CUT_TOKENS: &str = "UPDATE users SET valid_after = $1 WHERE id = $2 AND valid_after < $1";
const DELETE: &str = "DELETE FROM users WHERE id = $1 AND epoch = $2 RETURNING uuid";
const BURY: &str = "INSERT INTO gone_users (id, uuid) VALUES ($1, $2)";
const EMAIL_OWNER: &str = "SELECT id FROM users WHERE email_key = $1";
const USERNAME_OWNER: &str = "SELECT id FROM users WHERE username_key = $1";
const SAME: &str = "SELECT count(*), count(CASE WHEN email_key IS NOT DISTINCT FROM $1 \
     AND username_key IS NOT DISTINCT FROM $2 AND ($3 IS NULL OR id = $3) THEN 1 END), max(id) \
     FROM users WHERE id = $3 OR uuid = $4 \
     OR ($3 IS NULL AND $4 IS NULL AND (email_key = $1 OR username_key = $2))";

/// The account with this id.
pub(super) fn by_id(conn: &Connection, id: UserId) -> Result<Option<Account>, Fault> {
    one(conn, BY_ID, [id.0])
}

/// The account with this UUID.
pub(super) fn by_uuid(conn: &Connection, uuid: Uuid) -> Result<Option<Account>, Fault> {
    one(conn, BY_UUID, [uuid.as_bytes().as_slice()])
}

/// The account with this address.
pub(super) fn by_email(conn: &Connection, key: &EmailKey) -> Result<Option<Account>, Fault> {
    one(conn, BY_EMAIL, [key.as_str()])
}

/// The account with this user name.
pub(super) fn by_username(conn: &Connection, key: &UsernameKey) -> Result<Option<Account>, Fault> {
    one(conn, BY_USERNAME, [key.as_str()])
}

fn one(conn: &Connection, sql: &str, key: impl rusqlite::Params) -> Result<Option<Account>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(key)?;
    rows.next()?.map(|row| read_account(row, 0)).transpose()
}

/// Accounts in order of id, from the first above `after`.
pub(super) fn after(conn: &Connection, after: Option<UserId>, limit: u32) -> Result<Vec<Account>, Fault> {
    let mut statement = conn.prepare_cached(AFTER)?;
    let mut rows = statement.query(params![after.map_or(i64::MIN, |id| id.0), limit])?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next()? {
        accounts.push(read_account(row, 0)?);
    }
    Ok(accounts)
}

/// Whether somebody other than `except` has the address.
pub(super) fn email_is_taken(
    conn: &Connection,
    key: &EmailKey,
    except: Option<UserId>,
) -> Result<bool, Fault> {
    owner(conn, EMAIL_OWNER, key.as_str()).map(|owner| owner.is_some() && owner != except)
}

/// Whether somebody other than `except` has the user name.
pub(super) fn username_is_taken(
    conn: &Connection,
    key: &UsernameKey,
    except: Option<UserId>,
) -> Result<bool, Fault> {
    owner(conn, USERNAME_OWNER, key.as_str()).map(|owner| owner.is_some() && owner != except)
}

fn owner(conn: &Connection, sql: &str, key: &str) -> Result<Option<UserId>, Fault> {
    Ok(conn.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()?.map(UserId))
}

/// Adds a user and says which id it got.
pub(super) fn add(conn: &Connection, user: &NewUser) -> Result<UserId, Halt> {
    let (username, username_key) = split(user.username.as_ref(), UsernameKey::as_str);
    let (email, email_key) = split(user.email.as_ref(), EmailKey::as_str);
    let id = conn
        .prepare_cached(ADD)?
        .query_row(
            params![
                user.id.map(|id| id.0),
                user.uuid.as_bytes().as_slice(),
                username,
                username_key,
                email,
                email_key,
                user.email_verified,
                user.first_name,
                user.last_name,
                user.phone_number,
                user.avatar,
                user.role,
                json(&user.permissions)?,
                user.status.name(),
                json(&user.attributes)?,
                user.password_hash.as_ref().map(|hash| &hash.0),
                user.last_login_at.map(Moment::millis),
                user.created_at.millis(),
            ],
            |row| row.get(0),
        )
        .optional()?;
    id.map(UserId).ok_or(Halt::Conflict(Conflict::IdTaken))
}

/// Whether the store has this very user: the same id or UUID, the same address and user name, nobody else involved.
/// Where neither id nor UUID was given, the same address and user name are enough. Gives the id.
pub(super) fn found_there(conn: &Connection, user: &NewUser) -> rusqlite::Result<Option<UserId>> {
    let (_, username_key) = split(user.username.as_ref(), UsernameKey::as_str);
    let (_, email_key) = split(user.email.as_ref(), EmailKey::as_str);
    let uuid = (!user.uuid_is_new).then(|| user.uuid.as_bytes().as_slice());
    let (found, same, id): (i64, i64, Option<i64>) = conn
        .prepare_cached(SAME)?
        .query_row(params![email_key, username_key, user.id.map(|id| id.0), uuid], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(id.filter(|_| found == 1 && same == 1).map(UserId))
}

/// Changes the fields that are given.
pub(super) fn edit(
    conn: &Connection,
    user: UserId,
    epoch: i64,
    edit: &UserEdit,
    at: Moment,
) -> Result<(), Halt> {
    let (username, username_key) =
        split(edit.username.as_ref().and_then(Option::as_ref), UsernameKey::as_str);
    let (email, email_key) = split(edit.email.as_ref().and_then(Option::as_ref), EmailKey::as_str);
    let changed = conn.prepare_cached(EDIT)?.execute(params![
        edit.username.is_some(),
        username,
        username_key,
        edit.email.is_some(),
        email,
        email_key,
        edit.email_verified,
        edit.first_name,
        edit.last_name,
        edit.phone_number.is_some(),
        edit.phone_number.as_ref().and_then(Option::as_ref),
        edit.avatar.is_some(),
        edit.avatar.as_ref().and_then(Option::as_ref),
        edit.role,
        edit.permissions.as_ref().map(json).transpose()?,
        edit.attributes.as_ref().map(json).transpose()?,
        edit.status.map(Status::name),
        at.millis(),
        user.0,
        epoch,
    ])?;
    must_be_one(changed)
}

/// Sets a password and moves what relies on the old one.
pub(super) fn set_password(
    conn: &Connection,
    user: UserId,
    epoch: i64,
    hash: Option<&StoredHash>,
    at: Moment,
) -> Result<(), Halt> {
    let hash = hash.map(|hash| &hash.0);
    must_be_one(conn.prepare_cached(SET_PASSWORD)?.execute(params![hash, at.millis(), user.0, epoch])?)
}

/// Exchanges a hash for another of the same password; says whether it was still there.
pub(super) fn upgrade_hash(
    conn: &Connection,
    user: UserId,
    from: &StoredHash,
    to: &StoredHash,
) -> rusqlite::Result<bool> {
    Ok(conn.prepare_cached(UPGRADE_HASH)?.execute(params![to.0, user.0, from.0])? == 1)
}

/// Notes a sign-in; a user who is gone has none.
pub(super) fn note_sign_in(conn: &Connection, user: UserId, at: Moment) -> rusqlite::Result<()> {
    conn.prepare_cached(NOTE_SIGN_IN)?.execute([at.millis(), user.0]).map(drop)
}

/// Moves the line before which tokens without a session are refused; never back.
pub(super) fn cut_tokens(conn: &Connection, user: UserId, at: Moment) -> rusqlite::Result<()> {
    conn.prepare_cached(CUT_TOKENS)?.execute([at.millis(), user.0]).map(drop)
}

/// Deletes a user (sessions go along) and remembers both ids, so that nobody gets them again.
pub(super) fn delete(conn: &Connection, user: UserId, epoch: i64) -> Result<(), Halt> {
    let uuid: Option<Vec<u8>> =
        conn.prepare_cached(DELETE)?.query_row([user.0, epoch], |row| row.get(0)).optional()?;
    let uuid = uuid.ok_or(Halt::Conflict(Conflict::Stale))?;
    conn.prepare_cached(BURY)?.execute(params![user.0, uuid])?;
    Ok(())
}

/// Reads an account from the columns that begin at `first`.
pub(super) fn read_account(row: &Row<'_>, first: usize) -> Result<Account, Fault> {
    let id: i64 = row.get(first)?;
    let uuid = row.get_ref(first + 1)?.as_blob().ok().and_then(|bytes| Uuid::from_slice(bytes).ok());
    let status = row.get_ref(first + 11)?.as_str().ok().and_then(Status::parse);
    let user = User {
        id: UserId(id),
        uuid: uuid.ok_or_else(|| corrupt("uuid", id))?,
        username: row.get(first + 2)?,
        email: row.get(first + 3)?,
        email_verified: row.get(first + 4)?,
        first_name: row.get(first + 5)?,
        last_name: row.get(first + 6)?,
        phone_number: row.get(first + 7)?,
        avatar: row.get(first + 8)?,
        role: row.get(first + 9)?,
        permissions: from_json(row, first + 10).ok_or_else(|| corrupt("permissions", id))?,
        status: status.ok_or_else(|| corrupt("status", id))?,
        second_factor: row.get(first + 18)?,
        attributes: from_json(row, first + 12).ok_or_else(|| corrupt("attributes", id))?,
        last_login_at: row.get::<_, Option<i64>>(first + 14)?.map(Moment::from_millis),
        created_at: Moment::from_millis(row.get(first + 15)?),
    };
    Ok(Account {
        user,
        password_hash: row.get::<_, Option<String>>(first + 13)?.map(StoredHash),
        epoch: row.get(first + 16)?,
        valid_after: Moment::from_millis(row.get(first + 17)?),
    })
}

fn corrupt(column: &str, id: i64) -> Fault {
    Fault::Corrupt(format!("users.{column} of user {id}"))
}

/// Most people have no permissions and no attributes, so the empty value is not parsed.
fn from_json<T: DeserializeOwned + Default>(row: &Row<'_>, column: usize) -> Option<T> {
    match row.get_ref(column).ok()?.as_str().ok()? {
        "[]" | "{}" => Some(T::default()),
        text => serde_json::from_str(text).ok(),
    }
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn split<K>(named: Option<&(String, K)>, as_str: fn(&K) -> &str) -> (Option<&str>, Option<&str>) {
    named.map(|(text, key)| (text.as_str(), as_str(key))).unzip()
}

fn must_be_one(changed: usize) -> Result<(), Halt> {
    if changed == 1 { Ok(()) } else { Err(Halt::Conflict(Conflict::Stale)) }
}
