//! How do users of another application come in?

use super::source::{Found, SourceArgs};
use super::terminal::{Ended, line, out};
use crate::config::Config;
use clap::Args;
use domain::password::weak::Layout;
use domain::record::Place;
use engine::{Engine, ImportFault, ImportOrder, ImportReport, ImportStage, ImportWatch, RecordFaults};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use std::io::IsTerminal as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// The most faults that are written out for people; with `--json` it is every one.
const MAX_TOLD: usize = 1000;

/// Below `user import --help`.
pub const IMPORT_HELP: &str = "\
Hashes are read as Django, PHC, bcrypt, Werkzeug, Passlib, phpass, WordPress, crypt(3) SHA-2,
Firebase, Keycloak, ASP.NET Identity, better-auth and LDAP write them; nobody has to set a new
password. MD5, SHA-1 and SHA-2 digests are wrapped in argon2id before they are stored;
passwords in clear are refused.

It is all or nothing: with any fault nothing is imported, and every fault is told with its line
or key. Two records with the same e-mail address or user name are told with both places and
never merged. The same import again changes nothing: users who are here already are left as
they are, whatever has happened to them here.

JSON Lines, one user a line; all fields may be left out but one of email and username:
  {\"id\": 17, \"uuid\": \"…\", \"username\": \"ana\", \"email\": \"ana@example.com\",
   \"email_verified\": true, \"first_name\": \"Ana\", \"last_name\": \"Pérez\",
   \"phone_number\": \"+34 600\", \"avatar\": \"https://…\", \"role\": \"editor\",
   \"permissions\": [\"read\"], \"status\": \"active\", \"attributes\": {\"stats\": {}},
   \"password_hash\": \"pbkdf2_sha256$…\", \"created_at\": \"2024-01-31T12:00:00Z\",
   \"last_login_at\": null}

Examples:
  countersign user import users.jsonl --dry-run
  countersign user import db.sqlite3 --without-roles      a Django database, found by its tables
  PGPASSWORD=… countersign user import postgres://app@db.example.com/app --from django
  countersign user import prod.db --from sql --table User --map first_name=name
  countersign user import users.csv --map email=mail --map password_hash=pw
  countersign user import users.json --from firebase --parameters hash_config.txt
  psql -At -c \"select row_to_json(u) from users u\" | countersign user import -";

/// Users of another application.
#[derive(Args, Debug)]
pub struct ImportArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Where the salt of weak digests like sha1$salt$hex stands: salt-first, salt-last or hmac-salt
    #[arg(long, value_name = "LAYOUT", default_value = "salt-first", value_parser = layout)]
    salt_layout: Layout,
    /// Check everything and report, keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn layout(name: &str) -> Result<Layout, String> {
    Layout::named(name).ok_or_else(|| "there are salt-first, salt-last and hmac-salt".to_owned())
}

/// What was wrapped, in the data folder, until it is added.
const SPOOL: &str = "import-wrapped";

/// Imports users, all or none.
pub async fn import(args: &ImportArgs, config: &Config, engine: &Engine) -> Result<(), Ended> {
    let found = Arc::new(args.source.open(config).await?);
    let users = Arc::clone(&found);
    let order = ImportOrder {
        dry_run: args.dry_run,
        layout: args.salt_layout,
        spool: Some(config.data.join(SPOOL)),
        ..ImportOrder::new(Arc::new(move || users.source.read()))
    };
    let outcome = run(engine, order).await;
    match outcome {
        Ok(report) => {
            tell(args, &found, &report);
            Ok(())
        }
        Err(ImportFault::Records(faults)) => Err(refuse(&found.name, &faults, args.json)),
        Err(ImportFault::Source(what)) => {
            Err(Ended::wrong_one(format!("{}: {what}; nothing was imported", found.name)))
        }
        Err(ImportFault::Operator(error)) => Err(Ended::failed(error)),
    }
}

async fn run(engine: &Engine, order: ImportOrder) -> Result<ImportReport, ImportFault> {
    let watch = Arc::clone(&order.watch);
    let bar = Bar::new();
    let mut importing = pin!(engine.import(order));
    let outcome = loop {
        tokio::select! {
            outcome = &mut importing => break outcome,
            () = tokio::time::sleep(Duration::from_millis(100)) => bar.show(&watch),
        }
    };
    bar.0.finish_and_clear();
    outcome
}

const COUNTED: &str = "{msg} {wide_bar} {pos}/{len} users, {eta} left";

/// How far it is, on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Bar {
        if std::io::stderr().is_terminal() {
            Bar(ProgressBar::new_spinner())
        } else {
            Bar(ProgressBar::hidden())
        }
    }

    fn show(&self, watch: &ImportWatch) {
        let (stage, done, of) = watch.now();
        let (template, what) = match stage {
            ImportStage::Checking => ("{spinner} {msg}: {pos} users", "checking"),
            ImportStage::Rehearsing => (COUNTED, "rehearsing"),
            ImportStage::Wrapping => (COUNTED, "wrapping weak digests"),
            ImportStage::Adding => (COUNTED, "adding"),
        };
        let style = ProgressStyle::with_template(template);
        self.0.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.0.set_message(what);
        self.0.set_length(of);
        self.0.set_position(done);
        self.0.tick();
    }
}

/// Every fault, in the order of the source.
fn refuse(name: &str, faults: &RecordFaults, as_json: bool) -> Ended {
    let last = format!("{} faults; nothing was imported", faults.count);
    if as_json {
        let listed = faults.listed.iter().map(|fault| {
            let place = match &fault.place {
                Place::Line(number) => json!({ "line": number }),
                Place::Row(name) => json!({ "row": name }),
            };
            json!({ "place": place, "what": fault.what })
        });
        let row = json!({ "count": faults.count, "faults": listed.collect::<Vec<_>>() });
        out(&format!("{row:#}\n"));
        return Ended { code: 1, messages: vec![last] };
    }
    let told = faults.listed.iter().take(MAX_TOLD);
    let mut messages: Vec<String> =
        told.map(|fault| format!("{name}:{}: {}", fault.place, fault.what)).collect();
    let more = faults.count.saturating_sub(messages.len() as u64);
    if more > 0 {
        messages.push(format!("… and {more} more; --json lists up to 100000"));
    }
    messages.push(last);
    Ended { code: 1, messages }
}

fn tell(args: &ImportArgs, found: &Found, report: &ImportReport) {
    let source = &found.source;
    if args.json {
        let columns: Map<String, Value> =
            source.pairs().into_iter().map(|(field, column)| (field, column.into())).collect();
        let row = json!({
            "from": source.kind().name(),
            "table": source.table(),
            "columns": columns,
            "columns_left": source.left(),
            "users": report.users,
            "added": report.added,
            "unchanged": report.unchanged,
            "dry_run": args.dry_run,
            "schemes": report.schemes,
            "wrapped": report.weak,
        });
        return out(&format!("{row:#}\n"));
    }
    if let Some(table) = source.table() {
        line(&format!("Table {table}, as {} keeps it", source.kind().name()));
    }
    for (field, column) in source.pairs() {
        line(&format!("  {field:<24} from {column}"));
    }
    if !source.left().is_empty() {
        line(&format!("  not taken: {}", source.left().join(", ")));
    }
    let verb = if args.dry_run { "would be added" } else { "added" };
    line(&format!("{} users: {} {verb}, {} were here already", report.users, report.added, report.unchanged));
    for (scheme, count) in &report.schemes {
        line(&format!("  {scheme:<24} {count}"));
    }
    let wrapped = if args.dry_run { "would be wrapped in argon2id" } else { "wrapped in argon2id" };
    for (kind, count) in &report.weak {
        line(&format!("  {kind:<24} {count} {wrapped}"));
    }
    if args.dry_run {
        line("Nothing was kept: this was a dry run.");
    }
}
