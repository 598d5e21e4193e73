//! Is the trail as it was written?
//!
//! Found: a row that was changed, taken out, put in or moved; a cut end, by the sealed head. Not found: a whole
//! database put back to an earlier state, unless a later head is known from elsewhere.

use super::{EventQuery, MAX_EVENTS, Noted};
use crate::Engine;
use crate::error::Fault;
use domain::event::EventKind;
use domain::trail::Seal;
use serde_json::Value;

/// What is wrong with the trail, first of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailFlaw {
    /// The seal of this row does not fit: the row or its order was changed, or the key is another one.
    Changed(i64),
    /// These rows are missing, from the first to the last.
    Missing(i64, i64),
    /// This row has no seal, and all before it have one.
    Unsealed(i64),
    /// A writer noted at this row that the trail did not end as it was left.
    Broken(i64),
    /// The trail ends with the first row, and was left with the second as its last.
    Cut(i64, i64),
    /// The note about the last row is missing or forged.
    HeadForged(i64),
    /// The row known from elsewhere has another hash here, or is not here.
    NotTheKnown(i64),
}

impl TrailFlaw {
    /// The row to look at.
    pub const fn row(self) -> i64 {
        match self {
            TrailFlaw::Changed(row)
            | TrailFlaw::Missing(row, _)
            | TrailFlaw::Unsealed(row)
            | TrailFlaw::Broken(row)
            | TrailFlaw::Cut(row, _)
            | TrailFlaw::HeadForged(row)
            | TrailFlaw::NotTheKnown(row) => row,
        }
    }
}

impl std::fmt::Display for TrailFlaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TrailFlaw::Changed(row) => write!(
                f,
                "row {row} is not as it was written: it was changed, put in or moved, or it was sealed with another key"
            ),
            TrailFlaw::Missing(first, last) => write!(f, "rows {first} to {last} are missing"),
            TrailFlaw::Unsealed(row) => write!(f, "row {row} has no seal: it was put in from outside"),
            TrailFlaw::Broken(row) => write!(
                f,
                "before row {row} the end of the trail was not as the last writer left it: rows were cut off, or the \
                 key in data/keys/tickets.json is another one"
            ),
            TrailFlaw::Cut(row, left) => {
                write!(
                    f,
                    "the trail ends with row {row} and was left with row {left}: rows were cut off the end"
                )
            }
            TrailFlaw::HeadForged(row) => {
                write!(f, "the note that row {row} is the last one is missing or forged")
            }
            TrailFlaw::NotTheKnown(row) => write!(f, "row {row} is not here with the hash that you know"),
        }
    }
}

/// What a check of the trail found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrailReport {
    /// Rows whose seals fit.
    pub sealed: u64,
    /// Rows from before the trail was chained; nothing can be said of them.
    pub unsealed: u64,
    /// Up to which row older ones were deleted as the settings say.
    pub pruned: Option<i64>,
    /// The last row and its seal.
    pub head: Option<(i64, Seal)>,
    /// The first flaw; the check ends there.
    pub flaw: Option<TrailFlaw>,
}

/// The row that was checked last.
struct Walk {
    report: TrailReport,
    row: i64,
    seal: Option<Seal>,
}

impl Engine {
    /// Checks the trail from its beginning, or from a row on. `known` is a row and its hash, written down elsewhere.
    /// `progress` is told the number of every page's last row. Reads everything: call it where waiting is no harm.
    pub async fn verify_trail(
        &self,
        from: Option<i64>,
        known: Option<(i64, Seal)>,
        mut progress: impl FnMut(i64),
    ) -> Result<TrailReport, Fault> {
        let mut walk = self.begin(from).await?;
        loop {
            let query = EventQuery { after: Some(walk.row), ..EventQuery::default() };
            let page = self.events(&query, MAX_EVENTS).await?;
            for noted in &page {
                walk.report.flaw = self.step(&mut walk, noted, known);
                if walk.report.flaw.is_some() {
                    return Ok(walk.report);
                }
            }
            progress(walk.row);
            if page.is_empty() && self.is_the_end(&mut walk).await? {
                break;
            }
        }
        if let Some((row, _)) = known.filter(|(row, _)| walk.report.flaw.is_none() && *row > walk.row) {
            walk.report.flaw = Some(TrailFlaw::NotTheKnown(row));
        }
        Ok(walk.report)
    }

    /// The place before the first row to be checked.
    async fn begin(&self, from: Option<i64>) -> Result<Walk, Fault> {
        let mut walk = Walk { report: TrailReport::default(), row: 0, seal: Some(Seal::NONE) };
        if let Some(before) = from.map(|from| from - 1).filter(|before| *before > 0) {
            let query = EventQuery { after: Some(before - 1), ..EventQuery::default() };
            if let Some(noted) =
                self.events(&query, 1).await?.first().filter(|noted| noted.entry.id == before)
            {
                (walk.row, walk.seal) = (before, noted.seal);
                return Ok(walk);
            }
        }
        let pruned =
            EventQuery { kind: Some(EventKind::TrailPruned), newest_first: true, ..EventQuery::default() };
        if let Some(noted) = self.events(&pruned, 1).await?.first() {
            // Nobody vouches for these words yet; the row that holds them is checked in its turn.
            let details: Value = serde_json::from_str(&noted.entry.details).unwrap_or_default();
            walk.row = details["through"].as_i64().unwrap_or(0);
            walk.seal = details["hash"].as_str().and_then(Seal::parse);
            walk.report.pruned = Some(walk.row);
        }
        Ok(walk)
    }

    fn step(&self, walk: &mut Walk, noted: &Noted, known: Option<(i64, Seal)>) -> Option<TrailFlaw> {
        let row = noted.entry.id;
        let chained = walk.report.sealed > 0;
        let Some(seal) = noted.seal else {
            let from_before = !chained && (walk.row == 0 || walk.report.unsealed > 0 || walk.seal.is_none());
            if !from_before {
                return Some(TrailFlaw::Unsealed(row));
            }
            walk.report.unsealed += 1;
            (walk.row, walk.seal) = (row, None);
            return None;
        };
        if row != walk.row + 1 {
            return Some(TrailFlaw::Missing(walk.row + 1, row - 1));
        }
        let before = match walk.seal {
            Some(before) => before,
            None if noted.entry.kind == EventKind::TrailBegun.name() => Seal::NONE,
            None => return Some(TrailFlaw::Changed(row)),
        };
        if !self.store().trail_key().seal(&before, &noted.entry).is(&seal) {
            return Some(TrailFlaw::Changed(row));
        }
        if noted.entry.kind == EventKind::TrailBroken.name() {
            return Some(TrailFlaw::Broken(row));
        }
        if known.is_some_and(|(known, hash)| known == row && !hash.is(&seal)) {
            return Some(TrailFlaw::NotTheKnown(row));
        }
        walk.report.sealed += 1;
        walk.report.head = Some((row, seal));
        (walk.row, walk.seal) = (row, Some(seal));
        None
    }

    /// Whether no row was added meanwhile; then the sealed head is held against the last row.
    async fn is_the_end(&self, walk: &mut Walk) -> Result<bool, Fault> {
        let (last, head) = self.store().trail_end().await?;
        if last > walk.row {
            return Ok(false);
        }
        walk.report.flaw = match (head, walk.report.head) {
            (None, None) => None,
            (None, Some((row, _))) => Some(TrailFlaw::HeadForged(row)),
            (Some((said, _)), _) if said != walk.row => Some(TrailFlaw::Cut(walk.row, said)),
            (Some((row, seal)), _) => {
                let last = walk.seal.unwrap_or(Seal::NONE);
                let fits = self.store().trail_key().seal_head(row, &last).is(&seal);
                (!fits).then_some(TrailFlaw::HeadForged(row))
            }
        };
        Ok(true)
    }
}
