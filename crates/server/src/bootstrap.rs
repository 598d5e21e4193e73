//! How does the first administrator come into being? By a one-time token in a file that only the operator can read
//! (SEC-91).

use crate::App;
use crate::config::Config;
use crate::keys::write_private;
use domain::contract::Purpose;
use domain::secret::Secret;
use std::path::PathBuf;

/// Name of the file in the data folder.
const FILE: &str = "bootstrap.token";

/// Where the token lies.
pub fn path(config: &Config) -> PathBuf {
    config.data.join(FILE)
}

/// A token that was just written.
pub struct Offer {
    /// Where it lies.
    pub path: PathBuf,
    /// The token itself, for a terminal.
    pub token: Secret,
}

/// Writes a new token if nobody is an administrator; takes an old file away if somebody is.
pub async fn offer(
    engine: &engine::Engine,
    config: &Config,
    command: &'static str,
) -> Result<Option<Offer>, String> {
    let path = path(config);
    let offered = engine.offer_bootstrap(command).await.map_err(|fault| fault.to_string())?;
    let Some(token) = offered else {
        forget(config);
        return Ok(None);
    };
    let line = format!("{}\n", token.expose());
    write_private(&path, line.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Some(Offer { path, token }))
}

/// As [`offer`], where administrators have a mount to sign in at.
pub async fn offer_at_start(app: &App) -> Result<Option<Offer>, String> {
    let spoken = app.spoken();
    let mounts = spoken.speaker.mounts();
    if !mounts.iter().any(|mount| mount.contract.purpose == Purpose::Administration) {
        return Ok(None);
    }
    if app.engine().has_administrator().await.map_err(|fault| fault.to_string())? {
        forget(app.config());
        return Ok(None);
    }
    offer(app.engine(), app.config(), "serve").await
}

/// Takes the file away once its token was used. Never ends before that.
pub async fn forget_when_used(app: App) {
    app.engine().bootstrap_used().await;
    forget(app.config());
    tracing::info!("the first administrator was made; the bootstrap token is gone");
}

fn forget(config: &Config) {
    let path = path(config);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "the file of the used bootstrap token stays");
    }
}
