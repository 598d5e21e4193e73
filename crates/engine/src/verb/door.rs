//! May this caller use the verb at all? Asked in one place, before the verb runs.

use super::Turn;
use super::admin::Administrator;
use super::bearer::Access;
use crate::error::{Error, Fault};
use domain::permit::Permit;
use std::sync::{MutexGuard, PoisonError};

/// What the door has read, for the verb behind it.
#[derive(Default)]
pub(super) struct Read {
    access: Option<Access>,
    administrator: Option<Administrator>,
}

impl Turn<'_> {
    /// Lets the command in, or refuses it.
    pub(super) async fn admit(&self) -> Result<(), Error> {
        self.prove_page()?;
        match self.scene.verb.permit() {
            Permit::Anyone | Permit::Token => {}
            Permit::User => self.read().access = Some(self.read_bearer().await?),
            Permit::Fresh => {
                let access = self.read_bearer().await?;
                self.fresh(&access)?;
                self.read().access = Some(access);
            }
            Permit::Admin(scope) => {
                let administrator = self.admit_administrator(scope).await?;
                self.read().administrator = Some(administrator);
            }
        }
        Ok(())
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The access token that the door has read, once.
    pub(super) fn taken_from_door(&self) -> Option<Access> {
        self.read().access.take()
    }

    /// Who was let in to a verb for administrators.
    pub(super) fn administrator(&self) -> Result<Administrator, Error> {
        Ok(self.read().administrator.ok_or(Fault::Gone("the door"))?)
    }
}
