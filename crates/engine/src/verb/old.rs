//! What is a token worth that the application signed with a key of its own, before the move?

use super::Turn;
use super::bearer::Access;
use super::refresh::Held;
use crate::error::Error;
use crate::mint::Place;
use domain::contract::RefreshPlan;
use domain::refusal::Refusal;
use domain::rule::bearer::{self, Reading};
use domain::rule::old;
use domain::secret::Secret;
use domain::time::Moment;
use domain::token::{Claims, Digest, TokenUse};

impl Turn<'_> {
    /// What such a token says. None: no key of the application signed it for this use.
    pub(super) fn read_old(
        &self,
        token: &Secret,
        usage: TokenUse,
        times_count: bool,
    ) -> Option<Result<(Claims, Reading), Refusal>> {
        let plan = self.caller.contract.old.as_deref()?;
        let claims = self.caller.keys.old()?.verify(token.expose(), usage).ok()?;
        let reading = old::read(&claims, plan, usage, &self.scene, times_count);
        Some(reading.map(|reading| (claims, reading)))
    }

    /// Such an access token, held against what is stored. It has no session. `otherwise`: the refusal where none of the
    /// application's keys signed it.
    pub(super) async fn old_access(&self, token: &Secret, otherwise: Refusal) -> Result<Access, Error> {
        let (claims, reading) = self.read_old(token, TokenUse::Access, true).ok_or(otherwise)??;
        let account = self.find(&reading.user).await?.ok_or(Refusal::TokenUserUnknown)?;
        bearer::judge_foreign(&account, &reading, &self.scene)?;
        let issued = reading.issued.map(Moment::from_seconds);
        Ok(Access { account, session: None, claims, issued, expires: reading.expires })
    }

    /// Such a refresh token. It stands for the first token of a family of ours, whose number follows from what was signed.
    ///
    /// The signature does not count: some algorithms have several for one text, and each would open a family.
    pub(super) fn old_refresh(
        &self,
        plan: &RefreshPlan,
        token: &Secret,
        times_count: bool,
    ) -> Option<Result<Held, Refusal>> {
        let (_, reading) = match self.read_old(token, TokenUse::Refresh, times_count)? {
            Ok(read) => read,
            Err(refusal) => return Some(Err(refusal)),
        };
        let (signed, _) = token.expose().rsplit_once('.')?;
        let place = Place { session: Held::session_of(&Digest::of(signed), &reading), counter: 0, nonce: 0 };
        let digest = self.engine.mint().digest(&plan.form, place);
        Some(Ok(Held { place, digest, reading: Some(reading), foreign: true, is_old: true }))
    }

    /// Whether a verb would take the token for one of the application's.
    pub(super) fn is_old(&self, token: &Secret) -> bool {
        let read = |usage| self.read_old(token, usage, false).is_some_and(|read| read.is_ok());
        read(TokenUse::Access) || read(TokenUse::Refresh)
    }
}
