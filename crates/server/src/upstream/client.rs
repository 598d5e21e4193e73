//! How is the old application asked, without its troubles becoming ours?
//!
//! At most so many requests at once, as many more may wait, and the rest are told so at once. Every request has one time
//! limit for waiting, connecting, sending and reading; heads and bodies have sizes; after failures in a row nobody asks
//! for a while. No redirect is followed, and a name leads only where it may (SEC-106).

use super::breaker::Breaker;
use super::forward::Way;
use crate::config::UpstreamConfig;
use crate::outgoing::{self, Destination, Dialer, Line, Reach, Unasked, Unreached, Unread};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_rustls::rustls::RootCertStore;

/// The longest body of an answer, in bytes.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// A connection that was idle for longer is not used again. Servers close idle connections after two seconds and more, and
/// a request that meets the end of its connection can not always be sent again.
const IDLE: Duration = Duration::from_secs(1);

/// Why the old application gave no answer. Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFault {
    /// As many as may ask or wait do so already.
    Busy,
    /// It failed too often; somebody may try again after this time.
    Resting(Duration),
    /// Its name leads to addresses that names may not lead to.
    Forbidden,
    /// Nobody is there, or it is not who it should be.
    Unreachable,
    /// It did not answer in time.
    TimedOut,
    /// What came is no answer of HTTP.
    Broken(&'static str),
    /// The answer is longer than [`MAX_ANSWER`].
    TooLarge,
}

impl UpstreamFault {
    /// The stable name, for counts and logs.
    pub const fn name(self) -> &'static str {
        match self {
            UpstreamFault::Busy => "busy",
            UpstreamFault::Resting(_) => "resting",
            UpstreamFault::Forbidden => "forbidden",
            UpstreamFault::Unreachable => "unreachable",
            UpstreamFault::TimedOut => "timed_out",
            UpstreamFault::Broken(_) => "broken",
            UpstreamFault::TooLarge => "too_large",
        }
    }

    /// When a client may try again, in seconds.
    pub fn retry_seconds(self) -> u32 {
        match self {
            UpstreamFault::Resting(rest) => u32::try_from(rest.as_secs()).unwrap_or(60).saturating_add(1),
            UpstreamFault::Busy
            | UpstreamFault::Forbidden
            | UpstreamFault::Unreachable
            | UpstreamFault::TimedOut
            | UpstreamFault::Broken(_)
            | UpstreamFault::TooLarge => 1,
        }
    }

    /// Whether an answer came, if only one that is too long: the breaker is for those that do not answer.
    const fn is_answer(self) -> bool {
        matches!(self, UpstreamFault::TooLarge)
    }
}

impl std::fmt::Display for UpstreamFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            UpstreamFault::Busy => f.write_str("as many requests as `upstream_parallel` allows are under way"),
            UpstreamFault::Resting(rest) => write!(f, "it failed too often and is left in peace for {rest:.0?}"),
            UpstreamFault::Forbidden => f.write_str(
                "its name leads to an address that is not public; `upstream_private = true` allows that, or write the address",
            ),
            UpstreamFault::Unreachable => f.write_str("it can not be reached"),
            UpstreamFault::TimedOut => f.write_str("it did not answer within `upstream_timeout`"),
            UpstreamFault::Broken(why) => write!(f, "its answer is no HTTP: {why}"),
            UpstreamFault::TooLarge => write!(f, "its answer is longer than {MAX_ANSWER} bytes"),
        }
    }
}

/// The old application of one mount.
pub struct Upstream {
    dialer: Dialer,
    way: Way,
    timeout: Duration,
    breaker: Arc<Breaker>,
    /// Those who ask.
    asking: Semaphore,
    /// Those who ask or wait.
    waiting: Semaphore,
    idle: Mutex<Vec<(Line, Instant)>>,
    most_idle: usize,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("at", &self.dialer.destination().authority).finish_non_exhaustive()
    }
}

impl Upstream {
    /// The old application as configured for a mount with this prefix; `https`: clients reach this server by https.
    /// Nothing is asked yet. Refused, in a sentence: a URL that can not be asked.
    pub fn open(config: &UpstreamConfig, prefix: &str, https: bool) -> Result<Arc<Upstream>, String> {
        Upstream::trusting(config, prefix, https, outgoing::public_roots())
    }

    /// As [`Upstream::open`], with certificate authorities of one's own.
    pub(crate) fn trusting(
        config: &UpstreamConfig,
        prefix: &str,
        https: bool,
        roots: RootCertStore,
    ) -> Result<Arc<Upstream>, String> {
        let told = |why: String| format!("upstream: {:?}: {why}", config.url);
        let destination = Destination::parse(&config.url).map_err(told)?;
        let reach = destination.reach(if config.private { Reach::Private } else { Reach::Public });
        let way = Way::new(&destination, prefix, config.host.clone(), https).map_err(told)?;
        Ok(Arc::new(Upstream {
            way,
            dialer: Dialer::new(destination, reach, roots).map_err(told)?,
            timeout: config.timeout,
            breaker: Arc::default(),
            asking: Semaphore::new(config.parallel),
            waiting: Semaphore::new(config.parallel * 2),
            idle: Mutex::default(),
            most_idle: config.parallel,
        }))
    }

    /// Asks the old application what this server was asked: the request as it came, with the mount's prefix taken off.
    /// `client` is the client's address. Fields that mean one connection only are taken off, on both ways.
    pub async fn send(
        &self,
        parts: &Parts,
        body: &Bytes,
        client: &str,
    ) -> Result<Response<Bytes>, UpstreamFault> {
        let request = self.way.forwarded(parts, body, client)?;
        let repeatable = is_repeatable(&parts.method);
        self.bounded(request, repeatable).await
    }

    /// The most time for one request.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long nobody will ask, while it is left in peace.
    pub fn rest(&self) -> Option<Duration> {
        self.breaker.rest(Instant::now())
    }

    async fn bounded(
        &self,
        request: Request<Full<Bytes>>,
        repeatable: bool,
    ) -> Result<Response<Bytes>, UpstreamFault> {
        if let Some(rest) = self.rest() {
            return Err(UpstreamFault::Resting(rest));
        }
        let _place = self.waiting.try_acquire().map_err(|_| UpstreamFault::Busy)?;
        let deadline = tokio::time::Instant::now() + self.timeout;
        // Those who wait in vain learn nothing about the old application: those who ask do.
        let permit = tokio::time::timeout_at(deadline, self.asking.acquire()).await;
        let _permit = permit.map_err(|_| UpstreamFault::Busy)?.map_err(|_| UpstreamFault::Busy)?;
        let pass = self.breaker.pass(Instant::now())?;
        let asked = tokio::time::timeout_at(deadline, self.exchange(request, repeatable)).await;
        let asked = asked.unwrap_or(Err(UpstreamFault::TimedOut));
        pass.told(asked.as_ref().map_or_else(|fault| fault.is_answer(), |_| true), Instant::now());
        asked
    }

    async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        repeatable: bool,
    ) -> Result<Response<Bytes>, UpstreamFault> {
        while let Some(mut line) = self.kept() {
            let again = repeatable.then(|| request.clone());
            request = match line.ask(request).await {
                Ok(answer) => return self.read(line, answer).await,
                Err(Unasked::Unsent(request)) => *request,
                // It ended just then. What changes nothing is asked again (RFC 9110 section 9.2.2).
                Err(Unasked::Failed(error)) if error.is_incomplete_message() => {
                    again.ok_or_else(|| told(&error))?
                }
                Err(Unasked::Failed(error)) => return Err(told(&error)),
            };
        }
        let opened = self.dialer.open(self.timeout).await;
        let mut line = opened.map_err(|fault| match fault {
            Unreached::Forbidden => UpstreamFault::Forbidden,
            Unreached::Unreachable => UpstreamFault::Unreachable,
        })?;
        match line.ask(request).await {
            Ok(answer) => self.read(line, answer).await,
            Err(Unasked::Unsent(_)) => Err(UpstreamFault::Unreachable),
            Err(Unasked::Failed(error)) => Err(told(&error)),
        }
    }

    /// A connection that was used a moment ago.
    fn kept(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((line, since)) = idle.pop() {
            if since.elapsed() > IDLE {
                // The others are older.
                idle.clear();
            } else if !line.is_closed() {
                return Some(line);
            }
        }
        None
    }

    fn keep(&self, line: Line) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most_idle {
            idle.push((line, Instant::now()));
        }
    }

    async fn read(&self, line: Line, answer: Response<Incoming>) -> Result<Response<Bytes>, UpstreamFault> {
        let (mut parts, body) = answer.into_parts();
        if let Some(why) = ambiguous(parts.status, &parts.headers) {
            return Err(UpstreamFault::Broken(why));
        }
        let body = outgoing::read_body(body, MAX_ANSWER).await.map_err(|fault| match fault {
            Unread::TooLarge => UpstreamFault::TooLarge,
            Unread::Broken => UpstreamFault::Broken("the body ended too early"),
        })?;
        self.keep(line);
        super::forward::strip(&mut parts.headers);
        Ok(Response::from_parts(parts, body))
    }
}

/// Answers whose end two readers could see in different places (RFC 9112 section 6.3), and those that begin something else.
fn ambiguous(status: StatusCode, headers: &HeaderMap) -> Option<&'static str> {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        Some("it switches to another protocol")
    } else if headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH)
    {
        Some("it has two lengths")
    } else {
        None
    }
}

fn is_repeatable(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn told(error: &hyper::Error) -> UpstreamFault {
    if error.is_parse_too_large() {
        UpstreamFault::Broken("the head is too long")
    } else if error.is_parse() {
        UpstreamFault::Broken("the head can not be read")
    } else if error.is_incomplete_message() {
        UpstreamFault::Broken("the connection ended before the answer")
    } else {
        UpstreamFault::Broken("the connection broke")
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
