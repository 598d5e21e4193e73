//! Prove who you are.

use super::elsewhere::Met;
use super::{Claimed, Turn, factor};
use crate::error::{Error, Fault};
use crate::mint::Place;
use domain::command::Login;
use domain::factor::half_way::HalfWayKind;
use domain::factor::split;
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::outcome::{Minted, Outcome};
use domain::refusal::Refusal;
use domain::rule::sign_in::{Offer, judge, standing};
use domain::secret::Secret;
use domain::session::NewSession;
use domain::user::Account;

/// Longer texts name nobody.
const MAX_LOGIN_BYTES: usize = 1024;

/// What a right password opened.
enum Opened {
    Session(Box<NewSession>, Place),
    HalfWay { half_way: Minted, enrol: bool },
}

impl Turn<'_> {
    pub(super) async fn sign_in(
        &self,
        login: &Login,
        password: &Secret,
        exact: bool,
        otp: Option<&Secret>,
    ) -> Result<Outcome, Error> {
        let mut checked = None;
        let mut counted = false;
        let mut was_split = None;
        for _ in 0..factor::TRIES {
            let (account, spelt_otherwise) = self.who(login, exact).await?;
            let (password, otp) = self.read_field(account.as_ref(), password, otp);
            if was_split.replace(otp.is_some()).is_some_and(|before| before != otp.is_some()) {
                // The factor came or went meanwhile, and what was checked was another reading of the field.
                checked = None;
            }
            if let (None, None, Some(elsewhere)) = (&account, spelt_otherwise, self.asks_elsewhere()) {
                match self.meet(elsewhere, login, &password).await? {
                    Met::Here(known) => {
                        checked = known;
                        continue;
                    }
                    Met::Refused(refusal, decoy) => return self.refuse_elsewhere(refusal, decoy).await,
                }
            }
            let nobody = Claimed::Nobody { typed: typed(login), spelt_otherwise };
            let claimed = account.as_ref().map_or(nobody, Claimed::Account);
            let verified = self.check(&mut checked, claimed, &password).await?;
            let (session, place) = self.new_session()?;
            let (offer, opened) = match &account {
                Some(account) if standing(account, verified.matches, &self.scene).is_none() => {
                    self.offer(account, otp.as_ref(), &mut counted, (session, place)).await?
                }
                Some(_) | None => (Offer::Refusal(Refusal::InvalidCredentials), None),
            };
            let judgement = judge(account.as_ref(), verified.matches, offer, &self.scene);
            if self.record(judgement.changes).await?.is_err() {
                continue;
            }
            if let Err(refusal) = judgement.result {
                // Every no takes as long as the slowest kind of hash that is common here (SEC-12).
                tokio::time::sleep(verified.remaining_to_floor).await;
                return Err(refusal.into());
            }
            let (Some(account), Some(opened)) = (account, opened) else { continue };
            if let (true, Some(from)) =
                (verified.outdated && !self.is_rehearsal(), account.password_hash.clone())
            {
                self.engine.upgrade_later(&self.caller.address, account.user.id, from, &password)?;
            }
            return self.say_opened(account, opened);
        }
        Err(Fault::Contended("sign_in").into())
    }

    /// What the right password gives: a session, the question for the second factor, or the reason why neither.
    async fn offer(
        &self,
        account: &Account,
        otp: Option<&Secret>,
        counted: &mut bool,
        (mut session, place): (NewSession, Place),
    ) -> Result<(Offer, Option<Opened>), Error> {
        if !self.scene.needs_factor(&account.user) {
            let opened = Opened::Session(Box::new(session.clone()), place);
            return Ok((Offer::Session { session, factor: Vec::new() }, Some(opened)));
        }
        let has_one = account.user.second_factor;
        let asks = self.scene.contract.factors.half_way;
        match otp.filter(|_| has_one) {
            Some(otp) => match self.prove_factor(counted, account, otp).await? {
                Ok(proof) => {
                    session.with_factor = true;
                    let opened = Opened::Session(Box::new(session.clone()), place);
                    let factor = proof.changes(account.user.id);
                    Ok((Offer::Session { session, factor }, Some(opened)))
                }
                Err(refusal) => Ok((Offer::Refusal(refusal), None)),
            },
            None if asks => {
                let kind = if has_one { HalfWayKind::Answer } else { HalfWayKind::Enrol };
                let (half_way, stored) = self.half_way(kind, account)?;
                Ok((Offer::HalfWay(stored), Some(Opened::HalfWay { half_way, enrol: !has_one })))
            }
            None => Ok((Offer::Refusal(Refusal::FactorRequired), None)),
        }
    }

    fn say_opened(&self, mut account: Account, opened: Opened) -> Result<Outcome, Error> {
        match opened {
            Opened::Session(session, place) => {
                account.user.last_login_at = Some(self.scene.now);
                let tokens = self.first_tokens(&account, &session, place)?;
                Ok(Outcome::SignedIn { user: account.user, tokens })
            }
            Opened::HalfWay { half_way, enrol } => Ok(Outcome::FactorNeeded { half_way, enrol }),
        }
    }

    /// The password and the code in what was typed. One field is split only for somebody who has a factor, so that
    /// there is one password to check whatever stands in it (`password,123456` is a password, too).
    fn read_field(
        &self,
        account: Option<&Account>,
        password: &Secret,
        otp: Option<&Secret>,
    ) -> (Secret, Option<Secret>) {
        let splits = self.scene.contract.factors.suffix
            && otp.is_none()
            && account.is_some_and(|account| account.user.second_factor);
        match split(password.expose()).filter(|_| splits) {
            Some((password, code)) => (Secret::new(password), Some(Secret::new(code))),
            None => (password.clone(), otp.cloned()),
        }
    }

    /// Who is meant. `exact`: only by the stored spelling; the user who has another one comes second.
    pub(super) async fn who(
        &self,
        login: &Login,
        exact: bool,
    ) -> Result<(Option<Account>, Option<UserId>), Fault> {
        let text = typed(login);
        if text.len() > MAX_LOGIN_BYTES {
            return Ok((None, None));
        }
        let email = match login {
            Login::Email(_) | Login::Either(_) => self.by_email(text).await?,
            Login::Username(_) => None,
        };
        let spelt = |stored: Option<&str>| !exact || stored == Some(text.trim());
        if let Some(found) = email.as_ref().filter(|found| spelt(found.user.email.as_deref())) {
            return Ok((Some(found.clone()), None));
        }
        let username = match login {
            Login::Username(_) | Login::Either(_) => self.by_username(text).await?,
            Login::Email(_) => None,
        };
        if let Some(found) = username.as_ref().filter(|found| spelt(found.user.username.as_deref())) {
            return Ok((Some(found.clone()), None));
        }
        Ok((None, email.or(username).map(|other| other.user.id)))
    }

    async fn by_email(&self, text: &str) -> Result<Option<Account>, Fault> {
        match EmailKey::parse(text) {
            Some(key) => self.engine.store().account_by_email(&key).await,
            None => Ok(None),
        }
    }

    async fn by_username(&self, text: &str) -> Result<Option<Account>, Fault> {
        match UsernameKey::parse(text) {
            Some(key) => self.engine.store().account_by_username(&key).await,
            None => Ok(None),
        }
    }

    /// Says whether an address has an account.
    pub(super) async fn check_email(&self, email: String) -> Result<Outcome, Error> {
        let exists = email.len() <= MAX_LOGIN_BYTES && self.by_email(&email).await?.is_some();
        Ok(Outcome::EmailChecked { email, exists })
    }
}

/// The identifier as it was typed.
pub(super) fn typed(login: &Login) -> &str {
    let (Login::Email(text) | Login::Username(text) | Login::Either(text)) = login;
    text
}
