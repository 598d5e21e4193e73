//! From where do users come?
//!
//! A source gives rows of its own kind; a shape says what a row means. Every source can be read again and again, takes
//! the memory of a few rows, and is only read.

mod auth0;
mod cognito;
mod columns;
mod csv;
mod django;
mod elements;
mod firebase;
mod keycloak;
mod lines;
mod postgres;
mod roles;
mod row;
mod sqlite;
mod supabase;
mod table;

pub use columns::{Mapping, field_names};
pub use lines::MAX_FILE;
pub use roles::Roles;
pub use row::{EXTERNAL_ID, derived};

use columns::Columns;
use django::Django;
use domain::json::strict_value;
use domain::record::{Entry, Place, Record};
use elements::Elements;
use lines::Lines;
use row::{Row, Rows};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use table::{Database, Table};

/// Deeper JSON is refused (SEC-101).
const MAX_DEPTH: u8 = 32;
/// More members and items than this in one user are refused.
const MAX_MEMBERS: u32 = 10_000;

/// What wrote the users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JSON Lines of our own fields.
    Jsonl,
    /// CSV with a header row.
    Csv,
    /// A database of Django.
    Django,
    /// A table of any application.
    Sql,
    /// Auth0's bulk export, or its export of password hashes.
    Auth0,
    /// `firebase auth:export`.
    Firebase,
    /// The export of a Keycloak realm.
    Keycloak,
    /// Supabase's `auth.users`: the database, or CSV or JSON of it.
    Supabase,
    /// The CSV form of Amazon Cognito.
    Cognito,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 9] = [
        Kind::Jsonl,
        Kind::Csv,
        Kind::Django,
        Kind::Sql,
        Kind::Auth0,
        Kind::Firebase,
        Kind::Keycloak,
        Kind::Supabase,
        Kind::Cognito,
    ];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Jsonl => "jsonl",
            Kind::Csv => "csv",
            Kind::Django => "django",
            Kind::Sql => "sql",
            Kind::Auth0 => "auth0",
            Kind::Firebase => "firebase",
            Kind::Keycloak => "keycloak",
            Kind::Supabase => "supabase",
            Kind::Cognito => "cognito",
        }
    }
}

/// Where they are.
pub enum Location {
    /// A text file, or one of SQLite.
    File(PathBuf),
    /// A connection to a PostgreSQL, for this alone.
    Postgres(Box<dyn AsRef<tokio_postgres::Client> + Send + Sync>),
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// None: found out by the name of the file, or by what stands in it.
    pub kind: Option<Kind>,
    /// The table of a database; none = found out.
    pub table: Option<String>,
    /// Which column holds what, where names do not tell.
    pub maps: Vec<Mapping>,
    /// What becomes of powers.
    pub roles: Roles,
    /// Auth0: the export of password hashes.
    pub hashes: Option<PathBuf>,
    /// Firebase: the parameters of its hashes.
    pub parameters: Option<PathBuf>,
    /// Django: its `MEDIA_URL`, which goes before the names of pictures; none = `/media/`.
    pub media_url: Option<String>,
}

/// Where the rows are.
enum Whence {
    Lines(PathBuf),
    Csv(csv::Csv, Vec<String>),
    Elements(PathBuf, Option<&'static str>),
    Table(Database, Table, Vec<String>, Vec<table::Computed>),
}

/// What a row means.
enum Shape {
    Own,
    Columns(Columns),
    Django(Django),
    Auth0(auth0::Hashes),
    Firebase(Option<firebase::Parameters>),
    Keycloak,
    Supabase,
    Cognito,
}

/// Users that can be read, again and again.
pub struct Source {
    kind: Kind,
    whence: Whence,
    shape: Arc<Shape>,
    roles: Roles,
}

impl Source {
    /// Opens what is asked for. A database is held at this moment: whatever its application does, every reading gives
    /// the same users.
    ///
    /// Refused, with everything that is wrong: what can not be read, a kind that the location can not hold, options that the
    /// kind does not have, tables and columns in doubt.
    pub async fn open(location: Location, request: Request) -> Result<Source, Vec<String>> {
        let one = |fault: String| vec![fault];
        let database = match &location {
            Location::File(path) if sqlite::is_one(path) => {
                Some(Database::Sqlite(sqlite::Sqlite::open(path).map_err(one)?))
            }
            Location::File(_) => None,
            Location::Postgres(_) => None,
        };
        let (path, database) = match location {
            Location::File(path) => (Some(path), database),
            Location::Postgres(client) => {
                let postgres = postgres::Postgres::open(client).await.map_err(one)?;
                (None, Some(Database::Postgres(postgres)))
            }
        };
        let kind = match request.kind {
            Some(kind) => kind,
            None => guess(path.as_deref(), database.as_ref()).await.map_err(one)?,
        };
        let faults = misplaced(kind, &request, database.is_some());
        if !faults.is_empty() {
            return Err(faults);
        }
        let (whence, shape) = match database {
            Some(database) => in_database(kind, database, &request).await?,
            None => in_file(kind, path.unwrap_or_default(), &request)?,
        };
        Ok(Source { kind, whence, shape: Arc::new(shape), roles: request.roles })
    }

    /// What wrote the users.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The table that is read, if it is one.
    pub fn table(&self) -> Option<&str> {
        match &self.whence {
            Whence::Table(_, table, ..) => Some(&table.name),
            Whence::Lines(_) | Whence::Csv(..) | Whence::Elements(..) => None,
        }
    }

    /// Which column fills which field: field and column.
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.columns().map(Columns::pairs).unwrap_or_default()
    }

    /// The columns that nobody reads.
    pub fn left(&self) -> &[String] {
        self.columns().map(Columns::left).unwrap_or_default()
    }

    fn columns(&self) -> Option<&Columns> {
        match &*self.shape {
            Shape::Columns(columns) => Some(columns),
            Shape::Django(django) => Some(&django.columns),
            Shape::Own
            | Shape::Auth0(_)
            | Shape::Firebase(_)
            | Shape::Keycloak
            | Shape::Supabase
            | Shape::Cognito => None,
        }
    }

    /// The users from the first one on. Whoever takes them must be on a thread that may wait.
    pub fn read(&self) -> Result<Box<dyn Iterator<Item = Result<Entry, String>> + Send>, String> {
        let rows: Rows = match &self.whence {
            Whence::Lines(path) => Box::new(Lines::new(lines::open(path)?).map(|line| line.map(json_line))),
            Whence::Csv(csv, used) => csv.rows(used)?,
            Whence::Elements(path, member) => {
                let list = member.unwrap_or("item");
                let elements = Elements::new(lines::open(path)?, *member);
                Box::new(elements.map(move |element| element.map(|element| json_element(list, element))))
            }
            Whence::Table(database, table, used, computed) => database.rows(table, used, computed),
        };
        let (shape, roles) = (Arc::clone(&self.shape), self.roles);
        Ok(Box::new(rows.map(move |row| {
            let Row { place, fields } = row?;
            let record = fields.map_err(|what| vec![what]).and_then(|fields| shape.record(fields, roles));
            Ok(Entry { place, record: record.and_then(|record| roles.apply(record)) })
        })))
    }
}

impl Shape {
    fn record(&self, fields: Map<String, Value>, roles: Roles) -> Result<Record, Vec<String>> {
        match self {
            Shape::Own => {
                serde_json::from_value(Value::Object(fields)).map_err(|error| vec![error.to_string()])
            }
            Shape::Columns(columns) => columns.record(&fields),
            Shape::Django(django) => django.record(&fields),
            Shape::Auth0(hashes) => auth0::record(&fields, hashes),
            Shape::Firebase(parameters) => firebase::record(&fields, parameters.as_ref()),
            Shape::Keycloak => keycloak::record(&fields, roles == Roles::Keep),
            Shape::Supabase => supabase::record(&fields),
            Shape::Cognito => cognito::record(&fields),
        }
    }
}

fn object(text: &[u8]) -> Result<Map<String, Value>, String> {
    match strict_value(text, MAX_DEPTH, MAX_MEMBERS)? {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("it is not a JSON object".to_owned())
        }
    }
}

fn json_line(line: lines::Line) -> Row {
    let fields = line.text.and_then(|text| object(text.as_bytes()));
    Row { place: Place::Line(line.number), fields }
}

fn json_element(list: &str, element: elements::Element) -> Row {
    let fields = element.text.and_then(|text| object(&text));
    Row { place: Place::Row(format!("{} {list}[{}]", element.line, element.number - 1)), fields }
}

/// The kind that a file or database most likely is.
async fn guess(path: Option<&Path>, database: Option<&Database>) -> Result<Kind, String> {
    if let Some(database) = database {
        let names = database.names().await?;
        let has =
            |schema: Option<&str>, name: &str| names.iter().any(|(s, n)| s.as_deref() == schema && n == name);
        return Ok(if has(None, "django_migrations") {
            Kind::Django
        } else if has(Some("auth"), "users") && has(Some("auth"), "identities") {
            Kind::Supabase
        } else {
            Kind::Sql
        });
    }
    let path = path.unwrap_or(Path::new(""));
    match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("csv" | "tsv") => Ok(Kind::Csv),
        Some("json") => Err(format!(
            "{}: a JSON file may come from several systems; add --from firebase, keycloak or supabase",
            path.display()
        )),
        Some("db" | "sqlite" | "sqlite3") => Err(match std::fs::metadata(path) {
            Err(error) => format!("{}: {error}", path.display()),
            Ok(_) => format!("{}: this is no SQLite database", path.display()),
        }),
        Some(_) | None => Ok(Kind::Jsonl),
    }
}

/// Options that the kind does not have, and places where it can not be.
fn misplaced(kind: Kind, request: &Request, in_database: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let name = kind.name();
    let in_table = in_database && matches!(kind, Kind::Django | Kind::Sql | Kind::Supabase);
    let mapped = matches!(kind, Kind::Django | Kind::Sql | Kind::Csv);
    match (kind, in_database) {
        (Kind::Django | Kind::Sql, false) => {
            faults.push(format!("--from {name} reads a SQLite file or a postgres:// URL"));
        }
        (Kind::Jsonl | Kind::Csv | Kind::Auth0 | Kind::Firebase | Kind::Keycloak | Kind::Cognito, true) => {
            faults.push(format!("--from {name} reads a text file, not a database"));
        }
        (_, _) => {}
    }
    for (given, option, fits) in [
        (request.table.is_some(), "--table", in_table),
        (!request.maps.is_empty(), "--map", mapped),
        (request.hashes.is_some(), "--hashes", kind == Kind::Auth0),
        (request.parameters.is_some(), "--parameters", kind == Kind::Firebase),
        (request.media_url.is_some(), "--media-url", kind == Kind::Django),
    ] {
        if given && !fits {
            faults.push(format!("{option} says nothing about --from {name} of this kind"));
        }
    }
    faults
}

async fn in_database(
    kind: Kind,
    database: Database,
    request: &Request,
) -> Result<(Whence, Shape), Vec<String>> {
    let wanted = request.table.as_deref();
    let one = |fault: String| vec![fault];
    if kind == Kind::Django {
        let django = Django::open(&database, request).await?;
        let used = django.columns.used().map(str::to_owned).collect();
        let whence = Whence::Table(database, django.table.clone(), used, django.computed());
        return Ok((whence, Shape::Django(django)));
    }
    if kind == Kind::Supabase {
        let table = database.table(wanted.or(Some("auth.users")), &[]).await.map_err(one)?;
        let used = known(&table.columns, &supabase::COLUMNS, "encrypted_password", &table.name)?;
        return Ok((Whence::Table(database, table, used, Vec::new()), Shape::Supabase));
    }
    let table = database.table(wanted, &[]).await.map_err(one)?;
    let columns = Columns::find(&table.columns, &request.maps)?;
    let used = columns.used().map(str::to_owned).collect();
    Ok((Whence::Table(database, table, used, Vec::new()), Shape::Columns(columns)))
}

fn in_file(kind: Kind, path: PathBuf, request: &Request) -> Result<(Whence, Shape), Vec<String>> {
    let one = |fault: String| vec![fault];
    let open = |path: &Path| csv::Csv::open(path).map_err(one);
    Ok(match kind {
        Kind::Csv => {
            let file = open(&path)?;
            let columns = Columns::find(file.header(), &request.maps)?;
            let used = columns.used().map(str::to_owned).collect();
            (Whence::Csv(file, used), Shape::Columns(columns))
        }
        Kind::Cognito => {
            let file = open(&path)?;
            let used =
                known(file.header(), &cognito::COLUMNS, "cognito:username", &path.display().to_string())?;
            (Whence::Csv(file, used), Shape::Cognito)
        }
        Kind::Supabase if is_csv(&path) => {
            let file = open(&path)?;
            let used =
                known(file.header(), &supabase::COLUMNS, "encrypted_password", &path.display().to_string())?;
            (Whence::Csv(file, used), Shape::Supabase)
        }
        Kind::Supabase => (list_or_lines(path).map_err(one)?, Shape::Supabase),
        Kind::Auth0 => {
            let hashes =
                request.hashes.as_deref().map_or_else(|| Ok(auth0::Hashes::default()), auth0::Hashes::read);
            (list_or_lines(path).map_err(one)?, Shape::Auth0(hashes.map_err(one)?))
        }
        Kind::Jsonl => (Whence::Lines(path), Shape::Own),
        Kind::Firebase => {
            let parameters = request.parameters.as_deref().map(firebase::Parameters::read);
            let shape = Shape::Firebase(parameters.transpose().map_err(one)?);
            (Whence::Elements(path, Some("users")), shape)
        }
        Kind::Keycloak => (Whence::Elements(path, Some("users")), Shape::Keycloak),
        Kind::Django | Kind::Sql => return Err(vec![format!("{}: this is no database", path.display())]),
    })
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// A JSON list, or a JSON object a line: the first sign tells.
fn list_or_lines(path: PathBuf) -> Result<Whence, String> {
    use std::io::BufRead as _;
    let mut reader = lines::open(&path)?;
    let start = reader.fill_buf().map_err(|error| format!("{}: {error}", path.display()))?;
    let list = start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    Ok(if list { Whence::Elements(path, None) } else { Whence::Lines(path) })
}

/// The columns that are there of those that are known. Refused: one without which it is something else.
fn known(there: &[String], known: &[&str], needed: &str, name: &str) -> Result<Vec<String>, Vec<String>> {
    if !there.iter().any(|column| column == needed) {
        return Err(vec![format!("{name} has no column \"{needed}\"; there are {}", there.join(", "))]);
    }
    Ok(there.iter().filter(|column| known.contains(&column.as_str())).cloned().collect())
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.kind.name())
    }
}
