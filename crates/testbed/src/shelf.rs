//! How do many short tests get a database each without one being made each time?

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard};

use crate::{Cluster, Database};

/// Databases on [`Cluster::shared`] that tests of this process use one after the other. They stay until their server goes.
#[derive(Debug)]
pub struct Shelf {
    kept: &'static [&'static str],
    idle: Mutex<Vec<Database>>,
}

impl Shelf {
    /// An empty shelf. The tables `kept` keep their rows from one test to the next: those that say of which kind the
    /// tables are.
    pub const fn new(kept: &'static [&'static str]) -> Shelf {
        Shelf { kept, idle: Mutex::new(Vec::new()) }
    }

    /// A database that nobody else has: a new one without tables, or one whose tables are empty as if just made. It is put
    /// back with the value.
    pub fn take(&'static self) -> Lent {
        let idle = self.idle().pop();
        let database = match idle {
            Some(database) => {
                database.clear(self.kept);
                database
            }
            None => Database::fresh(Cluster::shared(), false),
        };
        Lent { shelf: self, database: Some(database) }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Database>> {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A [`Database`] from a [`Shelf`].
#[derive(Debug)]
pub struct Lent {
    shelf: &'static Shelf,
    /// There until the value is dropped.
    database: Option<Database>,
}

impl Deref for Lent {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.database.as_ref().expect("it is put back last")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.shelf.idle().extend(self.database.take());
    }
}
