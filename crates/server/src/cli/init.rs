//! What does a new installation begin with?

use super::terminal::{Ended, line};
use crate::config::database::read_flag;
use crate::config::settings::{MOUNT_WORDS, SETTINGS, Setting};
use crate::config::{Config, DEFAULT_FILE, Sources};
use crate::keys::Keys;
use crate::mounts::{self, BUILT_IN, built_in};
use clap::Args;
use engine::{Chance, Clock};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A new installation.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Mount only this dialect; can be given several times [default: all built-in ones, of each contract one version]
    #[arg(long = "mount", value_name = "DIALECT")]
    mounts: Vec<String>,
}

/// Writes the configuration and the secrets. Refused: a configuration that is there already.
pub async fn run(args: &InitArgs, sources: &Sources) -> Result<(), Ended> {
    let path = sources.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    if path.exists() {
        return Err(Ended::wrong_one(format!(
            "{} is there already and stays as it is; name another with --config",
            path.display()
        )));
    }
    if let Some(unknown) = args.mounts.iter().find(|name| built_in(name).is_none()) {
        let known: Vec<&str> = BUILT_IN.iter().map(|one| one.name).collect();
        return Err(Ended::wrong_one(format!(
            "there is no dialect {unknown:?}; there are {}",
            known.join(", ")
        )));
    }
    if let Some(url) = &sources.database {
        read_flag(url).map_err(|message| Ended::wrong_one(format!("command line --database: {message}")))?;
    }
    let text = template(sources, &args.mounts);
    crate::keys::write_private(&path, text.as_bytes())
        .map_err(|error| Ended::failed(format!("{}: {error}", path.display())))?;
    let sources = Sources { config: Some(path.clone()), ..sources.clone() };
    let config =
        Config::load(&sources).map_err(|faults| Ended::wrong(faults.iter().map(ToString::to_string)))?;
    let (chance, now) = (Chance::System, Clock::System.now());
    let mut keys = Keys::of_folder(&config);
    keys.master(&chance).await.map_err(Ended::failed)?;
    // A PostgreSQL keeps all others itself, from the first start on.
    if config.database_file().is_some() {
        keys.tickets(&chance, now).await.map_err(Ended::failed)?;
        let loaded = mounts::load(&config).map_err(Ended::wrong)?;
        mounts::equip(&config, &mut keys, &loaded, &chance, now).map_err(Ended::wrong)?;
    }
    line(&format!("{}  the configuration, every setting explained", path.display()));
    line(&format!("{}  secrets, readable by you alone", config.key_folder().display()));
    let named =
        if path == Path::new(DEFAULT_FILE) { String::new() } else { format!(" --config {}", path.display()) };
    line(&format!("\nNext: countersign serve{named}"));
    Ok(())
}

/// The commented file. What is not said in it stays as it is by default.
fn template(sources: &Sources, mounts: &[String]) -> String {
    let mut text = String::from(
        "# Countersign. Lines with # in front of a setting show its default.\n\
         # Every setting can also come from the environment: COUNTERSIGN_LISTEN, COUNTERSIGN_HASHING__MEMORY_KIB, …\n\
         # `countersign config` prints what is in force, and from where.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        let (own, name) = setting.name.split_once('.').unwrap_or(("", setting.name));
        if own != section {
            section = own;
            // Writing to a String can not fail.
            let _ = write!(text, "\n[{own}]\n");
        }
        let given = match setting.name {
            "data" => sources.data.as_ref().map(|path| path.to_string_lossy().into_owned()),
            "database" => sources.database.clone(),
            _ => None,
        };
        let _ = write!(text, "\n# {}\n", setting.about);
        let _ = match given {
            Some(given) => writeln!(text, "{name} = {given:?}"),
            None => writeln!(text, "# {name} = {}", default(setting)),
        };
    }
    text.push_str("\n# What is mounted where. Without any [[mount]], every built-in dialect is, of each contract one version.\n");
    for (word, about) in MOUNT_WORDS {
        let _ = writeln!(text, "#   {word:<20} {about}");
    }
    for name in mounts {
        let _ = write!(text, "\n[[mount]]\ndialect = {name:?}\n");
    }
    if mounts.is_empty() {
        text.push_str("#\n# [[mount]]\n# dialect = \"native\"\n");
    }
    text
}

fn default(setting: &Setting) -> String {
    setting.kind.read_text(setting.default).map_or_else(|_| String::new(), |value| value.to_string())
}
