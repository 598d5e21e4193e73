//! Which session may a user end, and what is written then?

use super::Scene;
use crate::change::Change;
use crate::event::EventKind;
use crate::id::UserId;
use crate::refusal::Refusal;
use crate::session::{EndReason, Session};

/// Ends one session of a user. Refused, all alike: a session that is not there, another user's, one that has ended
/// or whose time is over (SEC-93).
pub fn judge_end(user: UserId, session: Option<&Session>, scene: &Scene<'_>) -> Result<Vec<Change>, Refusal> {
    let is_live = |session: &&Session| {
        session.user == user
            && session.ended.is_none()
            && session.expires_at > scene.now
            && session.refresh_expires_at > scene.now
    };
    let session = session.filter(is_live).ok_or(Refusal::NotYours)?;
    Ok(vec![
        Change::EndSession { session: session.id, reason: EndReason::SignOut, at: scene.now },
        scene.note(EventKind::SessionEnded, Some(user), Some(session.id)),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, contract, scene, session};
    use super::*;

    #[test]
    fn only_a_live_session_of_ones_own_can_be_ended_and_all_else_looks_alike() {
        let contract = contract();
        let table = [
            (Some(session()), true),
            (Some(Session { contract: "other".into(), ..session() }), true),
            (Some(Session { user: UserId(8), ..session() }), false),
            (Some(Session { ended: Some((NOW, EndReason::SignOut)), ..session() }), false),
            (Some(Session { expires_at: NOW, ..session() }), false),
            (Some(Session { refresh_expires_at: NOW, ..session() }), false),
            (None, false),
        ];
        for (session, expected) in table {
            let judged = judge_end(UserId(7), session.as_ref(), &scene(&contract));
            assert_eq!(judged.is_ok(), expected, "{session:?}");
            assert!(expected || judged.is_err_and(|refusal| refusal == Refusal::NotYours));
        }
    }
}
