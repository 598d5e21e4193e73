//! What does it cost to verify a JWT and answer, and nothing else? The server that the profile is compared with.
//!
//! It reads no body, knows no user, and trusts any token whose signature and expiry hold.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use crate::{Outcome, wrong};

/// Who may pass, and what they get. The calendar is read once; from then on a monotonic clock tells the time.
struct Gate {
    key: hmac::Key,
    body: Bytes,
    started: Instant,
    started_at: u64,
}

#[derive(serde::Deserialize)]
struct Claims<'a> {
    exp: u64,
    #[serde(borrow)]
    token_type: Option<&'a str>,
    user_id: serde::de::IgnoredAny,
}

impl Gate {
    fn admits(&self, request: &Request<Incoming>) -> Option<()> {
        let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let token = value.strip_prefix("Bearer ")?;
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, payload) = signed.split_once('.')?;
        let mut bytes = [0_u8; 64];
        let length = URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
        hmac::verify(&self.key, signed.as_bytes(), &bytes[..length]).ok()?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: Claims<'_> = serde_json::from_slice(&payload).ok()?;
        let _ = claims.user_id;
        let now = self.started_at + self.started.elapsed().as_secs();
        (claims.exp > now && claims.token_type != Some("refresh")).then_some(())
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let admitted = self.admits(request).is_some();
        let mut response = Response::new(Full::new(if admitted { self.body.clone() } else { Bytes::new() }));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !admitted {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        response
    }
}

/// Serves until it is killed. Its address is the one line on standard output.
///
/// # Errors
/// The body cannot be read or no port is free.
#[expect(clippy::disallowed_methods, reason = "a verifier has to know the time; it is read once")]
pub fn serve(secret: &str, body_file: &Path) -> Outcome<()> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let gate = Arc::new(Gate {
        key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        body: Bytes::from(std::fs::read(body_file)?),
        started: Instant::now(),
        started_at: since.as_secs(),
    });
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(accept(gate))
}

async fn accept(gate: Arc<Gate>) -> Outcome<()> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        stream.set_nodelay(true)?;
        let gate = Arc::clone(&gate);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = gate.answer(&request);
                async move { Ok::<_, Infallible>(response) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The same header and claims as `token`, signed with another secret.
///
/// # Errors
/// It is not a signed JWT.
pub fn sign_again(token: &str, secret: &str) -> Outcome<String> {
    let (signed, _) = token.rsplit_once('.').ok_or_else(|| wrong("the access token is not a JWT"))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
}
