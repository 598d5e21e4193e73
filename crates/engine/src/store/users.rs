//! How are people written and found?

use super::row::Row;
use super::sql::{Sql, locking};
use super::step::{Expect, Step};
use super::value::{Value, values};
use crate::error::Fault;
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::time::Moment;
use domain::user::{Account, NewUser, Status, StoredHash, User, UserEdit};
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

pub(super) static BY_ID: Sql =
    Sql::same(concat!("SELECT ", account_columns!(), " FROM users u WHERE u.id = $1"));
pub(super) static BY_UUID: Sql =
    Sql::same(concat!("SELECT ", account_columns!(), " FROM users u WHERE u.uuid = $1"));
pub(super) static BY_EMAIL: Sql =
    Sql::same(concat!("SELECT ", account_columns!(), " FROM users u WHERE u.email_key = $1"));
pub(super) static BY_USERNAME: Sql =
    Sql::same(concat!("SELECT ", account_columns!(), " FROM users u WHERE u.username_key = $1"));
pub(super) static AFTER: Sql =
    Sql::same(concat!("SELECT ", account_columns!(), " FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2"));

/// No row comes back when the id or UUID belonged to somebody who was deleted.
pub(super) static ADD: Sql = Sql::same(
    "INSERT INTO users (id, uuid, username, username_key, email, email_key, email_verified, \
     first_name, last_name, phone_number, avatar, role, permissions, status, attributes, password_hash, \
     last_login_at, created_at, changed_at) \
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18 \
     WHERE NOT EXISTS (SELECT 1 FROM gone_users WHERE id = $1 OR uuid = $2) RETURNING id",
);

/// A field whose parameter is absent stays; one that can be absent itself has a flag before it.
pub(super) static EDIT: Sql = Sql::same(
    "UPDATE users SET \
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
     changed_at = $18 WHERE id = $19 AND epoch = $20",
);

pub(super) static SET_PASSWORD: Sql = Sql::same(
    "UPDATE users SET password_hash = $1, epoch = epoch + 1, \
     valid_after = CASE WHEN valid_after < $2 THEN $2 ELSE valid_after END, changed_at = $2 \
     WHERE id = $3 AND epoch = $4",
);
pub(super) static FOLLOW_PASSWORD: Sql = Sql::same(
    "UPDATE users SET password_hash = $1, epoch = epoch + 1, changed_at = $2 WHERE id = $3 AND epoch = $4",
);
pub(super) static UPGRADE_HASH: Sql =
    Sql::same("UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3");
pub(super) static NOTE_SIGN_IN: Sql = Sql::same("UPDATE users SET last_login_at = $1 WHERE id = $2");
pub(super) static CUT_TOKENS: Sql =
    Sql::same("UPDATE users SET valid_after = $1 WHERE id = $2 AND valid_after < $1");
pub(super) static DELETE: Sql = Sql::same("DELETE FROM users WHERE id = $1 AND epoch = $2");
pub(super) static BURY: Sql = Sql::same(
    "INSERT INTO gone_users (id, uuid) SELECT u.id, u.uuid FROM users u WHERE u.id = $1 AND u.epoch = $2",
);
pub(super) static EMAIL_OWNER: Sql = Sql::same("SELECT id FROM users WHERE email_key = $1");
pub(super) static USERNAME_OWNER: Sql = Sql::same("SELECT id FROM users WHERE username_key = $1");
pub(super) static SAME: Sql = Sql::same(
    "SELECT count(*), count(CASE WHEN (CAST($1 AS BIGINT) IS NULL OR id = $1) \
     AND (uuid = $2 OR (id = $1 AND created_at = $3) \
     OR (email_key IS NOT DISTINCT FROM $4 AND username_key IS NOT DISTINCT FROM $5)) THEN 1 END), max(id) \
     FROM users WHERE id = $1 OR uuid = $2 \
     OR ($1 IS NULL AND $2 IS NULL AND email_key = $4) OR ($1 IS NULL AND $2 IS NULL AND username_key = $5)",
);
static HOLD: Sql = locking!("SELECT id FROM users WHERE id = $1", "FOR NO KEY UPDATE");

/// Adds a user, who has this id if any.
pub(super) fn add(user: &NewUser, id: Option<UserId>) -> Result<Step<'_>, Fault> {
    Ok(Step { sql: &ADD, values: values_of(user, id)?, expect: Expect::User })
}

/// The parameters of [`ADD`].
pub(super) fn values_of(user: &NewUser, id: Option<UserId>) -> Result<Vec<Value<'_>>, Fault> {
    let (username, username_key) = split(user.username.as_ref(), UsernameKey::as_str);
    let (email, email_key) = split(user.email.as_ref(), EmailKey::as_str);
    let values = values![
        id.map(|id| id.0),
        user.uuid.as_bytes(),
        username,
        username_key,
        email,
        email_key,
        user.email_verified,
        &user.first_name,
        &user.last_name,
        user.phone_number.as_ref(),
        user.avatar.as_ref(),
        &user.role,
        json(&user.permissions)?,
        user.status.name(),
        json(&user.attributes)?,
        user.password_hash.as_ref().map(|hash| &hash.0),
        user.last_login_at.map(Moment::millis),
        user.created_at.millis(),
    ];
    Ok(values.into())
}

/// The parameters of [`SAME`], which says whether the store has this very user.
///
/// It is the one with the same UUID; or with the same id, if the moment of his sign-up is the same, too, or both his address
/// and his user name are: an id alone is a small number that somebody else may have here. Where neither was given, the same
/// address and user name are enough. In any case nobody else may be involved. Whatever else he has changed here stays.
pub(super) fn same(user: &NewUser) -> [Value<'_>; 5] {
    let (_, username_key) = split(user.username.as_ref(), UsernameKey::as_str);
    let (_, email_key) = split(user.email.as_ref(), EmailKey::as_str);
    let uuid = (!user.uuid_is_new).then(|| user.uuid.as_bytes());
    values![user.id.map(|id| id.0), uuid, user.created_at.millis(), email_key, username_key]
}

/// The id of the very user that [`SAME`] found.
pub(super) fn read_same(row: &Row<'_>) -> Result<Option<UserId>, Fault> {
    let (found, same, id) = (row.int(0)?, row.int(1)?, row.maybe_int(2)?);
    Ok(id.filter(|_| found == 1 && same == 1).map(UserId))
}

/// Changes the fields that are given.
pub(super) fn edit(user: UserId, epoch: i64, edit: &UserEdit, at: Moment) -> Result<Step<'_>, Fault> {
    let (username, username_key) =
        split(edit.username.as_ref().and_then(Option::as_ref), UsernameKey::as_str);
    let (email, email_key) = split(edit.email.as_ref().and_then(Option::as_ref), EmailKey::as_str);
    let values = values![
        edit.username.is_some(),
        username,
        username_key,
        edit.email.is_some(),
        email,
        email_key,
        edit.email_verified,
        edit.first_name.as_ref(),
        edit.last_name.as_ref(),
        edit.phone_number.is_some(),
        edit.phone_number.as_ref().and_then(Option::as_ref),
        edit.avatar.is_some(),
        edit.avatar.as_ref().and_then(Option::as_ref),
        edit.role.as_ref(),
        edit.permissions.as_ref().map(json).transpose()?,
        edit.attributes.as_ref().map(json).transpose()?,
        edit.status.map(Status::name),
        at.millis(),
        user.0,
        epoch,
    ];
    Ok(Step::fresh(&EDIT, values))
}

/// Sets a password and moves what relies on the old one.
pub(super) fn set_password(user: UserId, epoch: i64, hash: Option<&StoredHash>, at: Moment) -> Step<'_> {
    Step::fresh(&SET_PASSWORD, values![hash.map(|hash| &hash.0), at.millis(), user.0, epoch])
}

/// Sets a password and leaves the line for tokens where it is.
pub(super) fn follow_password(user: UserId, epoch: i64, hash: &StoredHash, at: Moment) -> Step<'_> {
    Step::fresh(&FOLLOW_PASSWORD, values![&hash.0, at.millis(), user.0, epoch])
}

/// Exchanges a hash for another of the same password, if it is still there.
pub(super) fn upgrade_hash<'a>(user: UserId, from: &'a StoredHash, to: &'a StoredHash) -> Step<'a> {
    Step::any(&UPGRADE_HASH, values![&to.0, user.0, &from.0])
}

/// Notes a sign-in; a user who is gone has none.
pub(super) fn note_sign_in(user: UserId, at: Moment) -> Step<'static> {
    Step::any(&NOTE_SIGN_IN, values![at.millis(), user.0])
}

/// Moves the line before which tokens without a session are refused; never back.
pub(super) fn cut_tokens(user: UserId, at: Moment) -> Step<'static> {
    Step::any(&CUT_TOKENS, values![at.millis(), user.0])
}

/// Deletes a user (sessions go along) and remembers both ids, so that nobody gets them again.
pub(super) fn delete(user: UserId, epoch: i64) -> [Step<'static>; 2] {
    [&BURY, &DELETE].map(|sql| Step::fresh(sql, values![user.0, epoch]))
}

/// Takes the row of a user for this list alone: whoever writes several rows of one user begins with this one, so that
/// two lists never wait for each other.
pub(super) fn hold(user: UserId) -> Step<'static> {
    Step::any(&HOLD, values![user.0])
}

/// Reads an account from the columns that begin at `first`.
pub(super) fn read_account(row: &Row<'_>, first: usize) -> Result<Account, Fault> {
    let id = row.int(first)?;
    let status = Status::parse(row.str(first + 11)?);
    let user = User {
        id: UserId(id),
        uuid: Uuid::from_bytes(row.bytes(first + 1)?),
        username: row.maybe_string(first + 2)?,
        email: row.maybe_string(first + 3)?,
        email_verified: row.bool(first + 4)?,
        first_name: row.string(first + 5)?,
        last_name: row.string(first + 6)?,
        phone_number: row.maybe_string(first + 7)?,
        avatar: row.maybe_string(first + 8)?,
        role: row.string(first + 9)?,
        permissions: from_json(row.str(first + 10)?).ok_or_else(|| corrupt("permissions", id))?,
        status: status.ok_or_else(|| corrupt("status", id))?,
        second_factor: row.bool(first + 18)?,
        attributes: from_json(row.str(first + 12)?).ok_or_else(|| corrupt("attributes", id))?,
        last_login_at: row.maybe_int(first + 14)?.map(Moment::from_millis),
        created_at: Moment::from_millis(row.int(first + 15)?),
    };
    Ok(Account {
        user,
        password_hash: row.maybe_string(first + 13)?.map(StoredHash),
        epoch: row.int(first + 16)?,
        valid_after: Moment::from_millis(row.int(first + 17)?),
    })
}

fn corrupt(column: &str, id: i64) -> Fault {
    Fault::Corrupt(format!("users.{column} of user {id}"))
}

/// Most people have no permissions and no attributes, so the empty value is not parsed.
fn from_json<T: DeserializeOwned + Default>(text: &str) -> Option<T> {
    match text {
        "[]" | "{}" => Some(T::default()),
        text => serde_json::from_str(text).ok(),
    }
}

/// A value as it is stored in a column of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Corrupt(format!("a value is no JSON: {error}")))
}

fn split<K>(named: Option<&(String, K)>, as_str: fn(&K) -> &str) -> (Option<&str>, Option<&str>) {
    named.map(|(text, key)| (text.as_str(), as_str(key))).unzip()
}
