//! When is which letter sent, and when is it tried again? (REL-44)

use super::{Office, file_name};
use crate::App;
use domain::link::LinkKind;
use domain::time::Moment;
use engine::{Engine, Fault, Post, Work};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The outbox is looked at this often, at least: another process may have written into it.
const LOOK: Duration = Duration::from_secs(15);
/// The same where several nodes write into it: one that can not wake this one must not wait long.
const LOOK_AMONG_NODES: Duration = Duration::from_secs(1);
/// How often a node that does not send letters asks whether it is to.
const ASK: Duration = Duration::from_secs(2);
/// Longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(3600);
/// When the outbox can not be read.
const AFTER_FAULT: Duration = Duration::from_secs(5);
/// A queue that is older than this is told of in the log.
const OLD_SECONDS: i64 = 300;
/// But not more often than this.
const COMPLAIN_SECONDS: i64 = 300;

/// Sends letters until `quitting` says stop, then finishes those on the wire. Does nothing when letters are off.
pub async fn work(app: App, mut quitting: watch::Receiver<bool>) {
    let Some(office) = app.office() else { return };
    let engine = app.engine().clone();
    let mut leads = false;
    let mut sending: JoinSet<()> = JoinSet::new();
    let mut complained = Moment::from_millis(0);
    while !*quitting.borrow() {
        let free = office.parallel.saturating_sub(sending.len());
        let posted = engine.letter_posted();
        let led = leads;
        leads = take_over(&engine, led).await;
        if led && !leads {
            tracing::info!("another node sends the letters from now on");
        }
        let pause = match claim(&engine, if leads { free } else { 0 }).await {
            Ok(_) if !leads => ASK,
            Ok(posts) => {
                for post in posts {
                    sending.spawn(send(engine.clone(), Arc::clone(&office), post));
                }
                complain(&engine, &mut complained).await;
                rest(&engine).await
            }
            Err(fault) => {
                tracing::error!(%fault, "the outbox can not be read");
                AFTER_FAULT
            }
        };
        let full = sending.len() >= office.parallel;
        tokio::select! {
            () = posted, if !full => {}
            () = tokio::time::sleep(pause), if !full => {}
            Some(_) = sending.join_next() => {}
            _ = quitting.changed() => {}
        }
    }
    while sending.join_next().await.is_some() {}
    // What is on the wire is noted; whoever follows finds nothing of this node's.
    if let Err(fault) = engine.step_down().await {
        tracing::debug!(%fault, "other nodes take over a little later");
    }
}

/// Whether letters are this node's work now. When they were not before, what is claimed was claimed by one that is gone.
async fn take_over(engine: &Engine, before: bool) -> bool {
    match engine.leads(Work::Outbox).await {
        Ok(true) if !before => match engine.release_letters().await {
            Ok(()) => true,
            Err(fault) => {
                tracing::error!(%fault, "the outbox can not be read");
                false
            }
        },
        Ok(leads) => leads,
        Err(fault) => {
            tracing::error!(%fault, "the outbox can not be read");
            false
        }
    }
}

async fn claim(engine: &Engine, free: usize) -> Result<Vec<Post>, Fault> {
    if free == 0 {
        return Ok(Vec::new());
    }
    engine.letters_due(u32::try_from(free).unwrap_or(1)).await
}

/// Until the next letter is due.
async fn rest(engine: &Engine) -> Duration {
    let look = if engine.is_shared() { LOOK_AMONG_NODES } else { LOOK };
    let (Ok(Some(next)), now) = (engine.next_letter().await, engine.clock().now()) else { return look };
    let millis = next.millis().saturating_sub(now.millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or_default()).min(look)
}

/// Tries one letter and writes down what became of it.
async fn send(engine: Engine, office: Arc<Office>, post: Post) {
    let name = file_name(post.id, post.letter, post.written_at);
    let token = LinkKind::of(post.letter).zip(post.link).map(|(kind, link)| engine.link_token(kind, link));
    let done = match office.write(&post, token.as_ref()) {
        Ok(message) => office.carry(&message, &name).await,
        Err(why) => Err(super::Refused { for_good: true, why }),
    };
    let noted = match done {
        Ok(said) => {
            tracing::info!(letter = name, tries = post.tries, said, "a letter was sent");
            engine.letter_sent(post.id).await
        }
        Err(refused) => {
            let chance = engine.chance().number().unwrap_or_default();
            let wait = if refused.for_good { LONGEST } else { wait(office.retry, post.tries, chance) };
            let again = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            let now = engine.clock().now().millis();
            let due = Moment::from_millis(now.saturating_add(i64::try_from(again).unwrap_or(i64::MAX)));
            tracing::warn!(
                letter = name,
                tries = post.tries,
                why = refused.why,
                again,
                "a letter was not taken"
            );
            engine.letter_postponed(&post, due).await
        }
    };
    if let Err(fault) = noted {
        tracing::error!(letter = name, %fault, "what became of a letter was not written down; it may arrive twice");
    }
}

/// The wait after the `tries`th try: it doubles up to an hour; a fifth of it is left to chance, so that letters that
/// failed together do not come back together.
fn wait(first: Duration, tries: u32, chance: u32) -> Duration {
    let doubled =
        first.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1).min(16)).unwrap_or(u32::MAX));
    let whole = doubled.min(LONGEST);
    whole.mul_f64(0.8 + 0.2 * f64::from(chance) / f64::from(u32::MAX))
}

async fn complain(engine: &Engine, last: &mut Moment) {
    let now = engine.clock().now();
    let Ok(gauges) = engine.outbox_gauges().await else { return };
    let age = gauges.oldest.map_or(0, |oldest| now.seconds() - oldest.seconds());
    if age > OLD_SECONDS && now.seconds() - last.seconds() >= COMPLAIN_SECONDS {
        tracing::warn!(waiting = gauges.waiting, oldest_seconds = age, "letters wait to be sent");
        *last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // REL-44
    #[test]
    fn waits_double_up_to_an_hour_and_differ() {
        let first = Duration::from_secs(5);
        let most = |tries| wait(first, tries, u32::MAX).as_secs();
        assert_eq!([1, 2, 3, 4].map(most), [5, 10, 20, 40]);
        assert_eq!([11, 40, u32::MAX].map(most), [3600; 3]);
        assert_eq!(wait(first, 1, 0), Duration::from_secs(4));
    }
}
