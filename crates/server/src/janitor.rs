//! What goes when it is old, and who says where the trail ends?

use crate::App;
use engine::{Fault, Tidied, Work};
use std::time::Duration;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(600);
/// Between two rounds while there is more to take away: others get their turn.
const SOON: Duration = Duration::from_secs(1);
/// Rounds between two words about the end of the trail: an hour.
const WORD: u32 = 6;

/// Takes old sessions and events away, a bounded number at a time, until it is stopped.
///
/// The end of the trail is logged now and then: a log kept elsewhere tells when the whole database was put back.
pub async fn tidy(app: App) {
    let mut rounds = 0_u32;
    loop {
        let pause = match round(&app).await {
            Ok(tidied) if tidied.sessions + tidied.events > 0 => {
                tracing::info!(
                    sessions = tidied.sessions,
                    events = tidied.events,
                    "what was old was deleted"
                );
                SOON
            }
            Ok(_) => ROUND,
            Err(fault) => {
                tracing::warn!(%fault, "what is old could not be deleted");
                ROUND
            }
        };
        if pause == ROUND {
            if rounds.is_multiple_of(WORD) {
                tell_head(&app).await;
            }
            rounds = rounds.wrapping_add(1);
        }
        tokio::time::sleep(pause).await;
    }
}

/// One round, if it is this node's turn.
async fn round(app: &App) -> Result<Tidied, Fault> {
    if app.engine().leads(Work::Tidying).await? {
        app.engine().tidy_up().await
    } else {
        Ok(Tidied::default())
    }
}

/// Writes the end of the trail into the log, as `countersign audit verify --head` takes it.
pub async fn tell_head(app: &App) {
    match app.engine().trail_head().await {
        Ok(Some((row, seal))) => tracing::info!(head = format!("{row}:{}", seal.hex()), "the audit trail"),
        Ok(None) => {}
        Err(fault) => tracing::warn!(%fault, "the audit trail could not be read"),
    }
}
