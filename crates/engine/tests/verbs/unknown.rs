//! What do clients have of a PostgreSQL whose connections die around COMMIT, a thousand times? (REL-24)

use crate::world::{PASSWORD, World, access, refresh, sign_up};
use countersign_engine::{Error, EventQuery};
use domain::command::{Command, Login};
use domain::contract::Rotation;
use domain::house::RecoveryRules;
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::secret::Secret;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testbed::{At, Cluster, Proxy};

const CUTS: u64 = 1000;
const CLIENTS: u64 = 8;
/// A client does not wait longer for an answer (REL-22), with time for a busy machine.
const LONGEST: Duration = Duration::from_secs(5);

/// What happened to all clients.
#[derive(Default)]
struct Sum {
    asked: AtomicU64,
    faults: AtomicU64,
}

/// Somebody who asks again until there is an answer.
struct Client {
    world: Arc<World>,
    sum: Arc<Sum>,
    number: u64,
    accounts: u64,
}

/// An account, as far as answers told.
struct Account {
    name: String,
    password: String,
    tokens: Option<Tokens>,
}

impl Client {
    /// Asks until the answer is no fault; gives it with the number of faults before.
    async fn ask(
        &self,
        bearer: Option<&str>,
        command: impl Fn() -> Command,
    ) -> (Result<Outcome, Refusal>, u32) {
        let mut faults = 0;
        loop {
            let began = Instant::now();
            let answer = self.world.engine.perform(&self.world.caller(bearer), command()).await;
            assert!(began.elapsed() < LONGEST, "an answer after {:?}", began.elapsed());
            self.sum.asked.fetch_add(1, Ordering::Relaxed);
            match answer {
                Ok(outcome) => return (Ok(outcome), faults),
                Err(Error::Refused(refusal)) => return (Err(refusal), faults),
                Err(Error::Fault(fault)) => {
                    faults += 1;
                    self.sum.faults.fetch_add(1, Ordering::Relaxed);
                    assert!(faults < 20, "{fault}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    async fn sign_up(&mut self) -> Account {
        self.accounts += 1;
        let name = format!("c{}a{}", self.number, self.accounts);
        let email = format!("{name}@example.com");
        let command = || Command::SignUp(Box::new(sign_up(&name, &email, PASSWORD)));
        let tokens = match self.ask(None, command).await {
            (Ok(outcome), _) => outcome.tokens().cloned(),
            // Only what a try with a fault has done can be in the way.
            (Err(refusal), faults) => {
                assert!(
                    faults > 0 && refusal.code().contains("invalid"),
                    "{refusal:?} after {faults} faults"
                );
                None
            }
        };
        Account { name, password: PASSWORD.to_owned(), tokens }
    }

    async fn sign_in(&self, account: &mut Account) {
        let (answer, _) = self.ask(None, || sign_in(&account.name, &account.password)).await;
        account.tokens = answer.unwrap().tokens().cloned();
    }

    /// Exchanges the refresh token and asks once more with the old one, as a client does that missed the answer.
    async fn refresh(&self, account: &mut Account) {
        let old = refresh(account.tokens.as_ref().unwrap()).to_owned();
        let command = || Command::Refresh { token: Secret::new(old.clone()) };
        let first = self.ask(None, command).await.0.unwrap().tokens().unwrap().clone();
        let again = self.ask(None, command).await.0.unwrap().tokens().unwrap().clone();
        assert_ne!(refresh(&first), old);
        assert_eq!(refresh(&again), refresh(&first), "another successor");
        account.tokens = Some(again);
    }

    async fn sign_out(&self, account: &mut Account) {
        let tokens = account.tokens.take().unwrap();
        let token = refresh(&tokens).to_owned();
        let command = || Command::SignOut {
            refresh: Some(Secret::new(token.clone())),
            access: None,
            needs_access: false,
        };
        self.ask(Some(access(&tokens)), command).await.0.ok();
        let command = || Command::Refresh { token: Secret::new(token.clone()) };
        assert_eq!(self.ask(None, command).await.0.unwrap_err(), Refusal::TokenRevoked);
    }

    async fn change_password(&self, account: &mut Account, turn: u64) {
        let bearer = access(account.tokens.as_ref().unwrap()).to_owned();
        let new = format!("{PASSWORD} {turn}");
        let command = || Command::ChangePassword {
            current: Secret::new(account.password.clone()),
            new: Secret::new(new.clone()),
        };
        let (answer, faults) = self.ask(Some(&bearer), command).await;
        if let Err(refusal) = answer {
            // A try with a fault has changed it, and so the current one is wrong now.
            assert!(faults > 0, "{refusal:?}");
        }
        let (old, _) = self.ask(None, || sign_in(&account.name, &account.password)).await;
        assert!(old.is_err(), "the old password still opens the account");
        account.password = new;
        self.sign_in(account).await;
    }

    /// Works until so many connections were cut.
    async fn work(mut self, proxy: Arc<Proxy>) -> Vec<Account> {
        let mut accounts = Vec::new();
        while proxy.counts().cuts < CUTS {
            let mut account = self.sign_up().await;
            if account.tokens.is_none() {
                self.sign_in(&mut account).await;
            }
            for turn in 0..4 {
                self.refresh(&mut account).await;
                if turn == 1 {
                    self.change_password(&mut account, self.accounts).await;
                }
            }
            if self.accounts.is_multiple_of(2) {
                self.sign_out(&mut account).await;
            }
            accounts.push(account);
        }
        accounts
    }
}

fn sign_in(name: &str, password: &str) -> Command {
    Command::SignIn {
        login: Login::Username(name.into()),
        password: Secret::new(password),
        exact: false,
        otp: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_connections_that_die_at_a_commit_harm_nobody() {
    let database = Cluster::shared().database();
    let proxy = Arc::new(Proxy::start(database.access().address()));
    let world = Arc::new(World::node(&database.access().at(proxy.address()), RecoveryRules::default()).await);
    let sum = Arc::new(Sum::default());
    proxy.cut_at_random(At::Commit, 0.5, 24);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (world, sum) = (Arc::clone(&world), Arc::clone(&sum));
            tokio::spawn(Client { world, sum, number, accounts: 0 }.work(Arc::clone(&proxy)))
        })
        .collect();
    let mut accounts = Vec::new();
    for client in clients {
        accounts.extend(client.await.unwrap());
    }
    proxy.cut_nothing();
    let [asked, faults] = [&sum.asked, &sum.faults].map(|count| count.load(Ordering::Relaxed));
    // Nearly always it is found out in time what became of a commit.
    assert!(faults * 20 < asked, "{faults} of {asked} questions were answered with a fault");
    // Nothing that was acknowledged is lost: the last password opens each account, the last token lives.
    for account in &accounts {
        if let Some(tokens) = &account.tokens {
            world.refresh(refresh(tokens)).await.unwrap();
        }
        world.try_sign_in(&account.name, &account.password).await.unwrap();
    }
    let is = |sql: &str, expected: &str| assert_eq!(database.psql(sql), expected, "{sql}");
    is("SELECT count(*) FROM users", &accounts.len().to_string());
    is("SELECT count(*) FROM events WHERE kind = 'refresh_reuse'", "0");
    is("SELECT count(*) FROM sessions WHERE end_reason = 'refresh_reuse'", "0");
    // Nothing is half done, and nothing was done twice.
    let told = |kind: &str| format!("(SELECT count(*) FROM events WHERE user_id = u.id AND kind = '{kind}')");
    is(&format!("SELECT count(*) FROM users u WHERE {} <> 1", told("signed_up")), "0");
    is(&format!("SELECT count(*) FROM users u WHERE {} <> epoch", told("password_changed")), "0");
    is(
        &format!(
            "SELECT count(*) FROM users u WHERE (SELECT count(*) FROM sessions WHERE user_id = u.id) <> {} + {}",
            told("signed_up"),
            told("signed_in")
        ),
        "0",
    );
    let report = world.engine.verify_trail(None, None, |_| {}).await.unwrap();
    assert!(report.flaw.is_none(), "{:?}", report.flaw);
    assert!(!world.engine.events(&EventQuery::default(), 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outage_longer_than_the_grace_ends_no_family() {
    let database = Cluster::shared().database();
    let proxy = Proxy::start(database.access().address());
    let through = database.access().at(proxy.address());
    let mut world = World::node(&through, RecoveryRules::default()).await;
    world.contract.refresh.as_mut().unwrap().rotation = Rotation::Rotate { grace_seconds: 2 };
    world.add("jane").await;
    let first = refresh(&world.sign_in("jane").await).to_owned();
    // The answer to this one never arrives.
    let second = refresh(&world.refresh(&first).await.unwrap()).to_owned();
    proxy.refuse();
    proxy.drop_all();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!world.engine.is_ready());
    proxy.pass();
    let began = Instant::now();
    while !world.engine.is_ready() {
        assert!(began.elapsed() < LONGEST, "the database is back and not used");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(refresh(&world.refresh(&first).await.unwrap()), second);
    // Soon after, a predecessor is what it always is.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.refresh(&first).await.unwrap_err(), Refusal::TokenReused);
}
