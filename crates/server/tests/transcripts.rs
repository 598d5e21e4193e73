//! Every transcript of every dialect is answered to the byte. `UPDATE=1` rewrites the expected answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use countersign_server::replay::Stage;
use dialect::Dialect;
use dialect::transcript::Transcript;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dialects")
}

fn dialect(name: &str) -> Arc<Dialect> {
    let text = std::fs::read_to_string(folder().join(name).join("dialect.toml")).unwrap();
    Arc::new(Dialect::parse(&text).unwrap())
}

fn transcripts(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder().join(name).join("transcripts")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    files.sort();
    files
}

/// Plays one file; gives its differences.
async fn differences(dialect: Arc<Dialect>, path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let transcript = match Transcript::parse(&text) {
        Ok(transcript) => transcript,
        Err(message) => return vec![format!("{name}:{message}")],
    };
    let stage = Stage::open(dialect, &transcript).await.unwrap();
    let played = match stage.play(&transcript).await {
        Ok(played) => played,
        Err(message) => return vec![format!("{name}:{message}")],
    };
    if std::env::var_os("UPDATE").is_some() {
        let answers: Vec<String> = played.iter().map(|one| one.got.clone()).collect();
        std::fs::write(path, Transcript::updated(&text, &answers)).unwrap();
        return Vec::new();
    }
    played
        .iter()
        .filter(|one| !one.difference.is_empty())
        .map(|one| format!("{name}:{}: {}\n{}", one.line, one.title, one.difference))
        .collect()
}

async fn check(name: &str) {
    let files = transcripts(name);
    assert!(!files.is_empty(), "dialects/{name} has no transcript");
    let dialect = dialect(name);
    let mut all = Vec::new();
    for path in files {
        all.extend(differences(dialect.clone(), &path).await);
    }
    assert!(all.is_empty(), "{} answers differ\n{}", all.len(), all.join("\n"));
}

#[tokio::test]
async fn native_answers_as_written() {
    check("native").await;
}

#[tokio::test]
async fn admin_answers_as_written() {
    check("admin").await;
}

#[tokio::test]
async fn password_generator_answers_as_written() {
    check("password-generator").await;
}

#[tokio::test]
async fn uk_travel_answers_as_written() {
    check("uk-travel").await;
}

#[tokio::test]
async fn auths_v1_answers_as_written() {
    check("auths-v1").await;
}

#[tokio::test]
async fn nest_passport_answers_as_written() {
    check("nest-passport").await;
}
