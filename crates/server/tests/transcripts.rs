//! Every transcript of every dialect is answered to the byte, on both databases. `UPDATE=1` rewrites the expected answers
//! to those on SQLite.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod databases;

use countersign_server::mounts::read_dialect;
use countersign_server::replay::Stage;
use databases::on_postgres;
use dialect::Dialect;
use dialect::transcript::Transcript;
use engine::Place;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testbed::Lent;

/// Which database a conversation is kept in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Sqlite,
    Postgres,
}

impl Kept {
    /// An empty one, and what has to live as long.
    fn place(self) -> (Place, Option<Lent>) {
        match self {
            Kept::Sqlite => (Place::Memory, None),
            Kept::Postgres => {
                let (place, database) = on_postgres();
                (place, Some(database))
            }
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects")
}

fn dialect(name: &str) -> Arc<Dialect> {
    Arc::new(read_dialect(&folder().join(name), None).unwrap())
}

/// The names of all dialects.
fn dialects() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn transcripts(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder().join(name).join("transcripts")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    files.sort();
    files
}

/// Plays one file; gives its differences.
async fn differences(dialect: Arc<Dialect>, path: &Path, kept: Kept) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let transcript = match Transcript::parse(&text) {
        Ok(transcript) => transcript,
        Err(message) => return vec![format!("{name}:{message}")],
    };
    let (place, _database) = kept.place();
    let stage = Stage::open_at(place, dialect, &transcript).await.unwrap();
    let played = match stage.play(&transcript).await {
        Ok(played) => played,
        Err(message) => return vec![format!("{name}:{message}")],
    };
    if kept == Kept::Sqlite && std::env::var_os("UPDATE").is_some() {
        let answers: Vec<String> = played.iter().map(|one| one.got.clone()).collect();
        std::fs::write(path, Transcript::updated(&text, &answers)).unwrap();
        return Vec::new();
    }
    played
        .iter()
        .filter(|one| !one.differences.is_empty())
        .map(|one| format!("{name}:{}: {}\n{:#?}", one.line, one.title, one.differences))
        .collect()
}

async fn check(name: &str, kept: Kept) {
    let files = transcripts(name);
    assert!(!files.is_empty(), "dialects/{name} has no transcript");
    let dialect = dialect(name);
    let mut all = Vec::new();
    for path in files {
        all.extend(differences(dialect.clone(), &path, kept).await);
    }
    assert!(all.is_empty(), "{} answers differ\n{}", all.len(), all.join("\n"));
}

/// Every dialect once per database.
macro_rules! suite {
    ($($test:ident $dialect:literal)*) => {
        mod sqlite { $(
            #[tokio::test]
            async fn $test() {
                super::check($dialect, super::Kept::Sqlite).await;
            }
        )* }

        mod postgres { $(
            #[tokio::test]
            async fn $test() {
                super::check($dialect, super::Kept::Postgres).await;
            }
        )* }

        #[test]
        fn every_dialect_is_there() {
            let mut listed = vec![$($dialect),*];
            listed.sort_unstable();
            assert_eq!(listed, dialects());
        }
    };
}

suite! {
    native_answers_as_written "native"
    admin_answers_as_written "admin"
    password_generator_answers_as_written "password-generator"
    password_generator_5_5_answers_as_written "password-generator-5-5"
    uk_travel_answers_as_written "uk-travel"
    auths_v1_answers_as_written "auths-v1"
    nest_passport_answers_as_written "nest-passport"
}
