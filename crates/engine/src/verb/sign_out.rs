//! End this session, or all of them.

use super::bearer::Access;
use super::{TRIES, Turn};
use crate::error::{Error, Fault};
use domain::caller::Bearer;
use domain::outcome::Outcome;
use domain::rule::sign_out::{Proof, judge, judge_everywhere};
use domain::secret::Secret;

impl Turn<'_> {
    pub(super) async fn sign_out(
        &self,
        refresh: Option<&Secret>,
        access: Option<&Secret>,
        needs_access: bool,
    ) -> Result<Outcome, Error> {
        let bearer = match (needs_access, self.given_access(access).await) {
            (true, given) => Some(given?),
            (false, Ok(given)) => Some(given),
            (false, Err(Error::Refused(_))) => None,
            (false, Err(fault)) => return Err(fault),
        };
        let bearer = bearer.as_ref().map(Access::proof);
        for _ in 0..TRIES {
            let refresh = match refresh {
                Some(token) => self.prove(token).await?,
                None => None,
            };
            let changes = judge(bearer.as_ref(), refresh.as_ref(), &self.scene);
            if self.record(changes).await?.is_ok() {
                return Ok(Outcome::SignedOut);
            }
        }
        Err(Fault::Contended("sign_out").into())
    }

    pub(super) async fn sign_out_everywhere(&self) -> Result<Outcome, Error> {
        let account = self.bearer().await?.account;
        match self.record(judge_everywhere(&account, &self.scene)).await? {
            Ok(applied) => Ok(Outcome::SignedOutEverywhere { ended: applied.sessions_ended }),
            Err(_) => Err(Fault::Contended("sign_out_everywhere").into()),
        }
    }

    /// The token in the header, or else the one given as a field.
    async fn given_access(&self, field: Option<&Secret>) -> Result<Access, Error> {
        match (&self.caller.bearer, field) {
            (Bearer::Absent, Some(token)) => self.read_access(token).await,
            (Bearer::Absent | Bearer::Malformed | Bearer::Token(_), _) => self.bearer().await,
        }
    }

    /// What a refresh token proves, even one that has expired or was exchanged. Nothing = not one of this contract.
    async fn prove(&self, token: &Secret) -> Result<Option<Proof>, Fault> {
        let Some(plan) = &self.caller.contract.refresh else { return Ok(None) };
        let Ok(held) = self.hold(plan, token, None) else { return Ok(None) };
        if let Some((session, _)) = self.stored_family(&held).await? {
            let ours =
                session.contract == self.caller.contract.name && self.is_of_family(plan, &held, &session);
            return Ok(ours.then_some(Proof::Session(session)));
        }
        Ok(self.foreign_user(&held).await?.map(|account| Proof::NoSession(Box::new(account))))
    }
}
