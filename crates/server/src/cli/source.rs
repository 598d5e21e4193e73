//! Which users are meant on the command line, and how are they reached?

use super::terminal::Ended;
use crate::config::{Config, postgres_password};
use crate::keys::read_secret_line;
use clap::{Args, ValueEnum};
use engine::{PostgresAddress, connect_to_postgres};
use moving::source::{Kind, Location, MAX_FILE, Mapping, Request, Roles, Source};
use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What wrote the users; see [`Kind`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum From {
    /// JSON Lines of our own fields
    Jsonl,
    /// CSV with a header row
    Csv,
    /// Django's database: SQLite or PostgreSQL
    Django,
    /// A table of any SQLite or PostgreSQL database (Prisma, TypeORM, Sequelize, …)
    Sql,
    /// Auth0's bulk export, or its export of password hashes
    Auth0,
    /// firebase auth:export users.json
    Firebase,
    /// Realm export of Keycloak
    Keycloak,
    /// Supabase's auth.users: the database, or CSV or JSON of it
    Supabase,
    /// CSV of Amazon Cognito; without passwords
    Cognito,
}

impl From {
    fn kind(self) -> Kind {
        match self {
            From::Jsonl => Kind::Jsonl,
            From::Csv => Kind::Csv,
            From::Django => Kind::Django,
            From::Sql => Kind::Sql,
            From::Auth0 => Kind::Auth0,
            From::Firebase => Kind::Firebase,
            From::Keycloak => Kind::Keycloak,
            From::Supabase => Kind::Supabase,
            From::Cognito => Kind::Cognito,
        }
    }
}

/// Users of another application.
#[derive(Args, Debug)]
pub struct SourceArgs {
    /// A file, - for the standard input, or postgres://user@host/name (without its password)
    #[arg(value_name = "FILE-OR-URL")]
    source: String,
    /// What wrote it; found out by the file's name or by what stands in the database when left out
    #[arg(long, value_enum)]
    from: Option<From>,
    /// The table with the users
    #[arg(long)]
    table: Option<String>,
    /// Which column holds a field, where its name does not tell; FIELD= leaves the field empty
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<Mapping>,
    /// A file with the database's password, readable by you alone; else PGPASSWORD is taken
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Auth0: the export of password hashes that belongs to the users
    #[arg(long, value_name = "FILE")]
    hashes: Option<PathBuf>,
    /// Firebase: the password hash parameters, as the console shows them
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Django: its MEDIA_URL, which goes before the names of pictures; /media/ when left out
    #[arg(long, value_name = "PREFIX")]
    media_url: Option<String>,
    /// Take roles, permissions and staff marks over
    #[arg(long)]
    with_roles: bool,
    /// Leave roles, permissions and staff marks behind
    #[arg(long, conflicts_with = "with_roles")]
    without_roles: bool,
}

/// Users that were found, and what has to live as long.
pub struct Found {
    pub source: Source,
    /// For messages: the file, or the URL.
    pub name: String,
    _spooled: Option<Spooled>,
}

/// The standard input, kept for as long as it is read.
struct Spooled(PathBuf);

impl Drop for Spooled {
    fn drop(&mut self) {
        // It lies in a folder of ours and is readable by its owner alone.
        drop(fs::remove_file(&self.0));
    }
}

impl SourceArgs {
    /// Opens the users. Refused: what can not be read or is in doubt, and a password on the command line (SEC-111).
    pub async fn open(&self, config: &Config) -> Result<Found, Ended> {
        let request = Request {
            kind: self.from.map(From::kind),
            table: self.table.clone(),
            maps: self.map.clone(),
            roles: match (self.with_roles, self.without_roles) {
                (true, _) => Roles::Keep,
                (_, true) => Roles::Leave,
                (false, false) => Roles::Refuse,
            },
            hashes: self.hashes.clone(),
            parameters: self.parameters.clone(),
            media_url: self.media_url.clone(),
        };
        let (location, name, spooled) = self.locate(config).await?;
        let source = Source::open(location, request).await.map_err(|mut faults| {
            faults.push("nothing was imported".to_owned());
            Ended::wrong(faults)
        })?;
        Ok(Found { source, name, _spooled: spooled })
    }

    async fn locate(&self, config: &Config) -> Result<(Location, String, Option<Spooled>), Ended> {
        if let Some(address) = self.address()? {
            let client = connect_to_postgres(&address).await;
            let client = client.map_err(|error| Ended::failed(format!("{error}; nothing was imported")))?;
            return Ok((Location::Postgres(Box::new(client)), address.to_string(), None));
        }
        if self.password_file.is_some() {
            return Err(Ended::wrong_one("--password-file is for a postgres:// URL"));
        }
        if self.source == "-" {
            let spooled = spool(config)?;
            return Ok((Location::File(spooled.0.clone()), "-".to_owned(), Some(spooled)));
        }
        let path = PathBuf::from(self.source.strip_prefix("sqlite:").unwrap_or(&self.source));
        if let Err(error) = fs::metadata(&path) {
            return Err(unreadable(&path, &error));
        }
        Ok((Location::File(path), self.source.clone(), None))
    }

    /// The PostgreSQL that is meant, if it is one.
    fn address(&self) -> Result<Option<PostgresAddress>, Ended> {
        let text = self.source.as_str();
        if !text.starts_with("postgres:") && !text.starts_with("postgresql:") {
            return Ok(None);
        }
        let address = PostgresAddress::parse(text).map_err(|fault| Ended::wrong_one(fault.to_string()))?;
        if address.has_password() {
            return Err(Ended::wrong_one(
                "everybody on this machine sees a password on the command line; put it into a file and name it with \
                 --password-file, or into PGPASSWORD",
            ));
        }
        let password = match &self.password_file {
            Some(path) => Some(read_secret_line(path).map_err(Ended::wrong_one)?),
            None => postgres_password(),
        };
        Ok(Some(match password {
            Some(password) => address.with_password(password),
            None => address,
        }))
    }
}

/// It could not be read, and nothing was done.
fn unreadable(path: &Path, error: &std::io::Error) -> Ended {
    Ended::wrong_one(format!("{}: {error}; nothing was imported", path.display()))
}

/// The standard input in a file, so that it can be read twice.
fn spool(config: &Config) -> Result<Spooled, Ended> {
    let path = config.data.join(format!("import-{}.jsonl", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = file.map_err(|error| unreadable(&path, &error))?;
    let spooled = Spooled(path.clone());
    let copied = std::io::copy(&mut std::io::stdin().lock().take(MAX_FILE + 1), &mut file);
    match copied {
        Err(error) => Err(unreadable(&path, &error)),
        Ok(count) if count > MAX_FILE => {
            Err(Ended::wrong_one(format!("the standard input is longer than {MAX_FILE} bytes; split it")))
        }
        Ok(_) => Ok(spooled),
    }
}
