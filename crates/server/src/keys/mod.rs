//! Where do signing keys lie, who may read them, and how does a new one take over?
//!
//! One file for each dialect under `data/keys`, and one for the ticket secret. Files are written whole or not at all.

mod file;
mod master;

pub use file::write_private;

use crate::config::{Config, MountConfig};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::contract::{Contract, RefreshForm, Weakening};
use domain::secret::{Secret, SecretBytes};
use domain::time::Moment;
use domain::token::{Algorithm, Key, KeyFault, KeySet};
use engine::{Chance, Place};
use file::{read_json, read_private};
use master::MasterPlace;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// Seconds for which others may keep our public keys (REL-31).
pub const JWKS_MAX_AGE: i64 = 300;
/// Seconds between the publication of a key and its first signature (REL-31).
const PUBLISHED_BEFORE: i64 = JWKS_MAX_AGE + 60;
/// The ticket secret's name among the keys.
pub const TICKETS: &str = "tickets";

/// Why keys can not be used: one sentence with the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyFaults(pub String);

fn decode(path: &Path, secret: &Hidden) -> Result<SecretBytes, KeyFaults> {
    let bytes = BASE64.decode(&secret.0).map_err(|_| fault(path, "the secret is not base64"))?;
    Ok(SecretBytes::new(bytes))
}

fn fault(path: &Path, text: impl std::fmt::Display) -> KeyFaults {
    KeyFaults(format!("{}: {text}", path.display()))
}

/// The secret in a file that holds nothing else: its bytes up to the end of the first line (SEC-111).
///
/// Refused, in a sentence: a file that can not be read, that others can read, that is empty or is no text.
pub fn read_secret_line(path: &Path) -> Result<Secret, String> {
    let text = read_private(path).map_err(|fault| fault.0)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).unwrap_or_default();
    if line.is_empty() {
        Err(fault(path, "there is no secret in this file").0)
    } else {
        Ok(Secret::new(line))
    }
}

/// A secret text in a file. Prints nothing of itself and is overwritten on drop.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
struct Hidden(String);

impl Drop for Hidden {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// One key in a file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Record {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Hidden>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkcs8: Option<Hidden>,
    created_at: String,
    /// Published from `created_at`, used from here on.
    signs_from: String,
    /// The end, once another key has been appointed.
    #[serde(skip_serializing_if = "Option::is_none")]
    verifies_until: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    algorithm: String,
    keys: Vec<Record>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct TicketFile {
    secret: Hidden,
    /// Seals the audit trail; absent = the ticket secret does. It stays when the ticket secret changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    trail: Option<Hidden>,
    created_at: String,
}

/// What a key does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It signs.
    Signs,
    /// It is published and signs later.
    Waits,
    /// It verifies what it signed.
    Verifies,
    /// Its time is over.
    Over,
}

impl Role {
    /// The word in lists.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Signs => "signs",
            Role::Waits => "waits",
            Role::Verifies => "verifies",
            Role::Over => "over",
        }
    }
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
    pub path: PathBuf,
}

/// The key files of one data folder.
#[derive(Clone, Debug)]
pub struct Keys {
    folder: PathBuf,
    database: Place,
    master: MasterPlace,
}

impl Keys {
    /// The keys under this configuration's data folder.
    pub fn of(config: &Config) -> Keys {
        let path = config.master_key_file.clone().unwrap_or_else(|| config.key_folder().join("master.key"));
        let master = MasterPlace { given: config.master_key.clone(), path };
        Keys { folder: config.key_folder(), database: config.database(), master }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// The secret that seals tickets; made at the first start. Refused: missing beside an existing database (REL-33).
    pub async fn tickets(&self, chance: &Chance, now: Moment) -> Result<SecretBytes, KeyFaults> {
        let path = self.path(TICKETS);
        if !path.exists() {
            if self.has_begun().await? {
                return Err(fault(
                    &path,
                    format!(
                        "the file is missing beside the database; put it back from a backup, or, if it is lost, run \
                     `countersign key rotate {TICKETS}`: then everybody has to sign in again"
                    ),
                ));
            }
            self.new_tickets(chance, now)?;
        }
        let file: TicketFile = read_json(&path)?;
        decode(&path, &file.secret)
    }

    /// The secret that seals the audit trail; made together with the ticket secret.
    pub fn trail(&self) -> Result<SecretBytes, KeyFaults> {
        let path = self.path(TICKETS);
        let file: TicketFile = read_json(&path)?;
        decode(&path, file.trail.as_ref().unwrap_or(&file.secret))
    }

    /// Writes a new ticket secret: every session ends. The audit trail keeps its secret, if the old file can be read.
    pub fn new_tickets(&self, chance: &Chance, now: Moment) -> Result<(), KeyFaults> {
        let path = self.path(TICKETS);
        let bytes = Zeroizing::new(draw(&path, chance)?);
        let old = read_json::<TicketFile>(&path).ok();
        let trail = old.map(|old| old.trail.clone().unwrap_or_else(|| old.secret.clone()));
        let file = TicketFile { secret: Hidden(BASE64.encode(*bytes)), trail, created_at: now.rfc3339(0) };
        self.write(&path, &file)
    }

    /// The keys of a mount: its secret file's, or those of the dialect's own key file, which is made when it is missing.
    pub fn of_mount(
        &self,
        contract: &Contract,
        settings: &MountConfig,
        chance: &Chance,
        now: Moment,
    ) -> Result<KeySet, KeyFaults> {
        let plan = contract.access.header.clone();
        let (path, active, previous) = match &settings.secret_file {
            Some(path) => (path.clone(), shared_key(path, contract)?, Vec::new()),
            None => {
                let path = self.path(&contract.name);
                let file = self.file(&path, contract, chance, now)?;
                let (active, previous) = assemble(&path, contract, &file, now)?;
                (path, active, previous)
            }
        };
        KeySet::new(active, previous, plan).map_err(|found| fault(&path, found))
    }

    fn file(
        &self,
        path: &Path,
        contract: &Contract,
        chance: &Chance,
        now: Moment,
    ) -> Result<KeyFile, KeyFaults> {
        if path.exists() {
            return read_json(path);
        }
        let algorithm = contract.access.algorithm;
        let file = KeyFile {
            algorithm: algorithm.name().to_owned(),
            keys: vec![generate(path, algorithm, chance, now, now)?],
        };
        self.write(path, &file)?;
        Ok(file)
    }

    /// Appoints a new key; the others verify as long as anything they signed can live. Gives the moment when it begins to sign.
    ///
    /// Refused: a dialect whose secret is shared by file, because the application has to change it at the same time.
    pub fn rotate(
        &self,
        contract: &Contract,
        settings: &MountConfig,
        chance: &Chance,
        now: Moment,
    ) -> Result<Moment, KeyFaults> {
        if let Some(path) = &settings.secret_file {
            return Err(fault(
                path,
                "this secret is shared with the application: write the new one into this file \
                                    and into the application's settings, then start both again",
            ));
        }
        let path = self.path(&contract.name);
        let mut file = self.file(&path, contract, chance, now)?;
        let algorithm = contract.access.algorithm;
        let signs_from = if algorithm.is_shared() { now } else { now.plus_seconds(PUBLISHED_BEFORE) };
        let ends = signs_from.plus_seconds(longest_life(contract) + contract.leeway_seconds + JWKS_MAX_AGE);
        file.keys.retain(|record| role_end(record).is_none_or(|end| end > now));
        for record in file.keys.iter_mut().filter(|record| record.verifies_until.is_none()) {
            record.verifies_until = Some(ends.rfc3339(0));
        }
        if file.keys.len() >= domain::token::keys::MAX_KEYS {
            return Err(fault(&path, "there are too many keys already; wait until the oldest has ended"));
        }
        file.keys.push(generate(&path, algorithm, chance, now, signs_from)?);
        self.write(&path, &file)?;
        Ok(signs_from)
    }

    /// All keys of a mount, for people.
    pub fn list(
        &self,
        contract: &Contract,
        settings: &MountConfig,
        now: Moment,
    ) -> Result<Vec<Listed>, KeyFaults> {
        let algorithm = contract.access.algorithm.name().to_owned();
        let listed = |id: String, path: &Path| Listed {
            dialect: contract.name.clone(),
            algorithm: algorithm.clone(),
            id,
            role: Role::Signs,
            created_at: None,
            signs_from: None,
            verifies_until: None,
            path: path.to_owned(),
        };
        if let Some(path) = &settings.secret_file {
            shared_key(path, contract)?;
            return Ok(vec![listed("shared secret".to_owned(), path)]);
        }
        let path = self.path(&contract.name);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let file: KeyFile = read_json(&path)?;
        let active = active_place(&file, now);
        let of = |(place, record): (usize, &Record)| Listed {
            role: role(record, Some(place) == active, now),
            created_at: Moment::parse_rfc3339(&record.created_at),
            signs_from: Moment::parse_rfc3339(&record.signs_from),
            verifies_until: role_end(record),
            ..listed(record.id.clone(), &path)
        };
        Ok(file.keys.iter().enumerate().map(of).collect())
    }

    fn make_folder(&self) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))
    }

    fn write(&self, path: &Path, content: &impl Serialize) -> Result<(), KeyFaults> {
        let told = |error: std::io::Error| fault(path, format!("the file can not be written ({error})"));
        self.make_folder().map_err(told)?;
        let mut text =
            Zeroizing::new(serde_json::to_vec_pretty(content).map_err(|error| fault(path, error))?);
        text.push(b'\n');
        write_private(path, &text).map_err(told)
    }
}

/// The shared secret as it stands in the file, without one line end.
fn shared_key(path: &Path, contract: &Contract) -> Result<Key, KeyFaults> {
    if !contract.access.algorithm.is_shared() {
        let name = contract.access.algorithm.name();
        return Err(fault(
            path,
            format!(
                "the dialect {:?} signs with {name}, which has no shared secret; take `secret_file` away",
                contract.name
            ),
        ));
    }
    let text = read_private(path)?;
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let short = contract.weakenings.contains(&Weakening::ShortSecret);
    Key::hs256(&SecretBytes::new(text), short).map_err(|found| match found {
        KeyFault::TooShort => fault(
            path,
            format!(
                "the secret has {} bytes, at least 32 are needed; if the application can not change it, \
             write `allow_short_secret = true`",
                text.len()
            ),
        ),
        KeyFault::Sample => {
            fault(path, "the secret is empty or a value from documentation that everybody knows")
        }
        KeyFault::Unusable
        | KeyFault::WrongAlgorithm
        | KeyFault::NoPrivateKey
        | KeyFault::Mixed
        | KeyFault::TooMany
        | KeyFault::Twice
        | KeyFault::NotGenerated => fault(path, found),
    })
}

fn draw(path: &Path, chance: &Chance) -> Result<[u8; 32], KeyFaults> {
    chance.bytes::<32>().map_err(|error| fault(path, format!("no randomness: {error}")))
}

fn generate(
    path: &Path,
    algorithm: Algorithm,
    chance: &Chance,
    now: Moment,
    signs_from: Moment,
) -> Result<Record, KeyFaults> {
    let pair = match algorithm {
        Algorithm::HS256 => None,
        Algorithm::ES256 => Some(Key::generate_es256()),
        Algorithm::RS256 => Some(Key::generate_rs256()),
        Algorithm::EdDSA => Some(Key::generate_eddsa()),
    };
    let (id, secret, pkcs8) = match pair.transpose().map_err(|found| fault(path, found))? {
        Some((key, der)) => {
            (key.kid().unwrap_or_default().to_owned(), None, Some(Hidden(BASE64.encode(der.expose()))))
        }
        None => {
            let bytes = Zeroizing::new(draw(path, chance)?);
            let name = draw(path, chance)?;
            (hex(&name[..8]), Some(Hidden(hex(&*bytes))), None)
        }
    };
    let (created_at, signs_from) = (now.rfc3339(0), signs_from.rfc3339(0));
    Ok(Record { id, secret, pkcs8, created_at, signs_from, verifies_until: None })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// The longest life of anything that a key signs, in seconds.
fn longest_life(contract: &Contract) -> i64 {
    let refresh = contract.refresh.as_ref().map_or(0, |plan| match plan.form {
        RefreshForm::Jwt { .. } => plan.lifetime_seconds,
        RefreshForm::Opaque => 0,
    });
    refresh.max(contract.access.lifetime_seconds)
}

fn role_end(record: &Record) -> Option<Moment> {
    record.verifies_until.as_deref().and_then(Moment::parse_rfc3339)
}

fn begun(record: &Record, now: Moment) -> bool {
    Moment::parse_rfc3339(&record.signs_from).is_some_and(|from| from <= now)
}

fn role(record: &Record, active: bool, now: Moment) -> Role {
    if active {
        Role::Signs
    } else if role_end(record).is_some_and(|end| end <= now) {
        Role::Over
    } else if begun(record, now) {
        Role::Verifies
    } else {
        Role::Waits
    }
}

/// The latest key whose time has begun.
fn active_place(file: &KeyFile, now: Moment) -> Option<usize> {
    (0..file.keys.len()).rev().find(|place| begun(&file.keys[*place], now))
}

fn assemble(
    path: &Path,
    contract: &Contract,
    file: &KeyFile,
    now: Moment,
) -> Result<(Key, Vec<Key>), KeyFaults> {
    let algorithm = contract.access.algorithm;
    if file.algorithm != algorithm.name() {
        return Err(fault(
            path,
            format!(
                "the keys are for {}, the dialect signs with {}; move the file away to get new keys",
                file.algorithm,
                algorithm.name()
            ),
        ));
    }
    let active = active_place(file, now)
        .ok_or_else(|| fault(path, "no key signs at this moment; is the clock of this machine right?"))?;
    let mut previous = Vec::new();
    for (place, record) in file.keys.iter().enumerate() {
        if place != active && role(record, false, now) != Role::Over {
            previous.push(parse(path, algorithm, record)?);
        }
    }
    Ok((parse(path, algorithm, &file.keys[active])?, previous))
}

fn parse(path: &Path, algorithm: Algorithm, record: &Record) -> Result<Key, KeyFaults> {
    let told = |found: KeyFault| fault(path, format!("key {}: {found}", record.id));
    match (&record.secret, &record.pkcs8) {
        (Some(secret), None) => Key::hs256(&SecretBytes::new(secret.0.as_bytes()), false).map_err(told),
        (None, Some(pkcs8)) => {
            let der = Zeroizing::new(BASE64.decode(&pkcs8.0).map_err(|_| told(KeyFault::Unusable))?);
            Key::from_pkcs8(algorithm, &der).map_err(told)
        }
        (Some(_), Some(_)) | (None, None) => Err(told(KeyFault::Unusable)),
    }
}
