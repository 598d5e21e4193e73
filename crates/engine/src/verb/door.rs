//! May this caller use the verb at all? Asked in one place, before the verb runs.

use super::Turn;
use super::bearer::Access;
use crate::error::Error;
use domain::permit::Permit;
use std::sync::PoisonError;

impl Turn<'_> {
    /// Lets the command in, or refuses it. What was read on the way is kept for the verb.
    pub(super) async fn admit(&self) -> Result<(), Error> {
        self.prove_page()?;
        match self.scene.verb.permit() {
            Permit::Anyone | Permit::Token => Ok(()),
            Permit::User => {
                self.keep(self.read_bearer()?);
                Ok(())
            }
            Permit::Fresh => {
                let access = self.read_bearer()?;
                self.fresh(&access)?;
                self.keep(access);
                Ok(())
            }
        }
    }

    fn keep(&self, access: Access) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(access);
    }

    /// What the door has read, once.
    pub(super) fn taken_from_door(&self) -> Option<Access> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
