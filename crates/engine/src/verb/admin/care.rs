//! How does an administrator help a user back in: limits, password, second factor?

use super::super::{TRIES, Turn};
use super::{Administrator, contended};
use crate::error::Error;
use domain::event::EventKind;
use domain::input::{Flaw, Input, Rule};
use domain::letter::Letter;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::rule::factor::switched_off;
use domain::rule::manage;
use domain::rule::recovery::{address_of, sent};
use domain::user::Status;
use uuid::Uuid;

impl Turn<'_> {
    /// Lifts the limits of a password, as a reset would.
    pub(super) async fn clear_limits_of(&self, admin: &Administrator, user: Uuid) -> Result<Outcome, Error> {
        let account = self.touchable(admin, user).await?;
        let note = self.note_by(admin, EventKind::LimitsCleared);
        self.write(manage::limits_cleared(account.user.id, note)).await?;
        Ok(Outcome::Done { ended: 0 })
    }

    /// Sends a letter that lets the user set a new password; the one in force stays until then (SEC-47).
    ///
    /// Refused: no letters are delivered, the account is switched off, the user has no address.
    pub(super) async fn start_reset_of(&self, admin: &Administrator, user: Uuid) -> Result<Outcome, Error> {
        self.needs_mail()?;
        for _ in 0..TRIES {
            let account = self.touchable(admin, user).await?;
            match account.user.status {
                Status::Active => {}
                Status::Inactive => return Err(Refusal::AccountInactive.into()),
                Status::Suspended => return Err(Refusal::AccountSuspended.into()),
            }
            let no_address = || Refusal::InvalidInput(vec![Flaw::new(Input::Email, Rule::Required)]);
            let to = address_of(&account.user).ok_or_else(no_address)?;
            let whose = (Some(account.user.id), account.user.first_name.as_str());
            let mut changes = sent(Letter::ResetPassword, whose, to, self.link_id()?, self.scene.now);
            let note = self.note_by(admin, EventKind::ResetAsked).about(Some(account.user.id));
            changes.push(note.noted());
            if self.record(changes).await?.is_ok() {
                return Ok(Outcome::Done { ended: 0 });
            }
        }
        Err(contended())
    }

    /// Switches the second factor off, for somebody who has lost phone and recovery codes. The password stays.
    ///
    /// Refused: there is none.
    pub(super) async fn factors_off_of(&self, admin: &Administrator, user: Uuid) -> Result<Outcome, Error> {
        for _ in 0..TRIES {
            let account = self.touchable(admin, user).await?;
            let found = self.engine.store().factors(account.user.id).await?;
            let (from, factors) = found.ok_or(Refusal::NotYours)?;
            let note = self.note_by(admin, EventKind::FactorRemoved);
            let letter = self.engine.told(Letter::FactorRemoved, &account.user);
            if self.record(switched_off(&account, (from, &factors), note, letter)).await?.is_ok() {
                return Ok(Outcome::Done { ended: 0 });
            }
        }
        Err(contended())
    }
}
