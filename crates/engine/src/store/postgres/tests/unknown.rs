//! What is answered when the connection is gone before the answer is there? (REL-24)

use super::super::list::{self, Run};
use super::super::session::{Gate, Purpose};
use super::super::strand::Strand;
use super::super::writers::Writer;
use super::super::{Known, settle_by};
use super::*;
use domain::change::{Applied, Conflict};
use domain::id::SessionId;
use domain::session::EndReason;
use domain::token::Digest;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testbed::{At, Proxy, Side};
use tokio::sync::{Notify, oneshot};

/// A database behind a proxy, and a node that goes through it.
async fn behind_a_proxy() -> (Database, Proxy, Store) {
    let database = Cluster::shared().database();
    let proxy = Proxy::start(database.access().address());
    let store = node(&database.access().at(proxy.address())).await;
    (database, proxy, store)
}

fn end_all(user: UserId, second: i64) -> Vec<Change> {
    vec![
        Change::EndSessions { user, except: None, reason: EndReason::SignOut, at: at(second) },
        note(EventKind::SessionsEnded, Some(user)),
    ]
}

fn rotate(from: &str, to: &str) -> Vec<Change> {
    vec![Change::RotateSession {
        session: SessionId(1),
        from: Digest::of(from),
        to: Digest::of(to),
        at: at(1500),
        refresh_expires_at: at(2500),
    }]
}

#[test]
fn a_list_whose_commit_is_cut_off_is_applied_once_and_answered_as_if_nothing_had_been() {
    wait(async {
        let (database, proxy, store) = behind_a_proxy().await;
        let user = add(&store, person(1)).await;
        let cut = |side| proxy.cut(At::Commit, side, 1);
        for (number, side) in [(10, Side::Before), (11, Side::After)] {
            cut(side);
            let applied = done(&store, sign_up(number)).await;
            assert_eq!(
                applied.user,
                Some(store.session(SessionId(number.into())).await.unwrap().unwrap().1.user.id)
            );
        }
        assert_eq!(database.psql("SELECT count(*) FROM users"), "3");
        for (number, side) in [(1, Side::Before), (2, Side::After)] {
            cut(side);
            assert_eq!(done(&store, opening(&user, number)).await, Applied::default());
        }
        for (second, side, from, to) in
            [(1600, Side::Before, "token 1.0", "b"), (1700, Side::After, "b", "c")]
        {
            cut(side);
            assert_eq!(done(&store, rotate(from, to)).await, Applied::default());
            done(&store, opening(&user, second)).await;
            cut(side);
            let expected =
                Applied { sessions_ended: 1 + 2 * u64::from(second == 1600), ..Applied::default() };
            // The one that is rotated is kept out of it.
            let list = vec![
                Change::EndSessions {
                    user: user.user.id,
                    except: (second == 1600).then_some(SessionId(1)),
                    reason: EndReason::SignOut,
                    at: at(second),
                },
                note(EventKind::SessionsEnded, Some(user.user.id)),
            ];
            let applied = done(&store, list).await;
            assert_eq!(applied, Applied { sessions_ended: 2, ..expected }, "{side:?}");
        }
        assert_eq!(proxy.counts().cuts, 8);
        assert_eq!(
            database.psql("SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind"),
            "sessions_ended|2\nsigned_in|4\nsigned_up|2"
        );
        // The places of every strand are without gaps, and each head stands on its last row.
        let torn = "SELECT count(*) FROM trail_heads h WHERE place <> \
             (SELECT count(*) FROM events e WHERE e.strand = h.strand)";
        assert_eq!(database.psql(torn), "0");
    });
}

#[test]
fn what_no_answer_told_is_counted_afterwards() {
    wait(async {
        let (database, proxy, store) = behind_a_proxy().await;
        let user = add(&store, person(1)).await;
        for number in 1..=3 {
            done(&store, opening(&user, number)).await;
        }
        // So that the statements are prepared.
        done(&store, end_all(UserId(99), 1050)).await;
        let store = Arc::new(store);
        // The server hears everything and does it, and none of its answers arrives.
        proxy.stall_answers();
        let asked = Arc::clone(&store);
        let id = user.user.id;
        let asking = tokio::spawn(async move { asked.record(end_all(id, 1100)).await });
        let ended = "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL";
        let began = Instant::now();
        while database.psql(ended) != "3" {
            assert!(began.elapsed() < Duration::from_secs(2), "the list did not arrive");
        }
        proxy.drop_all();
        proxy.pass();
        let applied = asking.await.unwrap();
        assert_eq!(applied.unwrap(), Ok(Applied { sessions_ended: 3, ..Applied::default() }));
    });
}

#[test]
fn connections_that_die_again_and_again_give_one_user_or_none_and_never_a_wait() {
    wait(async {
        let (database, proxy, store) = behind_a_proxy().await;
        done(&store, sign_up(1)).await;
        proxy.cut_at_random(At::Commit, 1.0, 5);
        let mut given = 0;
        for number in 2..12 {
            let began = Instant::now();
            match store.record(sign_up(number)).await {
                Ok(Ok(_)) => given += 1,
                Ok(Err(conflict)) => panic!("{conflict:?}"),
                Err(_) => {}
            }
            assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        }
        proxy.cut_nothing();
        let there: u32 = database.psql("SELECT count(*) FROM users").parse().unwrap();
        assert!((1 + given..=11).contains(&there), "{given} were acknowledged, {there} are there");
        assert_eq!(
            database.psql("SELECT (SELECT count(*) FROM users) - (SELECT count(*) FROM events)"),
            "0",
            "a user without event, or an event without user"
        );
        // Whoever was told of a fault asks again: it is there, or it is made.
        for number in 2..12 {
            match store.record(sign_up(number)).await.unwrap() {
                Ok(_) => {}
                Err(conflict) => assert!(
                    matches!(conflict, Conflict::EmailTaken | Conflict::UsernameTaken | Conflict::IdTaken),
                    "{conflict:?}"
                ),
            }
        }
        assert_eq!(database.psql("SELECT count(*) FROM users"), "11");
    });
}

/// A connection for changes, with a strand.
async fn writer(access: &Access, strand: Option<Strand>) -> Writer {
    let address = PostgresAddress::parse(&access.url()).unwrap();
    let gate = Gate::new(&address, &PostgresSettings::default()).unwrap();
    let session = gate.connect(Purpose::Changes, &Arc::new(Notify::new())).await.unwrap();
    let key = Arc::new(super::super::super::tests::trail_key(7));
    let (place, _) = oneshot::channel();
    Writer::new(session, strand, key, place)
}

/// Sends a list whose commit is cut off; gives the proof and the strand as it was.
async fn cut_off(proxy: &Proxy, access: &Access, side: Side, changes: &[Change]) -> (list::Proof, Strand) {
    let mut writer = writer(access, None).await;
    proxy.cut(At::Commit, side, 1);
    let run = list::run(&mut writer, changes).await;
    let Run::Perhaps(Some(proof), _) = run else { panic!("{run:?}") };
    (proof, writer.abandon().unwrap())
}

#[test]
fn a_strand_that_has_moved_on_tells_whether_the_lost_list_is_in_it() {
    wait(async {
        let (database, proxy, store) = behind_a_proxy().await;
        drop(store);
        let through = database.access().at(proxy.address());
        for (number, side, is_there) in [(1, Side::Before, false), (2, Side::After, true)] {
            let list = sign_up(number);
            let (proof, strand) = cut_off(&proxy, &through, side, &list).await;
            // Another node takes the strand over, as it would after a while, and writes to it.
            database.psql("UPDATE trail_heads SET used_at = 0");
            let mut other = writer(database.access(), None).await;
            let moved = list::run(&mut other, &sign_up(number + 50)).await;
            assert!(matches!(moved, Run::Done(_)), "{moved:?}");
            let mut third = writer(database.access(), Some(strand)).await;
            let known = settle_by(&mut third, &list, &mut vec![proof]).await;
            let user = database.psql(&format!("SELECT count(*) FROM users WHERE username = 'p{number}'"));
            if is_there {
                assert!(
                    matches!(known, Some(Known::Answer(Ok(Ok(Applied { user: Some(_), .. }))))),
                    "{known:?}"
                );
            } else {
                assert!(matches!(known, Some(Known::NotApplied)), "{known:?}");
            }
            assert_eq!(user, u32::from(is_there).to_string());
        }
    });
}

#[test]
fn a_lost_list_that_met_what_is_stored_is_a_conflict() {
    wait(async {
        let (database, proxy, store) = behind_a_proxy().await;
        add(&store, person(1)).await;
        let through = database.access().at(proxy.address());
        let list = sign_up(2);
        let (proof, strand) = cut_off(&proxy, &through, Side::Before, &list).await;
        // Somebody else has the name meanwhile.
        add(&store, person(2)).await;
        let mut second = writer(database.access(), Some(strand)).await;
        let known = settle_by(&mut second, &list, &mut vec![proof]).await;
        assert!(matches!(known, Some(Known::Answer(Ok(Err(_))))), "{known:?}");
    });
}
