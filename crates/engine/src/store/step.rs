//! What does one statement of a change list rely on?

use super::sql::Sql;
use super::value::Value;
use crate::error::Fault;
use domain::change::Conflict;

/// A statement with its values and what must come of it.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// What is run.
    pub sql: &'static Sql,
    /// Bound to its parameters.
    pub values: Vec<Value<'a>>,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a statement, or the list is not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// Anything.
    Anything,
    /// A row was written, or found by a statement that only reads; otherwise this conflict.
    Row(Conflict),
    /// A user was added, and its id comes back; otherwise its id was somebody's.
    User,
    /// Each row that comes back says whether a session that was of use has ended.
    Ended,
    /// The rows that were deleted are counted.
    Removed,
}

impl<'a> Step<'a> {
    /// With any outcome.
    pub fn any(sql: &'static Sql, values: impl Into<Vec<Value<'a>>>) -> Step<'a> {
        Step { sql, values: values.into(), expect: Expect::Anything }
    }

    /// That must touch a row; if not, what was read is not so any more.
    pub fn fresh(sql: &'static Sql, values: impl Into<Vec<Value<'a>>>) -> Step<'a> {
        Step { sql, values: values.into(), expect: Expect::Row(Conflict::Stale) }
    }
}

/// Why a change has no statements.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It relies on an earlier change that is not in its list.
    Conflict(Conflict),
    /// A value can not be written.
    Fault(Fault),
}

impl From<Fault> for Unfit {
    fn from(fault: Fault) -> Unfit {
        Unfit::Fault(fault)
    }
}
