//! Ask for a letter, and use the link in it.
//!
//! Whoever asks learns nothing: one answer, one write, and no letter is sent before the answer (SEC-13).

use super::{Claimed, TRIES, Turn};
use crate::error::{Error, Fault};
use domain::change::Change;
use domain::command::Login;
use domain::event::EventKind;
use domain::identifier::EmailKey;
use domain::input::{Flaw, Input, Rule};
use domain::letter::LinkId;
use domain::link::{Link, LinkKind};
use domain::outcome::Outcome;
use domain::policy::OwnWords;
use domain::refusal::Refusal;
use domain::rule::recovery::{
    Address, ask_change, ask_reset, ask_verification, confirm, judge_link, reset, undo, verify,
};
use domain::secret::Secret;
use domain::user::Account;

impl Turn<'_> {
    pub(super) async fn request_verification(&self, email: String) -> Result<Outcome, Error> {
        self.needs_mail()?;
        for _ in 0..TRIES {
            let account = self.who(&Login::Email(email.clone()), false).await?.0;
            let changes = ask_verification(account.as_ref(), self.link_id()?, &self.scene);
            if self.record(changes).await?.is_ok() {
                return Ok(Outcome::LetterAsked);
            }
        }
        Err(Fault::Contended("request_verification").into())
    }

    pub(super) async fn request_reset(&self, login: &Login) -> Result<Outcome, Error> {
        self.needs_mail()?;
        for _ in 0..TRIES {
            let account = self.who(login, false).await?.0;
            let changes = ask_reset(account.as_ref(), self.link_id()?, &self.scene);
            if self.record(changes).await?.is_ok() {
                return Ok(Outcome::LetterAsked);
            }
        }
        Err(Fault::Contended("request_reset").into())
    }

    /// The policy is looked at before the link is used up, so that a weak password costs no second letter.
    pub(super) async fn reset_password(&self, token: &Secret, new: &Secret) -> Result<Outcome, Error> {
        let mut hash = None;
        for _ in 0..TRIES {
            let kinds = [LinkKind::ResetPassword, LinkKind::Invitation];
            let (link, account) = self.good_link(token, &kinds).await?;
            let user = &account.user;
            let own = OwnWords { username: user.username.as_deref(), email: user.email.as_deref() };
            let fit = self.fit(Input::NewPassword, new, &own, Some(user.id)).await;
            let fit = fit.map_err(Refusal::InvalidInput)?;
            let hash = match &hash {
                Some(hash) => hash,
                None => hash.insert(self.hash(fit).await?),
            };
            let factors = self.engine.store().factors(account.user.id).await?.map(|(version, _)| version);
            if self.record(reset(&account, &link, hash.clone(), factors, &self.scene)).await?.is_ok() {
                return Ok(Outcome::PasswordReset);
            }
        }
        Err(Refusal::LinkInvalid.into())
    }

    pub(super) async fn verify_email(
        &self,
        token: &Secret,
        password: Option<&Secret>,
    ) -> Result<Outcome, Error> {
        for _ in 0..TRIES {
            let (link, account) = self.good_link(token, &[LinkKind::VerifyEmail]).await?;
            self.prove_account(&account, password).await?;
            if self.record(verify(&account, &link, &self.scene)).await?.is_ok() {
                return Ok(Outcome::EmailVerified);
            }
        }
        Err(Refusal::LinkInvalid.into())
    }

    /// The one in force stays until the new one is confirmed; nothing tells whether that one belongs to somebody.
    pub(super) async fn change_email(&self, email: &str, password: &Secret) -> Result<Outcome, Error> {
        self.needs_mail()?;
        let mut checked = None;
        for _ in 0..TRIES {
            let account = self.bearer().await?.account;
            let new = EmailKey::parse(email).map(|key| (email.trim().to_owned(), key));
            let Some(new) = new else {
                return Err(Refusal::InvalidInput(vec![Flaw::new(Input::Email, Rule::Email)]).into());
            };
            let verified = self.check(&mut checked, Claimed::Account(&account), password).await?;
            if !verified.matches {
                let refusal = Refusal::InvalidCredentials;
                let note =
                    self.scene.note_refused(EventKind::EmailChangeAsked, Some(account.user.id), &refusal);
                // A note relies on nothing.
                self.record(vec![note]).await?.ok();
                tokio::time::sleep(verified.remaining_to_floor).await;
                return Err(refusal.into());
            }
            if self.record(self.change_asked(&account, &new).await?).await?.is_ok() {
                return Ok(Outcome::LetterAsked);
            }
        }
        Err(Fault::Contended("change_email").into())
    }

    /// The changes that ask for another address.
    pub(super) async fn change_asked(&self, account: &Account, new: &Address) -> Result<Vec<Change>, Fault> {
        let taken = self.belongs_to_another(account, &new.1).await?;
        Ok(ask_change(account, new, [self.link_id()?, self.link_id()?], taken, &self.scene))
    }

    pub(super) async fn confirm_email(
        &self,
        token: &Secret,
        password: Option<&Secret>,
    ) -> Result<Outcome, Error> {
        for _ in 0..TRIES {
            let (link, account) = self.good_link(token, &[LinkKind::ConfirmEmail]).await?;
            let new = link.address.as_ref().ok_or(Refusal::LinkInvalid)?;
            self.prove_account(&account, password).await?;
            if self.belongs_to_another(&account, &new.1).await? {
                return Err(Refusal::LinkInvalid.into());
            }
            let changes = confirm(&account, &link, new, self.link_id()?, &self.scene);
            if self.record(changes).await?.is_ok() {
                return Ok(Outcome::EmailConfirmed);
            }
        }
        Err(Refusal::LinkInvalid.into())
    }

    pub(super) async fn undo_email(&self, token: &Secret) -> Result<Outcome, Error> {
        // The way to a new password is a letter.
        self.needs_mail()?;
        for _ in 0..TRIES {
            let (link, account) = self.good_link(token, &[LinkKind::UndoEmail]).await?;
            let held = link.address.as_ref().ok_or(Refusal::LinkInvalid)?;
            if self.belongs_to_another(&account, &held.1).await? {
                return Err(Refusal::LinkInvalid.into());
            }
            let changes = undo(&account, &link, held, self.link_id()?, &self.scene);
            if self.record(changes).await?.is_ok() {
                return Ok(Outcome::EmailRestored);
            }
        }
        Err(Refusal::LinkInvalid.into())
    }

    /// A link that can be used for one of these purposes, with its user. Every other text is refused alike.
    async fn good_link(&self, token: &Secret, kinds: &[LinkKind]) -> Result<(Link, Account), Error> {
        let found = self.engine.mint().open_link(token).filter(|(kind, _)| kinds.contains(kind));
        let found = match found {
            Some((_, id)) => self.engine.store().link(id).await?,
            None => None,
        };
        let judged = match &found {
            Some((link, account)) => judge_link(link, account, kinds, &self.scene),
            None => Err(Refusal::LinkInvalid),
        };
        match (judged, found) {
            (Ok(()), Some(found)) => Ok(found),
            (_, found) => {
                let user = found.map(|(link, _)| link.user);
                let note = self.scene.note_refused(EventKind::LinkRefused, user, &Refusal::LinkInvalid);
                // A note relies on nothing.
                self.record(vec![note]).await?.ok();
                Err(Refusal::LinkInvalid.into())
            }
        }
    }

    /// Whether who holds the link holds the account as well: a session of it, or its password.
    ///
    /// Without this the owner of a mailbox could be talked into verifying an account that somebody else had made with
    /// the address, password and sessions included (SEC-36).
    async fn prove_account(&self, account: &Account, password: Option<&Secret>) -> Result<(), Error> {
        if self.bearer().await.is_ok_and(|access| access.account.user.id == account.user.id) {
            return Ok(());
        }
        let Some(password) = password else {
            return Err(Refusal::InvalidInput(vec![Flaw::new(Input::Password, Rule::Required)]).into());
        };
        let verified = self.check(&mut None, Claimed::Account(account), password).await?;
        if verified.matches {
            return Ok(());
        }
        let refusal = Refusal::InvalidCredentials;
        let note = self.scene.note_refused(EventKind::LinkRefused, Some(account.user.id), &refusal);
        // A note relies on nothing.
        self.record(vec![note]).await?.ok();
        tokio::time::sleep(verified.remaining_to_floor).await;
        Err(refusal.into())
    }

    async fn belongs_to_another(&self, account: &Account, key: &EmailKey) -> Result<bool, Fault> {
        let taken = self.engine.store().taken(Some(key), None, Some(account.user.id), self.scene.now).await?;
        Ok(taken.email)
    }

    /// Refused where no letters are delivered: nothing pretends.
    pub(super) fn needs_mail(&self) -> Result<(), Refusal> {
        if self.scene.house.recovery.mail { Ok(()) } else { Err(Refusal::MailOff) }
    }

    pub(super) fn link_id(&self) -> Result<LinkId, Fault> {
        Ok(LinkId(self.engine.chance().bytes()?))
    }
}
