//! How does a running server learn of another phase, and when does it write down what it counted?

use crate::App;
use std::time::Duration;

/// Between two looks. Every node is in a new phase after this time.
const LOOK: Duration = Duration::from_secs(1);

/// Looks for other phases and writes counts down, until it is stopped. A database that is away changes no phase.
pub async fn follow(app: App) {
    let mut blind = false;
    let mut even = false;
    loop {
        tokio::time::sleep(LOOK).await;
        if app.takeovers().is_empty() {
            continue;
        }
        match app.engine().phases().await {
            Ok(kept) => {
                app.takeovers().take(&kept);
                blind = false;
            }
            Err(fault) if !blind => {
                blind = true;
                tracing::warn!(%fault, "the phases of mounts can not be looked at; those in force stay");
            }
            Err(_) => {}
        }
        even = !even;
        if even {
            app.takeovers().counts.write(app.engine()).await;
        }
    }
}
