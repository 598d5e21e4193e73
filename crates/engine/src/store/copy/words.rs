//! How is a table read in order, and written, in the words of each database?

use super::tables::{Kind, Rival, Table};

/// Which of the two databases the words are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Tongue {
    /// SQLite.
    Sqlite,
    /// PostgreSQL. Text is compared byte by byte, whatever the database's own order is.
    Postgres,
}

impl Tongue {
    /// One page in order of the key: after a key or from the beginning, up to a key or so many rows.
    pub fn page(self, table: &Table, after: bool, through: bool) -> String {
        let columns: Vec<&str> = table.columns.iter().map(|(name, _)| self.read(table, name)).collect();
        let columns = columns.join(", ");
        let key = self.key(table);
        let mut sql = if table.counted {
            format!("SELECT {columns}, count(*) FROM {}", table.name)
        } else {
            format!("SELECT {columns} FROM {}", table.name)
        };
        let mut next = 1;
        let mut bound = |sign: &str, first: &str| {
            let values: Vec<String> = (next..next + table.key).map(|number| format!("${number}")).collect();
            next += table.key;
            format!(" {first} ({key}) {sign} ({})", values.join(", "))
        };
        if after {
            sql += &bound(">", "WHERE");
        }
        if through {
            sql += &bound("<=", if after { "AND" } else { "WHERE" });
        }
        if table.counted {
            sql += &format!(" GROUP BY {columns}");
        }
        sql += &format!(" ORDER BY {key}");
        if !through {
            sql += &format!(" LIMIT ${next}");
        }
        sql
    }

    /// How many rows a page has in all; equal ones are one where they are counted.
    pub fn count(self, table: &Table) -> String {
        if table.counted {
            let columns = names(table).join(", ");
            return format!(
                "SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {}) AS distinct_rows",
                table.name
            );
        }
        format!("SELECT count(*) FROM {}", table.name)
    }

    /// Writes rows, in the place of those that have their key. SQLite: one; PostgreSQL: as many as the lists have.
    pub fn put(self, table: &Table) -> String {
        let names = names(table);
        let columns = names.join(", ");
        let from = match self {
            Tongue::Sqlite => {
                let values: Vec<String> = (1..=names.len()).map(|number| format!("${number}")).collect();
                format!("VALUES ({})", values.join(", "))
            }
            Tongue::Postgres if table.counted => {
                let lists = lists(1, table.kinds());
                format!(
                    "SELECT {columns} FROM unnest({lists}) AS fresh ({columns}, equal_rows), \
                     generate_series(1, equal_rows)"
                )
            }
            Tongue::Postgres => format!("SELECT * FROM unnest({})", lists(1, table.kinds())),
        };
        let on = if table.counted {
            String::new()
        } else {
            let sets: Vec<String> =
                names[table.key..].iter().map(|name| format!("{name} = excluded.{name}")).collect();
            let what = if sets.is_empty() {
                "NOTHING".to_owned()
            } else {
                format!("UPDATE SET {}", sets.join(", "))
            };
            format!(" ON CONFLICT ({}) DO {what}", names[..table.key].join(", "))
        };
        format!("INSERT INTO {} ({columns}) {from}{on}", table.name)
    }

    /// Takes rows out by their keys.
    pub fn remove(self, table: &Table) -> String {
        let names: Vec<&str> = table.keys().iter().map(|(name, _)| *name).collect();
        let keys = table.keys().iter().map(|(_, kind)| *kind);
        match self {
            Tongue::Sqlite => {
                let tests: Vec<String> =
                    names.iter().enumerate().map(|(at, name)| format!("{name} = ${}", at + 1)).collect();
                format!("DELETE FROM {} WHERE {}", table.name, tests.join(" AND "))
            }
            Tongue::Postgres => format!(
                "DELETE FROM {} WHERE ({}) IN (SELECT * FROM unnest({}))",
                table.name,
                names.join(", "),
                lists(1, keys)
            ),
        }
    }

    /// Takes from other rows what is to be the own of rows that come: first the own values, then the keys.
    pub fn release(self, table: &Table, rival: &Rival) -> String {
        let key = table.columns[0].0;
        let clears: Vec<String> = rival.cleared.iter().map(|name| format!("{name} = NULL")).collect();
        let clears = clears.join(", ");
        let name = table.name;
        match self {
            Tongue::Sqlite => {
                let tests: Vec<String> =
                    rival.own.iter().enumerate().map(|(at, name)| format!("{name} = ${}", at + 1)).collect();
                let tests = format!("{} AND {key} <> ${}", tests.join(" AND "), rival.own.len() + 1);
                if clears.is_empty() {
                    format!("DELETE FROM {name} WHERE {tests}")
                } else {
                    format!("UPDATE {name} SET {clears} WHERE {tests}")
                }
            }
            Tongue::Postgres => {
                let tests: Vec<String> =
                    rival.own.iter().map(|own| format!("{name}.{own} = coming.{own}")).collect();
                let tests = format!("{} AND {name}.{key} <> coming.row_key", tests.join(" AND "));
                let coming = format!(
                    "unnest({}) AS coming ({}, row_key)",
                    lists(1, rival.kinds(table)),
                    rival.own.join(", ")
                );
                if clears.is_empty() {
                    format!("DELETE FROM {name} USING {coming} WHERE {tests}")
                } else {
                    format!("UPDATE {name} SET {clears} FROM {coming} WHERE {tests}")
                }
            }
        }
    }

    /// A column as it is read.
    fn read(self, table: &Table, name: &'static str) -> &'static str {
        // Rows that are older than the strands have no place: it is their number.
        if self == Tongue::Sqlite && table.name == "events" && name == "place" {
            return "coalesce(place, id)";
        }
        name
    }

    fn key(self, table: &Table) -> String {
        let keys = table.keys().iter().map(|(name, kind)| match (self, kind) {
            (Tongue::Postgres, Kind::Text) => format!("{name} COLLATE \"C\""),
            (Tongue::Postgres | Tongue::Sqlite, _) => (*name).to_owned(),
        });
        keys.collect::<Vec<_>>().join(", ")
    }
}

fn names(table: &Table) -> Vec<&'static str> {
    table.columns.iter().map(|(name, _)| *name).collect()
}

/// `$1::bigint[], $2::text[]`
fn lists(first: usize, kinds: impl Iterator<Item = Kind>) -> String {
    let of = |kind: Kind| match kind {
        Kind::Int => "bigint",
        Kind::Bool => "boolean",
        Kind::Text => "text",
        Kind::Blob => "bytea",
    };
    let lists = (first..).zip(kinds).map(|(number, kind)| format!("CAST(${number} AS {}[])", of(kind)));
    lists.collect::<Vec<_>>().join(", ")
}
