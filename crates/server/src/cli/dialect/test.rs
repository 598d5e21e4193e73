//! `countersign dialect test`: are the transcripts of a folder answered as they say?

use super::{Ending, transcripts};
use crate::against::Target;
use crate::cli::terminal::out;
use crate::compare::Difference;
use crate::config::asks_for_no_color;
use crate::except::Exceptions;
use crate::replay::{Played, Stage};
use clap::{Args, ValueEnum};
use dialect::Dialect;
use dialect::transcript::Transcript;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const EXAMPLES: &str = "\
Examples:
  countersign dialect test dialects/native
  countersign dialect test ./mine --against http://127.0.0.1:3000
  countersign dialect test ./mine --against https://staging.example --except wanted.toml --json
  UPDATE=1 countersign dialect test ./mine

Differences are told field by field. One that is wanted is named in exceptions.toml beside the
transcripts:

  [[exception]]
  conversation = \"sign_in.http\"
  exchange = \"sign in\"            # left out: the whole conversation
  path = \"/user/last_login\"       # or status, header NAME, body
  reason = \"the original never sets it\"

Exit codes: 0 every answer holds or is excepted, 1 some differ or were not replayed, 2 nothing
could be done.";

/// What can be said after `dialect test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// A folder with dialect.toml and transcripts/*.http
    pub dir: PathBuf,
    /// Address of a running server, ours or the original; http or https
    #[arg(long, value_name = "URL")]
    against: Option<String>,
    /// Wanted differences, with their reasons [default: exceptions.toml beside the transcripts, with --against]
    #[arg(long, value_name = "FILE")]
    except: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Whether differences are coloured
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

impl Color {
    fn is_on(self) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stderr().is_terminal() && !asks_for_no_color(),
        }
    }
}

/// What came of a folder of transcripts.
struct Tally {
    exceptions: Exceptions,
    color: bool,
    out: String,
    rows: Vec<Value>,
    skipped: Vec<Value>,
    held: usize,
    differ: usize,
    excepted: usize,
    update: bool,
}

/// Carries it out.
pub async fn run(args: &TestArgs, dialect: Arc<Dialect>, update: bool) -> Ending {
    let target = args.against.as_deref().map(Target::parse).transpose().map_err(|fault| (vec![fault], 2))?;
    let folder = args.dir.join("transcripts");
    let files = transcripts(&folder).map_err(|fault| (vec![fault], 2))?;
    if files.is_empty() {
        let message = format!("{} holds no transcripts; see docs/transcripts.md", folder.display());
        return Err((vec![message], 2));
    }
    let mut tally = Tally {
        exceptions: exceptions(args, &folder).map_err(|fault| (vec![fault], 2))?,
        color: args.color.is_on(),
        out: String::new(),
        rows: Vec::new(),
        skipped: Vec::new(),
        held: 0,
        differ: 0,
        excepted: 0,
        update: update && target.is_none(),
    };
    for path in files {
        tally.play(&path, &dialect, target.as_ref()).await?;
    }
    tally.end(args.json)
}

fn exceptions(args: &TestArgs, folder: &Path) -> Result<Exceptions, String> {
    let beside = folder.join("exceptions.toml");
    let path = match &args.except {
        Some(path) => path,
        None if args.against.is_some() && beside.exists() => &beside,
        None => return Ok(Exceptions::default()),
    };
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Exceptions::parse(&text).map_err(|fault| format!("{}: {fault}", path.display()))
}

fn rewrite(path: &Path, text: &str, played: &[Played]) -> Result<(), String> {
    let answers: Vec<String> = played.iter().map(|one| one.got.clone()).collect();
    std::fs::write(path, Transcript::updated(text, &answers))
        .map_err(|error| format!("{}: {error}", path.display()))
}

impl Tally {
    async fn play(
        &mut self,
        path: &Path,
        dialect: &Arc<Dialect>,
        target: Option<&Target>,
    ) -> Result<(), (Vec<String>, u8)> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| (vec![format!("{}: {error}", path.display())], 2))?;
        let transcript =
            Transcript::parse(&text).map_err(|fault| (vec![format!("{}:{fault}", path.display())], 2))?;
        let played = match target {
            Some(target) => target.play(&transcript).await,
            None => match Stage::open(Arc::clone(dialect), &transcript).await {
                Ok(stage) => stage.play(&transcript).await,
                Err(fault) => Err(fault),
            },
        };
        match played {
            Ok(played) if self.update => rewrite(path, &text, &played).map_err(|fault| (vec![fault], 1))?,
            Ok(played) => played.iter().for_each(|one| self.add(path, one)),
            Err(fault) => self.skip(path, &fault),
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, one: &Played) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut wrong = Vec::new();
        for difference in &one.differences {
            let reason = self.exceptions.reason(&name, &one.title, &difference.path).map(str::to_owned);
            self.rows.push(json!({
                "conversation": name, "line": one.line, "exchange": one.title, "path": difference.path,
                "expected": difference.expected, "got": difference.got, "exception": reason,
            }));
            if reason.is_none() {
                wrong.push(difference);
            }
        }
        match (one.differences.is_empty(), wrong.is_empty()) {
            (true, _) => self.held += 1,
            (false, true) => self.excepted += 1,
            (false, false) => {
                self.differ += 1;
                let title = self.painted("1", &one.title);
                let _ = writeln!(self.out, "{}:{}: {title}", path.display(), one.line);
                wrong.into_iter().for_each(|difference| self.tell(difference));
            }
        }
    }

    fn tell(&mut self, difference: &Difference) {
        let Difference { path, expected, got } = difference;
        let path = self.painted("36", path);
        let _ = writeln!(self.out, "    {path}");
        for (sign, color, text) in [("- ", "31", expected), ("+ ", "32", got)] {
            let text = if text.is_empty() { "(nothing)" } else { text };
            for line in text.lines() {
                let line = self.painted(color, &format!("{sign}{}", shown(line)));
                let _ = writeln!(self.out, "      {line}");
            }
        }
    }

    fn painted(&self, color: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn skip(&mut self, path: &Path, fault: &str) {
        self.skipped.push(json!({ "conversation": path.display().to_string(), "reason": fault }));
        let _ = writeln!(self.out, "{}:{fault}\n  not replayed", path.display());
    }

    fn end(mut self, as_json: bool) -> Ending {
        let unneeded: Vec<Value> = self
            .exceptions
            .unneeded()
            .map(
                |one| json!({ "conversation": one.conversation, "exchange": one.exchange, "path": one.path }),
            )
            .collect();
        let Tally { held, differ, excepted, .. } = self;
        let skipped = self.skipped.len();
        let good = differ == 0 && skipped == 0;
        if as_json {
            out(&super::pretty(&json!({
                "held": held, "differ": differ, "excepted": excepted, "not_replayed": self.skipped,
                "differences": self.rows, "unneeded_exceptions": unneeded,
            })));
            return if good { Ok(String::new()) } else { Err((Vec::new(), 1)) };
        }
        for one in &unneeded {
            let _ = writeln!(self.out, "an exception is not needed any more: {one}");
        }
        let excepted = if excepted == 0 { String::new() } else { format!(", {excepted} excepted") };
        let _ = writeln!(
            self.out,
            "{held} answers hold{excepted}, {differ} differ, {skipped} conversations not replayed"
        );
        if good { Ok(self.out) } else { Err((vec![self.out], 1)) }
    }
}

/// Text of another server without anything that a terminal would obey.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}
