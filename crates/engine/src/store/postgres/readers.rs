//! Who may look at the database now?
//!
//! Looks share a few connections: each is sent at once and answered in order. A look that goes through a connection
//! which turns out to be dead is asked again through another.

use super::session::{Purpose, Session, look_fault};
use super::slot::Common;
use crate::error::Fault;
use crate::store::value::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::Row;

/// A look takes a fraction of a millisecond. One that takes so long will never be answered: its connection is cut.
const PATIENCE: Duration = Duration::from_millis(1500);

const READ_ONLY: &str = "SHOW transaction_read_only";

/// Connections that only look.
pub(super) struct Readers {
    slots: Arc<[Slot]>,
    next: AtomicUsize,
    connected: Arc<Notify>,
    wait: Duration,
    patience: Duration,
    keepers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Slot(RwLock<Option<Arc<Session>>>);

impl Slot {
    fn get(&self) -> Option<Arc<Session>> {
        let session = self.0.read().unwrap_or_else(PoisonError::into_inner);
        session.as_ref().filter(|session| !session.has_ended()).map(Arc::clone)
    }

    fn set(&self, session: Option<Arc<Session>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = session;
    }
}

impl Readers {
    /// Keeps so many connections. `wait`: how long a look waits for one while there is none.
    pub fn keep(common: &Arc<Common>, count: usize, wait: Duration, purpose: Purpose) -> Readers {
        let slots: Arc<[Slot]> = (0..count).map(|_| Slot::default()).collect();
        let connected = Arc::new(Notify::new());
        let keepers = (0..count)
            .map(|at| {
                let (common, slots, connected) =
                    (Arc::clone(common), Arc::clone(&slots), Arc::clone(&connected));
                tokio::spawn(async move {
                    loop {
                        let session = Arc::new(common.connect(purpose).await);
                        let ended = session.ended();
                        slots[at].set(Some(session));
                        connected.notify_waiters();
                        ended.wait().await;
                        slots[at].set(None);
                    }
                })
            })
            .collect();
        let patience =
            if purpose == Purpose::Scans { Duration::from_millis(super::SCAN_MS + 500) } else { PATIENCE };
        Readers { slots, next: AtomicUsize::new(0), connected, wait, patience, keepers }
    }

    /// All rows of a statement.
    pub async fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let first = self.try_query(sql, values).await;
        match first {
            Err((_, true)) => self.try_query(sql, values).await.map_err(|(fault, _)| fault),
            asked => asked.map_err(|(fault, _)| fault),
        }
    }

    /// Whether the database answers through one of two connections, and takes writes. What does not answer in time is
    /// cut.
    pub async fn beats(&self, limit: Duration) -> bool {
        for _ in 0..2 {
            let Some(session) = self.pick() else { return false };
            match tokio::time::timeout(limit, session.query(READ_ONLY, &[])).await {
                Ok(Ok(rows)) => {
                    return rows.first().is_some_and(|row| row.try_get(0).is_ok_and(|on: &str| on == "off"));
                }
                Ok(Err(_)) | Err(_) => session.abandon(),
            }
        }
        false
    }

    /// Cuts all connections; others are made in their place.
    pub fn cut(&self) {
        self.slots.iter().filter_map(Slot::get).for_each(|session| session.abandon());
    }

    /// Whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.slots.iter().any(|slot| slot.get().is_some())
    }

    /// The flag of a fault says whether asking again may help.
    async fn try_query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, (Fault, bool)> {
        let session = self.session().await.map_err(|fault| (fault, false))?;
        match tokio::time::timeout(self.patience, session.query(sql, values)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                let ended = error.is_closed() || session.has_ended();
                if ended {
                    session.abandon();
                }
                Err((look_fault(&error), ended))
            }
            Err(_) => {
                session.abandon();
                Err((Fault::Database("the database does not answer".to_owned()), false))
            }
        }
    }

    async fn session(&self) -> Result<Arc<Session>, Fault> {
        let search = async {
            loop {
                let connected = self.connected.notified();
                if let Some(session) = self.pick() {
                    return session;
                }
                connected.await;
            }
        };
        tokio::time::timeout(self.wait, search)
            .await
            .map_err(|_| Fault::Database("the database can not be reached".to_owned()))
    }

    fn pick(&self) -> Option<Arc<Session>> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (0..self.slots.len()).find_map(|at| self.slots[first.wrapping_add(at) % self.slots.len()].get())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.keepers.iter().for_each(JoinHandle::abort);
    }
}
