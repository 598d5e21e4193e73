//! How is a service asked which breached passwords have a prefix?
//!
//! A GET of the configured URL with five digits after it, as the range service of Have I Been Pwned answers it. Sent
//! only where the operator says, redirects are not followed, and time and size have bounds (SEC-06, SEC-106).

use crate::config::BreachConfig;
use bytes::Bytes;
use domain::breach::{BreachFault, Prefix};
use engine::Breaches;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The longest answer that is read, in bytes. A real one has about 1,000 lines of 40.
const MAX_ANSWER: usize = 256 * 1024;
/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How many are asked at once. Others wait, and their time runs.
const PARALLEL: usize = 16;
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// How to ask as configured; nobody is asked without a URL. Refused, in a sentence: a URL that can not be asked.
pub fn breaches(config: &BreachConfig) -> Result<Option<Breaches>, String> {
    let Some(url) = &config.url else { return Ok(None) };
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let service = Service::open(url, config.timeout, roots)?;
    let service = Arc::new(service);
    Ok(Some(Breaches::new(move |prefix| {
        let service = Arc::clone(&service);
        async move { service.ask(&prefix).await }
    })))
}

/// A service, and what is needed to talk to it.
struct Service {
    /// As in the `Host` field.
    authority: String,
    /// Without brackets and port.
    host: String,
    port: u16,
    /// Ends with a slash.
    path: String,
    /// Absent: in clear, to this machine only.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
    permits: Semaphore,
}

impl Service {
    fn open(url: &str, timeout: Duration, roots: RootCertStore) -> Result<Service, String> {
        let told = |why: &dyn std::fmt::Display| format!("passwords.breach_url: {url:?}: {why}");
        let uri: http::Uri = url.parse().map_err(|error| told(&error))?;
        let authority = uri.authority().ok_or_else(|| told(&"it names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_https = uri.scheme_str() == Some("https");
        let tls = if is_https {
            let provider = Arc::new(default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| told(&error))?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::try_from(host.clone()).map_err(|error| told(&error))?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        let port = if is_https { HTTPS_PORT } else { HTTP_PORT };
        Ok(Service {
            authority: authority.to_string(),
            host,
            port: authority.port_u16().unwrap_or(port),
            path: uri.path().to_owned(),
            tls,
            timeout,
            permits: Semaphore::new(PARALLEL),
        })
    }

    /// The answer, as text.
    async fn ask(&self, prefix: &Prefix) -> Result<String, BreachFault> {
        tokio::time::timeout(self.timeout, self.exchange(prefix)).await.unwrap_or(Err(BreachFault::TimedOut))
    }

    async fn exchange(&self, prefix: &Prefix) -> Result<String, BreachFault> {
        let _permit = self.permits.acquire().await.map_err(|_| BreachFault::Unreachable)?;
        let stream = self.connect().await.map_err(|_| BreachFault::Unreachable)?;
        let Some((connector, name)) = &self.tls else { return self.say(stream, prefix).await };
        let stream = connector.connect(name.clone(), stream).await.map_err(|_| BreachFault::Unreachable)?;
        self.say(stream, prefix).await
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        // What is asked in clear stays on this machine, whatever its name leads to.
        let may = |address: &SocketAddr| self.tls.is_some() || address.ip().is_loopback();
        let mut failed = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        for address in found.filter(may) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn say<S>(&self, stream: S, prefix: &Prefix) -> Result<String, BreachFault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |_| BreachFault::Unreachable;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // Ends with this function, whatever becomes of the answer.
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let request = Request::get(format!("{}{}", self.path, prefix.as_str()))
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")))
            // So that the length of the answer does not tell which prefix was asked for.
            .header("Add-Padding", "true")
            .body(Empty::<Bytes>::new())
            .map_err(|_| BreachFault::Unreachable)?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        if answer.status() != StatusCode::OK {
            return Err(BreachFault::Status);
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { BreachFault::TooLarge } else { BreachFault::Unreachable }
        })?;
        String::from_utf8(body.to_bytes().into()).map_err(|_| BreachFault::Unreadable)
    }
}

#[cfg(test)]
#[path = "breach_tests.rs"]
mod tests;
