//! How is a transcript replayed against a server that already runs, ours or the original?

use crate::replay::{Played, compared};
use bytes::Bytes;
use dialect::transcript::{Act, Kept, Ready, Step, Transcript, claim, pointed};
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
        let mut kept = Kept::new();
        let mut last = Bytes::new();
        let mut played = Vec::new();
        for step in &transcript.steps {
            match step {
                Step::Exchange(exchange) => {
                    let at = |message| format!("{}: {message}", exchange.line);
                    let response = self.send(exchange.ready(&kept).map_err(at)?).await.map_err(at)?;
                    last = response.body().clone();
                    played.push(compared(exchange, &response, &kept, true).map_err(at)?);
                }
                Step::Act(line, act) => {
                    let (name, value) =
                        self.carried(act, &last, &kept).map_err(|m| format!("{line}: {m}"))?;
                    kept.insert(name, value);
                }
            }
        }
        Ok(played)
    }

    fn carried(&self, act: &Act, last: &Bytes, kept: &Kept) -> Result<(String, String), String> {
        match act {
            Act::Keep(name, pointer) => {
                let value = pointed(last, pointer).ok_or_else(|| format!("there is no {pointer} to keep"))?;
                Ok((name.clone(), value))
            }
            Act::Claim(name, token, wanted) => {
                let value = kept.get(token).and_then(|token| claim(token, wanted));
                Ok((name.clone(), value.ok_or_else(|| format!("there is no claim {wanted} to keep"))?))
            }
            Act::Advance(_) => Err("`advance` can not be carried out on another server".to_owned()),
            Act::Sign(..) => Err("`sign` can not be carried out on another server".to_owned()),
            Act::Edit(..) => Err("`edit` can not be carried out on another server".to_owned()),
            Act::Delete(_) => Err("`delete` can not be carried out on another server".to_owned()),
        }
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
