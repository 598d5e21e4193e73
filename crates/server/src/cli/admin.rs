//! What can the operator do about administrators and their keys?

use super::terminal::{Ended, line};
use super::user;
use crate::bootstrap;
use crate::config::Config;
use clap::Subcommand;
use domain::admin::{AdminKey, KeyId, Scope, Scopes};
use engine::{BOOTSTRAP_SECONDS, Engine};

/// What can be done about administrators.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Write a token that makes the first administrator; refused when there is one
    #[command(
        after_help = "The token lies in bootstrap.token in the data folder, readable by you alone, and lives for an hour:\n  \
        curl -d \"{\\\"token\\\": \\\"$(cat data/bootstrap.token)\\\", \\\"email\\\": \\\"you@example.com\\\", \\\"password\\\": \\\"…\\\"}\" \\\n    \
        -H 'Content-Type: application/json' http://127.0.0.1:8000/v1/admin/bootstrap"
    )]
    Bootstrap,
    /// List all users who may do anything as administrators
    List,
    /// Make, list and revoke admin keys
    #[command(subcommand)]
    Key(KeyCommand),
}

/// What can be done about admin keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; its text is printed this once
    #[command(
        after_help = "Example:\n  countersign admin key create nightly-report --scope users.read --scope audit.read --days 90"
    )]
    Create {
        /// For people
        name: String,
        /// What it may do; give it once for each scope
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// Days until it ends, at most 365
        #[arg(long, default_value_t = 90)]
        days: i64,
    },
    /// List all keys
    List,
    /// Revoke a key at once
    Revoke {
        /// The 16 characters after `csk_`
        id: String,
    },
}

/// Carries a command out.
pub async fn run(command: AdminCommand, config: &Config) -> Result<(), Ended> {
    let engine = user::open(config).await?;
    match command {
        AdminCommand::Bootstrap => bootstrap(&engine, config).await,
        AdminCommand::List => list(&engine).await,
        AdminCommand::Key(KeyCommand::Create { name, scopes, days }) => {
            create(&engine, &name, &scopes, days).await
        }
        AdminCommand::Key(KeyCommand::List) => list_keys(&engine).await,
        AdminCommand::Key(KeyCommand::Revoke { id }) => revoke(&engine, &id).await,
    }
}

async fn bootstrap(engine: &Engine, config: &Config) -> Result<(), Ended> {
    let offered = bootstrap::offer(engine, config, "admin bootstrap").await.map_err(Ended::failed)?;
    match offered {
        Some(offer) => {
            let minutes = BOOTSTRAP_SECONDS / 60;
            line(&format!("The token is in {} and lives for {minutes} minutes.", offer.path.display()));
            Ok(())
        }
        None => Err(Ended::failed("there is an administrator already; `countersign admin list` shows who")),
    }
}

async fn list(engine: &Engine) -> Result<(), Ended> {
    let found = engine.administrators().await.map_err(Ended::failed)?;
    if found.is_empty() {
        line("nobody; `countersign admin bootstrap` makes a token for the first one");
    }
    for (user, scopes) in found {
        let name = user.email.as_deref().or(user.username.as_deref()).unwrap_or("");
        line(&format!("{:<8} {:<32} {:<10} {}", user.id, name, user.status.name(), words(scopes)));
    }
    Ok(())
}

fn words(scopes: Scopes) -> String {
    if scopes == Scopes::ALL { "everything".to_owned() } else { scopes.names().join(" ") }
}

async fn create(engine: &Engine, name: &str, scopes: &[String], days: i64) -> Result<(), Ended> {
    let known = || Scope::ALL.map(Scope::name).join(", ");
    let scopes = Scopes::parse(scopes.iter().map(String::as_str))
        .ok_or_else(|| Ended::wrong_one(format!("--scope is one of {}", known())))?;
    let (key, secret) = engine.make_admin_key(name, scopes, days).await.map_err(Ended::failed)?;
    line(secret.expose());
    super::terminal::err(&format!(
        "{}: it is shown this once and ends {}.",
        key.id,
        key.expires_at.rfc3339(0)
    ));
    Ok(())
}

async fn list_keys(engine: &Engine) -> Result<(), Ended> {
    let now = engine.clock().now();
    for key in engine.admin_keys().await.map_err(Ended::failed)? {
        let AdminKey { id, name, scopes, owner, expires_at, last_used_at, revoked_at, .. } = &key;
        let state = match revoked_at {
            Some(at) => format!("revoked {}", at.rfc3339(0)),
            None if key.is_live(now) => format!("until {}", expires_at.rfc3339(0)),
            None => format!("over since {}", expires_at.rfc3339(0)),
        };
        let owner = owner.map_or_else(|| "console".to_owned(), |owner| format!("user {owner}"));
        let used =
            last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", at.rfc3339(0)));
        line(&format!("{id}  {state}, {used}, by {owner}: {name} ({})", words(*scopes)));
    }
    Ok(())
}

async fn revoke(engine: &Engine, id: &str) -> Result<(), Ended> {
    let id = KeyId::parse(id).ok_or_else(|| {
        Ended::wrong_one(
            "the name of a key has 16 hexadecimal digits; `countersign admin key list` shows them",
        )
    })?;
    engine.revoke_admin_key(id).await.map_err(Ended::failed)?;
    line(&format!("{id} is revoked."));
    Ok(())
}
