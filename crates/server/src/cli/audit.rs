//! What has happened, is it still as it was written, and why was somebody signed out? (SEC-110)

use super::terminal::{Ended, err, line, out};
use super::{user, why};
use crate::config::Config;
use crate::keys::Keys;
use clap::{Args, Subcommand};
use domain::event::EventKind;
use domain::time::Moment;
use domain::trail::{Entry, Seal};
use engine::{Clock, Engine, EventQuery, MAX_EVENTS, Noted, Place, Who};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// How often a followed trail is looked at.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two words about progress, in rows.
const STRIDE: i64 = 100_000;

/// What can be asked of the audit trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the latest events, and go on with those to come
    #[command(
        after_help = "Examples:\n  countersign audit tail --follow\n  countersign audit tail --user ana --since 24h\n  \
        countersign audit tail --kind sign_in_refused --limit 100 --json"
    )]
    Tail(TailArgs),
    /// Write the whole trail as JSON Lines, each event with its hash
    #[command(after_help = "Example:\n  countersign audit export --output trail.jsonl")]
    Export {
        /// Into this file, which must not be there yet; else to the standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check that no event was changed, taken out, put in or moved
    #[command(after_help = "Examples:\n  countersign audit verify\n  \
        countersign audit verify --head 1841:3f0c…        the last line of an earlier check, kept elsewhere\n\n\
        Exit code 1 at the first row that is not as it was written. What can not be found: a whole database put back\n\
        to an earlier state; only a head that was written down elsewhere tells.")]
    Verify(VerifyArgs),
    /// Say why a user was signed out
    #[command(after_help = "Example:\n  countersign audit why ana@example.com")]
    Why(why::WhyArgs),
}

/// Which events are to be shown.
#[derive(Args, Debug)]
pub struct TailArgs {
    /// Go on until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// About this user: id, UUID, e-mail address or user name
    #[arg(long, value_name = "WHO")]
    user: Option<String>,
    /// Of this kind only, as in docs/operating.md
    #[arg(long)]
    kind: Option<String>,
    /// Not older than this: `90s`, `15m`, `24h`, `7d`, or a moment like 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many of the latest
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_EVENTS)))]
    limit: u32,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What is to be checked.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// From this row on, believing the one before it
    #[arg(long, value_name = "ROW")]
    from: Option<i64>,
    /// A row and its hash that you know from an earlier check
    #[arg(long, value_name = "ROW:HASH")]
    head: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Carries a command out.
pub async fn run(command: &AuditCommand, config: &Config) -> Result<(), Ended> {
    if !Keys::of_folder(config).has_begun().await.map_err(|fault| Ended::wrong_one(fault.0))? {
        let place = match config.database() {
            Place::File(path) => path.display().to_string(),
            Place::Postgres(address, _) => address.hosts(),
            Place::Memory => String::new(),
        };
        return Err(Ended::wrong_one(format!(
            "there is no database at {place}; `countersign serve` makes it"
        )));
    }
    let engine = user::open(config).await?;
    match command {
        AuditCommand::Tail(args) => tail(args, &engine).await,
        AuditCommand::Export { output } => export(output.as_ref(), &engine).await,
        AuditCommand::Verify(args) => verify(args, &engine).await,
        AuditCommand::Why(args) => why::run(args, &engine).await,
    }
}

async fn tail(args: &TailArgs, engine: &Engine) -> Result<(), Ended> {
    let now = Clock::System.now();
    let mut query = EventQuery { newest_first: true, ..EventQuery::default() };
    if let Some(text) = &args.kind {
        let known = || EventKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
        let kind = EventKind::parse(text);
        let unknown = || Ended::wrong_one(format!("there is no event {text:?}; there are {}", known()));
        query.kind = Some(kind.ok_or_else(unknown)?);
    }
    if let Some(text) = &args.since {
        let wrong = || {
            Ended::wrong_one(format!(
                "--since {text:?}: give 90s, 15m, 24h, 7d or a moment like 2027-01-31T00:00:00Z"
            ))
        };
        query.since = Some(since(text, now).ok_or_else(wrong)?);
    }
    if let Some(text) = &args.user {
        query.user = Some(who(engine, text).await?);
    }
    let mut page = engine.events(&query, args.limit).await.map_err(Ended::failed)?;
    page.reverse();
    let mut last = match page.last() {
        Some(noted) => noted.entry.id,
        None => newest(engine).await?,
    };
    loop {
        for noted in &page {
            last = noted.entry.id;
            out(&format!("{}\n", if args.json { json_line(noted) } else { text_line(&noted.entry) }));
        }
        if !args.follow {
            return Ok(());
        }
        if page.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
        let next = EventQuery { newest_first: false, after: Some(last), ..query };
        page = engine.events(&next, MAX_EVENTS).await.map_err(Ended::failed)?;
    }
}

async fn newest(engine: &Engine) -> Result<i64, Ended> {
    let query = EventQuery { newest_first: true, ..EventQuery::default() };
    let page = engine.events(&query, 1).await.map_err(Ended::failed)?;
    Ok(page.first().map_or(0, |noted| noted.entry.id))
}

/// The id of a user; the bare number of one who is gone counts, too.
async fn who(engine: &Engine, text: &str) -> Result<domain::id::UserId, Ended> {
    let who = Who::parse(text);
    match engine.find_user(&who).await.map_err(Ended::failed)? {
        Some(user) => Ok(user.id),
        None => match who {
            Who::Id(id) => Ok(id),
            Who::Uuid(_) | Who::Text(_) => Err(Ended::failed(format!("nobody has {who}"))),
        },
    }
}

/// A moment, or a length of time before `now`.
fn since(text: &str, now: Moment) -> Option<Moment> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Moment::parse_rfc3339(text),
    };
    let number: i64 =
        text[..text.len() - 1].parse().ok().filter(|number| (0..=1_000_000).contains(number))?;
    Some(now.plus_seconds(-number * seconds))
}

/// An event as one line of JSON.
pub fn json_line(noted: &Noted) -> String {
    noted.entry.json(noted.seal.as_ref()).to_string()
}

/// An event as one line for people.
pub fn text_line(entry: &Entry<'_>) -> String {
    let mut text = format!("{}  {:<24}", Moment::from_millis(entry.at).rfc3339(0), entry.kind);
    let mut add = |word: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!(" {word} {}", plain(value)));
        }
    };
    add("user", &entry.user.map_or_else(String::new, |user| user.to_string()));
    let actor_id = entry.actor_id.map_or_else(String::new, |id| format!(" {id}"));
    add("by", &format!("{}{actor_id}", entry.actor));
    add("through", &entry.contract);
    add("with", &entry.verb);
    add("from", &entry.address);
    add("refused:", &entry.result);
    add("", &entry.details);
    text.trim_end().to_owned()
}

/// Text without anything that a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

async fn export(output: Option<&PathBuf>, engine: &Engine) -> Result<(), Ended> {
    let Some(path) = output else {
        return match write_all(engine, &mut std::io::stdout()).await? {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map(drop).map_err(Ended::failed),
        };
    };
    let told = |error: std::io::Error| Ended::failed(format!("{}: {error}", path.display()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(|error| Ended::wrong_one(format!("{}: {error}", path.display())))?;
    let mut out = BufWriter::new(file);
    let events = write_all(engine, &mut out).await?.map_err(told)?;
    out.into_inner().map_err(|error| told(error.into_error()))?.sync_all().map_err(told)?;
    err(&format!("{events} events are in {}", path.display()));
    Ok(())
}

async fn write_all(engine: &Engine, out: &mut impl Write) -> Result<std::io::Result<u64>, Ended> {
    let mut query = EventQuery::default();
    let mut events = 0;
    loop {
        let page = engine.events(&query, MAX_EVENTS).await.map_err(Ended::failed)?;
        let Some(last) = page.last() else { return Ok(out.flush().map(|()| events)) };
        query.after = Some(last.entry.id);
        for noted in &page {
            events += 1;
            if let Err(error) = writeln!(out, "{}", json_line(noted)) {
                return Ok(Err(error));
            }
        }
    }
}

async fn verify(args: &VerifyArgs, engine: &Engine) -> Result<(), Ended> {
    let known = match &args.head {
        Some(text) => Some(head(text).ok_or_else(|| {
            Ended::wrong_one(
                "--head: give the row and its hash as `countersign audit verify` prints them, ROW:HASH",
            )
        })?),
        None => None,
    };
    let mut told = 0;
    let loud = std::io::stderr().is_terminal();
    let progress = |row: i64| {
        if loud && row - told >= STRIDE {
            told = row;
            err(&format!("checked up to row {row}"));
        }
    };
    let report = engine.verify_trail(args.from, known, progress).await.map_err(Ended::failed)?;
    let head = report.head.map(|(row, seal)| format!("{row}:{}", seal.hex()));
    if args.json {
        let flaw = report.flaw.map(|flaw| json!({ "row": flaw.row(), "text": flaw.to_string() }));
        out(&format!(
            "{:#}\n",
            json!({
                "holds": report.flaw.is_none(),
                "sealed": report.sealed,
                "unsealed": report.unsealed,
                "pruned": report.pruned,
                "head": head,
                "flaw": flaw,
            })
        ));
        return if report.flaw.is_none() { Ok(()) } else { Err(Ended { code: 1, messages: Vec::new() }) };
    }
    if let Some(row) = report.pruned {
        line(&format!("Rows up to {row} were deleted because they were old."));
    }
    if report.unsealed > 0 {
        line(&format!(
            "{} rows are from before the trail was chained; nothing vouches for them.",
            report.unsealed
        ));
    }
    if let Some(flaw) = report.flaw {
        return Err(Ended::failed(format!("{} rows hold, and then: {flaw}", report.sealed)));
    }
    line(&format!("{} rows hold.", report.sealed));
    if let Some(head) = head {
        line(&format!("To find a trail cut off or put back later, keep this elsewhere: --head {head}"));
    }
    Ok(())
}

fn head(text: &str) -> Option<(i64, Seal)> {
    let (row, hash) = text.split_once(':')?;
    Some((row.parse().ok().filter(|row| *row > 0)?, Seal::parse(hash)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment_or_a_length_before_now() {
        let now = Moment::from_seconds(1_000_000);
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("0s", 0)] {
            assert_eq!(since(text, now), Some(now.plus_seconds(-seconds)), "{text}");
        }
        assert_eq!(since("1970-01-01T00:00:10Z", now), Some(Moment::from_seconds(10)));
        for text in ["", "s", "-1s", "1.5h", "9999999999999999999d", "yesterday", "5", "5w", "é"] {
            assert_eq!(since(text, now), None, "{text}");
        }
    }

    #[test]
    fn a_line_for_people_is_one_line_and_no_command_to_the_terminal() {
        // SEC-110
        let evil = "x\n\u{1b}[2J\r\u{9b}";
        let entry = Entry {
            id: 1,
            strand: 0,
            place: 1,
            at: 0,
            kind: "signed_in".into(),
            actor: "user".into(),
            actor_id: None,
            user: Some(7),
            session: None,
            contract: evil.into(),
            verb: evil.into(),
            address: evil.into(),
            result: evil.into(),
            request: evil.into(),
            details: evil.into(),
        };
        let text = text_line(&entry);
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(
            text.starts_with("1970-01-01T00:00:00Z  signed_in                user 7 by user through x\\n"),
            "{text}"
        );
    }

    #[test]
    fn a_head_is_a_row_and_its_hash() {
        let hash = "0f".repeat(32);
        assert_eq!(head(&format!("7:{hash}")).map(|(row, seal)| (row, seal.hex())), Some((7, hash.clone())));
        for text in [
            "",
            "7",
            &hash,
            &format!("0:{hash}"),
            &format!("7:{hash}0"),
            &format!("7:{}", hash.to_uppercase()),
        ] {
            assert!(head(text).is_none(), "{text}");
        }
    }
}
