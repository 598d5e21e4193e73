//! Who is in the way of users that can not be added?
//!
//! The store tells which records conflict, and with what. The source is read again to find both places.

use super::{Entries, ImportFault, ImportOrder, RecordFaults};
use crate::Engine;
use crate::error::Fault;
use crate::operator::OperatorError;
use domain::change::Conflict;
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::record::{Entry, Place, Record};
use std::collections::HashMap;
use uuid::Uuid;

pub(super) const GONE: Fault = Fault::Gone("the thread that reads the users");

/// What must be one's own.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Own {
    Email(EmailKey),
    Username(UsernameKey),
    Id(i64),
    Uuid(Uuid),
}

/// A record that is in conflict.
struct Clash {
    index: usize,
    place: Place,
    conflict: Conflict,
    owns: Vec<Own>,
    /// Where an earlier record of the same source has the same.
    other: Option<Place>,
}

impl Engine {
    /// The faults of these conflicts, each with who is in the way: another record, or a user who is here.
    pub(super) async fn locate(
        &self,
        order: &ImportOrder,
        conflicts: Vec<(usize, Conflict)>,
    ) -> Result<RecordFaults, ImportFault> {
        let open = order.open.clone();
        let search = move || {
            let mut clashes = clashes(open()?, conflicts)?;
            find_others(open()?, &mut clashes)?;
            Ok(clashes)
        };
        let clashes = tokio::task::spawn_blocking(search).await.map_err(|_| OperatorError::from(GONE))?;
        let mut faults = RecordFaults::default();
        for clash in clashes.map_err(ImportFault::Source)? {
            let what = match &clash.other {
                Some(place) => format!("{} the record at {place}", taken(&clash)),
                None => match self.owner(&clash.owns).await.map_err(OperatorError::from)? {
                    Some(id) => format!("{} another user, who is here with the id {}", taken(&clash), id.0),
                    None => format!("{} a user who was deleted here", taken(&clash)),
                },
            };
            faults.add(&clash.place, what);
        }
        Ok(faults)
    }

    async fn owner(&self, owns: &[Own]) -> Result<Option<UserId>, Fault> {
        for own in owns {
            let account = match own {
                Own::Email(key) => self.store().account_by_email(key).await?,
                Own::Username(key) => self.store().account_by_username(key).await?,
                Own::Id(id) => self.store().account_by_id(UserId(*id)).await?,
                Own::Uuid(uuid) => self.store().account_by_uuid(*uuid).await?,
            };
            if let Some(account) = account {
                return Ok(Some(account.user.id));
            }
        }
        Ok(None)
    }
}

fn taken(clash: &Clash) -> &'static str {
    match clash.conflict {
        Conflict::EmailTaken => "email, whatever its capital letters, belongs to",
        Conflict::UsernameTaken => "username belongs to",
        Conflict::IdTaken | Conflict::Stale | Conflict::LastAdministrator | Conflict::BootstrapClosed => {
            "id or uuid belongs to"
        }
    }
}

fn clashes(entries: Entries, conflicts: Vec<(usize, Conflict)>) -> Result<Vec<Clash>, String> {
    let wanted: HashMap<usize, Conflict> = conflicts.into_iter().collect();
    let mut found = Vec::with_capacity(wanted.len());
    for (index, entry) in entries.enumerate() {
        let Entry { place, record } = entry?;
        if let (Some(conflict), Ok(record)) = (wanted.get(&index), &record) {
            let mut owns = owns(record);
            // First what the store named.
            owns.sort_by_key(|own| !names(*conflict, own));
            found.push(Clash { index, place, conflict: *conflict, owns, other: None });
        }
        if found.len() == wanted.len() {
            break;
        }
    }
    Ok(found)
}

fn find_others(entries: Entries, clashes: &mut [Clash]) -> Result<(), String> {
    let mut wanted: HashMap<Own, Vec<usize>> = HashMap::new();
    for (at, clash) in clashes.iter().enumerate() {
        for own in clash.owns.iter().filter(|own| names(clash.conflict, own)) {
            wanted.entry(own.clone()).or_default().push(at);
        }
    }
    let last = clashes.iter().map(|clash| clash.index).max().unwrap_or(0);
    for (index, entry) in entries.enumerate().take(last) {
        let Entry { place, record } = entry?;
        let Ok(record) = record else { continue };
        for own in owns(&record) {
            for at in wanted.get(&own).into_iter().flatten() {
                let clash = &mut clashes[*at];
                if index < clash.index && clash.other.is_none() {
                    clash.other = Some(place.clone());
                }
            }
        }
    }
    Ok(())
}

/// Whether this is what the store found taken.
fn names(conflict: Conflict, own: &Own) -> bool {
    match own {
        Own::Email(_) => conflict == Conflict::EmailTaken,
        Own::Username(_) => conflict == Conflict::UsernameTaken,
        Own::Id(_) | Own::Uuid(_) => !matches!(conflict, Conflict::EmailTaken | Conflict::UsernameTaken),
    }
}

fn owns(record: &Record) -> Vec<Own> {
    let email = record.email.as_deref().and_then(EmailKey::parse).map(Own::Email);
    let username = record.username.as_deref().and_then(UsernameKey::parse).map(Own::Username);
    let (id, uuid) = (record.id.map(Own::Id), record.uuid.map(Own::Uuid));
    [email, username, id, uuid].into_iter().flatten().collect()
}
