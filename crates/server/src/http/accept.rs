//! How are connections taken in, watched and brought to an end? (REL-12, REL-16, REL-27)

use super::activity::Activity;
use super::answer::{answer, is_bare};
use super::crowd::{Crowd, Seat};
use super::guard::Guard;
use super::headers::lines;
use crate::App;
use http::Version;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// What the library buffers of a head; above it, and above 100 header lines, it refuses with 431 by itself. (Another
/// number of lines than its own would cost two allocations a request.)
const MAX_BUFFER: usize = 32 << 10;
/// Streams of one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// Bytes of one HTTP/2 header list.
const MAX_HEADER_LIST: u32 = 16 << 10;
/// How often an HTTP/2 peer is asked whether it is still there, and how long it may think.
const PING: Duration = Duration::from_secs(20);
/// Between a stop and the closing of idle connections: answers in this time tell the client to come back elsewhere.
const LAME: Duration = Duration::from_millis(200);
/// How often a connection is looked at, at least.
const LOOK: Duration = Duration::from_millis(2500);

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stop {
    NotYet,
    Lame,
    Finish,
}

/// Serves until `shutdown` is ready, then stops gently: not ready at once, no new connections, requests in flight are
/// finished within `timeouts.shutdown`. What is not finished then is cut off.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let limits = *app.limits();
    let share = if app.trusted_proxies().is_empty() { limits.per_client } else { 0 };
    let crowd = Crowd::new(limits.connections, share);
    let builder = Arc::new(builder());
    let (stop, stopping) = watch::channel(Stop::NotYet);
    let (alive, mut gone) = mpsc::channel::<Infallible>(1);
    let keys = tokio::spawn(crate::rotation::follow(app.clone()));
    let (quit, quitting) = watch::channel(false);
    let letters = tokio::spawn(crate::mail::work(app.clone(), quitting));
    let tidying = tokio::spawn(crate::janitor::tidy(app.clone()));
    let phases = tokio::spawn(crate::upstream::phase::follow(app.clone()));
    let take = |(stream, peer): (TcpStream, SocketAddr)| {
        let Some(seat) = crowd.seat(peer.ip()) else { return };
        let (app, builder, stopping) = (app.clone(), Arc::clone(&builder), stopping.clone());
        let alive = alive.clone();
        tokio::spawn(async move {
            connection(app, &builder, stream, peer, stopping, seat).await;
            drop(alive);
        });
    };
    let mut shutdown = pin!(shutdown);
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => {
                    pause = Duration::ZERO;
                    take(accepted);
                }
                Err(error) => pause = after_fault(&error, pause).await,
            },
        }
    }
    app.drain();
    keys.abort();
    tidying.abort();
    phases.abort();
    tracing::info!(connections = crowd.count(), "stopping");
    // Connections that the system has taken in already are answered, too.
    while let Some(Ok(accepted)) = waiting(&listener).await {
        take(accepted);
    }
    drop(listener);
    drop(alive);
    quit.send_replace(true);
    // A letter that is cut off stays in the outbox.
    let letters = tokio::time::timeout(app.timeouts().shutdown, letters);
    let ((), _) = tokio::join!(finish(&app, &stop, &mut gone, &crowd), letters);
    app.takeovers().finish(app.engine()).await;
    Ok(())
}

/// A connection that waits to be accepted at this moment.
async fn waiting(listener: &TcpListener) -> Option<io::Result<(TcpStream, SocketAddr)>> {
    tokio::select! {
        biased;
        accepted = listener.accept() => Some(accepted),
        () = std::future::ready(()) => None,
    }
}

async fn finish(app: &App, stop: &watch::Sender<Stop>, gone: &mut mpsc::Receiver<Infallible>, crowd: &Crowd) {
    let limit = app.timeouts().shutdown;
    let ending = async {
        stop.send_replace(Stop::Lame);
        // None: the last connection has ended.
        if tokio::time::timeout(LAME, gone.recv()).await.is_err() {
            stop.send_replace(Stop::Finish);
            gone.recv().await;
        }
    };
    if tokio::time::timeout(limit, ending).await.is_err() {
        tracing::warn!(connections = crowd.count(), "requests were cut off at the end of timeouts.shutdown");
    }
}

/// Waits a little longer after each fault in a row, so that a shortage of descriptors costs no processor time (REL-27).
async fn after_fault(error: &io::Error, pause: Duration) -> Duration {
    let harmless = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if harmless {
        return Duration::ZERO;
    }
    if pause.is_zero() {
        tracing::warn!(%error, "a connection could not be accepted");
    }
    let pause = (pause * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
    tokio::time::sleep(pause).await;
    pause
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).max_buf_size(MAX_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

async fn connection(
    app: App,
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stopping: watch::Receiver<Stop>,
    _seat: Seat,
) {
    // A small answer must not wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let activity = Arc::new(Activity::new());
    let timeouts = *app.timeouts();
    let io = TokioIo::new(Guard::new(stream, Arc::clone(&activity), lines(app.is_https())));
    let service = service_fn(|request| {
        let (app, activity) = (app.clone(), Arc::clone(&activity));
        async move {
            let _busy = activity.busy();
            let is_http1 = request.version() < Version::HTTP_2;
            let response = answer(&app, request, peer.ip()).await;
            if is_http1 && is_bare(&response) {
                activity.leave_next();
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut conn = pin!(builder.serve_connection(io, service));
    let look = LOOK.min(timeouts.header / 2).min(timeouts.keep_alive / 2).max(Duration::from_millis(20));
    let mut clock = tokio::time::interval(look);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut closing, mut finishing) = (false, false);
    loop {
        tokio::select! {
            biased;
            ended = conn.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, %peer, "a connection ended early");
                }
                return;
            }
            _ = clock.tick() => {
                if activity.is_overdue(timeouts.header, timeouts.keep_alive) {
                    if closing || activity.is_fresh() {
                        return;
                    }
                    closing = true;
                    conn.as_mut().graceful_shutdown();
                }
            }
            _ = stopping.wait_for(|stop| *stop == Stop::Finish), if !finishing => {
                finishing = true;
                conn.as_mut().graceful_shutdown();
            }
        }
    }
}
