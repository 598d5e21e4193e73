//! How is traffic recorded that goes through us to a running application?
//!
//! Requests and answers are passed on as they came, but for what HTTP keeps to one connection. `Host` names the
//! application, and `Accept-Encoding` asks for plain bodies: a compressed one could be passed on, but not read.

use super::exchange::{Answered, Asked, Exchange, Fields, MAX_BODY, Recording};
use crate::against::Target;
use bytes::Bytes;
use domain::time::Moment;
use engine::Clock;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at once; more wait.
const CONNECTIONS: usize = 64;
/// For the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);
/// For the body of a request.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// For requests in flight, once recording ends.
const END_PATIENCE: Duration = Duration::from_secs(5);
/// Header fields that hold for one connection only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Records until `stop` is done, then gives what was heard. `tell` gets one line for each exchange.
pub async fn record(
    listener: TcpListener,
    upstream: Target,
    stop: impl Future<Output = ()>,
    tell: impl Fn(&str) + Send + Sync + 'static,
) -> Recording {
    let source = upstream.url();
    let tape =
        Arc::new(Tape { upstream, heard: Mutex::default(), next: AtomicU64::new(0), tell: Box::new(tell) });
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let permit = tokio::select! {
            () = &mut stop => break,
            permit = Arc::clone(&room).acquire_owned() => permit,
        };
        let stream = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted.map(|(stream, _)| stream),
        };
        let (Ok(stream), Ok(permit)) = (stream, permit) else { continue };
        let own = Arc::clone(&tape);
        let service = service_fn(move |request| pass(Arc::clone(&own), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            drop(connection.await);
            drop(permit);
        });
    }
    drop(tokio::time::timeout(END_PATIENCE, graceful.shutdown()).await);
    tape.recording(source)
}

/// What is heard, and who is spoken to.
struct Tape {
    upstream: Target,
    heard: Mutex<Heard>,
    next: AtomicU64,
    tell: Box<dyn Fn(&str) + Send + Sync>,
}

#[derive(Default)]
struct Heard {
    exchanges: BTreeMap<u64, Exchange>,
    bytes: usize,
    left_out: Vec<String>,
}

async fn pass(tape: Arc<Tape>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = tape.next.fetch_add(1, Ordering::Relaxed);
    let at = Clock::System.now();
    let name = format!("{} {}", request.method(), shown(request.uri().path()));
    Ok(match tape.answer(number, at, request).await {
        Ok(answer) => {
            let took = Clock::System.now().millis() - at.millis();
            (tape.tell)(&format!("{name} {} ({took} ms)", answer.status().as_u16()));
            answer
        }
        Err((status, why)) => {
            (tape.tell)(&format!("{name} not recorded: {why}"));
            tape.leave_out(format!("{name}: {why}"));
            let mut answer = Response::new(Full::from(format!("countersign dialect record: {why}\n")));
            *answer.status_mut() = status;
            answer
        }
    })
}

/// A path as the terminal may show it: long segments can be secrets of links.
fn shown(path: &str) -> String {
    let short = |word: &str| if word.len() > 24 { "…".to_owned() } else { word.to_owned() };
    path.split('/').map(short).collect::<Vec<_>>().join("/")
}

type Refused = (StatusCode, String);

impl Tape {
    async fn answer(
        &self,
        number: u64,
        at: Moment,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Refused> {
        let (parts, body) = request.into_parts();
        if parts.headers.contains_key(header::UPGRADE) || parts.method == Method::CONNECT {
            return Err((StatusCode::NOT_IMPLEMENTED, "other protocols are not passed on".to_owned()));
        }
        let body = read(body).await?;
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let mut asked = Request::new(Full::from(body.clone()));
        *asked.method_mut() = parts.method.clone();
        *asked.uri_mut() =
            target.parse().map_err(|_| (StatusCode::BAD_REQUEST, "a broken target".to_owned()))?;
        *asked.headers_mut() = of_this_message(&parts.headers);
        asked.headers_mut().remove(header::HOST);
        asked.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = self.upstream.exchange(asked).await.map_err(|why| (StatusCode::BAD_GATEWAY, why))?;
        let (head, answer_body) = answer.into_parts();
        let mut passed = Response::new(Full::from(answer_body.clone()));
        *passed.status_mut() = head.status;
        *passed.headers_mut() = of_this_message(&head.headers);
        if parts.method != Method::HEAD {
            passed.headers_mut().remove(header::CONTENT_LENGTH);
        }
        let asked = Asked {
            method: parts.method.to_string(),
            target,
            fields: fields(&parts.headers),
            body: body.into(),
        };
        let answered = Answered {
            status: head.status.as_u16(),
            fields: fields(&head.headers),
            body: answer_body.into(),
        };
        self.keep(number, Exchange { at, asked, answered });
        Ok(passed)
    }

    fn keep(&self, number: u64, exchange: Exchange) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.bytes += exchange.asked.body.len() + exchange.answered.body.len();
        // `Recording::push` is what refuses; this only keeps memory small until then.
        if heard.exchanges.len() <= super::exchange::MAX_EXCHANGES
            && heard.bytes <= super::exchange::MAX_BODIES
        {
            heard.exchanges.insert(number, exchange);
        } else {
            drop(heard);
            self.leave_out("the recording is full; what came later was only passed on".to_owned());
        }
    }

    fn leave_out(&self, why: String) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.left_out.len() < 100 && !heard.left_out.contains(&why) {
            heard.left_out.push(why);
        }
    }

    fn recording(&self, source: String) -> Recording {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        let mut recording = Recording { source, left_out: heard.left_out, ..Recording::default() };
        heard.exchanges.into_values().for_each(|exchange| recording.push(exchange));
        recording
    }
}

async fn read(body: Incoming) -> Result<Bytes, Refused> {
    let reading = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout(BODY_PATIENCE, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err((
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body of more than {MAX_BODY} bytes, or a broken one"),
        )),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not come".to_owned())),
    }
}

/// The fields that belong to the message and not to the connection.
fn of_this_message(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|word| word.trim().to_ascii_lowercase()))
        .collect();
    let hops = |name: &HeaderName| {
        HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|other| other == name.as_str())
    };
    headers
        .iter()
        .filter(|(name, _)| !hops(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn fields(headers: &HeaderMap) -> Fields {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    of_this_message(headers).iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_one_connection_is_not_passed_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("connection", "close, X-Hop"), ("x-hop", "1"), ("transfer-encoding", "chunked"), ("x-a", "1")]
        {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let left = of_this_message(&headers);
        assert_eq!(left.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-a"]);
    }

    #[test]
    fn long_segments_are_not_shown() {
        assert_eq!(shown("/reset/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/go"), "/reset/…/go");
    }
}
