//! How is another server reached, and which addresses may be reached on the way there? (SEC-106)
//!
//! A name is resolved, what it leads to is checked, and exactly what was checked is connected to. HTTP/1.1, in clear or
//! over TLS; no redirects are followed, and the head of an answer has a bound. Time is bounded by who asks.

mod address;
#[cfg(test)]
pub mod fake;

pub use address::Reach;

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The longest head of an answer, in bytes.
pub const MAX_HEAD: usize = 16 * 1024;
/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// Why nothing was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreached {
    /// The name leads only to addresses that may not be reached.
    Forbidden,
    /// Nobody is there, or it is not who it should be.
    Unreachable,
}

/// A server, as an URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// As in the `Host` field.
    pub authority: Authority,
    /// The path of the URL; empty or with a slash at its beginning.
    pub path: String,
    host: Host,
    port: u16,
    https: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

impl Destination {
    /// Reads a URL. Refused, in a sentence: what names no host, another scheme, and numbers that only look like a name.
    pub fn parse(url: &str) -> Result<Destination, String> {
        let uri: http::Uri = url.parse().map_err(|error| format!("{error}"))?;
        let authority = uri.authority().cloned().ok_or("it names no host")?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err("it begins with neither https:// nor http://".to_owned()),
        };
        if authority.as_str().contains('@') {
            return Err("it holds a user name or password".to_owned());
        }
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
        let host = match bare.parse() {
            Ok(address) => Host::Address(address),
            Err(_) if is_number(bare) => {
                return Err(format!("{bare:?} is no host; write an address like 192.0.2.1"));
            }
            Err(_) => Host::Name(bare.to_owned()),
        };
        let port = authority.port_u16().unwrap_or(if https { HTTPS_PORT } else { HTTP_PORT });
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Destination { authority, path, host, port, https })
    }

    /// Whether it is reached over TLS.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// What may be reached where the operator wrote this host: an address as it is written, `localhost` on this machine,
    /// and for every other name what `named` says.
    pub fn reach(&self, named: Reach) -> Reach {
        match &self.host {
            Host::Address(_) => Reach::Any,
            Host::Name(name) if name.eq_ignore_ascii_case("localhost") => Reach::ThisMachine,
            Host::Name(_) => named,
        }
    }

    /// The addresses that may be reached, in the order of the resolver.
    async fn addresses(&self, reach: Reach) -> Result<Vec<SocketAddr>, Unreached> {
        let found: Vec<SocketAddr> = match &self.host {
            Host::Address(address) => vec![SocketAddr::new(*address, self.port)],
            Host::Name(name) => {
                let found = tokio::net::lookup_host((name.as_str(), self.port)).await;
                found.map_err(|_| Unreached::Unreachable)?.collect()
            }
        };
        if found.is_empty() {
            return Err(Unreached::Unreachable);
        }
        let may = found.into_iter().filter(|address| reach.may(address.ip()));
        let may: Vec<SocketAddr> = may.take(MAX_ADDRESSES).collect();
        if may.is_empty() { Err(Unreached::Forbidden) } else { Ok(may) }
    }

    /// Every address gets the same share of `time`, so that one that swallows everything does not hide the others.
    async fn connect(&self, reach: Reach, time: Duration) -> Result<TcpStream, Unreached> {
        let addresses = self.addresses(reach).await?;
        let share = time / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            if let Ok(Ok(stream)) = tokio::time::timeout(share, TcpStream::connect(address)).await {
                // Small requests and answers: waiting for more to send only adds time.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
        Err(Unreached::Unreachable)
    }
}

/// Whether resolvers would read it as an IPv4 address in octal, hexadecimal or one number: its last label is a number.
fn is_number(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or(host);
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    hex.map_or_else(
        || !last.is_empty() && digits(last),
        |hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
    )
}

/// How to reach one destination.
pub struct Dialer {
    destination: Destination,
    reach: Reach,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Dialer {
    /// A dialer that trusts `roots`. Refused, in a sentence: a host that no certificate can name.
    pub fn new(destination: Destination, reach: Reach, roots: RootCertStore) -> Result<Dialer, String> {
        let tls = if destination.https {
            let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = match &destination.host {
                Host::Address(address) => ServerName::from(*address),
                Host::Name(name) => ServerName::try_from(name.clone()).map_err(|error| error.to_string())?,
            };
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Dialer { destination, reach, tls })
    }

    /// Where it leads.
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// A fresh connection. `time` is shared by the addresses of the name; the caller bounds the whole.
    pub async fn open(&self, time: Duration) -> Result<Line, Unreached> {
        let stream = self.destination.connect(self.reach, time).await?;
        let Some((connector, name)) = &self.tls else { return Line::begin(stream).await };
        let stream = connector.connect(name.clone(), stream).await.map_err(|_| Unreached::Unreachable)?;
        Line::begin(stream).await
    }
}

/// The certificate authorities that browsers trust.
pub fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// One connection. It ends when this is dropped.
pub struct Line {
    sender: SendRequest<Full<Bytes>>,
    _driving: JoinSet<hyper::Result<()>>,
}

/// Why a request got no answer.
pub enum Unasked {
    /// Nothing of it was sent, so that it can be sent on another connection.
    Unsent(Box<Request<Full<Bytes>>>),
    /// It was sent, or a part of it.
    Failed(hyper::Error),
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than allowed.
    TooLarge,
    /// The connection ended, or what came is no body.
    Broken,
}

impl Line {
    async fn begin<S>(stream: S) -> Result<Line, Unreached>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let begun =
            Builder::new().max_buf_size(MAX_HEAD).max_header_size(MAX_HEAD).handshake(TokioIo::new(stream));
        let (sender, connection) = begun.await.map_err(|_| Unreached::Unreachable)?;
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        Ok(Line { sender, _driving: driving })
    }

    /// Whether the other side has closed it.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request and waits for the head of its answer.
    pub async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unasked> {
        if self.sender.ready().await.is_err() {
            return Err(Unasked::Unsent(Box::new(request)));
        }
        match self.sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            Err(mut error) => Err(match error.take_message() {
                Some(request) => Unasked::Unsent(Box::new(request)),
                None => Unasked::Failed(error.into_error()),
            }),
        }
    }
}

/// Reads a whole body of at most `limit` bytes.
pub async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    let read = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|error| if error.is::<LengthLimitError>() { Unread::TooLarge } else { Unread::Broken })?;
    Ok(read.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    // SEC-106
    #[test]
    fn what_is_no_url_of_a_server_is_refused_with_a_reason() {
        for (url, why) in [
            ("http://2130706433/", "is no host"),
            ("http://0x7f000001/", "is no host"),
            ("http://0177.0.0.1/", "is no host"),
            ("http://127.1/", "is no host"),
            ("http://a.0x1/", "is no host"),
            ("http://user:word@old.example/", "user name"),
            ("ftp://old.example/", "neither"),
            ("/path", "no host"),
        ] {
            let told = Destination::parse(url).unwrap_err();
            assert!(told.contains(why), "{url}: {told}");
        }
    }

    #[test]
    fn what_was_written_may_be_reached_and_names_only_where_they_may_lead() {
        let reach = |url: &str| Destination::parse(url).unwrap().reach(Reach::Public);
        assert_eq!(reach("http://127.0.0.1:8001"), Reach::Any);
        assert_eq!(reach("https://[::1]"), Reach::Any);
        assert_eq!(reach("http://LOCALHOST:1"), Reach::ThisMachine);
        assert_eq!(reach("https://localhost.example"), Reach::Public);
        assert_eq!(reach("https://1password.example"), Reach::Public);
    }

    // SEC-106
    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_followed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let destination = Destination::parse(&format!("http://localhost:{port}")).unwrap();
        let refused = destination.connect(Reach::Public, Duration::from_secs(5)).await;
        assert!(matches!(refused, Err(Unreached::Forbidden)), "{refused:?}");
        let quiet = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(quiet.is_err(), "somebody connected");
        for reach in [Reach::Private, Reach::ThisMachine] {
            destination.connect(reach, Duration::from_secs(5)).await.unwrap();
        }
    }
}
