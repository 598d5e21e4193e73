//! How does everything move from one database to another?

use super::terminal::{Ended, err, line, out};
use super::user;
use crate::config::database::{self, Chosen};
use crate::config::{Config, Sources};
use crate::keys::Keys;
use crate::lock::DataLock;
use crate::opening::Secrets;
use clap::{Args, Subcommand};
use engine::{Chance, Clock, CopyFault, CopyOrder, CopyReport, CopyStep, copy_database, rehearse_copy};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Below `database copy --help`.
const COPY_HELP: &str = "\
Users, sessions, factors, links, letters, pictures, admin keys and the audit trail go along;
nobody is signed out. The source is left as it is. The target has to be empty. What a copy that
broke off has written is not written again: give the same command once more. Until everything
was compared and is equal, no server starts on the target.

With --ahead the source may be in use, and the target waits for the last run. That one, with the
servers stopped, writes only what has changed since: seconds, not minutes (docs/operating.md).

A URL without password takes it from COUNTERSIGN_DATABASE_PASSWORD or database_password_file.
What is not named is the configured database.

Examples:
  countersign database copy --to postgres://countersign@db1,db2/countersign --dry-run
  countersign database copy --to postgres://countersign@db1,db2/countersign --ahead
  countersign database copy --to postgres://countersign@db1,db2/countersign
  countersign database copy --from postgres://countersign@db1/countersign --to sqlite:/var/lib/countersign/countersign.db

Exit codes: 0 both are equal, 1 they are not or it broke off, 2 the command is wrong and nothing
was written.";

/// What can be done with whole databases.
#[derive(Debug, Subcommand)]
pub enum DatabaseCommand {
    /// Copy everything into another database
    #[command(after_help = COPY_HELP)]
    Copy(CopyArgs),
}

/// From where to where.
#[derive(Args, Debug)]
pub struct CopyArgs {
    /// sqlite:FILE, the data folder of a server, or postgres://USER@HOST/NAME
    #[arg(long, value_name = "URL", required_unless_present = "to")]
    from: Option<String>,
    /// The same; it has to be empty
    #[arg(long, value_name = "URL", required_unless_present = "from")]
    to: Option<String>,
    /// The password of the source, if it has another one than the target
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// The source is in use: copy it as it is now, and leave the rest to another run
    #[arg(long)]
    ahead: bool,
    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(command: DatabaseCommand, sources: &Sources) -> Result<(), Ended> {
    let DatabaseCommand::Copy(args) = command;
    let from = config(sources, "--from", args.from.as_deref(), args.from_password_file.as_deref())?;
    let to = config(sources, "--to", args.to.as_deref(), None)?;
    let (source, target) = (shown(&from), shown(&to));
    if from.database_file().map_or(source == target, |file| is_same(&file, &to)) {
        return Err(Ended::wrong_one(format!("--from and --to are the same database, {source}")));
    }
    // Before the keys are read: where there is no database they would be made.
    if let Some(file) = from.database_file().filter(|file| !file.exists()) {
        return Err(Ended::wrong_one(format!("{}: there is no database to be copied", file.display())));
    }
    let _lock = if args.dry_run { None } else { Some(lock(&from, &to, args.ahead)?) };
    let (keys, order) = order(&from, &to, args.ahead).await?;
    if args.dry_run {
        return rehearse(&args, &order, &target).await;
    }
    let began = Instant::now();
    let watch = Watch::new(args.json);
    let report =
        copy_database(&order, &|step| watch.see(step)).await.map_err(|fault| ended(fault, &target))?;
    watch.end();
    tell(&args, &report, (&source, &target), began.elapsed().as_secs_f64());
    if report.finished {
        bring_keys(&keys, &to).await?;
    }
    if report.is_equal() && (report.finished || args.ahead) { Ok(()) } else { Err(unfinished(&report)) }
}

/// The configuration with another database.
fn config(
    sources: &Sources,
    flag: &str,
    text: Option<&str>,
    password_file: Option<&Path>,
) -> Result<Config, Ended> {
    let mut sources = sources.clone();
    if let Some(text) = text {
        let text = folder(text).unwrap_or_else(|| text.to_owned());
        let wrong = |message| Ended::wrong_one(format!("command line {flag}: {message}"));
        database::read_flag(&text).map_err(wrong)?;
        sources.database = Some(text);
    }
    if let Some(path) = password_file {
        let name = "COUNTERSIGN_DATABASE_PASSWORD_FILE";
        sources.environment.retain(|(known, _)| known != name && known != database::PASSWORD_VARIABLE);
        sources.environment.push((name.to_owned(), path.to_string_lossy().into_owned()));
    }
    super::load(&sources)
}

/// The database in a data folder.
fn folder(text: &str) -> Option<String> {
    let path = Path::new(text.strip_prefix("sqlite:").unwrap_or(text));
    path.is_dir().then(|| format!("sqlite:{}", path.join(database::FILE).display()))
}

/// What a database is called, without its password.
fn shown(config: &Config) -> String {
    match (config.chosen_database(), config.database_file()) {
        (_, Some(file)) => format!("sqlite:{}", file.display()),
        (Chosen::Postgres(address), None) => address.to_string(),
        (chosen @ (Chosen::DataFolder | Chosen::File(_)), None) => chosen.to_string(),
    }
}

fn is_same(file: &Path, other: &Config) -> bool {
    let Some(other) = other.database_file() else { return false };
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    whole(file) == whole(&other)
}

/// Keeps servers from files that are written, or read for the last time.
fn lock(from: &Config, to: &Config, ahead: bool) -> Result<DataLock, Ended> {
    let files = [from.database_file().filter(|_| !ahead), to.database_file()];
    let files: Vec<PathBuf> = files.into_iter().flatten().collect();
    let hint = if ahead { "" } else { ", or copy what it has by now with --ahead" };
    DataLock::of_files(&files).map_err(|fault| Ended::wrong_one(format!("{fault}{hint}")))
}

/// The keys of the source, and the order with what has to be known of them.
async fn order(from: &Config, to: &Config, ahead: bool) -> Result<(Keys, CopyOrder), Ended> {
    let (clock, chance) = (Clock::System, Chance::System);
    let mut keys = Keys::find(from, &chance).await.map_err(|fault| Ended::wrong_one(fault.to_string()))?;
    let secrets = Secrets::read(&mut keys, &clock, &chance).await;
    let secrets = secrets.map_err(|faults| Ended::wrong(faults.into_iter().map(|fault| fault.0)))?;
    let order = CopyOrder {
        from: from.database(),
        to: to.database(),
        source: shown(from),
        trail_secret: secrets.trail,
        master_key: secrets.master,
        ahead,
        without_keys: from.database_file().is_some(),
        run: chance.bytes().map_err(Ended::failed)?,
        now: clock.now(),
    };
    Ok((keys, order))
}

/// Keys go with the database: into the rows of a PostgreSQL, or into the files of a folder that has older ones.
async fn bring_keys(keys: &Keys, to: &Config) -> Result<(), Ended> {
    if to.database_file().is_none() {
        return user::open(to).await.map(engine::Engine::close);
    }
    keys.renew_files(to).map_err(Ended::failed)
}

async fn rehearse(args: &CopyArgs, order: &CopyOrder, target: &str) -> Result<(), Ended> {
    let tables = rehearse_copy(order).await.map_err(|fault| ended(fault, target))?;
    if args.json {
        let tables: Vec<Value> =
            tables.iter().map(|(name, rows)| json!({ "name": name, "rows": rows })).collect();
        let row = json!({ "from": order.source, "to": target, "dry_run": true, "tables": tables });
        out(&format!("{row:#}\n"));
        return Ok(());
    }
    for (name, rows) in &tables {
        line(&format!("{name:<20} {rows:>12}"));
    }
    line(&format!("{target} could take all of this. Nothing was written: this was a dry run."));
    Ok(())
}

fn ended(fault: CopyFault, target: &str) -> Ended {
    match fault {
        CopyFault::Refused(fault) => Ended::wrong_one(fault.to_string()),
        CopyFault::Broken(fault) => Ended::failed(format!(
            "{fault}\nthe copy in {target} is not finished; the same command goes on with it"
        )),
    }
}

fn unfinished(report: &CopyReport) -> Ended {
    let differ = report.tables.iter().filter(|table| !table.is_equal()).map(|table| {
        format!(
            "{}: {} rows at the source, {} at the target, or different ones",
            table.name, table.rows, table.target_rows
        )
    });
    let mut messages: Vec<String> = differ.collect();
    if report.moved_on {
        messages.push(
            "the source was written to meanwhile, and the target lacks that: stop all servers on it and give the same \
             command again"
                .to_owned(),
        );
    } else {
        messages.push("the target is not what the source is: give the same command again".to_owned());
    }
    Ended { code: 1, messages }
}

fn tell(args: &CopyArgs, report: &CopyReport, (source, target): (&str, &str), seconds: f64) {
    if args.json {
        let table = |table: &engine::CopiedTable| {
            json!({
                "name": table.name,
                "rows": table.rows,
                "written": table.written,
                "removed": table.removed,
                "sha256": table.checksum,
                "target_rows": table.target_rows,
                "target_sha256": table.target_checksum,
                "equal": table.is_equal(),
            })
        };
        let row = json!({
            "from": source,
            "to": target,
            "tables": report.tables.iter().map(table).collect::<Vec<_>>(),
            "equal": report.is_equal(),
            "source_moved_on": report.moved_on,
            "finished": report.finished,
            "seconds": seconds,
        });
        return out(&format!("{row:#}\n"));
    }
    line(&format!("{:<20} {:>12} {:>12} {:>12}  SHA-256", "", "rows", "written", "removed"));
    for table in &report.tables {
        let equal = if table.is_equal() { &table.checksum[..16] } else { "DIFFERENT" };
        line(&format!(
            "{:<20} {:>12} {:>12} {:>12}  {equal}",
            table.name, table.rows, table.written, table.removed
        ));
    }
    if !report.is_equal() {
        return;
    }
    line(&format!("{} rows are equal in {source} and {target}; {seconds:.1} seconds.", report.rows()));
    if report.finished {
        line("The copy is finished: servers may be started on it, and none on the source any more.");
    } else if args.ahead {
        line("The copy is not finished: stop the servers and give the command again, without --ahead.");
    }
}

/// Shows how far a copy is: a bar on a terminal, else a line for each table.
struct Watch {
    bar: ProgressBar,
    on_terminal: bool,
    quiet: bool,
}

impl Watch {
    fn new(quiet: bool) -> Watch {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if on_terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg:<16} {wide_bar} {pos}/{len} rows, {eta} left");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Watch { bar, on_terminal, quiet }
    }

    fn see(&self, step: CopyStep) {
        match step {
            CopyStep::Begun(rows) => self.bar.set_length(rows),
            CopyStep::Table(name) => self.say(name),
            CopyStep::Rows(rows) => self.bar.inc(rows),
            CopyStep::Comparing => {
                self.bar.reset();
                self.say("comparing");
            }
        }
    }

    fn say(&self, what: &'static str) {
        if self.on_terminal {
            self.bar.set_message(what);
        } else if !self.quiet {
            err(what);
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
