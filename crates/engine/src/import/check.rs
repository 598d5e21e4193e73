//! Is every record of a source one that can be added?

use super::{Entries, ImportFault, ImportOrder, RecordFaults};
use crate::operator::OperatorError;
use domain::password::Stored;
use domain::record::Entry;
use domain::time::Moment;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What the first reading found.
#[derive(Default)]
pub(super) struct Checked {
    pub users: u64,
    pub schemes: BTreeMap<&'static str, u64>,
    /// By what they are, how many digests have to be wrapped.
    pub weak: BTreeMap<&'static str, u64>,
}

/// Reads everything, on a thread where waiting is no harm. Refused: any fault, with all others.
pub(super) async fn check(order: &ImportOrder, now: Moment) -> Result<Checked, ImportFault> {
    let order = order.clone();
    let checking = move || {
        let entries = (order.open)().map_err(ImportFault::Source)?;
        check_all(entries, &order, now)
    };
    tokio::task::spawn_blocking(checking).await.map_err(|_| OperatorError::from(super::collide::GONE))?
}

fn check_all(entries: Entries, order: &ImportOrder, now: Moment) -> Result<Checked, ImportFault> {
    let mut checked = Checked::default();
    let mut faults = RecordFaults::default();
    for entry in entries {
        let Entry { place, record } = entry.map_err(ImportFault::Source)?;
        checked.users += 1;
        order.watch.step();
        match record.and_then(|record| record.read_with(Uuid::nil(), now, order.layout)) {
            Ok((_, Some(weak))) => *checked.weak.entry(weak.name()).or_default() += 1,
            Ok((user, None)) => {
                let hash = user.password_hash.as_ref().map(|hash| Stored::parse(&hash.0));
                let scheme = match &hash {
                    Some(Ok(Stored::Usable(hash))) => hash.scheme().name(),
                    Some(Ok(Stored::Unusable) | Err(_)) | None => "no password",
                };
                *checked.schemes.entry(scheme).or_default() += 1;
            }
            Err(all) => all.into_iter().for_each(|what| faults.add(&place, what)),
        }
    }
    if faults.count == 0 { Ok(checked) } else { Err(ImportFault::Records(faults)) }
}
