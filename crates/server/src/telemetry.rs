//! What does the server write about itself, for people on a terminal and for machines everywhere else?
//!
//! Lines hold no bodies, tokens or query strings (SEC-109). Control characters never reach the output as such.

use domain::time::Moment;
use engine::Clock;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit as FieldVisit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Lines of requests wait at most this long to be written together.
const WAIT: Duration = Duration::from_millis(100);
/// When the reader of the log is slower than the server, lines above this many bytes are dropped and counted.
const MOST_WAITING: usize = 4 << 20;
/// The longest path in a line, in characters.
const MAX_PATH: usize = 512;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people; `true` with colours.
    Human(bool),
    /// One JSON object a line.
    Json,
}

impl Format {
    /// `auto`, `human` or `json`; `auto` looks at the standard error stream. Colours only on a terminal.
    pub fn choose(word: &str) -> Format {
        let terminal = std::io::stderr().is_terminal();
        match word {
            "json" => Format::Json,
            "human" => Format::Human(terminal),
            _ if terminal => Format::Human(true),
            _ => Format::Json,
        }
    }
}

/// One answered request.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Its id.
    pub request: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its path without the query.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// The length of the answer's body.
    pub bytes: usize,
    /// From its head to its answer.
    pub took: Duration,
    /// The client's address.
    pub address: &'a str,
    /// Who answered.
    pub dialect: &'a str,
    /// What was asked for.
    pub verb: &'static str,
}

/// A log that is written by a thread of its own, so that no request waits for it.
pub struct Log {
    format: Format,
    clock: Clock,
    requests: bool,
    waiting: Mutex<Waiting>,
    more: Condvar,
    /// Held while bytes are written.
    out: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
}

impl Log {
    /// A log to `out`. `requests` says whether requests get lines.
    pub fn new(format: Format, requests: bool, clock: Clock, out: Box<dyn Write + Send>) -> Arc<Log> {
        let waiting = Mutex::new(Waiting::default());
        let log =
            Arc::new(Log { format, clock, requests, waiting, more: Condvar::new(), out: Mutex::new(out) });
        let writer = Arc::downgrade(&log);
        let started = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            while let Some(log) = writer.upgrade() {
                log.wait();
            }
        });
        drop(started);
        log
    }

    /// Writes what waits, now.
    pub fn flush(&self) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        // There is no other place to complain to.
        drop(out.write_all(&waiting.lines));
        if waiting.dropped > 0 {
            drop(writeln!(
                out,
                "{{\"level\":\"warn\",\"message\":\"{} lines were dropped\"}}",
                waiting.dropped
            ));
        }
        drop(out.flush());
    }

    /// Waits for lines, lets more of them come, and writes them.
    fn wait(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = Duration::from_secs(1);
        let (waiting, _) = self
            .more
            .wait_timeout_while(waiting, limit, |waiting| waiting.lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let any = !waiting.lines.is_empty();
        drop(waiting);
        if any {
            std::thread::sleep(WAIT);
            self.flush();
        }
    }

    fn line(&self, write: impl FnOnce(&mut String), now: bool) {
        let mut text = String::with_capacity(256);
        write(&mut text);
        text.push('\n');
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.lines.len() + text.len() > MOST_WAITING {
            waiting.dropped += 1;
            return;
        }
        let first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(text.as_bytes());
        drop(waiting);
        if now {
            self.flush();
        } else if first {
            self.more.notify_one();
        }
    }

    /// Writes the line of a request.
    pub fn request(&self, visit: &Visit<'_>) {
        if !self.requests {
            return;
        }
        let at = self.clock.now();
        match self.format {
            Format::Json => self.line(|line| json_visit(line, at, visit), false),
            Format::Human(colours) => self.line(|line| human_visit(line, at, visit, colours), colours),
        }
    }
}

fn json_visit(line: &mut String, at: Moment, visit: &Visit<'_>) {
    let path: String = visit.path.chars().take(MAX_PATH).collect();
    json_field(line, "time", &at.rfc3339(3));
    json_field(line, "level", "info");
    json_field(line, "message", "request");
    json_field(line, "request", visit.request);
    json_field(line, "method", visit.method);
    json_field(line, "path", &path);
    number_field(line, "status", u64::from(visit.status));
    number_field(line, "bytes", visit.bytes as u64);
    number_field(line, "micros", u64::try_from(visit.took.as_micros()).unwrap_or(u64::MAX));
    json_field(line, "address", visit.address);
    json_field(line, "dialect", visit.dialect);
    json_field(line, "verb", visit.verb);
    line.push('}');
}

fn human_visit(line: &mut String, at: Moment, visit: &Visit<'_>, colours: bool) {
    let path: String = visit.path.chars().take(MAX_PATH).collect();
    let colour = match visit.status {
        ..300 => "32",
        300..500 => "33",
        500.. => "31",
    };
    line.push_str(time_of_day(&at.rfc3339(3)));
    line.push(' ');
    paint(line, &visit.status.to_string(), colour, colours);
    line.push(' ');
    escape(line, visit.method);
    line.push(' ');
    escape(line, &path);
    let millis = visit.took.as_secs_f64() * 1000.0;
    // Writing to a String can not fail.
    let _ = write!(line, "  {millis:.1} ms  {}", visit.address);
    for word in [visit.dialect, visit.verb] {
        if !word.is_empty() {
            line.push(' ');
            escape(line, word);
        }
    }
}

fn time_of_day(stamp: &str) -> &str {
    stamp.split_once('T').map_or(stamp, |(_, time)| time.trim_end_matches('Z'))
}

fn paint(line: &mut String, text: &str, colour: &str, colours: bool) {
    if colours {
        let _ = write!(line, "\u{1b}[{colour}m{text}\u{1b}[0m");
    } else {
        line.push_str(text);
    }
}

/// Control characters as `\u{..}`; nothing that moves a cursor or begins a line.
fn escape(line: &mut String, text: &str) {
    for letter in text.chars() {
        let hidden = letter.is_control()
            || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if hidden { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
}

fn json_name(line: &mut String, name: &str) {
    line.push_str(if line.is_empty() { "{\"" } else { ",\"" });
    line.push_str(name);
    line.push_str("\":");
}

fn json_field(line: &mut String, name: &str, value: &str) {
    json_name(line, name);
    json_text(line, value);
}

fn number_field(line: &mut String, name: &str, value: u64) {
    json_name(line, name);
    let _ = write!(line, "{value}");
}

fn json_text(line: &mut String, text: &str) {
    line.push('"');
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\') {
        line.push_str(text);
        line.push('"');
        return;
    }
    for letter in text.chars() {
        match letter {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            control if control.is_control() => {
                let _ = write!(line, "\\u{:04x}", u32::from(control));
            }
            plain => line.push(plain),
        }
    }
    line.push('"');
}

/// Takes the events of the whole process to the log.
struct Events(Arc<Log>);

#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, String)>,
}

impl FieldVisit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }
}

impl Fields {
    fn take(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else if !field.name().starts_with("log.") {
            self.rest.push((field.name(), value));
        }
    }
}

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let log = &self.0;
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (at, level) = (log.clock.now(), *event.metadata().level());
        log.line(
            |line| match log.format {
                Format::Json => json_event(line, at, level, event.metadata().target(), &fields),
                Format::Human(colours) => human_event(line, at, level, &fields, colours),
            },
            true,
        );
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn json_event(line: &mut String, at: Moment, level: Level, target: &str, fields: &Fields) {
    json_field(line, "time", &at.rfc3339(3));
    json_field(line, "level", level_name(level));
    json_field(line, "message", &fields.message);
    json_field(line, "target", target);
    for (name, value) in &fields.rest {
        json_field(line, name, value);
    }
    line.push('}');
}

fn human_event(line: &mut String, at: Moment, level: Level, fields: &Fields, colours: bool) {
    let colour = match level {
        Level::ERROR => "31;1",
        Level::WARN => "33;1",
        Level::INFO => "32",
        Level::DEBUG | Level::TRACE => "2",
    };
    line.push_str(time_of_day(&at.rfc3339(3)));
    line.push(' ');
    paint(line, level_name(level), colour, colours);
    line.push(' ');
    escape(line, &fields.message);
    for (name, value) in fields.rest.iter().filter(|(name, _)| *name != "backtrace") {
        let _ = write!(line, "  {name}=");
        escape(line, value);
    }
    let backtrace = fields.rest.iter().find(|(name, _)| *name == "backtrace");
    for call in backtrace.into_iter().flat_map(|(_, text)| text.lines()) {
        line.push_str("\n    ");
        escape(line, call);
    }
}

/// Sends the events of this process to `log`, from `level` up, and panics as well. Once per process; later calls do nothing.
pub fn install(log: &Arc<Log>, level: &str) {
    use tracing_subscriber::layer::SubscriberExt as _;
    let filter = match level {
        "error" => tracing::level_filters::LevelFilter::ERROR,
        "warn" => tracing::level_filters::LevelFilter::WARN,
        "debug" => tracing::level_filters::LevelFilter::DEBUG,
        "trace" => tracing::level_filters::LevelFilter::TRACE,
        _ => tracing::level_filters::LevelFilter::INFO,
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(Events(Arc::clone(log)));
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        // Only words of the source: a formatted text could hold a part of a request (SEC-109).
        let message =
            panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(its text is not shown)");
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let backtrace = std::backtrace::Backtrace::force_capture().to_string();
        tracing::error!(reason = message, place, thread, backtrace, "panic");
    }));
}
