//! Does anybody get a fault because others want the same at the same time, at two nodes? (REL-25, SEC-27)

use crate::world::{PASSWORD, World, access, refresh};
use countersign_engine::Error;
use domain::command::{Command, Login, UpdateProfile};
use domain::house::RecoveryRules;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::secret::Secret;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testbed::{Cluster, Database};

const CROWD: usize = 20;
const MAIL: RecoveryRules = RecoveryRules { mail: true, ..RecoveryRules::DEFAULT };

async fn two_nodes() -> (Database, [Arc<World>; 2]) {
    let database = Cluster::shared().database();
    let first = World::node(database.access(), MAIL).await;
    let second = World::node(database.access(), MAIL).await;
    (database, [Arc::new(first), Arc::new(second)])
}

/// The answer; a fault is a failed test, and so is a long wait.
async fn ask(world: &World, bearer: Option<&str>, command: Command) -> Result<Outcome, Refusal> {
    let verb = command.verb();
    let began = Instant::now();
    let answer = world.engine.perform(&world.caller(bearer), command).await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{verb:?} took {took:?}");
    match answer {
        Ok(outcome) => Ok(outcome),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(Error::Fault(fault)) => panic!("{verb:?}: {fault} after {took:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_ask_for_a_letter_at_the_same_time_one_gets_it_and_none_a_fault() {
    let (database, nodes) = two_nodes().await;
    for round in 0..20 {
        let name = format!("jane{round}");
        nodes[0].add(&name).await;
        let crowd: Vec<_> = (0..CROWD)
            .map(|member| {
                let (node, login) = (Arc::clone(&nodes[member % 2]), Login::Username(name.clone()));
                tokio::spawn(async move { ask(&node, None, Command::RequestReset { login }).await })
            })
            .collect();
        for member in crowd {
            member.await.unwrap().unwrap();
        }
        let letters = format!("SELECT count(*) FROM outbox WHERE recipient ILIKE '{name}@%'");
        assert_eq!(database.psql(&letters), "1", "{name}");
    }
}

/// What one of the crowd does in turn, all of them to the same account.
async fn turn(node: &World, turn: usize) {
    let sign_in = |password: &str| Command::SignIn {
        login: Login::Username("jane".into()),
        password: Secret::new(password),
        exact: false,
        otp: None,
    };
    let tokens = ask(node, None, sign_in(PASSWORD)).await.unwrap().tokens().unwrap().clone();
    let bearer = Some(access(&tokens));
    let command = match turn % 7 {
        0 => sign_in("wrong"),
        1 => Command::Refresh { token: Secret::new(refresh(&tokens)) },
        2 => Command::SignOutEverywhere,
        3 => Command::EndOtherSessions,
        4 => {
            let first_name = Some(format!("n{turn}"));
            Command::UpdateProfile(Box::new(UpdateProfile { first_name, ..UpdateProfile::default() }))
        }
        5 => Command::Reauthenticate { password: Secret::new(PASSWORD), otp: None },
        _ => Command::RequestReset { login: Login::Username("jane".into()) },
    };
    // Others may have ended the session meanwhile: a refusal is an answer.
    ask(node, bearer, command).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_about_one_account_is_answered_without_a_fault() {
    let (database, nodes) = two_nodes().await;
    nodes[0].add("jane").await;
    let crowd: Vec<_> = (0..CROWD)
        .map(|member| {
            let node = Arc::clone(&nodes[member % 2]);
            tokio::spawn(async move {
                for number in 0..14 {
                    turn(&node, member * 3 + number).await;
                }
            })
        })
        .collect();
    for member in crowd {
        member.await.unwrap();
    }
    let circles = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.psql(circles), "0");
    let report = nodes[1].engine.verify_trail(None, None, |_| {}).await.unwrap();
    assert!(report.flaw.is_none(), "{:?}", report.flaw);
}
