//! Is this the password, and may it be tried at all?
//!
//! The one place where a password is checked, whatever the verb, the route or the contract (SEC-20). A try is reserved
//! before it is hashed and settled at once after; what is to be stored of it goes with the next list that is recorded.

use super::Turn;
use super::rehearsal::{Newcomer, NotSignedUp};
use super::share::Counted;
use crate::error::{Error, Fault};
use crate::hasher::{Asker, HashRefused, Rank, Verified};
use crate::limit::{Aftermath, Claim, Client, Reserved, Stop};
use domain::change::Change;
use domain::command::SignUp;
use domain::event::{Actor, EventKind};
use domain::id::UserId;
use domain::input::{Flaw, Rule};
use domain::limit::SECOND;
use domain::outcome::{Minted, Outcome};
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::token::{Blind, Device};
use domain::user::{Account, StoredHash};
use std::time::Duration;

/// Whose password is checked.
pub(super) enum Claimed<'a> {
    /// This account's.
    Account(&'a Account),
    /// Nobody's.
    Nobody {
        /// The identifier as it was typed.
        typed: &'a str,
        /// The user who has it in another spelling than the contract takes; shares the budget.
        spelt_otherwise: Option<UserId>,
    },
}

impl Claimed<'_> {
    fn hash(&self) -> Option<&StoredHash> {
        match self {
            Claimed::Account(account) => account.password_hash.as_ref(),
            Claimed::Nobody { .. } => None,
        }
    }

    /// The user against whom a try is counted.
    pub(super) fn user(&self) -> Option<UserId> {
        match self {
            Claimed::Account(account) => Some(account.user.id),
            Claimed::Nobody { spelt_otherwise, .. } => *spelt_otherwise,
        }
    }

    /// A right password of an account that is switched off looks like a wrong one, to the counters, too (SEC-10).
    fn may_enter(&self) -> bool {
        matches!(self, Claimed::Account(account) if account.is_active())
    }
}

/// The verdict on a typed password and the hash it was held against.
pub(super) struct Checked {
    against: Option<StoredHash>,
    verified: Verified,
}

impl Checked {
    /// A verdict that was found in another way.
    pub(super) const fn of(against: Option<StoredHash>, verified: Verified) -> Checked {
        Checked { against, verified }
    }
}

/// What a password is told that is off: as if it were wrong, at once and unhashed.
pub(super) const OFF: Verified =
    Verified { matches: false, outdated: false, spent: Duration::ZERO, remaining_to_floor: Duration::ZERO };

/// How often a try that is counted by several nodes looks at what the others have counted.
const LOOKS: usize = 8;

impl Turn<'_> {
    /// Holds a password against the hash of the account claimed, or against the decoy; not twice against the same one.
    ///
    /// Refused: a budget is used up. A password that is off is never right.
    pub(super) async fn check(
        &self,
        checked: &mut Option<Checked>,
        claimed: Claimed<'_>,
        password: &Secret,
    ) -> Result<Verified, Error> {
        let stored = claimed.hash();
        if let Some(known) = checked
            && known.against.as_ref() == stored
        {
            return Ok(known.verified);
        }
        let verified = match self.reserve(&claimed).await? {
            Some((account, reserved)) => {
                let verified = self.verify(stored, password, &reserved).await?;
                self.settle(&claimed, &account, password, verified, &reserved).await?;
                verified
            }
            None => OFF,
        };
        *checked = Some(Checked { against: stored.cloned(), verified });
        Ok(verified)
    }

    pub(super) async fn verify(
        &self,
        stored: Option<&StoredHash>,
        password: &Secret,
        reserved: &Reserved,
    ) -> Result<Verified, Error> {
        let hasher = self.engine.hasher();
        // Another process may have imported hashes of kinds that were never timed (SEC-12).
        if self.engine.may_know_more_schemes() {
            hasher.learn(self.engine.store().hash_schemes().await?);
        }
        let known = matches!(reserved, Reserved::Device(_));
        let rank = self.rank(if known { Rank::First } else { Rank::Next });
        match hasher.verify(Asker { client: self.share(), rank }, stored, password).await {
            Ok(verified) => Ok(self.unhurried(verified)),
            Err(refused) => {
                self.engine.limiter().release(reserved);
                self.share_back(reserved).await;
                Err(hash_refused(refused))
            }
        }
    }

    /// Takes the try from its budgets. None: the password is off.
    pub(super) async fn reserve(&self, claimed: &Claimed<'_>) -> Result<Option<(Blind, Reserved)>, Error> {
        let limiter = self.engine.limiter();
        let account = match (claimed, claimed.user()) {
            (_, Some(user)) => limiter.user(user),
            (Claimed::Nobody { typed, .. }, None) => limiter.nobody(typed),
            (Claimed::Account(account), None) => limiter.user(account.user.id),
        };
        if self.is_rehearsal() || !limiter.is_on() {
            return Ok(Some((account, Reserved::Free)));
        }
        let device = match claimed {
            Claimed::Account(account) => self.known_device(account),
            Claimed::Nobody { .. } => None,
        };
        for _ in 0..LOOKS {
            let claim = Claim {
                account,
                device: device.map(|device| limiter.device_name(&device)),
                client: self.client(),
                stored: self.engine.store().failures(&account).await?,
                now: self.scene.now,
            };
            let reserved = match limiter.reserve(&claim, self.engine.clock().steady_micros()) {
                Ok(reserved) => reserved,
                Err(Stop::Wait(throttle)) => return Err(Refusal::Throttled(throttle).into()),
                Err(Stop::Off) => return Ok(None),
            };
            match self.share_try(claimed, &claim, &reserved).await {
                Ok(Counted::Yes) => return Ok(Some((account, reserved))),
                Ok(Counted::Stale) => limiter.release(&reserved),
                Err(refused) => {
                    limiter.release(&reserved);
                    return Err(refused);
                }
            }
        }
        // So many others try at this moment that this one comes too soon.
        Err(Refusal::Throttled(limiter.too_soon(SECOND)).into())
    }

    pub(super) async fn settle(
        &self,
        claimed: &Claimed<'_>,
        account: &Blind,
        password: &Secret,
        verified: Verified,
        reserved: &Reserved,
    ) -> Result<(), Fault> {
        if self.is_rehearsal() {
            return Ok(());
        }
        let (limiter, now) = (self.engine.limiter(), self.engine.clock().steady_micros());
        let user = claimed.user();
        if verified.matches && claimed.may_enter() {
            self.settle_right(reserved, user).await;
            return Ok(());
        }
        let pair = [account.0.as_slice(), password.expose().as_bytes()].concat();
        let after = limiter.settle_wrong(reserved, &pair, now);
        self.later(self.aftermath(after, user));
        self.share_suspicion(reserved, &pair).await
    }

    /// The password was right, so the try was no failure.
    pub(super) async fn settle_right(&self, reserved: &Reserved, user: Option<UserId>) {
        let now = self.engine.clock().steady_micros();
        if let (true, Some(user)) = (self.engine.limiter().settle_right(reserved, now), user) {
            self.later([Change::ClearFailures { user }]);
        }
        // Should the sign-in break off now, its right password must not stand there as a failure.
        self.share_back(reserved).await;
    }

    fn aftermath(&self, after: Aftermath, user: Option<UserId>) -> Vec<Change> {
        let Aftermath { count, throttled, off, blocked, alarm } = after;
        let count = count.map(|account| Change::CountFailure { account, user, at: self.scene.now });
        let mut changes: Vec<Change> = count.into_iter().collect();
        let events = [
            (throttled, EventKind::PasswordThrottled, user),
            (off, EventKind::PasswordOff, user),
            (blocked, EventKind::ClientBlocked, None),
            (alarm, EventKind::SignInAlarm, None),
        ];
        for (_, kind, user) in events.into_iter().filter(|(happened, ..)| *happened) {
            tracing::warn!(event = kind.name(), address = self.scene.address, "limits");
            changes.push(self.scene.event(kind, user, None).by(Actor::System).noted());
        }
        changes
    }

    /// The device of the caller, if the account knows it.
    fn known_device(&self, account: &Account) -> Option<Device> {
        let token = self.caller.device.as_ref()?;
        self.engine.limiter().device(token.expose(), account.user.id, account.epoch, self.scene.now)
    }

    /// The token that makes the caller a known device of the account; a device that is known already keeps its number.
    pub(super) fn device_token(&self, account: &Account) -> Result<Option<Minted>, Fault> {
        if !self.engine.limiter().is_on() {
            return Ok(None);
        }
        let number = match self.known_device(account) {
            Some(device) => device.number,
            None => u64::from_le_bytes(self.engine.chance().bytes()?),
        };
        let now = self.scene.now;
        let device = Device { user: account.user.id.0, epoch: account.epoch, issued: now.seconds(), number };
        Ok(self.engine.limiter().device_token(&device).map(|(token, expires_at)| Minted {
            token: Secret::new(token),
            issued_at: now,
            expires_at,
        }))
    }

    /// Against whom is counted; nobody in a rehearsal.
    fn client(&self) -> Option<Client> {
        if self.is_rehearsal() {
            return None;
        }
        self.engine.limiter().client(self.share())
    }

    /// Whose share of the hashing queue is taken; empty where the client's address is not known.
    pub(super) fn share(&self) -> &str {
        if self.caller.derived { &self.caller.address } else { "" }
    }

    /// Counts a request that asks about accounts without a password. Refused: the client asks too often.
    pub(super) async fn count_request(&self) -> Result<(), Error> {
        let Some(client) = self.client() else { return Ok(()) };
        let now = self.engine.clock().steady_micros();
        self.engine.limiter().admit(&client, now).map_err(Refusal::Throttled)?;
        self.share_request(&client).await
    }

    /// Carries out a sign-up that counts against the client.
    pub(super) async fn counted_sign_up(&self, request: &SignUp) -> Result<Outcome, Error> {
        self.count_sign_up().await?;
        let signed_up = self.sign_up(request).await;
        if let Err(refused) = &signed_up {
            self.spare_sign_up(refused).await;
        }
        signed_up
    }

    /// As [`Turn::counted_sign_up`], where another application decides, too.
    pub(super) async fn counted_sign_up_through<A>(
        &self,
        request: &SignUp,
        ask: impl AsyncFnOnce() -> Result<Newcomer, A>,
    ) -> Result<Outcome, NotSignedUp<A>> {
        self.count_sign_up().await?;
        let signed_up = self.sign_up_through(request, ask).await;
        if let Err(NotSignedUp::Ours(refused)) = &signed_up {
            self.spare_sign_up(refused).await;
        }
        signed_up
    }

    /// Counts a sign-up of the client (SEC-27). Refused: too many.
    async fn count_sign_up(&self) -> Result<(), Error> {
        let Some(client) = self.client() else { return Ok(()) };
        let now = self.engine.clock().steady_micros();
        self.engine.limiter().admit_sign_up(&client, now).map_err(Refusal::Throttled)?;
        self.share_sign_up(&client).await
    }

    /// A sign-up that was refused for its own inputs alone has told nothing about others and costs nothing.
    async fn spare_sign_up(&self, refused: &Error) {
        let own = |flaws: &[Flaw]| flaws.iter().all(|flaw| flaw.rule != Rule::Taken);
        if let (Error::Refused(Refusal::InvalidInput(flaws)), Some(client)) = (refused, self.client())
            && own(flaws)
        {
            self.engine.limiter().spare_sign_up(&client);
            self.share_spared_sign_up(&client).await;
        }
    }

    /// Counts an exchange against its family of refresh tokens.
    pub(super) fn spend_refresh(&self, family: domain::id::SessionId) -> Result<(), Refusal> {
        if self.is_rehearsal() {
            return Ok(());
        }
        let now = self.engine.clock().steady_micros();
        self.engine.limiter().spend_refresh(family.0, now).map_err(Refusal::Throttled)
    }
}

/// What is answered when the hashing threads do not hash.
pub(crate) fn hash_refused(refused: HashRefused) -> Error {
    match refused {
        HashRefused::Busy { retry_after_seconds } => Refusal::Overloaded(retry_after_seconds).into(),
        HashRefused::Gone => Fault::Gone("hasher").into(),
    }
}
