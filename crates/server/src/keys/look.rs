//! How often does a running server look at the keys, and has anything changed since the last time?

use super::home::Home;
use super::{Keys, TICKETS};
use domain::secret::SecretBytes;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// Between two looks at a folder. A revoked key is refused within a second (REL-32).
const FILES: Duration = Duration::from_millis(500);
/// Between two looks at rows: of every node, within five seconds (REL-32), and long before a new key signs (REL-31).
const ROWS: Duration = Duration::from_secs(3);

/// What a look saw. Two that are equal saw the same documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen(Vec<(String, [i64; 4])>);

impl Keys {
    /// How long to wait until the next look.
    pub fn pause(&self) -> Duration {
        match &self.home {
            Home::Files(_) => FILES,
            Home::Rows(_) => ROWS,
        }
    }

    /// What is there.
    pub fn seen(&self) -> Seen {
        match &self.home {
            Home::Files(folder) => Seen(files(folder)),
            Home::Rows(rows) => {
                Seen(rows.versions().into_iter().map(|(name, version)| (name, [version, 0, 0, 0])).collect())
            }
        }
    }

    /// Whether the ticket secret in the database is another than this. Of files, nobody asks: there is one server.
    pub fn has_other_tickets(&self, secret: &SecretBytes) -> bool {
        let Home::Rows(rows) = &self.home else { return false };
        let now = self.read_tickets().ok().flatten();
        let now = now.and_then(|file| file.secret.decode(TICKETS).ok());
        rows.is_begun() && now.is_none_or(|now| now.expose() != secret.expose())
    }
}

/// A file that was written anew has another number.
fn files(folder: &Path) -> Vec<(String, [i64; 4])> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if let (Ok(name), Ok(meta)) = (entry.file_name().into_string(), entry.metadata()) {
            let number = i64::from_ne_bytes(meta.ino().to_ne_bytes());
            found.push((
                name,
                [number, meta.mtime(), meta.mtime_nsec(), i64::try_from(meta.len()).unwrap_or(0)],
            ));
        }
    }
    found.sort();
    found
}
