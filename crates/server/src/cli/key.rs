//! Which keys are there, and how does a new one take over?

use super::terminal::{Ended, line, out};
use super::user;
use crate::config::{Config, MountConfig};
use crate::keys::{Keys, Listed, TICKETS};
use crate::mounts::{self, Loaded};
use clap::Subcommand;
use domain::contract::Weakening;
use domain::event::{Actor, Detail, Event, EventKind};
use domain::time::Moment;
use engine::{Chance, Clock};
use serde_json::json;

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List all signing keys and what each does
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new signing key; the old ones verify as long as anything they signed can live
    #[command(
        after_help = "A key that others verify with (JWKS) is published six minutes before it signs.\n\
        A running server notices within 15 seconds.\n\nExamples:\n  countersign key rotate native\n  \
        countersign key rotate tickets      ends every session; only when the ticket secret is lost or known to others"
    )]
    Rotate {
        /// Name of a mounted dialect, or `tickets`
        dialect: String,
    },
}

/// Carries a command out.
pub async fn run(command: &KeyCommand, config: &Config) -> Result<(), Ended> {
    match command {
        KeyCommand::List { json } => list(config, *json),
        KeyCommand::Rotate { dialect } if dialect == TICKETS => rotate_tickets(config).await,
        KeyCommand::Rotate { dialect } => rotate(config, dialect).await,
    }
}

/// Notes that a key got a successor. Before the first start there is no trail, and nothing to tell.
async fn note(config: &Config, name: &str, algorithm: &'static str) -> Result<(), Ended> {
    if config.lacks_database() {
        return Ok(());
    }
    let event = Event::inside(EventKind::KeyRotated, Clock::System.now(), Actor::Operator, "key rotate")
        .with(Detail::Key(name.to_owned()))
        .with(Detail::Algorithm(algorithm));
    let engine = user::open(config).await?;
    engine.note(event).await.map_err(Ended::failed)
}

async fn rotate_tickets(config: &Config) -> Result<(), Ended> {
    Keys::of(config).new_tickets(&Chance::System, Clock::System.now()).map_err(Ended::failed)?;
    note(config, TICKETS, "").await?;
    line("There is a new ticket secret. Start the server again; everybody has to sign in again.");
    Ok(())
}

async fn rotate(config: &Config, name: &str) -> Result<(), Ended> {
    let loaded = mounts::load(config).map_err(Ended::wrong)?;
    let known: Vec<&str> = loaded.iter().map(|one| one.settings.dialect.as_str()).collect();
    let Some(one) = loaded.iter().find(|one| one.settings.dialect == name) else {
        return Err(Ended::wrong_one(format!(
            "no dialect {name:?} is mounted; there are {}",
            known.join(", ")
        )));
    };
    let now = Clock::System.now();
    let keys = Keys::of(config);
    let contract = contract_of(one);
    let from = keys.rotate(&contract, &one.settings, &Chance::System, now).map_err(Ended::failed)?;
    note(config, name, contract.access.algorithm.name()).await?;
    if from > now {
        line(&format!("{name}: a new key is published and signs from {}.", from.rfc3339(0)));
    } else {
        line(&format!(
            "{name}: a new key signs from now on; whoever else verifies with the old secret needs the new one."
        ));
    }
    show(&keys.list(&contract, &one.settings, now).map_err(Ended::failed)?);
    Ok(())
}

fn contract_of(one: &Loaded) -> domain::contract::Contract {
    let mut contract = one.dialect.contract.clone();
    if one.settings.allow_short_secret {
        contract.weakenings.push(Weakening::ShortSecret);
    }
    contract
}

/// All keys of all mounts.
pub fn all(config: &Config, loaded: &[Loaded], now: Moment) -> Result<Vec<Listed>, Vec<String>> {
    let keys = Keys::of(config);
    let (mut listed, mut faults) = (Vec::new(), Vec::new());
    let mut seen: Vec<&MountConfig> = Vec::new();
    for one in loaded {
        let same = |other: &&MountConfig| {
            other.dialect == one.settings.dialect && other.secret_file == one.settings.secret_file
        };
        if seen.iter().any(same) {
            continue;
        }
        seen.push(&one.settings);
        match keys.list(&contract_of(one), &one.settings, now) {
            Ok(found) => listed.extend(found),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    if faults.is_empty() { Ok(listed) } else { Err(faults) }
}

fn list(config: &Config, as_json: bool) -> Result<(), Ended> {
    let loaded = mounts::load(config).map_err(Ended::wrong)?;
    let listed = all(config, &loaded, Clock::System.now()).map_err(Ended::wrong)?;
    if as_json {
        let stamp = |at: Option<Moment>| at.map(|at| at.rfc3339(0));
        let rows = listed.iter().map(|key| {
            json!({
                "dialect": key.dialect,
                "algorithm": key.algorithm,
                "id": key.id,
                "role": key.role.name(),
                "created_at": stamp(key.created_at),
                "signs_from": stamp(key.signs_from),
                "verifies_until": stamp(key.verifies_until),
                "file": key.path.display().to_string(),
            })
        });
        out(&format!("{:#}\n", json!(rows.collect::<Vec<_>>())));
    } else if listed.is_empty() {
        line("There are no keys yet; `countersign serve` makes them at its first start.");
    } else {
        show(&listed);
    }
    Ok(())
}

fn show(listed: &[Listed]) {
    for key in listed {
        let made = key
            .created_at
            .map_or_else(|| key.path.display().to_string(), |at| format!("made {}", at.rfc3339(0)));
        let from = key.signs_from.filter(|_| key.role == crate::keys::Role::Waits);
        let from = from.map_or_else(String::new, |at| format!(", signs from {}", at.rfc3339(0)));
        let until =
            key.verifies_until.map_or_else(String::new, |at| format!(", verifies until {}", at.rfc3339(0)));
        line(&format!(
            "{:<20} {:<6} {:<9} {:<44} {made}{from}{until}",
            key.dialect,
            key.algorithm,
            key.role.name(),
            key.id
        ));
    }
}
