//! Show one's own sessions, and end them.

use super::Turn;
use super::bearer::Access;
use crate::error::{Error, Fault};
use domain::change::Change;
use domain::outcome::Outcome;
use domain::rule::sessions::judge_end;
use domain::rule::sign_out::judge_others;
use domain::session::{MOST_SHOWN, ShownSession};

impl Turn<'_> {
    /// Shows the live sessions of the user, of every contract.
    pub(super) async fn list_sessions(&self) -> Result<Outcome, Error> {
        let access = self.bearer().await?;
        let (user, current) = (access.account.user.id, access.session_id());
        let listed = self.engine.store().live_sessions(user, self.scene.now, MOST_SHOWN).await?;
        let shown = listed.into_iter().map(|listed| ShownSession {
            public_id: self.engine.mint().public_id(listed.id),
            is_current: current == Some(listed.id),
            listed,
        });
        Ok(Outcome::SessionsListed { sessions: shown.collect() })
    }

    /// Ends one session of the user.
    pub(super) async fn end_session(&self, id: &str) -> Result<Outcome, Error> {
        let access = self.bearer().await?;
        let session = match self.engine.mint().open_public_id(id) {
            Some(session) => self.engine.store().session(session).await?.map(|(session, _)| session),
            None => None,
        };
        let changes = judge_end(access.account.user.id, session.as_ref(), &self.scene)?;
        match self.record(changes).await? {
            Ok(_) => Ok(Outcome::SessionEnded),
            Err(_) => Err(Fault::Contended("end_session").into()),
        }
    }

    /// Ends all sessions of the user but the one that asks.
    pub(super) async fn end_other_sessions(&self) -> Result<Outcome, Error> {
        let access = self.bearer().await?;
        let changes = judge_others(&access.account, access.session_id(), access.issued, &self.scene);
        match self.record(changes).await? {
            Ok(applied) => Ok(Outcome::OtherSessionsEnded { ended: applied.sessions_ended }),
            Err(_) => Err(Fault::Contended("end_other_sessions").into()),
        }
    }

    /// Notes that a session was used, where nothing else would and the last note is some minutes old.
    ///
    /// A courtesy: when it can not be written, the answer is the same.
    pub(super) async fn note_seen(&self, access: &Access) {
        if let Some(session) = &access.session
            && session.is_due(self.caller.contract, self.scene.now)
        {
            let seen = Change::NoteSeen { session: session.id, at: self.scene.now };
            drop(self.record(vec![seen]).await);
        }
    }
}
