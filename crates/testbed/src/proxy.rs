//! How does a connection to PostgreSQL break exactly where a test wants it to?

mod client;
mod counts;
mod dialogue;
mod plan;
mod relay;
mod server;
mod sql;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

pub use counts::Counts;
use dialogue::Fate;
use plan::Plan;
pub use plan::{At, Side};

/// A TCP proxy in front of a PostgreSQL server, on a port of its own of 127.0.0.1.
///
/// It listens to what goes through as long as that is not encrypted, so that it can cut a connection at a commit; what is
/// encrypted it passes on unread. It runs on a thread of its own, whatever the test does with its, until it is dropped,
/// which cuts all connections.
///
/// Its modes are [`pass`](Proxy::pass), [`stall`](Proxy::stall), [`stall_answers`](Proxy::stall_answers),
/// [`refuse`](Proxy::refuse) and [`delay`](Proxy::delay); the last one called holds, for the connections there are as for
/// new ones. Cuts at commits hold beside any mode, one plan at a time.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: Mutex<SocketAddr>,
    weather: watch::Sender<Weather>,
    fate: Arc<Fate>,
}

/// What all connections go through.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    mode: Mode,
    /// How often all connections were cut.
    cuts: u64,
    /// The proxy is being dropped.
    over: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Pass,
    Stall,
    StallAnswers,
    Refuse,
    Delay(Duration),
}

impl Proxy {
    /// A proxy that passes everything on to this address.
    pub fn start(target: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port of 127.0.0.1");
        let address = listener.local_addr().expect("a listener has an address");
        let (weather, _) = watch::channel(Weather::default());
        let shared = Arc::new(Shared { target: Mutex::new(target), weather, fate: Arc::default() });
        let served = shared.clone();
        let thread = std::thread::spawn(move || run(listener, &served));
        Proxy { address, shared, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Passes new connections on to another address.
    pub fn retarget(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = target;
    }

    /// Passes everything on, also what was stalled.
    pub fn pass(&self) {
        self.mode(Mode::Pass);
    }

    /// Accepts connections and passes nothing on, in neither direction.
    pub fn stall(&self) {
        self.mode(Mode::Stall);
    }

    /// The server hears everything, the client nothing.
    pub fn stall_answers(&self) {
        self.mode(Mode::StallAnswers);
    }

    /// Closes new connections at once. The ones there are go on.
    pub fn refuse(&self) {
        self.mode(Mode::Refuse);
    }

    /// Whatever is said takes this much longer to arrive, in each direction. Whole milliseconds.
    pub fn delay(&self, delay: Duration) {
        self.mode(Mode::Delay(delay));
    }

    fn mode(&self, mode: Mode) {
        self.shared.weather.send_modify(|weather| weather.mode = mode);
    }

    /// Cuts all connections there are now; what they had not yet passed on is lost.
    pub fn drop_all(&self) {
        self.shared.weather.send_modify(|weather| weather.cuts += 1);
    }

    /// Cuts the connection that sends the n-th next COMMIT, before the server hears of it. The first is number 1.
    pub fn cut_before_commit(&self, n: u64) {
        self.cut(At::Commit, Side::Before, n);
    }

    /// Cuts the connection that sends the n-th next COMMIT when the server has answered it, without passing that on.
    pub fn cut_after_commit(&self, n: u64) {
        self.cut(At::Commit, Side::After, n);
    }

    /// As [`Proxy::cut_after_commit`], and an INSERT, UPDATE, DELETE or MERGE outside a transaction counts as well.
    pub fn cut_after_any_write(&self, n: u64) {
        self.cut(At::AnyWrite, Side::After, n);
    }

    /// Cuts the connection of the n-th commit from now on, before or after it, once. It replaces what was planned before.
    ///
    /// The count goes by what clients send, over all connections. After a commit that turns out to fail (the transaction
    /// was aborted, a constraint refuses it) nothing is cut, and the next one takes its place.
    pub fn cut(&self, at: At, side: Side, n: u64) {
        self.plan(Plan::nth(at, side, n));
    }

    /// Cuts the connection of every commit with this probability, before or after it by turns of the same chance.
    ///
    /// The same seed hits the same commits, counted over all connections in the order of their arrival.
    pub fn cut_at_random(&self, at: At, probability: f64, seed: u64) {
        self.plan(Plan::random(at, probability, seed));
    }

    /// Cuts nothing at commits from now on.
    pub fn cut_nothing(&self) {
        self.plan(Plan::default());
    }

    fn plan(&self, plan: Plan) {
        *self.shared.fate.plan.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = plan;
    }

    /// What has gone through until now. What is encrypted is counted by its connections alone.
    pub fn counts(&self) -> Counts {
        self.shared.fate.tally.counts()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.weather.send_modify(|weather| weather.over = true);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Accepts connections until the proxy is dropped; they end with the runtime.
fn run(listener: TcpListener, shared: &Arc<Shared>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        listener.set_nonblocking(true).expect("a listener that does not block");
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener of the runtime");
        let mut weather = shared.weather.subscribe();
        loop {
            tokio::select! {
                _ = weather.wait_for(|now| now.over) => return,
                accepted = listener.accept() => {
                    match accepted {
                        Ok((client, _)) => drop(tokio::spawn(relay::serve(shared.clone(), client))),
                        // The client left before, or there are no descriptors for a moment.
                        Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                    }
                }
            }
        }
    });
}
