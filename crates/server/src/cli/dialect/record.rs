//! `countersign dialect record`: how does real traffic become a dialect's folder?

use super::Ending;
use crate::against::Target;
use crate::cli::terminal::err;
use crate::draft::{self, Draft};
use crate::record::converse::{Written, transcripts};
use crate::record::exchange::Recording;
use crate::record::har;
use crate::record::mask::Mask;
use crate::record::proxy;
use clap::Args;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

pub const EXAMPLES: &str = "\
Examples:
  countersign dialect record --upstream http://127.0.0.1:9000 --out ./mine
      point the client at http://127.0.0.1:8001, use everything once, make each mistake once, then press Ctrl-C
  countersign dialect record --har session.har --origin https://api.example --out ./mine

Written are DIR/dialect.toml, a commented draft, and DIR/transcripts/*.http. Passwords, tokens,
codes, e-mail addresses, phone numbers and names are replaced by invented ones, the same by the
same. See docs/recording.md.";

/// What can be said after `dialect record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Address of the running application; a proxy in front of it records
    #[arg(long, value_name = "URL", required_unless_present = "har", conflicts_with = "har")]
    upstream: Option<String>,
    /// Where the proxy listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8001")]
    listen: String,
    /// A HAR file that a browser saved
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
    /// Whose exchanges in the HAR file are meant, when there are several
    #[arg(long, value_name = "URL", requires = "har")]
    origin: Option<String>,
    /// Folder to be made; one that holds a dialect.toml is left alone
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the dialect [default: the name of the folder]
    #[arg(long)]
    name: Option<String>,
}

type Failed = (Vec<String>, u8);

fn wrong(message: impl Into<String>) -> Failed {
    (vec![message.into()], 2)
}

/// Carries it out.
pub async fn run(args: &RecordArgs) -> Ending {
    let name = super::fitting_name(args.name.as_deref(), &args.out)?;
    super::check_free(&args.out)?;
    let recording = match (&args.har, &args.upstream) {
        (Some(file), _) => from_har(file, args.origin.as_deref())?,
        (None, Some(upstream)) => from_proxy(upstream, &args.listen).await?,
        (None, None) => return Err(wrong("give --upstream or --har")),
    };
    if recording.exchanges.is_empty() {
        let mut messages = vec!["nothing was recorded; nothing was written".to_owned()];
        messages.extend(recording.left_out);
        return Err((messages, 1));
    }
    let mask = Mask::of(&recording);
    let masked = mask.recording(&recording);
    let draft = draft::of_recording(&name, &masked);
    let (conversations, left_out) = transcripts(&masked, &draft);
    write(&args.out, &draft, &conversations, &mask)?;
    let left_out: Vec<&String> = recording.left_out.iter().chain(&left_out).collect();
    Ok(report(&args.out, &masked, &draft, &mask, &conversations, &left_out))
}

fn from_har(file: &Path, origin: Option<&str>) -> Result<Recording, Failed> {
    let told = |error: &dyn std::fmt::Display| wrong(format!("{}: {error}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| told(&error))?.len();
    if size > har::MAX_HAR {
        return Err(told(&format!("the file has more than {} MiB", har::MAX_HAR >> 20)));
    }
    let text = std::fs::read_to_string(file).map_err(|error| told(&error))?;
    har::read(&text, origin).map_err(|error| told(&error))
}

async fn from_proxy(upstream: &str, listen: &str) -> Result<Recording, Failed> {
    let target = Target::parse(upstream).map_err(wrong)?;
    let listener =
        TcpListener::bind(listen).await.map_err(|error| wrong(format!("--listen {listen}: {error}")))?;
    let address = listener.local_addr().map_err(|error| wrong(error.to_string()))?;
    let on = |kind| signal(kind).map_err(|error| wrong(format!("no signals: {error}")));
    let (mut term, mut int) = (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    err(&format!("recording {} at http://{address}; Ctrl-C ends it and writes", target.url()));
    let stop = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    let loud = std::io::stderr().is_terminal();
    let tell = move |line: &str| {
        if loud {
            err(line);
        }
    };
    Ok(proxy::record(listener, target, stop, tell).await)
}

fn write(folder: &Path, draft: &Draft, conversations: &[Written], mask: &Mask) -> Result<(), Failed> {
    let files = std::iter::once((PathBuf::from("dialect.toml"), draft.text.as_str()))
        .chain(conversations.iter().map(|one| (Path::new("transcripts").join(&one.name), one.text.as_str())));
    let files: Vec<(PathBuf, &str)> = files.collect();
    for (path, text) in &files {
        if let Some(kind) = mask.leak(text) {
            let message = format!(
                "{} would hold a {kind} of the recording, so nothing was written; record without it, or tell us its field",
                path.display()
            );
            return Err((vec![message], 1));
        }
    }
    for (path, text) in files {
        super::put(&folder.join(path), text)?;
    }
    Ok(())
}

fn report(
    folder: &Path,
    recording: &Recording,
    draft: &Draft,
    mask: &Mask,
    conversations: &[Written],
    left_out: &[&String],
) -> String {
    let mut text = String::new();
    let counts: Vec<String> =
        mask.counts().into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let _ = writeln!(text, "{} exchanges, {} conversations", recording.exchanges.len(), conversations.len());
    let _ = writeln!(
        text,
        "masked: {}\n",
        if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") }
    );
    text.push_str(&super::drafted(folder, &draft.sketch, &draft.faults));
    for why in left_out {
        let _ = writeln!(text, "left out: {why}");
    }
    let shown = folder.display();
    let _ = writeln!(text, "\nnext:\n  read {shown}/dialect.toml and its comments");
    let _ = writeln!(text, "  countersign dialect test {shown}");
    let _ = writeln!(text, "  countersign dialect test {shown} --against URL-OF-THE-ORIGINAL");
    text
}
