//! How is a PostgreSQL read and written when everything is copied?

use super::fault::told;
use super::migrate::{self, Teller};
use super::session::{Gate, Purpose, Session, bound, look_fault};
use super::strand;
use crate::error::{Fault, OpenError};
use crate::store::address::{PostgresAddress, PostgresSettings};
use crate::store::copy::{
    ADVANCE, Bond, Difference, Kind, Line, MARK, MARK_TABLE, MARKED, Numbers, TABLES, TAKE, Table, Tongue,
    UNMARK, key_text, not_empty, taken_over, unfinished, with_range,
};
use crate::store::row::Row;
use crate::store::value::{Value, values};
use domain::event::Event;
use domain::seal::MasterKeyId;
use domain::time::Moment;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_postgres::types::ToSql;

/// Connections that have the same name and user as this one: nodes, and commands of an operator.
const NODES: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
     AND usename = current_user AND application_name = current_setting('application_name') \
     AND pid <> pg_backend_pid()";
const HEADS: &str = "SELECT strand, place FROM trail_heads ORDER BY strand";
const MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// What is lost with the server is written again by the next run; the last commit waits for all before it.
const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off";
/// Table, key and, where it has another name than the database gives, the sequence of its numbers.
const COUNTED: [(&str, Option<&str>); 3] = [("users", Some("user_ids")), ("outbox", None), ("events", None)];

/// A database, open on one connection.
pub(in crate::store) struct CopySide {
    session: Session,
    hosts: String,
    bond: Bond,
    /// The ends of the trail at the moment that is copied.
    heads: Vec<(i64, i64)>,
    /// Whether nobody else may use it meanwhile.
    alone: bool,
}

type At<'a> = (&'a PostgresAddress, &'a PostgresSettings);

impl CopySide {
    /// Opens a source and holds the moment. Refused: see [`crate::store::copy::copy`].
    pub async fn source(at: At<'_>, bond: &Bond, ahead: bool) -> Result<CopySide, OpenError> {
        let mut side = CopySide::connect(at, bond, !ahead).await?;
        let CopySide { session, hosts, .. } = &side;
        let teller = Teller(hosts);
        migrate::check_server(session, &teller, false).await?;
        if let Some(source) = check_there(session, &teller, bond).await? {
            return Err(teller.say(unfinished(&source)));
        }
        let failed = |error: tokio_postgres::Error| teller.failed(&error);
        if !ahead {
            let nodes = nodes(session).await.map_err(failed)?;
            if nodes > 0 {
                return Err(teller.say(format!(
                    "{nodes} connections of nodes use it, and what they write meanwhile would be missing: stop all nodes, or \
                     copy with --ahead first"
                )));
            }
        }
        session.client().batch_execute(MOMENT).await.map_err(failed)?;
        side.heads = heads(&side.session).await.map_err(failed)?;
        Ok(side)
    }

    /// Opens a target, brings its tables up to date, and takes the mark. Refused: see [`crate::store::copy::copy`].
    pub async fn target(
        at: At<'_>,
        bond: &Bond,
        (source, now): (&str, Moment),
    ) -> Result<CopySide, OpenError> {
        let side = CopySide::connect(at, bond, false).await?;
        let CopySide { session, hosts, .. } = &side;
        let teller = Teller(hosts);
        migrate::check_server(session, &teller, true).await?;
        migrate::bring_up_to_date(session, &teller, migrate::MIGRATIONS).await?;
        let marked = check_there(session, &teller, bond).await?.is_some();
        if !marked {
            check_empty(session, &teller).await?;
        }
        let failed = |error: tokio_postgres::Error| teller.failed(&error);
        let client = session.client();
        client.batch_execute("BEGIN").await.map_err(failed)?;
        if !marked {
            client.batch_execute(MARK.postgres).await.map_err(failed)?;
        }
        session.query(TAKE.postgres, &values![&bond.run, source, now.millis()]).await.map_err(failed)?;
        client.batch_execute("COMMIT").await.map_err(failed)?;
        Ok(side)
    }

    /// Whether it could be a target. Changes nothing.
    pub async fn look_at_target(at: At<'_>, bond: &Bond) -> Result<(), OpenError> {
        let side = CopySide::connect(at, bond, false).await?;
        let CopySide { session, hosts, .. } = &side;
        let teller = Teller(hosts);
        migrate::check_server(session, &teller, true).await?;
        if migrate::applied(session, &teller).await?.is_empty() {
            return Ok(());
        }
        match check_there(session, &teller, bond).await? {
            Some(_) => Ok(()),
            None => check_empty(session, &teller).await,
        }
    }

    async fn connect((address, settings): At<'_>, bond: &Bond, alone: bool) -> Result<CopySide, OpenError> {
        let gate = Gate::new(address, settings)?;
        let session = gate.connect(Purpose::Copy, &Arc::new(Notify::new())).await;
        let session = session.map_err(|why| Teller(&gate.hosts).say(why))?;
        Ok(CopySide { session, hosts: gate.hosts, bond: bond.clone(), heads: Vec::new(), alone })
    }

    /// The rows of a table.
    pub async fn count(&mut self, table: &'static Table) -> Result<u64, Fault> {
        count(&self.session, table).await.map_err(|error| look_fault(&error))
    }

    /// The rows after a key, as many as the table's page has.
    pub async fn page(&mut self, table: &'static Table, after: Option<Line>) -> Result<Vec<Line>, Fault> {
        self.lines(table, (after, None), i64::from(table.page)).await
    }

    /// The rows after a key and up to another, or to the end.
    pub async fn range(
        &mut self,
        table: &'static Table,
        after: Option<Line>,
        through: Option<Line>,
    ) -> Result<Vec<Line>, Fault> {
        self.lines(table, (after, through), i64::MAX).await
    }

    async fn lines(
        &self,
        table: &'static Table,
        (after, through): (Option<Line>, Option<Line>),
        limit: i64,
    ) -> Result<Vec<Line>, Fault> {
        let sql = Tongue::Postgres.page(table, after.is_some(), through.is_some());
        let values = with_range(after, through, limit);
        let rows = self.session.query(&sql, &values).await.map_err(|error| look_fault(&error))?;
        rows.iter().map(|row| line(table, &Row::Postgres(row))).collect()
    }

    /// Writes a difference in one transaction.
    pub async fn write(
        &mut self,
        table: &'static Table,
        difference: Difference,
        fresh: bool,
    ) -> Result<(), Fault> {
        let work = async {
            let changes = (difference.put.len() + difference.gone.len()).try_into().unwrap_or(i64::MAX);
            self.batch(BEGIN).await?;
            self.advance(changes).await?;
            if !difference.gone.is_empty() {
                let keys = table.keys().iter().map(|(_, kind)| *kind);
                self.send(table, &Tongue::Postgres.remove(table), keys, &difference.gone).await?;
            }
            for rival in table.rivals.iter().filter(|_| !fresh) {
                let lines: Vec<Line> = difference
                    .put
                    .iter()
                    .map(|line| rival.values(table, line).into_iter().cloned().collect())
                    .collect();
                self.send(table, &Tongue::Postgres.release(table, rival), rival.kinds(table), &lines).await?;
            }
            self.send(table, &Tongue::Postgres.put(table), table.kinds(), &difference.put).await?;
            self.batch("COMMIT").await
        };
        let worked = work.await;
        if worked.is_err() {
            // On a connection that is gone there is nothing left to undo.
            drop(self.batch("ROLLBACK").await);
        }
        worked
    }

    /// Runs a statement with one list for each column.
    async fn send(
        &self,
        table: &Table,
        sql: &str,
        kinds: impl Iterator<Item = Kind>,
        lines: &[Line],
    ) -> Result<(), Fault> {
        let lists: Vec<_> =
            kinds.enumerate().map(|(at, kind)| list(table, kind, at, lines)).collect::<Result<_, _>>()?;
        let lists: Vec<&(dyn ToSql + Sync)> = lists.iter().map(|list| &**list as _).collect();
        let sent = async { self.session.client().execute(&self.session.prepared(sql).await?, &lists).await };
        sent.await.map(drop).map_err(|error| Fault::Database(format!("{}: {}", table.name, told(&error))))
    }

    /// The highest numbers that were given.
    pub async fn numbers(&mut self) -> Result<Numbers, Fault> {
        let mut numbers = [0; 3];
        for (number, (table, sequence)) in numbers.iter_mut().zip(COUNTED) {
            *number = self.number(table, sequence).await?.0;
        }
        Ok(numbers)
    }

    /// Numbers up to these are not given again.
    pub async fn count_on(&mut self, numbers: Numbers) -> Result<(), Fault> {
        for (number, (table, sequence)) in numbers.into_iter().zip(COUNTED) {
            let (given, name) = self.number(table, sequence).await?;
            let number = number.max(given);
            if number > 0 {
                let sql = "SELECT setval(CAST($1 AS TEXT)::regclass, $2)";
                self.query(sql, &values![name, number]).await?;
            }
        }
        Ok(())
    }

    /// The highest number that a table's sequence gave or a row of it has, and the name of the sequence.
    async fn number(&self, table: &str, sequence: Option<&str>) -> Result<(i64, String), Fault> {
        let sequence = match sequence {
            Some(name) => name.to_owned(),
            None => {
                let rows = self.query("SELECT pg_get_serial_sequence($1, 'id')", &values![table]).await?;
                rows.first().map_or(Err(super::GONE), |row| Row::Postgres(row).string(0))?
            }
        };
        let gone = if table == "users" { "coalesce((SELECT max(id) FROM gone_users), 0)" } else { "0" };
        let sql = format!(
            "SELECT greatest(CASE WHEN is_called THEN last_value ELSE 0 END, \
             coalesce((SELECT max(id) FROM {table}), 0), {gone}) FROM {sequence}"
        );
        let rows = self.query(&sql, &[]).await?;
        let number = rows.first().map_or(Err(super::GONE), |row| Row::Postgres(row).int(0))?;
        Ok((number, sequence))
    }

    /// Everything is read as it is at this moment.
    pub async fn hold(&mut self) -> Result<(), Fault> {
        self.batch(MOMENT).await
    }

    /// Everything is read as it is.
    pub async fn release(&mut self) -> Result<(), Fault> {
        self.batch("COMMIT").await
    }

    /// Whether anybody noted anything since the moment was held, or could while nobody may.
    pub async fn has_moved_on(&mut self) -> Result<bool, Fault> {
        self.batch("COMMIT").await?;
        let failed = |error: tokio_postgres::Error| look_fault(&error);
        let used = self.alone && nodes(&self.session).await.map_err(failed)? > 0;
        Ok(used || heads(&self.session).await.map_err(failed)? != self.heads)
    }

    /// Notes the event and takes the mark away.
    pub async fn finish(&mut self, event: Event) -> Result<(), Fault> {
        self.batch("BEGIN").await?;
        self.advance(0).await?;
        strand::note(&self.session, &self.bond.trail, &event).await?;
        self.batch(UNMARK).await?;
        self.batch("COMMIT").await?;
        for table in TABLES {
            // Without the right to it the server finds out by itself, some minutes later.
            drop(self.batch(&format!("ANALYZE {}", table.name)).await);
        }
        Ok(())
    }

    /// Closes the connection.
    pub async fn close(self) {
        drop(self);
    }

    async fn advance(&self, changes: i64) -> Result<(), Fault> {
        let values = values![changes, &self.bond.run];
        let sent = async {
            let statement = self.session.prepared(ADVANCE.postgres).await?;
            self.session.client().execute(&statement, &bound(&values)).await
        };
        if sent.await.map_err(|error| look_fault(&error))? == 1 { Ok(()) } else { Err(taken_over()) }
    }

    async fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.session.client().batch_execute(sql).await.map_err(|error| look_fault(&error))
    }

    async fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<tokio_postgres::Row>, Fault> {
        self.session.query(sql, values).await.map_err(|error| look_fault(&error))
    }
}

/// Refused: an unfinished copy, see [`unfinished`].
pub(super) async fn check_finished(session: &Session, teller: &Teller<'_>) -> Result<(), OpenError> {
    match marked(session, teller).await? {
        Some(source) => Err(teller.say(unfinished(&source))),
        None => Ok(()),
    }
}

async fn marked(session: &Session, teller: &Teller<'_>) -> Result<Option<String>, OpenError> {
    if !migrate::is_there(session, teller, MARK_TABLE).await? {
        return Ok(None);
    }
    let rows = session.query(MARKED, &[]).await.map_err(|error| teller.failed(&error))?;
    Ok(Some(rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or_default()))
}

/// Checks schema and master key. Gives what the mark says, if there is one.
async fn check_there(
    session: &Session,
    teller: &Teller<'_>,
    bond: &Bond,
) -> Result<Option<String>, OpenError> {
    migrate::check_current(session, teller, migrate::MIGRATIONS).await?;
    if let Some(found) = migrate::bound(session, teller).await?.filter(|found| *found != bond.master.0) {
        return Err(teller.say(format!(
            "secrets in it are sealed with master key {}, and this is {}: copy with the master key of the source, into a \
             database that knows no other",
            MasterKeyId(found),
            bond.master
        )));
    }
    marked(session, teller).await
}

async fn check_empty(session: &Session, teller: &Teller<'_>) -> Result<(), OpenError> {
    for table in TABLES.iter().filter(|table| table.tells()) {
        let found = count(session, table).await.map_err(|error| teller.failed(&error))?;
        if found > 0 {
            return Err(teller.say(not_empty(table, found)));
        }
    }
    Ok(())
}

async fn count(session: &Session, table: &Table) -> Result<u64, tokio_postgres::Error> {
    let rows = session.query(&Tongue::Postgres.count(table), &[]).await?;
    let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    Ok(count.unsigned_abs())
}

async fn nodes(session: &Session) -> Result<i64, tokio_postgres::Error> {
    session.query(NODES, &[]).await?.first().map_or(Ok(0), |row| row.try_get(0))
}

async fn heads(session: &Session) -> Result<Vec<(i64, i64)>, tokio_postgres::Error> {
    let rows = session.query(HEADS, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

fn line(table: &Table, row: &Row<'_>) -> Result<Line, Fault> {
    let Row::Postgres(row) = row else { return Err(super::GONE) };
    let value = |(at, kind): (usize, Kind)| {
        let value = match kind {
            Kind::Int => row.try_get::<_, Option<i64>>(at).map(Value::from),
            Kind::Bool => row.try_get::<_, Option<bool>>(at).map(Value::from),
            Kind::Text => row.try_get::<_, Option<String>>(at).map(Value::from),
            Kind::Blob => {
                row.try_get::<_, Option<&[u8]>>(at).map(|bytes| bytes.map_or(Value::Null, Value::owned))
            }
        };
        value.map_err(|error| Fault::Corrupt(format!("{}: {error}", table.name)))
    };
    table.kinds().enumerate().map(value).collect()
}

type List<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// One column of many rows.
fn list<'a>(table: &Table, kind: Kind, at: usize, lines: &'a [Line]) -> Result<List<'a>, Fault> {
    let wrong =
        |line: &Line| Fault::Corrupt(format!("{} {}: column {at}", table.name, key_text(table, line)));
    macro_rules! list {
        ($type:ty, $($pattern:pat => $value:expr),*) => {{
            let each = |line: &'a Line| match line.get(at) {
                Some(Value::Null) => Ok(None),
                $(Some($pattern) => Ok(Some($value)),)*
                _ => Err(wrong(line)),
            };
            Box::new(lines.iter().map(each).collect::<Result<Vec<Option<$type>>, Fault>>()?) as List<'a>
        }};
    }
    Ok(match kind {
        Kind::Int => list!(i64, Value::Int(value) => *value),
        Kind::Bool => list!(bool, Value::Bool(value) => *value),
        Kind::Blob => list!(&'a [u8], Value::Blob(bytes) => &**bytes),
        Kind::Text => {
            let broken =
                |line: &&Line| matches!(line.get(at), Some(Value::Text(text)) if text.contains('\0'));
            if let Some(line) = lines.iter().find(broken) {
                let column = table.columns.get(at).map_or("", |(name, _)| name);
                return Err(Fault::Database(format!(
                    "{} {}: {column} holds a NUL character, which PostgreSQL can not keep; take it out at the source",
                    table.name,
                    key_text(table, line)
                )));
            }
            list!(&'a str, Value::Text(text) => &**text)
        }
    })
}
