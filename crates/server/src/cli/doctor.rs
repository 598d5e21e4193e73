//! What is wrong here, or weaker than it could be, and what does that cost? (SEC-111, SEC-113)

use super::origin::{self, AddressArgs};
use super::terminal::{Ended, line, out};
use super::{key, user};
use crate::config::Config;
use crate::keys::{Keys, Listed, Role};
use crate::mail::Office;
use crate::mounts::{self, Loaded};
use clap::Args;
use domain::password::{Workspace, write};
use domain::time::Moment;
use engine::{Chance, Clock, Place};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Days after which a signing key should have a successor (security.md 3.3).
const KEY_DAYS: i64 = 90;
/// A hash should not take longer.
const SLOW: Duration = Duration::from_secs(1);
/// A hash that is quicker leaves room for more.
const QUICK: Duration = Duration::from_millis(20);

/// What is to be looked at.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  countersign doctor\n  countersign doctor --security\n  \
    countersign doctor --security --strict          for scripts: anything to be said is an exit code of 1\n  \
    countersign doctor --address --peer 10.0.0.1 --header 'X-Forwarded-For: 203.0.113.9'")]
pub struct DoctorArgs {
    /// Also everything that is weaker than it could be, by name, with what it costs
    #[arg(long)]
    security: bool,
    /// Exit code 1 for warnings and named weaknesses, too
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    request: AddressArgs,
}

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Good,
    Note,
    Weak,
    Warning,
    Bad,
}

impl Mark {
    const fn name(self) -> &'static str {
        match self {
            Mark::Good => "good",
            Mark::Note => "note",
            Mark::Weak => "weak",
            Mark::Warning => "warning",
            Mark::Bad => "bad",
        }
    }
}

/// Everything that was found.
#[derive(Default)]
struct Findings(Vec<(Mark, String, String)>);

impl Findings {
    fn add(&mut self, mark: Mark, about: impl Into<String>, text: impl Into<String>) {
        self.0.push((mark, about.into(), text.into()));
    }
}

/// Looks, tells, and ends with 1 if something is bad.
pub async fn run(args: &DoctorArgs, config: &Config) -> Result<(), Ended> {
    if let Some(told) = origin::run(&args.request, args.json, config) {
        return told;
    }
    let now = Clock::System.now();
    let mut findings = Findings::default();
    files(config, &mut findings);
    hashing(config, &mut findings)?;
    match mounts::load(config) {
        Ok(loaded) => {
            keys(config, &loaded, now, &mut findings).await;
            mounted(config, &loaded, args.security, &mut findings);
        }
        Err(faults) => faults.into_iter().for_each(|fault| findings.add(Mark::Bad, "dialect", fault)),
    }
    network(config, &mut findings);
    mail(config, &mut findings);
    if args.security {
        for (about, weakening) in config.weakenings() {
            findings.add(Mark::Weak, format!("{about} {}", weakening.name()), weakening.cost());
        }
    }
    database(config, &mut findings).await;
    tell(args, &findings);
    let worst = findings.0.iter().map(|(mark, ..)| *mark).max().unwrap_or(Mark::Good);
    let limit = if args.strict { Mark::Weak } else { Mark::Bad };
    if worst >= limit { Err(Ended { code: 1, messages: Vec::new() }) } else { Ok(()) }
}

/// Whether the database opens. One that is not there is not made.
async fn database(config: &Config, findings: &mut Findings) {
    match Keys::of_folder(config).has_begun().await {
        Ok(true) => {}
        Ok(false) => {
            return findings.add(Mark::Note, "database", "there is none yet; `countersign serve` makes it");
        }
        Err(fault) => return findings.add(Mark::Bad, "database", fault.0),
    }
    let which = match config.database() {
        Place::Postgres(address, _) => format!("PostgreSQL at {}", address.hosts()),
        Place::File(_) | Place::Memory => format!("SQLite {}", engine::sqlite_version()),
    };
    match user::open(config).await {
        Ok(engine) if engine.is_ready() => {
            findings.add(Mark::Good, "database", format!("it opens and can be written ({which})"))
        }
        Ok(_) => findings.add(Mark::Bad, "database", format!("it can not be written ({which})")),
        Err(ended) => findings.add(Mark::Bad, "database", ended.messages.join("; ")),
    }
}

fn tell(args: &DoctorArgs, findings: &Findings) {
    if args.json {
        let rows = findings
            .0
            .iter()
            .map(|(mark, about, text)| json!({ "mark": mark.name(), "about": about, "text": text }));
        return out(&format!("{:#}\n", json!(rows.collect::<Vec<_>>())));
    }
    for (mark, about, text) in &findings.0 {
        line(&format!("{:<8} {about:<24} {text}", mark.name()));
    }
}

/// Modes of everything that holds a secret.
fn files(config: &Config, findings: &mut Findings) {
    mode(&config.data, 0o700, findings);
    mode(&config.key_folder(), 0o700, findings);
    config.database_file().iter().for_each(|file| mode(file, 0o600, findings));
    config.file_with_password().into_iter().for_each(|file| mode(file, 0o600, findings));
    for entry in std::fs::read_dir(config.key_folder()).into_iter().flatten().flatten() {
        mode(&entry.path(), 0o600, findings);
    }
    for mount in &config.mounts {
        mount.secret_file.iter().for_each(|path| mode(path, 0o600, findings));
    }
}

fn mode(path: &Path, wanted: u32, findings: &mut Findings) {
    let about = path.display().to_string();
    match std::fs::metadata(path).map(|meta| meta.permissions().mode() & 0o777) {
        Err(_) => findings.add(Mark::Note, about, "is not there yet"),
        Ok(mode) if mode & !wanted == 0 => findings.add(Mark::Good, about, format!("mode {mode:04o}")),
        Ok(mode) => {
            let mark = if mode & 0o007 == 0 { Mark::Warning } else { Mark::Bad };
            let others = if mark == Mark::Bad { "everybody on this machine" } else { "its group" };
            let text = format!("mode {mode:04o}: {others} can get in; run `chmod {wanted:o} {about}`");
            findings.add(mark, about, text);
        }
    }
}

/// The cost of a password, timed once.
fn hashing(config: &Config, findings: &mut Findings) -> Result<(), Ended> {
    let params = config.hashing.params;
    let salt = Chance::System.bytes().map_err(Ended::failed)?;
    let mut workspace = Workspace::keeping(config.hashing.backend, &params);
    // The first hash pays for fresh memory, which the server pays for once.
    write(b"a password to be timed", &salt, &params, &mut workspace);
    let began = Instant::now();
    write(b"a password to be timed", &salt, &params, &mut workspace);
    let took = began.elapsed();
    let cost = format!("m={} KiB, t={}, p={}", params.memory_kib(), params.passes(), params.lanes());
    let told = format!("argon2id {cost}: {:.1} ms a hash", took.as_secs_f64() * 1000.0);
    if config.hashes_cheaply() {
        let text = format!("{told}; less than the recommended m=19456, t=2: stolen hashes are found sooner");
        findings.add(Mark::Warning, "hashing", text);
    } else if took > SLOW {
        findings.add(
            Mark::Warning,
            "hashing",
            format!("{told}; people wait, and few sign in at the same time"),
        );
    } else if took < QUICK {
        let text = format!("{told}; this machine could afford more memory (hashing.memory_kib)");
        findings.add(Mark::Note, "hashing", text);
    } else {
        findings.add(Mark::Good, "hashing", told);
    }
    Ok(())
}

async fn keys(config: &Config, loaded: &[Loaded], now: Moment, findings: &mut Findings) {
    let listed = match key::all(config, loaded, now).await {
        Ok(listed) => listed,
        Err(faults) => return faults.into_iter().for_each(|fault| findings.add(Mark::Bad, "keys", fault)),
    };
    for key in listed.iter().filter(|key| key.role == Role::Signs) {
        let about = format!("key of {}", key.dialect);
        match age_in_days(key, now) {
            Some(days) if days > KEY_DAYS => {
                let text = format!("{days} days old; run `countersign key rotate {}`", key.dialect);
                findings.add(Mark::Warning, about, text);
            }
            Some(days) => findings.add(Mark::Good, about, format!("{}, {days} days old", key.algorithm)),
            None => findings.add(Mark::Good, about, format!("{}, shared by file", key.algorithm)),
        }
    }
}

fn age_in_days(key: &Listed, now: Moment) -> Option<i64> {
    key.created_at.map(|made| (now.seconds() - made.seconds()) / 86_400)
}

fn mounted(config: &Config, loaded: &[Loaded], security: bool, findings: &mut Findings) {
    for one in loaded {
        let settings = &one.settings;
        let host = if settings.host.is_empty() { String::new() } else { format!("on {} ", settings.host) };
        let routes = one.dialect.routes.len();
        findings.add(
            Mark::Good,
            format!("mount {}", settings.dialect),
            format!("{host}at {}/, {routes} routes", settings.prefix),
        );
        if let (true, Some(until)) = (settings.old.has_keys(), settings.accept_until) {
            let text = format!(
                "tokens that the application signed with its own keys are accepted until {}",
                until.rfc3339(0)
            );
            findings.add(Mark::Note, format!("mount {} old keys", settings.dialect), text);
        }
        if !security {
            continue;
        }
        for weakening in mounts::weakenings(config, one) {
            findings.add(Mark::Weak, format!("{} {}", settings.dialect, weakening.name()), weakening.cost());
        }
    }
    if !security && loaded.iter().any(|one| !one.dialect.contract.weakenings.is_empty()) {
        findings.add(Mark::Note, "dialects", "some are weaker than the native one; --security lists how");
    }
    if config.mounts.is_empty() {
        let text = "all built-in contracts are mounted; name the ones you need in [[mount]]";
        findings.add(Mark::Note, "mounts", text);
    }
}

fn mail(config: &Config, findings: &mut Findings) {
    match Office::open(config) {
        Ok(None) => {
            let text = "off: addresses can not be confirmed, and a forgotten password can not be reset";
            findings.add(Mark::Note, "mail", text);
        }
        Ok(Some(_)) => findings.add(
            Mark::Good,
            "mail",
            "templates and transport can be used; `countersign mail test` tries them",
        ),
        Err(faults) => faults.into_iter().for_each(|fault| findings.add(Mark::Bad, "mail", fault)),
    }
}

fn network(config: &Config, findings: &mut Findings) {
    let open = !config.listen.ip().is_loopback();
    let https = config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if open && !https {
        let text = "it listens to the network, and public_url is not https: passwords would travel in clear";
        findings.add(Mark::Warning, "listen", text);
    } else {
        findings.add(Mark::Good, "listen", config.listen.to_string());
    }
    if !open && https && config.trusted_proxies.is_empty() {
        let text = "a proxy on this machine seems to be in front; without trusted_proxies every client looks like it";
        findings.add(Mark::Warning, "trusted_proxies", text);
    }
}
