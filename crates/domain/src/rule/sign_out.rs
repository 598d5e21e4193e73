//! Which session ends when somebody signs out?

use super::Scene;
use crate::change::Change;
use crate::event::EventKind;
use crate::id::{SessionId, UserId};
use crate::session::{EndReason, Session};
use crate::time::Moment;
use crate::user::Account;

/// A good token, as far as a sign-out cares.
#[derive(Clone, Debug)]
pub enum Proof {
    /// One of ours, with its session.
    Session(Session),
    /// One that names no session: the application's own, or of a contract whose tokens have no id.
    NoSession(Box<Account>),
}

impl Proof {
    fn user(&self) -> UserId {
        match self {
            Proof::Session(session) => session.user,
            Proof::NoSession(account) => account.user.id,
        }
    }
}

/// The refresh token's session ends, or else the bearer's; never another user's than the bearer's (SEC-67).
///
/// A session that has ended stays as it is. Tokens without a session are cut at this moment.
pub fn judge(bearer: Option<&Proof>, refresh: Option<&Proof>, scene: &Scene<'_>) -> Vec<Change> {
    let mine = refresh.filter(|refresh| bearer.is_none_or(|bearer| bearer.user() == refresh.user()));
    match mine.or(bearer) {
        None => Vec::new(),
        Some(Proof::Session(session)) if session.ended.is_some() => Vec::new(),
        Some(Proof::Session(session)) => vec![
            Change::EndSession { session: session.id, reason: EndReason::SignOut, at: scene.now },
            scene.note(EventKind::SignedOut, Some(session.user), Some(session.id)),
        ],
        Some(Proof::NoSession(account)) => vec![
            Change::CutTokens { user: account.user.id, at: account.cut_line(scene.now) },
            scene.note(EventKind::SignedOut, Some(account.user.id), None),
        ],
    }
}

/// All sessions end, and all tokens without one are cut.
pub fn judge_everywhere(account: &Account, scene: &Scene<'_>) -> Vec<Change> {
    let user = account.user.id;
    vec![
        Change::EndSessions { user, except: None, reason: EndReason::SignOutEverywhere, at: scene.now },
        Change::CutTokens { user, at: account.cut_line(scene.now) },
        scene.note(EventKind::SignedOutEverywhere, Some(user), None),
    ]
}

/// All sessions end but the one that asks, and all tokens without a session that were made before the one that asks.
pub fn judge_others(
    account: &Account,
    session: Option<SessionId>,
    issued: Option<Moment>,
    scene: &Scene<'_>,
) -> Vec<Change> {
    let user = account.user.id;
    let line = match (session, issued) {
        (None, Some(issued)) => issued,
        (Some(_), _) | (None, None) => account.cut_line(scene.now),
    };
    vec![
        Change::EndSessions { user, except: session, reason: EndReason::SignOutEverywhere, at: scene.now },
        Change::CutTokens { user, at: line },
        scene.note(EventKind::OtherSessionsEnded, Some(user), session),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, account, contract, scene, session};
    use super::*;

    fn proof(id: i64, user: i64) -> Proof {
        Proof::Session(Session { id: SessionId(id), user: UserId(user), ..session() })
    }

    fn ended(bearer: Option<&Proof>, refresh: Option<&Proof>) -> Vec<String> {
        let contract = contract();
        let changes = judge(bearer, refresh, &scene(&contract));
        let name = |change: &Change| {
            if let Change::EndSession { session, .. } = change {
                Some(format!("session {}", session.0))
            } else if let Change::CutTokens { user, .. } = change {
                Some(format!("tokens of {user}"))
            } else {
                None
            }
        };
        changes.iter().filter_map(name).collect()
    }

    #[test]
    fn a_sign_out_ends_one_session_and_never_another_users() {
        let foreign = Proof::NoSession(Box::new(account()));
        let none: [&str; 0] = [];
        assert_eq!(ended(None, None), none);
        assert_eq!(ended(Some(&proof(1, 7)), None), ["session 1"]);
        assert_eq!(ended(None, Some(&proof(2, 7))), ["session 2"]);
        assert_eq!(ended(Some(&proof(1, 7)), Some(&proof(2, 7))), ["session 2"]);
        assert_eq!(ended(Some(&proof(1, 7)), Some(&proof(2, 8))), ["session 1"]);
        assert_eq!(ended(Some(&foreign), None), ["tokens of 7"]);
        assert_eq!(ended(Some(&foreign), Some(&proof(2, 8))), ["tokens of 7"]);
    }

    #[test]
    fn a_second_sign_out_writes_nothing() {
        let contract = contract();
        let over = Proof::Session(Session { ended: Some((NOW, EndReason::SignOut)), ..session() });
        assert!(judge(Some(&over), None, &scene(&contract)).is_empty());
    }

    #[test]
    fn the_session_that_asks_stays_and_so_does_a_token_without_one() {
        let contract = contract();
        let line = |session, issued| {
            let changes = judge_others(&account(), session, issued, &scene(&contract));
            let Change::EndSessions { except, .. } = changes[0] else { panic!("sessions end first") };
            let Change::CutTokens { at, .. } = changes[1] else { panic!("tokens are cut next") };
            assert_eq!(except, session);
            at
        };
        assert!(line(Some(SessionId(1)), Some(NOW)) > NOW);
        assert_eq!(line(None, Some(NOW.plus_seconds(-60))), NOW.plus_seconds(-60));
    }
}
