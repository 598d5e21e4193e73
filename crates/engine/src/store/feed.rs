//! How do users that are to be added reach the database?

use crate::error::Fault;
use crossbeam_channel::{Receiver, Sender, bounded};
use domain::user::NewUser;

/// No more conflicts than this are listed; the rest of the users is not looked at.
pub(super) const CONFLICTS: usize = 1000;
/// How many users travel together.
const CHUNK: usize = 256;
/// How many chunks are made ahead of the writer.
const AHEAD: usize = 8;

/// The list of users ends before its end; whoever made it knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// What comes from whoever reads the users.
pub(super) enum Feed {
    /// Some more.
    Users(Vec<NewUser>),
    /// That was the last. Without it the list broke off, and nothing may be kept.
    End,
}

/// Reads the users on a thread of their own, so that the writer only writes.
pub(super) fn feed(
    users: impl Iterator<Item = Result<NewUser, Broken>> + Send + 'static,
) -> Result<Receiver<Feed>, Fault> {
    let (sender, receiver) = bounded(AHEAD);
    std::thread::Builder::new()
        .name("import".to_owned())
        .spawn(move || pump(users, &sender))
        .map_err(|error| Fault::Database(format!("no thread to read the users: {error}")))?;
    Ok(receiver)
}

fn pump(mut users: impl Iterator<Item = Result<NewUser, Broken>>, sender: &Sender<Feed>) {
    loop {
        let chunk: Result<Vec<NewUser>, Broken> = users.by_ref().take(CHUNK).collect();
        let Ok(chunk) = chunk else { return };
        if chunk.is_empty() {
            drop(sender.send(Feed::End));
            return;
        }
        if sender.send(Feed::Users(chunk)).is_err() {
            return;
        }
    }
}
