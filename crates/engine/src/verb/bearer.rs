//! Whose access token came with the request, and is it good at this moment?

use super::Turn;
use crate::error::{Error, Fault};
use domain::caller::Bearer;
use domain::contract::RefreshForm;
use domain::id::SessionId;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::rule::bearer::{self, Reading};
use domain::rule::sign_out::Proof;
use domain::secret::Secret;
use domain::session::Session;
use domain::time::Moment;
use domain::token::{Claims, Kind};
use domain::user::Account;

/// A good access token.
pub(super) struct Access {
    /// Its user.
    pub account: Account,
    /// Its session; none for tokens that name none.
    pub session: Option<Session>,
    /// What it says.
    pub claims: Claims,
    /// When it was made, if it says so.
    pub issued: Option<Moment>,
    /// When it ends.
    pub expires: Moment,
}

impl Access {
    /// The session it may keep alive or end.
    pub fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.id)
    }

    /// The token as a sign-out sees it.
    pub fn proof(&self) -> Proof {
        match &self.session {
            Some(session) => Proof::Session(session.clone()),
            None => Proof::NoSession(Box::new(self.account.clone())),
        }
    }
}

impl Turn<'_> {
    /// The access token of the request. Refused: none, malformed, or not good.
    ///
    /// The first look is the door's own; a verb that looks again gets what holds then.
    pub(super) async fn bearer(&self) -> Result<Access, Error> {
        match self.taken_from_door() {
            Some(access) => Ok(access),
            None => self.read_bearer().await,
        }
    }

    pub(super) async fn read_bearer(&self) -> Result<Access, Error> {
        match &self.caller.bearer {
            Bearer::Absent => Err(Refusal::CredentialsMissing.into()),
            Bearer::Malformed => Err(Refusal::CredentialsMalformed.into()),
            Bearer::Token(token) => self.read_access(token).await,
        }
    }

    /// Reads an access token: signature, claims, then what the store knows, in one look.
    pub(super) async fn read_access(&self, token: &Secret) -> Result<Access, Error> {
        let contract = self.caller.contract;
        let claims = match self.caller.keys.verify(token.expose()) {
            Ok(claims) => claims,
            Err(fault) => return self.old_access(token, bearer::refused(fault)).await,
        };
        let reading = bearer::read(&claims, &contract.access.claims, contract, Some(self.scene.now))?;
        if reading.token_id.is_none() && self.is_refresh(&claims) {
            return Err(Refusal::TokenWrongKind.into());
        }
        let ticket = reading.token_id.as_deref().and_then(|id| self.engine.mint().open(id));
        let (account, session) = match ticket {
            Some(ticket) if ticket.kind != Kind::Access => return Err(Refusal::TokenWrongKind.into()),
            Some(ticket) => {
                let (account, session) = self.read_session(SessionId(ticket.session), &reading).await?;
                (account, Some(session))
            }
            None => {
                let account = self.find(&reading.user).await?.ok_or(Refusal::TokenUserUnknown)?;
                bearer::judge_foreign(&account, &reading, &self.scene)?;
                (account, None)
            }
        };
        let issued = reading.issued.map(Moment::from_seconds);
        Ok(Access { account, session, claims, issued, expires: reading.expires })
    }

    async fn read_session(&self, id: SessionId, reading: &Reading) -> Result<(Account, Session), Error> {
        let Some((session, account)) = self.engine.store().session(id).await? else {
            return Err(self.gone(Some(reading)).await?.into());
        };
        bearer::judge_session(&session, &account, reading, &self.scene)?;
        Ok((account, session))
    }

    /// The refusal for a good token whose session row is gone: with its user, or alone.
    pub(super) async fn gone(&self, reading: Option<&Reading>) -> Result<Refusal, Fault> {
        let Some(reading) = reading else { return Ok(Refusal::TokenInvalid) };
        let user = self.find(&reading.user).await?;
        Ok(if user.is_some() { Refusal::TokenRevoked } else { Refusal::TokenUserUnknown })
    }

    /// Whether claims are those of a refresh token, where the plans alone do not tell the kinds apart.
    fn is_refresh(&self, claims: &Claims) -> bool {
        let contract = self.caller.contract;
        let Some(RefreshForm::Jwt { claims: plan }) = contract.refresh.as_ref().map(|plan| &plan.form) else {
            return false;
        };
        bearer::read(claims, plan, contract, None)
            .ok()
            .and_then(|reading| self.engine.mint().open(&reading.token_id?))
            .is_some_and(|ticket| ticket.kind == Kind::Refresh)
    }

    /// Shows the user of the token. Writes nothing but that the session was seen.
    pub(super) async fn who_am_i(&self) -> Result<Outcome, Error> {
        let access = self.bearer().await?;
        self.note_seen(&access).await;
        Ok(Outcome::Profile { user: access.account.user })
    }

    /// Says what an access token says. Writes nothing but that the session was seen.
    pub(super) async fn verify_token(&self, token: Option<&Secret>) -> Result<Outcome, Error> {
        let access = match token {
            Some(token) => self.read_access(token).await?,
            None => self.bearer().await?,
        };
        self.note_seen(&access).await;
        Ok(Outcome::TokenVerified {
            user: access.account.user,
            claims: access.claims.map().clone(),
            expires_at: access.expires,
        })
    }
}
