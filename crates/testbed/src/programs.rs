//! Where are PostgreSQL's programs, and as whom do they run?

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::machine::variable;

/// The folder of PostgreSQL's programs, where it is not found by itself.
const FOLDER_VARIABLE: &str = "COUNTERSIGN_POSTGRES_BIN";
/// What a folder must hold to be taken.
const WANTED: [&str; 6] = ["initdb", "postgres", "pg_ctl", "psql", "pg_basebackup", "pgbench"];
/// Where Debian keeps its versions.
const DEBIAN: &str = "/usr/lib/postgresql";
/// PostgreSQL refuses to run as root; one of these runs it then.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A command that runs a PostgreSQL program. Panics with what to install where PostgreSQL is missing.
pub(crate) fn program(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(FOLDER.get_or_init(folder).join(name));
    // The variables that libpq reads would lead to another server.
    let strange = std::env::vars_os().map(|(name, _)| name);
    for name in strange.filter(|name| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
    command
}

fn folder() -> PathBuf {
    if let Some(folder) = variable(FOLDER_VARIABLE) {
        let folder = PathBuf::from(folder);
        let missing: Vec<&str> = missing(&folder).collect();
        assert!(
            missing.is_empty(),
            "{FOLDER_VARIABLE} is {}, and {missing:?} is not there",
            folder.display()
        );
        return folder;
    }
    let path = variable("PATH").unwrap_or_default();
    let places = of_pg_config().into_iter().chain(of_debian()).chain(std::env::split_paths(&path));
    places.into_iter().find(|folder| missing(folder).next().is_none()).unwrap_or_else(|| {
        panic!(
            "the tests need PostgreSQL's server programs ({}), version 14 or newer.\n\
             On Debian or Ubuntu: sudo apt-get install postgresql\n\
             The service itself is not needed and may be off: every test run starts a private server.\n\
             Where they are in no usual place, name their folder: {FOLDER_VARIABLE}=/path/to/bin",
            WANTED.join(", ")
        )
    })
}

/// The programs that a folder lacks.
fn missing(folder: &Path) -> impl Iterator<Item = &'static str> {
    WANTED.into_iter().filter(|name| !folder.join(name).is_file())
}

fn of_pg_config() -> Option<PathBuf> {
    said(Command::new("pg_config").arg("--bindir")).map(PathBuf::from)
}

/// Debian's versions, the newest first.
fn of_debian() -> Vec<PathBuf> {
    let entries = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// What a program says when it goes well.
fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Who owns a cluster's files and runs its programs: this process's user, or somebody unprivileged in root's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner(Option<(u32, u32)>);

impl Owner {
    /// Panics where root knows nobody to run PostgreSQL.
    pub(crate) fn of_clusters() -> Owner {
        if !rustix::process::geteuid().is_root() {
            return Owner(None);
        }
        let number = |option: &str, name: &str| said(Command::new("id").args([option, name]))?.parse().ok();
        let found = UNPRIVILEGED.iter().find_map(|name| Some((number("-u", name)?, number("-g", name)?)));
        let found = found.unwrap_or_else(|| {
            panic!(
                "PostgreSQL refuses to run as root, and there is no user {}: add one, or run the tests as another user",
                UNPRIVILEGED.join(" or ")
            )
        });
        Owner(Some(found))
    }

    /// Makes a command run as this user.
    pub(crate) fn runs(self, command: &mut Command) {
        if let Owner(Some((user, group))) = self {
            command.uid(user).gid(group);
        }
    }

    /// A file that only this user reads.
    pub(crate) fn write(self, path: &Path, content: impl AsRef<[u8]>) {
        let written = fs::write(path, content).and_then(|()| self.take(path));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Gives a file to this user alone.
    pub(crate) fn take(self, path: &Path) -> io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        match self {
            Owner(Some((user, group))) => chown(path, Some(user), Some(group)),
            Owner(None) => Ok(()),
        }
    }
}

/// Runs a command to its end and gives what it printed. Panics with what it said unless it went well.
pub(crate) fn run(command: &mut Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(OsStr::new("?")).to_owned();
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", name.display()));
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{}: {}\n{said}{complained}", name.display(), output.status);
    said.into_owned()
}
