//! What is decided, and with which changes? One pure ruling per verb family; no I/O, no clock, no chance.

pub mod bearer;
pub mod factor;
pub mod fresh;
pub mod manage;
pub mod old;
pub mod password;
pub mod profile;
pub mod recovery;
pub mod refresh;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;

#[cfg(test)]
mod sample;

use crate::change::{Change, Whose};
use crate::command::Verb;
use crate::contract::{Contract, Purpose};
use crate::event::{Actor, Event, EventKind};
use crate::house::House;
use crate::id::{SessionId, UserId};
use crate::letter::{Letter, LinkId, NewLetter};
use crate::refusal::Refusal;
use crate::time::Moment;
use crate::user::{Account, Status, User};

/// The circumstances of one command. `now` was read once.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The moment of the command.
    pub now: Moment,
    /// The verb of the command.
    pub verb: Verb,
    /// The rules of the mount.
    pub contract: &'a Contract,
    /// The rules of the house.
    pub house: &'a House,
    /// Client address as text.
    pub address: &'a str,
    /// Languages that the client wants, as in `Accept-Language`.
    pub language: &'a str,
    /// Id of the request.
    pub request: &'a str,
}

impl Scene<'_> {
    /// An event of this command, as a change. By the user whom it is about; by nobody when that is not known.
    pub fn note(&self, kind: EventKind, user: Option<UserId>, session: Option<SessionId>) -> Change {
        self.event(kind, user, session).noted()
    }

    /// An event that says with which code the command was refused. By nobody when the verb needs no token: whoever
    /// was refused has proved nothing.
    pub fn note_refused(&self, kind: EventKind, user: Option<UserId>, refusal: &Refusal) -> Change {
        let actor = if self.verb.permit().needs_access() { Actor::User } else { Actor::Nobody };
        Event { result: refusal.code(), ..self.event(kind, user, None).by(actor) }.noted()
    }

    /// An event of this command, to be given details or another actor before it is noted.
    pub fn event(&self, kind: EventKind, user: Option<UserId>, session: Option<SessionId>) -> Event {
        // A user who is added by the same list is known only to the store.
        let known = user.is_some() || kind == EventKind::SignedUp;
        Event {
            kind,
            at: self.now,
            actor: if known { Actor::User } else { Actor::Nobody },
            user,
            session,
            contract: self.contract.name.clone(),
            verb: self.verb.name(),
            address: self.address.to_owned(),
            result: "",
            request: self.request.to_owned(),
            details: Vec::new(),
        }
    }

    /// Whether nobody may have a session of this user here without a second factor (SEC-84): because there is one,
    /// because the role needs one, or because administrators do (SEC-99).
    pub fn needs_factor(&self, user: &User) -> bool {
        let as_administrator = self.contract.purpose == Purpose::Administration;
        user.second_factor
            || self.house.roles.needs_factor(&user.role)
            || (as_administrator && self.house.admin.require_factor)
    }

    /// A letter of this command to the address that the user has now; none for a user without an address, and none
    /// where no letters are delivered.
    pub fn letter(&self, letter: Letter, user: &User, link: Option<(LinkId, Moment)>) -> Option<Change> {
        let to = user.email.clone().filter(|_| self.house.recovery.mail)?;
        let expires_at = link.map_or(self.now.plus_seconds(NOTICE_SECONDS), |(_, end)| end);
        Some(Change::Post(Box::new(NewLetter {
            letter,
            user: Some(user.id),
            to,
            name: user.first_name.clone(),
            language: self.language.to_owned(),
            link: link.map(|(id, _)| id),
            expires_at,
            at: self.now,
        })))
    }
}

/// How long a notice without a link is worth sending.
const NOTICE_SECONDS: i64 = 3 * 86_400;
/// How far in the future a token without an id may say it was made.
pub const AHEAD_SECONDS: i64 = 5;

/// The first full second from `line` on, or `now` if that is later.
fn stamp(line: Moment, now: Moment) -> Moment {
    let second = Moment::from_seconds(line.seconds());
    let after = if second == line { line } else { second.plus_seconds(1) };
    now.max(after.min(Moment::from_seconds(now.plus_seconds(AHEAD_SECONDS).seconds())))
}

impl Account {
    /// The account as the store must still hold it when the changes are written.
    pub fn as_read(&self) -> Whose {
        Whose::Known { user: self.user.id, epoch: self.epoch }
    }

    /// When a token made at `now` that says only seconds has to say it was made, so that it lies after every cut.
    ///
    /// Cuts of an account that come within one second push it on by a second each, at most [`AHEAD_SECONDS`].
    pub fn stamp(&self, now: Moment) -> Moment {
        stamp(self.valid_after, now)
    }

    /// The line below which every token made up to `now` lies, those of this very millisecond, too.
    pub fn cut_line(&self, now: Moment) -> Moment {
        let newest = now.max(self.stamp(now));
        Moment::from_millis(newest.millis().saturating_add(1)).min(now.plus_seconds(AHEAD_SECONDS))
    }

    /// Whether the account may be used.
    pub fn is_active(&self) -> bool {
        self.user.status == Status::Active
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{NOW, account};
    use super::*;

    #[test]
    fn every_cut_lies_above_the_tokens_before_it_and_below_those_after_it() {
        for millis in [0, 1, 500, 999] {
            let now = Moment::from_millis(NOW.millis() + millis);
            let mut account = account();
            for _ in 0..4 {
                let before = Moment::from_seconds(account.stamp(now).seconds());
                let line = account.cut_line(now);
                assert!(before < line);
                account.valid_after = line;
                let after = Moment::from_seconds(account.stamp(now).seconds());
                assert!(after >= line && after <= now.plus_seconds(AHEAD_SECONDS));
            }
        }
    }
}
