//! Does a rehearsal say what would be answered, and leave no trace? Every request of every transcript is rehearsed before
//! it is sent, on both databases, and the database is held against what it was.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod databases;

use bytes::Bytes;
use countersign_server::mounts;
use countersign_server::replay::{Stage, converse};
use databases::on_postgres;
use dialect::transcript::{Act, Kept, Ready, Transcript, difference};
use engine::Place;
use http::{Response, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use testbed::Lent;

/// Where a conversation is kept, and how to see every byte of it.
enum Base {
    Sqlite(PathBuf),
    Postgres(Box<Lent>),
}

impl Base {
    fn sqlite() -> (Place, Base) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rehearsal-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        (Place::File(folder.join("c.db")), Base::Sqlite(folder))
    }

    fn postgres() -> (Place, Base) {
        let (place, database) = on_postgres();
        (place, Base::Postgres(Box::new(database)))
    }

    /// The file and its log to the byte; each table row by row.
    fn dump(&self) -> Vec<u8> {
        match self {
            Base::Sqlite(folder) => ["c.db", "c.db-wal"]
                .iter()
                .flat_map(|name| std::fs::read(folder.join(name)).unwrap_or_default())
                .collect(),
            Base::Postgres(database) => {
                static TABLES: OnceLock<String> = OnceLock::new();
                let tables = TABLES.get_or_init(|| {
                    database.psql(
                        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1",
                    )
                });
                let query: Vec<String> = tables
                    .lines()
                    .filter(|name| !name.trim().is_empty())
                    .map(|name| format!("SELECT '{name}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"))
                    .collect();
                assert!(query.len() > 10, "{tables}");
                database.psql(&query.join(" UNION ALL ")).into_bytes()
            }
        }
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        if let Base::Sqlite(folder) = self {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

/// What can not be told beforehand: nothing is counted in a rehearsal, so nobody is throttled or locked out; and what only
/// the database itself can refuse while it writes, which concerns administrators.
fn can_be_told(dialect: &str, response: &Response<Bytes>) -> bool {
    let status = response.status();
    status != StatusCode::TOO_MANY_REQUESTS && !(dialect == "admin" && status == StatusCode::CONFLICT)
}

/// Status, kind and shape: drawn values are not the same twice, and what they are is for the transcripts.
fn said(response: &Response<Bytes>) -> String {
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap()).unwrap_or_default();
    let body =
        serde_json::from_slice(response.body()).map_or_else(|_| "no JSON".to_owned(), |body| shape(&body));
    format!("{} {kind}\n{body}", response.status())
}

fn shape(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let members = map.iter().map(|(name, value)| format!("{name}: {}", shape(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(", ")),
        Value::String(text) if text.len() < 16 => text.clone(),
        Value::String(_) => "a text".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Null | Value::Bool(_) => value.to_string(),
    }
}

/// Plays one file; gives how many requests there were, and every rehearsal that said something else or left a trace.
async fn rehearsed(name: &str, path: &Path, (place, base): (Place, Base)) -> (usize, Vec<String>) {
    let transcript = Transcript::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects");
    let dialect = Arc::new(mounts::load_dialect(name, Some(&folder)).unwrap());
    let stage = Stage::open_at(place, dialect, &transcript).await.unwrap();
    stage.prepare(&transcript).await.unwrap();
    let found = std::sync::Mutex::new((0, Vec::new()));
    let send = async |ready: Ready| {
        let before = base.dump();
        let rehearsed = stage.rehearse(ready.clone()).await?;
        let trace = before != base.dump();
        let (what, answer) = (format!("{} {}", ready.method, ready.target), stage.send(ready).await?);
        let mut found = found.lock().unwrap();
        found.0 += 1;
        if trace {
            found.1.push(format!("{what}: left a trace"));
        }
        if can_be_told(name, &answer) && said(&answer) != said(&rehearsed) {
            found.1.push(format!("{what}\n{}", difference(&said(&answer), &said(&rehearsed))));
        }
        Ok(answer)
    };
    let act = async |act: &Act, kept: &mut Kept| stage.act(act, kept).await;
    converse(&transcript, true, send, act).await.unwrap();
    found.into_inner().unwrap()
}

async fn check(dialect: &str, base: fn() -> (Place, Base)) {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects").join(dialect).join("transcripts");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    files.sort();
    let (mut count, mut all) = (0, Vec::new());
    for path in &files {
        let (requests, found) = rehearsed(dialect, path, base()).await;
        count += requests;
        all.extend(
            found.into_iter().map(|one| format!("{}: {one}", path.file_name().unwrap().to_string_lossy())),
        );
    }
    assert!(count > 20, "{count} requests");
    assert!(all.is_empty(), "{} rehearsals\n{}", all.len(), all.join("\n"));
}

macro_rules! suite {
    ($place:ident: $($test:ident $dialect:literal)*) => {
        mod $place { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::check($dialect, super::Base::$place).await;
            }
        )* }
    };
}

suite! { sqlite:
    native "native"
    admin "admin"
    password_generator "password-generator"
    uk_travel "uk-travel"
    auths_v1 "auths-v1"
    nest_passport "nest-passport"
}

// Looking at every row of every table takes its time there.
suite! { postgres:
    admin "admin"
    uk_travel "uk-travel"
    auths_v1 "auths-v1"
}
