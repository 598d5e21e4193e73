//! What do several nodes on one database promise together? (SEC-28, REL-35, REL-37)

use crate::world::{PASSWORD, World, access, opaque, refresh, sign_up};
use countersign_engine::{Place, PostgresAddress, PostgresSettings, Work};
use domain::command::Command;
use domain::limit::Limits;
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::secret::Secret;
use std::sync::Arc;
use testbed::{Cluster, Database, Proxy};

/// Two nodes on one database, which goes with them.
struct Nodes {
    nodes: [Arc<World>; 2],
    _database: Database,
}

impl Nodes {
    async fn new(limits: Limits) -> Nodes {
        let database = Cluster::shared().database();
        let address = PostgresAddress::parse(&database.url()).unwrap();
        let place = Place::Postgres(Box::new(address), PostgresSettings::default());
        let nodes = [
            Arc::new(World::kept(opaque(), limits, place.clone()).await),
            Arc::new(World::kept(opaque(), limits, place).await),
        ];
        Nodes { nodes, _database: database }
    }

    /// Each node in its turn.
    fn turn(&self, number: usize) -> &Arc<World> {
        &self.nodes[number % 2]
    }

    fn hashes(&self) -> u64 {
        self.nodes.iter().map(|node| node.engine.hash_gauges().hashes_total).sum()
    }

    fn advance(&self, seconds: i64) {
        self.nodes.iter().for_each(|node| node.advance(seconds));
    }
}

/// Whether it was refused because of this budget.
fn is_throttled<T>(asked: Result<T, Refusal>, policy: &str) -> bool {
    match asked {
        Ok(_) => false,
        Err(Refusal::Throttled(throttle)) => {
            assert_eq!(throttle.policy, policy);
            true
        }
        Err(refusal) => {
            assert_eq!(refusal, Refusal::InvalidCredentials);
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_two_nodes_in_turn_or_at_once_share_the_budget_of_the_account() {
    // SEC-28
    let nodes = Nodes::new(Limits::DEFAULT).await;
    nodes.turn(0).add("jane").await;
    nodes.turn(0).add("john").await;
    let mut refused = 0;
    for number in 0..20 {
        let wrong = nodes.turn(number).try_sign_in("jane", &format!("wrong {number}")).await;
        refused += u32::from(is_throttled(wrong, "account"));
    }
    assert_eq!(refused, 15);
    let before = nodes.hashes();
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let node = Arc::clone(nodes.turn(number));
            // Few enough at a time for the client's own budgets.
            tokio::spawn(
                async move { node.try_sign_in("john", &format!("wrong {number}")).await.map(|_| ()) },
            )
        })
        .collect();
    for task in tasks {
        drop(task.await.unwrap());
    }
    assert!(nodes.hashes() - before <= 5, "{}", nodes.hashes() - before);
}

#[tokio::test]
async fn a_right_password_at_one_node_forgets_failures_at_both() {
    let nodes = Nodes::new(Limits::DEFAULT).await;
    nodes.turn(0).add("jane").await;
    for number in 0..4 {
        let wrong = nodes.turn(number).try_sign_in("jane", "wrong").await;
        assert!(!is_throttled(wrong, "account"));
    }
    nodes.turn(0).try_sign_in("jane", PASSWORD).await.unwrap();
    for number in 0..5 {
        let wrong = nodes.turn(number).try_sign_in("jane", "wrong").await;
        assert!(!is_throttled(wrong, "account"), "{number}");
    }
    assert!(is_throttled(nodes.turn(1).try_sign_in("jane", PASSWORD).await, "account"));
    nodes.advance(1);
    nodes.turn(1).try_sign_in("jane", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn requests_and_sign_ups_at_two_nodes_share_the_budgets_of_the_client() {
    // SEC-28
    let nodes = Nodes::new(Limits::DEFAULT).await;
    let ask = || Command::CheckEmail { email: "jane@example.com".into() };
    for number in 0..30 {
        let asked = nodes.turn(number).ask(None, ask()).await;
        assert!(matches!(asked, Ok(Outcome::EmailChecked { .. })), "{number}: {asked:?}");
    }
    assert!(is_throttled(nodes.turn(0).ask(None, ask()).await, "requests"));
    nodes.advance(60);
    for number in 0..10 {
        let request = sign_up(&format!("u{number}"), &format!("u{number}@example.com"), PASSWORD);
        nodes.turn(number).ask(None, Command::SignUp(Box::new(request))).await.unwrap();
    }
    let request = || Command::SignUp(Box::new(sign_up("more", "more@example.com", PASSWORD)));
    assert!(is_throttled(nodes.turn(1).ask(None, request()).await, "sign-ups"));
    nodes.advance(360);
    nodes.turn(1).ask(None, request()).await.unwrap();
}

#[tokio::test]
async fn one_password_on_twenty_accounts_at_two_nodes_blocks_the_client_at_both() {
    // SEC-26, SEC-28
    let nodes = Nodes::new(Limits::DEFAULT).await;
    for number in 0..20 {
        nodes.turn(0).add(&format!("user{number}")).await;
    }
    let mut blocked = 0;
    for number in 0..20 {
        let wrong = nodes.turn(number).try_sign_in(&format!("user{number}"), "Summer2024!").await;
        blocked += u32::from(is_throttled(wrong, "pairs"));
    }
    assert_eq!(blocked, 4);
    assert!(is_throttled(nodes.turn(0).try_sign_in("user0", PASSWORD).await, "pairs"));
    nodes.advance(86_400);
    nodes.turn(1).try_sign_in("user0", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn what_ends_at_one_node_has_ended_at_the_other() {
    // REL-35
    let nodes = Nodes::new(Limits::OFF).await;
    nodes.turn(0).add("jane").await;
    for number in 0..50 {
        let tokens = nodes.turn(number).try_sign_in("jane", PASSWORD).await.unwrap();
        let (here, there) = (nodes.turn(number), nodes.turn(number + 1));
        there.ask(Some(access(&tokens)), Command::WhoAmI).await.unwrap();
        here.ask(Some(access(&tokens)), Command::SignOutEverywhere).await.unwrap();
        assert!(there.ask(Some(access(&tokens)), Command::WhoAmI).await.is_err());
        let token = Secret::new(refresh(&tokens));
        assert!(there.ask(None, Command::Refresh { token }).await.is_err());
    }
}

#[tokio::test]
async fn work_in_the_background_is_done_by_one_node_and_handed_over() {
    // REL-37
    let nodes = Nodes::new(Limits::OFF).await;
    let [one, other] = &nodes.nodes;
    for _ in 0..3 {
        assert!(one.engine.leads(Work::Outbox).await.unwrap());
        assert!(!other.engine.leads(Work::Outbox).await.unwrap());
    }
    assert!(other.engine.leads(Work::Tidying).await.unwrap());
    one.engine.step_down().await.unwrap();
    assert!(other.engine.leads(Work::Outbox).await.unwrap());
    assert!(!one.engine.leads(Work::Outbox).await.unwrap());
}

#[tokio::test]
async fn an_exchanged_refresh_token_is_one_look_and_one_statement() {
    let database = Cluster::shared().database();
    let proxy = Proxy::start(database.access().address());
    let address = PostgresAddress::parse(&database.access().at(proxy.address()).url()).unwrap();
    let place = Place::Postgres(Box::new(address), PostgresSettings::default());
    let node = World::kept(opaque(), Limits::OFF, place).await;
    node.add("jane").await;
    let mut tokens = node.try_sign_in("jane", PASSWORD).await.unwrap();
    let exchange = async |tokens: &Tokens| {
        let token = Secret::new(refresh(tokens));
        node.ask(None, Command::Refresh { token }).await.unwrap().tokens().unwrap().clone()
    };
    tokens = exchange(&tokens).await;
    let before = proxy.counts();
    for _ in 0..20 {
        tokens = exchange(&tokens).await;
    }
    let counts = proxy.counts().since(&before);
    assert_eq!((counts.commits, counts.writes), (0, 20));
}
