//! Do lists that want the same rows ever wait for each other in a circle? (REL-25)

use super::*;
use domain::change::FactorChange;
use domain::factor::Factors;
use domain::factor::half_way::{HalfWay, HalfWayKind};
use domain::id::SessionId;
use domain::letter::LinkId;
use domain::link::{LinkKind, NewLink};
use domain::session::EndReason;
use domain::token::{Blind, Digest};
use domain::user::{StoredHash, UserEdit};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// At the same time.
const CROWD: usize = 20;
/// Lists that each of them sends, of every kind in turn.
const LISTS: usize = 60;

#[expect(clippy::too_many_lines, reason = "one table of all lists")]
/// The lists of the verbs that write about one user, in the order of the rules that make them.
fn lists(user: UserId, number: u32) -> Vec<Vec<Change>> {
    let sessions = [SessionId(1 + i64::from(number % 4)), SessionId(1 + i64::from((number + 1) % 4))];
    let seen = at(1000 + i64::from(number));
    let whose = Whose::Known { user, epoch: 0 };
    let account = Blind([9; 16]);
    let half_way = HalfWay {
        digest: Digest::of(&format!("half {number}")),
        kind: HalfWayKind::Answer,
        user,
        epoch: 0,
        contract: "native".to_owned(),
        expires_at: at(900_000),
    };
    let mut link = [1; 16];
    link[..4].copy_from_slice(&number.to_be_bytes());
    let open = NewLink {
        id: LinkId(link),
        kind: LinkKind::ResetPassword,
        user: Some(user),
        bound: person(1).email.map(|(_, key)| key),
        address: None,
        expires_at: at(900_000),
        at: seen,
    };
    let edit = UserEdit { first_name: Some(format!("n{number}")), ..UserEdit::default() };
    let upgrade = |from: &str, to: &str| Change::UpgradeHash {
        user,
        from: StoredHash(from.to_owned()),
        to: StoredHash(to.to_owned()),
    };
    let [bcrypt, django] = [super::super::super::tests::BCRYPT, super::super::super::tests::DJANGO];
    let noted = |kind| note(kind, Some(user));
    let end = |session| Change::EndSession { session, reason: EndReason::SignOut, at: seen };
    let end_all =
        |except| Change::EndSessions { user, except, reason: EndReason::SignOutEverywhere, at: seen };
    vec![
        vec![
            Change::OpenSession { whose, session: session(100 + i64::from(number)) },
            Change::NoteSignIn { user, at: seen },
            Change::CapSessions { user, keep: 3, at: seen },
            Change::ClearFailures { user },
            noted(EventKind::SignedIn),
        ],
        vec![Change::CountFailure { account, user: Some(user), at: seen }, noted(EventKind::SignInRefused)],
        vec![end(sessions[0]), noted(EventKind::SignedOut)],
        vec![end(sessions[1]), end(sessions[0]), noted(EventKind::SessionsEnded)],
        vec![end_all(None), Change::CutTokens { user, at: seen }, noted(EventKind::SignedOutEverywhere)],
        vec![
            end_all(Some(sessions[0])),
            Change::CutTokens { user, at: seen },
            noted(EventKind::OtherSessionsEnded),
        ],
        vec![Change::NoteSeen { session: sessions[0], at: seen }],
        vec![Change::MarkFresh { session: sessions[0], epoch: 0, at: seen }, Change::ClearFailures { user }],
        vec![
            Change::EditUser { user, epoch: 0, edit: Box::new(edit), at: seen },
            noted(EventKind::ProfileUpdated),
        ],
        vec![upgrade(bcrypt, django)],
        vec![upgrade(django, bcrypt)],
        vec![
            Change::Factor(FactorChange::AddHalfWay { half_way: Box::new(half_way.clone()), at: seen }),
            Change::ClearFailures { user },
        ],
        vec![
            Change::Factor(FactorChange::UseHalfWay { digest: half_way.digest, at: seen }),
            Change::OpenSession { whose, session: session(10_000 + i64::from(number)) },
            Change::NoteSignIn { user, at: seen },
            noted(EventKind::SignedIn),
        ],
        vec![Change::OpenLink(Box::new(open))],
        vec![
            Change::UseLink { link: LinkId(link), at: seen },
            Change::EndLinks { user, undo: false },
            Change::EndSessions { user, except: None, reason: EndReason::PasswordReset, at: seen },
            Change::ClearFailures { user },
            noted(EventKind::PasswordReset),
        ],
        vec![Change::Factor(FactorChange::Put { user, from: None, to: Box::new(Factors::default()) })],
    ]
}

#[test]
fn lists_about_one_user_never_wait_in_a_circle_and_none_for_long() {
    wait(async {
        let (database, nodes) = two_nodes().await;
        let nodes = nodes.map(Arc::new);
        let user = add(&nodes[0], person(1)).await;
        for number in 1..=4 {
            done(&nodes[0], opening(&user, number)).await;
        }
        let (user, count) = (user.user.id, Arc::new(AtomicU32::new(0)));
        let crowd: Vec<_> = (0..CROWD)
            .map(|member| {
                let (node, count) = (Arc::clone(&nodes[member % 2]), Arc::clone(&count));
                tokio::spawn(async move {
                    let mut longest = Duration::ZERO;
                    for turn in 0..LISTS {
                        let number = count.fetch_add(1, Ordering::Relaxed);
                        let mut all = lists(user, number);
                        let list = all.swap_remove((turn + member * 7) % all.len());
                        let began = Instant::now();
                        // A conflict is an answer; a fault is not.
                        if let Err(fault) = node.record(list.clone()).await {
                            panic!("{fault} after {:?}: {list:?}", began.elapsed());
                        }
                        longest = longest.max(began.elapsed());
                    }
                    longest
                })
            })
            .collect();
        let mut longest = Duration::ZERO;
        for member in crowd {
            longest = longest.max(member.await.unwrap());
        }
        // Circles are found after a second (deadlock_timeout).
        assert!(longest < Duration::from_secs(1), "{longest:?}");
        let circles = "SELECT pg_stat_force_next_flush(); SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        assert_eq!(database.psql(circles).trim(), "0");
    });
}
