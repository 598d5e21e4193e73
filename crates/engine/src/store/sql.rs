//! What does a statement look like in the words of each database?
//!
//! Parameters are `$1`, `$2`, … and are numbered in the order in which they first appear: SQLite goes by that order,
//! PostgreSQL by the number.

/// The text of a statement.
#[derive(Debug)]
pub(super) struct Sql {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

impl Sql {
    /// One text for both.
    pub const fn same(text: &'static str) -> Sql {
        Sql { sqlite: text, postgres: text }
    }

    /// Two texts that mean the same.
    pub const fn each(sqlite: &'static str, postgres: &'static str) -> Sql {
        Sql { sqlite, postgres }
    }
}

/// A text with locks on rows that only PostgreSQL needs: there others write at the same time. `{lock}` in between.
macro_rules! locking {
    ($before:expr, $lock:literal $(, $after:expr)?) => {
        crate::store::sql::Sql::each(concat!($before $(, $after)?), concat!($before, " ", $lock $(, $after)?))
    };
}
pub(super) use locking;
