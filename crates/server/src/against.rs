//! How is a transcript replayed against a server that already runs, ours or the original?

use crate::replay::{Played, converse};
use bytes::Bytes;
use dialect::transcript::{Act, Kept, Ready, Transcript};
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// For connecting, sending and reading together.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Target {
    host: String,
    port: u16,
}

impl Target {
    /// Reads `http://host[:port]`. Refused: another scheme, a path, no host.
    pub fn parse(url: &str) -> Result<Target, String> {
        let uri: Uri = url.parse().map_err(|_| format!("{url} is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(format!(
                "{url}: only http:// can be replayed against; put a plain listener beside a TLS one"
            ));
        }
        if !matches!(uri.path(), "" | "/") {
            return Err(format!("{url}: give the server's address without a path"));
        }
        let host = uri.host().ok_or_else(|| format!("{url} names no host"))?;
        Ok(Target { host: host.to_owned(), port: uri.port_u16().unwrap_or(80) })
    }

    /// Plays a conversation. Tokens, moments and UUIDs are compared by kind.
    ///
    /// Refused: a conversation with a line that can not be carried out on another server, named with its line.
    pub async fn play(&self, transcript: &Transcript) -> Result<Vec<Played>, String> {
        if transcript.cookies.is_some() {
            return Err("1: `cookies:` can not be switched on another server".to_owned());
        }
        let send = async |ready| self.send(ready).await;
        let act = async |act: &Act, _: &mut Kept| carried(act);
        converse(transcript, true, send, act).await
    }

    /// Sends one request on a connection of its own.
    async fn send(&self, ready: Ready) -> Result<Response<Bytes>, String> {
        tokio::time::timeout(PATIENCE, self.exchange(ready)).await.unwrap_or_else(|_| {
            Err(format!("{}:{} did not answer in {} s", self.host, self.port, PATIENCE.as_secs()))
        })
    }

    async fn exchange(&self, ready: Ready) -> Result<Response<Bytes>, String> {
        let address = (self.host.as_str(), self.port);
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| format!("can not connect to {}:{}: {error}", self.host, self.port))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let driver = tokio::spawn(connection);
        let mut request = Request::builder().method(ready.method.as_str()).uri(ready.target.as_str());
        if !ready.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(header::HOST, format!("{}:{}", self.host, self.port));
        }
        for (name, value) in &ready.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(ready.body))).map_err(|error| error.to_string())?;
        let (parts, body) =
            sender.send_request(request).await.map_err(|error| error.to_string())?.into_parts();
        let body =
            Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?.to_bytes();
        drop(sender);
        driver.abort();
        Ok(Response::from_parts(parts, body))
    }
}

/// What only a server in memory can do is refused by name.
fn carried(act: &Act) -> Result<(), String> {
    let word = match act {
        Act::Keep(..) | Act::Cookie(..) | Act::Claim(..) => return Ok(()),
        Act::Advance(_) => "advance",
        Act::Sign(..) => "sign",
        Act::Letter(..) => "keep … = letter",
        Act::Edit(..) => "edit",
        Act::Code(..) => "code",
        Act::Delete(_) => "delete",
        Act::Offer(_) => "offer",
    };
    Err(format!("`{word}` can not be carried out on another server"))
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn only_plain_addresses_are_targets() {
        assert!(Target::parse("http://127.0.0.1:8000").is_ok());
        assert!(Target::parse("http://localhost/").is_ok());
        for url in ["https://example.com", "example.com", "http://example.com/api", "ftp://x", ""] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
