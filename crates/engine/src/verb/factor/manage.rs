//! Show the second factor, renew its recovery codes, switch it off.

use super::TRIES;
use crate::error::{Error, Fault};
use crate::verb::{Claimed, Turn};
use domain::change::Change;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::rule::factor::{Proof, removing, renewing};
use domain::secret::Secret;
use domain::user::Account;

impl Turn<'_> {
    /// Says whether a factor is in force. Never a secret (SEC-86).
    pub(in crate::verb) async fn show_factor(&self) -> Result<Outcome, Error> {
        let account = self.bearer().await?.account;
        let factors = self.engine.store().factors(account.user.id).await?;
        Ok(Outcome::FactorShown(
            factors.map(|(_, factors)| factors.state(self.scene.now)).unwrap_or_default(),
        ))
    }

    /// Makes ten new recovery codes after password and factor; the old ones are void.
    pub(in crate::verb) async fn make_recovery_codes(
        &self,
        password: &Secret,
        otp: &Secret,
    ) -> Result<Outcome, Error> {
        let (codes, digests) = self.new_recovery_codes()?;
        self.after_both(password, otp, |account, proof| renewing(account, proof, &digests, &self.scene))
            .await?;
        Ok(Outcome::RecoveryCodes(codes))
    }

    /// Switches the factor off after password and factor.
    pub(in crate::verb) async fn remove_factor(
        &self,
        password: &Secret,
        otp: &Secret,
    ) -> Result<Outcome, Error> {
        let remove = |account: &Account, proof: Proof| removing(account, proof.from, proof.told, &self.scene);
        self.after_both(password, otp, remove).await?;
        Ok(Outcome::FactorRemoved)
    }

    /// Records changes once the password and the second factor were right. Refused: no factor is in force.
    async fn after_both(
        &self,
        password: &Secret,
        otp: &Secret,
        changes: impl Fn(&Account, Proof) -> Vec<Change>,
    ) -> Result<(), Error> {
        let mut checked = None;
        let mut counted = false;
        for _ in 0..TRIES {
            let account = self.bearer().await?.account;
            let verified = self.check(&mut checked, Claimed::Account(&account), password).await?;
            if !verified.matches {
                tokio::time::sleep(verified.remaining_to_floor).await;
                return self.refuse_factor(&account, Refusal::InvalidCredentials).await.map(drop);
            }
            let proof = match self.prove_factor(&mut counted, &account, otp).await? {
                Ok(proof) => proof,
                Err(refusal) => return self.refuse_factor(&account, refusal).await.map(drop),
            };
            if self.record(changes(&account, proof)).await?.is_ok() {
                return Ok(());
            }
        }
        Err(Fault::Contended("a change of the second factor").into())
    }
}
