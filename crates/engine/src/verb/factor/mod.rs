//! Is the second factor right, and what does somebody hold who has not shown it yet?

mod answer;
mod enrol;
mod manage;

use super::Turn;
use crate::error::{Error, Fault};
use domain::event::EventKind;
use domain::factor::half_way::{HalfWay, HalfWayKind, token};
use domain::factor::recovery::{CODES, write};
use domain::factor::{Answer, Factor, Factors, NotCounted, TOTP_PURPOSE};
use domain::id::UserId;
use domain::outcome::{Minted, Outcome};
use domain::refusal::Refusal;
use domain::rule::factor::{Proof, half_way, judge_half_way, told};
use domain::secret::{Secret, SecretBytes};
use domain::token::Digest;
use domain::user::Account;

/// How often a verb that uses a factor looks and judges. Every conflict is another answer that was counted, and ten of
/// them fill the hour.
pub(super) const TRIES: usize = 32;
/// No half-way token is longer.
const MAX_HALF_WAY: usize = 128;

impl Turn<'_> {
    /// Judges an answer to the second factor in force. It is counted as wrong before anybody looks at it, once however
    /// often it is judged (SEC-82).
    pub(super) async fn prove_factor(
        &self,
        counted: &mut bool,
        account: &Account,
        typed: &Secret,
    ) -> Result<Result<Proof, Refusal>, Error> {
        let Some(answer) = Answer::parse(typed.expose()) else { return Ok(Err(Refusal::FactorWrong)) };
        let user = account.user.id;
        if let Err(refusal) = self.count_guess(counted, user, &answer).await? {
            return Ok(Err(refusal));
        }
        let Some((from, factors)) = self.engine.store().factors(user).await? else {
            return Ok(Err(Refusal::FactorWrong));
        };
        let Some(factor) = factors.active() else { return Ok(Err(Refusal::FactorWrong)) };
        let seed = self.unsealed(user, factor)?;
        match factors.answered(&answer, seed.expose(), self.scene.now) {
            Some((to, used)) => Ok(Ok(Proof { from, to, told: told(used, &account.user, &self.scene) })),
            None => {
                self.note_locked(user, &factors).await?;
                Ok(Err(Refusal::FactorWrong))
            }
        }
    }

    /// As [`Turn::prove_factor`], where the code may be missing.
    pub(super) async fn prove_given(
        &self,
        counted: &mut bool,
        account: &Account,
        typed: Option<&Secret>,
    ) -> Result<Result<Proof, Refusal>, Error> {
        match typed {
            Some(typed) => self.prove_factor(counted, account, typed).await,
            None => Ok(Err(Refusal::FactorRequired)),
        }
    }

    /// Notes that an answer was refused, and refuses.
    pub(super) async fn refuse_factor(&self, account: &Account, refusal: Refusal) -> Result<Outcome, Error> {
        let note = self.scene.note_refused(EventKind::FactorRefused, Some(account.user.id), &refusal);
        // A lone note relies on nothing.
        self.record(vec![note]).await?.ok();
        Err(refusal.into())
    }

    async fn count_guess(
        &self,
        counted: &mut bool,
        user: UserId,
        answer: &Answer,
    ) -> Result<Result<(), Refusal>, Error> {
        for _ in 0..TRIES {
            if *counted {
                return Ok(Ok(()));
            }
            let Some((from, factors)) = self.engine.store().factors(user).await? else {
                return Ok(Err(Refusal::FactorWrong));
            };
            let to = match factors.counted(answer, self.scene.now) {
                Ok(to) => to,
                Err(NotCounted::Wait(throttle)) => return Ok(Err(Refusal::Throttled(throttle))),
                Err(NotCounted::Locked) => return Ok(Err(Refusal::FactorLocked)),
            };
            let proof = Proof { from, to, told: Vec::new() };
            *counted = self.record(proof.changes(user)).await?.is_ok();
        }
        if *counted { Ok(Ok(())) } else { Err(Fault::Contended("a guess").into()) }
    }

    async fn note_locked(&self, user: UserId, factors: &Factors) -> Result<(), Fault> {
        if factors.has_just_locked() {
            let note = self.scene.note(EventKind::FactorLocked, Some(user), None);
            self.record(vec![note]).await?.ok();
        }
        Ok(())
    }

    fn unsealed(&self, user: UserId, factor: &Factor) -> Result<SecretBytes, Fault> {
        let seed = self.engine.master().open(TOTP_PURPOSE, user, factor.sealed());
        seed.ok_or_else(|| Fault::Corrupt(format!("factors.state of user {user}: a seed does not open")))
    }

    /// A half-way token, as the client gets it and as it is stored.
    pub(super) fn half_way(&self, kind: HalfWayKind, account: &Account) -> Result<(Minted, HalfWay), Fault> {
        let token = token(kind, &self.engine.chance().bytes()?);
        let stored = half_way(kind, Digest::of(token.expose()), account, &self.scene);
        Ok((Minted { token, issued_at: self.scene.now, expires_at: stored.expires_at }, stored))
    }

    /// Whose half-way token it is. Refused: one that is not there, over, for another step or contract (SEC-83).
    async fn hold_half_way(&self, token: &Secret, kind: HalfWayKind) -> Result<(HalfWay, Account), Error> {
        if token.expose().len() > MAX_HALF_WAY {
            return Err(Refusal::TokenInvalid.into());
        }
        let stored =
            self.engine.store().half_way(Digest::of(token.expose())).await?.ok_or(Refusal::TokenInvalid)?;
        let account = self.engine.store().account_by_id(stored.user).await?.ok_or(Refusal::TokenInvalid)?;
        judge_half_way(&stored, kind, &account, &self.scene)?;
        Ok((stored, account))
    }

    fn new_recovery_codes(&self) -> Result<(Vec<Secret>, Vec<Digest>), Fault> {
        let codes: Result<Vec<_>, Fault> =
            (0..CODES).map(|_| Ok(write(&self.engine.chance().bytes()?))).collect();
        Ok(codes?.into_iter().unzip())
    }
}
