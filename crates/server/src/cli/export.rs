//! How do users go out into a file, for this server or for another application?

use super::terminal::{Ended, err};
use clap::Args;
use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::UserId;
use domain::record::Record;
use engine::{Chance, Engine};
use indicatif::{ProgressBar, ProgressStyle};
use moving::export::seal::{Recipient, Sealed};
use moving::export::{Format, Wanted, Writer};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Users of one page of an export.
const PAGE: u32 = 1000;
/// The most users whose losses are told one by one.
const MAX_TOLD: usize = 1000;

/// Below `user export --help`.
pub const EXPORT_HELP: &str = "\
Password hashes and second factors go out only with --with-hashes and --with-factors, and then
only sealed (--seal-to) or with --plain. Both are noted in the audit trail, before the first
byte leaves.

What a format can not say (a hash of a scheme that it does not know, a second factor where it
has no place) is told for each user, and nothing is written; with --leave-out the users go out
without it.

Formats:
  jsonl      one record a line, for `countersign user import`; holds everything
  django     a fixture for `manage.py loaddata`
  phc-csv    CSV with hashes as PHC strings ($argon2id$…, $2b$…, $pbkdf2-sha256$…, $scrypt$…)
  auth0      bulk user import, with custom_password_hash and mfa_factors
  keycloak   partial import of a realm, with credentials
  firebase   firebase auth:import --hash-algo=BCRYPT

Examples:
  countersign user export > users.jsonl
  countersign user export --with-hashes --with-factors --seal-to age1… --output users.jsonl.age
  countersign user export --format django --with-hashes --plain --output users.json
  age --decrypt -i key.txt users.jsonl.age | countersign user import -";

/// Users to a file.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// For whom: jsonl, django, phc-csv, auth0, keycloak or firebase
    #[arg(long, value_name = "FORMAT", default_value = "jsonl", value_parser = format_named)]
    format: Format,
    /// With password hashes
    #[arg(long)]
    with_hashes: bool,
    /// With second factors: the seeds of authenticator apps and what is kept of the recovery codes
    #[arg(long)]
    with_factors: bool,
    /// Seal the file to this age recipient
    #[arg(long, value_name = "RECIPIENT", value_parser = Recipient::parse, conflicts_with = "plain")]
    seal_to: Option<Recipient>,
    /// Write hashes and second factors in clear: whoever reads the file can use them
    #[arg(long)]
    plain: bool,
    /// Leave out what the format can not say
    #[arg(long)]
    leave_out: bool,
    /// The user model of a Django fixture
    #[arg(long, value_name = "MODEL", default_value = "auth.user", value_parser = model)]
    django_model: String,
    /// The realm of a Keycloak import
    #[arg(long, value_name = "NAME", default_value = "imported")]
    realm: String,
    /// Into this file, which must not be there yet; else to the standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn format_named(text: &str) -> Result<Format, String> {
    let found = Format::NAMES.iter().find(|(name, _)| *name == text);
    found.map(|(_, format)| *format).ok_or_else(|| {
        let names: Vec<&str> = Format::NAMES.iter().map(|(name, _)| *name).collect();
        format!("there are {}", names.join(", "))
    })
}

fn model(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match text.split_once('.') {
        Some((app, name)) if part(app) && part(name) => Ok(text.to_owned()),
        Some(_) | None => Err("write the application and the model, like accounts.user".to_owned()),
    }
}

impl ExportArgs {
    fn wanted(&self) -> Wanted {
        Wanted {
            format: self.format,
            hashes: self.with_hashes,
            factors: self.with_factors,
            django_model: self.django_model.clone(),
            realm: self.realm.clone(),
        }
    }

    fn has_secrets(&self) -> bool {
        self.with_hashes || self.with_factors
    }
}

/// Exports all users.
pub async fn export(args: &ExportArgs, engine: &Engine) -> Result<(), Ended> {
    if args.has_secrets() && args.seal_to.is_none() && !args.plain {
        let text = "hashes and second factors go out sealed: write --seal-to with an age recipient (`age-keygen` makes \
                    one), or --plain if the file is as safe as the database";
        return Err(Ended::wrong_one(text));
    }
    if let Some(path) = args.output.as_ref().filter(|path| path.exists()) {
        return Err(Ended::wrong_one(format!("{} is there already and stays as it is", path.display())));
    }
    let bar = Bar::new();
    check(args, engine, &bar).await?;
    // Before the first byte leaves: what was not noted is not given away.
    if args.has_secrets() {
        engine.note(event(args, engine)).await.map_err(Ended::failed)?;
    }
    let Some(path) = &args.output else {
        return match write(args, engine, &bar, std::io::stdout()).await {
            Err(Failed::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(failed) => Err(Ended::failed(failed)),
            Ok(_) => Ok(()),
        };
    };
    let users = write_file(args, engine, &bar, path).await?;
    bar.end();
    err(&format!("{users} users are in {}", path.display()));
    Ok(())
}

/// Who got what.
fn event(args: &ExportArgs, engine: &Engine) -> Event {
    let fields = [("password_hash", args.with_hashes), ("second_factor", args.with_factors)];
    let fields = fields.into_iter().filter_map(|(name, with)| with.then_some(name)).collect();
    let recipient = args.seal_to.as_ref().map_or_else(|| "plain".to_owned(), ToString::to_string);
    Event::inside(EventKind::Exported, engine.clock().now(), Actor::Operator, "user export")
        .with(Detail::Format(args.format.name()))
        .with(Detail::Fields(fields))
        .with(Detail::Recipient(recipient))
}

/// What the format can not say of anybody. Refused: anything, unless it may be left out.
async fn check(args: &ExportArgs, engine: &Engine, bar: &Bar) -> Result<(), Ended> {
    if args.format == Format::Jsonl {
        return Ok(());
    }
    bar.begin("checking");
    let mut writer = Writer::new(args.wanted());
    let (mut told, mut users) = (Vec::new(), 0_u64);
    let walked = walk(args, engine, bar, |record| {
        let name = name_of(&record);
        let left_out = writer.user(record).left_out;
        if !left_out.is_empty() {
            users += 1;
            if told.len() < MAX_TOLD {
                told.push(format!("{name}: {}", left_out.join("; ")));
            }
        }
        Ok(())
    });
    walked.await.map_err(Ended::failed)?;
    bar.end();
    let more = users.saturating_sub(told.len() as u64);
    if more > 0 {
        told.push(format!("… and {more} more users"));
    }
    if users == 0 {
        return Ok(());
    }
    if args.leave_out {
        told.iter().for_each(|line| err(&format!("left out of {line}")));
        return Ok(());
    }
    told.push(format!("{users} users have something that the format can not say; nothing was written. --leave-out writes them without it"));
    Err(Ended { code: 1, messages: told })
}

/// What names a user in messages, without an address.
fn name_of(record: &Record) -> String {
    record.id.map_or_else(|| "a user".to_owned(), |id| format!("user {id}"))
}

/// Into a file that is there whole or not at all, and that only its owner can read.
async fn write_file(args: &ExportArgs, engine: &Engine, bar: &Bar, path: &Path) -> Result<u64, Ended> {
    let told = |error: std::io::Error| Ended::failed(format!("{}: {error}", path.display()));
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    drop(fs::remove_file(&draft));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(told)?;
    let written = write(args, engine, bar, BufWriter::new(file)).await;
    let placed = match written {
        Ok((users, out)) => out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            // A link is never made over another file.
            .and_then(|()| fs::hard_link(&draft, path))
            .and_then(|()| sync_folder(path))
            .map(|()| users)
            .map_err(told),
        Err(failed) => Err(Ended::failed(failed)),
    };
    drop(fs::remove_file(&draft));
    placed
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the export can not be written: {0}")]
    Write(#[from] std::io::Error),
    #[error(transparent)]
    Read(#[from] engine::Fault),
}

async fn write<W: Write>(args: &ExportArgs, engine: &Engine, bar: &Bar, out: W) -> Result<(u64, W), Failed> {
    bar.begin("writing");
    let Some(recipient) = &args.seal_to else {
        let mut out = out;
        let users = write_users(args, engine, bar, &mut out).await?;
        out.flush()?;
        return Ok((users, out));
    };
    let chance: [u8; 32] =
        Chance::System.bytes().map_err(|error| std::io::Error::other(error.to_string()))?;
    let mut sealed = Sealed::new(out, recipient, &chance)?;
    let users = write_users(args, engine, bar, &mut sealed).await?;
    Ok((users, sealed.finish()?))
}

async fn write_users(
    args: &ExportArgs,
    engine: &Engine,
    bar: &Bar,
    out: &mut impl Write,
) -> Result<u64, Failed> {
    let mut writer = Writer::new(args.wanted());
    let mut users = 0;
    out.write_all(writer.head().as_bytes())?;
    walk(args, engine, bar, |record| {
        let name = name_of(&record);
        let written = writer.user(record);
        if !written.left_out.is_empty() && !args.leave_out {
            // Somebody changed after the check.
            let text = format!("{name}: {}; run the export again", written.left_out.join("; "));
            return Err(std::io::Error::other(text));
        }
        users += 1;
        out.write_all(written.text.as_bytes())
    })
    .await?;
    out.write_all(writer.tail().as_bytes())?;
    Ok(users)
}

/// Every user in order of id, a page at a time.
async fn walk(
    args: &ExportArgs,
    engine: &Engine,
    bar: &Bar,
    mut each: impl FnMut(Record) -> std::io::Result<()>,
) -> Result<(), Failed> {
    let mut last = None;
    loop {
        let page = if args.with_factors {
            engine.export_with_factors(last, PAGE).await?
        } else {
            engine.export_users(last, PAGE).await?
        };
        let Some(end) = page.last() else { return Ok(()) };
        last = end.id.map(UserId);
        for record in page {
            each(record)?;
            bar.0.inc(1);
        }
    }
}

/// How far it is, on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Bar {
        let visible = std::io::stderr().is_terminal();
        let bar = if visible { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{spinner} {msg}: {pos} users");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Bar(bar)
    }

    fn begin(&self, what: &'static str) {
        self.0.reset();
        self.0.set_message(what);
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}
