//! Where do the documents of keys lie: in files, or in the rows of a database that many nodes share?

use super::file::{make_private_folder, read_private, write_private};
use super::{KeyFaults, TICKETS, fault};
use domain::secret::SecretBytes;
use engine::{KeptKey, KeyChange};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Documents by name.
#[derive(Clone, Debug)]
pub(super) enum Home {
    /// One file each in this folder.
    Files(PathBuf),
    /// One row each.
    Rows(Rows),
}

impl Home {
    /// Where a document lies, for messages.
    pub fn place(&self, name: &str) -> String {
        match self {
            Home::Files(folder) => file(folder, name).display().to_string(),
            Home::Rows(rows) => format!("{}: key {name}", rows.database),
        }
    }

    /// Reads a document, if it is there. Refused: one that is not what it should be, or that lies open.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, KeyFaults> {
        let place = self.place(name);
        match self {
            Home::Files(folder) => {
                let path = file(folder, name);
                if path.exists() { parse(&place, &read_private(&path)?).map(Some) } else { Ok(None) }
            }
            Home::Rows(rows) => rows.text(name).map(|text| parse(&place, text)).transpose(),
        }
    }

    /// Writes a document. Of rows, this is remembered until they are kept.
    pub fn write(&mut self, name: &str, content: &impl Serialize) -> Result<(), KeyFaults> {
        let place = self.place(name);
        let mut text =
            Zeroizing::new(serde_json::to_vec_pretty(content).map_err(|error| fault(&place, error))?);
        text.push(b'\n');
        match self {
            Home::Files(folder) => {
                let told = |error| fault(&place, format!("the file can not be written ({error})"));
                make_private_folder(folder).map_err(told)?;
                write_private(&file(folder, name), &text).map_err(told)
            }
            Home::Rows(rows) => {
                rows.changed.insert(name.to_owned(), text);
                Ok(())
            }
        }
    }
}

/// The rows of a database, with what is to become of them.
#[derive(Clone)]
pub(super) struct Rows {
    /// For messages.
    database: String,
    found: BTreeMap<String, KeptKey>,
    changed: BTreeMap<String, Zeroizing<Vec<u8>>>,
    /// The ticket secret was made, not found: only where nothing has happened yet.
    pub made: bool,
}

impl Rows {
    /// As they are.
    pub fn new(database: String, rows: Vec<KeptKey>) -> Rows {
        let found = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
        Rows { database, found, changed: BTreeMap::new(), made: false }
    }

    /// Whether the database has keys already.
    pub fn is_begun(&self) -> bool {
        self.found.contains_key(TICKETS)
    }

    /// Takes every document of a folder along, for a database that has none.
    pub fn take_along(&mut self, folder: &Path) -> Result<(), KeyFaults> {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if let Some(name) = name.filter(|_| path.extension().is_some_and(|kind| kind == "json")) {
                self.changed.insert(name.to_owned(), read_private(&path)?);
            }
        }
        Ok(())
    }

    /// What has to be written, each against the version that was read.
    pub fn changes(&self) -> Vec<KeyChange> {
        let change = |(name, text): (&String, &Zeroizing<Vec<u8>>)| KeyChange {
            name: name.clone(),
            replaces: self.found.get(name).map_or(0, |row| row.version),
            text: SecretBytes::new(text.as_slice()),
        };
        self.changed.iter().map(change).collect()
    }

    /// Writes each row into a file.
    pub fn write_files(&self, folder: &Path) -> Result<(), KeyFaults> {
        for row in self.found.values() {
            let path = file(folder, &row.name);
            let told = |error| fault(path.display(), format!("the file can not be written ({error})"));
            make_private_folder(folder).map_err(told)?;
            write_private(&path, row.text.expose()).map_err(told)?;
        }
        Ok(())
    }

    /// The version of each row: two looks that give the same have seen the same.
    pub fn versions(&self) -> Vec<(String, i64)> {
        self.found.values().map(|row| (row.name.clone(), row.version)).collect()
    }

    fn text(&self, name: &str) -> Option<&[u8]> {
        let changed = self.changed.get(name).map(|text| text.as_slice());
        changed.or_else(|| self.found.get(name).map(|row| row.text.expose()))
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({}, {:?}, changed: {:?})", self.database, self.versions(), self.changed.keys())
    }
}

/// The file of a document.
pub(super) fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// Reads a document. Nothing of it is repeated in a fault: the parser's own words could.
fn parse<T: DeserializeOwned>(place: &str, text: &[u8]) -> Result<T, KeyFaults> {
    serde_json::from_slice(text).map_err(|error| {
        fault(place, format!("line {}: these are no keys; put them back from a backup", error.line()))
    })
}
