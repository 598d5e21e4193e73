//! Prove who you are.

use super::{Claimed, TRIES, Turn};
use crate::error::{Error, Fault};
use domain::command::Login;
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::outcome::Outcome;
use domain::rule::sign_in::{Offer, judge};
use domain::secret::Secret;
use domain::user::Account;

/// Longer texts name nobody.
const MAX_LOGIN_BYTES: usize = 1024;

impl Turn<'_> {
    pub(super) async fn sign_in(
        &self,
        login: &Login,
        password: &Secret,
        exact: bool,
    ) -> Result<Outcome, Error> {
        let mut checked = None;
        for _ in 0..TRIES {
            let (account, spelt_otherwise) = self.who(login, exact)?;
            let nobody = Claimed::Nobody { typed: typed(login), spelt_otherwise };
            let claimed = account.as_ref().map_or(nobody, Claimed::Account);
            let verified = self.check(&mut checked, claimed, password).await?;
            let (session, place) = self.new_session()?;
            let offer = Offer { session: session.clone() };
            let judgement = judge(account.as_ref(), verified.matches, offer, &self.scene);
            if self.record(judgement.changes).await?.is_err() {
                continue;
            }
            if let Err(refusal) = judgement.result {
                // Every no takes as long as the slowest kind of hash that is common here (SEC-12).
                tokio::time::sleep(verified.remaining_to_floor).await;
                return Err(refusal.into());
            }
            let Some(mut account) = account else { continue };
            account.user.last_login_at = Some(self.scene.now);
            let tokens = self.first_tokens(&account, &session, place)?;
            if let (true, Some(from)) = (verified.outdated, account.password_hash) {
                self.engine.upgrade_later(&self.caller.address, account.user.id, from, password)?;
            }
            return Ok(Outcome::SignedIn { user: account.user, tokens });
        }
        Err(Fault::Contended("sign_in").into())
    }

    /// Who is meant. `exact`: only by the stored spelling; the user who has another one comes second.
    pub(super) fn who(&self, login: &Login, exact: bool) -> Result<(Option<Account>, Option<UserId>), Fault> {
        let text = typed(login);
        if text.len() > MAX_LOGIN_BYTES {
            return Ok((None, None));
        }
        let email = match login {
            Login::Email(_) | Login::Either(_) => self.by_email(text)?,
            Login::Username(_) => None,
        };
        let spelt = |stored: Option<&str>| !exact || stored == Some(text.trim());
        if let Some(found) = email.as_ref().filter(|found| spelt(found.user.email.as_deref())) {
            return Ok((Some(found.clone()), None));
        }
        let username = match login {
            Login::Username(_) | Login::Either(_) => self.by_username(text)?,
            Login::Email(_) => None,
        };
        if let Some(found) = username.as_ref().filter(|found| spelt(found.user.username.as_deref())) {
            return Ok((Some(found.clone()), None));
        }
        Ok((None, email.or(username).map(|other| other.user.id)))
    }

    fn by_email(&self, text: &str) -> Result<Option<Account>, Fault> {
        EmailKey::parse(text).map_or(Ok(None), |key| self.engine.store().account_by_email(&key))
    }

    fn by_username(&self, text: &str) -> Result<Option<Account>, Fault> {
        UsernameKey::parse(text).map_or(Ok(None), |key| self.engine.store().account_by_username(&key))
    }

    /// Says whether an address has an account.
    pub(super) fn check_email(&self, email: String) -> Result<Outcome, Error> {
        let exists = email.len() <= MAX_LOGIN_BYTES && self.by_email(&email)?.is_some();
        Ok(Outcome::EmailChecked { email, exists })
    }
}

/// The identifier as it was typed.
fn typed(login: &Login) -> &str {
    let (Login::Email(text) | Login::Username(text) | Login::Either(text)) = login;
    text
}
