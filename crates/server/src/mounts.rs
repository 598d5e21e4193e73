//! Which dialects are there, and which of them are mounted where?

use crate::config::{Config, MountConfig, pages};
use crate::http::speak::Mount;
use crate::keys::Keys;
use bytes::Bytes;
use dialect::{Dialect, FileFault, openapi};
use domain::contract::Weakening;
use domain::time::Moment;
use engine::Chance;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The dialects in the binary: name and file.
pub static BUILT_IN: [(&str, &str); 6] = [
    ("native", include_str!("../../../dialects/native/dialect.toml")),
    ("admin", include_str!("../../../dialects/admin/dialect.toml")),
    ("password-generator", include_str!("../../../dialects/password-generator/dialect.toml")),
    ("uk-travel", include_str!("../../../dialects/uk-travel/dialect.toml")),
    ("auths-v1", include_str!("../../../dialects/auths-v1/dialect.toml")),
    ("nest-passport", include_str!("../../../dialects/nest-passport/dialect.toml")),
];

/// The largest dialect file that is read, in bytes.
const MAX_DIALECT: u64 = dialect::file::MAX_FILE_BYTES as u64 + 1;

/// The names of all dialects that can be mounted: built in, and folders under `folder`.
pub fn dialect_names(folder: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        if entry.path().join("dialect.toml").is_file() {
            names.extend(entry.file_name().into_string().ok().filter(|name| !names.contains(name)));
        }
    }
    names
}

/// Loads a dialect by name; a folder of the user's own wins over a built-in one. Refused: every fault, with file and line.
pub fn load_dialect(name: &str, folder: Option<&Path>) -> Result<Dialect, Vec<String>> {
    let own = folder.map(|folder| folder.join(name).join("dialect.toml")).filter(|path| path.is_file());
    let (place, text) = match own {
        Some(path) => (path.clone(), read_file(&path).map_err(|fault| vec![fault])?),
        None => match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => (PathBuf::from(format!("dialects/{name}/dialect.toml")), (*text).to_owned()),
            None => return Err(vec![format!("there is no dialect {name:?}")]),
        },
    };
    let told = |fault: &FileFault| format!("{}:{}: {}", place.display(), fault.line, fault.message);
    let dialect = Dialect::parse(&text).map_err(|faults| faults.iter().map(told).collect::<Vec<_>>())?;
    if dialect.name == name {
        Ok(dialect)
    } else {
        let message = "the name in the file and the name of its folder differ";
        Err(vec![format!("{}:1: {message}: {:?} and {name:?}", place.display(), dialect.name)])
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| format!("{}: the file can not be read ({error})", path.display());
    let mut text = String::new();
    std::fs::File::open(path).map_err(told)?.take(MAX_DIALECT).read_to_string(&mut text).map_err(told)?;
    Ok(text)
}

/// The mounts of the configuration; without any, every built-in dialect.
pub fn wanted(config: &Config) -> Vec<MountConfig> {
    if config.mounts.is_empty() {
        return BUILT_IN.iter().map(|(name, _)| MountConfig::plain(name)).collect();
    }
    config.mounts.clone()
}

/// A dialect that was loaded, with what the configuration says about its place.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// As configured.
    pub settings: MountConfig,
    /// The dialect.
    pub dialect: Arc<Dialect>,
}

/// Loads all dialects that are to be mounted. Refused: everything that is wrong with any of them.
pub fn load(config: &Config) -> Result<Vec<Loaded>, Vec<String>> {
    let (mut loaded, mut faults) = (Vec::new(), Vec::new());
    for settings in wanted(config) {
        match load_dialect(&settings.dialect, config.dialects.as_deref()) {
            Ok(mut dialect) => {
                if config.house.strict {
                    dialect.contract = dialect.contract.tightened();
                }
                loaded.push(Loaded { settings, dialect: Arc::new(dialect) });
            }
            Err(found) => faults.extend(found),
        }
    }
    faults.dedup();
    if faults.is_empty() { Ok(loaded) } else { Err(faults) }
}

/// Gives every dialect its keys. Keys that are missing are made. Refused: keys that can not be used.
pub fn equip(
    config: &Config,
    keys: &mut Keys,
    loaded: &[Loaded],
    chance: &Chance,
    now: Moment,
) -> Result<Vec<Mount>, Vec<String>> {
    let (mut mounts, mut faults) = (Vec::new(), Vec::new());
    for one in loaded {
        match mount(config, keys, one, chance, now) {
            Ok(mount) => mounts.push(mount),
            Err(fault) => faults.push(fault),
        }
    }
    faults.extend(shared_cookies(&mounts));
    if faults.is_empty() { Ok(mounts) } else { Err(faults) }
}

/// Every weakening of a mount: what its contract demands, and what its settings add (SEC-113).
pub fn weakenings(config: &Config, one: &Loaded) -> Vec<Weakening> {
    let mut all = one.dialect.contract.weakenings.clone();
    let cookies = one.settings.cookies.rules(one.dialect.cookies, &config.base_url());
    let added = [
        (Weakening::ShortSecret, one.settings.allow_short_secret),
        (Weakening::InsecureCookies, matches!(cookies, Ok(Some(rules)) if !rules.secure)),
    ];
    for (weakening, in_force) in added {
        if in_force && !all.contains(&weakening) {
            all.push(weakening);
        }
    }
    all
}

fn mount(
    config: &Config,
    keys: &mut Keys,
    one: &Loaded,
    chance: &Chance,
    now: Moment,
) -> Result<Mount, String> {
    let settings = &one.settings;
    let mut contract = one.dialect.contract.clone();
    contract.accept_until = settings.accept_until;
    contract.weakenings = weakenings(config, one);
    let set = keys.of_mount(&contract, settings, chance, now).map_err(|fault| fault.to_string())?;
    contract.issuer = config.base_url();
    let told =
        |fault: String| format!("{}: {}: {fault}", settings.place(config.file.as_deref()), settings.dialect);
    let rules = settings.cookies.rules(one.dialect.cookies, &contract.issuer).map_err(told)?;
    let ways = settings.factors.unwrap_or(one.dialect.ways.on);
    if let Some(way) = ways.beyond(one.dialect.ways.can).first() {
        return Err(told(format!("`factors`: the dialect can not ask for a second factor by {way:?}")));
    }
    contract.factors = ways;
    let dialect = Dialect::clone(&one.dialect)
        .with_factors(ways)
        .mounted(pages(config, settings), rules.as_ref())
        .map_err(told)?;
    if settings.allow_credentials && !dialect.uses_cookies() {
        return Err(told(
            "`allow_credentials` is for cookies, and no token of this mount travels in one".to_owned(),
        ));
    }
    Ok(Mount {
        dialect: Arc::new(dialect),
        prefix: settings.prefix.clone(),
        host: settings.host.clone(),
        contract,
        keys: Arc::new(set),
        allowed_origins: settings.allowed_origins.clone(),
    })
}

/// The OpenAPI document of every dialect that is mounted, by name, with the addresses of all its mounts.
pub fn documents(mounts: &[Mount], base_url: &str) -> BTreeMap<String, Bytes> {
    let mut documents = BTreeMap::new();
    for mount in mounts {
        let name = &mount.dialect.name;
        if !documents.contains_key(name) {
            let same = mounts.iter().filter(|other| other.dialect.name == *name);
            let servers: Vec<String> = same.map(|mount| address(mount, base_url)).collect();
            let document = openapi::document(&mount.dialect, openapi::Site { servers: &servers });
            documents.insert(name.clone(), Bytes::from(document.to_string()));
        }
    }
    documents
}

/// Where a mount is reached: at the public address, or at its own host by the same scheme.
fn address(mount: &Mount, base_url: &str) -> String {
    let base = base_url.trim_end_matches('/');
    if mount.host.is_empty() {
        return format!("{base}{}", mount.prefix);
    }
    let scheme = base.split_once("://").map_or("https", |(scheme, _)| scheme);
    format!("{scheme}://{}{}", mount.host, mount.prefix)
}

/// Mounts whose cookies would overwrite each other: a host has one set of cookies, whatever the path (SEC-72).
fn shared_cookies(mounts: &[Mount]) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, one) in mounts.iter().enumerate() {
        for other in &mounts[..at] {
            let (Some(plan), Some(others)) = (&one.dialect.plan, &other.dialect.plan) else { continue };
            let meet = one.host.is_empty() || other.host.is_empty() || one.host == other.host;
            if meet && plan.names().any(|name| others.names().any(|known| known == name)) {
                faults.push(format!(
                    "dialects `{}` and `{}` would share their cookies; give one of them a `cookie_name` or another `host`",
                    other.dialect.name, one.dialect.name
                ));
            }
        }
    }
    faults
}
