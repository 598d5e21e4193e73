//! In which database do the verbs keep what happens?

use countersign_engine::{Place, PostgresAddress, PostgresSettings, SynchronousCommit};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use testbed::{Lent, Shelf};

/// Two test binaries are made of this suite, one for each database.
pub const ON_POSTGRES: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"verbs_on_postgres");

static SHELF: Shelf = Shelf::new(&["schema_migrations"]);
static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// Time-outs are for a busy machine: no test here is about them.
const SETTINGS: PostgresSettings = PostgresSettings {
    readers: 1,
    writers: 3,
    pool_wait_ms: 20_000,
    statement_timeout_ms: 20_000,
    lock_timeout_ms: 10_000,
    idle_in_transaction_timeout_ms: 20_000,
    synchronous_commit: SynchronousCommit::On,
};

/// An empty database. What happens in it is gone with the value.
#[derive(Debug)]
pub enum Base {
    Memory,
    Folder(PathBuf),
    Postgres(Box<Lent>),
}

impl Base {
    /// For one engine.
    pub fn new() -> Base {
        if ON_POSTGRES { Base::Postgres(Box::new(SHELF.take())) } else { Base::Memory }
    }

    /// That stays when an engine closes.
    pub fn that_stays() -> Base {
        if ON_POSTGRES {
            return Base::new();
        }
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("verbs-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(format!("countersign-{name}"));
        std::fs::create_dir(&folder).unwrap();
        Base::Folder(folder)
    }

    /// Where an engine finds it.
    pub fn place(&self) -> Place {
        match self {
            Base::Memory => Place::Memory,
            Base::Folder(folder) => Place::File(folder.join("countersign.db")),
            Base::Postgres(database) => {
                let address = PostgresAddress::parse(&database.url()).unwrap();
                Place::Postgres(Box::new(address), SETTINGS)
            }
        }
    }

    /// Every byte of its files; none of one in memory.
    pub fn at_rest(&self) -> Vec<u8> {
        match self {
            Base::Memory => Vec::new(),
            Base::Folder(folder) => {
                let entries = std::fs::read_dir(folder).unwrap();
                entries.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
            }
            Base::Postgres(database) => {
                database.psql("CHECKPOINT");
                let digits = database.psql(
                    "SELECT encode(pg_read_binary_file(pg_relation_filepath(oid)), 'hex') FROM pg_class \
                     WHERE relkind IN ('r', 'i', 't') AND relfilenode > 0 AND relisshared = FALSE \
                     AND oid >= 16384",
                );
                let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
                let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
                digits.chunks(2).map(byte).collect()
            }
        }
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        if let Base::Folder(folder) = self {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}
