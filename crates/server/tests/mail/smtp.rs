//! A mail server of moods, in the process of the test. It speaks enough of RFC 5321 to take a letter.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::world::PATIENCE;

/// What the server does with letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Takes them.
    Accept,
    /// Says this line in place of taking the recipient.
    Refuse(&'static str),
    /// Takes the connection and says nothing.
    Hang,
    /// Closes the connection in the middle of the letter.
    DieInData,
    /// Takes the letter once the mood is another one.
    AcceptLater,
    /// Takes the letter and then says nothing any more.
    HangAfterwards,
}

/// A letter that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Of the envelope.
    pub from: String,
    /// Of the envelope.
    pub to: Vec<String>,
    /// As sent, without dot stuffing.
    pub data: String,
}

impl Arrived {
    /// A header by its name in lower case, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let found = head.lines().filter_map(|line| line.split_once(": "));
        let values: Vec<&str> =
            found.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
        assert!(values.len() <= 1, "{name} twice: {values:?}");
        values.first().map(|value| (*value).to_owned())
    }

    /// The two parts, decoded.
    pub fn parts(&self) -> (String, String) {
        let boundary = self.header("content-type").unwrap();
        let boundary = boundary.split("boundary=\"").nth(1).unwrap().trim_end_matches('"');
        let boundary = format!("--{boundary}");
        let mut parts = self.data.split(&boundary).skip(1).map(decoded);
        (parts.next().unwrap(), parts.next().unwrap())
    }

    /// The link of the letter.
    pub fn link(&self) -> String {
        let text = self.parts().0;
        let link =
            text.lines().find(|line| line.starts_with("http")).unwrap_or_else(|| panic!("no link: {text}"));
        link.trim().to_owned()
    }
}

/// The body of a part; quoted-printable and 8bit are all that is sent.
fn decoded(part: &str) -> String {
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    if !head.to_lowercase().contains("quoted-printable") {
        assert!(!head.to_lowercase().contains("base64"), "{head}");
        return body.replace("\r\n", "\n");
    }
    let body = body.replace("=\r\n", "").replace("\r\n", "\n");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let code = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&code).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[derive(Default)]
struct Seen {
    letters: Vec<Arrived>,
    connections: u32,
    lines: Vec<String>,
}

/// The server. It ends with the value.
pub struct Smtp {
    pub address: SocketAddr,
    mood: watch::Sender<Mood>,
    seen: Arc<watch::Sender<Seen>>,
    serving: JoinHandle<()>,
}

impl Smtp {
    /// Listens on a port of its own, without TLS.
    pub async fn start(mood: Mood) -> Smtp {
        Smtp::with(mood, Tls::Never).await
    }

    /// Listens on a port of its own.
    pub async fn with(mood: Mood, tls: Tls) -> Smtp {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, moods) = watch::channel(mood);
        let seen = Arc::new(watch::channel(Seen::default()).0);
        let counted = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.send_modify(|seen| seen.connections += 1);
                let (moods, seen) = (moods.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let stream: Box<dyn Io> = match tls {
                        Tls::AtOnce => Box::new(acceptor().accept(stream).await.ok()?),
                        Tls::Never | Tls::Later => Box::new(stream),
                    };
                    talk(BufReader::new(stream), (moods, tls), &seen).await
                });
            }
        });
        Smtp { address, mood, seen, serving }
    }

    /// Changes the mood.
    pub fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Everything that arrived so far.
    pub fn letters(&self) -> Vec<Arrived> {
        self.seen.borrow().letters.clone()
    }

    /// Every line outside of letters that was said to the server.
    pub fn said(&self) -> Vec<String> {
        self.seen.borrow().lines.clone()
    }

    /// Waits until so many letters have arrived.
    pub async fn arrived(&self, count: usize) -> Vec<Arrived> {
        self.wait(|seen| seen.letters.len() >= count).await;
        self.letters()
    }

    /// Waits until somebody has connected so often.
    pub async fn connected(&self, count: u32) {
        self.wait(|seen| seen.connections >= count).await;
    }

    async fn wait(&self, enough: impl FnMut(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        let waited = tokio::time::timeout(PATIENCE, seen.wait_for(enough)).await;
        assert!(waited.is_ok(), "the mail server waits in vain, {} letters", self.letters().len());
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// When the server speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    Never,
    /// After STARTTLS; before it, it takes nothing.
    Later,
    /// From the first byte.
    AtOnce,
}

/// A connection, with TLS or without.
trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

type Stream = BufReader<Box<dyn Io>>;

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn talk(
    mut stream: Stream,
    (mut moods, tls): (watch::Receiver<Mood>, Tls),
    seen: &watch::Sender<Seen>,
) -> Option<()> {
    let mut safe = tls == Tls::AtOnce;
    if *moods.borrow() == Mood::Hang {
        moods.wait_for(|mood| *mood != Mood::Hang).await.ok()?;
    }
    say(&mut stream, "220 mail.test").await?;
    let mut letter = Arrived { from: String::new(), to: Vec::new(), data: String::new() };
    loop {
        let line = hear(&mut stream).await?;
        seen.send_modify(|seen| seen.lines.push(line.clone()));
        let mood = *moods.borrow();
        match line.split([' ', ':']).next().unwrap_or_default().to_uppercase().as_str() {
            "EHLO" => say(&mut stream, greeting(tls, safe)).await?,
            "STARTTLS" => {
                say(&mut stream, "220 Go on").await?;
                let inner = acceptor().accept(stream.into_inner()).await.ok()?;
                stream = BufReader::new(Box::new(inner));
                safe = true;
            }
            _ if tls == Tls::Later && !safe => {
                say(&mut stream, "530 5.7.0 Must issue a STARTTLS command first").await?
            }
            "AUTH" => say(&mut stream, "235 2.7.0 Authentication successful").await?,
            "MAIL" => {
                letter.from = address(&line);
                say(&mut stream, "250 2.1.0 Ok").await?;
            }
            "RCPT" => match mood {
                Mood::Refuse(why) => say(&mut stream, why).await?,
                Mood::Accept | Mood::Hang | Mood::DieInData | Mood::AcceptLater | Mood::HangAfterwards => {
                    letter.to.push(address(&line));
                    say(&mut stream, "250 2.1.5 Ok").await?;
                }
            },
            "DATA" => {
                say(&mut stream, "354 Go on").await?;
                if mood == Mood::DieInData {
                    hear(&mut stream).await?;
                    return None;
                }
                letter.data = data(&mut stream).await?;
                if mood == Mood::AcceptLater {
                    moods.wait_for(|mood| *mood != Mood::AcceptLater).await.ok()?;
                }
                seen.send_modify(|seen| seen.letters.push(letter.clone()));
                say(&mut stream, "250 2.0.0 Ok: queued as 1").await?;
                if mood == Mood::HangAfterwards {
                    moods.wait_for(|mood| *mood != Mood::HangAfterwards).await.ok()?;
                }
            }
            "QUIT" => {
                say(&mut stream, "221 Bye").await?;
                return Some(());
            }
            _ => say(&mut stream, "250 Ok").await?,
        }
    }
}

/// What the server can do now.
fn greeting(tls: Tls, safe: bool) -> &'static str {
    match (tls, safe) {
        (_, true) => "250-mail.test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
        (Tls::Later, false) => "250-mail.test\r\n250 STARTTLS",
        (Tls::Never | Tls::AtOnce, false) => "250-mail.test\r\n250 8BITMIME",
    }
}

fn address(line: &str) -> String {
    line.split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .map_or_else(String::new, |(inner, _)| inner.to_owned())
}

async fn data(stream: &mut Stream) -> Option<String> {
    let mut data = String::new();
    loop {
        let line = hear(stream).await?;
        if line == "." {
            return Some(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        data.push_str("\r\n");
    }
}

async fn hear(stream: &mut Stream) -> Option<String> {
    let mut line = String::new();
    let count = stream.read_line(&mut line).await.ok()?;
    (count > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn say(stream: &mut Stream, line: &str) -> Option<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()
}
