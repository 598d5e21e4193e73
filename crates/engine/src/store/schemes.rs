//! Which kinds of password hash were ever stored?

use super::sql::Sql;
use super::step::Step;
use super::value::values;
use crate::hasher::label;
use domain::id::UserId;
use domain::user::StoredHash;

/// Every label, in order of the alphabet.
pub(super) static ALL: Sql = Sql::same("SELECT label FROM hash_schemes ORDER BY label");
/// Remembers a label.
pub(super) static ADD: Sql =
    Sql::same("INSERT INTO hash_schemes (label) VALUES ($1) ON CONFLICT (label) DO NOTHING");
static ADD_IF_HELD: Sql = Sql::same(
    "INSERT INTO hash_schemes (label) SELECT $1 WHERE EXISTS (SELECT 1 FROM users WHERE id = $2 \
     AND password_hash = $3) ON CONFLICT (label) DO NOTHING",
);

/// Remembers the label of a hash, if it has one.
pub(super) fn remember(steps: &mut Vec<Step<'_>>, hash: &StoredHash) {
    if let Some(label) = label(&hash.0) {
        steps.push(Step::any(&ADD, values![label]));
    }
}

/// Remembers the label of a hash that a user may have got.
pub(super) fn remember_if_held<'a>(steps: &mut Vec<Step<'a>>, user: UserId, hash: &'a StoredHash) {
    if let Some(label) = label(&hash.0) {
        steps.push(Step::any(&ADD_IF_HELD, values![label, user.0, &hash.0]));
    }
}
