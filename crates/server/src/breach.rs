//! How is a service asked which breached passwords have a prefix?
//!
//! A GET of the configured URL with five digits after it, as the range service of Have I Been Pwned answers it. Sent
//! only where the operator says, redirects are not followed, and time and size have bounds (SEC-06, SEC-106).

use crate::config::BreachConfig;
use crate::outgoing::{self, Destination, Dialer, Line, Reach, Unread};
use bytes::Bytes;
use domain::breach::{BreachFault, Prefix};
use engine::Breaches;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::RootCertStore;

/// The longest answer that is read, in bytes. A real one has about 1,000 lines of 40.
const MAX_ANSWER: usize = 256 * 1024;
/// How many are asked at once. Others wait, and their time runs.
const PARALLEL: usize = 16;

/// How to ask as configured; nobody is asked without a URL. Refused, in a sentence: a URL that can not be asked.
pub fn breaches(config: &BreachConfig) -> Result<Option<Breaches>, String> {
    let Some(url) = &config.url else { return Ok(None) };
    let service = Service::open(url, config.timeout, outgoing::public_roots())?;
    let service = Arc::new(service);
    Ok(Some(Breaches::new(move |prefix| {
        let service = Arc::clone(&service);
        async move { service.ask(&prefix).await }
    })))
}

/// A service, and what is needed to talk to it.
struct Service {
    dialer: Dialer,
    /// Ends with a slash.
    path: String,
    timeout: Duration,
    permits: Semaphore,
}

impl Service {
    fn open(url: &str, timeout: Duration, roots: RootCertStore) -> Result<Service, String> {
        let told = |why: String| format!("passwords.breach_url: {url:?}: {why}");
        let destination = Destination::parse(url).map_err(told)?;
        let path = format!("{}/", destination.path);
        // What is asked in clear stays on this machine, whatever its name leads to.
        let reach = if destination.is_https() { Reach::Any } else { Reach::ThisMachine };
        let dialer = Dialer::new(destination, reach, roots).map_err(told)?;
        Ok(Service { dialer, path, timeout, permits: Semaphore::new(PARALLEL) })
    }

    /// The answer, as text.
    async fn ask(&self, prefix: &Prefix) -> Result<String, BreachFault> {
        tokio::time::timeout(self.timeout, self.exchange(prefix)).await.unwrap_or(Err(BreachFault::TimedOut))
    }

    async fn exchange(&self, prefix: &Prefix) -> Result<String, BreachFault> {
        let _permit = self.permits.acquire().await.map_err(|_| BreachFault::Unreachable)?;
        let mut line = self.dialer.open(self.timeout).await.map_err(|_| BreachFault::Unreachable)?;
        self.say(&mut line, prefix).await
    }

    async fn say(&self, line: &mut Line, prefix: &Prefix) -> Result<String, BreachFault> {
        let request = Request::get(format!("{}{}", self.path, prefix.as_str()))
            .header(header::HOST, self.dialer.destination().authority.as_str())
            .header(header::USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")))
            // So that the length of the answer does not tell which prefix was asked for.
            .header("Add-Padding", "true")
            .body(Full::<Bytes>::default())
            .map_err(|_| BreachFault::Unreachable)?;
        let answer = line.ask(request).await.map_err(|_| BreachFault::Unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(BreachFault::Status);
        }
        let body =
            outgoing::read_body(answer.into_body(), MAX_ANSWER).await.map_err(|fault| match fault {
                Unread::TooLarge => BreachFault::TooLarge,
                Unread::Broken => BreachFault::Unreachable,
            })?;
        String::from_utf8(body.into()).map_err(|_| BreachFault::Unreadable)
    }
}

#[cfg(test)]
#[path = "breach_tests.rs"]
mod tests;
