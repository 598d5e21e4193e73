//! On what do tests try the product out? On real PostgreSQL servers, and on connections that break when they are told.
//!
//! Test equipment: no other crate depends on it but for its tests, and nothing of it ships. What goes wrong here is no
//! answer of a test but a fault of the machine, so everything panics with what to do about it.
//!
//! ```no_run
//! let database = testbed::Cluster::shared().database();
//! assert_eq!(database.psql("SELECT 1 + 1"), "2");
//! println!("{}", database.url());
//! ```

mod access;
mod certificate;
mod cluster;
mod database;
mod machine;
mod programs;
mod proxy;
mod shelf;
mod standby;

pub use access::Access;
pub use cluster::{Cluster, Setup, Stop};
pub use database::Database;
pub use proxy::{At, Counts, Proxy, Side};
pub use shelf::{Lent, Shelf};
pub use standby::Standby;

/// The variable with the address of a running cluster for [`Cluster::shared`], as its superuser.
pub const SHARED_VARIABLE: &str = "COUNTERSIGN_TEST_POSTGRES";
