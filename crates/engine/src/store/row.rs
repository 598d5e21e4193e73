//! What stands in a row that was found?

use crate::error::Fault;
use tokio_postgres::types::FromSql;

/// A row of either database. Columns are counted from 0.
pub(super) enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// A whole number.
    pub fn int(&self, at: usize) -> Result<i64, Fault> {
        match self {
            Row::Sqlite(row) => Ok(row.get(at)?),
            Row::Postgres(row) => of(row, at),
        }
    }

    /// A whole number, if any.
    pub fn maybe_int(&self, at: usize) -> Result<Option<i64>, Fault> {
        match self {
            Row::Sqlite(row) => Ok(row.get(at)?),
            Row::Postgres(row) => of(row, at),
        }
    }

    /// A number that is never negative and below 2^32.
    pub fn count(&self, at: usize) -> Result<u32, Fault> {
        u32::try_from(self.int(at)?).map_err(|_| wrong(at))
    }

    /// Yes or no.
    pub fn bool(&self, at: usize) -> Result<bool, Fault> {
        match self {
            Row::Sqlite(row) => Ok(row.get(at)?),
            Row::Postgres(row) => of(row, at),
        }
    }

    /// Text.
    pub fn str(&self, at: usize) -> Result<&str, Fault> {
        match self {
            Row::Sqlite(row) => row.get_ref(at)?.as_str().map_err(|_| wrong(at)),
            Row::Postgres(row) => of(row, at),
        }
    }

    /// Text, if any.
    pub fn maybe_str(&self, at: usize) -> Result<Option<&str>, Fault> {
        match self {
            Row::Sqlite(row) => row.get_ref(at)?.as_str_or_null().map_err(|_| wrong(at)),
            Row::Postgres(row) => of(row, at),
        }
    }

    /// Text of one's own.
    pub fn string(&self, at: usize) -> Result<String, Fault> {
        self.str(at).map(str::to_owned)
    }

    /// Text of one's own, if any.
    pub fn maybe_string(&self, at: usize) -> Result<Option<String>, Fault> {
        Ok(self.maybe_str(at)?.map(str::to_owned))
    }

    /// Bytes.
    pub fn blob(&self, at: usize) -> Result<&[u8], Fault> {
        match self {
            Row::Sqlite(row) => row.get_ref(at)?.as_blob().map_err(|_| wrong(at)),
            Row::Postgres(row) => of(row, at),
        }
    }

    /// Bytes, if any.
    pub fn maybe_blob(&self, at: usize) -> Result<Option<&[u8]>, Fault> {
        match self {
            Row::Sqlite(row) => row.get_ref(at)?.as_blob_or_null().map_err(|_| wrong(at)),
            Row::Postgres(row) => of(row, at),
        }
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&self, at: usize) -> Result<[u8; N], Fault> {
        self.blob(at)?.try_into().map_err(|_| wrong(at))
    }

    /// So many bytes, if any.
    pub fn maybe_bytes<const N: usize>(&self, at: usize) -> Result<Option<[u8; N]>, Fault> {
        self.maybe_blob(at)?.map(|bytes| bytes.try_into().map_err(|_| wrong(at))).transpose()
    }
}

fn of<'r, T: FromSql<'r>>(row: &'r tokio_postgres::Row, at: usize) -> Result<T, Fault> {
    row.try_get(at).map_err(|error| Fault::Corrupt(error.to_string()))
}

fn wrong(at: usize) -> Fault {
    Fault::Corrupt(format!("column {at} of a row has another type or length than it is written with"))
}
