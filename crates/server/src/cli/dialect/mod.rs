//! `countersign dialect`: list, show, check, test, record, openapi and schema.

mod from_openapi;
mod record;
mod test;

use crate::config::Config;
use crate::mounts::{built_in, dialect_names, load_dialect, read_dialect, text_of, wanted};
use clap::Subcommand;
use dialect::Dialect;
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What can be done with dialects.
#[derive(Debug, Subcommand)]
pub enum DialectCommand {
    /// List the dialects that can be mounted, and where they are
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a dialect: its routes, tokens and named weakenings
    Show {
        /// Name of a built-in dialect or of a folder under `dialects`
        name: String,
        /// Print the file itself, and those that it extends
        #[arg(long, conflicts_with = "json")]
        file: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a dialect file or folder: every fault with file, line and what to do
    Check {
        /// A folder with a dialect.toml, or the file itself
        path: PathBuf,
    },
    /// Replay the transcripts of a dialect folder, in memory or against a running server
    #[command(after_help = test::EXAMPLES)]
    Test(test::TestArgs),
    /// Turn real traffic into transcripts and a first draft of a dialect; what is secret is masked
    #[command(after_help = record::EXAMPLES)]
    Record(record::RecordArgs),
    /// Draft a dialect from an OpenAPI document (3.0 or 3.1, JSON)
    #[command(name = "from-openapi", after_help = from_openapi::EXAMPLES)]
    FromOpenapi(from_openapi::FromOpenapiArgs),
    /// Print the OpenAPI 3.1 document of a dialect; a running server has it at /openapi/NAME.json
    Openapi {
        /// Name of a built-in dialect or of a folder under `dialects`
        name: String,
    },
    /// Print the JSON Schema of dialect.toml, for editors
    Schema,
}

/// How a command ended: text for standard output, or sentences for standard error with an exit code.
pub type Ending = Result<String, (Vec<String>, u8)>;

/// Carries a command out.
pub async fn run(command: DialectCommand, config: &Config, update: bool) -> Ending {
    match command {
        DialectCommand::List { json } => Ok(list(config, json)),
        DialectCommand::Show { name, file, json } => show(config, &name, file, json),
        DialectCommand::Check { path } => check(config, &path),
        DialectCommand::Test(args) => {
            let dialect =
                read_dialect(&args.dir, config.dialects.as_deref()).map_err(|faults| (faults, 2))?;
            test::run(&args, Arc::new(dialect), update).await
        }
        DialectCommand::Record(args) => record::run(&args).await,
        DialectCommand::FromOpenapi(args) => from_openapi::run(&args),
        DialectCommand::Openapi { name } => openapi(config, &name),
        DialectCommand::Schema => Ok(pretty(&dialect::schema::schema())),
    }
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn list(config: &Config, as_json: bool) -> String {
    let mounts = wanted(config);
    let mut rows = Vec::new();
    for name in dialect_names(config.dialects.as_deref()) {
        let loaded = load_dialect(&name, config.dialects.as_deref());
        let places: Vec<String> = mounts
            .iter()
            .filter(|mount| mount.dialect == name)
            .map(|mount| format!("{}{}/", mount.host, mount.prefix))
            .collect();
        let (title, version, faults) = match &loaded {
            Ok(dialect) => (dialect.title.as_str(), dialect.version.as_str(), 0),
            Err(faults) => ("", "", faults.len()),
        };
        rows.push(
            json!({ "name": name, "title": title, "version": version, "mounted": places, "faults": faults,
            "built_in": built_in(&name).is_some() }),
        );
    }
    if as_json {
        return pretty(&json!(rows));
    }
    let mut out = String::new();
    for row in &rows {
        let text = |key: &str| row[key].as_str().unwrap_or("").to_owned();
        let mounted = row["mounted"].as_array().map_or_else(Vec::new, |list| {
            list.iter().filter_map(|place| place.as_str()).map(str::to_owned).collect()
        });
        let place =
            if mounted.is_empty() { "not mounted".to_owned() } else { format!("at {}", mounted.join(", ")) };
        let broken = if row["faults"] == 0 { "" } else { "  BROKEN: see `countersign dialect check`" };
        let _ = writeln!(
            out,
            "{:<20} {:<10} {place:<16} {}{broken}",
            text("name"),
            text("version"),
            text("title")
        );
    }
    out
}

fn named(config: &Config, name: &str) -> Result<Dialect, (Vec<String>, u8)> {
    let folder = config.dialects.as_deref();
    load_dialect(name, folder).map_err(|mut faults| {
        faults.push(format!("known dialects: {}", dialect_names(folder).join(", ")));
        (faults, 2)
    })
}

fn openapi(config: &Config, name: &str) -> Ending {
    let dialect = named(config, name)?;
    let mounts = wanted(config);
    let prefixes = mounts.iter().filter(|mount| mount.dialect == name && mount.host.is_empty());
    let base = config.base_url();
    let servers: Vec<String> =
        prefixes.map(|mount| format!("{}{}", base.trim_end_matches('/'), mount.prefix)).collect();
    Ok(pretty(&dialect::openapi::document(&dialect, dialect::openapi::Site { servers: &servers })))
}

fn show(config: &Config, name: &str, file: bool, as_json: bool) -> Ending {
    let folder = config.dialects.as_deref();
    let dialect = named(config, name)?;
    if file {
        return files(&dialect, folder).map_err(|fault| (vec![fault], 2));
    }
    Ok(if as_json { pretty(&described(&dialect)) } else { told(&dialect) })
}

/// The file, and behind it those that it extends.
fn files(dialect: &Dialect, folder: Option<&Path>) -> Result<String, String> {
    let folders: Vec<&Path> = folder.into_iter().collect();
    let mut out = text_of(&dialect.name, &folders)?;
    for base in &dialect.bases {
        let _ = write!(out, "\n# ---- extended: {base}\n\n{}", text_of(base, &folders)?);
    }
    Ok(out)
}

fn described(dialect: &Dialect) -> serde_json::Value {
    let contract = &dialect.contract;
    let routes: Vec<_> = dialect
        .routes
        .iter()
        .map(|route| json!({ "name": route.name, "verb": route.verb.name(), "method": route.method.as_str(), "path": route.path.text }))
        .collect();
    let weaker: Vec<_> =
        contract.weakenings.iter().map(|w| json!({ "name": w.name(), "cost": w.cost() })).collect();
    json!({
        "name": dialect.name,
        "title": dialect.title,
        "version": dialect.version,
        "sources": dialect.sources,
        "extends": dialect.bases,
        "routes": routes,
        "access": { "algorithm": contract.access.algorithm.name(), "lifetime_seconds": contract.access.lifetime_seconds },
        "refresh": contract.refresh.as_ref().map(|plan| json!({ "lifetime_seconds": plan.lifetime_seconds, "absolute_seconds": plan.absolute_seconds })),
        "weaker": weaker,
    })
}

fn told(dialect: &Dialect) -> String {
    let contract = &dialect.contract;
    let mut out = format!("{} {}: {}\n", dialect.name, dialect.version, dialect.title);
    for source in &dialect.sources {
        let _ = writeln!(out, "  from {source}");
    }
    if !dialect.bases.is_empty() {
        let _ = writeln!(out, "  extends {}", dialect.bases.join(", which extends "));
    }
    let _ = writeln!(
        out,
        "\naccess tokens   {}, {} s",
        contract.access.algorithm.name(),
        contract.access.lifetime_seconds
    );
    match &contract.refresh {
        Some(plan) => {
            let _ = writeln!(
                out,
                "refresh tokens  {} s, session at most {} s",
                plan.lifetime_seconds, plan.absolute_seconds
            );
        }
        None => out.push_str("refresh tokens  none\n"),
    }
    out.push_str("\nroutes\n");
    for route in &dialect.routes {
        let _ = writeln!(out, "  {:<6} {:<36} {}", route.method.as_str(), route.path.text, route.verb.name());
    }
    if !contract.weakenings.is_empty() {
        out.push_str("\nweaker than native, because the contract asks for it\n");
        for weakening in &contract.weakenings {
            let _ = writeln!(out, "  {:<22} {}", weakening.name(), weakening.cost());
        }
    }
    out
}

fn check(config: &Config, path: &Path) -> Ending {
    let dialect = read_dialect(path, config.dialects.as_deref()).map_err(|faults| (faults, 2))?;
    let mut out = format!("{}: no faults, {} routes\n", dialect.name, dialect.routes.len());
    if let Some(folder) = path.is_dir().then(|| path.join("transcripts")) {
        let files = transcripts(&folder).map_err(|fault| (vec![fault], 2))?;
        let _ = writeln!(out, "{} transcripts in {}", files.len(), folder.display());
    }
    Ok(out)
}

fn transcripts(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", folder.display())),
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    files.sort();
    Ok(files)
}

/// A name for a draft: as given, or made of the folder's.
fn fitting_name(given: Option<&str>, folder: &Path) -> Result<String, (Vec<String>, u8)> {
    let is_good = |name: &str| {
        (1..=40).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let name = match given {
        Some(name) => name.to_owned(),
        None => {
            let name = folder.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
            name.unwrap_or_default().replace(['_', '.', ' '], "-")
        }
    };
    if is_good(&name) {
        return Ok(name);
    }
    let message = "a dialect's name has 1 to 40 lower-case letters, digits and dashes; give one with --name";
    Err((vec![message.to_owned()], 2))
}

/// Refused: a folder in which a dialect lives already.
fn check_free(folder: &Path) -> Result<(), (Vec<String>, u8)> {
    let there =
        [folder.join("dialect.toml"), folder.join("transcripts")].into_iter().find(|path| path.exists());
    match there {
        Some(path) => Err((vec![format!("{} is there already; give another folder", path.display())], 2)),
        None => Ok(()),
    }
}

/// Writes a file, and its folder.
fn put(path: &Path, text: &str) -> Result<(), (Vec<String>, u8)> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| (vec![format!("{}: {error}", path.display())], 1))
}

/// What a draft holds: its routes, how sure they are, and what a person must decide.
fn drafted(folder: &Path, sketch: &crate::draft::sketch::Sketch, faults: &[dialect::FileFault]) -> String {
    let mut text = format!("{}\n", folder.join("dialect.toml").display());
    for route in &sketch.routes {
        let (sure, _) = &route.sure;
        let _ = writeln!(
            text,
            "  {:<6} {:<36} {:<16} {}",
            route.method,
            route.path,
            route.verb.name(),
            sure.word()
        );
    }
    for one in &sketch.apart {
        let _ = writeln!(text, "  not drafted: {one}");
    }
    for question in &sketch.questions {
        let _ = writeln!(text, "  to decide: {question}");
    }
    for fault in faults {
        let _ = writeln!(text, "  to decide, line {}: {}", fault.line, fault.message);
    }
    text
}
