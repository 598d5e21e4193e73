//! How is a transcript replayed against a server that already runs, ours or the original?

use crate::replay::{Played, converse};
use bytes::Bytes;
use dialect::transcript::{Act, Kept, Ready, Transcript};
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// For connecting, sending and reading together.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// A running server.
pub struct Target {
    /// Without brackets.
    host: String,
    port: u16,
    /// Absent: in clear.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    /// Reads `http://host[:port]` or `https://host[:port]`. Refused: another scheme, a path, no host.
    pub fn parse(url: &str) -> Result<Target, String> {
        Target::trusting(url, RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// As [`Target::parse`], with these authorities instead of the public ones.
    pub fn trusting(url: &str, roots: RootCertStore) -> Result<Target, String> {
        let uri: Uri = url.parse().map_err(|_| format!("{url} is not a URL"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(format!("{url}: give the server's address without a path"));
        }
        let host = uri.host().ok_or_else(|| format!("{url} names no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => (Some(connector(&host, roots).map_err(|why| format!("{url}: {why}"))?), 443),
            _ => return Err(format!("{url}: write http:// or https://")),
        };
        Ok(Target { host, port: uri.port_u16().unwrap_or(port), tls })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.authority())
    }

    /// As in the `Host` field: the usual port is not named.
    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.tls.is_some() { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
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

    /// Sends one request of a transcript.
    async fn send(&self, ready: Ready) -> Result<Response<Bytes>, String> {
        let mut request = Request::builder().method(ready.method.as_str()).uri(ready.target.as_str());
        for (name, value) in &ready.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(ready.body))).map_err(|error| error.to_string())?;
        self.exchange(request).await
    }

    /// Sends one request on a connection of its own. `Host` is added when it is missing.
    ///
    /// Refused, in a sentence: no answer within 30 s, a head of more than 64 KiB, a body of more than 1 MiB.
    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        tokio::time::timeout(PATIENCE, self.connect_and_say(request))
            .await
            .unwrap_or_else(|_| Err(format!("{} did not answer in {} s", self.url(), PATIENCE.as_secs())))
    }

    async fn connect_and_say(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        let failed = |error: std::io::Error| format!("can not connect to {}: {error}", self.url());
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(failed)?;
        match &self.tls {
            None => self.say(stream, request).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await.map_err(failed)?;
                self.say(stream, request).await
            }
        }
    }

    async fn say<S>(&self, stream: S, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error: hyper::Error| format!("{}: {error}", self.url());
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // Ends with this function, whatever becomes of the answer.
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        if !request.headers().contains_key(header::HOST) {
            let host = self.authority().parse().map_err(|_| format!("{}: a broken host", self.url()))?;
            request.headers_mut().insert(header::HOST, host);
        }
        let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| format!("{}: the answer: {error}", self.url()))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

fn connector(host: &str, roots: RootCertStore) -> Result<(TlsConnector, ServerName<'static>), String> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    Ok((TlsConnector::from(Arc::new(config)), name))
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
    fn only_addresses_of_servers_are_targets() {
        for (url, address) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://localhost/", "http://localhost"),
            ("https://example.com", "https://example.com"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(Target::parse(url).map(|target| target.url()).as_deref(), Ok(address));
        }
        for url in ["example.com", "http://example.com/api", "http://example.com?a", "ftp://x", ""] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
