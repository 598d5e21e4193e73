//! Did the user prove just now who it is, as sensitive actions ask?

use super::{AHEAD_SECONDS, Scene};
use crate::change::Change;
use crate::event::EventKind;
use crate::judgement::Judgement;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::time::Moment;
use crate::user::Account;

/// When the holder of an access token last proved who it is; none where the token does not tell.
///
/// A session knows. A token without one tells by its making only where the contract has no refresh tokens: then every
/// token was made by a sign-in.
pub fn proved_at(session: Option<&Session>, issued: Option<Moment>, scene: &Scene<'_>) -> Option<Moment> {
    match session {
        Some(session) => Some(session.authenticated_at),
        None => issued.filter(|_| scene.contract.refresh.is_none()),
    }
}

/// Whether a proof of this moment is fresh (ASVS 7.5.1). Refused: none, one that is too old, one from the future.
pub fn judge(proved_at: Option<Moment>, scene: &Scene<'_>) -> Result<(), Refusal> {
    let fresh_seconds = scene.house.sessions.fresh_seconds;
    let is_fresh = |at: Moment| {
        at <= scene.now.plus_seconds(AHEAD_SECONDS) && scene.now < at.plus_seconds(fresh_seconds)
    };
    if proved_at.is_some_and(is_fresh) { Ok(()) } else { Err(Refusal::ReauthRequired) }
}

/// Makes a session fresh again. `matches` is the verdict on everything that the account's sign-in asks for.
pub fn judge_renewal(
    account: &Account,
    session: &Session,
    matches: bool,
    scene: &Scene<'_>,
) -> Judgement<()> {
    let user = account.user.id;
    if !matches {
        let refusal = Refusal::InvalidCredentials;
        let note = scene.note_refused(EventKind::ReauthenticationRefused, Some(user), &refusal);
        return Judgement::refuse(refusal, vec![note]);
    }
    let changes = vec![
        Change::MarkFresh { session: session.id, epoch: account.epoch, at: scene.now },
        scene.note(EventKind::Reauthenticated, Some(user), Some(session.id)),
    ];
    Judgement::grant((), changes)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, account, contract, scene, session};
    use super::*;

    #[test]
    fn a_proof_is_fresh_for_five_minutes_and_not_from_the_future() {
        let contract = contract();
        let table = [
            (Some(0), true),
            (Some(-299), true),
            (Some(-300), false),
            (Some(-86_400), false),
            (Some(AHEAD_SECONDS), true),
            (Some(AHEAD_SECONDS + 1), false),
            (None, false),
        ];
        for (seconds, expected) in table {
            let at = seconds.map(|seconds| NOW.plus_seconds(seconds));
            assert_eq!(judge(at, &scene(&contract)).is_ok(), expected, "{seconds:?}");
        }
        let never = judge(Some(Moment::from_millis(0)), &scene(&contract));
        assert_eq!(never, Err(Refusal::ReauthRequired));
    }

    #[test]
    fn a_token_without_a_session_proves_a_sign_in_only_where_nothing_is_refreshed() {
        let mut contract = contract();
        assert_eq!(proved_at(None, Some(NOW), &scene(&contract)), None);
        contract.refresh = None;
        assert_eq!(proved_at(None, Some(NOW), &scene(&contract)), Some(NOW));
        assert_eq!(proved_at(None, None, &scene(&contract)), None);
        let session = Session { authenticated_at: NOW.plus_seconds(-7), ..session() };
        assert_eq!(proved_at(Some(&session), Some(NOW), &scene(&contract)), Some(NOW.plus_seconds(-7)));
    }

    #[test]
    fn a_wrong_password_moves_no_mark() {
        let contract = contract();
        let refused = judge_renewal(&account(), &session(), false, &scene(&contract));
        assert_eq!(refused.result, Err(Refusal::InvalidCredentials));
        assert!(matches!(refused.changes.as_slice(), [Change::Note(_)]));
        let granted = judge_renewal(&account(), &session(), true, &scene(&contract));
        assert!(matches!(granted.changes[0], Change::MarkFresh { epoch: 3, at: NOW, .. }));
    }
}
