//! How do users go out into a file?

use super::terminal::{Ended, err};
use clap::Args;
use domain::event::{Actor, Event, EventKind};
use domain::id::UserId;
use engine::Engine;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// Users of one page of an export.
const PAGE: u32 = 1000;

/// Below `user export --help`.
pub const EXPORT_HELP: &str = "\
Examples:
  countersign user export > users.jsonl
  countersign user export --with-hashes --output users.jsonl     a file that only you can read";

/// Users to a file.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// With password hashes
    #[arg(long)]
    with_hashes: bool,
    /// Into this file, which must not be there yet; else to the standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Exports all users.
pub async fn export(args: &ExportArgs, engine: &Engine) -> Result<(), Ended> {
    // Before the first byte leaves: what was not noted is not given away.
    if args.with_hashes {
        let event = Event::inside(EventKind::Exported, engine.clock().now(), Actor::Operator, "user export");
        engine.note(event).await.map_err(Ended::failed)?;
    }
    let Some(path) = &args.output else {
        let written = write_users(engine, args.with_hashes, &mut std::io::stdout()).await;
        return match written {
            Err(Failed::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(failed) => Err(Ended::failed(failed)),
            Ok(_) => Ok(()),
        };
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut out =
        BufWriter::new(file.map_err(|error| Ended::wrong_one(format!("{}: {error}", path.display())))?);
    let users = write_users(engine, args.with_hashes, &mut out).await.map_err(Ended::failed)?;
    let synced =
        out.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    synced.map_err(|error| Ended::failed(format!("{}: {error}", path.display())))?;
    err(&format!("{users} users are in {}", path.display()));
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the export can not be written: {0}")]
    Write(#[from] std::io::Error),
    #[error(transparent)]
    Read(#[from] engine::Fault),
    #[error("a user can not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

async fn write_users(engine: &Engine, with_hashes: bool, out: &mut impl Write) -> Result<u64, Failed> {
    let (mut last, mut users) = (None, 0);
    loop {
        let page = engine.export_users(last, PAGE).await?;
        let Some(end) = page.last() else {
            out.flush()?;
            return Ok(users);
        };
        last = end.id.map(UserId);
        for record in &page {
            let mut row = serde_json::to_value(record)?;
            if let (false, Some(row)) = (with_hashes, row.as_object_mut()) {
                row.shift_remove("password_hash");
            }
            writeln!(out, "{row}")?;
            users += 1;
        }
    }
}
