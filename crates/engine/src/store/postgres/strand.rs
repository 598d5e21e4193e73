//! Which strand of the trail does a connection write?
//!
//! Each connection takes a strand that nobody has written to for a while, or begins one. That is only a habit: what
//! keeps two writers apart is that the head of a strand moves from one known place to the next, or not at all.

use super::clock::millis;
use super::session::{Session, bound};
use crate::error::Fault;
use crate::store::events::{self, Head, Left, Trail};
use crate::store::row::Row;
use crate::store::value::values;
use domain::event::Event;
use domain::time::Moment;
use domain::trail::{Seal, TrailKey};
use std::sync::Arc;

/// A strand that was not written to for so long is free.
const QUIET_MS: i64 = 10_000;

/// Takes the strand that was quiet for longest.
const TAKE: &str = concat!(
    "UPDATE trail_heads SET used_at = ",
    millis!(),
    " WHERE strand = (SELECT strand FROM trail_heads WHERE strand > 0 AND used_at < ",
    millis!(),
    " - $1 ORDER BY used_at, strand LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING strand"
);
const NEXT: &str = "SELECT coalesce(max(strand), 0) + 1 FROM trail_heads";
/// Begins one. Two who begin at the same time would have the same number: one of them tries again. Numbers have no gaps,
/// so that a strand that was taken out is missed.
const BEGIN: &str = concat!(
    "INSERT INTO trail_heads (strand, place, seal, used_at) VALUES ($1, 0, $2, ",
    millis!(),
    ") ON CONFLICT (strand) DO NOTHING RETURNING strand"
);
/// A write, so that its commit waits for the replicas as the one that is asked about had to: what is there and not yet
/// with them could still be lost.
const HAS: &str = "UPDATE trail_heads SET used_at = used_at WHERE strand = $1 \
     AND EXISTS (SELECT 1 FROM events WHERE strand = $1 AND place = $2 AND hash = $3) RETURNING 1";

/// A strand of the trail, as far as it is known to be durable.
#[derive(Clone)]
pub(super) struct Strand {
    key: Arc<TrailKey>,
    number: i64,
    end: End,
}

/// What is known of the end of a strand.
#[derive(Clone, Copy)]
enum End {
    /// As the database has it, not checked.
    Left(Left),
    /// Written here.
    At(Head),
}

impl Strand {
    /// Takes a free strand, or begins one.
    pub async fn take(session: &Session, key: &Arc<TrailKey>) -> Result<Strand, tokio_postgres::Error> {
        loop {
            let mut rows = session.query(TAKE, &values![QUIET_MS]).await?;
            if rows.is_empty() {
                let next = session.query(NEXT, &[]).await?;
                let number: i64 = next.first().map_or(Ok(1), |row| row.try_get(0))?;
                let seal = key.seal_head(number, 0, &Seal::NONE);
                rows = session.query(BEGIN, &values![number, seal.bytes()]).await?;
            }
            if let Some(row) = rows.first() {
                let number = row.try_get(0)?;
                let end = End::Left(left(session, number).await?);
                return Ok(Strand { key: Arc::clone(key), number, end });
            }
        }
    }

    /// For lists that write no event.
    pub fn none(key: &Arc<TrailKey>) -> Strand {
        Strand { key: Arc::clone(key), number: 0, end: End::Left(Left::default()) }
    }

    /// The end as it grows within a list, with the event that has to come first when it is not as it was left.
    pub fn trail(&self, at: Moment) -> (Trail<'_>, Option<Event>) {
        match &self.end {
            End::Left(left) => Trail::begin(&self.key, self.number, left, at),
            End::At(head) => (Trail::go_on(&self.key, self.number, *head), None),
        }
    }

    /// The trail ends here now.
    pub fn moved(&mut self, head: Head) {
        self.end = End::At(head);
    }

    /// Whether a list that ends here was committed, and is durable: its last row stands in its place, with its seal.
    pub async fn has(&self, session: &Session, head: Head) -> Result<bool, tokio_postgres::Error> {
        let values = values![self.number, head.place, head.seal.bytes()];
        Ok(!session.query(HAS, &values).await?.is_empty())
    }
}

/// The end of a strand as the database has it.
async fn left(session: &Session, strand: i64) -> Result<Left, tokio_postgres::Error> {
    let mut left = Left::default();
    for row in session.query(events::END_OF_STRAND.postgres, &values![strand]).await? {
        // A row that can not be read is as good as none: the trail is then noted to be broken.
        if let Err(fault) = left.read(&Row::Postgres(&row)) {
            tracing::error!(strand, %fault, "the end of a strand of the trail can not be read");
        }
    }
    // A strand that has no row yet has a head all the same, so that it can be moved.
    if left.last.is_none() {
        left.head = left.head.filter(|(place, _)| *place != 0);
    }
    Ok(left)
}

/// Writes an event in the open transaction. Refused: another has written the same strand meanwhile.
pub(super) async fn note(session: &Session, key: &Arc<TrailKey>, event: &Event) -> Result<(), Fault> {
    let failed = |error: tokio_postgres::Error| super::session::look_fault(&error);
    let strand = Strand::take(session, key).await.map_err(failed)?;
    let (mut trail, first) = strand.trail(event.at);
    for event in first.iter().chain([event]) {
        let step = trail.add(event, event.user);
        session.query(step.sql.postgres, &step.values).await.map_err(failed)?;
    }
    let Some(step) = trail.move_head() else { return Ok(()) };
    let statement = session.prepared(step.sql.postgres).await.map_err(failed)?;
    let moved = session.client().execute(&statement, &bound(&step.values)).await.map_err(failed)?;
    if moved == 1 { Ok(()) } else { Err(Fault::Contended("the trail")) }
}
