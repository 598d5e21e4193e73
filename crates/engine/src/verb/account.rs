//! Delete one's own account.

use super::{Claimed, TRIES, Turn};
use crate::error::{Error, Fault};
use domain::change::Conflict;
use domain::command::Target;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::rule::profile::{judge_deletion, judge_target};
use domain::secret::Secret;

impl Turn<'_> {
    pub(super) async fn delete_account(
        &self,
        target: Option<&Target>,
        password: Option<&Secret>,
    ) -> Result<Outcome, Error> {
        let mut checked = None;
        for _ in 0..TRIES {
            let account = self.bearer().await?.account;
            judge_target(target, &account.user)?;
            let verified = match password {
                Some(password) => Some(self.check(&mut checked, Claimed::Account(&account), password).await?),
                None => None,
            };
            let judgement = judge_deletion(&account, verified.map(|verified| verified.matches), &self.scene);
            match self.record(judgement.changes).await? {
                Ok(_) => {}
                Err(Conflict::LastAdministrator) => return Err(Refusal::LastAdministrator.into()),
                Err(_) => continue,
            }
            if let (Err(refusal), Some(verified)) = (&judgement.result, verified) {
                tokio::time::sleep(verified.remaining_to_floor).await;
                return Err(refusal.clone().into());
            }
            return Ok(Outcome::AccountDeleted);
        }
        Err(Fault::Contended("delete_account").into())
    }
}
