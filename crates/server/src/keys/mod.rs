//! Which keys does an installation sign and seal with, who may read them, and how does a new one take over?
//!
//! One document for each dialect and one for the ticket secret: files under `data/keys`, or rows of a PostgreSQL that
//! many nodes share. Files are written whole or not at all, rows against the version that was read.

mod document;
mod file;
mod home;
mod look;
mod master;
mod old;
mod shared;

pub use document::Role;
pub use file::{read_secret_line, write_private};
pub use look::Seen;

use crate::config::{Config, MountConfig};
use document::{Hidden, KeyFile, Record, TicketFile, draw};
use domain::contract::Contract;
use domain::event::Event;
use domain::secret::SecretBytes;
use domain::time::Moment;
use domain::token::KeySet;
use engine::{Chance, Engine, Place, kept_keys};
use home::{Home, Rows};
use master::MasterPlace;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Seconds for which others may keep our public keys (REL-31).
pub const JWKS_MAX_AGE: i64 = 300;
/// Seconds between the publication of a key and its first signature (REL-31).
const PUBLISHED_BEFORE: i64 = JWKS_MAX_AGE + 60;
/// The same of a shared secret, where other nodes have to see it first: five looks.
const SEEN_BEFORE: i64 = 15;
/// The ticket secret's name among the keys.
pub const TICKETS: &str = "tickets";

/// Why keys can not be used: one sentence with their place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyFaults(pub String);

fn fault(place: impl std::fmt::Display, text: impl std::fmt::Display) -> KeyFaults {
    KeyFaults(format!("{place}: {text}"))
}

/// A key as a list shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Whose it is.
    pub dialect: String,
    /// Its algorithm.
    pub algorithm: String,
    /// Its name.
    pub id: String,
    /// What it does.
    pub role: Role,
    /// When it was made; None for a secret file.
    pub created_at: Option<Moment>,
    /// When it begins to sign.
    pub signs_from: Option<Moment>,
    /// When it ends.
    pub verifies_until: Option<Moment>,
    /// Where it lies.
    pub place: String,
}

/// The keys of one installation.
#[derive(Clone, Debug)]
pub struct Keys {
    home: Home,
    folder: PathBuf,
    database: Place,
    master: MasterPlace,
}

impl Keys {
    /// Those under this configuration's data folder. Looks at nothing yet.
    pub fn of_folder(config: &Config) -> Keys {
        let path = config.master_key_file.clone().unwrap_or_else(|| config.key_folder().join("master.key"));
        let master = MasterPlace { given: config.master_key.clone(), path };
        let folder = config.key_folder();
        Keys { home: Home::Files(folder.clone()), folder, database: config.database(), master }
    }

    /// The keys of this configuration: files, or what a PostgreSQL holds. One that holds none gets what lies in the folder.
    ///
    /// Refused: a database that can not be read, or whose keys are sealed under another master key; a folder with the
    /// keys of another installation than the database's.
    pub async fn find(config: &Config, chance: &Chance) -> Result<Keys, KeyFaults> {
        let keys = Keys::of_folder(config);
        let Place::Postgres(address, _) = &keys.database else { return Ok(keys) };
        let hosts = address.hosts();
        let mut rows = Vec::new();
        // A look alone makes no master key.
        if keys.has_begun().await? {
            let master = keys.master(chance).await?;
            rows = kept_keys(&keys.database, &master).await.map_err(|error| KeyFaults(error.to_string()))?;
        }
        let rows = Rows::new(hosts, rows);
        keys.with_rows(rows)
    }

    /// The keys of a server that runs, as they are now.
    pub async fn beside(config: &Config, engine: &Engine) -> Result<Keys, KeyFaults> {
        let mut keys = Keys::of_folder(config);
        if let Place::Postgres(address, _) = &keys.database {
            let rows = engine.kept_keys().await.map_err(|fault| KeyFaults(fault.to_string()))?;
            keys.home = Home::Rows(Rows::new(address.hosts(), rows));
        }
        Ok(keys)
    }

    fn with_rows(mut self, mut rows: Rows) -> Result<Keys, KeyFaults> {
        let files = Home::Files(self.folder.clone());
        let ours: Option<TicketFile> = files.read(TICKETS)?;
        let begun = rows.is_begun();
        if !begun {
            rows.take_along(&self.folder)?;
        }
        self.home = Home::Rows(rows);
        let Some(ours) = ours.filter(|_| begun) else { return Ok(self) };
        let place = files.place(TICKETS);
        let theirs: Option<TicketFile> = self.home.read(TICKETS)?;
        let secret = |file: &TicketFile| Ok::<_, KeyFaults>(file.trail().decode(&place)?.expose().to_vec());
        if theirs.as_ref().map(secret).transpose()? != Some(secret(&ours)?) {
            let place = self.folder.display();
            let text = format!(
                "these keys are of another installation than those in {}; move the folder away, or name the right \
                 database",
                self.database_name()
            );
            return Err(fault(place, text));
        }
        tracing::info!(folder = %self.folder.display(), "the keys are in the database; those in the folder are not read");
        Ok(self)
    }

    fn database_name(&self) -> String {
        match &self.database {
            Place::Postgres(address, _) => address.hosts(),
            Place::File(path) => path.display().to_string(),
            Place::Memory => "memory".to_owned(),
        }
    }

    /// Writes what was changed, with an event in the same moment. `false`: another node was first, and nothing was
    /// written; look again.
    ///
    /// Refused: a ticket secret that was made beside a database in which something has happened (REL-33).
    pub async fn keep(&self, engine: &Engine, event: Option<Event>) -> Result<bool, KeyFaults> {
        let told = |fault: engine::Fault| KeyFaults(fault.to_string());
        let Home::Rows(rows) = &self.home else {
            return match event {
                Some(event) => {
                    engine.note(event).await.map(|()| true).map_err(|error| KeyFaults(error.to_string()))
                }
                None => Ok(true),
            };
        };
        if rows.made && engine.has_begun().await.map_err(told)? {
            return Err(fault(self.database_name(), LOST));
        }
        engine.keep_keys(&rows.changes(), event).await.map_err(told)
    }

    /// The secret that seals tickets; made at the first start. Refused: missing beside an existing database (REL-33).
    pub async fn tickets(&mut self, chance: &Chance, now: Moment) -> Result<SecretBytes, KeyFaults> {
        if let Some(found) = self.read_tickets()? {
            return found.secret.decode(&self.home.place(TICKETS));
        }
        if let Home::Rows(rows) = &mut self.home {
            rows.made = true;
        } else if self.has_begun().await? {
            self.unpack(chance).await?;
        }
        if self.read_tickets()?.is_none() {
            self.write_tickets(chance, now)?;
        }
        let made = self.read_tickets()?.ok_or_else(|| fault(self.home.place(TICKETS), "it is gone"))?;
        made.secret.decode(&self.home.place(TICKETS))
    }

    fn read_tickets(&self) -> Result<Option<TicketFile>, KeyFaults> {
        self.home.read(TICKETS)
    }

    /// Writes the files of keys that lie in this database, because it was copied from a PostgreSQL.
    async fn unpack(&mut self, chance: &Chance) -> Result<(), KeyFaults> {
        let master = self.master(chance).await?;
        let rows = kept_keys(&self.database, &master).await.map_err(|error| KeyFaults(error.to_string()))?;
        let rows = Rows::new(self.database_name(), rows);
        if !rows.is_begun() {
            let text = "the file is missing beside the database; put it back from a backup, or, if it is lost, run \
                 `countersign key rotate tickets`: then everybody has to sign in again";
            return Err(fault(self.home.place(TICKETS), text));
        }
        rows.write_files(&self.folder)
    }

    /// Writes the keys of a PostgreSQL over the files of an installation that was moved there and comes back. Where there are no
    /// files, they are written when they are first needed.
    pub fn renew_files(&self, config: &Config) -> Result<(), KeyFaults> {
        let folder = config.key_folder();
        match &self.home {
            Home::Rows(rows) if home::file(&folder, TICKETS).exists() => rows.write_files(&folder),
            Home::Rows(_) | Home::Files(_) => Ok(()),
        }
    }

    /// The secret that seals the audit trail; made together with the ticket secret.
    pub fn trail(&self) -> Result<SecretBytes, KeyFaults> {
        let place = self.home.place(TICKETS);
        let file = self.read_tickets()?.ok_or_else(|| fault(&place, "it is missing"))?;
        file.trail().decode(&place)
    }

    /// Writes a new ticket secret: every session ends. The audit trail keeps its secret, if the old document can be read.
    pub fn new_tickets(&mut self, chance: &Chance, now: Moment) -> Result<(), KeyFaults> {
        self.write_tickets(chance, now)
    }

    fn write_tickets(&mut self, chance: &Chance, now: Moment) -> Result<(), KeyFaults> {
        let bytes = Zeroizing::new(draw(&self.home.place(TICKETS), chance)?);
        let trail = self.read_tickets().ok().flatten().map(|old| old.trail().clone());
        let file = TicketFile { secret: Hidden::of(&*bytes), trail, created_at: now.rfc3339(0) };
        self.home.write(TICKETS, &file)
    }

    /// The keys of a mount: its secret file's, or those of the dialect's own document, which is made when it is missing.
    /// Beside them those that the application signed with before the move.
    pub fn of_mount(
        &mut self,
        contract: &Contract,
        settings: &MountConfig,
        chance: &Chance,
        now: Moment,
    ) -> Result<KeySet, KeyFaults> {
        let plan = contract.access.header.clone();
        let (place, active, previous) = match &settings.secret_file {
            Some(path) => (path.display().to_string(), shared::key(path, contract)?, Vec::new()),
            None => {
                let place = self.home.place(&contract.name);
                let (active, previous) =
                    self.document(contract, chance, now)?.assemble(&place, contract, now)?;
                (place, active, previous)
            }
        };
        let set = KeySet::new(active, previous, plan).map_err(|found| fault(&place, found))?;
        match old::of_mount(settings, contract)? {
            Some(old) => {
                set.with_old(old).map_err(|found| fault(place, format!("beside the old keys: {found}")))
            }
            None => Ok(set),
        }
    }

    fn document(&mut self, contract: &Contract, chance: &Chance, now: Moment) -> Result<KeyFile, KeyFaults> {
        if let Some(found) = self.home.read(&contract.name)? {
            return Ok(found);
        }
        let made = KeyFile::new(&self.home.place(&contract.name), contract.access.algorithm, chance, now)?;
        self.home.write(&contract.name, &made)?;
        Ok(made)
    }

    /// Appoints a new key; the others verify as long as anything they signed can live. Gives the moment when it begins to sign.
    ///
    /// Refused: a dialect whose secret is shared by file, because the application has to change it at the same time.
    pub fn rotate(
        &mut self,
        contract: &Contract,
        settings: &MountConfig,
        chance: &Chance,
        now: Moment,
    ) -> Result<Moment, KeyFaults> {
        shared::refuse(settings)?;
        let wait = match (contract.access.algorithm.is_shared(), &self.home) {
            (true, Home::Files(_)) => 0,
            (true, Home::Rows(_)) => SEEN_BEFORE,
            (false, _) => PUBLISHED_BEFORE,
        };
        let signs_from = now.plus_seconds(wait);
        let mut file = self.document(contract, chance, now)?;
        file.rotate(&self.home.place(&contract.name), contract, chance, (now, signs_from))?;
        self.home.write(&contract.name, &file)?;
        Ok(signs_from)
    }

    /// Takes a key out at once: nothing that it signed is accepted any more. If it was the one that signs, another one
    /// signs from now on (REL-32).
    ///
    /// Refused: a dialect whose secret is shared by file; a key that is not there.
    pub fn revoke(
        &mut self,
        contract: &Contract,
        settings: &MountConfig,
        id: &str,
        (chance, now): (&Chance, Moment),
    ) -> Result<(), KeyFaults> {
        shared::refuse(settings)?;
        let mut file = self.document(contract, chance, now)?;
        let place = self.home.place(&contract.name);
        file.revoke(&place, id, contract.access.algorithm, (chance, now))?;
        self.home.write(&contract.name, &file)
    }

    /// All keys of a mount, for people.
    pub fn list(
        &self,
        contract: &Contract,
        settings: &MountConfig,
        now: Moment,
    ) -> Result<Vec<Listed>, KeyFaults> {
        let algorithm = contract.access.algorithm.name().to_owned();
        let listed = |id: String, place: String| Listed {
            dialect: contract.name.clone(),
            algorithm: algorithm.clone(),
            id,
            role: Role::Signs,
            created_at: None,
            signs_from: None,
            verifies_until: None,
            place,
        };
        let old = old::list(settings, contract)?;
        if let Some(path) = &settings.secret_file {
            shared::key(path, contract)?;
            let own = listed("shared secret".to_owned(), path.display().to_string());
            return Ok(std::iter::once(own).chain(old).collect());
        }
        let Some(file) = self.home.read::<KeyFile>(&contract.name)? else { return Ok(old) };
        let of = |(at, record): (usize, &Record)| Listed {
            role: file.role(at, now),
            created_at: Moment::parse_rfc3339(&record.created_at),
            signs_from: Moment::parse_rfc3339(&record.signs_from),
            verifies_until: record.end(),
            ..listed(record.id.clone(), self.home.place(&contract.name))
        };
        Ok(file.keys.iter().enumerate().map(of).chain(old).collect())
    }
}

/// What is said where a database has lost its keys.
const LOST: &str = "the keys are missing in this database, and something has happened in it already; put the key files of \
     this installation into the folder `keys` and start again, or, if they are lost, run `countersign key rotate tickets`: \
     then everybody has to sign in again";

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
