//! How are many users added, all or none?

use super::apply::run as statement;
use super::events::Trail;
use super::fault::Halt;
use super::{ImportSum, schemes, users};
use crate::error::Fault;
use crossbeam_channel::{Receiver, Sender, bounded};
use domain::change::Conflict;
use domain::event::{Detail, Event};
use domain::id::UserId;
use domain::trail::TrailKey;
use domain::user::NewUser;
use rusqlite::Connection;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;

/// No more conflicts than this are listed; the rest of the users is not looked at.
pub(super) const CONFLICTS: usize = 1000;
/// How many users travel together.
const CHUNK: usize = 256;
/// How many chunks are made ahead of the writer.
const AHEAD: usize = 8;

/// What an import is answered with.
pub(super) type Answer = Result<Result<ImportSum, Vec<(usize, Conflict)>>, Fault>;

/// An import that waits.
pub(super) struct Import {
    pub feed: Receiver<Feed>,
    pub progress: Arc<AtomicU64>,
    /// Noted with the number of users added; absent = a rehearsal, nothing is kept.
    pub event: Option<Event>,
    pub answer: oneshot::Sender<Answer>,
}

/// What comes from whoever reads the users.
pub(super) enum Feed {
    /// Some more.
    Users(Vec<NewUser>),
    /// That was the last. Without it the list broke off, and nothing may be kept.
    End,
}

/// Reads the users on a thread of their own, so that the writer only writes.
pub(super) fn feed(users: impl Iterator<Item = NewUser> + Send + 'static) -> Result<Receiver<Feed>, Fault> {
    let (sender, receiver) = bounded(AHEAD);
    std::thread::Builder::new()
        .name("import".to_owned())
        .spawn(move || pump(users, &sender))
        .map_err(|error| Fault::Database(format!("no thread to read the users: {error}")))?;
    Ok(receiver)
}

fn pump(mut users: impl Iterator<Item = NewUser>, sender: &Sender<Feed>) {
    loop {
        let chunk: Vec<NewUser> = users.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            drop(sender.send(Feed::End));
            return;
        }
        if sender.send(Feed::Users(chunk)).is_err() {
            return;
        }
    }
}

/// Adds the users in one transaction; keeps them unless there was a conflict or it was only a rehearsal.
///
/// Conflicts are listed with their place from 0. A user who is there already is counted as unchanged.
pub(super) fn run(
    conn: &Connection,
    key: &TrailKey,
    feed: &Receiver<Feed>,
    progress: &AtomicU64,
    event: Option<Event>,
) -> rusqlite::Result<Answer> {
    statement(conn, "BEGIN IMMEDIATE")?;
    let found = add_all(conn, feed, progress)?;
    match (&found, event) {
        (Ok(found), Some(event)) if found.conflicts.is_empty() => {
            let mut trail = Trail::new(key);
            trail.add(conn, &event.with(Detail::Count(found.sum.added)), None)?;
            trail.finish(conn)?;
            statement(conn, "COMMIT")?;
        }
        (Ok(_) | Err(_), _) => statement(conn, "ROLLBACK")?,
    }
    Ok(found.map(|found| if found.conflicts.is_empty() { Ok(found.sum) } else { Err(found.conflicts) }))
}

fn add_all(
    conn: &Connection,
    feed: &Receiver<Feed>,
    progress: &AtomicU64,
) -> rusqlite::Result<Result<Found, Fault>> {
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
            progress.fetch_add(1, Ordering::Relaxed);
            if found.conflicts.len() == CONFLICTS {
                return Ok(Ok(found));
            }
        }
    }
    for label in labels {
        schemes::add(conn, &label)?;
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
        match users::add(conn, user) {
            Ok(id) => {
                self.sum.added += 1;
                self.added.insert(id);
                labels.extend(user.password_hash.as_ref().and_then(|hash| crate::hasher::label(&hash.0)));
            }
            Err(Halt::Conflict(conflict)) => match users::found_there(conn, user)? {
                // Somebody whom an earlier line of the same file brought is not the same person again.
                Some(id) if !self.added.contains(&id) => self.sum.unchanged += 1,
                Some(_) | None => self.conflicts.push((self.place, conflict)),
            },
            Err(Halt::Failed(error)) => return Err(error),
        }
        self.place += 1;
        Ok(())
    }
}
