//! What stands before the server, as a proxy would: TLS, the application's own pages, and everything else handed on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// For any name under example.test, until 2126. Known to everybody; it proves nothing and need not.
const CERTIFICATE: &str = "MIIBwTCCAWigAwIBAgIUVcUAM1Vv5hzBMfxAh/ypzdg4hpIwCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMYnJvd3NlciB0ZXN0MCAXDTI2MTEyMTEyNTkwMloYDzIxMjYxMDI4MTI1OTAyWjAXMRUwEwYDVQQDDAxicm93c2VyIHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT5ISVUsQsa01xFQVH+yyYlJZyYAcI6ccRoTSSA9dRxx3BYpROTdw15KllO7SK3ObMDtRJkgmcz7E0Mu1+2AfnTo4GPMIGMMB0GA1UdDgQWBBSRNsVOP07yaBbhjWhKlDy3ph33EjAfBgNVHSMEGDAWgBSRNsVOP07yaBbhjWhKlDy3ph33EjAPBgNVHRMBAf8EBTADAQH/MDkGA1UdEQQyMDCCDiouZXhhbXBsZS50ZXN0ggxleGFtcGxlLnRlc3SCEGFwcC5leGFtcGxlLnRlc3QwCgYIKoZIzj0EAwIDRwAwRAIgBEEWDKFgmPXvVsCCsThLA5qv32yMIFb0RCOYn3r7EXYCIHS+YvvSsmx6pQc/BuEyc8IZcqxL8UOUM1bezKb/Vq30";
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVPS3nKPuv+Xg8DuUhTiK2M+KveP4NA1R+qEl0JonewChRANCAAT5ISVUsQsa01xFQVH+yyYlJZyYAcI6ccRoTSSA9dRxx3BYpROTdw15KllO7SK3ObMDtRJkgmcz7E0Mu1+2AfnT";
/// A browser keeps connections open that it does not use.
const IDLE: Duration = Duration::from_secs(30);

/// Pages by their path.
pub type Pages = &'static [(&'static str, &'static str)];

/// Stands on a free port until the process ends.
#[derive(Clone)]
pub struct Front {
    pages: Pages,
    /// Where everything is handed on that is no page.
    behind: Option<SocketAddr>,
    tls: Option<Arc<ServerConfig>>,
}

impl Front {
    /// Encrypted pages, and a server behind them.
    pub fn encrypted(pages: Pages, behind: Option<SocketAddr>) -> u16 {
        let decoded = |text| STANDARD.decode(text).unwrap();
        let chain = vec![CertificateDer::from(decoded(CERTIFICATE))];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(decoded(KEY)));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Front { pages, behind, tls: Some(Arc::new(tls)) }.stand(listener)
    }

    /// The same in clear, on a port that was taken before.
    pub fn plain(listener: TcpListener, pages: Pages, behind: SocketAddr) {
        Front { pages, behind: Some(behind), tls: None }.stand(listener);
    }

    fn stand(self, listener: TcpListener) -> u16 {
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let front = self.clone();
                // A browser breaks connections off as it likes; what matters is seen in the page.
                std::thread::spawn(move || drop(front.serve(stream)));
            }
        });
        port
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(IDLE))?;
        match &self.tls {
            Some(tls) => {
                let connection = ServerConnection::new(Arc::clone(tls)).map_err(std::io::Error::other)?;
                let mut stream = StreamOwned::new(connection, stream);
                self.answer(&mut stream)?;
                stream.conn.send_close_notify();
                stream.flush()
            }
            None => self.answer(&mut { stream }),
        }
    }

    /// One request, one answer, and the end of the connection.
    fn answer(&self, stream: &mut (impl Read + Write)) -> std::io::Result<()> {
        let (head, body) = request(stream)?;
        let path = head.split(' ').nth(1).unwrap_or_default();
        let page = self.pages.iter().find(|(known, _)| *known == path).map(|(_, page)| *page);
        match (page, self.behind) {
            (Some(page), _) => stream.write_all(html(page).as_bytes()),
            (None, Some(behind)) => stream.write_all(&handed_on(behind, &head, &body)?),
            (None, None) => {
                stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            }
        }
    }
}

fn html(page: &str) -> String {
    let length = page.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
    )
}

/// The head without its last line, and the body.
fn request(stream: &mut impl Read) -> std::io::Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(text) = lower.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((head, body))
}

fn handed_on(behind: SocketAddr, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(behind)?;
    server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}
