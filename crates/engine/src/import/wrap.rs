//! How do weak digests become hashes that can be stored (SEC-115)?
//!
//! Before the users are added, because each takes one argon2id and the database must not be held up for hours. All hashing
//! threads work at it, and what is done is kept in a file: an import that breaks off goes on there.

use super::spool::{Spool, Tag, Tags};
use super::{Entries, ImportFault, ImportOrder, ImportStage};
use crate::Engine;
use crate::error::Fault;
use crate::hasher::HashRefused;
use crate::operator::OperatorError;
use domain::password::weak::WeakDigest;
use domain::record::Entry;
use domain::time::Moment;
use domain::user::NewUser;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use uuid::Uuid;

/// How many digests are read ahead.
const AHEAD: usize = 64;
/// How many are hashed at a time, for each core: there is always one that waits.
const EACH: usize = 2;
/// The purpose of the key of the tags.
const PURPOSE: &str = "import spool";

/// A digest that is to be wrapped, and whose it is.
struct Weak {
    user: NewUser,
    digest: WeakDigest,
    tag: Tag,
}

impl Engine {
    /// What makes tags of digests.
    pub(super) fn tags(&self) -> Result<Tags, ImportFault> {
        let key = self.master().derived(PURPOSE).map_err(|error| Fault::Crypto(error.to_string()));
        Ok(Tags::new(key.map_err(OperatorError::from)?.expose()))
    }

    /// Wraps every weak digest whose user is not here yet. Fails when the file can not be written.
    pub(super) async fn wrap(
        &self,
        order: &ImportOrder,
        count: u64,
        now: Moment,
    ) -> Result<Spool, ImportFault> {
        let path = order.spool.as_deref().ok_or_else(|| {
            ImportFault::Source(
                "weak digests have to be wrapped, and there is no folder to keep them".to_owned(),
            )
        })?;
        let told = |error: std::io::Error| ImportFault::Source(format!("{}: {error}", path.display()));
        let mut spool = Spool::open(path).map_err(told)?;
        order.watch.begin(ImportStage::Wrapping, count);
        let (sender, receiver) = channel(AHEAD);
        let (entries, tags, layout) =
            ((order.open)().map_err(ImportFault::Source)?, self.tags()?, order.layout);
        let reading = tokio::task::spawn_blocking(move || {
            read_weak(entries, &sender, |record| {
                let digest = record.password_hash.as_ref().map(|hash| hash.expose().to_owned());
                let (user, weak) = record.read_with(Uuid::nil(), now, layout).ok()?;
                let tag = tags.of(&user, &digest?);
                Some(Weak { user, digest: weak?, tag })
            })
        });
        self.wrap_all(receiver, &mut spool, order).await.map_err(OperatorError::from)?.map_err(told)?;
        let read = reading.await.map_err(|_| OperatorError::from(super::collide::GONE))?;
        read.map_err(ImportFault::Source)?;
        Ok(spool)
    }

    async fn wrap_all(
        &self,
        mut weak: Receiver<Weak>,
        spool: &mut Spool,
        order: &ImportOrder,
    ) -> Result<std::io::Result<()>, Fault> {
        let most = EACH * std::thread::available_parallelism().map_or(1, usize::from);
        let mut running = JoinSet::new();
        loop {
            let next = if running.len() < most { weak.recv().await } else { None };
            if let Some(Weak { user, digest, tag }) = next {
                if spool.has(tag) || self.store().is_there(&user).await? {
                    order.watch.step();
                    continue;
                }
                let engine = self.clone();
                running.spawn(async move { (tag, engine.wrap_one(Arc::new(digest)).await) });
                continue;
            }
            let Some(done) = running.join_next().await else { return Ok(Ok(())) };
            let (tag, text) = done.map_err(|_| super::collide::GONE)?;
            if let Err(error) = spool.keep(tag, &text?) {
                return Ok(Err(error));
            }
            order.watch.step();
        }
    }

    async fn wrap_one(&self, digest: Arc<WeakDigest>) -> Result<String, Fault> {
        let salt = self.chance().bytes()?;
        loop {
            match self.hasher().wrap(Arc::clone(&digest), salt).await {
                Ok(text) => return Ok(text),
                Err(HashRefused::Gone) => return Err(Fault::Gone("the hashing threads")),
                Err(HashRefused::Busy { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// Sends what is weak, until nobody listens any more.
fn read_weak(
    entries: Entries,
    sender: &Sender<Weak>,
    read: impl Fn(domain::record::Record) -> Option<Weak>,
) -> Result<(), String> {
    for entry in entries {
        let Entry { record, .. } = entry?;
        if let Some(weak) = record.ok().and_then(&read)
            && sender.blocking_send(weak).is_err()
        {
            break;
        }
    }
    Ok(())
}
