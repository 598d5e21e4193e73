//! Who may write now?
//!
//! A connection writes one list at a time. The one used last is used next, so that few strands of the trail grow while
//! there is little to write.

use super::session::{Purpose, Session};
use super::slot::Common;
use super::strand::Strand;
use crate::error::Fault;
use domain::trail::TrailKey;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

/// A connection for changes.
pub(super) struct Writer {
    pub session: Session,
    /// The strand of the trail that it writes, once it has written an event.
    pub strand: Option<Strand>,
    /// The key of the trail.
    pub key: Arc<TrailKey>,
    /// Dropped with the writer: then another one is connected.
    _place: oneshot::Sender<()>,
}

impl Writer {
    /// A connection with the strand that it goes on with. `place`: dropped with the writer.
    pub fn new(
        session: Session,
        strand: Option<Strand>,
        key: Arc<TrailKey>,
        place: oneshot::Sender<()>,
    ) -> Writer {
        Writer { session, strand, key, _place: place }
    }

    /// Ends the connection at once, so that another is made in its place; gives the strand as it was before the list.
    pub fn abandon(self) -> Option<Strand> {
        self.session.abandon();
        self.strand
    }
}

/// The connections for changes.
pub(super) struct Writers {
    shelf: Arc<Shelf>,
    wait: Duration,
    keepers: Vec<JoinHandle<()>>,
}

struct Shelf {
    idle: Mutex<Vec<Writer>>,
    /// As many permits as there are idle writers, or more: whoever finds none left behind a permit looks again.
    there: Semaphore,
    /// How many are connected, in use or not.
    live: AtomicUsize,
}

impl Shelf {
    fn put(&self, writer: Writer) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(writer);
        self.there.add_permits(1);
    }

    /// Takes out what has ended, so that its place is filled again.
    fn clear(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).retain(|writer| !writer.session.has_ended());
    }
}

impl Writers {
    /// Keeps so many connections. `wait`: how long a list waits for one.
    pub fn keep(common: &Arc<Common>, count: usize, wait: Duration, key: &Arc<TrailKey>) -> Writers {
        let shelf =
            Arc::new(Shelf { idle: Mutex::default(), there: Semaphore::new(0), live: AtomicUsize::new(0) });
        let keepers = (0..count)
            .map(|_| {
                let (common, shelf, key) = (Arc::clone(common), Arc::clone(&shelf), Arc::clone(key));
                tokio::spawn(async move {
                    loop {
                        let session = common.connect(Purpose::Changes).await;
                        let ended = session.ended();
                        let (place, gone) = oneshot::channel();
                        shelf.live.fetch_add(1, Ordering::Relaxed);
                        shelf.put(Writer::new(session, None, Arc::clone(&key), place));
                        ended.wait().await;
                        shelf.live.fetch_sub(1, Ordering::Relaxed);
                        shelf.clear();
                        // Whoever has it at this moment drops it.
                        drop(gone.await);
                    }
                })
            })
            .collect();
        Writers { shelf, wait, keepers }
    }

    /// An idle writer. Refused when there is none for too long.
    pub async fn take(&self) -> Result<Writer, Fault> {
        let busy = || Fault::Database("no connection to the database is free".to_owned());
        let search = async {
            loop {
                let permit = self.shelf.there.acquire().await.map_err(|_| busy())?;
                permit.forget();
                let writer = self.shelf.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                // One that has ended meanwhile is dropped, and its place filled again.
                if let Some(writer) = writer.filter(|writer| !writer.session.has_ended()) {
                    return Ok(writer);
                }
            }
        };
        tokio::time::timeout(self.wait, search).await.unwrap_or_else(|_| Err(busy()))
    }

    /// Gives a writer back.
    pub fn give(&self, writer: Writer) {
        if !writer.session.has_ended() {
            self.shelf.put(writer);
        }
    }

    /// Cuts the idle connections; others are made in their place.
    pub fn cut(&self) {
        let idle = std::mem::take(&mut *self.shelf.idle.lock().unwrap_or_else(PoisonError::into_inner));
        idle.into_iter().for_each(|writer| drop(writer.abandon()));
    }

    /// Whether there is a connection, free or not.
    pub fn is_connected(&self) -> bool {
        self.shelf.live.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.keepers.iter().for_each(JoinHandle::abort);
    }
}
