//! What may the operator and the hosted pages do about links?

use crate::Engine;
use crate::error::Fault;
use crate::operator::{OperatorError, Who};
use domain::change::Change;
use domain::event::{Actor, Event, EventKind};
use domain::letter::{Letter, LinkId, NewLetter};
use domain::link::LinkKind;
use domain::rule::recovery::{address_of, sent};
use domain::secret::Secret;
use domain::user::User;

/// How often an operator's letter looks again when a request came between.
const TRIES: usize = 3;
/// How long a notice without a link is worth sending.
const NOTICE_SECONDS: i64 = 3 * 86_400;

/// A link, looked at and not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSeen {
    /// What it would do.
    pub kind: LinkKind,
    /// The address that the account has now; whoever has the link has its letter.
    pub address: Option<String>,
    /// The address that the account would have then, if another one.
    pub leads_to: Option<String>,
}

impl Engine {
    /// What the link of this token would do, if it can be used. Changes nothing: mail scanners open every link (SEC-35).
    pub async fn look_at_link(&self, token: &Secret) -> Result<Option<LinkSeen>, Fault> {
        let Some((kind, id)) = self.mint().open_link(token) else { return Ok(None) };
        let Some((link, account)) = self.store().link(id).await? else { return Ok(None) };
        let now = self.clock().now();
        let good = link.kind == kind && domain::rule::recovery::is_live(&link, &account, now);
        let leads_to = link.address.map(|(text, _)| text);
        Ok(good.then_some(LinkSeen { kind, address: account.user.email, leads_to }))
    }

    /// Sends a letter that lets the user set a new password; the one in force stays until then (SEC-47).
    ///
    /// Refused: no such user, no address, switched off, no letters are delivered.
    pub async fn start_reset(&self, who: &Who) -> Result<User, OperatorError> {
        self.send_link(who, Letter::ResetPassword, "user reset").await
    }

    /// Sends a letter that lets a new user set the first password; as [`Engine::start_reset`].
    pub async fn invite(&self, who: &Who) -> Result<User, OperatorError> {
        self.send_link(who, Letter::Invitation, "user invite").await
    }

    async fn send_link(
        &self,
        who: &Who,
        letter: Letter,
        command: &'static str,
    ) -> Result<User, OperatorError> {
        if !self.house().recovery.mail {
            let message = "no letters are delivered here: switch mail on, or set a password with `countersign user set WHO --password`";
            return Err(OperatorError::Refused(message.to_owned()));
        }
        for _ in 0..TRIES {
            let now = self.clock().now();
            let account = self.need_account(who).await?;
            if !account.is_active() {
                return Err(OperatorError::Refused(format!("{who} is switched off")));
            }
            let Some(to) = address_of(&account.user) else {
                return Err(OperatorError::Refused("the user has no e-mail address".to_owned()));
            };
            let whose = (Some(account.user.id), account.user.first_name.as_str());
            let id = LinkId(self.chance().bytes()?);
            let mut changes = sent(letter, whose, to, id, now);
            let event = Event::inside(EventKind::ResetAsked, now, Actor::Operator, command);
            changes.push(event.about(Some(account.user.id)).noted());
            if self.store().record(changes).await?.is_ok() {
                return Ok(account.user);
            }
        }
        Err(Fault::Contended("start_reset").into())
    }

    /// Tells the address held until now of what an operator changed (SEC-46). Nothing where no letters are delivered.
    pub(crate) fn told(&self, letter: Letter, user: &User) -> Option<Change> {
        let to = user.email.clone().filter(|_| self.house().recovery.mail)?;
        Some(Change::Post(Box::new(notice(letter, user, to, self.clock().now()))))
    }
}

/// A letter without a link, in the language of the house.
fn notice(letter: Letter, user: &User, to: String, now: domain::time::Moment) -> NewLetter {
    NewLetter {
        letter,
        user: Some(user.id),
        to,
        name: user.first_name.clone(),
        language: String::new(),
        link: None,
        expires_at: now.plus_seconds(NOTICE_SECONDS),
        at: now,
    }
}
