//! Which database is meant, with which password, and how is it spoken to?

use super::{Config, ConfigFault, Origin, Reading, Values};
use crate::keys::read_secret_line;
use domain::secret::Secret;
use engine::{Place, PostgresAddress, PostgresSettings, SynchronousCommit};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The variable that may hold the database's password. It is no setting, so nothing ever prints it (SEC-111).
pub const PASSWORD_VARIABLE: &str = "COUNTERSIGN_DATABASE_PASSWORD";
/// The database's name in the data folder.
pub const FILE: &str = "countersign.db";

/// What the setting `database` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Nothing: SQLite, in the data folder.
    DataFolder,
    /// SQLite, in this file.
    File(PathBuf),
    /// PostgreSQL.
    Postgres(Box<PostgresAddress>),
}

/// As in the configuration, with `…` for a password.
impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Chosen::DataFolder => Ok(()),
            Chosen::File(path) => write!(f, "sqlite:{}", path.display()),
            Chosen::Postgres(address) => address.fmt(f),
        }
    }
}

/// Reads the setting's text. Refused, without repeating any of it: what is neither a file nor a PostgreSQL.
pub fn read(text: &str) -> Result<Chosen, String> {
    if text.is_empty() {
        return Ok(Chosen::DataFolder);
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        return file(path).map(Chosen::File);
    }
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        let address = PostgresAddress::parse(text).map_err(|fault| fault.to_string())?;
        return Ok(Chosen::Postgres(Box::new(address)));
    }
    Err("write \"sqlite:/path/to/file.db\" or \"postgres://user@host/name\"; empty = countersign.db in the data folder"
        .to_owned())
}

/// As [`read`], from the command line. Refused, too: a password, because everybody on this machine sees it there (SEC-111).
pub fn read_flag(text: &str) -> Result<Chosen, String> {
    let chosen = read(text)?;
    if matches!(&chosen, Chosen::Postgres(address) if address.has_password()) {
        return Err(format!(
            "everybody on this machine sees a password on the command line; put it into {PASSWORD_VARIABLE} or \
             database_password_file"
        ));
    }
    Ok(chosen)
}

fn file(path: &str) -> Result<PathBuf, String> {
    let path = if path.starts_with("///") { &path[2..] } else { path };
    // SQLite gives some names a meaning of its own.
    let special = path.starts_with(':') || path.starts_with("file:") || path.starts_with("//");
    if path.is_empty() || path.ends_with('/') || special || path.chars().any(char::is_control) {
        return Err("write the path of a file: \"sqlite:/path/to/file.db\"".to_owned());
    }
    Ok(PathBuf::from(path))
}

/// What the settings say about the database.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    chosen: Chosen,
    password: Option<Secret>,
    postgres: PostgresSettings,
}

impl Config {
    /// The database, with everything that it takes to open it.
    pub fn database(&self) -> Place {
        self.place(&self.databases.chosen)
    }

    /// What the setting `database` says.
    pub fn chosen_database(&self) -> &Chosen {
        &self.databases.chosen
    }

    /// A database of the operator's choice, with the password and the settings that are configured.
    pub fn place(&self, chosen: &Chosen) -> Place {
        let DatabaseConfig { password, postgres, .. } = &self.databases;
        match chosen {
            Chosen::DataFolder => Place::File(self.data.join(FILE)),
            Chosen::File(path) => Place::File(path.clone()),
            Chosen::Postgres(address) => {
                let address = PostgresAddress::clone(address);
                let address = match password {
                    Some(password) => address.with_password(password.clone()),
                    None => address,
                };
                Place::Postgres(Box::new(address), *postgres)
            }
        }
    }

    /// The file of the embedded database; none where it is a PostgreSQL.
    pub fn database_file(&self) -> Option<PathBuf> {
        match self.database() {
            Place::File(path) => Some(path),
            Place::Postgres(..) | Place::Memory => None,
        }
    }

    /// Whether the embedded database is still to be made. A PostgreSQL is there, or can not be told from one that is.
    pub fn lacks_database(&self) -> bool {
        self.database_file().is_some_and(|file| !file.exists())
    }

    /// Whether passwords and data go to the database in clear through a network.
    pub fn database_in_clear(&self) -> bool {
        matches!(&self.databases.chosen, Chosen::Postgres(address) if address.crosses_in_clear())
    }

    /// The configuration file, if the database's password stands in it.
    pub fn file_with_password(&self) -> Option<&Path> {
        let Chosen::Postgres(address) = &self.databases.chosen else { return None };
        match origin(self) {
            Origin::File { path, .. } if address.has_password() => Some(path),
            Origin::File { .. } | Origin::Default | Origin::Environment(_) | Origin::Flag(_) => None,
        }
    }
}

fn origin(config: &Config) -> &Origin {
    let found = config.values.iter().find(|(name, ..)| *name == "database");
    found.map_or(&Origin::Default, |(_, _, origin)| origin)
}

/// Refused: a password that is given twice, or can not be read.
pub(super) fn assemble(
    read: &Reading<'_>,
    values: &Values,
    environment: &[(String, String)],
) -> Result<DatabaseConfig, ConfigFault> {
    let fault = |name: &str, message: String| {
        let place = values.get(name).map_or_else(|| name.to_owned(), |(_, origin)| origin.to_string());
        Err(ConfigFault { place, message })
    };
    let chosen = read.database("database")?;
    let file = Some(read.text("database_password_file")?).filter(|path| !path.is_empty());
    let given = environment.iter().find(|(name, value)| name == PASSWORD_VARIABLE && !value.is_empty());
    let password = match (file, given) {
        (Some(_), Some(_)) => {
            let message =
                format!("the password is given twice: database_password_file and {PASSWORD_VARIABLE}");
            return fault("database_password_file", message);
        }
        (Some(path), None) => match read_secret_line(Path::new(&path)) {
            Ok(password) => Some(password),
            Err(message) => {
                return fault("database_password_file", format!("database_password_file: {message}"));
            }
        },
        (None, Some((_, value))) => Some(Secret::new(value.as_str())),
        (None, None) => None,
    };
    if password.is_some() && matches!(&chosen, Chosen::Postgres(address) if address.has_password()) {
        let message = format!(
            "the password is given twice: in `database`, and in database_password_file or {PASSWORD_VARIABLE}"
        );
        return fault("database", message);
    }
    Ok(DatabaseConfig { chosen, password, postgres: postgres(read)? })
}

fn postgres(read: &Reading<'_>) -> Result<PostgresSettings, ConfigFault> {
    let millis = |name| read.small(name).map(u64::from);
    Ok(PostgresSettings {
        readers: read.number("postgres.readers")?,
        writers: read.number("postgres.writers")?,
        pool_wait_ms: millis("postgres.pool_wait_ms")?,
        statement_timeout_ms: millis("postgres.statement_timeout_ms")?,
        lock_timeout_ms: millis("postgres.lock_timeout_ms")?,
        idle_in_transaction_timeout_ms: millis("postgres.idle_in_transaction_timeout_ms")?,
        synchronous_commit: SynchronousCommit::parse(&read.text("postgres.synchronous_commit")?)
            .unwrap_or_default(),
    })
}

/// Refused: a file that holds the password and lies open (SEC-111).
pub(super) fn check(config: &Config) -> Option<ConfigFault> {
    let path = config.file_with_password().filter(|path| lies_open(path))?;
    let message = format!(
        "everybody on this machine can read the password in this URL; run `chmod 600 {}`, or move the password to \
         database_password_file",
        path.display()
    );
    Some(ConfigFault { place: origin(config).to_string(), message })
}

fn lies_open(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_a_file_or_a_postgresql() {
        for (text, file) in [
            ("sqlite:/var/lib/c.db", "/var/lib/c.db"),
            ("sqlite:///var/lib/c.db", "/var/lib/c.db"),
            ("sqlite:c.db", "c.db"),
            ("sqlite:../c d?.db", "../c d?.db"),
        ] {
            assert_eq!(read(text), Ok(Chosen::File(PathBuf::from(file))), "{text}");
        }
        assert_eq!(read(""), Ok(Chosen::DataFolder));
        for text in ["postgres://u:hunter2@h/c", "postgresql://u:hunter2@h/c"] {
            let chosen = read(text).unwrap();
            assert!(matches!(chosen, Chosen::Postgres(_)), "{text}");
            assert_eq!(chosen.to_string(), text.replace("hunter2", "…"));
        }
        for text in [
            "sqlite:",
            "sqlite:/folder/",
            "sqlite::memory:",
            "sqlite:file:c.db?mode=ro",
            "sqlite://c.db",
            "sqlite:a\nb",
            "hunter2.db",
            "mysql://u:hunter2@h/c",
            "postgres:u:hunter2@h/c",
            "Postgres://hunter2",
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains("sqlite:/path") || said.contains("postgres://user@"), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
