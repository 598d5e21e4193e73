//! Is this the only server on the data directory and its embedded database (REL-04)?

use crate::config::Config;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Held as long as a server runs on an embedded database. The system lets go of it when the process ends, however it
/// ends.
#[derive(Debug)]
pub struct DataLock(#[expect(dead_code, reason = "the open files are the lock")] Vec<File>);

impl DataLock {
    /// Takes the data directory, and the database if it lies elsewhere, for this server. Of a PostgreSQL there is
    /// nothing to take: many servers share it.
    ///
    /// Refused: another server has it; the directory can not be written.
    pub fn take(config: &Config) -> Result<DataLock, String> {
        let Some(database) = config.database_file() else { return Ok(DataLock(Vec::new())) };
        let mut places = vec![config.data.join("countersign.lock")];
        if database.parent() != Some(&config.data) {
            places.push(beside(&database));
        }
        places
            .iter()
            .map(|path| {
                let place = if path.starts_with(&config.data) { &config.data } else { path };
                let taken = format!(
                    "another server runs on {}; stop it, or give this one a folder of its own with --data",
                    place.display()
                );
                lock(path, &taken)
            })
            .collect::<Result<_, _>>()
            .map(DataLock)
    }
}

impl DataLock {
    /// Takes files of SQLite, whichever servers they may belong to: one with their folder as data directory, or with
    /// another.
    ///
    /// Refused: a server has one of them; a directory can not be written.
    pub fn of_files(databases: &[PathBuf]) -> Result<DataLock, String> {
        let places = databases.iter().flat_map(|database| {
            let folder = database.parent().unwrap_or(Path::new(""));
            [folder.join("countersign.lock"), beside(database)]
        });
        // Two files in one folder have one of them in common.
        let places: BTreeSet<PathBuf> = places.collect();
        places
            .iter()
            .map(|path| {
                lock(path, &format!("a server runs on {}; stop it first", path.with_extension("").display()))
            })
            .collect::<Result<_, _>>()
            .map(DataLock)
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// `taken` is said when somebody else has it.
fn lock(path: &Path, taken: &str) -> Result<File, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(told)?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let file = file.map_err(told)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(taken.to_owned()),
        Err(error) => Err(format!("{}: can not be locked: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::DataLock;
    use crate::config::{Config, Sources};
    use std::path::Path;

    fn config(data: &Path, database: &str) -> Config {
        let (data, database) = (Some(data.to_owned()), Some(database.to_owned()));
        Config::load(&Sources { data, database, ..Sources::default() }).unwrap()
    }

    #[test]
    fn a_second_server_on_one_directory_or_file_is_refused_until_the_first_is_gone() {
        let folder = std::env::temp_dir().join(format!("countersign-lock-{}", std::process::id()));
        let (one, two) = (folder.join("one"), folder.join("two"));
        let elsewhere = format!("sqlite:{}", folder.join("three/c.db").display());
        let first = DataLock::take(&config(&one, "")).unwrap();
        assert!(DataLock::take(&config(&one, "")).unwrap_err().contains("another server"));
        assert!(DataLock::take(&config(&one, &elsewhere)).unwrap_err().contains("another server"));
        let second = DataLock::take(&config(&two, &elsewhere)).unwrap();
        drop(first);
        let refused = DataLock::take(&config(&one, &elsewhere)).unwrap_err();
        assert!(refused.contains("another server") && refused.contains("c.db.lock"), "{refused}");
        drop(second);
        DataLock::take(&config(&one, &elsewhere)).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn servers_on_one_postgresql_do_not_lock_each_other_out() {
        let folder = std::env::temp_dir().join(format!("countersign-no-lock-{}", std::process::id()));
        let config = config(&folder, "postgres://u@localhost/c");
        let _first = DataLock::take(&config).unwrap();
        let _second = DataLock::take(&config).unwrap();
        assert!(!folder.exists());
    }
}
