//! When does a running server take other keys into service? (REL-31, REL-32)

use crate::App;
use crate::keys::{Keys, Seen};
use std::time::{Duration, Instant};

/// Even when nothing has changed: the time of a key may have come, and secrets of applications lie elsewhere.
const ROUND: Duration = Duration::from_secs(15);

/// Takes new keys into service, those that another command or node wrote and those whose time has come, until it is
/// stopped.
pub async fn follow(app: App) {
    let mut seen: Option<Seen> = None;
    let mut taken = Instant::now();
    let mut blind = false;
    loop {
        tokio::time::sleep(Keys::of_folder(app.config()).pause()).await;
        let keys = match Keys::beside(app.config(), app.engine()).await {
            Ok(keys) => keys,
            Err(fault) if blind => {
                tracing::debug!(%fault, "the keys can still not be looked at");
                continue;
            }
            Err(fault) => {
                blind = true;
                tracing::warn!(%fault, "the keys can not be looked at; those in force stay");
                continue;
            }
        };
        blind = false;
        let now = keys.seen();
        if seen.as_ref() == Some(&now) && taken.elapsed() < ROUND {
            continue;
        }
        (seen, taken) = (Some(now), Instant::now());
        if let Err(faults) = app.take_keys(keys).await {
            tracing::error!(%faults, "the keys could not be read again; those in force stay");
        }
    }
}
