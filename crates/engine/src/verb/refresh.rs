//! Exchange a refresh token.

use super::{TRIES, Turn};
use crate::error::{Error, Fault};
use crate::mint::{Place, Span, new_session};
use domain::change::Change;
use domain::contract::{RefreshForm, RefreshPlan, Rotation};
use domain::event::EventKind;
use domain::id::SessionId;
use domain::outcome::{Minted, Outcome, Tokens};
use domain::refusal::Refusal;
use domain::rule::bearer::{self, Reading};
use domain::rule::refresh::{Exchange, Presented, Renewal, judge};
use domain::secret::Secret;
use domain::session::Session;
use domain::time::Moment;
use domain::token::{Digest, Kind};
use domain::user::Account;
use std::time::Duration;

/// So long before it was noticed a question can have begun that met an outage.
const NOTICED: Duration = Duration::from_secs(5);

/// A refresh token whose form, signature or seal is good.
pub(super) struct Held {
    /// Where it belongs.
    pub place: Place,
    /// Its digest as the row would hold it.
    pub digest: Digest,
    /// Its claims, if it is a JWT.
    pub reading: Option<Reading>,
    /// Whether the application itself made it, before the move.
    pub foreign: bool,
    /// Whether it was signed with a key that only the application had. Then it is never handed out again.
    pub is_old: bool,
}

/// A session with its user, and the changes that open it where it is new.
type Family = (Session, Account, Vec<Change>);

impl Turn<'_> {
    pub(super) async fn refresh(&self, token: &Secret) -> Result<Outcome, Error> {
        let plan = self.caller.contract.refresh.as_ref().ok_or(Refusal::TokenInvalid)?;
        let held = self.hold(plan, token, Some(self.scene.now))?;
        self.spend_refresh(held.place.session)?;
        for _ in 0..TRIES {
            let (session, account, mut changes) = self.family(&held).await?;
            let session = session.within(plan);
            if let Some(reading) = &held.reading
                && !reading.user.fits(&account.user)
            {
                return Err(Refusal::TokenInvalid.into());
            }
            let (presented, exchange) = self.hold_against(plan, &held, &session);
            let judgement = judge(&session, &account, presented, exchange, plan, &self.scene);
            changes.extend(judgement.changes);
            if self.record(changes).await?.is_err() {
                continue;
            }
            let renewal = judgement.result?;
            let access = self.access(&account, session.id, session.expires_at)?;
            let refresh = self.renewed_refresh(&account, &session, &held, renewal, token);
            let tokens = Tokens { access, refresh, csrf: self.csrf(session.id)?, device: None };
            return Ok(Outcome::Refreshed { user: account.user, tokens });
        }
        Err(Fault::Contended("refresh").into())
    }

    /// Opens a refresh token. `now` absent: one that has expired is opened, too.
    pub(super) fn hold(
        &self,
        plan: &RefreshPlan,
        token: &Secret,
        now: Option<Moment>,
    ) -> Result<Held, Refusal> {
        match &plan.form {
            RefreshForm::Opaque => match self.engine.mint().open_opaque(token.expose()) {
                Some(place) => {
                    let digest = Digest::of(token.expose());
                    Ok(Held { place, digest, reading: None, foreign: false, is_old: false })
                }
                None => self
                    .old_refresh(plan, token, now.is_some())
                    .unwrap_or_else(|| Err(self.not_opaque(token))),
            },
            RefreshForm::Jwt { claims: plan_of_claims } => {
                let contract = self.caller.contract;
                let claims = match self.caller.keys.verify(token.expose()) {
                    Ok(claims) => claims,
                    Err(fault) => {
                        let old = self.old_refresh(plan, token, now.is_some());
                        return old.unwrap_or_else(|| Err(bearer::refused(fault)));
                    }
                };
                let reading = bearer::read(&claims, plan_of_claims, contract, now)?;
                let id = reading.token_id.as_deref().ok_or(Refusal::TokenInvalid)?;
                let ticket = self.engine.mint().open(id);
                let Some(ticket) = ticket else { return Ok(foreign(token, reading)) };
                if ticket.kind != Kind::Refresh {
                    return Err(Refusal::TokenWrongKind);
                }
                let place = Place { session: SessionId(ticket.session), counter: ticket.counter, nonce: 0 };
                let digest = self.engine.mint().digest(&plan.form, place);
                Ok(Held { place, digest, reading: Some(reading), foreign: false, is_old: false })
            }
        }
    }

    /// An access token in the place of an opaque refresh token is told so.
    fn not_opaque(&self, token: &Secret) -> Refusal {
        let contract = self.caller.contract;
        let access = self
            .caller
            .keys
            .verify(token.expose())
            .is_ok_and(|claims| bearer::read(&claims, &contract.access.claims, contract, None).is_ok());
        if access { Refusal::TokenWrongKind } else { Refusal::TokenInvalid }
    }

    /// The session that a refresh token belongs to, as it is stored; absent when it is gone or was never opened.
    pub(super) async fn stored_family(&self, held: &Held) -> Result<Option<(Session, Account)>, Fault> {
        self.engine.store().session(held.place.session).await
    }

    /// The user of a token that the application itself made and that has no session yet.
    pub(super) async fn foreign_user(&self, held: &Held) -> Result<Option<Account>, Fault> {
        match &held.reading {
            Some(reading) if held.foreign => self.find(&reading.user).await,
            Some(_) | None => Ok(None),
        }
    }

    async fn family(&self, held: &Held) -> Result<Family, Error> {
        match (self.stored_family(held).await?, &held.reading) {
            (Some((session, account)), Some(reading)) if held.is_old => {
                let named = self.find(&reading.user).await?;
                if named.is_none_or(|named| named.user.id != account.user.id) {
                    return Err(Refusal::TokenInvalid.into());
                }
                Ok((session, account, Vec::new()))
            }
            (Some((session, account)), _) => Ok((session, account, Vec::new())),
            (None, Some(reading)) if held.foreign => self.adopt(held, reading).await,
            (None, reading) => Err(self.gone(reading.as_ref()).await?.into()),
        }
    }

    /// Opens a session for a token that the application made before the move. Its number follows from the token, so
    /// that it is opened once, and the token counts as the first of the family.
    async fn adopt(&self, held: &Held, reading: &Reading) -> Result<Family, Error> {
        let account = self.find(&reading.user).await?.ok_or(Refusal::TokenUserUnknown)?;
        bearer::judge_foreign(&account, reading, &self.scene)?;
        // The application asked for no second factor (SEC-84).
        if self.scene.needs_factor(&account.user) {
            return Err(Refusal::TokenRevoked.into());
        }
        let mut new =
            new_session(&self.scene, &self.caller.user_agent, held.place.session, Some(held.digest));
        new.refresh_expires_at = reading.expires.min(new.expires_at);
        // Nobody has proved anything here yet.
        new.authenticated_at = Moment::from_millis(0);
        let session = Session {
            id: new.id,
            user: account.user.id,
            contract: new.contract.clone(),
            counter: 0,
            digest: new.digest,
            rotated_at: new.created_at,
            refresh_expires_at: new.refresh_expires_at,
            expires_at: new.expires_at,
            created_at: new.created_at,
            with_factor: false,
            authenticated_at: new.authenticated_at,
            seen_at: new.created_at,
            ended: None,
        };
        let changes = vec![
            Change::OpenSession { whose: account.as_read(), session: Box::new(new) },
            Change::CapSessions {
                user: account.user.id,
                keep: self.scene.house.sessions.per_user,
                at: self.scene.now,
            },
            self.scene.note(EventKind::SignedIn, Some(account.user.id), Some(session.id)),
        ];
        Ok((session, account, changes))
    }

    fn hold_against(&self, plan: &RefreshPlan, held: &Held, session: &Session) -> (Presented, Exchange) {
        let mint = self.engine.mint();
        let counter = held.place.counter;
        let in_force = if counter == session.counter {
            held.digest
        } else {
            mint.digest(&plan.form, Place { counter: session.counter, ..held.place })
        };
        let next = Place { counter: session.counter.saturating_add(1), ..held.place };
        let presented = Presented {
            counter,
            genuine: session.digest == Some(in_force),
            unanswered_since: self.unanswered_since(plan),
        };
        (presented, Exchange { from: in_force, to: mint.digest(&plan.form, next) })
    }

    /// From when on exchanges may have gone unanswered: the database was away until a moment ago, and whoever waits for
    /// an answer since then has had no chance to ask again (REL-24).
    fn unanswered_since(&self, plan: &RefreshPlan) -> Option<Moment> {
        let Rotation::Rotate { grace_seconds } = plan.rotation else { return None };
        let outage = self.engine.store().last_outage()?;
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let over = millis(outage.ended) > grace_seconds.saturating_mul(1000);
        let since = self.scene.now.millis().saturating_sub(millis(outage.began.saturating_add(NOTICED)));
        (!over).then_some(Moment::from_millis(since))
    }

    /// Whether a token belongs to this family, in force or not.
    pub(super) fn is_of_family(&self, plan: &RefreshPlan, held: &Held, session: &Session) -> bool {
        self.hold_against(plan, held, session).0.genuine
    }

    fn renewed_refresh(
        &self,
        account: &Account,
        session: &Session,
        held: &Held,
        renewal: Renewal,
        token: &Secret,
    ) -> Option<Minted> {
        let stands = Span { issued: session.rotated_at, expires: session.refresh_expires_at };
        let (counter, span) = match renewal {
            Renewal::Rotated { counter, expires_at } => {
                (counter, Span { issued: self.scene.now, expires: expires_at })
            }
            Renewal::Again => (session.counter, stands),
            Renewal::Kept if held.is_old => (session.counter, stands),
            Renewal::Kept => {
                let Span { issued, expires } = stands;
                return Some(Minted { token: token.clone(), issued_at: issued, expires_at: expires });
            }
        };
        let place = Place { counter, ..held.place };
        self.engine.mint().refresh(self.caller, &self.shown(account).user, place, span)
    }
}

/// The place of a token that is not ours.
fn foreign(token: &Secret, reading: Reading) -> Held {
    let digest = Digest::of(token.expose());
    let place = Place { session: Held::session_of(&digest, &reading), counter: 0, nonce: 0 };
    Held { place, digest, reading: Some(reading), foreign: true, is_old: false }
}

impl Held {
    /// The session of a token that is not ours. Its number follows from its second and 32 bits of its digest, so that
    /// the same token always finds the same row, and rows stay in order of time.
    pub(super) fn session_of(digest: &Digest, reading: &Reading) -> SessionId {
        let [a, b, c, d, e, f, ..] = *digest.bytes();
        let within_second = i64::from(u16::from_be_bytes([a, b])) % 1000;
        let made = Moment::from_seconds(reading.issued.unwrap_or_else(|| reading.expires.seconds()));
        let at = Moment::from_millis(made.millis().saturating_add(within_second));
        SessionId::at(at, u32::from_be_bytes([c, d, e, f]))
    }
}
