//! Which documents of keys lie in the database, and how is one replaced?
//!
//! What they say is not known here: they are sealed under the master key, each for its name and version.

use crate::Engine;
use crate::error::{Fault, OpenError};
use crate::store::{self, Place};
use domain::change::{Change, SealedKey};
use domain::event::Event;
use domain::id::UserId;
use domain::seal::MasterKey;
use domain::secret::SecretBytes;

/// No user's: what is sealed here belongs to the installation.
const NOBODY: UserId = UserId(0);

/// A document of keys as it lies in the database.
#[derive(Clone, Debug)]
pub struct KeptKey {
    /// Which.
    pub name: String,
    /// 1 at first; grows with every change.
    pub version: i64,
    /// What it says.
    pub text: SecretBytes,
}

/// What a document of keys is to say from now on.
#[derive(Clone, Debug)]
pub struct KeyChange {
    /// Which.
    pub name: String,
    /// The version that was read; 0 = it was not there.
    pub replaces: i64,
    /// What it is to say.
    pub text: SecretBytes,
}

/// The keys in a database that is not opened yet; none where there is no database, or no table for them. Changes
/// nothing.
///
/// Refused: a database that can not be read; keys that are sealed under another master key (REL-33).
pub async fn kept_keys(place: &Place, master: &SecretBytes) -> Result<Vec<KeptKey>, OpenError> {
    let master = MasterKey::new(master).map_err(|fault| OpenError::Refused(fault.to_string()))?;
    let rows = store::sealed_keys(place).await?;
    if let Some(other) = rows.iter().find(|row| row.sealed.key != master.id().to_string()) {
        return Err(OpenError::Refused(format!(
            "the keys in the database are sealed with master key {}, and this is {}: put the right one back from a backup",
            other.sealed.key,
            master.id()
        )));
    }
    rows.iter()
        .map(|row| open(&master, row))
        .collect::<Result<_, _>>()
        .map_err(|fault| OpenError::Refused(fault.to_string()))
}

impl Engine {
    /// The keys in the database.
    pub async fn kept_keys(&self) -> Result<Vec<KeptKey>, Fault> {
        let rows = self.store().sealed_keys().await?;
        rows.iter().map(|row| open(self.master(), row)).collect()
    }

    /// Writes these keys with an event, all or nothing. `false`: one of them is of another version than was read, and
    /// nothing was written.
    pub async fn keep_keys(&self, changed: &[KeyChange], event: Option<Event>) -> Result<bool, Fault> {
        let mut changes = Vec::with_capacity(changed.len() + 1);
        for change in changed {
            changes.push(Change::PutKey(Box::new(self.seal_key(change)?)));
        }
        changes.extend(event.map(Event::noted));
        Ok(self.store().record(changes).await?.is_ok())
    }

    /// Whether anything has happened in this database: then its keys can not be made anew (REL-33).
    pub async fn has_begun(&self) -> Result<bool, Fault> {
        Ok(self.store().trail_end().await?.last > 0)
    }

    fn seal_key(&self, change: &KeyChange) -> Result<SealedKey, Fault> {
        let version = change.replaces + 1;
        let purpose = purpose(&change.name, version);
        let sealed = self.master().seal(&purpose, NOBODY, change.text.expose(), self.chance().bytes()?);
        Ok(SealedKey {
            name: change.name.clone(),
            version,
            sealed: sealed.map_err(|fault| Fault::Crypto(fault.to_string()))?,
            at: self.clock().now(),
        })
    }
}

/// Names have no blanks, so no two pairs have one spelling.
fn purpose(name: &str, version: i64) -> String {
    format!("key {version} {name}")
}

fn open(master: &MasterKey, row: &SealedKey) -> Result<KeptKey, Fault> {
    let text = master.open(&purpose(&row.name, row.version), NOBODY, &row.sealed);
    let text = text.ok_or_else(|| {
        Fault::Corrupt(format!(
            "keys.sealed of {:?}: it is not what was sealed for this name and version",
            row.name
        ))
    })?;
    Ok(KeptKey { name: row.name.clone(), version: row.version, text })
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
