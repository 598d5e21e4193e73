//! How is a PostgreSQL of another application read, at one moment and without changing anything?

use super::row::{Row, Rows};
use super::table::{Computed, MAX_ROW, Table, quoted};
use domain::json::strict_object;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_postgres::Client;

/// Rows that travel together, and how many such chunks are read ahead.
const CHUNK: usize = 256;
const AHEAD: usize = 4;
/// One moment for all readings; nothing can be written in it. Reading takes as long as it takes.
const MOMENT: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET TIME ZONE 'UTC'; \
     SET client_encoding = 'UTF8'; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const NAMES: &str = "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN NULL ELSE n.nspname END, c.relname \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
     AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2";
const COLUMNS: &str = "SELECT a.attname, EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid \
     AND i.indisprimary AND a.attnum = ANY (i.indkey)) FROM pg_catalog.pg_attribute a \
     WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// Whatever keeps the connection alive.
type Connection = Arc<dyn AsRef<Client> + Send + Sync>;

/// A database, at one moment.
#[derive(Clone)]
pub(super) struct Postgres {
    client: Connection,
    /// For the names of cursors.
    readings: Arc<AtomicU64>,
}

/// The server's own sentence, if it said one.
fn told(error: &tokio_postgres::Error) -> String {
    let said = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    format!("the database with the users: {said}")
}

impl Postgres {
    /// Holds the moment. The connection is for this alone.
    pub async fn open(client: Box<dyn AsRef<Client> + Send + Sync>) -> Result<Postgres, String> {
        (*client).as_ref().batch_execute(MOMENT).await.map_err(|error| told(&error))?;
        Ok(Postgres { client: Arc::from(client), readings: Arc::default() })
    }

    fn client(&self) -> &Client {
        (*self.client).as_ref()
    }

    /// Tables and views; without a schema those that are found by their name alone.
    pub async fn names(&self) -> Result<Vec<(Option<String>, String)>, String> {
        let rows = self.client().query(NAMES, &[]).await.map_err(|error| told(&error))?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, _>>()
            .map_err(|error| told(&error))
    }

    /// Columns of a table, and those of its primary key.
    pub async fn columns(
        &self,
        schema: Option<&str>,
        name: &str,
    ) -> Result<(Vec<String>, Vec<String>), String> {
        let whole =
            schema.map_or_else(|| quoted(name), |schema| format!("{}.{}", quoted(schema), quoted(name)));
        let rows = self.client().query(COLUMNS, &[&whole]).await.map_err(|error| told(&error))?;
        let (mut all, mut keys) = (Vec::new(), Vec::new());
        for row in &rows {
            let read = || Ok((row.try_get(0)?, row.try_get(1)?));
            let (column, key): (String, bool) =
                read().map_err(|error: tokio_postgres::Error| told(&error))?;
            keys.extend(key.then(|| column.clone()));
            all.push(column);
        }
        Ok((all, keys))
    }

    /// The rows, read by a task of their own. Whoever asks for them must be on a thread that may wait.
    pub fn rows(&self, table: &Table, used: &[String], computed: &[Computed]) -> Rows {
        let list = table.list(used, computed);
        let inner = format!("SELECT {list} FROM {} t{}", table.quoted(), table.order());
        // A row that is too long does not come through the wire.
        let sql = format!(
            "SELECT CASE WHEN octet_length(j) <= {MAX_ROW} THEN j END FROM (SELECT row_to_json(r)::text AS j FROM ({inner}) r) j"
        );
        let (sender, receiver) = channel(AHEAD);
        let cursor = format!("users_{}", self.readings.fetch_add(1, Ordering::Relaxed));
        let client = Arc::clone(&self.client);
        tokio::spawn(async move {
            if let Err(error) = send_all((*client).as_ref(), &cursor, &sql, &sender).await {
                // Nobody may be listening any more.
                drop(sender.send(Err(told(&error))).await);
            }
        });
        Box::new(Arriving {
            receiver,
            chunk: Vec::new().into_iter(),
            table: table.clone(),
            number: 0,
            over: false,
        })
    }
}

type Chunk = Result<Vec<Option<String>>, String>;

async fn send_all(
    client: &Client,
    cursor: &str,
    sql: &str,
    sender: &Sender<Chunk>,
) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(&format!("DECLARE {cursor} NO SCROLL CURSOR FOR {sql}")).await?;
    let fetch = client.prepare(&format!("FETCH FORWARD {CHUNK} FROM {cursor}")).await?;
    loop {
        let rows = client.query(&fetch, &[]).await?;
        let texts = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Option<String>>, _>>()?;
        let over = texts.is_empty();
        // An empty chunk means the end.
        if sender.send(Ok(texts)).await.is_err() || over {
            return client.batch_execute(&format!("CLOSE {cursor}")).await;
        }
    }
}

/// Rows as they come from the task.
struct Arriving {
    receiver: Receiver<Chunk>,
    chunk: std::vec::IntoIter<Option<String>>,
    table: Table,
    number: u64,
    over: bool,
}

impl Arriving {
    fn row(&mut self, text: Option<&str>) -> Row {
        self.number += 1;
        let fields = text.ok_or_else(|| format!("the row is longer than {MAX_ROW} bytes"));
        let fields = fields.and_then(|text| {
            let object = strict_object(text.as_bytes(), 34);
            object.ok_or_else(|| {
                "a value in it is no JSON without doubt: a name twice, or nested too deeply".to_owned()
            })
        });
        match fields {
            Ok(mut fields) => Row { place: self.table.place(&mut fields, self.number), fields: Ok(fields) },
            Err(what) => {
                Row { place: self.table.place(&mut serde_json::Map::new(), self.number), fields: Err(what) }
            }
        }
    }
}

impl Iterator for Arriving {
    type Item = Result<Row, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(text) = self.chunk.next() {
                return Some(Ok(self.row(text.as_deref())));
            }
            if self.over {
                return None;
            }
            match self.receiver.blocking_recv() {
                Some(Ok(chunk)) => {
                    self.over = chunk.is_empty();
                    self.chunk = chunk.into_iter();
                }
                Some(Err(what)) => {
                    self.over = true;
                    return Some(Err(what));
                }
                None => {
                    self.over = true;
                    return Some(Err("the connection to the database with the users broke off".to_owned()));
                }
            }
        }
    }
}
