//! How are the phases of mounts kept, and what was counted on the way?

use super::row::Row;
use super::sql::Sql;
use super::step::Step;
use super::value::values;
use super::{failures, schemes, users};
use crate::error::Fault;
use domain::phase::{Counted, KeptPhase, MAX_COUNT_DETAIL, MigrationChange, Phase, Tally};
use domain::time::Moment;

/// The most rows of one mount. What would be one more is not counted: the answers of an application can have any fields.
const MOST_COUNTS: i64 = 2000;

pub(super) static PHASES: Sql = Sql::same("SELECT mount, phase, changed_at FROM phases ORDER BY mount");
pub(super) static ADD_PHASE: Sql = Sql::same(
    "INSERT INTO phases (mount, phase, changed_at) VALUES ($1, $2, $3) ON CONFLICT (mount) DO NOTHING",
);
pub(super) static SET_PHASE: Sql =
    Sql::same("UPDATE phases SET phase = $1, changed_at = $2 WHERE mount = $3 AND phase = $4");
pub(super) static COUNTS: Sql = Sql::same(
    "SELECT mount, what, detail, count, last_at FROM migration_counts ORDER BY mount, what, count DESC, detail",
);
pub(super) static ADD_COUNT: Sql = Sql::same(
    "INSERT INTO migration_counts (mount, what, detail, count, last_at) SELECT $1, $2, $3, $4, $5 \
     WHERE EXISTS (SELECT 1 FROM migration_counts WHERE mount = $1 AND what = $2 AND detail = $3) \
     OR (SELECT count(*) FROM migration_counts WHERE mount = $1) < $6 \
     ON CONFLICT (mount, what, detail) DO UPDATE SET count = migration_counts.count + $4, \
     last_at = CASE WHEN migration_counts.last_at < $5 THEN $5 ELSE migration_counts.last_at END",
);
pub(super) static FORGET: Sql = Sql::same("DELETE FROM migration_counts WHERE mount = $1");
pub(super) static HASHES_AFTER: Sql =
    Sql::same("SELECT id, password_hash FROM users WHERE id > $1 ORDER BY id LIMIT $2");

/// Carries out one write.
pub(super) fn write<'a>(steps: &mut Vec<Step<'a>>, change: &'a MigrationChange) {
    match change {
        MigrationChange::SetPhase { kept, from } => steps.push(set_phase(kept, *from)),
        MigrationChange::FollowPassword { user, epoch, hash, at } => {
            steps.push(users::follow_password(*user, *epoch, hash, *at));
            schemes::remember(steps, hash);
            steps.push(failures::clear(*user));
        }
        MigrationChange::AddCounts(counts) => {
            // Always in the same order, so that two nodes that add at once never wait for each other.
            let mut counts: Vec<&Counted> = counts.iter().filter(|counted| counted.count > 0).collect();
            counts.sort_by_key(|counted| (&counted.mount, counted.what.name(), &counted.detail));
            steps.extend(counts.into_iter().map(add_count));
        }
        MigrationChange::ForgetCounts { mount } => steps.push(Step::any(&FORGET, values![mount])),
    }
}

fn set_phase(kept: &KeptPhase, from: Option<Phase>) -> Step<'_> {
    let KeptPhase { mount, phase, changed_at } = kept;
    match from {
        None => Step::fresh(&ADD_PHASE, values![mount, phase.name(), changed_at.millis()]),
        Some(from) => Step::fresh(&SET_PHASE, values![phase.name(), changed_at.millis(), mount, from.name()]),
    }
}

fn add_count(counted: &Counted) -> Step<'_> {
    let Counted { mount, what, detail, count, last_at } = counted;
    let mut end = detail.len().min(MAX_COUNT_DETAIL);
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    let count = i64::try_from(*count).unwrap_or(i64::MAX);
    let values = values![mount, what.name(), &detail[..end], count, last_at.millis(), MOST_COUNTS];
    Step::any(&ADD_COUNT, values)
}

/// Reads a phase.
pub(super) fn read_phase(row: &Row<'_>) -> Result<KeptPhase, Fault> {
    let phase = row.str(1)?;
    Ok(KeptPhase {
        mount: row.string(0)?,
        phase: Phase::named(phase).ok_or_else(|| Fault::Corrupt(format!("phases.phase: {phase:?}")))?,
        changed_at: Moment::from_millis(row.int(2)?),
    })
}

/// Reads a count. None: it is of a kind that another release of this program counts.
pub(super) fn read_count(row: &Row<'_>) -> Result<Option<Counted>, Fault> {
    let Some(what) = Tally::named(row.str(1)?) else { return Ok(None) };
    Ok(Some(Counted {
        mount: row.string(0)?,
        what,
        detail: row.string(2)?,
        count: row.int(3)?.unsigned_abs(),
        last_at: Moment::from_millis(row.int(4)?),
    }))
}
