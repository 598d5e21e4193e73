//! How are second factors and half-way tokens written and found?

use super::fault::Halt;
use crate::error::Fault;
use domain::change::{Conflict, FactorChange};
use domain::factor::Factors;
use domain::factor::half_way::{HALF_WAY_MOST, HalfWay, HalfWayKind};
use domain::id::UserId;
use domain::time::Moment;
use domain::token::Digest;
use rusqlite::{Connection, params};

const BY_USER: &str = "SELECT version, state FROM factors WHERE user_id = $1";
const ADD: &str =
    "INSERT INTO factors (user_id, version, state) VALUES ($1, 1, $2) ON CONFLICT (user_id) DO NOTHING";
const PUT: &str = "UPDATE factors SET state = $1, version = version + 1 WHERE user_id = $2 AND version = $3";
const DROP: &str = "DELETE FROM factors WHERE user_id = $1 AND version = $2";
const SWITCH: &str = "UPDATE users SET second_factor = $1, epoch = epoch + 1 WHERE id = $2 AND epoch = $3";
const HALF_WAY: &str = "SELECT kind, user_id, epoch, contract, expires_at FROM half_way WHERE digest = $1";
/// Those that are over, and the oldest above a number.
const CLEAR_HALF_WAY: &str = "DELETE FROM half_way WHERE user_id = $1 AND (expires_at <= $2 OR digest IN ( \
     SELECT digest FROM half_way WHERE user_id = $1 \
     ORDER BY expires_at DESC, digest LIMIT 9223372036854775807 OFFSET $3))";
const ADD_HALF_WAY: &str = "INSERT INTO half_way (digest, kind, user_id, epoch, contract, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6)";
const USE_HALF_WAY: &str = "DELETE FROM half_way WHERE digest = $1 AND expires_at > $2";

/// Everything about a user's second factors, and its version.
pub(super) fn by_user(conn: &Connection, user: UserId) -> Result<Option<(i64, Factors)>, Fault> {
    let mut statement = conn.prepare_cached(BY_USER)?;
    let mut rows = statement.query([user.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let state = row.get_ref(1)?.as_str().ok().and_then(|text| serde_json::from_str(text).ok());
    let state = state.ok_or_else(|| Fault::Corrupt(format!("factors.state of user {user}")))?;
    Ok(Some((row.get(0)?, state)))
}

/// A half-way token, over or not.
pub(super) fn half_way(conn: &Connection, digest: Digest) -> Result<Option<HalfWay>, Fault> {
    let mut statement = conn.prepare_cached(HALF_WAY)?;
    let mut rows = statement.query([digest.bytes().as_slice()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let kind = row.get_ref(0)?.as_str().ok().and_then(HalfWayKind::parse);
    Ok(Some(HalfWay {
        digest,
        kind: kind.ok_or_else(|| Fault::Corrupt("half_way.kind".to_owned()))?,
        user: UserId(row.get(1)?),
        epoch: row.get(2)?,
        contract: row.get(3)?,
        expires_at: Moment::from_millis(row.get(4)?),
    }))
}

/// Writes one change.
pub(super) fn write(conn: &Connection, change: &FactorChange) -> Result<(), Halt> {
    match change {
        FactorChange::Put { user, from: None, to } => {
            must_be_one(conn.prepare_cached(ADD)?.execute(params![user.0, json(to)?])?)
        }
        FactorChange::Put { user, from: Some(version), to } => {
            must_be_one(conn.prepare_cached(PUT)?.execute(params![json(to)?, user.0, version])?)
        }
        FactorChange::Drop { user, from } => {
            must_be_one(conn.prepare_cached(DROP)?.execute(params![user.0, from])?)
        }
        FactorChange::Switch { user, epoch, on } => {
            must_be_one(conn.prepare_cached(SWITCH)?.execute(params![on, user.0, epoch])?)
        }
        FactorChange::AddHalfWay { half_way, at } => add_half_way(conn, half_way, *at),
        FactorChange::UseHalfWay { digest, at } => {
            let values = params![digest.bytes().as_slice(), at.millis()];
            must_be_one(conn.prepare_cached(USE_HALF_WAY)?.execute(values)?)
        }
    }
}

fn add_half_way(conn: &Connection, half_way: &HalfWay, at: Moment) -> Result<(), Halt> {
    let user = half_way.user.0;
    conn.prepare_cached(CLEAR_HALF_WAY)?.execute(params![user, at.millis(), HALF_WAY_MOST - 1])?;
    conn.prepare_cached(ADD_HALF_WAY)?.execute(params![
        half_way.digest.bytes().as_slice(),
        half_way.kind.name(),
        user,
        half_way.epoch,
        half_way.contract,
        half_way.expires_at.millis(),
    ])?;
    Ok(())
}

fn json(factors: &Factors) -> rusqlite::Result<String> {
    serde_json::to_string(factors).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn must_be_one(changed: usize) -> Result<(), Halt> {
    if changed == 1 { Ok(()) } else { Err(Halt::Conflict(Conflict::Stale)) }
}
