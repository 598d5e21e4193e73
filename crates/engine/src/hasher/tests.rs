//! Is every password answered, at equal cost, within the bounds, and by whom it should be?

use super::*;
use std::sync::mpsc;
use tokio::time::timeout;

/// No test waits longer; a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse battery staple";

fn small() -> Params {
    Params::new(64, 1, 1).unwrap()
}

fn settings() -> HashSettings {
    HashSettings { params: small(), workers: 1, queue: 64, per_client: 0, ..HashSettings::default() }
}

fn hasher(settings: HashSettings) -> Hasher {
    Hasher::start(settings, Vec::new()).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn made_with(params: &Params, password: &str) -> StoredHash {
    let mut workspace = password::Workspace::new(Backend::Portable);
    StoredHash(password::write(password.as_bytes(), &[7; 16], params, &mut workspace))
}

/// Django's PBKDF2 with one round of SHA-1 over "secret" and the salt "salt" (made with hashlib.pbkdf2_hmac).
const FOREIGN: &str = "pbkdf2_sha1$1$salt$fx5hpcmnAtni0yC+k1OBnKL87oc=";

/// Keeps a thread busy until the sender is dropped; returns when the thread has begun.
async fn occupy(hasher: &Hasher) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (began, beginning) = oneshot::channel();
    let work: Work = Box::new(move |_| {
        let _ = began.send(());
        let _ = held.recv();
        (Answer::Written(String::new()), 0)
    });
    hasher.bench.queue.push(hasher.job("test".to_owned(), 1, 1, work), Duration::ZERO).unwrap();
    timeout(PATIENCE, beginning).await.unwrap().unwrap();
    release
}

/// Polls the future once, so that its password is in the queue.
async fn begin<F: Future>(future: &mut std::pin::Pin<Box<F>>) {
    let polled =
        std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
    assert!(polled, "the thread is occupied");
}

#[tokio::test]
async fn what_was_written_matches_and_nothing_else_does() {
    let hasher = hasher(settings());
    let stored = hasher.write("a", &secret(PASSWORD), [1; 16]).await.unwrap();
    assert!(stored.0.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    let right = hasher.verify("a", Some(&stored), &secret(PASSWORD)).await.unwrap();
    assert!(right.matches && !right.outdated && right.spent > Duration::ZERO);
    for wrong in ["", "correct", "correct horse battery stapl", "Correct horse battery staple", &stored.0] {
        let verified = hasher.verify("a", Some(&stored), &secret(wrong)).await.unwrap();
        assert!(!verified.matches && !verified.outdated, "{wrong}");
    }
}

#[tokio::test]
async fn an_absent_unusable_or_unreadable_hash_never_matches_and_costs_a_real_one() {
    let hasher = hasher(settings());
    let real = made_with(&small(), PASSWORD);
    let stored = [
        Some(real.0.as_str()),
        None,
        Some(""),
        Some("!"),
        Some("*"),
        Some("!abc"),
        Some("plain"),
        Some("$argon2id$v=19$m=8"),
    ];
    // One form is tried for the first, two for the second (the space is not ASCII).
    for (typed, cost) in [("wrong", 1), ("wr\u{a0}ong", 2)] {
        for text in stored {
            let stored = text.map(|text| StoredHash(text.to_owned()));
            let before = hasher.gauges();
            let verified = hasher.verify("a", stored.as_ref(), &secret(typed)).await.unwrap();
            let after = hasher.gauges();
            assert!(!verified.matches && !verified.outdated, "{text:?}");
            assert_eq!(after.done_total - before.done_total, 1, "{text:?}");
            assert_eq!(after.hashes_total - before.hashes_total, cost, "{text:?}");
        }
    }
    for text in stored.into_iter().skip(1) {
        let stored = text.map(|text| StoredHash(text.to_owned()));
        for typed in ["", "!", "*", PASSWORD, text.unwrap_or("-")] {
            assert!(
                !hasher.verify("a", stored.as_ref(), &secret(typed)).await.unwrap().matches,
                "{text:?} {typed}"
            );
        }
    }
    let real = Hash::parse(&real.0).unwrap();
    assert_eq!((hasher.decoy.memory_kib(), hasher.decoy.scheme()), (real.memory_kib(), real.scheme()));
}

#[tokio::test]
async fn a_weaker_or_foreign_hash_is_outdated_once_it_matched() {
    let hasher = hasher(settings());
    let weaker = made_with(&Params::new(32, 1, 1).unwrap(), PASSWORD);
    let stronger = made_with(&Params::new(128, 2, 1).unwrap(), PASSWORD);
    let foreign = StoredHash(FOREIGN.to_owned());
    // phpass of "x" (passlib); MD5 of "password", wrapped as an import does it.
    let phpass = StoredHash("$P$5abcdefghOma6BpKuRQmZZsVLumqbI0".to_owned());
    let digest = password::weak::WeakDigest::parse("5f4dcc3b5aa765d61d8327deb882cf99").unwrap().unwrap();
    let mut workspace = password::Workspace::new(Backend::Portable);
    let wrapped = StoredHash(digest.wrap(&small(), &[7; 16], &mut workspace));
    for (stored, password, outdated) in [
        (&weaker, PASSWORD, true),
        (&stronger, PASSWORD, false),
        (&foreign, "secret", true),
        (&phpass, "x", true),
        (&wrapped, "password", true),
    ] {
        let right = hasher.verify("a", Some(stored), &secret(password)).await.unwrap();
        assert!(right.matches);
        assert_eq!(right.outdated, outdated, "{}", stored.0);
        let wrong = hasher.verify("a", Some(stored), &secret("wrong")).await.unwrap();
        assert!(!wrong.matches && !wrong.outdated);
    }
}

#[tokio::test]
async fn a_hash_of_the_password_as_typed_is_outdated_even_if_it_is_strong() {
    let hasher = hasher(settings());
    let (typed, prepared) = ("caf\u{65}\u{301} au lait", "caf\u{e9} au lait");
    let old = made_with(&small(), typed);
    let verified = hasher.verify("a", Some(&old), &secret(typed)).await.unwrap();
    assert!(verified.matches && verified.outdated);
    let new = hasher.write("a", &secret(typed), [2; 16]).await.unwrap();
    for form in [typed, prepared] {
        let verified = hasher.verify("a", Some(&new), &secret(form)).await.unwrap();
        assert!(verified.matches && !verified.outdated);
    }
}

#[tokio::test]
async fn a_huge_password_takes_no_hash() {
    // SEC-03
    let hasher = hasher(settings());
    let huge = secret(&"a".repeat(1024 * 1024));
    let stored = made_with(&small(), PASSWORD);
    for stored in [Some(&stored), None] {
        let verified = hasher.verify("a", stored, &huge).await.unwrap();
        assert_eq!(verified, Verified::TOO_LONG);
    }
    assert_eq!(hasher.gauges().done_total, 0);
}

#[tokio::test]
async fn a_thousand_at_once_are_all_answered_and_the_excess_is_sent_away() {
    let hasher = Arc::new(hasher(HashSettings { queue: 20, ..settings() }));
    let occupied = occupy(&hasher).await;
    let all: Vec<_> = (0..1000)
        .map(|number| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(
                async move { hasher.verify(number.to_string().as_str(), None, &secret("wrong")).await },
            )
        })
        .collect();
    // The test has one thread: yielding lets every task put its password into the queue or be refused.
    while hasher.gauges().shed_total < 980 {
        tokio::task::yield_now().await;
    }
    assert_eq!(hasher.gauges().queued, 20);
    drop(occupied);
    let (mut answered, mut waits) = (0, std::collections::BTreeSet::new());
    for one in all {
        match timeout(PATIENCE, one).await.unwrap().unwrap() {
            Ok(verified) => {
                assert!(!verified.matches);
                answered += 1;
            }
            Err(HashRefused::Busy { retry_after_seconds }) => {
                waits.insert(retry_after_seconds);
            }
            Err(HashRefused::Gone) => panic!("nobody is turned away without a reason"),
        }
    }
    assert_eq!(answered, 20);
    assert_eq!(waits.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4], "spread over four seconds");
    assert_eq!(hasher.gauges().hashes_total, 20);
}

#[tokio::test]
async fn who_has_gone_is_not_hashed_and_makes_room() {
    let hasher = hasher(HashSettings { queue: 4, ..settings() });
    let occupied = occupy(&hasher).await;
    let password = secret(PASSWORD);
    let mut gone: Vec<_> = (0..4).map(|_| Box::pin(hasher.verify("a", None, &password))).collect();
    for future in &mut gone {
        begin(future).await;
    }
    let refused = hasher.verify("b", None, &password).await;
    assert!(matches!(refused, Err(HashRefused::Busy { .. })));
    drop(gone);
    let mut stays = Box::pin(hasher.verify("b", None, &password));
    begin(&mut stays).await;
    drop(occupied);
    timeout(PATIENCE, stays).await.unwrap().unwrap();
    let gauges = hasher.gauges();
    assert_eq!((gauges.abandoned_total, gauges.hashes_total), (4, 1));
}

#[tokio::test]
async fn a_hash_that_has_begun_keeps_its_thread_though_the_client_has_gone() {
    let hasher = hasher(settings());
    let occupied = occupy(&hasher).await;
    let password = secret(PASSWORD);
    let mut next = Box::pin(hasher.verify("a", None, &password));
    begin(&mut next).await;
    let gauges = hasher.gauges();
    assert_eq!((gauges.running, gauges.queued), (1, 1));
    drop(occupied);
    timeout(PATIENCE, next).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_has_only_its_share_of_a_queue_that_is_more_than_half_full() {
    let hasher = hasher(HashSettings { queue: 10, per_client: 4, ..settings() });
    let _occupied = occupy(&hasher).await;
    let password = secret(PASSWORD);
    let mut waiting = Vec::new();
    for client in ["flood", "flood", "flood", "flood", "flood", "flood", "calm"] {
        let mut future = Box::pin(hasher.verify(client, None, &password));
        begin(&mut future).await;
        waiting.push(future);
    }
    assert!(matches!(hasher.verify("flood", None, &password).await, Err(HashRefused::Busy { .. })));
    for _ in 0..3 {
        let mut future = Box::pin(hasher.verify("calm", None, &password));
        begin(&mut future).await;
        waiting.push(future);
    }
    assert!(matches!(hasher.verify("calm", None, &password).await, Err(HashRefused::Busy { .. })));
    assert_eq!(hasher.gauges().queued, 10);
}

#[tokio::test]
async fn a_panic_ends_one_job_and_not_the_thread() {
    let hasher = hasher(settings());
    let work: Work = Box::new(|_| panic!("a test breaks the hash"));
    let broken = hasher.queue("a".into(), hasher.job("test".to_owned(), 1, 1, work)).await;
    assert_eq!(broken.err(), Some(HashRefused::Gone));
    let stored = made_with(&small(), PASSWORD);
    assert!(hasher.verify("a", Some(&stored), &secret(PASSWORD)).await.unwrap().matches);
    let gauges = hasher.gauges();
    assert_eq!((gauges.panicked_total, gauges.running), (1, 0));
}

#[tokio::test]
async fn dropping_the_hasher_answers_who_waits() {
    let hasher = hasher(settings());
    let occupied = occupy(&hasher).await;
    let (sender, receiver) = oneshot::channel();
    let work: Work = Box::new(|_| (Answer::Written(String::new()), 1));
    let job = Job { answer: Some(sender), ..hasher.job("test".to_owned(), 1, 1, work) };
    hasher.bench.queue.push(job, Duration::ZERO).unwrap();
    let queue = Arc::clone(&hasher.bench.queue);
    drop(hasher);
    assert!(timeout(PATIENCE, receiver).await.unwrap().is_err());
    let late = Job {
        stretch: 1,
        client: Arc::from(""),
        label: String::new(),
        expected: Duration::ZERO,
        heavy_kib: None,
        work: Box::new(|_| (Answer::Written(String::new()), 1)),
        answer: None,
        rank: Rank::Next,
        timing: None,
    };
    assert_eq!(queue.push(late, Duration::ZERO), Err(NotTaken::Closed));
    drop(occupied);
}

#[tokio::test]
async fn heavy_hashes_leave_half_of_the_threads_to_the_others() {
    let hasher = hasher(HashSettings { workers: 2, ..settings() });
    let (release, held) = mpsc::channel::<()>();
    let heavy = |work: Work| hasher.job("heavy".to_owned(), 64 * 1024, 1, work);
    let queue = &hasher.bench.queue;
    let first: Work = Box::new(move |_| {
        let _ = held.recv();
        (Answer::Written(String::new()), 1)
    });
    queue.push(heavy(first), Duration::ZERO).unwrap();
    let (done, second_done) = oneshot::channel();
    let second: Work = Box::new(move |_| {
        let _ = done.send(());
        (Answer::Written(String::new()), 1)
    });
    queue.push(heavy(second), Duration::ZERO).unwrap();
    // Native ones overtake the heavy one that has to wait.
    for _ in 0..3 {
        timeout(PATIENCE, hasher.verify("a", None, &secret("wrong"))).await.unwrap().unwrap();
    }
    assert_eq!((hasher.gauges().running, hasher.gauges().queued), (1, 1));
    drop(release);
    timeout(PATIENCE, second_done).await.unwrap().unwrap();
}

#[tokio::test]
async fn foreign_labels_are_timed_at_start_and_set_the_floor() {
    let label = |rounds: u32| format!("django_pbkdf2_sha1:{rounds}");
    let schemes = [label(200_000), label(200_000), "no label".to_owned()];
    let hasher = Hasher::start(settings(), schemes.to_vec()).unwrap();
    timeout(PATIENCE, async {
        while hasher.gauges().done_total < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    let floor = hasher.gauges().floor;
    assert!(floor > Duration::ZERO);
    let unknown = hasher.verify("a", None, &secret("wrong")).await.unwrap();
    assert_eq!(unknown.remaining_to_floor, floor.saturating_sub(unknown.spent));
    let two_forms = hasher.verify("a", None, &secret("wr\u{a0}ong")).await.unwrap();
    assert_eq!(two_forms.remaining_to_floor, (2 * floor).saturating_sub(two_forms.spent));
}

#[tokio::test]
async fn native_hashes_alone_make_nobody_wait() {
    let hasher = Hasher::start(settings(), vec![label::native(&small())]).unwrap();
    let stored = made_with(&small(), PASSWORD);
    for stored in [Some(&stored), None] {
        let verified = hasher.verify("a", stored, &secret("wrong")).await.unwrap();
        assert_eq!(verified.remaining_to_floor, Duration::ZERO);
    }
    let foreign = StoredHash(FOREIGN.to_owned());
    hasher.verify("a", Some(&foreign), &secret("wrong")).await.unwrap();
    assert!(hasher.gauges().floor > Duration::ZERO, "a label seen later counts too");
}

#[tokio::test]
async fn the_queue_holds_two_seconds_of_work_unless_told_otherwise() {
    let queue = Queue::new(Bounds { workers: 2, places: 0, per_client: 0 });
    for (native_ms, places) in [(1, 512), (45, 88), (100, 40), (1000, 8)] {
        assert_eq!(queue.counts(Duration::from_millis(native_ms)).places, places);
    }
    let slow = || Job {
        stretch: 1,
        client: Arc::from("a"),
        label: "slow".to_owned(),
        expected: Duration::from_millis(400),
        heavy_kib: None,
        work: Box::new(|_| (Answer::Written(String::new()), 1)),
        answer: None,
        rank: Rank::Next,
        timing: None,
    };
    let native = Duration::from_millis(10);
    let taken = (0..50).take_while(|_| queue.push(slow(), native).is_ok()).count();
    assert_eq!(taken, 10, "slow hashes fill it sooner");
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let hasher = hasher(settings());
    let printed = format!("{hasher:?} {:?}", hasher.verify("a", None, &secret(PASSWORD)).await);
    assert!(!printed.contains("correct") && printed.contains("Hasher(HashGauges"));
}

#[tokio::test]
async fn the_floor_is_known_before_the_first_refusal_also_after_an_import() {
    // SEC-12: the very first no, right after the start, and the first one after another kind of hash came in.
    let label = |rounds: u32| format!("django_pbkdf2_sha1:{rounds}");
    let hasher = Hasher::start(settings(), vec![label(200_000)]).unwrap();
    let first = hasher.verify("a", None, &secret("wrong")).await.unwrap();
    let floor = hasher.gauges().floor;
    assert!(floor > Duration::ZERO);
    assert_eq!(first.remaining_to_floor, floor.saturating_sub(first.spent));
    hasher.learn(vec![label(200_000), label(2_000_000)]);
    let next = hasher.verify("a", None, &secret("wrong")).await.unwrap();
    let risen = hasher.gauges().floor;
    assert!(risen > 2 * floor, "{risen:?} {floor:?}");
    assert_eq!(next.remaining_to_floor, risen.saturating_sub(next.spent));
    let done = hasher.gauges().done_total;
    hasher.learn(vec![label(200_000), label(2_000_000)]);
    assert_eq!(hasher.gauges().done_total, done, "a label is timed once");
}

#[tokio::test]
async fn a_known_device_goes_before_strangers_and_whoever_has_no_address_has_no_share() {
    // REL-10
    let queue = std::sync::Arc::new(Queue::new(Bounds { workers: 1, places: 8, per_client: 1 }));
    let hasher = hasher(settings());
    let native = Duration::from_millis(1);
    let job = |label: &str, client: &str, rank: Rank| {
        let work: Work = Box::new(|_: &mut _| (Answer::Verdict(Verdict::Wrong), 1));
        Job { client: std::sync::Arc::from(client), rank, ..hasher.job(label.to_owned(), 1, 1, work) }
    };
    for (label, client, rank) in [
        ("one", "a", Rank::Next),
        ("two", "b", Rank::Next),
        ("known", "c", Rank::First),
        ("also", "d", Rank::First),
    ] {
        assert!(queue.push(job(label, client, rank), native).is_ok());
    }
    assert!((0..4).all(|_| queue.push(job("nameless", "", Rank::Next), native).is_ok()));
    let mut order = Vec::new();
    for _ in 0..4 {
        let super::queue::Next::Run(job, _permit) = queue.next(true) else { panic!("the queue is closed") };
        order.push(job.label);
    }
    assert_eq!(order, ["known", "also", "one", "two"]);
}

#[tokio::test]
async fn idle_work_takes_nobodys_place_and_goes_last_on_half_of_the_threads() {
    let queue = std::sync::Arc::new(Queue::new(Bounds { workers: 2, places: 4, per_client: 0 }));
    let hasher = hasher(settings());
    let push = |label: &str, rank: Rank| {
        let work: Work = Box::new(|_: &mut _| (Answer::Verdict(Verdict::Wrong), 1));
        let job = Job { rank, heavy_kib: None, ..hasher.job(label.to_owned(), 1, 1, work) };
        queue.push(job, Duration::from_millis(1))
    };
    let next = || match queue.next(true) {
        super::queue::Next::Run(job, permit) => (job.label, permit),
        super::queue::Next::Rest | super::queue::Next::End => panic!("there is work"),
    };
    push("idle 1", Rank::Idle).unwrap();
    push("idle 2", Rank::Idle).unwrap();
    for number in 0..4 {
        push(&format!("plain {number}"), Rank::Next).unwrap();
    }
    // What waits idly takes no place, and where others wait nothing idle is taken in.
    assert!(matches!(push("late", Rank::Idle), Err(NotTaken::Full { .. })));
    assert_eq!(queue.counts(Duration::ZERO).shed, 0);
    for number in 0..4 {
        assert_eq!(next().0, format!("plain {number}"));
    }
    let (first, permit) = next();
    assert_eq!(first, "idle 1");
    push("plain 4", Rank::Next).unwrap();
    assert_eq!(next().0, "plain 4", "the other half is for those who wait");
    drop(permit);
    assert_eq!(next().0, "idle 2");
}
