//! How is what happens at many requests counted without a write for each?

use domain::phase::{Counted, MAX_COUNT_DETAIL, Tally};
use domain::time::Moment;
use engine::Engine;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The most different counts between two writes; what would be one more is counted without its detail.
const MOST: usize = 1024;

type Key = (String, Tally, String);

/// What happened since it was written down last, in this process.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<Key, u64>>);

impl Counts {
    /// One more.
    pub fn add(&self, mount: &str, what: Tally, detail: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (mount.to_owned(), what, cut(detail).to_owned());
        if counts.len() >= MOST && !counts.contains_key(&key) {
            key.2.clear();
        }
        *counts.entry(key).or_default() += 1;
    }

    /// Adds everything to what the database has. What can not be written now is written the next time.
    pub async fn write(&self, engine: &Engine) {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if taken.is_empty() {
            return;
        }
        let last_at = engine.clock().now();
        let list = taken.iter().map(|(key, count)| counted(key, *count, last_at)).collect();
        if let Err(fault) = engine.add_counts(list).await {
            tracing::debug!(%fault, "counts of a migration wait for the database");
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, count) in taken {
                *counts.entry(key).or_default() += count;
            }
        }
    }
}

fn counted((mount, what, detail): &Key, count: u64, last_at: Moment) -> Counted {
    Counted { mount: mount.clone(), what: *what, detail: detail.clone(), count, last_at }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_COUNT_DETAIL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted_without_its_detail() {
        let counts = Counts::default();
        for number in 0..MOST + 100 {
            counts.add("a", Tally::Different, &format!("{number}"));
        }
        counts.add("a", Tally::Different, "5");
        let all = counts.0.into_inner().unwrap();
        assert_eq!(all.len(), MOST + 1);
        let of = |detail: &str| all[&("a".to_owned(), Tally::Different, detail.to_owned())];
        assert_eq!((of(""), of("5")), (100, 2));
    }
}
