//! Who wins when two nodes want the same thing at the same moment? (REL-35, REL-36)

use super::*;
use domain::change::{Applied, Conflict, FactorChange};
use domain::factor::half_way::{HalfWay, HalfWayKind};
use domain::id::SessionId;
use domain::letter::LinkId;
use domain::link::{LinkKind, NewLink};
use domain::session::EndReason;
use domain::token::Digest;
use domain::user::NewUser;
use std::sync::Arc;

const ROUNDS: u32 = 1000;
/// Rounds that run at the same time, so that other work is in the way, too.
const LANES: u32 = 4;

type Outcomes = [Result<Applied, Conflict>; 2];

/// Gives each node its list at the same moment.
async fn at_once(nodes: &[Arc<Store>; 2], lists: [Vec<Change>; 2]) -> Outcomes {
    let asked = |node: usize, list: Vec<Change>| {
        let node = Arc::clone(&nodes[node]);
        tokio::spawn(async move { node.record(list).await.unwrap() })
    };
    let [first, second] = lists;
    let (first, second) = (asked(0, first), asked(1, second));
    [first.await.unwrap(), second.await.unwrap()]
}

/// The place of the one that was applied. The other must have met this conflict.
#[track_caller]
fn winner(outcomes: Outcomes, conflicts: &[Conflict]) -> usize {
    match outcomes {
        [Ok(_), Err(conflict)] if conflicts.contains(&conflict) => 0,
        [Err(conflict), Ok(_)] if conflicts.contains(&conflict) => 1,
        outcomes => panic!("{outcomes:?}"),
    }
}

/// Runs the rounds of one lane after the other, several lanes at the same time; gives how often each node won.
fn rounds<F>(race: fn(Arc<[Arc<Store>; 2]>, u32) -> F) -> [u32; 2]
where
    F: Future<Output = usize> + Send + 'static,
{
    wait(async {
        let (_database, nodes) = two_nodes().await;
        let nodes: Arc<[Arc<Store>; 2]> = Arc::new(nodes.map(Arc::new));
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let nodes = Arc::clone(&nodes);
                tokio::spawn(async move {
                    let mut won = [0; 2];
                    for round in (lane..ROUNDS).step_by(usize::try_from(LANES).unwrap()) {
                        won[race(Arc::clone(&nodes), round).await] += 1;
                    }
                    won
                })
            })
            .collect();
        let mut won = [0; 2];
        for lane in lanes {
            let [first, second] = lane.await.unwrap();
            won = [won[0] + first, won[1] + second];
        }
        assert!(won.iter().all(|times| *times > 0) && won[0] + won[1] == ROUNDS, "{won:?}");
        won
    })
}

/// Somebody with a session of the same number.
async fn somebody(node: &Store, round: u32) -> Account {
    let list = sign_up(round + 1);
    let user = done(node, list).await.user.unwrap();
    node.account_by_id(user).await.unwrap().unwrap()
}

#[test]
fn one_refresh_token_has_one_successor() {
    rounds(|nodes, round| async move {
        let number = i64::from(round + 1);
        somebody(&nodes[round as usize % 2], round).await;
        let rotate = |to: &str| {
            vec![Change::RotateSession {
                session: SessionId(number),
                from: Digest::of(&format!("token {number}.0")),
                to: Digest::of(to),
                at: at(1500),
                refresh_expires_at: at(2500),
            }]
        };
        let won = winner(at_once(&nodes, [rotate("a"), rotate("b")]).await, &[Conflict::Stale]);
        let (found, _) = nodes[1 - won].session(SessionId(number)).await.unwrap().unwrap();
        assert_eq!((found.counter, found.digest), (1, Some(Digest::of(["a", "b"][won]))));
        won
    });
}

#[test]
fn one_half_way_token_is_used_once() {
    rounds(|nodes, round| async move {
        let user = somebody(&nodes[0], round).await;
        let digest = Digest::of(&format!("half {round}"));
        let half_way = HalfWay {
            digest,
            kind: HalfWayKind::Answer,
            user: user.user.id,
            epoch: user.epoch,
            contract: "native".to_owned(),
            expires_at: at(2000),
        };
        let add = FactorChange::AddHalfWay { half_way: Box::new(half_way), at: at(1000) };
        done(&nodes[0], vec![Change::Factor(add)]).await;
        let answer = |number: i64| {
            let number = i64::from(round) * 10 + 1_000_000 + number;
            let used = vec![Change::Factor(FactorChange::UseHalfWay { digest, at: at(1500) })];
            [used, opening(&user, number)].concat()
        };
        winner(at_once(&nodes, [answer(1), answer(2)]).await, &[Conflict::Stale])
    });
}

#[test]
fn one_link_is_used_once() {
    rounds(|nodes, round| async move {
        let user = somebody(&nodes[0], round).await;
        let mut id = [7; 16];
        id[..4].copy_from_slice(&round.to_be_bytes());
        let link = NewLink {
            id: LinkId(id),
            kind: LinkKind::ResetPassword,
            user: Some(user.user.id),
            bound: person(round + 1).email.map(|(_, key)| key),
            address: None,
            expires_at: at(2000),
            at: at(1000),
        };
        done(&nodes[0], vec![Change::OpenLink(Box::new(link))]).await;
        let reset = || {
            vec![
                Change::UseLink { link: LinkId(id), at: at(1500) },
                Change::SetPassword { user: user.user.id, epoch: user.epoch, hash: None, at: at(1500) },
                Change::EndSessions {
                    user: user.user.id,
                    except: None,
                    reason: EndReason::PasswordReset,
                    at: at(1500),
                },
                note(EventKind::PasswordReset, Some(user.user.id)),
            ]
        };
        let outcomes = at_once(&nodes, [reset(), reset()]).await;
        assert_eq!(outcomes.iter().flatten().map(|applied| applied.sessions_ended).sum::<u64>(), 1);
        winner(outcomes, &[Conflict::Stale])
    });
}

#[test]
fn one_address_has_one_account() {
    rounds(|nodes, round| async move {
        let made = |other: u32| {
            let [mut number, by] = [round + 1, other * 1_000_000];
            number += by;
            let email = person(round + 1).email;
            vec![
                Change::AddUser(Box::new(NewUser { email, ..person(number) })),
                Change::OpenSession { whose: Whose::Added, session: session(number.into()) },
                note(EventKind::SignedUp, None),
            ]
        };
        winner(at_once(&nodes, [made(1), made(2)]).await, &[Conflict::EmailTaken])
    });
}

#[test]
fn what_one_node_has_ended_no_other_takes_for_alive() {
    rounds(|nodes, round| async move {
        let (ends, looks) = (round as usize % 2, 1 - round as usize % 2);
        let number = i64::from(round + 1);
        let user = somebody(&nodes[looks], round).await;
        assert!(nodes[looks].session(SessionId(number)).await.unwrap().unwrap().0.ended.is_none());
        let end = Change::EndSession { session: SessionId(number), reason: EndReason::SignOut, at: at(1600) };
        done(&nodes[ends], vec![end, note(EventKind::SignedOut, Some(user.user.id))]).await;
        assert!(nodes[looks].session(SessionId(number)).await.unwrap().unwrap().0.ended.is_some());
        let rotate = Change::RotateSession {
            session: SessionId(number),
            from: Digest::of(&format!("token {number}.0")),
            to: Digest::of("successor"),
            at: at(1700),
            refresh_expires_at: at(2500),
        };
        assert_eq!(nodes[looks].record(vec![rotate]).await.unwrap(), Err(Conflict::Stale));
        ends
    });
}
