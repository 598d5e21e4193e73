//! Which databases does a stage stand on?

use engine::{Place, PostgresAddress, PostgresSettings, SynchronousCommit};
use testbed::{Lent, Shelf};

static SHELF: Shelf = Shelf::new(&["schema_migrations"]);
/// The machine may be busy, and no test here is about time-outs.
const SETTINGS: PostgresSettings = PostgresSettings {
    readers: 1,
    writers: 2,
    pool_wait_ms: 20_000,
    statement_timeout_ms: 20_000,
    lock_timeout_ms: 10_000,
    idle_in_transaction_timeout_ms: 20_000,
    synchronous_commit: SynchronousCommit::On,
};

/// An empty database on a PostgreSQL, and what has to live as long.
pub fn on_postgres() -> (Place, Lent) {
    let database = SHELF.take();
    let address = PostgresAddress::parse(&database.url()).unwrap();
    (Place::Postgres(Box::new(address), SETTINGS), database)
}
