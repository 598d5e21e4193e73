//! Which servers lie, hang and drip, so that a client can be held against them?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What a server does with every connection.
#[derive(Clone, Debug)]
pub enum Act {
    /// Reads a request, says this and closes.
    Say(Vec<u8>),
    /// Says this to every request of the connection.
    Keep(Vec<u8>),
    /// Reads a request, says this and nothing more, and does not close.
    Hang(Vec<u8>),
    /// Does not even read.
    Deaf,
    /// Says the first, and then the second for ever, with a pause after each.
    Forever(Vec<u8>, Vec<u8>, Duration),
    /// Says this to the first request of a connection, and ends it when the second comes.
    Once(Vec<u8>),
}

/// A server on this machine that does one thing. It ends when this is dropped.
pub struct Fake {
    /// Where it listens.
    pub port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Fake {
    /// Listens on loopback.
    pub async fn new(act: Act) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (seen, counted, mut serving) = (Arc::clone(&requests), Arc::clone(&connections), JoinSet::new());
        serving.spawn(async move {
            let mut speaking = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let (act, seen) = (act.clone(), Arc::clone(&seen));
                speaking.spawn(async move { drop(speak(stream, &act, &seen).await) });
            }
        });
        Fake { port, requests, connections, _serving: serving }
    }

    /// Its URL without a path.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request so far, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Plays one act on one connection. Ends early when the other side has had enough.
pub async fn speak<S>(mut stream: S, act: &Act, seen: &Mutex<Vec<String>>) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match act {
        Act::Deaf => std::future::pending().await,
        Act::Say(answer) => {
            hear(&mut stream, seen).await?;
            stream.write_all(answer).await?;
            stream.shutdown().await
        }
        Act::Keep(answer) => loop {
            hear(&mut stream, seen).await?;
            stream.write_all(answer).await?;
        },
        Act::Hang(beginning) => {
            hear(&mut stream, seen).await?;
            stream.write_all(beginning).await?;
            stream.flush().await?;
            std::future::pending().await
        }
        Act::Forever(beginning, more, pause) => {
            hear(&mut stream, seen).await?;
            stream.write_all(beginning).await?;
            loop {
                stream.write_all(more).await?;
                stream.flush().await?;
                tokio::time::sleep(*pause).await;
            }
        }
        Act::Once(answer) => {
            hear(&mut stream, seen).await?;
            stream.write_all(answer).await?;
            hear(&mut stream, seen).await?;
            stream.shutdown().await
        }
    }
}

/// Reads one request with the body that its length announces.
async fn hear<S: AsyncRead + Unpin>(stream: &mut S, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(request.clone()).unwrap().to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    request.extend(body);
    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
    Ok(())
}

/// A good answer of HTTP/1.1.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
