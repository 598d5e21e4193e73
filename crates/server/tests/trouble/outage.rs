//! Is every answer quick, and none a wrong yes, while the database does not answer?

use super::{Tokens, is_ready, me, node, refresh, sign_in, sign_out, sign_up, until_ready};
use crate::world::{Reply, World};
use std::time::{Duration, Instant};
use testbed::{Cluster, Proxy, Stop};
use tokio::task::block_in_place;

/// Three seconds are promised (REL-22); more only for a machine that has other work.
const LONGEST: Duration = Duration::from_millis(4500);
/// Two seconds are promised (REL-21).
const TOLD: Duration = Duration::from_millis(4000);
/// What no database is needed for.
const QUICK: Duration = Duration::from_millis(1000);

/// Somebody who is signed in, and somebody who has signed out.
struct People {
    here: Tokens,
    gone: Tokens,
}

async fn people(node: &World) -> People {
    let here = Tokens::of(&sign_up(node, "here@example.com").await);
    let gone = Tokens::of(&sign_up(node, "gone@example.com").await);
    assert_eq!(sign_out(node, &gone).await.status, 204);
    People { here, gone }
}

#[track_caller]
fn expect_503(what: &str, reply: &Reply, took: Duration) {
    assert!(took < LONGEST, "{what} was answered after {took:?}");
    assert_eq!(reply.status, 503, "{what} after {took:?}: {reply:?}");
    assert!(reply.header("retry-after").is_some(), "{what}: {reply:?}");
}

async fn timed(asked: impl Future<Output = Reply>) -> (Reply, Duration) {
    let began = Instant::now();
    let reply = asked.await;
    (reply, began.elapsed())
}

/// Asks everything at once, as often as the outage lasts.
async fn suffer(node: &World, people: &People, lasts: Duration) {
    let began = Instant::now();
    while began.elapsed() < lasts {
        let ((a, at), (b, bt), (c, ct), (d, dt), (e, et), (f, ft)) = tokio::join!(
            timed(me(node, &people.here.access)),
            timed(me(node, &people.gone.access)),
            timed(refresh(node, &people.here.refresh)),
            timed(refresh(node, &people.gone.refresh)),
            timed(sign_in(node, "here@example.com")),
            timed(sign_up(node, "new@example.com")),
        );
        for (what, reply, took) in [
            ("me", a, at),
            ("me of a revoked token", b, bt),
            ("refresh", c, ct),
            ("refresh of a revoked token", d, dt),
            ("sign-in", e, et),
            ("sign-up", f, ft),
        ] {
            expect_503(what, &reply, took);
        }
    }
}

/// Public keys and liveness do not wait for the database.
async fn stays_quick(node: &World, lasts: Duration) {
    let began = Instant::now();
    while began.elapsed() < lasts {
        for path in ["/.well-known/jwks.json", "/health/live"] {
            let (reply, took) = timed(node.ask("GET", path, "", "")).await;
            assert_eq!(reply.status, 200, "{path}");
            assert!(took < QUICK, "{path} took {took:?}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Breaks the database, looks at the answers, mends it, and looks again.
async fn survives(node: &World, what: &str, fail: impl FnOnce(), mend: impl FnOnce()) {
    let people = people_once(node).await;
    block_in_place(fail);
    let lasts = Duration::from_secs(4);
    let (told, (), ()) =
        tokio::join!(until_ready(node, false, TOLD), suffer(node, &people, lasts), stays_quick(node, lasts));
    assert!(!is_ready(node).await, "ready again without a database");
    block_in_place(mend);
    let back = until_ready(node, true, TOLD).await;
    println!("{what}: not ready after {told:?}, ready again {back:?} after it was mended");
    assert_eq!(me(node, &people.here.access).await.status, 200);
    assert_eq!(me(node, &people.gone.access).await.status, 401);
    // What was asked in vain may have been done; the same question has the same answer.
    let again = refresh(node, &people.here.refresh).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(refresh(node, &people.gone.refresh).await.status, 401);
    assert_eq!(sign_out(node, &Tokens::of(&again)).await.status, 204);
}

/// New ones for each kind of trouble.
async fn people_once(node: &World) -> People {
    let found = sign_in(node, "here@example.com").await;
    if found.status != 200 {
        return people(node).await;
    }
    let gone = Tokens::of(&sign_in(node, "gone@example.com").await);
    assert_eq!(sign_out(node, &gone).await.status, 204);
    People { here: Tokens::of(&found), gone }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_stops_hangs_or_refuses_gives_503_and_is_used_again_when_it_is_back() {
    let cluster = Cluster::setup().start();
    let database = cluster.database();
    let node = node(&database.url()).await;
    survives(&node, "stopped", || cluster.stop(Stop::Fast), || cluster.start()).await;
    survives(&node, "killed", || cluster.kill(), || cluster.start()).await;
    survives(&node, "paused", || cluster.pause(), || cluster.resume()).await;
    let written = || database.psql("SELECT count(*) FROM events WHERE kind = 'refresh_reuse'");
    assert_eq!(block_in_place(written), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_network_that_swallows_everything_gives_503_and_heals() {
    let database = Cluster::shared().database();
    let proxy = Proxy::start(database.access().address());
    let node = node(&database.access().at(proxy.address()).url()).await;
    survives(&node, "stalled", || proxy.stall(), || proxy.pass()).await;
    survives(&node, "answers stalled", || proxy.stall_answers(), || proxy.pass()).await;
    let cut = || {
        proxy.refuse();
        proxy.drop_all();
    };
    survives(&node, "cut and refused", cut, || proxy.pass()).await;
}
