//! How do tokens come into being, and which session does a token name?

use crate::cx::Chance;
use crate::error::Fault;
use domain::caller::Caller;
use domain::contract::{ClaimsPlan, Contract, RefreshForm};
use domain::id::SessionId;
use domain::letter::LinkId;
use domain::link::LinkKind;
use domain::outcome::Minted;
use domain::rule::{AHEAD_SECONDS, Scene};
use domain::secret::Secret;
use domain::session::NewSession;
use domain::shape::{ClaimFacts, Facts};
use domain::time::Moment;
use domain::token::{CSRF_RANDOM, Digest, Kind, LinkKey, RefreshTicket, Ticket, TicketKey};
use domain::user::{Account, User};

/// Which refresh token of which session. The same place always has the same token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The session.
    pub session: SessionId,
    /// From 0.
    pub counter: u32,
    /// Drawn once per session; 0 where the token is a JWT.
    pub nonce: u64,
}

/// How long something lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// From.
    pub issued: Moment,
    /// To.
    pub expires: Moment,
}

/// Makes tokens and opens the tickets in them.
#[derive(Debug)]
pub(crate) struct Mint {
    tickets: TicketKey,
    links: LinkKey,
}

impl Mint {
    pub fn new(tickets: TicketKey, links: LinkKey) -> Mint {
        Mint { tickets, links }
    }

    /// The token of a link.
    pub fn link_token(&self, kind: LinkKind, id: LinkId) -> Secret {
        self.links.token(kind, id)
    }

    /// The session and counter behind the id of a token; none for an id that we did not make.
    pub fn open(&self, token_id: &str) -> Option<Ticket> {
        self.tickets.open(token_id)
    }

    /// The name of a session in lists: always the same, and nobody outside can tell the session from it (SEC-16).
    pub fn public_id(&self, session: SessionId) -> String {
        self.tickets.uuid(&Ticket { session: session.0, counter: 0, kind: Kind::Listed })
    }

    /// The session behind a public id; none for a text that we did not make, or not in this spelling.
    pub fn open_public_id(&self, id: &str) -> Option<SessionId> {
        let ticket = self.tickets.open(id).filter(|ticket| ticket.kind == Kind::Listed)?;
        let session = SessionId(ticket.session);
        (self.public_id(session) == id).then_some(session)
    }

    /// A number that only we can make, as 32 hexadecimal digits.
    pub fn seal(&self, ticket: &Ticket) -> String {
        self.tickets.hex(ticket)
    }

    /// The place of an opaque refresh token; none for a text that we did not make.
    pub fn open_opaque(&self, token: &str) -> Option<Place> {
        let RefreshTicket { session, counter, nonce } = self.tickets.open_refresh(token)?;
        Some(Place { session: SessionId(session), counter, nonce })
    }

    /// What a page has to send back with the cookies of a session.
    pub fn csrf(&self, session: SessionId, random: [u8; CSRF_RANDOM]) -> Secret {
        Secret::new(self.tickets.csrf_token(session.0, random))
    }

    /// Whether a page sent that back.
    pub fn is_csrf(&self, session: SessionId, text: &str) -> bool {
        self.tickets.is_csrf_token(session.0, text)
    }

    /// What the store keeps of the refresh token at a place.
    pub fn digest(&self, form: &RefreshForm, place: Place) -> Digest {
        Digest::of(&self.ticket_text(form, place))
    }

    /// The link of a token; none for a text that we did not make.
    pub fn open_link(&self, token: &Secret) -> Option<(LinkKind, LinkId)> {
        self.links.open(token.expose())
    }

    /// A new session of the contract with the place of its first refresh token.
    pub fn session(
        &self,
        scene: &Scene<'_>,
        user_agent: &str,
        chance: &Chance,
    ) -> Result<(NewSession, Place), Fault> {
        let contract = scene.contract;
        let id = SessionId::at(scene.now, chance.number()?);
        let nonce = match contract.refresh.as_ref().map(|plan| &plan.form) {
            Some(RefreshForm::Opaque) => u64::from_le_bytes(chance.bytes::<8>()?),
            Some(RefreshForm::Jwt { .. }) | None => 0,
        };
        let place = Place { session: id, counter: 0, nonce };
        let digest = contract.refresh.as_ref().map(|plan| self.digest(&plan.form, place));
        Ok((new_session(scene, user_agent, id, digest), place))
    }

    /// A new access token of a session that ends at `session_end`.
    pub fn access(
        &self,
        caller: &Caller<'_>,
        account: &Account,
        session: (SessionId, Moment),
        now: Moment,
        chance: &Chance,
    ) -> Result<Minted, Fault> {
        let plan = &caller.contract.access;
        let (id, session_end) = session;
        // Claims without an id have to lie after the line where older ones were cut.
        let issued = if plan.claims.token_id.is_some() { now } else { account.stamp(now) };
        let expires = issued.plus_seconds(plan.lifetime_seconds).min(session_end);
        let ticket = Ticket { session: id.0, counter: chance.number()?, kind: Kind::Access };
        let span = Span { issued, expires };
        Ok(self.jwt(caller, &plan.claims, &account.user, ticket, span))
    }

    /// The refresh token at a place; none where the contract has none. The same place and span give the same token.
    pub fn refresh(&self, caller: &Caller<'_>, user: &User, place: Place, span: Span) -> Option<Minted> {
        Some(match &caller.contract.refresh.as_ref()?.form {
            RefreshForm::Opaque => Minted {
                token: Secret::new(self.opaque(place)),
                issued_at: span.issued,
                expires_at: span.expires,
            },
            RefreshForm::Jwt { claims } => self.jwt(caller, claims, user, refresh_ticket(place), span),
        })
    }

    fn jwt(&self, caller: &Caller<'_>, plan: &ClaimsPlan, user: &User, ticket: Ticket, span: Span) -> Minted {
        let id = self.tickets.hex(&ticket);
        let facts = Facts {
            user: Some(user),
            role_words: Some(&caller.contract.role_words),
            claims: Some(ClaimFacts { issued: span.issued, expires: span.expires, ticket: &id }),
            issuer: Some(&caller.contract.issuer),
            now: Some(span.issued),
            ..Facts::default()
        };
        let token = caller.keys.sign(&plan.shape.to_bytes(&facts));
        Minted { token: Secret::new(token), issued_at: span.issued, expires_at: span.expires }
    }

    fn ticket_text(&self, form: &RefreshForm, place: Place) -> String {
        match form {
            RefreshForm::Opaque => self.opaque(place),
            RefreshForm::Jwt { .. } => self.tickets.hex(&refresh_ticket(place)),
        }
    }

    fn opaque(&self, place: Place) -> String {
        let Place { session, counter, nonce } = place;
        self.tickets.refresh_token(&RefreshTicket { session: session.0, counter, nonce })
    }
}

/// A session of the contract that starts now.
pub(crate) fn new_session(
    scene: &Scene<'_>,
    user_agent: &str,
    id: SessionId,
    digest: Option<Digest>,
) -> NewSession {
    let (refresh_expires_at, expires_at) = ends(scene.contract, scene.now);
    NewSession {
        id,
        contract: scene.contract.name.clone(),
        digest,
        refresh_expires_at,
        expires_at,
        created_at: scene.now,
        with_factor: false,
        authenticated_at: scene.now,
        address: scene.address.to_owned(),
        user_agent: user_agent.to_owned(),
    }
}

/// When the first refresh token ends and when the session ends. Without refresh a session lives as long as its token.
fn ends(contract: &Contract, now: Moment) -> (Moment, Moment) {
    match &contract.refresh {
        Some(plan) => {
            let end = now.plus_seconds(plan.absolute_seconds.max(plan.lifetime_seconds));
            (now.plus_seconds(plan.lifetime_seconds), end)
        }
        None => {
            // A little more, because a token without an id may be made ahead of now.
            let end = now.plus_seconds(contract.access.lifetime_seconds.saturating_add(AHEAD_SECONDS));
            (end, end)
        }
    }
}

fn refresh_ticket(place: Place) -> Ticket {
    Ticket { session: place.session.0, counter: place.counter, kind: Kind::Refresh }
}
