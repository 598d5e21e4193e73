//! How far have mounts been taken over, and what was counted on the way?

use crate::Engine;
use crate::error::Fault;
use crate::hasher::label;
use domain::change::Change;
use domain::event::{Actor, Detail, Event, EventKind};
use domain::phase::{Counted, KeptPhase, MigrationChange, Phase};
use std::collections::BTreeMap;

/// Hashes that are looked at in one go.
const PAGE: u32 = 5000;
/// What is said of users without a password.
const NO_PASSWORD: &str = "no password";
/// What is said of a text that is no hash of a known kind.
const OTHER: &str = "other";

impl Engine {
    /// The phases that were set at run time.
    pub async fn phases(&self) -> Result<Vec<KeptPhase>, Fault> {
        self.store().phases().await
    }

    /// Sets the phase of a mount, with an event. `was` is what was in force, as kept or as configured.
    ///
    /// `false`: somebody else has set it meanwhile, and nothing was written.
    pub async fn set_phase(
        &self,
        mount: &str,
        (from, was): (Option<Phase>, Phase),
        to: Phase,
    ) -> Result<bool, Fault> {
        let now = self.clock().now();
        let event = Event::inside(EventKind::PhaseChanged, now, Actor::Operator, "migration phase")
            .with(Detail::Mount(mount.to_owned()))
            .with(Detail::Phase(to.name()))
            .with(Detail::Was(was.name()));
        let kept = KeptPhase { mount: mount.to_owned(), phase: to, changed_at: now };
        let set = Change::Migration(MigrationChange::SetPhase { kept, from });
        Ok(self.store().record(vec![set, event.noted()]).await?.is_ok())
    }

    /// Adds to what is counted at mounts.
    pub async fn add_counts(&self, counts: Vec<Counted>) -> Result<(), Fault> {
        if counts.is_empty() {
            return Ok(());
        }
        let add = Change::Migration(MigrationChange::AddCounts(counts));
        // Adding relies on nothing.
        self.store().record(vec![add]).await.map(drop)
    }

    /// What was counted, by mount.
    pub async fn migration_counts(&self) -> Result<Vec<Counted>, Fault> {
        self.store().migration_counts().await
    }

    /// Forgets what was counted at a mount, to count from nothing again.
    pub async fn forget_counts(&self, mount: &str) -> Result<(), Fault> {
        let forget = MigrationChange::ForgetCounts { mount: mount.to_owned() };
        self.store().record(vec![Change::Migration(forget)]).await.map(drop)
    }

    /// How many users have a hash of which kind (`bcrypt:12`), with those who have none. Looks at every user.
    pub async fn hash_counts(&self) -> Result<BTreeMap<String, u64>, Fault> {
        let mut counts = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.store().hashes_after(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(counts) };
            after = Some(*last);
            for (_, hash) in &page {
                let kind = match hash {
                    Some(hash) => label(&hash.0).unwrap_or_else(|| OTHER.to_owned()),
                    None => NO_PASSWORD.to_owned(),
                };
                *counts.entry(kind).or_default() += 1;
            }
        }
    }
}
