//! Which version is this, and of what is it made?

use super::terminal::line;

/// Prints the version, and on demand what is built in.
pub fn run(deps: bool) {
    line(&format!("countersign {}", env!("CARGO_PKG_VERSION")));
    if !deps {
        return;
    }
    line(&format!("dialect language {}", dialect::LANGUAGE));
    line(&format!("sqlite {}", engine::sqlite_version()));
    line(&format!("target {} {}", std::env::consts::ARCH, std::env::consts::OS));
    let dialects: Vec<&str> = crate::mounts::BUILT_IN.iter().map(|one| one.name).collect();
    line(&format!("dialects {}", dialects.join(" ")));
    for (name, version) in packages() {
        line(&format!("{name} {version}"));
    }
}

/// Name and version of every package in the lock file that this program was built with.
fn packages() -> Vec<(&'static str, &'static str)> {
    let quoted =
        |line: &'static str, key: &str| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"');
    let lines: Vec<&str> = include_str!("../../../../Cargo.lock").lines().collect();
    let pairs =
        lines.windows(2).filter_map(|two| Some((quoted(two[0], "name")?, quoted(two[1], "version")?)));
    pairs.filter(|(name, _)| !name.starts_with("countersign-")).collect()
}
