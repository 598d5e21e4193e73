//! How do bytes get from one side to the other, through the weather?

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::counts::count;
use super::dialogue::{Dialogue, Fate, From, Verdict};
use super::{Mode, Shared, Weather};

/// What is read at once.
const CHUNK: usize = 32 * 1024;
/// Chunks on their way; a side whose other side does not read is not read either.
const ON_THE_WAY: usize = 64;

/// Bytes on their way to the other side.
struct Parcel {
    due: Instant,
    bytes: Vec<u8>,
    /// The connection is cut after them.
    cut: bool,
}

/// One direction of a connection.
struct Lane {
    from: From,
    dialogue: Arc<Mutex<Dialogue>>,
    fate: Arc<Fate>,
    weather: watch::Receiver<Weather>,
}

/// Serves a client until one side leaves or the connection is cut.
pub(super) async fn serve(shared: Arc<Shared>, client: TcpStream) {
    count(&shared.fate.tally.connections);
    let mut weather = shared.weather.subscribe();
    let begun = *weather.borrow_and_update();
    if begun.mode == Mode::Refuse {
        return;
    }
    tokio::select! {
        _ = weather.wait_for(|now| now.cuts != begun.cuts) => {}
        () = relay(&shared, client) => {}
    }
}

async fn relay(shared: &Shared, client: TcpStream) {
    let mut weather = shared.weather.subscribe();
    // Who is not let through does not take one of the server's places either.
    if weather.wait_for(|now| now.mode != Mode::Stall).await.is_err() {
        return;
    }
    let target = *shared.target.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Ok(server) = TcpStream::connect(target).await else { return };
    for stream in [&client, &server] {
        // A socket whose other side has left already does not mind.
        drop(stream.set_nodelay(true));
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let dialogue = Arc::new(Mutex::new(Dialogue::new(shared.fate.clone())));
    let lane = |from| Lane {
        from,
        dialogue: dialogue.clone(),
        fate: shared.fate.clone(),
        weather: shared.weather.subscribe(),
    };
    tokio::select! {
        () = lane(From::Client).run(from_client, to_server) => {}
        () = lane(From::Server).run(from_server, to_client) => {}
    }
}

impl Lane {
    /// Until one side leaves, and everything it said has arrived.
    async fn run(self, source: OwnedReadHalf, sink: OwnedWriteHalf) {
        let (sender, receiver) = mpsc::channel(ON_THE_WAY);
        tokio::join!(self.read(source, sender), self.write(sink, receiver));
    }

    async fn read(&self, mut source: OwnedReadHalf, on_the_way: mpsc::Sender<Parcel>) {
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = match source.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(length) => length,
            };
            let due = Instant::now() + self.weather.borrow().mode.delay();
            let verdict = self.hear(&chunk[..length]);
            let parcel = Parcel { due, bytes: verdict.forward, cut: verdict.cut };
            if on_the_way.send(parcel).await.is_err() || verdict.cut {
                return;
            }
        }
    }

    fn hear(&self, bytes: &[u8]) -> Verdict {
        self.dialogue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).hear(self.from, bytes)
    }

    async fn write(&self, mut sink: OwnedWriteHalf, mut on_the_way: mpsc::Receiver<Parcel>) {
        let mut weather = self.weather.clone();
        while let Some(parcel) = on_the_way.recv().await {
            sleep_until(parcel.due).await;
            let passed = weather.wait_for(|now| now.mode.passes(self.from)).await.is_ok();
            if !passed || sink.write_all(&parcel.bytes).await.is_err() {
                return;
            }
            if parcel.cut {
                count(&self.fate.tally.cuts);
                return;
            }
        }
    }
}

impl Mode {
    fn passes(self, from: From) -> bool {
        match self {
            Mode::Stall => false,
            Mode::StallAnswers => from == From::Client,
            Mode::Pass | Mode::Refuse | Mode::Delay(_) => true,
        }
    }

    fn delay(self) -> Duration {
        match self {
            Mode::Delay(delay) => delay,
            Mode::Pass | Mode::Stall | Mode::StallAnswers | Mode::Refuse => Duration::ZERO,
        }
    }
}
