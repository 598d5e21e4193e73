//! Which keys are there, and how does a new one take over?

use super::terminal::{Ended, line, out};
use super::user;
use crate::config::{Config, MountConfig};
use crate::keys::{KeyFaults, Keys, Listed, TICKETS};
use crate::mounts::{self, Loaded};
use crate::opening;
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
        A running server notices by itself.\n\nExamples:\n  countersign key rotate native\n  \
        countersign key rotate tickets      ends every session; only when the ticket secret is lost or known to others"
    )]
    Rotate {
        /// Name of a mounted dialect, or `tickets`
        dialect: String,
    },
    /// Take a signing key out at once, because others know it; another one signs from now on
    #[command(
        after_help = "Nothing that the key signed is accepted any more: within a second by a running server, within five by all\n\
        nodes on one PostgreSQL, and elsewhere when the key set is read again. Users with an opaque refresh token stay\n\
        signed in.\n\nExample:\n  countersign key list\n  countersign key revoke native 2rEiLtUlb7BsPZBKqPSHVhDNpPIYTGYIuRAuEN5HNd4"
    )]
    Revoke {
        /// Name of a mounted dialect
        dialect: String,
        /// Name of the key, as `key list` shows it
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

/// Carries a command out.
pub async fn run(command: &KeyCommand, config: &Config) -> Result<(), Ended> {
    match command {
        KeyCommand::List { json } => list(config, *json).await,
        KeyCommand::Rotate { dialect } if dialect == TICKETS => rotate_tickets(config).await,
        KeyCommand::Rotate { dialect } => rotate(config, dialect).await,
        KeyCommand::Revoke { dialect, id } => revoke(config, dialect, id).await,
    }
}

/// Changes keys and notes it. Keys in a database are changed again if another node was first. Before the first start
/// there is no trail, and nothing to tell.
async fn change<T>(
    config: &Config,
    event: &Event,
    change: impl Fn(&mut Keys) -> Result<T, KeyFaults>,
) -> Result<(T, Keys), Ended> {
    for _ in 0..opening::TRIES {
        let mut keys = Keys::find(config, &Chance::System).await.map_err(Ended::failed)?;
        let changed = change(&mut keys).map_err(Ended::failed)?;
        if config.lacks_database() {
            return Ok((changed, keys));
        }
        let engine = user::open_with(config, &mut keys).await?;
        if keys.keep(&engine, Some(event.clone())).await.map_err(Ended::failed)? {
            return Ok((changed, keys));
        }
    }
    Err(Ended::failed(opening::BEATEN))
}

fn event(kind: EventKind, verb: &'static str, name: &str) -> Event {
    Event::inside(kind, Clock::System.now(), Actor::Operator, verb).with(Detail::Key(name.to_owned()))
}

async fn rotate_tickets(config: &Config) -> Result<(), Ended> {
    let event = event(EventKind::KeyRotated, "key rotate", TICKETS).with(Detail::Algorithm(""));
    change(config, &event, |keys| keys.new_tickets(&Chance::System, Clock::System.now())).await?;
    line("There is a new ticket secret. Start the server again; everybody has to sign in again.");
    Ok(())
}

async fn rotate(config: &Config, name: &str) -> Result<(), Ended> {
    let one = mounted(config, name)?;
    let (contract, now) = (contract_of(&one), Clock::System.now());
    let event = event(EventKind::KeyRotated, "key rotate", name)
        .with(Detail::Algorithm(contract.access.algorithm.name()));
    let rotate = |keys: &mut Keys| keys.rotate(&contract, &one.settings, &Chance::System, now);
    let (from, keys) = change(config, &event, rotate).await?;
    if contract.access.algorithm.is_shared() {
        let when = if from > now { from.rfc3339(0) } else { "now on".to_owned() };
        line(&format!(
            "{name}: a new key signs from {when}; whoever else verifies with the old secret needs the new one."
        ));
    } else {
        line(&format!("{name}: a new key is published and signs from {}.", from.rfc3339(0)));
    }
    show(&keys.list(&contract, &one.settings, now).map_err(Ended::failed)?);
    Ok(())
}

async fn revoke(config: &Config, name: &str, id: &str) -> Result<(), Ended> {
    let one = mounted(config, name)?;
    let (contract, now) = (contract_of(&one), Clock::System.now());
    let event = event(EventKind::KeyRevoked, "key revoke", id)
        .with(Detail::Algorithm(contract.access.algorithm.name()));
    let revoke = |keys: &mut Keys| keys.revoke(&contract, &one.settings, id, (&Chance::System, now));
    let ((), keys) = change(config, &event, revoke).await?;
    line(&format!("{name}: nothing that {id} signed is accepted any more."));
    show(&keys.list(&contract, &one.settings, now).map_err(Ended::failed)?);
    Ok(())
}

/// The mount of a dialect. Refused: it is not mounted.
fn mounted(config: &Config, name: &str) -> Result<Loaded, Ended> {
    let mut loaded = mounts::load(config).map_err(Ended::wrong)?;
    match loaded.iter().position(|one| one.settings.dialect == name) {
        Some(at) => Ok(loaded.swap_remove(at)),
        None => {
            let known: Vec<&str> = loaded.iter().map(|one| one.settings.dialect.as_str()).collect();
            let known = known.join(", ");
            Err(Ended::wrong_one(format!("no dialect {name:?} is mounted; there are {known}")))
        }
    }
}

fn contract_of(one: &Loaded) -> domain::contract::Contract {
    let mut contract = one.dialect.contract.clone();
    if one.settings.allow_short_secret {
        contract.weakenings.push(Weakening::ShortSecret);
    }
    contract
}

/// All keys of all mounts.
pub async fn all(config: &Config, loaded: &[Loaded], now: Moment) -> Result<Vec<Listed>, Vec<String>> {
    let keys = Keys::find(config, &Chance::System).await.map_err(|fault| vec![fault.to_string()])?;
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

async fn list(config: &Config, as_json: bool) -> Result<(), Ended> {
    let loaded = mounts::load(config).map_err(Ended::wrong)?;
    let listed = all(config, &loaded, Clock::System.now()).await.map_err(Ended::wrong)?;
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
                "file": key.place,
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
        let made = key.created_at.map_or_else(|| key.place.clone(), |at| format!("made {}", at.rfc3339(0)));
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
