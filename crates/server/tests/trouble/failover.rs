//! Is anything lost when the primary dies and its standby takes over? (REL-28)

use super::{Tokens, node, refresh, sign_in, sign_up, until_ready};
use crate::world::{Reply, World};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testbed::{Access, Cluster};
use tokio::task::block_in_place;

const CLIENTS: usize = 4;
/// Writes are back so long after the promotion.
const BACK: Duration = Duration::from_secs(10);

/// What a client was told.
#[derive(Default)]
struct Told {
    /// Addresses with the tokens that came last.
    accounts: Vec<(String, Tokens)>,
    /// Questions that were answered with 503.
    faults: u64,
}

#[derive(Clone, Copy)]
enum Ask {
    SignUp,
    SignIn,
    Refresh,
}

/// Asks until the answer is not 503.
async fn insist(told: &mut Told, node: &World, ask: Ask, about: &str) -> Reply {
    loop {
        let reply = match ask {
            Ask::SignUp => sign_up(node, about).await,
            Ask::SignIn => sign_in(node, about).await,
            Ask::Refresh => refresh(node, about).await,
        };
        if reply.status != 503 {
            return reply;
        }
        told.faults += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Signs up and refreshes until it is told to stop.
async fn work(node: Arc<World>, number: usize, over: Arc<AtomicBool>) -> Told {
    let mut told = Told::default();
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        count += 1;
        let email = format!("c{number}-{count}@example.com");
        let before = told.faults;
        let mut reply = insist(&mut told, &node, Ask::SignUp, &email).await;
        if reply.status != 201 {
            // One that was answered with 503 has been done.
            assert!(told.faults > before, "{reply:?}");
            reply = insist(&mut told, &node, Ask::SignIn, &email).await;
        }
        let first = Tokens::of(&reply);
        let reply = insist(&mut told, &node, Ask::Refresh, &first.refresh).await;
        assert_eq!(reply.status, 200, "{email}: {reply:?}");
        told.accounts.push((email, Tokens::of(&reply)));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    told
}

/// An account whose sign-up was asked for.
async fn first_write(node: &World) -> Duration {
    let began = Instant::now();
    let mut count = 0;
    loop {
        count += 1;
        let reply = sign_up(node, &format!("after{count}@example.com")).await;
        if reply.status == 201 {
            return began.elapsed();
        }
        assert!(began.elapsed() < BACK * 2, "{reply:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The address of a database on two servers.
fn both(access: &Access, other: SocketAddr) -> String {
    let (user, password, name) = (access.user(), access.password(), access.name());
    format!("postgres://{user}:{password}@{},{other}/{name}", access.address())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_standby_that_takes_over_has_everything_and_the_old_primary_gets_nothing_more() {
    let primary = Cluster::setup().start();
    let standby = block_in_place(|| {
        let standby = primary.standby();
        standby.synchronous();
        standby
    });
    let database = primary.database();
    let access = database.access();
    let url = both(access, standby.address());
    let node = Arc::new(node(&url).await);
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(work(Arc::clone(&node), number, Arc::clone(&over)))).collect();
    let trouble = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        block_in_place(|| primary.kill());
        tokio::time::sleep(Duration::from_secs(1)).await;
        block_in_place(|| standby.promote());
        let back = first_write(&node).await;
        assert!(back < BACK, "writes are back {back:?} after the promotion");
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The old one comes back and would take writes, too.
        block_in_place(|| {
            primary.start();
            primary.psql("ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf()");
        });
        // Every connection is made again: each is offered the old primary first.
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'countersign'";
        block_in_place(|| standby.psql(cut));
        tokio::time::sleep(Duration::from_secs(2)).await;
        over.store(true, Ordering::Relaxed);
        back
    };
    let back = trouble.await;
    let mut told = Vec::new();
    for client in clients {
        told.push(client.await.unwrap());
    }
    let accounts: Vec<&(String, Tokens)> = told.iter().flat_map(|told| &told.accounts).collect();
    let faults: u64 = told.iter().map(|told| told.faults).sum();
    assert!(faults > 0, "nobody noticed");
    println!("{} accounts, {faults} faults, writes back {back:?} after the promotion", accounts.len());
    until_ready(&node, true, BACK).await;
    let led = standby.access().of(access.name());
    let there = block_in_place(|| led.psql("SELECT email FROM users"));
    for (email, tokens) in &accounts {
        assert!(there.lines().any(|line| line == email), "{email} is lost");
        let reply = refresh(&node, &tokens.refresh).await;
        assert_eq!(reply.status, 200, "{email}: {reply:?}");
    }
    let (email, _) = accounts.last().unwrap();
    assert_eq!(sign_in(&node, email).await.status, 200);
    // The old primary has nothing that the new one does not know.
    let stray = block_in_place(|| access.psql("SELECT email FROM users"));
    let stray: Vec<&str> = stray.lines().filter(|line| !there.lines().any(|known| known == *line)).collect();
    assert!(stray.is_empty(), "written to the old primary: {stray:?}");
    // Nor does a node that starts now, though it is offered the old primary first.
    let late = super::node(&url).await;
    assert_eq!(sign_up(&late, "late@example.com").await.status, 201);
    let late = "SELECT count(*) FROM users WHERE email = 'late@example.com'";
    assert_eq!(block_in_place(|| (led.psql(late), access.psql(late))), ("1".to_owned(), "0".to_owned()));
}
