//! Which table of a database holds the users, and how is it asked for them?

use super::row::Rows;
use super::{postgres, sqlite};
use domain::record::Place;
use serde_json::{Map, Value};

/// The longest row, in bytes, and the longest value of a column.
pub(super) const MAX_ROW: usize = 64 * 1024;
/// Where users are usually kept.
const USUAL: [&str; 7] = ["auth_user", "User", "Users", "user", "users", "accounts_user", "users_user"];
/// The name under which a row has its key.
pub(super) const KEY: &str = "countersign key";

/// A table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// None: wherever the connection looks first.
    pub schema: Option<String>,
    pub name: String,
    pub columns: Vec<String>,
    /// The column that is the primary key; none if there is none, or several.
    pub key: Option<String>,
}

/// A column that is computed: an expression over the table, which is called `t`, and its name.
#[derive(Clone, Debug)]
pub(super) struct Computed {
    pub sql: String,
    pub name: &'static str,
}

/// A database that is only read.
#[derive(Clone)]
pub(super) enum Database {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Database {
    /// All tables and views, without their columns: schema and name.
    pub async fn names(&self) -> Result<Vec<(Option<String>, String)>, String> {
        match self {
            Database::Sqlite(sqlite) => sqlite.names(),
            Database::Postgres(postgres) => postgres.names().await,
        }
    }

    /// The table that is meant. Refused: none, or several that could be.
    pub async fn table(&self, wanted: Option<&str>, usual: &[&str]) -> Result<Table, String> {
        let names = self.names().await?;
        let (schema, name) = choose(&names, wanted, usual)?;
        self.described(schema, name).await
    }

    /// Columns and key of a table that is there.
    pub async fn described(&self, schema: Option<String>, name: String) -> Result<Table, String> {
        let (columns, keys) = match self {
            Database::Sqlite(sqlite) => sqlite.columns(&name)?,
            Database::Postgres(postgres) => postgres.columns(schema.as_deref(), &name).await?,
        };
        let key = match keys.as_slice() {
            [key] => Some(key.clone()),
            _ => None,
        };
        Ok(Table { schema, name, columns, key })
    }

    /// The rows, with these columns of each, in the order of the key.
    pub fn rows(&self, table: &Table, used: &[String], computed: &[Computed]) -> Rows {
        match self {
            Database::Sqlite(sqlite) => sqlite.rows(table, used, computed),
            Database::Postgres(postgres) => postgres.rows(table, used, computed),
        }
    }
}

impl Table {
    /// As the statement names it.
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&self.name)),
            None => quoted(&self.name),
        }
    }

    /// Takes the key out of a row, and makes a place of it. Without a key the rows are counted.
    pub fn place(&self, fields: &mut Map<String, Value>, number: u64) -> Place {
        match fields.remove(KEY) {
            Some(Value::String(key)) => Place::Row(format!("{} {key}", self.name)),
            Some(Value::Number(key)) => Place::Row(format!("{} {key}", self.name)),
            _ => Place::Row(format!("{}, row {number}", self.name)),
        }
    }

    /// Columns for a SELECT list, the key and what is computed among them.
    pub fn list(&self, used: &[String], computed: &[Computed]) -> String {
        let mut parts: Vec<String> = used.iter().map(|column| format!("t.{}", quoted(column))).collect();
        parts.extend(self.key.iter().map(|key| format!("t.{} AS {}", quoted(key), quoted(KEY))));
        parts.extend(computed.iter().map(|one| format!("({}) AS {}", one.sql, quoted(one.name))));
        parts.join(", ")
    }

    /// What the rows are ordered by.
    pub fn order(&self) -> String {
        self.key.as_ref().map_or_else(String::new, |key| format!(" ORDER BY t.{}", quoted(key)))
    }
}

/// An identifier in SQL, whatever stands in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn shown(schema: Option<&str>, name: &str) -> String {
    schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"))
}

fn choose(
    names: &[(Option<String>, String)],
    wanted: Option<&str>,
    usual: &[&str],
) -> Result<(Option<String>, String), String> {
    let all = || {
        let mut shown: Vec<String> =
            names.iter().take(100).map(|(schema, name)| shown(schema.as_deref(), name)).collect();
        shown.sort();
        shown.join(", ")
    };
    if let Some(wanted) = wanted {
        let exact = names.iter().find(|(schema, name)| schema.is_none() && name == wanted);
        let found =
            exact.or_else(|| names.iter().find(|(schema, name)| shown(schema.as_deref(), name) == wanted));
        return found.cloned().ok_or_else(|| format!("there is no table \"{wanted}\"; there are {}", all()));
    }
    let usual = if usual.is_empty() { &USUAL[..] } else { usual };
    let found: Vec<&(Option<String>, String)> =
        names.iter().filter(|(schema, name)| schema.is_none() && usual.contains(&name.as_str())).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(format!("which table holds the users? add --table; there are {}", all())),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, name)| name.as_str()).collect();
            Err(format!("several tables may hold the users: {}; choose one with --table", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_chosen_only_where_there_is_no_doubt() {
        let names = |list: &[&str]| -> Vec<(Option<String>, String)> {
            let split = |text: &&str| match text.split_once('.') {
                Some((schema, name)) => (Some(schema.to_owned()), name.to_owned()),
                None => (None, (*text).to_owned()),
            };
            list.iter().map(split).collect()
        };
        let choose = |list: &[&str], wanted: Option<&str>| {
            choose(&names(list), wanted, &[]).map(|(schema, name)| shown(schema.as_deref(), &name))
        };
        assert_eq!(choose(&["posts", "User"], None).as_deref(), Ok("User"));
        assert_eq!(
            choose(&["User", "users"], None).unwrap_err(),
            "several tables may hold the users: User, users; choose one with --table"
        );
        assert!(choose(&["posts", "auth.users"], None).unwrap_err().contains("there are auth.users, posts"));
        assert_eq!(choose(&["a.people", "people"], Some("people")).as_deref(), Ok("people"));
        assert_eq!(choose(&["a.people", "people"], Some("a.people")).as_deref(), Ok("a.people"));
        assert!(choose(&["people"], Some("people; drop table people")).is_err());
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
