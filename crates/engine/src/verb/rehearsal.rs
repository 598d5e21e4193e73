//! What would a command be answered, if it were carried out?
//!
//! A rehearsal looks and judges as ever. It records nothing and counts nothing, and whoever waits for an answer goes
//! first at the hashing threads.

use super::Turn;
use crate::error::{Error, Fault};
use crate::hasher::{Rank, Verified};
use domain::change::{Applied, Change};
use domain::command::SignUp;
use domain::id::UserId;
use domain::outcome::Outcome;
use domain::session::MOST_SHOWN;
use std::convert::Infallible;
use std::time::Duration;
use uuid::Uuid;

/// What somebody else has decided about a new account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Newcomer {
    /// Its integer id; absent = the next one.
    pub id: Option<UserId>,
    /// Its opaque id; absent = drawn.
    pub uuid: Option<Uuid>,
}

/// Why a sign-up that two applications decide about came to nothing.
#[derive(Debug)]
pub enum NotSignedUp<A> {
    /// This one did not take it; the other one was not asked, or has taken it.
    Ours(Error),
    /// The other one did not take it; nothing was recorded here.
    Theirs(A),
}

impl<A> From<Error> for NotSignedUp<A> {
    fn from(error: Error) -> NotSignedUp<A> {
        NotSignedUp::Ours(error)
    }
}

impl<A> From<Fault> for NotSignedUp<A> {
    fn from(fault: Fault) -> NotSignedUp<A> {
        NotSignedUp::Ours(fault.into())
    }
}

impl Turn<'_> {
    /// Whether nothing may come of it.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// When the hashing threads get to it: last, where nobody waits for the answer.
    pub(super) fn rank(&self, rank: Rank) -> Rank {
        if self.rehearsal { Rank::Idle } else { rank }
    }

    /// Nobody can measure how long a rehearsal takes.
    pub(super) fn unhurried(&self, verified: Verified) -> Verified {
        let remaining_to_floor = if self.rehearsal { Duration::ZERO } else { verified.remaining_to_floor };
        Verified { remaining_to_floor, ..verified }
    }

    /// What the store would say of a list that it applies.
    pub(super) async fn pretend(&self, changes: &[Change]) -> Result<Applied, Fault> {
        let mut applied = Applied::default();
        for change in changes {
            if let Change::AddUser(user) = change {
                applied.user = Some(user.id.unwrap_or(UserId(0)));
            }
            if let Change::EndSessions { user, except, .. } = change {
                let live = self.engine.store().live_sessions(*user, self.scene.now, MOST_SHOWN).await?;
                applied.sessions_ended +=
                    live.iter().filter(|session| Some(session.id) != *except).count() as u64;
            }
        }
        Ok(applied)
    }

    /// A sign-up that nobody else decides about.
    pub(super) async fn sign_up(&self, request: &SignUp) -> Result<Outcome, Error> {
        let decided = self.newcomer;
        let signed_up = self.sign_up_through(request, async || Ok::<_, Infallible>(decided)).await;
        signed_up.map_err(|stopped| match stopped {
            NotSignedUp::Ours(error) => error,
            NotSignedUp::Theirs(never) => match never {},
        })
    }
}
