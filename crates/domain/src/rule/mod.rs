//! What is decided, and with which changes? One pure ruling per verb family; no I/O, no clock, no chance.

pub mod bearer;
pub mod password;
pub mod profile;
pub mod refresh;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;

#[cfg(test)]
mod sample;

use crate::change::{Change, Whose};
use crate::contract::Contract;
use crate::event::{Event, EventKind};
use crate::id::{SessionId, UserId};
use crate::refusal::Refusal;
use crate::time::Moment;
use crate::user::{Account, Status};

/// The circumstances of one command. `now` was read once.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The moment of the command.
    pub now: Moment,
    /// The rules of the mount.
    pub contract: &'a Contract,
    /// Client address as text.
    pub address: &'a str,
    /// Id of the request.
    pub request: &'a str,
}

impl Scene<'_> {
    /// An event of this command, as a change.
    pub fn note(&self, kind: EventKind, user: Option<UserId>, session: Option<SessionId>) -> Change {
        self.event(kind, user, session, "")
    }

    /// An event that says with which code the command was refused.
    pub fn note_refused(&self, kind: EventKind, user: Option<UserId>, refusal: &Refusal) -> Change {
        self.event(kind, user, None, refusal.code())
    }

    /// The line below which tokens without a session are cut: those made in this very millisecond fall, too.
    pub fn cut(&self) -> Moment {
        Moment::from_millis(self.now.millis().saturating_add(1))
    }

    fn event(&self, kind: EventKind, user: Option<UserId>, session: Option<SessionId>, result: &'static str) -> Change {
        Change::Note(Box::new(Event {
            kind,
            at: self.now,
            user,
            session,
            contract: self.contract.name.clone(),
            address: self.address.to_owned(),
            result,
            request: self.request.to_owned(),
        }))
    }
}

impl Account {
    /// The account as the store must still hold it when the changes are written.
    pub fn as_read(&self) -> Whose {
        Whose::Known { user: self.user.id, epoch: self.epoch }
    }

    /// Whether the account may be used.
    pub fn is_active(&self) -> bool {
        self.user.status == Status::Active
    }
}
