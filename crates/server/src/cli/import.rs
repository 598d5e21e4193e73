//! How do users come in from a file?

use super::terminal::{Ended, line, out};
use crate::config::Config;
use clap::Args;
use domain::password::Stored;
use engine::{Engine, ImportFault, ImportReport, RecordFault};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest line, in bytes (security.md 3.7).
const MAX_LINE: u64 = 64 * 1024;
/// The largest file, in bytes.
const MAX_FILE: u64 = 1 << 30;
/// The most faults that are written out.
const MAX_TOLD: usize = 1000;
/// Attributes that make somebody an administrator in the frameworks that write them.
const STAFF: [&str; 3] = ["is_staff", "is_superuser", "is_admin"];

/// Below `user import --help`.
pub const IMPORT_HELP: &str = "\
One user a line. All fields may be left out but one of email and username:

  {\"id\": 17, \"uuid\": \"…\", \"username\": \"ana\", \"email\": \"ana@example.com\", \"email_verified\": true,
   \"first_name\": \"Ana\", \"last_name\": \"Pérez\", \"phone_number\": \"+34 600\", \"avatar\": \"https://…\", \"role\": \"editor\",
   \"permissions\": [\"read\"], \"status\": \"active\", \"attributes\": {\"stats\": {}}, \"password_hash\": \"pbkdf2_sha256$…\",
   \"created_at\": \"2024-01-31T12:00:00Z\", \"last_login_at\": null}

Hashes are read as Django (pbkdf2_sha256, pbkdf2_sha1, argon2, bcrypt_sha256, bcrypt, scrypt), PHC (argon2, scrypt) and
bcrypt write them; nobody has to set a new password. A file with any fault is not imported at all: every fault is
told with its line. The same file again changes nothing.

Examples:
  countersign user import users.jsonl --dry-run
  psql -At -c \"select row_to_json(u) from users u\" | countersign user import -";

/// Users from a file.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// A file of JSON Lines, or - for the standard input
    file: PathBuf,
    /// Check everything, keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Take roles, permissions and staff marks over
    #[arg(long)]
    with_roles: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A file that can be read twice; a spooled one goes with the value.
struct Source {
    path: PathBuf,
    spooled: bool,
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.spooled {
            // It lies in a folder of ours and is readable by its owner alone.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// What a first look at a file found.
#[derive(Default)]
struct Look {
    users: u64,
    schemes: BTreeMap<&'static str, u64>,
    faults: Vec<RecordFault>,
}

/// Imports a file, whole or not at all.
pub async fn import(args: &ImportArgs, config: &Config, engine: &Engine) -> Result<(), Ended> {
    let source = source(&args.file, config)?;
    let look = look(&source.path, args.with_roles).map_err(|error| unreadable(&args.file, &error))?;
    // With faults of the first look, the engine only tells its own.
    let dry_run = args.dry_run || !look.faults.is_empty();
    let outcome = run(engine, &source.path, look.users, dry_run).await;
    let (report, mut faults) = match outcome {
        Ok(report) => (report, Vec::new()),
        Err(ImportFault::Lines(faults)) => (ImportReport::default(), faults),
        Err(ImportFault::File(error)) => return Err(unreadable(&args.file, &error)),
        Err(ImportFault::Operator(error)) => return Err(Ended::failed(error)),
    };
    faults.extend(look.faults.iter().cloned());
    if !faults.is_empty() {
        return Err(refuse(&args.file, faults));
    }
    tell(args, &report, &look);
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Ended {
    Ended::wrong_one(format!("{}: {error}; nothing was imported", path.display()))
}

/// The file itself; the standard input is kept for the time of the import.
fn source(path: &Path, config: &Config) -> Result<Source, Ended> {
    if path != Path::new("-") {
        return Ok(Source { path: path.to_owned(), spooled: false });
    }
    let path = config.data.join(format!("import-{}.jsonl", std::process::id()));
    let source = Source { path: path.clone(), spooled: true };
    let copied =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
            let count = std::io::copy(&mut std::io::stdin().lock().take(MAX_FILE + 1), &mut file)?;
            if count > MAX_FILE {
                return Err(std::io::Error::other(format!(
                    "the standard input is longer than {MAX_FILE} bytes"
                )));
            }
            Ok(())
        });
    copied.map_err(|error| unreadable(&path, &error))?;
    Ok(source)
}

/// Reads the file once: lengths of lines, roles, schemes of hashes. What is no JSON is left to the engine.
fn look(path: &Path, with_roles: bool) -> std::io::Result<Look> {
    let mut reader = BufReader::new(File::open(path)?.take(MAX_FILE));
    let (mut look, mut number, mut bytes) = (Look::default(), 0, Vec::new());
    loop {
        bytes.clear();
        let count = reader.by_ref().take(MAX_LINE + 2).read_until(b'\n', &mut bytes)?;
        if count == 0 {
            return Ok(look);
        }
        number += 1;
        if bytes.trim_ascii_end().len() as u64 > MAX_LINE {
            let what = format!("the line is longer than {MAX_LINE} bytes");
            look.faults.push(RecordFault { line: number, what });
            if !bytes.ends_with(b"\n") {
                skip_line(&mut reader)?;
            }
            continue;
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        look.users += 1;
        if let Ok(record) = serde_json::from_slice::<Map<String, Value>>(&bytes) {
            look_at(&record, number, with_roles, &mut look);
        }
    }
}

fn skip_line(reader: &mut impl std::io::BufRead) -> std::io::Result<()> {
    loop {
        let part = reader.fill_buf()?;
        let (length, ended) = match part.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (part.len(), part.is_empty()),
        };
        reader.consume(length);
        if ended {
            return Ok(());
        }
    }
}

fn look_at(record: &Map<String, Value>, line: u64, with_roles: bool, look: &mut Look) {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let scheme = match Stored::parse(text("password_hash")) {
        Ok(Stored::Usable(hash)) => hash.scheme().name(),
        Ok(Stored::Unusable) | Err(_) => "no password",
    };
    *look.schemes.entry(scheme).or_default() += 1;
    if with_roles {
        return;
    }
    let permitted = record.get("permissions").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let attributes = record.get("attributes").and_then(Value::as_object);
    let marked = |name: &&&str| attributes.is_some_and(|all| all.get(**name) == Some(&Value::Bool(true)));
    let staff = STAFF.iter().find(marked);
    let named =
        [(!text("role").is_empty(), "role"), (permitted, "permissions"), (staff.is_some(), "a staff mark")];
    for (_, what) in named.iter().filter(|(is, _)| *is) {
        let what = format!("the user has {what}; add --with-roles to take such powers over");
        look.faults.push(RecordFault { line, what });
    }
}

async fn run(engine: &Engine, path: &Path, users: u64, dry_run: bool) -> Result<ImportReport, ImportFault> {
    let progress = Arc::new(AtomicU64::new(0));
    let bar = bar(users);
    let path = path.to_owned();
    let open = move || File::open(&path).map(BufReader::new);
    let mut importing = pin!(engine.import(open, Arc::clone(&progress), dry_run));
    let outcome = loop {
        tokio::select! {
            outcome = &mut importing => break outcome,
            () = tokio::time::sleep(Duration::from_millis(100)) => bar.set_position(progress.load(Ordering::Relaxed)),
        }
    };
    bar.finish_and_clear();
    outcome
}

fn bar(users: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(users);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} users, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// All faults in the order of the lines.
fn refuse(path: &Path, mut faults: Vec<RecordFault>) -> Ended {
    faults.sort_by(|one, other| (one.line, &one.what).cmp(&(other.line, &other.what)));
    faults.dedup();
    let told = faults
        .iter()
        .take(MAX_TOLD)
        .map(|fault| format!("{}:{}: {}", path.display(), fault.line, fault.what));
    let mut messages: Vec<String> = told.collect();
    if faults.len() > MAX_TOLD {
        messages.push(format!("… and {} more", faults.len() - MAX_TOLD));
    }
    messages.push(format!("{} faults; nothing was imported", faults.len()));
    Ended { code: 1, messages }
}

fn tell(args: &ImportArgs, report: &ImportReport, look: &Look) {
    if args.json {
        let row = serde_json::json!({
            "users": report.users,
            "added": report.added,
            "unchanged": report.unchanged,
            "dry_run": args.dry_run,
            "schemes": look.schemes,
        });
        return out(&format!("{row:#}\n"));
    }
    let verb = if args.dry_run { "would be added" } else { "added" };
    line(&format!("{} users: {} {verb}, {} were here already", report.users, report.added, report.unchanged));
    for (scheme, count) in &look.schemes {
        line(&format!("  {scheme:<24} {count}"));
    }
    if args.dry_run {
        line("Nothing was kept: this was a dry run.");
    }
}
