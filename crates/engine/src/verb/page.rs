//! Could the page that sent cookies along read what we told it?

use super::Turn;
use crate::error::Fault;
use domain::contract::RefreshForm;
use domain::id::SessionId;
use domain::refusal::Refusal;
use domain::rule::bearer;
use domain::secret::Secret;

/// Whose session a token that came in a cookie names.
enum Named {
    /// Not a token of this contract: no verb takes it for one.
    Nothing,
    /// A session of ours.
    Session(SessionId),
    /// Good, but of no session: the application made it. Nothing can be bound to it.
    NoSession,
}

impl Turn<'_> {
    /// Refuses cookies without the CSRF token of their session. All of them: two sessions in one request never fit (SEC-75).
    pub(super) fn prove_page(&self) -> Result<(), Refusal> {
        let Some(page) = &self.caller.page else { return Ok(()) };
        let proof = page.csrf.as_ref().map_or("", Secret::expose);
        for token in &page.tokens {
            match self.session_named(token) {
                Named::Nothing => {}
                Named::Session(session) if self.engine.mint().is_csrf(session, proof) => {}
                Named::Session(_) | Named::NoSession => return Err(Refusal::CrossSite),
            }
        }
        Ok(())
    }

    /// What the page of a session has to send back; only where cookies are set.
    pub(super) fn csrf(&self, session: SessionId) -> Result<Option<Secret>, Fault> {
        if self.caller.page.is_none() {
            return Ok(None);
        }
        Ok(Some(self.engine.mint().csrf(session, self.engine.chance().bytes()?)))
    }

    fn session_named(&self, token: &Secret) -> Named {
        let contract = self.caller.contract;
        if let Some(place) = self.engine.mint().open_opaque(token.expose()) {
            return Named::Session(place.session);
        }
        let Ok(claims) = self.caller.keys.verify(token.expose()) else {
            return if self.is_old(token) { Named::NoSession } else { Named::Nothing };
        };
        let refresh = match contract.refresh.as_ref().map(|plan| &plan.form) {
            Some(RefreshForm::Jwt { claims }) => Some(&**claims),
            Some(RefreshForm::Opaque) | None => None,
        };
        let plans = [Some(&contract.access.claims), refresh];
        let readings =
            plans.into_iter().flatten().filter_map(|plan| bearer::read(&claims, plan, contract, None).ok());
        let mut named = Named::Nothing;
        for reading in readings {
            let ticket = reading.token_id.as_deref().and_then(|id| self.engine.mint().open(id));
            match ticket {
                Some(ticket) => return Named::Session(SessionId(ticket.session)),
                None => named = Named::NoSession,
            }
        }
        named
    }
}
