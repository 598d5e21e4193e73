//! Who answers while an application is taken over, and how far has it come?

use super::terminal::{Ended, confirm, line, out};
use super::user;
use crate::config::{Config, MountConfig, UpstreamConfig};
use crate::mounts;
use clap::{Args, Subcommand, ValueEnum};
use domain::phase::{Counted, KeptPhase, Phase, Tally};
use engine::Engine;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is to be known before.
pub const ABOUT: &str = "\
A mount with `upstream = \"https://old.example\"` takes over from the application there, in
three phases:

  shadow   the old application answers, byte for byte. This server rehearses each request
           beside it, counts in which fields its own answer would differ, and follows: users
           who sign in or up there are here, too.
  dual     this server answers. Users who are only there are asked for at their first
           sign-in; sign-ups, profiles, passwords and deletions are carried out at both.
  cut      this server answers alone.

Every step has a way back: tokens of either side are good at the other, because both have
the same secret.";

const PHASE_HELP: &str =
    "Every running server is in the new phase within a second or two; requests in flight end in the
old one. The change is in the audit trail (`countersign audit tail --kind phase_changed`).

Examples:
  countersign migration phase dual                      where one mount has an `upstream`
  countersign migration phase uk-travel/api shadow      back; a mount is named DIALECT[@HOST][/PREFIX]
  countersign migration phase cut --yes                 for scripts: do not ask";

const STATUS_HELP: &str =
    "Counts are those of all servers on this database, a few seconds old. No value that a user typed
or an application answered is among them.

Examples:
  countersign migration status
  countersign migration status --json | jq '.mounts[0].different'";

/// What can be done about taking over.
#[derive(Debug, Subcommand)]
pub enum MigrationCommand {
    /// Say who answers from now on: the old application, both, or this server alone
    #[command(after_help = PHASE_HELP, allow_missing_positional = true)]
    Phase(PhaseArgs),
    /// Show phases, counts, differences by field, and which hashes are left
    #[command(after_help = STATUS_HELP)]
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget what was counted at a mount, to count from nothing again
    Forget {
        /// DIALECT[@HOST][/PREFIX]; only needed where several mounts take over
        mount: Option<String>,
    },
}

/// Which mount, and which phase.
#[derive(Args, Debug)]
pub struct PhaseArgs {
    /// DIALECT[@HOST][/PREFIX]; only needed where several mounts take over
    mount: Option<String>,
    /// Who answers from now on
    #[arg(required = true)]
    phase: Option<Word>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A phase on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Word {
    /// The old application answers; this server compares and follows
    Shadow,
    /// This server answers and keeps the old application in step
    Dual,
    /// This server answers alone
    Cut,
}

impl From<Word> for Phase {
    fn from(word: Word) -> Phase {
        match word {
            Word::Shadow => Phase::Shadow,
            Word::Dual => Phase::Dual,
            Word::Cut => Phase::Cut,
        }
    }
}

/// Carries a command out.
pub async fn run(command: &MigrationCommand, config: &Config) -> Result<(), Ended> {
    match command {
        MigrationCommand::Phase(args) => set(config, args).await,
        MigrationCommand::Status { json } => status(config, *json).await,
        MigrationCommand::Forget { mount } => {
            let key = chosen(&taking_over(config), mount.as_deref())?.key();
            user::open(config).await?.forget_counts(&key).await.map_err(Ended::failed)?;
            line(&format!("{key}: what was counted is forgotten."));
            Ok(())
        }
    }
}

/// The mounts that take over from another application.
fn taking_over(config: &Config) -> Vec<MountConfig> {
    mounts::wanted(config).into_iter().filter(|mount| mount.upstream.is_some()).collect()
}

/// The mount that is meant. Refused: none takes over, several do and none is named, or another one is named.
fn chosen<'m>(mounts: &'m [MountConfig], name: Option<&str>) -> Result<&'m MountConfig, Ended> {
    let known = || mounts.iter().map(MountConfig::key).collect::<Vec<_>>().join(", ");
    let named = |name: &str| {
        let exact = mounts.iter().find(|mount| mount.key() == name);
        let of_dialect: Vec<_> = mounts.iter().filter(|mount| mount.dialect == name).collect();
        exact.or_else(|| of_dialect.first().copied().filter(|_| of_dialect.len() == 1))
    };
    match (mounts, name) {
        ([], _) => Err(Ended::wrong_one(
            "no mount has an `upstream`; write `upstream = \"https://…\"` into the [[mount]] that takes over, and \
             start the server again or send it SIGHUP",
        )),
        (_, Some(name)) => named(name).ok_or_else(|| {
            Ended::wrong_one(format!(
                "no mount {name:?} takes over from another application; there are {}",
                known()
            ))
        }),
        ([only], None) => Ok(only),
        (_, None) => Err(Ended::wrong_one(format!("several mounts take over; say which: {}", known()))),
    }
}

async fn set(config: &Config, args: &PhaseArgs) -> Result<(), Ended> {
    let mounts = taking_over(config);
    let mount = chosen(&mounts, args.mount.as_deref())?;
    let (key, Some(upstream), Some(to)) = (mount.key(), &mount.upstream, args.phase.map(Phase::from)) else {
        return Err(Ended::wrong_one("say which phase: shadow, dual or cut"));
    };
    let engine = user::open(config).await?;
    let kept = engine.phases().await.map_err(Ended::failed)?.into_iter().find(|kept| kept.mount == key);
    let from = kept.as_ref().map(|kept| kept.phase);
    let was = from.unwrap_or(upstream.phase);
    if from == Some(to) {
        line(&format!("{key}: is in the phase {} already.", to.name()));
        return Ok(());
    }
    if let Some(question) = question(&key, upstream, was, to) {
        confirm(&question, args.yes)?;
    }
    if !engine.set_phase(&key, (from, was), to).await.map_err(Ended::failed)? {
        return Err(Ended::failed(
            "somebody else has set the phase at the same moment; look at `migration status`",
        ));
    }
    line(&format!(
        "{key}: {} from now on; before, {}. Running servers follow within two seconds.",
        said(to),
        was.name()
    ));
    Ok(())
}

/// What is asked before a step that loses something.
fn question(key: &str, upstream: &UpstreamConfig, was: Phase, to: Phase) -> Option<String> {
    let old = &upstream.url;
    match (was, to) {
        (Phase::Shadow | Phase::Dual, Phase::Cut) => Some(format!(
            "{key}: {old} is asked for nothing any more. Users who are only there can not sign in here, and what \
             changes here does not get there. Go on?"
        )),
        (Phase::Cut, Phase::Shadow | Phase::Dual) => Some(format!(
            "{key}: {old} does not know who signed up or changed a password here since the cut, and may give their \
             ids to others. Go on?"
        )),
        _ => None,
    }
}

const fn said(phase: Phase) -> &'static str {
    match phase {
        Phase::Shadow => "shadow: the old application answers",
        Phase::Dual => "dual: this server answers and keeps the old application in step",
        Phase::Cut => "cut: this server answers alone",
    }
}

/// What is known of one mount.
struct Known {
    key: String,
    upstream: Option<UpstreamConfig>,
    kept: Option<KeptPhase>,
    counts: Vec<Counted>,
}

impl Known {
    fn phase(&self) -> Phase {
        let configured = self.upstream.as_ref().map(|upstream| upstream.phase).unwrap_or_default();
        self.kept.as_ref().map_or(configured, |kept| kept.phase)
    }

    /// All counts of one kind together.
    fn sum(&self, what: Tally) -> Option<Counted> {
        let mut rows = self.counts.iter().filter(|counted| counted.what == what);
        let first = rows.next()?.clone();
        Some(rows.fold(first, |sum, row| Counted {
            count: sum.count + row.count,
            last_at: sum.last_at.max(row.last_at),
            ..sum
        }))
    }

    /// The counts of one kind that have a detail, most first.
    fn details(&self, what: Tally) -> Vec<&Counted> {
        let has = |counted: &&Counted| counted.what == what && !counted.detail.is_empty();
        let mut rows: Vec<&Counted> = self.counts.iter().filter(has).collect();
        rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.detail.cmp(&b.detail)));
        rows
    }
}

/// Kinds of counts whose details are shown one by one.
const DETAILED: [Tally; 5] =
    [Tally::Different, Tally::OutOfStep, Tally::NotFollowed, Tally::Lied, Tally::Unavailable];

/// The mounts that take over, and those that were counted at and do so no more.
async fn known(config: &Config, engine: &Engine) -> Result<Vec<Known>, Ended> {
    let mut kept = engine.phases().await.map_err(Ended::failed)?;
    let mut counts: BTreeMap<String, Vec<Counted>> = BTreeMap::new();
    for counted in engine.migration_counts().await.map_err(Ended::failed)? {
        counts.entry(counted.mount.clone()).or_default().push(counted);
    }
    let mut all = Vec::new();
    for mount in taking_over(config) {
        let key = mount.key();
        let at = kept.iter().position(|one| one.mount == key);
        let kept = at.map(|at| kept.swap_remove(at));
        let counts = counts.remove(&key).unwrap_or_default();
        all.push(Known { key, upstream: mount.upstream, kept, counts });
    }
    all.extend(counts.into_iter().map(|(key, counts)| Known { key, upstream: None, kept: None, counts }));
    Ok(all)
}

async fn status(config: &Config, as_json: bool) -> Result<(), Ended> {
    if config.lacks_database() {
        chosen(&taking_over(config), None).map(drop)?;
    }
    let engine = user::open(config).await?;
    let known = known(config, &engine).await?;
    if known.is_empty() {
        chosen(&[], None)?;
    }
    let hashes = engine.hash_counts().await.map_err(Ended::failed)?;
    if as_json {
        let mounts: Vec<Value> = known.iter().map(described).collect();
        out(&format!("{:#}\n", json!({"mounts": mounts, "hashes": hashes})));
        return Ok(());
    }
    known.iter().for_each(show);
    line("hashes");
    if hashes.is_empty() {
        line("  there are no users yet");
    }
    hashes.iter().for_each(|(label, count)| line(&format!("  {count:>10}  {label}")));
    Ok(())
}

fn described(known: &Known) -> Value {
    let row = |counted: &Counted| json!({"count": counted.count, "last_at": counted.last_at.rfc3339(0)});
    let counts = Tally::ALL.iter().filter_map(|what| Some((what.name(), row(&known.sum(*what)?))));
    let mut described = json!({
        "mount": known.key,
        "upstream": known.upstream.as_ref().map(|upstream| upstream.url.clone()),
        "phase": known.upstream.as_ref().map(|_| known.phase().name()),
        "since": known.kept.as_ref().map(|kept| kept.changed_at.rfc3339(0)),
        "configured": known.upstream.as_ref().map(|upstream| upstream.phase.name()),
        "counts": counts.collect::<BTreeMap<_, _>>(),
    });
    for what in DETAILED {
        let rows = known.details(what).into_iter().map(|counted| {
            let last_at = counted.last_at.rfc3339(0);
            json!({"where": counted.detail, "count": counted.count, "last_at": last_at})
        });
        described[what.name()] = rows.collect();
    }
    described
}

fn show(known: &Known) {
    match &known.upstream {
        Some(upstream) => {
            line(&format!("{} from {}", known.key, upstream.url));
            let since = known.kept.as_ref().map_or_else(
                || "as configured".to_owned(),
                |kept| format!("since {}, configured {}", kept.changed_at.rfc3339(0), upstream.phase.name()),
            );
            line(&format!("  {}, {since}", said(known.phase())));
        }
        None => line(&format!("{}, which takes over no more", known.key)),
    }
    for what in Tally::ALL {
        let Some(sum) = known.sum(*what) else { continue };
        let (name, last) = (what.name(), sum.last_at.rfc3339(0));
        line(&format!("  {:>10}  {name:<14} last {last}  {}", sum.count, what.meaning()));
        if DETAILED.contains(what) {
            for counted in known.details(*what) {
                let detail = counted.detail.escape_debug();
                line(&format!("  {:>10}    {detail}  last {}", counted.count, counted.last_at.rfc3339(0)));
            }
        }
    }
    line("");
}
