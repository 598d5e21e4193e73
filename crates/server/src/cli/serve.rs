//! How does the server start, what does it say, and how does it stop?

use super::terminal::{Ended, err, out};
use crate::config::{Config, ConfigFault, Sources};
use crate::telemetry::{self, Format, Log};
use crate::{App, bootstrap, serve};
use domain::contract::Weakening;
use domain::event::{Actor, Detail, Event, EventKind};
use engine::{Chance, Clock};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::Future;
use std::io::IsTerminal as _;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Starts, serves until a signal, stops.
pub fn run(config: Config, sources: &Sources) -> Result<(), Ended> {
    let format = Format::choose(&config.log.format);
    let log = Log::new(format, config.log.requests, Clock::System, Box::new(std::io::stderr()));
    telemetry::install(&log, &config.log.level);
    lift_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Ended::failed(format!("no runtime: {error}")))?;
    let ended = runtime.block_on(run_server(config, sources, &log));
    // A second signal does not wait for what is still running.
    runtime.shutdown_background();
    log.flush();
    ended
}

async fn run_server(config: Config, sources: &Sources, log: &Arc<Log>) -> Result<(), Ended> {
    let first = config.lacks_database();
    let app =
        App::open(config, Clock::System, Chance::System).await.map_err(|faults| Ended::wrong(faults.0))?;
    let app = app.with_log(Arc::clone(log));
    let listen = app.config().listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Ended::failed(format!(
            "can not listen on {listen}: {error}; choose another with --listen ADDRESS:PORT"
        ))
    })?;
    let address = listener.local_addr().map_err(Ended::failed)?;
    out(&banner(&app, &address.to_string(), first));
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "ready");
    note_weakenings(&app);
    note_newcomers(&app);
    note_start(&app).await?;
    let (mut stop, mut cut) = (Signals::new()?, Signals::new()?);
    offer_bootstrap(&app).await?;
    let reloading = follow_hangups(app.clone(), sources)?;
    let noted = app.clone();
    let serving = serve(listener, app, async move { stop.next().await });
    let cutting = async move {
        cut.next().await;
        cut.next().await;
    };
    tokio::select! {
        served = serving => {
            note_stop(&noted).await;
            tracing::info!("stopped");
            served.map_err(Ended::failed)
        }
        never = reloading => match never {},
        () = cutting => {
            tracing::warn!("a second signal: requests in flight were cut off");
            Err(Ended::failed("stopped by a second signal"))
        }
    }
}

/// Where nobody is an administrator, says where the token lies that makes the first one; itself on a terminal only.
async fn offer_bootstrap(app: &App) -> Result<(), Ended> {
    let Some(offer) = bootstrap::offer_at_start(app).await.map_err(Ended::failed)? else { return Ok(()) };
    let place = offer.path.display();
    out(&format!("Nobody is an administrator. A token for the first one is in {place}, for an hour.\n"));
    if std::io::stdout().is_terminal() {
        out(&format!("  {}\n", offer.token.expose()));
    }
    tokio::spawn(bootstrap::forget_when_used(app.clone()));
    Ok(())
}

/// SIGTERM and SIGINT, one like the other.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Ended> {
        let on = |kind| signal(kind).map_err(|error| Ended::failed(format!("no signals: {error}")));
        Ok(Signals { term: on(SignalKind::terminate())?, int: on(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// Reads the configuration again at every SIGHUP. A broken one changes nothing (REL-19).
fn follow_hangups(app: App, sources: &Sources) -> Result<impl Future<Output = Infallible>, Ended> {
    let mut hangup =
        signal(SignalKind::hangup()).map_err(|error| Ended::failed(format!("no signals: {error}")))?;
    let sources = sources.clone();
    Ok(async move {
        loop {
            hangup.recv().await;
            let told = |faults: Vec<ConfigFault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
            let loaded = match Config::load(&sources).map_err(told) {
                Ok(config) => app.reload(&config).await.map_err(|faults| faults.0),
                Err(faults) => Err(faults),
            };
            match loaded {
                Ok(differ) if differ.is_empty() => tracing::info!("the mounts were read again"),
                Ok(differ) => {
                    let differ = differ.join(" ");
                    tracing::warn!(differ, "the mounts were read again; these settings need a new start");
                }
                Err(faults) => {
                    let faults = faults.join("; ");
                    tracing::error!(faults, "the configuration has faults; the one in force stays");
                }
            }
        }
    })
}

/// Connections need descriptors; the soft limit is often far below what the system allows.
fn lift_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum
        && let Err(error) =
            setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        err(&format!("the limit of open files stays at {:?} ({error})", limit.current));
    }
}

/// Every weaker behaviour is told at each start, by name (SEC-113).
fn note_weakenings(app: &App) {
    for (about, names) in weakenings(app) {
        if names.contains(&Weakening::InsecureCookies.name()) {
            tracing::warn!(
                about,
                "cookies are not secure, because public_url is http; this is for development on this machine only"
            );
        }
        tracing::info!(
            about,
            weaker = names.join(" "),
            "weaker than it could be; `countersign doctor --security` tells what that costs"
        );
    }
}

/// A role that is given to new accounts and that nobody has configured is most likely a slip.
fn note_newcomers(app: &App) {
    for mount in app.spoken().speaker.mounts() {
        let role = &mount.contract.newcomer.role;
        if let Err(known) = app.config().house.check_role(role) {
            tracing::warn!(
                dialect = mount.dialect.name,
                role,
                known = known.join(" "),
                "new accounts of this dialect get a role that is not configured; it permits nothing"
            );
        }
    }
}

/// The names of all weakenings in force: of each dialect, and of the house.
fn weakenings(app: &App) -> Vec<(String, Vec<&'static str>)> {
    let spoken = app.spoken();
    let mut all: Vec<(String, Vec<&'static str>)> = Vec::new();
    let mut add = |about: &str, name: &'static str| match all.iter_mut().find(|(known, _)| known == about) {
        Some((_, names)) if names.contains(&name) => {}
        Some((_, names)) => names.push(name),
        None => all.push((about.to_owned(), vec![name])),
    };
    for mount in spoken.speaker.mounts() {
        mount.contract.weakenings.iter().for_each(|weakening| add(&mount.dialect.name, weakening.name()));
    }
    for (about, weakening) in app.config().weakenings() {
        add(&about, weakening.name());
    }
    all
}

/// Writes into the trail that the server starts, and how weak it is.
async fn note_start(app: &App) -> Result<(), Ended> {
    let now = app.engine().clock().now();
    let event = |kind| Event::inside(kind, now, Actor::System, "serve");
    let mut events = vec![event(EventKind::Started).with(Detail::Version(env!("CARGO_PKG_VERSION")))];
    for (about, names) in weakenings(app) {
        let contract = if about == "house" { "" } else { &about };
        events.push(event(EventKind::Weakened).through(contract).with(Detail::Weaker(names)));
    }
    for event in events {
        app.engine().note(event).await.map_err(Ended::failed)?;
    }
    Ok(())
}

/// Writes into the trail that the server stops. A disk that takes nothing any more does not hold up the stop.
async fn note_stop(app: &App) {
    let event = Event::inside(EventKind::Stopped, app.engine().clock().now(), Actor::System, "serve");
    if let Err(error) = app.engine().note(event).await {
        tracing::warn!(%error, "the stop is not in the audit trail");
    }
    crate::janitor::tell_head(app).await;
}

/// What is mounted where.
fn banner(app: &App, address: &str, first: bool) -> String {
    let mut text = String::new();
    let config = app.config();
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    // Writing to a String can not fail.
    let _ = writeln!(text, "Countersign {} at {url}", env!("CARGO_PKG_VERSION"));
    if first {
        let _ = writeln!(text, "  made a database and secrets in {}", config.data.display());
    }
    for mount in app.spoken().speaker.mounts() {
        let _ = write!(text, "\n{}", mount.dialect.name);
        if !mount.host.is_empty() {
            let _ = write!(text, " on {}", mount.host);
        }
        text.push('\n');
        for route in &mount.dialect.routes {
            let path = format!("{}{}", mount.prefix, route.path.text);
            let _ = writeln!(text, "  {:<7} {path:<40} {}", route.method.as_str(), route.verb.name());
        }
    }
    text.push_str("\nalso\n");
    for (path, what) in [
        ("/health/live", "the process lives"),
        ("/health/ready", "requests can be sent here"),
        ("/.well-known/jwks.json", "public keys"),
        ("/media/avatars/{name}", "pictures of users"),
    ] {
        let _ = writeln!(text, "  {:<7} {path:<40} {what}", "GET");
    }
    for path in app.pages().map(crate::pages::Pages::paths).unwrap_or_default() {
        let _ = writeln!(text, "  {:<7} {path:<40} page for links in letters", "GET");
    }
    text.push('\n');
    text
}
