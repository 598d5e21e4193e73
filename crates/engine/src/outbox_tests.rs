//! Is each letter sent once, tried again, and dropped in time?

use super::*;
use crate::cx::{Chance, Clock};
use crate::hasher::HashSettings;
use crate::{Place, Settings};
use domain::house::House;
use domain::id::UserId;
use domain::letter::NewLetter;
use domain::secret::SecretBytes;

const NOW: Moment = Moment::from_seconds(1_710_080_400);

async fn engine() -> Engine {
    Engine::open(Settings {
        place: Place::Memory,
        ticket_secret: SecretBytes::new((0..32_u8).collect::<Vec<_>>()),
        master_key: SecretBytes::new((0..32_u8).collect::<Vec<_>>()),
        trail_secret: SecretBytes::new((0..32_u8).collect::<Vec<_>>()),
        hashing: HashSettings { workers: 1, ..HashSettings::default() },
        clock: Clock::frozen(NOW),
        chance: Chance::seeded(1),
        house: House::default(),
        breaches: None,
    })
    .await
    .unwrap()
}

async fn write(engine: &Engine, to: &str, lasts_seconds: i64) {
    let at = engine.clock().now();
    let letter = NewLetter {
        letter: Letter::ResetPassword,
        user: Some(UserId(7)),
        to: to.to_owned(),
        name: "Ana".to_owned(),
        language: "es".to_owned(),
        link: Some(LinkId([3; 16])),
        expires_at: at.plus_seconds(lasts_seconds),
        at,
    };
    engine.store().record(vec![Change::Post(Box::new(letter))]).await.unwrap().unwrap();
}

fn addresses(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| post.to.as_str()).collect()
}

// REL-44
#[tokio::test]
async fn a_claimed_letter_is_sent_by_nobody_else() {
    let engine = engine().await;
    write(&engine, "ana@example.com", 1800).await;
    let first = engine.letters_due(10).await.unwrap();
    assert_eq!(addresses(&first), ["ana@example.com"]);
    assert_eq!((first[0].tries, first[0].name.as_str(), first[0].link), (1, "Ana", Some(LinkId([3; 16]))));
    assert!(engine.letters_due(10).await.unwrap().is_empty());
    engine.letter_sent(first[0].id).await.unwrap();
    engine.clock().advance_seconds(3600);
    assert!(engine.letters_due(10).await.unwrap().is_empty());
    assert_eq!(engine.outbox_gauges().await.unwrap(), OutboxGauges { waiting: 0, oldest: None });
}

// REL-44
#[tokio::test]
async fn of_parallel_claims_each_letter_goes_to_one() {
    let engine = engine().await;
    for number in 0..40 {
        write(&engine, &format!("u{number}@example.com"), 1800).await;
    }
    let mut claims = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let engine = engine.clone();
        claims.spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..40 {
                mine.extend(engine.letters_due(3).await.unwrap().into_iter().map(|post| post.id));
            }
            mine
        });
    }
    let mut all = Vec::new();
    while let Some(mine) = claims.join_next().await {
        all.extend(mine.unwrap());
    }
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((all.len(), count), (40, 40));
}

// REL-44
#[tokio::test]
async fn a_letter_whose_sender_died_comes_up_again_after_a_minute() {
    let engine = engine().await;
    write(&engine, "ana@example.com", 1800).await;
    assert_eq!(engine.letters_due(10).await.unwrap().len(), 1);
    engine.clock().advance_seconds(CLAIM_SECONDS - 1);
    assert!(engine.letters_due(10).await.unwrap().is_empty());
    engine.clock().advance_seconds(1);
    assert_eq!(engine.letters_due(10).await.unwrap()[0].tries, 2);
}

// REL-44
#[tokio::test]
async fn a_new_server_sends_at_once_what_the_old_one_had_claimed() {
    let engine = engine().await;
    write(&engine, "ana@example.com", 1800).await;
    write(&engine, "bea@example.com", 1800).await;
    let posts = engine.letters_due(10).await.unwrap();
    engine.letter_postponed(&posts[1], NOW.plus_seconds(3600)).await.unwrap();
    engine.release_letters().await.unwrap();
    assert_eq!(addresses(&engine.letters_due(10).await.unwrap()), ["ana@example.com"]);
}

// REL-44
#[tokio::test]
async fn a_refused_letter_waits_until_it_is_due_again() {
    let engine = engine().await;
    write(&engine, "ana@example.com", 1800).await;
    let post = engine.letters_due(10).await.unwrap().remove(0);
    let due = NOW.plus_seconds(5);
    engine.letter_postponed(&post, due).await.unwrap();
    assert_eq!(engine.next_letter().await.unwrap(), Some(due));
    assert!(engine.letters_due(10).await.unwrap().is_empty());
    engine.clock().advance_seconds(5);
    assert_eq!(engine.letters_due(10).await.unwrap()[0].tries, 2);
}

// REL-44
#[tokio::test]
async fn a_letter_is_dropped_when_its_link_is_over_and_that_is_noted() {
    let engine = engine().await;
    write(&engine, "late@example.com", 10).await;
    write(&engine, "ana@example.com", 1800).await;
    let posts = engine.letters_due(10).await.unwrap();
    for post in &posts {
        engine.letter_postponed(post, NOW.plus_seconds(3600)).await.unwrap();
    }
    assert_eq!(
        engine.next_letter().await.unwrap(),
        Some(NOW.plus_seconds(10)),
        "looked at when it ends, not later"
    );
    engine.clock().advance_seconds(10);
    assert!(engine.letters_due(10).await.unwrap().is_empty());
    let left = engine.letters_waiting(None, 10).await.unwrap();
    assert_eq!(addresses(&left), ["ana@example.com"]);
    let noted = engine.store().event_kinds().await.unwrap();
    assert_eq!(noted, ["letter_dropped"]);
}

// REL-44
#[tokio::test]
async fn dead_letters_do_not_hide_live_ones() {
    let engine = engine().await;
    for _ in 0..3 {
        write(&engine, "late@example.com", 0).await;
    }
    write(&engine, "ana@example.com", 1800).await;
    assert_eq!(addresses(&engine.letters_due(2).await.unwrap()), ["ana@example.com"]);
}

#[tokio::test]
async fn a_posted_letter_wakes_whoever_waits_for_one() {
    let engine = engine().await;
    let posted = engine.letter_posted();
    write(&engine, "ana@example.com", 1800).await;
    tokio::time::timeout(std::time::Duration::from_secs(20), posted).await.unwrap();
}
