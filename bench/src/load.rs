//! How is a server kept busy? Closed loops, paced requests, and one burst.
//!
//! Every run is bounded: in time, in connections, and each answer by [`PATIENCE`].

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Barrier;

use crate::tally::Tally;
use crate::wire::{Answer, Frame, Script, frame};
use crate::{Outcome, wrong};

/// How long one answer is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Each connection comes from a loopback address of its own, as the clients of a public server do, so that
/// a share per client address does not turn one generator into one client.
fn source(lane: usize) -> SocketAddr {
    let (high, low) = ((lane / 250) as u8, (lane % 250) as u8);
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(127, 1, 1 + high, 1 + low), 0))
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, lane: usize) -> Outcome<Connection> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(source(lane))?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, read: Vec::with_capacity(8192) })
    }

    /// Sends one request and reads its answer, within [`PATIENCE`].
    async fn exchange(&mut self, request: &[u8]) -> Outcome<Frame> {
        tokio::time::timeout(PATIENCE, self.exchange_unbounded(request))
            .await
            .map_err(|_| wrong(format!("no answer within {} s", PATIENCE.as_secs())))?
    }

    async fn exchange_unbounded(&mut self, request: &[u8]) -> Outcome<Frame> {
        self.read.clear();
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(wrong("the server closed the connection without an answer"));
            }
            if let Some(found) = frame(&self.read)? {
                return Ok(found);
            }
        }
    }

    fn answer(&self, found: Frame) -> Answer<'_> {
        Answer { status: found.status, body: &self.read[found.body..found.end] }
    }
}

/// Asks once, on a connection of its own.
///
/// # Errors
/// No connection, or no whole answer.
pub async fn once(address: SocketAddr, request: &[u8]) -> Outcome<(u16, Vec<u8>)> {
    let mut connection = Connection::open(address, 0).await?;
    let found = connection.exchange(request).await?;
    let answer = connection.answer(found);
    Ok((answer.status, answer.body.to_vec()))
}

/// When does a connection of a closed loop stop asking?
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After so much time.
    Span(Duration),
    /// After so many requests.
    Count(u64),
}

impl Until {
    /// After a quarter of that.
    pub fn a_quarter(self) -> Until {
        match self {
            Until::Span(span) => Until::Span(span / 4),
            Until::Count(count) => Until::Count(count / 4),
        }
    }

    fn has_come(self, start: Instant, asked: u64) -> bool {
        match self {
            Until::Span(span) => start.elapsed() >= span,
            Until::Count(count) => asked >= count,
        }
    }
}

/// One connection per script, each asking again as soon as it is answered, for `span`. Requests under way at the end are
/// finished. The scripts come back, so that a chain of tokens can go on in the next run.
///
/// # Errors
/// A connection is lost, an answer is overdue, or a script gives up.
pub async fn closed<S: Script>(
    address: SocketAddr,
    scripts: Vec<S>,
    span: Duration,
) -> Outcome<(Tally, Vec<S>)> {
    closed_until(address, scripts, Until::Span(span)).await
}

/// As [`closed`], until this.
///
/// # Errors
/// As [`closed`].
pub async fn closed_until<S: Script>(
    address: SocketAddr,
    scripts: Vec<S>,
    until: Until,
) -> Outcome<(Tally, Vec<S>)> {
    let ready = Arc::new(Barrier::new(scripts.len()));
    let tasks: Vec<_> = scripts
        .into_iter()
        .enumerate()
        .map(|(lane, script)| tokio::spawn(closed_lane(address, lane, script, until, Arc::clone(&ready))))
        .collect();
    let (mut sum, mut scripts) = (Tally::default(), Vec::with_capacity(tasks.len()));
    let mut failure = None;
    for task in tasks {
        match task.await? {
            Ok((tally, script)) => {
                sum.merge(tally);
                scripts.push(script);
            }
            Err(fault) => failure = Some(fault),
        }
    }
    failure.map_or(Ok((sum, scripts)), Err)
}

async fn closed_lane<S: Script>(
    address: SocketAddr,
    lane: usize,
    mut script: S,
    until: Until,
    ready: Arc<Barrier>,
) -> Outcome<(Tally, S)> {
    let opened = Connection::open(address, lane).await;
    ready.wait().await;
    let mut connection = opened?;
    let mut tally = Tally::default();
    let start = Instant::now();
    while !until.has_come(start, tally.total() as u64) {
        let request = script.ask();
        let asked = Instant::now();
        let found = connection.exchange(&request).await?;
        tally.add(found.status, asked.elapsed());
        let wait = script.hear(&connection.answer(found))?;
        if found.closing {
            connection = Connection::open(address, lane).await?;
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
    tally.elapsed = start.elapsed();
    Ok((tally, script))
}

/// Requests at a fixed rate, spread over one blocking thread and connection per script: an open loop, so that a slow answer does
/// not slow the asking. A request that its thread could not send in time, because the one before was still unanswered,
/// counts from the moment it was due.
///
/// # Errors
/// As [`closed`].
pub fn paced<S: Script>(
    address: SocketAddr,
    scripts: Vec<S>,
    per_second: f64,
    span: Duration,
) -> Outcome<(Tally, Vec<S>)> {
    let lanes = scripts.len();
    let start = Instant::now() + Duration::from_millis(50);
    let threads: Vec<_> = scripts
        .into_iter()
        .enumerate()
        .map(|(lane, script)| {
            let step = Duration::from_secs_f64(lanes as f64 / per_second);
            let first = start + Duration::from_secs_f64(lane as f64 / per_second);
            std::thread::spawn(move || paced_lane(address, script, first, step, start + span))
        })
        .collect();
    let (mut sum, mut scripts) = (Tally::default(), Vec::with_capacity(lanes));
    for thread in threads {
        let (tally, script) = thread.join().map_err(|_| wrong("a paced thread panicked"))??;
        sum.merge(tally);
        scripts.push(script);
    }
    Ok((sum, scripts))
}

fn paced_lane<S: Script>(
    address: SocketAddr,
    mut script: S,
    first: Instant,
    step: Duration,
    end: Instant,
) -> Outcome<(Tally, S)> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut tally, mut read, mut due) = (Tally::default(), Vec::with_capacity(8192), first);
    while due < end {
        let request = script.ask();
        let early = due.saturating_duration_since(Instant::now());
        let counted_from = if early.is_zero() {
            due
        } else {
            // Waking up late is the generator's own delay, not the server's.
            std::thread::sleep(early);
            Instant::now()
        };
        let found = exchange_blocking(&mut stream, &request, &mut read)?;
        tally.add(found.status, counted_from.elapsed());
        script.hear(&Answer { status: found.status, body: &read[found.body..found.end] })?;
        if found.closing {
            stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
        }
        due += step;
    }
    tally.elapsed = first.elapsed();
    Ok((tally, script))
}

fn exchange_blocking(stream: &mut std::net::TcpStream, request: &[u8], read: &mut Vec<u8>) -> Outcome<Frame> {
    read.clear();
    stream.write_all(request)?;
    let mut part = [0_u8; 8192];
    loop {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err(wrong("the server closed the connection without an answer"));
        }
        read.extend_from_slice(&part[..count]);
        if let Some(found) = frame(read)? {
            return Ok(found);
        }
    }
}

/// Opens a connection for each request first, then sends all at once, and waits for every answer.
/// A connection that ends without an answer is counted as lost.
///
/// # Errors
/// A connection cannot be opened.
pub async fn burst(address: SocketAddr, requests: Vec<Vec<u8>>) -> Outcome<Tally> {
    let mut connections = Vec::with_capacity(requests.len());
    for lane in 0..requests.len() {
        connections.push(Connection::open(address, lane).await?);
    }
    let ready = Arc::new(Barrier::new(requests.len()));
    let tasks: Vec<_> = connections
        .into_iter()
        .zip(requests)
        .map(|(mut connection, request)| {
            let ready = Arc::clone(&ready);
            tokio::spawn(async move {
                ready.wait().await;
                let asked = Instant::now();
                let found = connection.exchange(&request).await;
                (found.map(|found| found.status), asked.elapsed())
            })
        })
        .collect();
    let mut tally = Tally::default();
    for task in tasks {
        let (found, latency) = task.await?;
        match found {
            Ok(status) => tally.add(status, latency),
            Err(_) => tally.lost += 1,
        }
        tally.elapsed = tally.elapsed.max(latency);
    }
    Ok(tally)
}
