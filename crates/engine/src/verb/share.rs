//! How does a verb count against what all nodes share? (SEC-28)

use super::Turn;
use super::check::Claimed;
use crate::error::{Error, Fault};
use crate::limit::{Budget, Claim, Client, Reserved};
use crate::store::Shares;
use domain::event::{Actor, EventKind};
use domain::refusal::Refusal;
use domain::token::Blind;

/// What became of a try that was to be counted beforehand.
pub(super) enum Counted {
    /// It is counted.
    Yes,
    /// Another try came in between: look again.
    Stale,
}

impl Turn<'_> {
    /// Takes one try from each budget. Refused: one of them has nothing left.
    async fn take(&self, shares: &Shares, budgets: &[Budget]) -> Result<(), Error> {
        if budgets.is_empty() {
            return Ok(());
        }
        match shares.take(budgets, self.engine.clock().frozen_micros()).await? {
            Ok(()) => Ok(()),
            Err((at, wait)) => Err(Refusal::Throttled(budgets[at].throttle(wait)).into()),
        }
    }

    /// As `take`. Refused, too: the client tried too many pairs of account and password, at whichever node. Both are
    /// asked in one round trip; what a blocked client takes from its budgets it would not get either.
    async fn take_unless_blocked(
        &self,
        shares: &Shares,
        client: &Client,
        budgets: &[Budget],
    ) -> Result<(), Error> {
        let (name, told) = self.engine.limiter().shared_block(client);
        let blocked = shares.left(&name, self.engine.clock().frozen_micros());
        let (left, taken) = tokio::join!(biased; blocked, self.take(shares, budgets));
        match left? {
            0 => taken,
            left => Err(Refusal::Throttled(told(left)).into()),
        }
    }

    /// Counts a request of a client at all nodes together.
    pub(super) async fn share_request(&self, client: &Client) -> Result<(), Error> {
        let Some(shares) = self.engine.store().shares() else { return Ok(()) };
        self.take_unless_blocked(shares, client, &[self.engine.limiter().shared_request(client)]).await
    }

    /// Counts a sign-up of a client at all nodes together.
    pub(super) async fn share_sign_up(&self, client: &Client) -> Result<(), Error> {
        let Some(shares) = self.engine.store().shares() else { return Ok(()) };
        let limiter = self.engine.limiter();
        let budgets = [limiter.shared_request(client), limiter.shared_sign_up(client)];
        self.take_unless_blocked(shares, client, &budgets).await
    }

    /// Gives back a sign-up that told nothing about others.
    pub(super) async fn share_spared_sign_up(&self, client: &Client) {
        self.give_back(&[self.engine.limiter().shared_sign_up(client)], None).await;
    }

    /// Counts a try at all nodes together, before its password is hashed (SEC-18).
    pub(super) async fn share_try(
        &self,
        claimed: &Claimed<'_>,
        claim: &Claim,
        reserved: &Reserved,
    ) -> Result<Counted, Error> {
        let Some(shares) = self.engine.store().shares() else { return Ok(Counted::Yes) };
        let budgets = self.engine.limiter().shared_try(reserved);
        match reserved.client() {
            Some(client) => self.take_unless_blocked(shares, client, &budgets).await?,
            None => self.take(shares, &budgets).await?,
        }
        if !matches!(reserved, Reserved::Stranger { .. }) {
            return Ok(Counted::Yes);
        }
        if shares.step(&claim.account, claimed.user(), &claim.stored, self.scene.now).await? {
            return Ok(Counted::Yes);
        }
        shares.give_back(&budgets).await?;
        Ok(Counted::Stale)
    }

    /// Gives a try back: its password was right, or nothing was hashed. It was no failure of the account either.
    pub(super) async fn share_back(&self, reserved: &Reserved) {
        self.give_back(&self.engine.limiter().shared_refund(reserved), reserved.account()).await;
    }

    async fn give_back(&self, budgets: &[Budget], account: Option<Blind>) {
        let Some(shares) = self.engine.store().shares() else { return };
        let step = async {
            match account {
                Some(account) => shares.step_back(&account).await,
                None => Ok(()),
            }
        };
        let (given, stepped) = tokio::join!(biased; shares.give_back(budgets), step);
        if let Err(fault) = given.and(stepped) {
            tracing::debug!(%fault, "a try was not given back; it comes back with time");
        }
    }

    /// Notes a pair that failed, for all nodes; blocks the client that tries too many (SEC-26).
    pub(super) async fn share_suspicion(&self, reserved: &Reserved, pair: &[u8]) -> Result<(), Fault> {
        let Some(shares) = self.engine.store().shares() else { return Ok(()) };
        let Some(client) = reserved.client() else { return Ok(()) };
        let suspicion = self.engine.limiter().shared_suspicion(client, pair);
        if shares.suspect(&suspicion, self.engine.clock().frozen_micros()).await? {
            let kind = EventKind::ClientBlocked;
            tracing::warn!(event = kind.name(), address = self.scene.address, "limits");
            self.later([self.scene.event(kind, None, None).by(Actor::System).noted()]);
        }
        Ok(())
    }
}
