//! Which statements make a list of changes true?
//!
//! Only words: each database runs them in its own way, all or none.

use super::events::Trail;
use super::step::{Step, Unfit};
use super::trail::Boundary;
use super::{
    admin, avatars, factors, failures, keys, links, outbox, phases, schemes, sessions, trail, users,
};
use domain::change::{Applied, Change, Conflict, FactorChange, Whose};
use domain::event::Event;
use domain::id::{SessionId, UserId};
use domain::link::Offer;
use domain::phase::MigrationChange;
use domain::time::Moment;
use std::collections::VecDeque;

/// What must be read, in the same transaction, before the statements of a change are known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question<'a> {
    /// How many letters went to each address lately; asked with [`links::COUNT`].
    Counts(&'a Offer),
    /// Up to which row each strand of the trail is old enough; asked with [`trail::BOUNDARY`].
    Boundary { before: Moment, at: Moment },
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub(super) enum Answer {
    /// There was no question.
    #[default]
    Nothing,
    /// Whether the letters may be sent.
    Within(bool),
    /// The last rows that go, with the notes about them.
    Bounds(Vec<Boundary>, Vec<Event>),
}

impl<'a> Question<'a> {
    /// What a change has to ask.
    pub fn of(change: &'a Change) -> Option<Question<'a>> {
        if let Change::Offer(offer) = change {
            return Some(Question::Counts(offer));
        }
        let Change::PruneTrail { before, at } = change else { return None };
        Some(Question::Boundary { before: *before, at: *at })
    }
}

impl Answer {
    /// The answer to [`Question::Counts`]: what was counted for each letter in order.
    pub fn counts(offer: &Offer, counts: Vec<(i64, i64)>) -> Answer {
        Answer::Within(links::is_within(offer, counts.into_iter()))
    }

    /// The answer to [`Question::Boundary`].
    pub fn bounds(bounds: Vec<Boundary>, at: Moment) -> Answer {
        let notes = bounds.iter().map(|bound| bound.note(at)).collect();
        Answer::Bounds(bounds, notes)
    }
}

/// Whether a list writes events.
pub(super) fn tells(changes: &[Change]) -> bool {
    changes.iter().any(|change| matches!(change, Change::Note(_) | Change::PruneTrail { .. }))
}

/// The moment of the first event of a list.
pub(super) fn moment(changes: &[Change]) -> Moment {
    let at = |change: &Change| {
        if let Change::Note(event) = change {
            return Some(event.at);
        }
        if let Change::PruneTrail { at, .. } = change { Some(*at) } else { None }
    };
    changes.iter().find_map(at).unwrap_or(Moment::from_millis(0))
}

/// Whether a list relies on rows that it does not write: where others write at the same time it must be as if they did
/// not.
pub(super) fn looks_round(changes: &[Change]) -> bool {
    changes.iter().any(|change| matches!(change, Change::Admin(change) if admin::looks_round(change)))
}

/// The user whose row a list writes after another row. Two lists that take the rows of a user in another order would
/// wait for each other.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these write the row of a user")]
pub(super) fn writes_late(changes: &[Change]) -> Option<UserId> {
    let user = |change: &Change| match change {
        Change::NoteSignIn { user, .. }
        | Change::UpgradeHash { user, .. }
        | Change::SetPassword { user, .. }
        | Change::CutTokens { user, .. }
        | Change::EditUser { user, .. }
        | Change::DeleteUser { user, .. }
        | Change::Migration(MigrationChange::FollowPassword { user, .. })
        | Change::Factor(FactorChange::Switch { user, .. })
        | Change::OpenSession { whose: Whose::Known { user, .. }, .. } => Some(*user),
        _ => None,
    };
    let first = changes.iter().position(|change| !matches!(change, Change::Note(_)))?;
    if user(&changes[first]).is_some() { None } else { changes.iter().find_map(user) }
}

/// What earlier changes of the same list gave to later ones.
#[derive(Debug, Default)]
pub(super) struct List {
    /// The user that was added last.
    pub added: Option<UserId>,
    /// The ids of those to be added, where they are taken beforehand.
    numbers: VecDeque<UserId>,
    opened: Option<SessionId>,
    /// What the statements gave so far.
    pub sum: Sum,
}

/// What statements gave.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub ended: u64,
    pub removed: u64,
}

impl List {
    /// A list whose new users get these ids.
    pub fn with_numbers(numbers: VecDeque<UserId>) -> List {
        List { numbers, ..List::default() }
    }

    /// What became of the list.
    pub fn applied(&self) -> Applied {
        Applied { user: self.added, sessions_ended: self.sum.ended, removed: self.sum.removed }
    }

    /// Whose a session is, with the epoch it relies on. A user who was just added has the first one.
    fn owner(&self, whose: Whose) -> Result<(UserId, i64), Unfit> {
        match whose {
            Whose::Known { user, epoch } => Ok((user, epoch)),
            Whose::Added => Ok((self.added.ok_or(NOBODY)?, 0)),
        }
    }

    /// The statements of one change, in order.
    pub fn steps<'a>(
        &mut self,
        change: &'a Change,
        answer: &'a Answer,
        log: &mut Trail<'_>,
    ) -> Result<Vec<Step<'a>>, Unfit> {
        let mut steps = Vec::with_capacity(2);
        self.write(&mut steps, change, answer, log)?;
        Ok(steps)
    }

    #[expect(clippy::too_many_lines, reason = "one table of all changes")]
    fn write<'a>(
        &mut self,
        steps: &mut Vec<Step<'a>>,
        change: &'a Change,
        answer: &'a Answer,
        log: &mut Trail<'_>,
    ) -> Result<(), Unfit> {
        match change {
            Change::Admin(change) => admin::write(steps, change),
            Change::Migration(change) => phases::write(steps, change),
            Change::AddUser(user) => {
                let id = user.id.or_else(|| self.numbers.pop_front());
                steps.push(users::add(user, id)?);
                self.added = id;
                user.password_hash.iter().for_each(|hash| schemes::remember(steps, hash));
            }
            Change::OpenSession { whose, session } => {
                let (user, epoch) = self.owner(*whose)?;
                steps.push(sessions::open(user, epoch, session));
                self.opened = Some(session.id);
            }
            Change::NoteSignIn { user, at } => steps.push(users::note_sign_in(*user, *at)),
            Change::UpgradeHash { user, from, to } => {
                steps.push(users::upgrade_hash(*user, from, to));
                schemes::remember_if_held(steps, *user, to);
            }
            Change::RotateSession { session, from, to, at, refresh_expires_at } => {
                steps.push(sessions::rotate(*session, (from, to), *at, *refresh_expires_at));
            }
            Change::MarkFresh { session, epoch, at } => {
                steps.push(sessions::mark_fresh(*session, *epoch, *at));
            }
            Change::NoteSeen { session, at } => steps.push(sessions::note_seen(*session, *at)),
            Change::SetPassword { user, epoch, hash, at } => {
                steps.push(users::set_password(*user, *epoch, hash.as_ref(), *at));
                hash.iter().for_each(|hash| schemes::remember(steps, hash));
                // Nothing was tried against a password that was just set (SEC-24).
                steps.push(failures::clear(*user));
            }
            Change::CountFailure { account, user, at } => failures::count(steps, account, *user, *at),
            Change::ClearFailures { user } => steps.push(failures::clear(*user)),
            Change::CutTokens { user, at } => steps.push(users::cut_tokens(*user, *at)),
            Change::EditUser { user, epoch, edit, at } => {
                steps.push(users::edit(*user, *epoch, edit, *at)?);
            }
            Change::PutAvatar { name, media_type, bytes, at } => {
                steps.push(avatars::put(name, media_type, bytes, *at));
            }
            Change::DropAvatar { name } => steps.push(avatars::remove(name)),
            Change::DeleteUser { user, epoch } => steps.extend(users::delete(*user, *epoch)),
            Change::Offer(offer) => {
                if matches!(answer, Answer::Within(true)) {
                    links::offer(steps, offer, self.added)?;
                }
            }
            Change::OpenLink(link) => links::open(steps, link, link.user.or(self.added).ok_or(NOBODY)?),
            Change::UseLink { link, at } => steps.push(links::use_up(link, *at)),
            Change::EndLinks { user, undo } => steps.push(links::end(*user, *undo)),
            Change::Post(letter) => steps.push(outbox::add(letter, letter.user.or(self.added))),
            Change::ClaimLetter { letter, due_at, until } => {
                steps.push(outbox::claim(*letter, *due_at, *until));
            }
            Change::ReleaseLetters { until, at } => steps.push(outbox::release(*until, *at)),
            Change::PostponeLetter { letter, due_at } => steps.push(outbox::postpone(*letter, *due_at)),
            Change::DropLetter { letter } => steps.push(outbox::remove(*letter)),
            Change::ForgetSessions { before, now } => {
                steps.push(trail::forget_sessions(*before, *now));
                steps.extend(links::sweep(*now));
            }
            Change::PruneTrail { .. } => {
                if let Answer::Bounds(bounds, notes) = answer {
                    trail::prune(steps, log, (bounds, notes));
                }
            }
            Change::Factor(change) => factors::write(steps, change)?,
            Change::PutKey(key) => steps.push(keys::put(key)),
            Change::Note(event) => steps.push(log.add(event, event.user.or(self.added))),
            Change::EndSession { session, reason, at } => steps.push(sessions::end(*session, *reason, *at)),
            Change::EndSessions { user, except, reason, at } => {
                steps.push(sessions::end_all(*user, *except, *reason, *at));
            }
            Change::CapSessions { user, keep, at } => {
                steps.push(sessions::cap(*user, self.opened, *keep, *at));
            }
        }
        Ok(())
    }
}

const NOBODY: Unfit = Unfit::Conflict(Conflict::Stale);

/// What one statement does is undone by the database when it fails; a savepoint would add nothing.
pub(super) fn is_one_statement(change: &Change) -> bool {
    match change {
        Change::AddUser(_)
        | Change::PruneTrail { .. }
        | Change::ForgetSessions { .. }
        | Change::UpgradeHash { .. }
        | Change::Factor(_)
        | Change::SetPassword { .. }
        | Change::CountFailure { .. }
        | Change::DeleteUser { .. }
        | Change::Offer(_)
        | Change::OpenLink(_)
        | Change::Migration(_)
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
        | Change::Post(_)
        | Change::UseLink { .. }
        | Change::EndLinks { .. }
        | Change::ClaimLetter { .. }
        | Change::ReleaseLetters { .. }
        | Change::PostponeLetter { .. }
        | Change::DropLetter { .. }
        | Change::PutKey(_)
        | Change::Note(_) => true,
    }
}
