//! Which tables hold what has to be kept, and in which columns?
//!
//! A test on both databases compares this list with the schema, so that no later column or table is left behind.

use crate::store::value::Value;
use Kind::{Blob, Bool, Int, Text};

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// A whole number.
    Int,
    /// Yes or no; SQLite has 1 and 0 for it.
    Bool,
    /// Text.
    Text,
    /// Bytes.
    Blob,
}

/// What besides the key must belong to one row alone. Where a row gives it to another between two runs, the one that
/// has it still is in the way.
#[derive(Debug)]
pub(in crate::store) struct Rival {
    /// The columns that together are one row's own.
    pub own: &'static [&'static str],
    /// What is taken from the row that has it still; empty = the row goes.
    pub cleared: &'static [&'static str],
}

impl Rival {
    /// The values of a statement that takes the row's own from others: what is its own, and its key.
    pub fn values<'l>(&self, table: &Table, line: &'l [Value<'static>]) -> Vec<&'l Value<'static>> {
        self.columns(table).filter_map(|at| line.get(at)).collect()
    }

    /// The kinds of these values.
    pub fn kinds(&self, table: &Table) -> impl Iterator<Item = Kind> {
        self.columns(table).map(|at| table.columns[at].1)
    }

    fn columns(&self, table: &Table) -> impl Iterator<Item = usize> {
        let at = |own: &&str| table.columns.iter().position(|(name, _)| name == own);
        self.own.iter().filter_map(at).chain(0..table.key)
    }
}

/// A table that is copied.
#[derive(Debug)]
pub(in crate::store) struct Table {
    /// Its name in both databases.
    pub name: &'static str,
    /// Its columns, the same in both databases; the key first.
    pub columns: &'static [(&'static str, Kind)],
    /// How many of the columns are the key, by which rows are ordered.
    pub key: usize,
    /// What else is one row's own.
    pub rivals: &'static [Rival],
    /// Rows of one page; fewer where rows are large.
    pub page: u32,
    /// Whether the table has no key: equal rows are then counted, and the number stands behind the columns.
    pub counted: bool,
}

impl Table {
    /// Whether rows of it say that a database is in use. A command that only looked has left its keys there.
    pub fn tells(&self) -> bool {
        !["master_key", "keys"].contains(&self.name)
    }

    /// A column of the key.
    pub fn keys(&self) -> &'static [(&'static str, Kind)] {
        &self.columns[..self.key]
    }

    /// Kinds of what is read: the columns, and how many rows are equal where that is counted.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.columns.iter().map(|(_, kind)| *kind).chain(self.counted.then_some(Int))
    }
}

const PAGE: u32 = 2000;
const DEFAULT: Table = Table { name: "", columns: &[], key: 1, rivals: &[], page: PAGE, counted: false };

/// All of them, so ordered that a row comes after the one that it names.
pub(in crate::store) const TABLES: &[Table] = &[
    Table {
        name: "users",
        columns: &[
            ("id", Int),
            ("uuid", Blob),
            ("username", Text),
            ("username_key", Text),
            ("email", Text),
            ("email_key", Text),
            ("email_verified", Bool),
            ("first_name", Text),
            ("last_name", Text),
            ("phone_number", Text),
            ("avatar", Text),
            ("role", Text),
            ("permissions", Text),
            ("status", Text),
            ("attributes", Text),
            ("password_hash", Text),
            ("last_login_at", Int),
            ("created_at", Int),
            ("changed_at", Int),
            ("epoch", Int),
            ("valid_after", Int),
            ("second_factor", Bool),
        ],
        rivals: &[
            Rival { own: &["uuid"], cleared: &[] },
            Rival { own: &["username_key"], cleared: &["username", "username_key"] },
            Rival { own: &["email_key"], cleared: &["email", "email_key"] },
        ],
        ..DEFAULT
    },
    Table {
        name: "gone_users",
        columns: &[("id", Int), ("uuid", Blob)],
        rivals: &[Rival { own: &["uuid"], cleared: &[] }],
        ..DEFAULT
    },
    Table {
        name: "sessions",
        columns: &[
            ("id", Int),
            ("user_id", Int),
            ("contract", Text),
            ("counter", Int),
            ("digest", Blob),
            ("rotated_at", Int),
            ("refresh_expires_at", Int),
            ("expires_at", Int),
            ("created_at", Int),
            ("address", Text),
            ("user_agent", Text),
            ("ended_at", Int),
            ("end_reason", Text),
            ("authenticated_at", Int),
            ("seen_at", Int),
            ("with_factor", Bool),
        ],
        ..DEFAULT
    },
    Table {
        name: "failures",
        columns: &[
            ("account", Blob),
            ("user_id", Int),
            ("failures", Int),
            ("last_at", Int),
            ("cleared", Int),
        ],
        rivals: &[Rival { own: &["user_id"], cleared: &[] }],
        ..DEFAULT
    },
    Table {
        name: "links",
        columns: &[
            ("id", Blob),
            ("kind", Text),
            ("user_id", Int),
            ("bound", Text),
            ("epoch", Int),
            ("address", Text),
            ("address_key", Text),
            ("created_at", Int),
            ("expires_at", Int),
            ("used_at", Int),
        ],
        ..DEFAULT
    },
    Table { name: "factors", columns: &[("user_id", Int), ("version", Int), ("state", Text)], ..DEFAULT },
    Table {
        name: "half_way",
        columns: &[
            ("digest", Blob),
            ("kind", Text),
            ("user_id", Int),
            ("epoch", Int),
            ("contract", Text),
            ("expires_at", Int),
        ],
        ..DEFAULT
    },
    Table {
        name: "admin_keys",
        columns: &[
            ("id", Int),
            ("digest", Blob),
            ("name", Text),
            ("scopes", Text),
            ("owner", Int),
            ("created_at", Int),
            ("expires_at", Int),
            ("last_used_at", Int),
            ("revoked_at", Int),
        ],
        ..DEFAULT
    },
    Table {
        name: "admin_bootstrap",
        columns: &[("one", Int), ("digest", Blob), ("expires_at", Int)],
        ..DEFAULT
    },
    Table { name: "hash_schemes", columns: &[("label", Text)], ..DEFAULT },
    Table {
        name: "letters_counted",
        columns: &[("recipient", Text), ("letter", Text), ("at", Int)],
        key: 3,
        counted: true,
        ..DEFAULT
    },
    Table {
        name: "outbox",
        columns: &[
            ("id", Int),
            ("letter", Text),
            ("user_id", Int),
            ("recipient", Text),
            ("name", Text),
            ("language", Text),
            ("link", Blob),
            ("expires_at", Int),
            ("created_at", Int),
            ("due_at", Int),
            ("tries", Int),
        ],
        ..DEFAULT
    },
    Table {
        name: "avatars",
        columns: &[("name", Text), ("media_type", Text), ("bytes", Blob), ("created_at", Int)],
        // A picture has up to 1 MiB.
        page: 16,
        ..DEFAULT
    },
    Table {
        name: "keys",
        columns: &[("name", Text), ("version", Int), ("master", Text), ("sealed", Text), ("changed_at", Int)],
        ..DEFAULT
    },
    Table { name: "phases", columns: &[("mount", Text), ("phase", Text), ("changed_at", Int)], ..DEFAULT },
    Table {
        name: "migration_counts",
        columns: &[("mount", Text), ("what", Text), ("detail", Text), ("count", Int), ("last_at", Int)],
        key: 3,
        ..DEFAULT
    },
    Table { name: "master_key", columns: &[("id", Int), ("check_value", Blob)], ..DEFAULT },
    Table {
        name: "events",
        columns: &[
            ("id", Int),
            ("strand", Int),
            ("place", Int),
            ("kind", Text),
            ("at", Int),
            ("user_id", Int),
            ("session_id", Int),
            ("contract", Text),
            ("address", Text),
            ("result", Text),
            ("request", Text),
            ("actor", Text),
            ("actor_id", Int),
            ("verb", Text),
            ("details", Text),
            ("hash", Blob),
        ],
        rivals: &[Rival { own: &["strand", "place"], cleared: &[] }],
        ..DEFAULT
    },
    Table {
        name: "trail_heads",
        columns: &[("strand", Int), ("place", Int), ("seal", Blob), ("used_at", Int)],
        ..DEFAULT
    },
];

/// Tables of a schema that are not copied, each with the reason.
#[cfg(test)]
pub(in crate::store) const LEFT_OUT: &[(&str, &str)] = &[
    ("schema_migrations", "each database has steps of its own"),
    ("leases", "which node does what in the background holds for seconds"),
    (
        "budgets",
        "limits of the last minutes, which one node alone has in its memory and forgets with a restart",
    ),
    ("suspects", "limits of the last minutes, as above"),
    ("letter_turns", "made with the schema; rows to wait at, which say nothing"),
    ("sqlite_sequence", "numbers go along, but each database keeps them in its own way"),
];
