//! Does a service of any mood get an answer, a bound, and no more than five digits? (SEC-06, SEC-106)

use super::*;
use crate::outgoing::MAX_HEAD;
use crate::outgoing::fake::{Act, Fake, ok, speak};
use domain::breach::Fingerprint;
use domain::password::prepare;
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

const PASSWORD: &str = "a password that was leaked";
/// Long enough for this machine, short enough for a test of what never answers.
const SOON: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(20);
const CA: &[u8] = include_bytes!("../tests/mail/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../tests/mail/tls/server.pem");
const KEY: &[u8] = include_bytes!("../tests/mail/tls/server.key");

/// A service behind TLS that says the same to everybody.
struct Guarded {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Guarded {
    async fn new(answer: Vec<u8>, tls: TlsAcceptor) -> Guarded {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::default();
        let (seen, mut serving) = (Arc::clone(&heads), JoinSet::new());
        serving.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not trust the certificate ends here.
                if let Ok(stream) = tls.accept(stream).await {
                    drop(speak(stream, &Act::Say(answer.clone()), &seen).await);
                }
            }
        });
        Guarded { port, heads, _serving: serving }
    }
}

async fn asked_of(fake: &Fake, timeout: Duration) -> Result<bool, BreachFault> {
    asked(&format!("{}/range/", fake.url()), timeout, RootCertStore::empty()).await
}

fn fingerprint() -> Fingerprint {
    Fingerprint::of(&prepare(PASSWORD).unwrap())
}

/// SHA-1 of the password, in two parts.
fn digits() -> (String, String) {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, PASSWORD.as_bytes());
    let text: String = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    (text[..5].to_owned(), text[5..].to_owned())
}

async fn asked(url: &str, timeout: Duration, roots: RootCertStore) -> Result<bool, BreachFault> {
    let service = Service::open(url, timeout, roots).unwrap();
    let fingerprint = fingerprint();
    service.ask(fingerprint.prefix()).await.and_then(|answer| fingerprint.is_in(&answer))
}

/// A list as services give it, with one line more.
fn list(line: &str) -> Vec<u8> {
    let others: String = (0..900).map(|number| format!("{number:035X}:{}\r\n", number % 7)).collect();
    ok(&format!("{others}{line}"))
}

#[tokio::test]
async fn the_password_is_found_or_not_and_only_five_digits_are_sent() {
    let (told, kept) = digits();
    for (line, expected) in
        [(format!("{kept}:3"), true), (format!("{kept}:0"), false), (String::new(), false)]
    {
        let fake = Fake::new(Act::Say(list(&line))).await;
        assert_eq!(asked_of(&fake, PATIENCE).await, Ok(expected), "{line}");
        let [head] = fake.requests().try_into().unwrap();
        assert!(head.starts_with(&format!("GET /range/{told} HTTP/1.1\r\n")), "{head}");
        assert!(head.to_lowercase().contains("\r\nadd-padding: true\r\n"), "{head}");
        assert!(head.contains("countersign/"), "{head}");
        assert!(!head.contains(&kept[..6]) && !head.contains(PASSWORD), "{head}");
    }
}

#[tokio::test]
async fn whatever_else_is_said_is_a_fault_in_bounded_time_and_space() {
    let elsewhere = Fake::new(Act::Say(list(&format!("{}:3", digits().1)))).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/range/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.port
    );
    let line = format!("{}:1\r\n", "0".repeat(35));
    let long = line.repeat(MAX_ANSWER / line.len() + 2);
    let endless_head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(4 * MAX_HEAD));
    let table = [
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec(), BreachFault::Status),
        (redirect.into_bytes(), BreachFault::Status),
        (ok("<html>not what you wanted</html>"), BreachFault::Unreadable),
        (ok(""), BreachFault::Unreadable),
        (
            [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".as_slice(), &[0xff, 0xfe]].concat(),
            BreachFault::Unreadable,
        ),
        (ok(&long), BreachFault::TooLarge),
        // Without a length, until the connection ends.
        ([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), long.as_bytes()].concat(), BreachFault::TooLarge),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n00".to_vec(), BreachFault::Unreachable),
        (endless_head.into_bytes(), BreachFault::Unreachable),
        (b"220 mail.example.com ESMTP\r\n".to_vec(), BreachFault::Unreachable),
        (Vec::new(), BreachFault::Unreachable),
    ];
    for (at, (answer, expected)) in table.into_iter().enumerate() {
        let fake = Fake::new(Act::Say(answer)).await;
        assert_eq!(asked_of(&fake, PATIENCE).await, Err(expected), "{at}");
    }
    assert!(elsewhere.requests().is_empty(), "a redirect was followed");
    let silent = Fake::new(Act::Hang(Vec::new())).await;
    assert_eq!(asked_of(&silent, SOON).await, Err(BreachFault::TimedOut));
    assert_eq!(silent.requests().len(), 1);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(asked(&url, PATIENCE, RootCertStore::empty()).await, Err(BreachFault::Unreachable));
}

// SEC-106
#[tokio::test]
async fn in_clear_only_this_machine_is_asked() {
    // Not even when the setting's own check was passed by.
    let asked = asked("http://192.0.2.1/", PATIENCE, RootCertStore::empty()).await;
    assert_eq!(asked, Err(BreachFault::Unreachable));
}

#[tokio::test]
async fn over_tls_the_certificate_has_to_be_trusted() {
    let chain = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let fake = Guarded::new(list(&format!("{}:3", digits().1)), tls).await;
    let url = format!("https://localhost:{}/range/", fake.port);
    let public = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    assert_eq!(asked(&url, PATIENCE, public).await, Err(BreachFault::Unreachable));
    assert!(fake.heads.lock().unwrap().is_empty());
    let mut own = RootCertStore::empty();
    own.add(CertificateDer::from_pem_slice(CA).unwrap()).unwrap();
    assert_eq!(asked(&url, PATIENCE, own).await, Ok(true));
}
