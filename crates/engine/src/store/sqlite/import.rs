//! How are many users added, all or none?

use super::fault::Halt;
use super::transaction::{Chain, one, run as statement, step};
use crate::error::Fault;
use crate::store::apply::Sum;
use crate::store::feed::{CONFLICTS, Feed};
use crate::store::step::Step;
use crate::store::value::values;
use crate::store::{ImportSum, factors, schemes, users};
use crossbeam_channel::Receiver;
use domain::change::Conflict;
use domain::event::{Detail, Event};
use domain::factor::Factors;
use domain::id::UserId;
use domain::trail::TrailKey;
use domain::user::NewUser;
use rusqlite::Connection;
use std::collections::HashSet;
use tokio::sync::oneshot;

/// What an import is answered with.
pub(super) type Answer = Result<Result<ImportSum, Vec<(usize, Conflict)>>, Fault>;

/// An import that waits.
pub(super) struct Import {
    pub feed: Receiver<Feed>,
    /// Noted with the number of users added; absent = a rehearsal, nothing is kept.
    pub event: Option<Event>,
    pub answer: oneshot::Sender<Answer>,
}

/// Adds the users in one transaction; keeps them unless there was a conflict or it was only a rehearsal.
///
/// Conflicts are listed with their place from 0. A user who is there already is counted as unchanged.
pub(super) fn run(
    conn: &Connection,
    key: &TrailKey,
    feed: &Receiver<Feed>,
    event: Option<Event>,
) -> rusqlite::Result<Answer> {
    statement(conn, "BEGIN IMMEDIATE")?;
    let found = add_all(conn, feed)?;
    match (&found, event) {
        (Ok(found), Some(event)) if found.conflicts.is_empty() => {
            let mut chain = Chain::new(key);
            chain.note(conn, &event.with(Detail::Count(found.sum.added)))?;
            chain.finish(conn)?;
            statement(conn, "COMMIT")?;
        }
        (Ok(_) | Err(_), _) => statement(conn, "ROLLBACK")?,
    }
    Ok(found.map(|found| if found.conflicts.is_empty() { Ok(found.sum) } else { Err(found.conflicts) }))
}

fn add_all(conn: &Connection, feed: &Receiver<Feed>) -> rusqlite::Result<Result<Found, Fault>> {
    let mut found = Found::default();
    let mut labels = HashSet::new();
    loop {
        let chunk = match feed.recv() {
            Ok(Feed::Users(chunk)) => chunk,
            Ok(Feed::End) => break,
            Err(_) => return Ok(Err(Fault::Gone("the list of users to be imported"))),
        };
        for user in &chunk {
            found.add(conn, user, &mut labels)?;
            if found.conflicts.len() == CONFLICTS {
                return Ok(Ok(found));
            }
        }
    }
    for label in &labels {
        step(conn, &Step::any(&schemes::ADD, values![label]), &mut Sum::default()).map_err(failure)?;
    }
    Ok(Ok(found))
}

/// What was found so far.
#[derive(Default)]
struct Found {
    sum: ImportSum,
    added: HashSet<UserId>,
    place: usize,
    conflicts: Vec<(usize, Conflict)>,
}

impl Found {
    fn add(
        &mut self,
        conn: &Connection,
        user: &NewUser,
        labels: &mut HashSet<String>,
    ) -> rusqlite::Result<()> {
        let added = users::add(user, user.id)
            .map_err(Halt::from)
            .and_then(|add| step(conn, &add, &mut Sum::default()));
        match added {
            Ok(id) => {
                let Some(id) = id else { return Ok(()) };
                self.sum.added += 1;
                self.added.insert(id);
                if let Some(factors) = &user.factors {
                    carry(conn, id, factors).map_err(failure)?;
                }
                labels.extend(user.password_hash.as_ref().and_then(|hash| crate::hasher::label(&hash.0)));
            }
            Err(Halt::Conflict(conflict)) => match there(conn, user)? {
                // Somebody whom an earlier line of the same file brought is not the same person again.
                Some(id) if !self.added.contains(&id) => self.sum.unchanged += 1,
                Some(_) | None => self.conflicts.push((self.place, conflict)),
            },
            Err(halt) => return Err(failure(halt)),
        }
        self.place += 1;
        Ok(())
    }
}

fn carry(conn: &Connection, id: UserId, factors: &Factors) -> Result<(), Halt> {
    for one in &factors::carry(id, factors)? {
        step(conn, one, &mut Sum::default())?;
    }
    Ok(())
}

fn there(conn: &Connection, user: &NewUser) -> rusqlite::Result<Option<UserId>> {
    let found = one(conn, users::SAME.sqlite, &users::same(user), users::read_same);
    found.map(Option::flatten).map_err(|fault| failure(Halt::Broken(fault)))
}

/// A failure of the whole import.
fn failure(halt: Halt) -> rusqlite::Error {
    match halt {
        Halt::Failed(error) => error,
        Halt::Broken(fault) => rusqlite::Error::ToSqlConversionFailure(fault.into()),
        Halt::Conflict(_) => rusqlite::Error::StatementChangedRows(0),
    }
}
