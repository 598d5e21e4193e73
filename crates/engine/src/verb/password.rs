//! Set a new password.

use super::{Claimed, TRIES, Turn};
use crate::error::{Error, Fault};
use domain::input::Input;
use domain::outcome::Outcome;
use domain::policy::OwnWords;
use domain::refusal::Refusal;
use domain::rule::password::{judge_change, refuse_change};
use domain::secret::Secret;

impl Turn<'_> {
    pub(super) async fn change_password(&self, current: &Secret, new: &Secret) -> Result<Outcome, Error> {
        let mut checked = None;
        let mut hash = None;
        for _ in 0..TRIES {
            // Read anew each time: the change that came between may have ended this session.
            let access = self.bearer().await?;
            let session = access.session_id();
            let account = access.account;
            let own =
                OwnWords { username: account.user.username.as_deref(), email: account.user.email.as_deref() };
            let fit = self.fit(Input::NewPassword, new, &own, Some(account.user.id)).await;
            let fit = fit.map_err(Refusal::InvalidInput)?;
            let verified = self.check(&mut checked, Claimed::Account(&account), current).await?;
            let judgement = if verified.matches {
                let hash = match &hash {
                    Some(hash) => hash,
                    None => hash.insert(self.hash(fit).await?),
                };
                judge_change(&account, session, hash.clone(), &self.scene)
            } else {
                refuse_change(&account, &self.scene)
            };
            if self.record(judgement.changes).await?.is_err() {
                continue;
            }
            if let Err(refusal) = judgement.result {
                tokio::time::sleep(verified.remaining_to_floor).await;
                return Err(refusal.into());
            }
            return Ok(Outcome::PasswordChanged { user: account.user });
        }
        Err(Fault::Contended("change_password").into())
    }
}
