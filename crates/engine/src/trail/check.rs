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
use std::collections::BTreeMap;

/// What is wrong with the trail, first of all. Rows of a strand are told by strand and place where these are not the
/// number of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailFlaw {
    /// The seal of this row does not fit: the row or its order was changed, or the key is another one.
    Changed(i64),
    /// These places of a strand have no row, from the first to the last.
    Missing {
        /// The strand.
        strand: i64,
        /// The first place.
        first: i64,
        /// The last place.
        last: i64,
    },
    /// This row has no seal, and all before it have one.
    Unsealed(i64),
    /// A writer noted at this row that the trail did not end as it was left.
    Broken(i64),
    /// A strand ends with a place, and was left with another as its last.
    Cut {
        /// The strand.
        strand: i64,
        /// The last place there is.
        ends: i64,
        /// The last place there was.
        left: i64,
    },
    /// The note about the last row of this strand, at this place, is missing or forged.
    HeadForged {
        /// The strand.
        strand: i64,
        /// The place.
        place: i64,
    },
    /// The row known from elsewhere has another hash here, or is not here.
    NotTheKnown(i64),
}

impl TrailFlaw {
    /// The row to look at, or the place in its strand.
    pub const fn row(self) -> i64 {
        match self {
            TrailFlaw::Changed(row)
            | TrailFlaw::Missing { first: row, .. }
            | TrailFlaw::Unsealed(row)
            | TrailFlaw::Broken(row)
            | TrailFlaw::Cut { ends: row, .. }
            | TrailFlaw::HeadForged { place: row, .. }
            | TrailFlaw::NotTheKnown(row) => row,
        }
    }

    /// ` of strand 7`, where there are several.
    fn of(strand: i64) -> String {
        if strand == 0 { String::new() } else { format!(" of strand {strand}") }
    }
}

impl std::fmt::Display for TrailFlaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TrailFlaw::Changed(row) => write!(
                f,
                "row {row} is not as it was written: it was changed, put in or moved, or it was sealed with another key"
            ),
            TrailFlaw::Missing { strand, first, last } => {
                write!(f, "rows {first} to {last}{} are missing", TrailFlaw::of(*strand))
            }
            TrailFlaw::Unsealed(row) => write!(f, "row {row} has no seal: it was put in from outside"),
            TrailFlaw::Broken(row) => write!(
                f,
                "before row {row} the end of the trail was not as the last writer left it: rows were cut off, or the \
                 key in data/keys/tickets.json is another one"
            ),
            TrailFlaw::Cut { strand: 0, ends, left } => {
                write!(
                    f,
                    "the trail ends with row {ends} and was left with row {left}: rows were cut off the end"
                )
            }
            TrailFlaw::Cut { strand, ends, left } => write!(
                f,
                "strand {strand} ends with row {ends} and was left with row {left}: rows were cut off the end"
            ),
            TrailFlaw::HeadForged { strand, place } => {
                write!(
                    f,
                    "the note that row {place}{} is the last one is missing or forged",
                    TrailFlaw::of(*strand)
                )
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

/// How far each strand was checked.
struct Walk {
    report: TrailReport,
    row: i64,
    strands: BTreeMap<i64, Strand>,
    /// The strands begin where a row has one that is not known yet; else it has to begin with its first row.
    known: Option<(i64, Seal)>,
}

/// The row of a strand that was checked last.
#[derive(Clone, Copy, Debug)]
struct Strand {
    place: i64,
    seal: Option<Seal>,
    sealed: u64,
    unsealed: u64,
}

impl Strand {
    const NEW: Strand = Strand { place: 0, seal: Some(Seal::NONE), sealed: 0, unsealed: 0 };

    fn at(place: i64, seal: Option<Seal>) -> Strand {
        Strand { place, seal, ..Strand::NEW }
    }
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
        let mut walk = self.begin(from, known).await?;
        loop {
            let query = EventQuery { after: Some(walk.row), ..EventQuery::default() };
            let page = self.events(&query, MAX_EVENTS).await?;
            for noted in &page {
                walk.report.flaw = self.step(&mut walk, noted).await?;
                if walk.report.flaw.is_some() {
                    return Ok(walk.report);
                }
                walk.row = noted.entry.id;
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

    /// The places before the first rows to be checked.
    async fn begin(&self, from: Option<i64>, known: Option<(i64, Seal)>) -> Result<Walk, Fault> {
        let mut walk = Walk { report: TrailReport::default(), row: 0, strands: BTreeMap::new(), known };
        if let Some(before) = from.map(|from| from - 1).filter(|before| *before > 0) {
            let marks = self.store().trail_marks(before).await?;
            if !marks.is_empty() {
                walk.row = before;
                let marks = marks.into_iter().map(|(strand, place, seal)| (strand, Strand::at(place, seal)));
                walk.strands = marks.collect();
                return Ok(walk);
            }
        }
        let pruned =
            EventQuery { kind: Some(EventKind::TrailPruned), newest_first: true, ..EventQuery::default() };
        for noted in &self.events(&pruned, MAX_EVENTS).await? {
            // Nobody vouches for these words yet; the row that holds them is checked in its turn.
            let details: Value = serde_json::from_str(&noted.entry.details).unwrap_or_default();
            let strand = details["strand"].as_i64().unwrap_or(0);
            let through = details["through"].as_i64().unwrap_or(0);
            let seal = details["hash"].as_str().and_then(Seal::parse);
            walk.strands.entry(strand).or_insert(Strand::at(through, seal));
            walk.report.pruned = walk.report.pruned.max(Some(through));
        }
        Ok(walk)
    }

    /// Checks a row, after those of its strand that were committed before it and that the page did not show yet.
    async fn step(&self, walk: &mut Walk, noted: &Noted) -> Result<Option<TrailFlaw>, Fault> {
        let (strand, place) = (noted.entry.strand, noted.entry.place);
        let done = walk.strands.get(&strand).map_or(0, |strand| strand.place);
        if place <= done {
            // It was checked with a row that came before it in the order of numbers.
            return Ok((strand == 0).then_some(TrailFlaw::Changed(noted.entry.id)));
        }
        if place > done + 1 && strand != 0 {
            let late = u32::try_from(place - done - 1).unwrap_or(MAX_EVENTS).min(MAX_EVENTS);
            for late in self.store().events_of_strand(strand, done, late).await? {
                if late.entry.place < place
                    && let Some(flaw) = self.check(walk, &late)
                {
                    return Ok(Some(flaw));
                }
            }
        }
        Ok(self.check(walk, noted))
    }

    fn check(&self, walk: &mut Walk, noted: &Noted) -> Option<TrailFlaw> {
        let row = noted.entry.id;
        let strand = walk.strands.entry(noted.entry.strand).or_insert(Strand::NEW);
        let Some(seal) = noted.seal else {
            let from_before =
                strand.sealed == 0 && (strand.place == 0 || strand.unsealed > 0 || strand.seal.is_none());
            if !from_before {
                return Some(TrailFlaw::Unsealed(row));
            }
            walk.report.unsealed += 1;
            *strand =
                Strand { place: noted.entry.place, seal: None, sealed: 0, unsealed: strand.unsealed + 1 };
            return None;
        };
        if noted.entry.place != strand.place + 1 {
            let (first, last) = (strand.place + 1, noted.entry.place - 1);
            return Some(TrailFlaw::Missing { strand: noted.entry.strand, first, last });
        }
        let before = match strand.seal {
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
        if walk.known.is_some_and(|(known, hash)| known == row && !hash.is(&seal)) {
            return Some(TrailFlaw::NotTheKnown(row));
        }
        *strand = Strand {
            place: noted.entry.place,
            seal: Some(seal),
            sealed: strand.sealed + 1,
            unsealed: strand.unsealed,
        };
        walk.report.sealed += 1;
        if walk.report.head.is_none_or(|(head, _)| head < row) {
            walk.report.head = Some((row, seal));
        }
        None
    }

    /// Whether no row was added meanwhile; then the sealed heads are held against the last rows.
    async fn is_the_end(&self, walk: &mut Walk) -> Result<bool, Fault> {
        let end = self.store().trail_end().await?;
        if end.last > walk.row {
            return Ok(false);
        }
        for (strand, left, seal) in &end.heads {
            let done = walk.strands.get(strand).map_or(0, |strand| strand.place);
            if *left > done {
                // Rows with lower numbers than the last that was seen, committed after it.
                for late in self.store().events_of_strand(*strand, done, MAX_EVENTS).await? {
                    walk.report.flaw = self.check(walk, &late);
                    if walk.report.flaw.is_some() {
                        return Ok(true);
                    }
                }
            }
            walk.report.flaw = self.check_head(walk, *strand, *left, seal);
            if walk.report.flaw.is_some() {
                return Ok(true);
            }
        }
        let gap = (1_i64..).zip(end.heads.iter().filter(|(strand, ..)| *strand > 0));
        if let Some((strand, _)) = gap.into_iter().find(|(number, (strand, ..))| number != strand) {
            walk.report.flaw = Some(TrailFlaw::HeadForged { strand, place: 0 });
            return Ok(true);
        }
        let headless = walk.strands.iter().find(|(number, strand)| {
            strand.sealed > 0 && !end.heads.iter().any(|(head, ..)| head == *number)
        });
        walk.report.flaw =
            headless.map(|(strand, at)| TrailFlaw::HeadForged { strand: *strand, place: at.place });
        Ok(true)
    }

    fn check_head(&self, walk: &Walk, strand: i64, left: i64, seal: &Seal) -> Option<TrailFlaw> {
        let at = walk.strands.get(&strand).copied().unwrap_or(Strand::NEW);
        if at.place != left {
            return Some(TrailFlaw::Cut { strand, ends: at.place, left });
        }
        let last = at.seal.unwrap_or(Seal::NONE);
        let fits = self.store().trail_key().seal_head(strand, left, &last).is(seal);
        (!fits).then_some(TrailFlaw::HeadForged { strand, place: left })
    }
}
