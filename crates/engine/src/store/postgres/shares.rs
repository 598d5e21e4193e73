//! What do all nodes count together? (SEC-28)
//!
//! One connection that does not wait for the disk: a crash of the database can give the last moments back to a guesser,
//! and nothing else. Each statement decides for itself; there is no transaction around several.

use super::clock::micros_or;
use super::list::in_order;
use super::readers::Readers;
use crate::error::Fault;
use crate::limit::{Budget, Stored, Suspicion};
use crate::store::value::{Value, values};
use domain::id::UserId;
use domain::limit::SECOND;
use domain::time::Moment;
use domain::token::Blind;

const TAKE: &str = concat!(
    "INSERT INTO budgets (name, full_at) VALUES ($1, ",
    micros_or!("CAST($2 AS BIGINT)"),
    " + CAST($3 AS BIGINT)) \
     ON CONFLICT (name) DO UPDATE SET full_at = greatest(budgets.full_at, ",
    micros_or!("$2"),
    ") + $3 \
     WHERE greatest(budgets.full_at, ",
    micros_or!("$2"),
    ") + $3 <= ",
    micros_or!("$2"),
    " + $4 RETURNING full_at"
);
const WAIT: &str =
    concat!("SELECT full_at - ", micros_or!("CAST($2 AS BIGINT)"), " FROM budgets WHERE name = $1");
const GIVE_BACK: &str = "UPDATE budgets SET full_at = full_at - $2 WHERE name = $1";
const FILL: &str = concat!(
    "INSERT INTO budgets (name, full_at) VALUES ($1, ",
    micros_or!("CAST($2 AS BIGINT)"),
    " + CAST($3 AS BIGINT)) \
     ON CONFLICT (name) DO UPDATE SET full_at = excluded.full_at"
);
/// One more failure in a row, if there are still as many as were seen.
const STEP: &str = "INSERT INTO failures (account, user_id, failures, last_at) SELECT $1, CAST($2 AS BIGINT), 1, $3 \
     WHERE $2 IS NULL OR EXISTS (SELECT 1 FROM users WHERE id = $2) \
     ON CONFLICT (account) DO UPDATE SET failures = failures.failures + 1, last_at = greatest(failures.last_at, $3) \
     WHERE failures.failures = $4 AND failures.cleared = $5 RETURNING account";
const STEP_BACK: &str = "UPDATE failures SET failures = failures - 1 WHERE account = $1 AND failures > 0";
const SUSPECT: &str = concat!(
    "INSERT INTO suspects (client, pair, at) VALUES ($1, $2, ",
    micros_or!("CAST($3 AS BIGINT)"),
    ") \
     ON CONFLICT (client, pair) DO UPDATE SET at = excluded.at"
);
const SUSPECTED: &str = concat!(
    "SELECT count(*) FROM suspects WHERE client = $1 AND at > ",
    micros_or!("CAST($2 AS BIGINT)"),
    " - $3"
);
const ABSOLVE: &str = "DELETE FROM suspects WHERE client = $1";
const FORGET_FULL: &str = concat!("DELETE FROM budgets WHERE full_at < ", micros_or!("CAST($1 AS BIGINT)"));
const FORGET_PAIRS: &str =
    concat!("DELETE FROM suspects WHERE at < ", micros_or!("CAST($1 AS BIGINT)"), " - $2");

/// The counters that all nodes share.
pub(crate) struct Shares {
    counters: Readers,
}

impl Shares {
    /// Counts through these connections.
    pub(super) fn new(counters: Readers) -> Shares {
        Shares { counters }
    }

    /// Cuts its connections; others are made in their place.
    pub(super) fn cut(&self) {
        self.counters.cut();
    }

    /// Takes one try from each budget, or from none. Refused: which of them has nothing left, and for how many
    /// microseconds. `now`: microseconds since 1970 where the clock is not the machine's.
    pub async fn take(
        &self,
        budgets: &[Budget],
        now: Option<i64>,
    ) -> Result<Result<(), (usize, u64)>, Fault> {
        let all: Vec<[Value<'_>; 4]> = budgets.iter().map(|budget| asked(budget, now)).collect();
        let taken = in_order(all.iter().map(|values| self.counters.query(TAKE, values))).await;
        let mut empty = None;
        let mut got = Vec::new();
        for (at, (budget, rows)) in budgets.iter().zip(taken).enumerate() {
            if rows?.is_empty() {
                empty.get_or_insert(at);
            } else {
                got.push(budget);
            }
        }
        let Some(at) = empty else { return Ok(Ok(())) };
        self.give_back_all(got.into_iter()).await?;
        let budget = &budgets[at];
        let left = self.left(&budget.name, now).await?;
        Ok(Err((at, left.saturating_add(budget.rate.each()).saturating_sub(budget.rate.room()))))
    }

    /// Gives one try back to each budget.
    pub async fn give_back(&self, budgets: &[Budget]) -> Result<(), Fault> {
        self.give_back_all(budgets.iter()).await
    }

    async fn give_back_all<'b>(&self, budgets: impl Iterator<Item = &'b Budget>) -> Result<(), Fault> {
        let all: Vec<[Value<'_>; 2]> = budgets.map(given).collect();
        for given in in_order(all.iter().map(|values| self.counters.query(GIVE_BACK, values))).await {
            given?;
        }
        Ok(())
    }

    /// The microseconds until a budget is full again.
    pub async fn left(&self, name: &[u8], now: Option<i64>) -> Result<u64, Fault> {
        let rows = self.counters.query(WAIT, &values![name, now]).await?;
        let left = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(0)).map_err(|error| odd(&error))?;
        Ok(u64::try_from(left).unwrap_or(0))
    }

    /// Counts a failure in a row beforehand. False: they are not as they were seen any more.
    pub async fn step(
        &self,
        account: &Blind,
        user: Option<UserId>,
        seen: &Stored,
        at: Moment,
    ) -> Result<bool, Fault> {
        let values = values![&account.0, user.map(|id| id.0), at.millis(), seen.failures, seen.cleared];
        Ok(!self.counters.query(STEP, &values).await?.is_empty())
    }

    /// The failure that was counted was none.
    pub async fn step_back(&self, account: &Blind) -> Result<(), Fault> {
        self.counters.query(STEP_BACK, &values![&account.0]).await.map(drop)
    }

    /// Notes a pair that failed. True: it is one too many; the client is blocked and starts anew.
    pub async fn suspect(&self, suspicion: &Suspicion, now: Option<i64>) -> Result<bool, Fault> {
        let Suspicion { client, pair, rule, block } = suspicion;
        let window = micros(u64::from(rule.window_seconds) * SECOND);
        let noted = values![&client.0, &pair.0, now];
        let counted = values![&client.0, now, window];
        let (first, second) =
            (self.counters.query(SUSPECT, &noted), self.counters.query(SUSPECTED, &counted));
        let (noted, counted) = tokio::join!(biased; first, second);
        noted?;
        let count = counted?.first().map_or(Ok(0), |row| row.try_get::<_, i64>(0));
        if count.map_err(|error| odd(&error))? <= i64::from(rule.most) {
            return Ok(false);
        }
        let until = micros(u64::from(rule.block_seconds) * SECOND);
        self.counters.query(FILL, &values![block.as_slice(), now, until]).await?;
        self.counters.query(ABSOLVE, &values![&client.0]).await?;
        Ok(true)
    }

    /// Forgets budgets that are full and pairs of long ago.
    pub async fn sweep(&self, now: Option<i64>, window_seconds: u32) -> Result<(), Fault> {
        self.counters.query(FORGET_FULL, &values![now]).await?;
        let window = micros(u64::from(window_seconds) * SECOND);
        self.counters.query(FORGET_PAIRS, &values![now, window]).await?;
        Ok(())
    }
}

/// The parameters of [`TAKE`].
fn asked(budget: &Budget, now: Option<i64>) -> [Value<'_>; 4] {
    values![budget.name.as_slice(), now, micros(budget.rate.each()), micros(budget.rate.room())]
}

/// The parameters of [`GIVE_BACK`].
fn given(budget: &Budget) -> [Value<'_>; 2] {
    values![budget.name.as_slice(), micros(budget.rate.each())]
}

fn micros(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

fn odd(error: &tokio_postgres::Error) -> Fault {
    Fault::Corrupt(error.to_string())
}
