//! Prove again who you are, in the same session; and what only a fresh proof allows.

use super::bearer::Access;
use super::{Claimed, Turn, factor};
use crate::error::{Error, Fault};
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::rule::fresh::{judge, judge_renewal, proved_at};
use domain::secret::Secret;

impl Turn<'_> {
    /// Asks for a fresh proof of identity. Refused with `reauth_required`: the last one is too long ago.
    pub(super) fn fresh(&self, access: &Access) -> Result<(), Error> {
        Ok(judge(proved_at(access.session.as_ref(), access.issued, &self.scene), &self.scene)?)
    }

    /// Moves the mark of this session. A token that names no session has no mark: its user signs in again.
    pub(super) async fn reauthenticate(
        &self,
        password: &Secret,
        otp: Option<&Secret>,
    ) -> Result<Outcome, Error> {
        let mut checked = None;
        let mut counted = false;
        for _ in 0..factor::TRIES {
            let Access { account, session, .. } = self.bearer().await?;
            let Some(session) = session else { return Err(Refusal::ReauthRequired.into()) };
            let verified = self.check(&mut checked, Claimed::Account(&account), password).await?;
            let used = if verified.matches && account.user.second_factor {
                match self.prove_given(&mut counted, &account, otp).await? {
                    Ok(proof) => proof.changes(account.user.id),
                    Err(refusal) => return self.refuse_factor(&account, refusal).await,
                }
            } else {
                Vec::new()
            };
            let mut judgement = judge_renewal(&account, &session, verified.matches, &self.scene);
            judgement.changes.extend(used);
            if self.record(judgement.changes).await?.is_err() {
                continue;
            }
            if let Err(refusal) = judgement.result {
                tokio::time::sleep(verified.remaining_to_floor).await;
                return Err(refusal.into());
            }
            return Ok(Outcome::Reauthenticated);
        }
        Err(Fault::Contended("reauthenticate").into())
    }
}
