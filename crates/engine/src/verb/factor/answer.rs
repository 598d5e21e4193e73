//! Answer with the second factor, after the password.

use super::TRIES;
use crate::error::{Error, Fault};
use crate::verb::Turn;
use domain::change::{Change, FactorChange};
use domain::factor::half_way::HalfWayKind;
use domain::outcome::Outcome;
use domain::rule::factor::opening;
use domain::secret::Secret;

impl Turn<'_> {
    /// Opens a new session (SEC-68). The half-way token is used up with it; a wrong answer leaves it.
    pub(in crate::verb) async fn answer_factor(
        &self,
        half_way: &Secret,
        otp: &Secret,
    ) -> Result<Outcome, Error> {
        let mut counted = false;
        for _ in 0..TRIES {
            let (held, mut account) = self.hold_half_way(half_way, HalfWayKind::Answer).await?;
            let proof = match self.prove_factor(&mut counted, &account, otp).await? {
                Ok(proof) => proof,
                Err(refusal) => return self.refuse_factor(&account, refusal).await,
            };
            let (mut session, place) = self.new_session()?;
            session.with_factor = true;
            let used = FactorChange::UseHalfWay { digest: held.digest, at: self.scene.now };
            let mut changes = vec![Change::Factor(used)];
            changes.extend(proof.changes(account.user.id));
            changes.extend(opening(&account, session.clone(), &self.scene));
            if self.record(changes).await?.is_err() {
                continue;
            }
            account.user.last_login_at = Some(self.scene.now);
            let tokens = self.first_tokens(&account, &session, place)?;
            return Ok(Outcome::SignedIn { user: account.user, tokens });
        }
        Err(Fault::Contended("answer_factor").into())
    }
}
