//! What may the operator do about somebody's second factor, on the console?

use crate::Engine;
use crate::error::Fault;
use crate::operator::{OperatorError, Who, refused};
use domain::change::{Change, FactorChange};
use domain::event::{Actor, Event, EventKind};
use domain::factor::totp::SEED_BYTES;
use domain::factor::{Factor, Factors, TOTP_PURPOSE};
use domain::letter::Letter;
use domain::rule::factor::switched_off;
use domain::secret::SecretBytes;
use domain::user::User;

/// How often a change looks again when a request came between.
const TRIES: usize = 8;

impl Engine {
    /// Switches the second factor of a user off, for somebody who has lost phone and recovery codes. The password stays.
    ///
    /// Refused: no such user, no second factor.
    pub async fn factors_off(&self, who: &Who) -> Result<User, OperatorError> {
        for _ in 0..TRIES {
            let now = self.clock().now();
            let account = self.need_account(who).await?;
            let Some((from, factors)) = self.store().factors(account.user.id).await? else {
                return Err(refused("this user has no second factor"));
            };
            let event = Event::inside(EventKind::FactorRemoved, now, Actor::Operator, "user factors-off");
            let letter = self.told(Letter::FactorRemoved, &account.user);
            let changes = switched_off(&account, (from, &factors), event, letter);
            if self.store().record(changes).await?.is_ok() {
                return Ok(User { second_factor: false, ..account.user });
            }
        }
        Err(Fault::Contended("factors_off").into())
    }

    /// Puts a TOTP factor in force whose seed another system knows already, for users who move with their
    /// authenticator app. There are no recovery codes until the user makes some.
    ///
    /// Refused: no such user, a seed of fewer than 160 bits.
    pub async fn adopt_totp(&self, who: &Who, seed: &SecretBytes) -> Result<User, OperatorError> {
        if seed.expose().len() < SEED_BYTES {
            return Err(refused("a seed has at least 160 bits: 32 characters in base 32"));
        }
        for _ in 0..TRIES {
            let now = self.clock().now();
            let account = self.need_account(who).await?;
            let user = account.user.id;
            let (from, before) = match self.store().factors(user).await? {
                Some((version, factors)) => (Some(version), factors),
                None => (None, Factors::default()),
            };
            let sealed = self.master().seal(TOTP_PURPOSE, user, seed.expose(), self.chance().bytes()?);
            let sealed = sealed.map_err(|fault| Fault::Crypto(fault.to_string()))?;
            let to = Box::new(before.with_active(Factor::totp(sealed), now));
            let event = Event::inside(EventKind::FactorAdded, now, Actor::Operator, "user adopt-totp");
            let changes = vec![
                Change::Factor(FactorChange::Put { user, from, to }),
                Change::Factor(FactorChange::Switch { user, epoch: account.epoch, on: true }),
                event.about(Some(user)).noted(),
            ];
            if self.store().record(changes).await?.is_ok() {
                return Ok(User { second_factor: true, ..account.user });
            }
        }
        Err(Fault::Contended("adopt_totp").into())
    }
}
