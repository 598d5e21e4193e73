//! How does a test read users from a source?

use domain::password::{Backend, Stored, Workspace};
use domain::record::{Entry, Record};
use moving::source::{Kind, Location, Request, Roles, Source};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The password of every hash in `testdata`.
pub const PASSWORD: &str = "correct horse battery staple";
/// Its hash as bcrypt.
pub const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrst0ub8NdINAw1tnhLoyxRzsqO7MzASh2zta";

/// A file of `testdata`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// An empty folder.
pub fn folder() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("moving-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A file with this content.
pub fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// A request for this kind, roles included.
pub fn request(kind: Kind) -> Request {
    Request { kind: Some(kind), roles: Roles::Keep, ..Request::default() }
}

/// The same with these maps.
pub fn mapped(kind: Kind, maps: &[&str]) -> Request {
    Request { maps: maps.iter().map(|map| map.parse().unwrap()).collect(), ..request(kind) }
}

/// Every entry, read twice and the same each time.
pub async fn read(location: Location, request: Request) -> Result<Vec<Entry>, Vec<String>> {
    let source = Source::open(location, request).await?;
    let reading = move || {
        let all = |_| source.read()?.collect::<Result<Vec<Entry>, String>>();
        let [first, second] = [0, 1].map(all);
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
        first
    };
    tokio::task::spawn_blocking(reading).await.unwrap().map_err(|what| vec![what])
}

/// The entries of a file.
pub async fn read_file(path: &Path, request: Request) -> Result<Vec<Entry>, Vec<String>> {
    read(Location::File(path.to_owned()), request).await
}

/// The records, none of which may have a fault.
pub fn records(entries: Vec<Entry>) -> Vec<Record> {
    entries
        .into_iter()
        .map(|entry| entry.record.unwrap_or_else(|what| panic!("{}: {what:?}", entry.place)))
        .collect()
}

/// Place and faults of the entries that have any: `17: what; what`.
pub fn faults(entries: &[Entry]) -> Vec<String> {
    let told = |entry: &Entry| {
        let what = entry.record.as_ref().err()?;
        Some(format!("{}: {}", entry.place, what.join("; ")))
    };
    entries.iter().filter_map(told).collect()
}

/// Whether the password of `testdata` matches the record's hash.
pub fn matches(record: &Record) -> bool {
    let Some(hash) = &record.password_hash else { return false };
    let Ok(Stored::Usable(hash)) = Stored::parse(hash.expose()) else { panic!("{}", hash.expose()) };
    hash.verify(PASSWORD.as_bytes(), &mut Workspace::new(Backend::Simd))
}
