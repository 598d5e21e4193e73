//! How is a transcript replayed against a server that already runs, ours or the original?

use crate::outgoing::{Destination, Dialer, Reach, Unasked, Unread, public_roots, read_body};
use crate::replay::{Played, converse};
use bytes::Bytes;
use dialect::transcript::{Act, Kept, Ready, Transcript};
use http::{Request, Response, header};
use http_body_util::Full;
use std::time::Duration;
use tokio_rustls::rustls::RootCertStore;

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// For connecting, sending and reading together.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Target {
    dialer: Dialer,
}

impl Target {
    /// Reads `http://host[:port]` or `https://host[:port]`. Refused: another scheme, a path, no host.
    pub fn parse(url: &str) -> Result<Target, String> {
        Target::trusting(url, public_roots())
    }

    /// As [`Target::parse`], with these authorities instead of the public ones.
    pub fn trusting(url: &str, roots: RootCertStore) -> Result<Target, String> {
        let told = |why: String| format!("{url}: {why}");
        let destination = Destination::parse(url).map_err(told)?;
        if !destination.path.is_empty() || url.contains('?') {
            return Err(told("give the server's address without a path".to_owned()));
        }
        // Whoever types the address means it.
        Ok(Target { dialer: Dialer::new(destination, Reach::Any, roots).map_err(told)? })
    }

    /// Its address.
    pub fn url(&self) -> String {
        let destination = self.dialer.destination();
        format!("{}://{}", if destination.is_https() { "https" } else { "http" }, destination.authority)
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
    /// Refused, in a sentence: no answer within 30 s, a head of more than 16 KiB, a body of more than 1 MiB.
    pub async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        let asked = tokio::time::timeout(PATIENCE, self.ask(request)).await;
        asked.unwrap_or_else(|_| Err(format!("it did not answer in {} s", PATIENCE.as_secs()))).map_err(
            |why| {
                let url = self.url();
                format!("{url}: {why}")
            },
        )
    }

    async fn ask(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        if !request.headers().contains_key(header::HOST) {
            let host = self.dialer.destination().authority.as_str().parse();
            request.headers_mut().insert(header::HOST, host.map_err(|_| "a broken host".to_owned())?);
        }
        let unreached = |_| "it can not be reached, or its certificate is not trusted".to_owned();
        let mut line = self.dialer.open(PATIENCE).await.map_err(unreached)?;
        let (parts, body) = match line.ask(request).await {
            Ok(response) => response.into_parts(),
            Err(Unasked::Unsent(_)) => return Err("it closed the connection".to_owned()),
            Err(Unasked::Failed(error)) => return Err(error.to_string()),
        };
        let body = read_body(body, MAX_ANSWER).await.map_err(|fault| match fault {
            Unread::TooLarge => format!("the body of the answer has more than {MAX_ANSWER} bytes"),
            Unread::Broken => "the body of the answer ends too early".to_owned(),
        })?;
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
    use super::{Bytes, Full, MAX_ANSWER, Request, RootCertStore, Target};
    use crate::outgoing::fake::{Act, Fake, ok, speak};
    use std::sync::{Arc, Mutex};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

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

    fn get() -> Request<Full<Bytes>> {
        Request::get("/a").body(Full::default()).unwrap()
    }

    #[tokio::test]
    async fn a_server_behind_tls_is_asked_when_its_certificate_is_trusted() {
        let pem = |bytes: &[u8]| CertificateDer::from_pem_slice(bytes).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../tests/mail/tls/server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pem(include_bytes!("../tests/mail/tls/server.pem"))], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok(stream) = acceptor.accept(stream).await {
                    drop(speak(stream, &Act::Say(ok("{}")), &Mutex::default()).await);
                }
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(pem(include_bytes!("../tests/mail/tls/ca.pem"))).unwrap();
        let answer = Target::trusting(&url, roots).unwrap().exchange(get()).await.unwrap();
        assert_eq!(answer.body().as_ref(), b"{}");
        let refused = Target::parse(&url).unwrap().exchange(get()).await.unwrap_err();
        assert!(refused.contains("not trusted"), "{refused}");
    }

    #[tokio::test]
    async fn what_is_too_large_or_ends_too_early_is_refused() {
        let large = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", MAX_ANSWER + 1);
        for (answer, why) in [
            ([large.into_bytes(), vec![b' '; MAX_ANSWER + 1]].concat(), "more than"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".to_vec(), "too early"),
            (b"nonsense".to_vec(), "invalid"),
        ] {
            let fake = Fake::new(Act::Say(answer)).await;
            let refused = Target::parse(&fake.url()).unwrap().exchange(get()).await.unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
