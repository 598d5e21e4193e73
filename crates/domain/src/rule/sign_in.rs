//! May this person sign in?

use super::Scene;
use super::factor::opening;
use super::manage::entry;
use crate::change::{Change, FactorChange};
use crate::event::EventKind;
use crate::factor::half_way::HalfWay;
use crate::judgement::Judgement;
use crate::refusal::Refusal;
use crate::session::NewSession;
use crate::user::{Account, Status};

/// What a right password gives.
#[derive(Clone, Debug)]
pub enum Offer {
    /// A session; before it is opened, the second factor is used up.
    Session {
        /// The session.
        session: NewSession,
        /// What uses the second factor up; empty where there is none.
        factor: Vec<Change>,
    },
    /// The right to answer with the second factor, or to enrol one.
    HalfWay(HalfWay),
    /// Nothing: the second factor is missing or wrong.
    Refusal(Refusal),
}

/// Password first, then status, so that nobody learns of a ban without the password (SEC-10); an address that has to
/// be verified first after it (SEC-37), the second factor last.
///
/// `account` absent = nobody is meant. `matches` = the password is that of the account.
pub fn judge(account: Option<&Account>, matches: bool, offer: Offer, scene: &Scene<'_>) -> Judgement<()> {
    let Some(account) = account else { return refuse(Refusal::UnknownUser, None, scene) };
    if let Some(refusal) = standing(account, matches, scene) {
        return refuse(refusal, Some(account), scene);
    }
    match offer {
        Offer::Session { session, mut factor } => {
            factor.extend(opening(account, session, scene));
            Judgement::grant((), factor)
        }
        Offer::HalfWay(half_way) => {
            let note = scene.note(EventKind::FactorAsked, Some(account.user.id), None);
            let add =
                Change::Factor(FactorChange::AddHalfWay { half_way: Box::new(half_way), at: scene.now });
            Judgement::grant((), vec![add, note])
        }
        Offer::Refusal(refusal) => refuse(refusal, Some(account), scene),
    }
}

/// Why even the password alone does not help.
pub fn standing(account: &Account, matches: bool, scene: &Scene<'_>) -> Option<Refusal> {
    if !matches {
        return Some(Refusal::InvalidCredentials);
    }
    match account.user.status {
        Status::Active => entry(&account.user, scene),
        Status::Inactive => Some(Refusal::AccountInactive),
        Status::Suspended => Some(Refusal::AccountSuspended),
    }
}

/// What is noted of a no that was said elsewhere about somebody who is not here.
pub fn refused_elsewhere(refusal: Refusal, scene: &Scene<'_>) -> Vec<Change> {
    refuse(refusal, None, scene).changes
}

fn refuse(refusal: Refusal, account: Option<&Account>, scene: &Scene<'_>) -> Judgement<()> {
    let note = scene.note_refused(EventKind::SignInRefused, account.map(|a| a.user.id), &refusal);
    Judgement::refuse(refusal, vec![note])
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
            with_factor: false,
            authenticated_at: NOW,
            address: String::new(),
            user_agent: String::new(),
        };
        Offer::Session { session, factor: Vec::new() }
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
