//! An old application that says what a test wants, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it was asked: the head and the body.
pub type Asked = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// What it does with a request.
pub enum Says {
    /// These bytes, as they are.
    Bytes(Vec<u8>),
    /// Nothing, for as long as the test runs.
    Nothing,
}

/// A listening application.
pub struct Old {
    /// Where.
    pub address: SocketAddr,
    pub asked: Asked,
    task: JoinHandle<()>,
}

impl Drop for Old {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with a body of JSON.
pub fn json(status: &str, body: &str) -> Says {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    Says::Bytes(format!("{head}{body}").into_bytes())
}

impl Old {
    /// Answers each request with what `say` says to its head and body.
    pub async fn new(say: impl Fn(&str, &[u8]) -> Says + Send + Sync + 'static) -> Old {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked, say) = (listener.local_addr().unwrap(), Asked::default(), Arc::new(say));
        let all = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (say, all) = (Arc::clone(&say), Arc::clone(&all));
                connections.spawn(async move { speak(stream, &*say, &all).await });
            }
        });
        Old { address, asked, task }
    }

    /// Never answers.
    pub async fn silent() -> Old {
        Old::new(|_, _| Says::Nothing).await
    }

    /// How often it was asked.
    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn speak(mut stream: TcpStream, say: &(dyn Fn(&str, &[u8]) -> Says + Send + Sync), asked: &Asked) {
    let mut bytes = Vec::new();
    loop {
        let Some((head, body)) = request(&mut stream, &mut bytes).await else { return };
        let says = say(&head, &body);
        asked.lock().unwrap().push((head, body));
        match says {
            Says::Bytes(answer) => {
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
            }
            Says::Nothing => std::future::pending().await,
        }
    }
}

/// The next request; what came after it stays in `bytes`.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned))
                .map_or(0, |length| length.trim().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                bytes.drain(..end + 4 + length);
                return Some((head, body));
            }
        }
        let mut part = [0; 8192];
        match stream.read(&mut part).await {
            Ok(count @ 1..) => bytes.extend_from_slice(&part[..count]),
            _ => return None,
        }
    }
}
