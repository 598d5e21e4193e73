//! What may the operator do about somebody's second factor, on the console?

use crate::Engine;
use crate::error::Fault;
use crate::operator::{MAX_PAGE, OperatorError, Who, refused};
use domain::change::{Change, FactorChange};
use domain::event::{Actor, Event, EventKind};
use domain::factor::totp::SEED_BYTES;
use domain::factor::{Factor, Factors, TOTP_PURPOSE, base32};
use domain::id::UserId;
use domain::letter::Letter;
use domain::record::{CarriedFactor, Record, RecordFactor, StoredHashText};
use domain::rule::factor::switched_off;
use domain::secret::SecretBytes;
use domain::time::Moment;
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
            let to = Box::new(before.with_active(self.sealed_totp(user, seed)?, now));
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

    fn sealed_totp(&self, user: UserId, seed: &SecretBytes) -> Result<Factor, Fault> {
        let sealed = self.master().seal(TOTP_PURPOSE, user, seed.expose(), self.chance().bytes()?);
        sealed.map(Factor::totp).map_err(|fault| Fault::Crypto(fault.to_string()))
    }

    /// The factors that an import brings for a user, under the master key of this installation.
    pub(crate) fn carried(
        &self,
        user: UserId,
        factor: &CarriedFactor,
        now: Moment,
    ) -> Result<Factors, Fault> {
        let factors = Factors::default().with_active(self.sealed_totp(user, &factor.seed)?, now);
        Ok(factors.with_recovery(&factor.recovery))
    }

    /// As [`Engine::export_users`], with second factors: the seeds are opened with the master key.
    ///
    /// Refused: a seed that was sealed under another master key.
    pub async fn export_with_factors(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Record>, Fault> {
        let page = self.store().users_after(after, limit.clamp(1, MAX_PAGE)).await?;
        let mut records = Vec::with_capacity(page.len());
        for account in &page {
            let mut record = Record::of(account);
            if account.user.second_factor {
                record.second_factor = self.factor_of(account.user.id).await?;
            }
            records.push(record);
        }
        Ok(records)
    }

    async fn factor_of(&self, user: UserId) -> Result<Option<RecordFactor>, Fault> {
        let Some((_, factors)) = self.store().factors(user).await? else { return Ok(None) };
        let Some(active) = factors.active() else { return Ok(None) };
        let seed = self.master().open(TOTP_PURPOSE, user, active.sealed()).ok_or_else(|| {
            Fault::Crypto(format!("the second factor of user {} is sealed under another master key", user.0))
        })?;
        let recovery_codes = factors.recovery_digests().to_vec();
        Ok(Some(RecordFactor {
            totp_seed: StoredHashText::new(base32::encode(seed.expose())),
            recovery_codes,
        }))
    }
}
