//! Which sessions has a user, and how does an administrator end one?

use super::super::Turn;
use super::Administrator;
use crate::error::Error;
use domain::change::Change;
use domain::event::EventKind;
use domain::id::{SessionId, Uuid};
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::session::{EndReason, ShownSession};

impl Turn<'_> {
    pub(super) async fn list_sessions_of(&self, user: Uuid) -> Result<Outcome, Error> {
        let account = self.managed(user).await?;
        let most = self.scene.house.sessions.per_user;
        let live = self.engine.store().live_sessions(account.user.id, self.scene.now, most).await?;
        let shown = live.into_iter().map(|listed| ShownSession {
            public_id: self.engine.mint().public_id(listed.id),
            is_current: false,
            listed,
        });
        Ok(Outcome::SessionsListed { sessions: shown.collect() })
    }

    /// Ends one session. A session of another user is not there (SEC-93).
    pub(super) async fn end_session_of(
        &self,
        admin: &Administrator,
        user: Uuid,
        session: &str,
    ) -> Result<Outcome, Error> {
        let account = self.touchable(admin, user).await?;
        let id: SessionId = self.engine.mint().open_public_id(session).ok_or(Refusal::NotYours)?;
        let found = self.engine.store().session(id).await?;
        let (session, _) =
            found.filter(|(session, _)| session.user == account.user.id).ok_or(Refusal::NotYours)?;
        if session.ended.is_some() {
            return Err(Refusal::NotYours.into());
        }
        let note = self.note_by(admin, EventKind::SessionsEnded).about(Some(account.user.id));
        let end = Change::EndSession { session: id, reason: EndReason::Operator, at: self.scene.now };
        self.write(vec![end, note.noted()]).await?;
        Ok(Outcome::Done { ended: 1 })
    }
}
