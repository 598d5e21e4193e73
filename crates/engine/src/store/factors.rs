//! How are second factors and half-way tokens written and found?

use super::row::Row;
use super::sql::Sql;
use super::step::Step;
use super::users::json;
use super::value::values;
use crate::error::Fault;
use domain::change::FactorChange;
use domain::factor::Factors;
use domain::factor::half_way::{HALF_WAY_MOST, HalfWay, HalfWayKind};
use domain::id::UserId;
use domain::time::Moment;
use domain::token::Digest;

pub(super) static BY_USER: Sql = Sql::same("SELECT version, state FROM factors WHERE user_id = $1");
pub(super) static ADD: Sql = Sql::same(
    "INSERT INTO factors (user_id, version, state) VALUES ($1, 1, $2) ON CONFLICT (user_id) DO NOTHING",
);
pub(super) static PUT: Sql =
    Sql::same("UPDATE factors SET state = $1, version = version + 1 WHERE user_id = $2 AND version = $3");
pub(super) static DROP: Sql = Sql::same("DELETE FROM factors WHERE user_id = $1 AND version = $2");
pub(super) static SWITCH: Sql =
    Sql::same("UPDATE users SET second_factor = $1, epoch = epoch + 1 WHERE id = $2 AND epoch = $3");
pub(super) static HALF_WAY: Sql =
    Sql::same("SELECT kind, user_id, epoch, contract, expires_at FROM half_way WHERE digest = $1");
/// Those that are over, and the oldest above a number.
pub(super) static CLEAR_HALF_WAY: Sql = Sql::same(
    "DELETE FROM half_way WHERE user_id = $1 AND (expires_at <= $2 OR digest IN ( \
     SELECT digest FROM half_way WHERE user_id = $1 \
     ORDER BY expires_at DESC, digest LIMIT 9223372036854775807 OFFSET $3))",
);
pub(super) static ADD_HALF_WAY: Sql = Sql::same(
    "INSERT INTO half_way (digest, kind, user_id, epoch, contract, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6)",
);
pub(super) static USE_HALF_WAY: Sql = Sql::same("DELETE FROM half_way WHERE digest = $1 AND expires_at > $2");

static MARK: Sql = Sql::same("UPDATE users SET second_factor = $1 WHERE id = $2");

/// Puts factors in force for a user whom the same transaction added.
pub(super) fn carry(user: UserId, factors: &Factors) -> Result<[Step<'static>; 2], Fault> {
    Ok([Step::fresh(&ADD, values![user.0, json(factors)?]), Step::fresh(&MARK, values![true, user.0])])
}

/// Reads the version, and everything about a user's second factors.
pub(super) fn read(row: &Row<'_>) -> Result<(i64, Factors), Fault> {
    let factors =
        serde_json::from_str(row.str(1)?).map_err(|_| Fault::Corrupt("factors.state".to_owned()))?;
    Ok((row.int(0)?, factors))
}

/// Reads a half-way token, over or not.
pub(super) fn read_half_way(row: &Row<'_>, digest: Digest) -> Result<HalfWay, Fault> {
    let kind = HalfWayKind::parse(row.str(0)?);
    Ok(HalfWay {
        digest,
        kind: kind.ok_or_else(|| Fault::Corrupt("half_way.kind".to_owned()))?,
        user: UserId(row.int(1)?),
        epoch: row.int(2)?,
        contract: row.string(3)?,
        expires_at: Moment::from_millis(row.int(4)?),
    })
}

/// Writes one change.
pub(super) fn write<'a>(steps: &mut Vec<Step<'a>>, change: &'a FactorChange) -> Result<(), Fault> {
    if let FactorChange::AddHalfWay { half_way, at } = change {
        steps.push(clear_half_way(half_way.user, *at));
    }
    steps.push(match change {
        FactorChange::Put { user, from: None, to } => Step::fresh(&ADD, values![user.0, json(to)?]),
        FactorChange::Put { user, from: Some(version), to } => {
            Step::fresh(&PUT, values![json(to)?, user.0, *version])
        }
        FactorChange::Drop { user, from } => Step::fresh(&DROP, values![user.0, *from]),
        FactorChange::Switch { user, epoch, on } => Step::fresh(&SWITCH, values![*on, user.0, *epoch]),
        FactorChange::AddHalfWay { half_way, .. } => add_half_way(half_way),
        FactorChange::UseHalfWay { digest, at } => {
            Step::fresh(&USE_HALF_WAY, values![digest.bytes(), at.millis()])
        }
    });
    Ok(())
}

fn clear_half_way(user: UserId, at: Moment) -> Step<'static> {
    Step::any(&CLEAR_HALF_WAY, values![user.0, at.millis(), HALF_WAY_MOST - 1])
}

fn add_half_way(half_way: &HalfWay) -> Step<'_> {
    let values = values![
        half_way.digest.bytes(),
        half_way.kind.name(),
        half_way.user.0,
        half_way.epoch,
        &half_way.contract,
        half_way.expires_at.millis(),
    ];
    Step::fresh(&ADD_HALF_WAY, values)
}
