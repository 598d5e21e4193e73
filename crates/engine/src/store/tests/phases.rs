//! What does the store promise about the phases of mounts and what is counted on the way?

use super::*;
use domain::phase::{Counted, KeptPhase, MAX_COUNT_DETAIL, MigrationChange, Phase, Tally};

fn phase(mount: &str, phase: Phase, second: i64) -> KeptPhase {
    KeptPhase { mount: mount.to_owned(), phase, changed_at: at(second) }
}

fn set(kept: &KeptPhase, from: Option<Phase>) -> Vec<Change> {
    vec![Change::Migration(MigrationChange::SetPhase { kept: kept.clone(), from })]
}

fn counted(mount: &str, detail: &str, count: u64, second: i64) -> Counted {
    let (mount, detail) = (mount.to_owned(), detail.to_owned());
    Counted { mount, what: Tally::Different, detail, count, last_at: at(second) }
}

async fn count(store: &Store, counts: Vec<Counted>) {
    done(store, vec![Change::Migration(MigrationChange::AddCounts(counts))]).await;
}

pub async fn a_phase_is_set_in_place_of_the_one_that_was_read(store: Store) {
    assert_eq!(store.phases().await.unwrap(), []);
    let (dual, shadow, other) =
        (phase("a/x", Phase::Dual, 10), phase("a/x", Phase::Shadow, 20), phase("a", Phase::Cut, 15));
    done(&store, set(&dual, None)).await;
    done(&store, set(&other, None)).await;
    assert_eq!(store.phases().await.unwrap(), [other.clone(), dual.clone()]);

    assert_eq!(refused(&store, set(&shadow, None)).await, Conflict::Stale);
    assert_eq!(refused(&store, set(&shadow, Some(Phase::Cut))).await, Conflict::Stale);
    done(&store, set(&shadow, Some(Phase::Dual))).await;
    assert_eq!(store.phases().await.unwrap(), [other, shadow]);
}

pub async fn counts_add_up_and_the_last_moment_stays(store: Store) {
    let long = "é".repeat(MAX_COUNT_DETAIL);
    count(&store, vec![counted("b", "x", 1, 9), counted("a", "y", 2, 5), counted("a", "x", 3, 5)]).await;
    count(&store, vec![counted("a", "x", 4, 3), counted("a", "y", 5, 7), counted("a", "z", 0, 7)]).await;
    count(&store, vec![counted("b", &long, 1, 1)]).await;
    let cut = "é".repeat(MAX_COUNT_DETAIL / 2);
    let all =
        [counted("a", "x", 7, 5), counted("a", "y", 7, 7), counted("b", "x", 1, 9), counted("b", &cut, 1, 1)];
    assert_eq!(store.migration_counts().await.unwrap(), all);

    done(&store, vec![Change::Migration(MigrationChange::ForgetCounts { mount: "a".to_owned() })]).await;
    assert_eq!(store.migration_counts().await.unwrap(), all[2..]);
}

pub async fn a_mount_has_a_bounded_number_of_counts(store: Store) {
    let many = |from: u32, to: u32| (from..to).map(|n| counted("a", &format!("{n:04}"), 1, 1)).collect();
    count(&store, many(0, 1990)).await;
    count(&store, many(1980, 2100)).await;
    let counts = store.migration_counts().await.unwrap();
    assert_eq!(counts.len(), 2000);
    assert_eq!(counts.iter().map(|counted| counted.count).sum::<u64>(), 2010);
    // Another mount has its own.
    count(&store, vec![counted("b", "x", 1, 1)]).await;
    assert_eq!(store.migration_counts().await.unwrap().len(), 2001);
}
