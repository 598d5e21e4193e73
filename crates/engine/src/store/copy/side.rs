//! One of the two databases of a copy, whichever it is.

use super::{Bond, Difference, Line, Page, TABLES, Table};
use crate::error::{Fault, OpenError};
use crate::store::{Place, postgres, refuse, sqlite};
use domain::event::Event;
use domain::time::Moment;

/// The highest number that was given to users, to letters, and to events.
pub(in crate::store) type Numbers = [i64; 3];

/// The source or the target of a copy.
pub(super) enum Side {
    Sqlite(sqlite::CopySide),
    Postgres(Box<postgres::CopySide>),
}

macro_rules! each {
    ($side:expr, $name:ident => $work:expr) => {
        match $side {
            Side::Sqlite($name) => $work,
            Side::Postgres($name) => $work,
        }
    };
}

impl Side {
    /// Opens what is copied, as it is at this moment.
    pub async fn source(place: &Place, bond: &Bond, ahead: bool) -> Result<Side, OpenError> {
        Ok(match place {
            Place::File(path) => Side::Sqlite(sqlite::CopySide::source(path, bond).await?),
            Place::Postgres(address, settings) => {
                Side::Postgres(Box::new(postgres::CopySide::source((address, settings), bond, ahead).await?))
            }
            Place::Memory => return Err(refuse("a database in memory can not be copied")),
        })
    }

    /// Opens what is written to, and marks it as unfinished; makes its tables if there are none. `from` is what the
    /// source is called, and the moment.
    pub async fn target(place: &Place, bond: &Bond, from: (&str, Moment)) -> Result<Side, OpenError> {
        Ok(match place {
            Place::File(path) => Side::Sqlite(sqlite::CopySide::target(path, bond, from).await?),
            Place::Postgres(address, settings) => {
                Side::Postgres(Box::new(postgres::CopySide::target((address, settings), bond, from).await?))
            }
            Place::Memory => return Err(refuse("a copy in memory would be gone at once")),
        })
    }

    /// Whether it could be written to. Changes nothing.
    pub async fn look_at_target(place: &Place, bond: &Bond) -> Result<(), OpenError> {
        match place {
            Place::File(path) => sqlite::CopySide::look_at_target(path, bond),
            Place::Postgres(address, settings) => {
                postgres::CopySide::look_at_target((address, settings), bond).await
            }
            Place::Memory => Err(refuse("a copy in memory would be gone at once")),
        }
    }

    /// The rows of all tables that tell whether a database is in use.
    pub async fn total(&mut self) -> Result<u64, Fault> {
        let mut total = 0;
        for table in TABLES.iter().filter(|table| table.tells()) {
            total += self.count(table).await?;
        }
        Ok(total)
    }

    /// The rows of a table.
    pub async fn count(&mut self, table: &'static Table) -> Result<u64, Fault> {
        each!(self, side => side.count(table).await)
    }

    /// The rows after a key, as many as the table's page has.
    pub async fn page(&mut self, table: &'static Table, after: Option<Line>) -> Result<Page, Fault> {
        let lines = each!(self, side => side.page(table, after.clone()).await)?;
        let is_last = (lines.len() as u64) < u64::from(table.page);
        Ok(Page { after, lines, is_last })
    }

    /// The rows that lie where those of a page of the other side lie.
    pub async fn range(&mut self, table: &'static Table, page: &Page) -> Result<Vec<Line>, Fault> {
        let through = if page.is_last { None } else { page.end(table) };
        each!(self, side => side.range(table, page.after.clone(), through).await)
    }

    /// Writes a difference, whole or not at all. `fresh`: the target was empty, and no row can be in the way of another.
    pub async fn write(
        &mut self,
        table: &'static Table,
        difference: Difference,
        fresh: bool,
    ) -> Result<(), Fault> {
        each!(self, side => side.write(table, difference, fresh).await)
    }

    /// The highest numbers that were given.
    pub async fn numbers(&mut self) -> Result<Numbers, Fault> {
        each!(self, side => side.numbers().await)
    }

    /// Numbers up to these are not given again.
    pub async fn count_on(&mut self, numbers: Numbers) -> Result<(), Fault> {
        each!(self, side => side.count_on(numbers).await)
    }

    /// From here on everything is read as it is at this moment.
    pub async fn hold(&mut self) -> Result<(), Fault> {
        each!(self, side => side.hold().await)
    }

    /// From here on everything is read as it is.
    pub async fn release(&mut self) -> Result<(), Fault> {
        each!(self, side => side.release().await)
    }

    /// Whether somebody wrote to the source since the moment that is copied. Ends that moment.
    pub async fn has_moved_on(&mut self) -> Result<bool, Fault> {
        each!(self, side => side.has_moved_on().await)
    }

    /// Notes the event and takes the mark away, together: the target may be used now.
    pub async fn finish(&mut self, event: Event) -> Result<(), Fault> {
        each!(self, side => side.finish(event).await)
    }

    /// Closes it properly.
    pub async fn close(self) {
        each!(self, side => side.close().await);
    }
}
