//! How does a list of changes become rows?

use super::events::Trail;
use super::fault::Halt;
use super::{admin, avatars, factors, failures, links, outbox, schemes, sessions, trail, users};
use domain::change::{Applied, Change, Conflict, Whose};
use domain::id::{SessionId, UserId};
use rusqlite::Connection;

/// Applies a list inside the open transaction. When it halts nothing of it is left there.
pub(super) fn apply(conn: &Connection, trail: &mut Trail<'_>, changes: &[Change]) -> Result<Applied, Halt> {
    if let [change] = changes
        && is_one_statement(change)
    {
        return write_all(conn, trail, changes);
    }
    run(conn, "SAVEPOINT list")?;
    let mark = trail.mark();
    let applied = write_all(conn, trail, changes);
    // After some failures SQLite has rolled back the whole transaction, and the savepoint with it.
    if applied.is_err() && !conn.is_autocommit() {
        run(conn, "ROLLBACK TO list")?;
        trail.back_to(mark);
    }
    if !conn.is_autocommit() {
        run(conn, "RELEASE list")?;
    }
    applied
}

/// Runs a statement without values or rows.
pub(super) fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// What one statement does is undone by SQLite when it fails; a savepoint would add nothing.
fn is_one_statement(change: &Change) -> bool {
    match change {
        Change::AddUser(_)
        | Change::PruneTrail { .. }
        | Change::UpgradeHash { .. }
        | Change::Factor(_)
        | Change::SetPassword { .. }
        | Change::CountFailure { .. }
        | Change::DeleteUser { .. }
        | Change::Offer(_)
        | Change::OpenLink(_)
        | Change::Admin(_) => false,
        Change::OpenSession { .. }
        | Change::NoteSignIn { .. }
        | Change::RotateSession { .. }
        | Change::MarkFresh { .. }
        | Change::NoteSeen { .. }
        | Change::EndSession { .. }
        | Change::EndSessions { .. }
        | Change::CapSessions { .. }
        | Change::CutTokens { .. }
        | Change::ClearFailures { .. }
        | Change::EditUser { .. }
        | Change::PutAvatar { .. }
        | Change::DropAvatar { .. }
        | Change::ForgetSessions { .. }
        | Change::Post(_)
        | Change::UseLink { .. }
        | Change::EndLinks { .. }
        | Change::ClaimLetter { .. }
        | Change::ReleaseLetters { .. }
        | Change::PostponeLetter { .. }
        | Change::DropLetter { .. }
        | Change::Note(_) => true,
    }
}

/// What earlier changes of the same list gave to later ones.
#[derive(Default)]
struct List {
    added: Option<UserId>,
    opened: Option<SessionId>,
    sessions_ended: u64,
    removed: u64,
}

fn write_all(conn: &Connection, trail: &mut Trail<'_>, changes: &[Change]) -> Result<Applied, Halt> {
    let mut list = List::default();
    for change in changes {
        list.write(conn, trail, change)?;
    }
    Ok(Applied { user: list.added, sessions_ended: list.sessions_ended, removed: list.removed })
}

impl List {
    /// Whose a session is, with the epoch it relies on. A user who was just added has the first one.
    fn owner(&self, whose: Whose) -> Result<(UserId, i64), Halt> {
        match whose {
            Whose::Known { user, epoch } => Ok((user, epoch)),
            Whose::Added => Ok((self.added.ok_or(Halt::Conflict(Conflict::Stale))?, 0)),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one table of all changes")]
    fn write(&mut self, conn: &Connection, log: &mut Trail<'_>, change: &Change) -> Result<(), Halt> {
        match change {
            Change::Admin(change) => admin::write(conn, change)?,
            Change::AddUser(user) => {
                self.added = Some(users::add(conn, user)?);
                user.password_hash.as_ref().map_or(Ok(()), |hash| schemes::remember(conn, hash))?;
            }
            Change::OpenSession { whose, session } => {
                let (user, epoch) = self.owner(*whose)?;
                sessions::open(conn, user, epoch, session)?;
                self.opened = Some(session.id);
            }
            Change::NoteSignIn { user, at } => users::note_sign_in(conn, *user, *at)?,
            Change::UpgradeHash { user, from, to } => {
                if users::upgrade_hash(conn, *user, from, to)? {
                    schemes::remember(conn, to)?;
                }
            }
            Change::RotateSession { session, from, to, at, refresh_expires_at } => {
                sessions::rotate(conn, *session, (from, to), *at, *refresh_expires_at)?;
            }
            Change::MarkFresh { session, epoch, at } => sessions::mark_fresh(conn, *session, *epoch, *at)?,
            Change::NoteSeen { session, at } => sessions::note_seen(conn, *session, *at)?,
            Change::SetPassword { user, epoch, hash, at } => {
                users::set_password(conn, *user, *epoch, hash.as_ref(), *at)?;
                hash.as_ref().map_or(Ok(()), |hash| schemes::remember(conn, hash))?;
                // Nothing was tried against a password that was just set (SEC-24).
                failures::clear(conn, *user)?;
            }
            Change::CountFailure { account, user, at } => {
                failures::count(conn, account, *user, *at)?;
            }
            Change::ClearFailures { user } => failures::clear(conn, *user)?,
            Change::CutTokens { user, at } => users::cut_tokens(conn, *user, *at)?,
            Change::EditUser { user, epoch, edit, at } => users::edit(conn, *user, *epoch, edit, *at)?,
            Change::PutAvatar { name, media_type, bytes, at } => {
                avatars::put(conn, name, media_type, bytes, *at)?;
            }
            Change::DropAvatar { name } => avatars::remove(conn, name)?,
            Change::DeleteUser { user, epoch } => users::delete(conn, *user, *epoch)?,
            Change::Offer(offer) => links::offer(conn, offer, self.added)?,
            Change::OpenLink(link) => links::open(conn, link, link.user.or(self.added))?,
            Change::UseLink { link, at } => links::use_up(conn, *link, *at)?,
            Change::EndLinks { user, undo } => links::end(conn, *user, *undo)?,
            Change::Post(letter) => outbox::add(conn, letter, letter.user.or(self.added))?,
            Change::ClaimLetter { letter, due_at, until } => outbox::claim(conn, *letter, *due_at, *until)?,
            Change::ReleaseLetters { until, at } => outbox::release(conn, *until, *at)?,
            Change::PostponeLetter { letter, due_at } => outbox::postpone(conn, *letter, *due_at)?,
            Change::DropLetter { letter } => outbox::remove(conn, *letter)?,
            Change::ForgetSessions { before, now } => {
                self.removed += trail::forget_sessions(conn, *before, *now)?;
            }
            Change::PruneTrail { before, at } => self.removed += trail::prune(conn, log, *before, *at)?,
            Change::Factor(change) => factors::write(conn, change)?,
            Change::Note(event) => log.add(conn, event, event.user.or(self.added))?,
            Change::EndSession { session, reason, at } => {
                self.sessions_ended += sessions::end(conn, *session, *reason, *at)?;
            }
            Change::EndSessions { user, except, reason, at } => {
                self.sessions_ended += sessions::end_all(conn, *user, *except, *reason, *at)?;
            }
            Change::CapSessions { user, keep, at } => {
                self.sessions_ended += sessions::cap(conn, *user, self.opened, *keep, *at)?;
            }
        }
        Ok(())
    }
}
