//! May this person sign in?

use super::Scene;
use super::manage::entry;
use crate::change::Change;
use crate::event::EventKind;
use crate::judgement::Judgement;
use crate::refusal::Refusal;
use crate::session::NewSession;
use crate::user::{Account, Status};

/// What a sign-in would open.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The session.
    pub session: NewSession,
}

/// Password first, then status, so that nobody learns of a ban without the password (SEC-10); an address that has to be
/// verified first comes last (SEC-37).
///
/// `account` absent = nobody is meant. `matches` = the password is that of the account.
pub fn judge(account: Option<&Account>, matches: bool, offer: Offer, scene: &Scene<'_>) -> Judgement<()> {
    let refusal = match account {
        None => Some(Refusal::UnknownUser),
        Some(_) if !matches => Some(Refusal::InvalidCredentials),
        Some(account) => match account.user.status {
            Status::Active => entry(&account.user, scene),
            Status::Inactive => Some(Refusal::AccountInactive),
            Status::Suspended => Some(Refusal::AccountSuspended),
        },
    };
    match (refusal, account) {
        (None, Some(account)) => Judgement::grant((), opening(account, offer, scene)),
        (refusal, account) => {
            let refusal = refusal.unwrap_or(Refusal::UnknownUser);
            let note = scene.note_refused(EventKind::SignInRefused, account.map(|a| a.user.id), &refusal);
            Judgement::refuse(refusal, vec![note])
        }
    }
}

fn opening(account: &Account, offer: Offer, scene: &Scene<'_>) -> Vec<Change> {
    let (user, session) = (account.user.id, offer.session.id);
    vec![
        Change::OpenSession { whose: account.as_read(), session: Box::new(offer.session) },
        Change::NoteSignIn { user, at: scene.now },
        Change::CapSessions { user, keep: scene.house.sessions.per_user, at: scene.now },
        scene.note(EventKind::SignedIn, Some(user), Some(session)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, account, contract, scene};
    use super::*;
    use crate::change::Whose;
    use crate::id::{SessionId, UserId};

    fn offer() -> Offer {
        let session = NewSession {
            id: SessionId(1),
            contract: "sample".into(),
            digest: None,
            refresh_expires_at: NOW,
            expires_at: NOW,
            created_at: NOW,
            authenticated_at: NOW,
            address: String::new(),
            user_agent: String::new(),
        };
        Offer { session }
    }

    #[test]
    fn the_password_is_judged_before_the_status() {
        let contract = contract();
        let table = [
            (Status::Active, false, Some(Refusal::InvalidCredentials)),
            (Status::Inactive, false, Some(Refusal::InvalidCredentials)),
            (Status::Suspended, false, Some(Refusal::InvalidCredentials)),
            (Status::Active, true, None),
            (Status::Inactive, true, Some(Refusal::AccountInactive)),
            (Status::Suspended, true, Some(Refusal::AccountSuspended)),
        ];
        for (status, matches, expected) in table {
            let mut account = account();
            account.user.status = status;
            let judgement = judge(Some(&account), matches, offer(), &scene(&contract));
            assert_eq!(judgement.result.err(), expected, "{status:?} {matches}");
            let opens = judgement.changes.iter().any(|change| matches!(change, Change::OpenSession { .. }));
            assert_eq!(opens, expected.is_none());
        }
    }

    #[test]
    fn an_unknown_user_is_noted_without_a_name_even_if_a_password_matched() {
        let contract = contract();
        let judgement = judge(None, true, offer(), &scene(&contract));
        assert_eq!(judgement.result, Err(Refusal::UnknownUser));
        let [Change::Note(event)] = judgement.changes.as_slice() else { panic!("one event") };
        assert_eq!((event.user, event.result), (None, "unknown_user"));
    }

    #[test]
    fn a_sign_in_relies_on_the_epoch_it_has_read() {
        let contract = contract();
        let judgement = judge(Some(&account()), true, offer(), &scene(&contract));
        let Change::OpenSession { whose, .. } = &judgement.changes[0] else { panic!("opens first") };
        assert_eq!(*whose, Whose::Known { user: UserId(7), epoch: 3 });
    }
}
