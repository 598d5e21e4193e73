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

/// A dialect in the binary.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
    /// Whether it is mounted where the configuration names no mount. Of several versions of one contract, which have the
    /// same paths, only one is.
    pub by_default: bool,
}

/// The file of a dialect in the repository.
macro_rules! built_in {
    ($name:literal, by_default: $by_default:literal) => {
        BuiltIn {
            name: $name,
            text: include_str!(concat!("../../../dialects/", $name, "/dialect.toml")),
            by_default: $by_default,
        }
    };
}

/// The dialects in the binary.
pub static BUILT_IN: [BuiltIn; 7] = [
    built_in!("native", by_default: true),
    built_in!("admin", by_default: true),
    built_in!("password-generator", by_default: true),
    built_in!("password-generator-5-5", by_default: false),
    built_in!("uk-travel", by_default: true),
    built_in!("auths-v1", by_default: true),
    built_in!("nest-passport", by_default: true),
];

/// The dialect in the binary that has this name.
pub fn built_in(name: &str) -> Option<BuiltIn> {
    BUILT_IN.into_iter().find(|one| one.name == name)
}

/// The largest dialect file that is read, in bytes.
const MAX_DIALECT: u64 = dialect::file::MAX_FILE_BYTES as u64 + 1;

/// The names of all dialects that can be mounted: built in, and folders under `folder`.
pub fn dialect_names(folder: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = BUILT_IN.iter().map(|one| one.name.to_owned()).collect();
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
    let folders: Vec<&Path> = folder.into_iter().collect();
    let text = text_of(name, &folders).map_err(|fault| vec![fault])?;
    let place = place_of(name, &folders);
    let dialect = compiled(&text, &place, &folders)?;
    if dialect.name == name {
        Ok(dialect)
    } else {
        let message = "the name in the file and the name of its folder differ";
        Err(vec![format!("{}:1: {message}: {:?} and {name:?}", place.display(), dialect.name)])
    }
}

/// Reads the dialect of a folder or file. What it extends is looked for beside its folder, then in `folder`, then among
/// the built-in ones. Refused: every fault, with file and line.
pub fn read_dialect(path: &Path, folder: Option<&Path>) -> Result<Dialect, Vec<String>> {
    let file = if path.is_dir() { path.join("dialect.toml") } else { path.to_owned() };
    let text = read_file(&file).map_err(|fault| vec![fault])?;
    let beside = std::path::absolute(&file).ok();
    let beside = beside.as_deref().and_then(Path::parent).and_then(Path::parent);
    let folders: Vec<&Path> = beside.into_iter().chain(folder).collect();
    compiled(&text, &file, &folders)
}

fn compiled(text: &str, place: &Path, folders: &[&Path]) -> Result<Dialect, Vec<String>> {
    let told = |fault: &FileFault| {
        let base = fault.base.as_deref().map(|name| place_of(name, folders));
        let place = base.as_deref().unwrap_or(place);
        format!("{}:{}: {}", place.display(), fault.line, fault.message)
    };
    Dialect::parse_with(text, &|name| text_of(name, folders))
        .map_err(|faults| faults.iter().map(told).collect())
}

/// The file of a dialect: in the first of the folders that has one, else in the binary.
fn place_of(name: &str, folders: &[&Path]) -> PathBuf {
    let files = folders.iter().map(|folder| folder.join(name).join("dialect.toml"));
    files.into_iter().find(|path| path.is_file()).unwrap_or_else(|| {
        let folder = Path::new("dialects");
        folder.join(name).join("dialect.toml")
    })
}

/// The text of a dialect's file.
pub fn text_of(name: &str, folders: &[&Path]) -> Result<String, String> {
    let mut files = folders.iter().map(|folder| folder.join(name).join("dialect.toml"));
    match (files.find(|path| path.is_file()), built_in(name)) {
        (Some(path), _) => read_file(&path),
        (None, Some(one)) => Ok(one.text.to_owned()),
        (None, None) => Err(format!("there is no dialect {name:?}")),
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| format!("{}: the file can not be read ({error})", path.display());
    let mut text = String::new();
    std::fs::File::open(path).map_err(told)?.take(MAX_DIALECT).read_to_string(&mut text).map_err(told)?;
    Ok(text)
}

/// The mounts of the configuration; without any, the built-in dialects, of each contract one version.
pub fn wanted(config: &Config) -> Vec<MountConfig> {
    if config.mounts.is_empty() {
        let by_default = BUILT_IN.iter().filter(|one| one.by_default);
        return by_default.map(|one| MountConfig::plain(one.name)).collect();
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
                if let Err(fault) = settings.old.plan(&dialect.contract) {
                    let place = settings.place(config.file.as_deref());
                    faults.push(format!("{place}: {}: {fault}", settings.dialect));
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
    let told =
        |fault: String| format!("{}: {}: {fault}", settings.place(config.file.as_deref()), settings.dialect);
    contract.old = settings.old.plan(&contract).map_err(told)?.map(Box::new);
    let set = keys.of_mount(&contract, settings, chance, now).map_err(|fault| fault.to_string())?;
    contract.issuer = config.base_url();
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
        takeover: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("dialect.toml"), text).unwrap();
    }

    #[test]
    fn a_version_of_a_contract_rests_on_a_folder_or_a_built_in_dialect() {
        let folder = std::env::temp_dir().join(format!("countersign-versions-{}", std::process::id()));
        let head = "language = 1\nversion = \"9\"\nsource = \"a test\"\n";
        write(&folder, "mine", &format!("{head}name = \"mine\"\nextends = \"nest-passport\"\n"));
        let mine = load_dialect("mine", Some(&folder)).unwrap();
        let base = load_dialect("nest-passport", None).unwrap();
        assert_eq!((mine.routes.len(), mine.version.as_str()), (base.routes.len(), "9"));
        assert_eq!(read_dialect(&folder.join("mine"), None).unwrap().bases, ["nest-passport"]);
        // The operator's own folder wins over the built-in one, and its faults are told with its path.
        write(&folder, "nest-passport", &format!("{head}name = \"nest-passport\"\nwrong = 1\n"));
        let faults = load_dialect("mine", Some(&folder)).unwrap_err();
        let place = folder.join("nest-passport/dialect.toml").display().to_string();
        assert!(faults.contains(&format!("{place}:5: unknown key `wrong`")), "{faults:?}");
        write(&folder, "lost", &format!("{head}name = \"lost\"\nextends = \"gone\"\n"));
        let faults = load_dialect("lost", Some(&folder)).unwrap_err();
        let place = folder.join("lost/dialect.toml").display().to_string();
        assert_eq!(faults, [format!("{place}:5: `extends`: there is no dialect \"gone\"")]);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn without_mounts_no_two_versions_of_one_contract_are_mounted() {
        let loaded = load(&Config::load(&crate::config::Sources::default()).unwrap()).unwrap();
        assert_eq!(loaded.len(), BUILT_IN.iter().filter(|one| one.by_default).count());
        for one in BUILT_IN {
            let dialect = load_dialect(one.name, None).unwrap();
            assert_eq!(one.by_default, dialect.bases.is_empty(), "{}", one.name);
        }
    }
}
