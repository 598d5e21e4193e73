//! What does a second factor change: who gets in, who is thrown out, who is told?

use super::Scene;
use crate::change::{Change, FactorChange};
use crate::event::{Event, EventKind};
use crate::factor::half_way::{HALF_WAY_SECONDS, HalfWay, HalfWayKind};
use crate::factor::{Factors, Used};
use crate::id::UserId;
use crate::letter::Letter;
use crate::refusal::Refusal;
use crate::session::{EndReason, NewSession};
use crate::token::Digest;
use crate::user::{Account, User};

/// A right answer: the state to be replaced, what replaces it, and who is told.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The version that was read.
    pub from: i64,
    /// The state in which the answer is used up.
    pub to: Factors,
    /// Notes and letters.
    pub told: Vec<Change>,
}

impl Proof {
    /// The changes that use the answer up. Conflict: somebody else has answered meanwhile.
    pub fn changes(self, user: UserId) -> Vec<Change> {
        let put = Change::Factor(FactorChange::Put { user, from: Some(self.from), to: Box::new(self.to) });
        std::iter::once(put).chain(self.told).collect()
    }
}

/// What a right answer tells: nothing for a code, an event and a letter for a recovery code (SEC-87).
pub fn told(used: Used, user: &User, scene: &Scene<'_>) -> Vec<Change> {
    match used {
        Used::Code => Vec::new(),
        Used::Recovery => {
            let note = scene.note(EventKind::RecoveryCodeUsed, Some(user.id), None);
            let letter = scene.letter(Letter::RecoveryCodeUsed, user, None);
            std::iter::once(note).chain(letter).collect()
        }
    }
}

/// A half-way token for this account, to be given in place of a session.
pub fn half_way(kind: HalfWayKind, digest: Digest, account: &Account, scene: &Scene<'_>) -> HalfWay {
    HalfWay {
        digest,
        kind,
        user: account.user.id,
        epoch: account.epoch,
        contract: scene.contract.name.clone(),
        expires_at: scene.now.plus_seconds(HALF_WAY_SECONDS),
    }
}

/// Whether a half-way token opens this step for this account (SEC-83).
///
/// Refused: of another kind or contract, over, or older than the last change of password, status or factor.
pub fn judge_half_way(
    half_way: &HalfWay,
    kind: HalfWayKind,
    account: &Account,
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    if half_way.kind != kind || half_way.contract != scene.contract.name || half_way.epoch != account.epoch {
        return Err(Refusal::TokenInvalid);
    }
    if half_way.expires_at <= scene.now {
        return Err(Refusal::TokenExpired);
    }
    if account.is_active() { Ok(()) } else { Err(Refusal::TokenUserInactive) }
}

/// Opens a session after the second factor: a new one, whatever was there before (SEC-68).
pub fn opening(account: &Account, session: NewSession, scene: &Scene<'_>) -> Vec<Change> {
    let (user, id) = (account.user.id, session.id);
    vec![
        Change::OpenSession { whose: account.as_read(), session: Box::new(session) },
        Change::NoteSignIn { user, at: scene.now },
        Change::CapSessions { user, keep: scene.house.sessions.per_user, at: scene.now },
        scene.note(EventKind::SignedIn, Some(user), Some(id)),
    ]
}

/// Puts a factor in force that has shown its first code: every session that never showed it ends, and a new one is
/// opened for who just did.
pub fn confirming(
    account: &Account,
    from: i64,
    to: Factors,
    session: NewSession,
    scene: &Scene<'_>,
) -> Vec<Change> {
    let (user, at, except) = (account.user.id, scene.now, Some(session.id));
    let mut changes = opening(account, session, scene);
    changes.extend([
        Change::EndSessions { user, except, reason: EndReason::FactorChange, at },
        Change::CutTokens { user, at: account.cut_line(at) },
        Change::Factor(FactorChange::Put { user, from: Some(from), to: Box::new(to) }),
        Change::Factor(FactorChange::Switch { user, epoch: account.epoch, on: true }),
        scene.note(EventKind::FactorAdded, Some(user), except),
    ]);
    changes.extend(scene.letter(Letter::FactorAdded, &account.user, None));
    changes
}

/// Switches the second factor off. What trusted this user because of it ends with the epoch.
pub fn removing(account: &Account, from: i64, told: Vec<Change>, scene: &Scene<'_>) -> Vec<Change> {
    let user = account.user.id;
    let mut changes = vec![
        Change::Factor(FactorChange::Drop { user, from }),
        Change::Factor(FactorChange::Switch { user, epoch: account.epoch, on: false }),
        scene.note(EventKind::FactorRemoved, Some(user), None),
    ];
    changes.extend(told);
    changes.extend(scene.letter(Letter::FactorRemoved, &account.user, None));
    changes
}

/// Switches the second factor of somebody else off, whether it is in force or waits for its first code.
pub fn switched_off(
    account: &Account,
    (from, factors): (i64, &Factors),
    note: Event,
    letter: Option<Change>,
) -> Vec<Change> {
    let user = account.user.id;
    let mut changes = vec![Change::Factor(FactorChange::Drop { user, from })];
    if factors.active().is_some() {
        changes.push(Change::Factor(FactorChange::Switch { user, epoch: account.epoch, on: false }));
    }
    changes.push(note.about(Some(user)).noted());
    changes.extend(letter);
    changes
}

/// Puts new recovery codes in the place of the old ones.
pub fn renewing(account: &Account, proof: Proof, codes: &[Digest], scene: &Scene<'_>) -> Vec<Change> {
    let user = account.user.id;
    let to = proof.to.with_recovery(codes);
    let mut changes = Proof { to, ..proof }.changes(user);
    changes.push(scene.note(EventKind::RecoveryCodesMade, Some(user), None));
    changes.extend(scene.letter(Letter::RecoveryCodesMade, &account.user, None));
    changes
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, account, contract, scene};
    use super::*;
    use crate::user::Status;

    // SEC-83
    #[test]
    fn a_half_way_token_opens_one_step_of_one_contract_for_five_minutes() {
        let contract = contract();
        let scene = scene(&contract);
        let account = account();
        let given = half_way(HalfWayKind::Answer, Digest::of("csh_x"), &account, &scene);
        let judged =
            |half_way: &HalfWay, kind, account: &Account| judge_half_way(half_way, kind, account, &scene);
        assert_eq!(judged(&given, HalfWayKind::Answer, &account), Ok(()));
        assert_eq!(judged(&given, HalfWayKind::Enrol, &account), Err(Refusal::TokenInvalid));
        let other = HalfWay { contract: "other".into(), ..given.clone() };
        assert_eq!(judged(&other, HalfWayKind::Answer, &account), Err(Refusal::TokenInvalid));
        let late = HalfWay { expires_at: NOW, ..given.clone() };
        assert_eq!(judged(&late, HalfWayKind::Answer, &account), Err(Refusal::TokenExpired));
        let mut changed = account.clone();
        changed.epoch += 1;
        assert_eq!(judged(&given, HalfWayKind::Answer, &changed), Err(Refusal::TokenInvalid));
        let mut closed = account;
        closed.user.status = Status::Suspended;
        assert_eq!(judged(&given, HalfWayKind::Answer, &closed), Err(Refusal::TokenUserInactive));
        assert_eq!(given.expires_at, NOW.plus_seconds(300));
    }
}
