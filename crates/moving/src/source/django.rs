//! What does Django keep of its users (`auth_user`, or the table of a custom user model)?

use super::columns::Columns;
use super::table::{Computed, Database, Table, quoted};
use super::{Request, Roles};
use domain::record::Record;
use serde_json::{Map, Value};

/// Names of groups stand one after the other, with this sign between them.
const BETWEEN: char = '\u{1f}';
const GROUPS: &str = "countersign groups";

/// The table of users and its columns.
pub(super) struct Django {
    pub table: Table,
    pub columns: Columns,
    groups: Option<Computed>,
    /// Before the name of a picture's file.
    media: String,
}

/// Django's usual `MEDIA_URL`.
const MEDIA: &str = "/media/";

impl Django {
    /// Finds the table. Where roles are kept, the group of a user becomes the role.
    pub async fn open(database: &Database, request: &Request) -> Result<Django, Vec<String>> {
        let (wanted, maps) = (request.table.as_deref(), &request.maps);
        let groups = request.roles == Roles::Keep;
        let media = request.media_url.clone().unwrap_or_else(|| MEDIA.to_owned());
        let table = match wanted {
            Some(_) => database.table(wanted, &[]).await.map_err(|fault| vec![fault])?,
            None => found(database).await.map_err(|fault| vec![fault])?,
        };
        let columns = Columns::find(&table.columns, maps)?;
        if columns.column("password_hash").is_none() {
            return Err(vec![format!(
                "{} has no column `password`: this is no table of Django's users",
                table.name
            )]);
        }
        let asked = groups && columns.column("role").is_none() && !columns.stays_empty("role");
        let groups =
            if asked { memberships(database, &table).await.map_err(|fault| vec![fault])? } else { None };
        Ok(Django { table, columns, groups, media })
    }

    /// What is asked for beside the columns.
    pub fn computed(&self) -> Vec<Computed> {
        self.groups.iter().cloned().collect()
    }

    /// The user of a row.
    pub fn record(&self, row: &Map<String, Value>) -> Result<Record, Vec<String>> {
        let mut record = self.columns.record(row)?;
        // The column of a picture holds the name of its file; the application shows it behind its MEDIA_URL.
        if let Some(avatar) =
            record.avatar.as_mut().filter(|name| !name.starts_with('/') && !name.contains("://"))
        {
            avatar.insert_str(0, &self.media);
        }
        let groups = row.get(GROUPS).and_then(Value::as_str).unwrap_or_default();
        match groups.split(BETWEEN).collect::<Vec<_>>().as_slice() {
            [] | [""] => {}
            [one] => record.role = Some((*one).to_owned()),
            several => {
                return Err(vec![format!(
                    "the user is in several groups ({}), and has one role; choose a column with --map role=COLUMN, or --map role= \
                     for no role",
                    several.join(", ")
                )]);
            }
        }
        Ok(record)
    }
}

/// `auth_user`, or the one table that has Django's columns.
async fn found(database: &Database) -> Result<Table, String> {
    let names = database.names().await?;
    let mut tables = Vec::new();
    for (schema, name) in names.into_iter().filter(|(schema, _)| schema.is_none()) {
        let table = database.described(schema, name).await?;
        let has = |name: &str| table.columns.iter().any(|column| column == name);
        if has("password") && has("last_login") && (has("is_active") || has("is_superuser") || has("email")) {
            tables.push(table);
        }
    }
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let message = match names.as_slice() {
        [] => "no table has the columns of Django's users; name it with --table".to_owned(),
        several => {
            format!("several tables may hold the users: {}; choose one with --table", several.join(", "))
        }
    };
    // A custom user model leaves no `auth_user` behind, unless it came later.
    let last = if tables.len() == 1 { tables.pop() } else { None };
    last.ok_or(message)
}

/// `accounts_user_groups (user_id, group_id)`, and `auth_group (id, name)`.
async fn memberships(database: &Database, table: &Table) -> Result<Option<Computed>, String> {
    let names = database.names().await?;
    let there = |name: &str| names.iter().find(|(_, known)| known == name);
    let between = format!("{}_groups", table.name);
    let (Some((schema, between)), Some((group_schema, group)), Some(key)) =
        (there(&between), there("auth_group"), &table.key)
    else {
        return Ok(None);
    };
    let member = database.described(schema.clone(), between.clone()).await?;
    let group = database.described(group_schema.clone(), group.clone()).await?;
    let user = member.columns.iter().find(|name| name.ends_with("_id") && *name != "group_id");
    let Some(user) = user.filter(|_| member.columns.iter().any(|name| name == "group_id")) else {
        return Ok(None);
    };
    let sign = u32::from(BETWEEN);
    let list = match database {
        Database::Sqlite(_) => format!("group_concat(g.name, char({sign}))"),
        Database::Postgres(_) => format!("string_agg(g.name, chr({sign}))"),
    };
    let sql = format!(
        "SELECT {list} FROM {} m JOIN {} g ON g.id = m.group_id WHERE m.{} = t.{}",
        member.quoted(),
        group.quoted(),
        quoted(user),
        quoted(key)
    );
    Ok(Some(Computed { sql, name: GROUPS }))
}
