//! Who carries a letter away: the log, a folder, or a mail server?

use crate::config::{Encryption, SmtpConfig, Transport};
use domain::secret::Secret;
use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// To reach the mail server.
const CONNECT: Duration = Duration::from_secs(5);
/// For the whole letter, from the connection to the server's word.
const TOTAL: Duration = Duration::from_secs(30);
/// To part politely once the letter was taken.
const PART: Duration = Duration::from_secs(1);
/// The most of what a server says that is kept, in characters.
const MAX_SAID: usize = 200;
/// What every certificate in a PEM file begins with (RFC 7468).
const PEM_BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
/// How the password may be given to the server; both only inside TLS or on this machine.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// A letter was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// Whether the server says that trying again is of no use.
    pub for_good: bool,
    /// In a line.
    pub why: String,
}

/// Where letters go.
pub enum Carrier {
    /// Into the log.
    Log,
    /// Into files of a folder.
    File(PathBuf),
    /// To a mail server.
    Smtp(Box<Smtp>),
}

/// A mail server, and what is needed to talk to it.
pub struct Smtp {
    server: String,
    port: u16,
    tls: Option<TlsParameters>,
    starts_in_clear: bool,
    sign_in: Option<(String, Secret)>,
    hello: ClientId,
}

impl Carrier {
    /// Reads what the transport needs. Refused, in a sentence: passwords and certificates that can not be read, a folder
    /// that can not be made.
    pub fn open(transport: &Transport, our_host: &str) -> Result<Carrier, String> {
        match transport {
            Transport::Off | Transport::Log => Ok(Carrier::Log),
            Transport::File(folder) => {
                let told = |error: std::io::Error| format!("{}: {error}", folder.display());
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(told)?;
                Ok(Carrier::File(folder.clone()))
            }
            Transport::Smtp(smtp) => Smtp::open(smtp, our_host).map(|smtp| Carrier::Smtp(Box::new(smtp))),
        }
    }

    /// Hands a letter over. `name` is for the log and for file names.
    pub async fn carry(&self, message: &Message, name: &str) -> Result<String, Refused> {
        match self {
            Carrier::Log => {
                let letter = String::from_utf8_lossy(&message.formatted()).into_owned();
                tracing::warn!(name, letter, "a letter, in the log because of mail.transport = \"log\"");
                Ok("written to the log".to_owned())
            }
            Carrier::File(folder) => {
                let (folder, name, bytes) = (folder.clone(), name.to_owned(), message.formatted());
                let written = tokio::task::spawn_blocking(move || write_file(&folder, &name, &bytes)).await;
                let path = written.map_err(|_| later("the file was not written"))?;
                path.map(|path| format!("written to {}", path.display()))
                    .map_err(|error| later(error.to_string()))
            }
            Carrier::Smtp(smtp) => smtp.carry(message).await,
        }
    }
}

/// Writes `<folder>/<name>.eml`, readable by its owner alone, whole or not at all.
fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<PathBuf> {
    let (draft, path) = (folder.join(format!(".{name}.new")), folder.join(format!("{name}.eml")));
    if let Err(error) = std::fs::remove_file(&draft)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, &path)?;
    Ok(path)
}

impl Smtp {
    fn open(config: &SmtpConfig, our_host: &str) -> Result<Smtp, String> {
        let tls = match config.encryption {
            Encryption::None => None,
            Encryption::Tls | Encryption::StartTls => Some(tls(config)?),
        };
        let password = match (&config.password, &config.password_file) {
            (Some(password), _) => Some(password.clone()),
            (None, Some(path)) => Some(crate::keys::read_secret_line(path)?),
            (None, None) => None,
        };
        Ok(Smtp {
            server: config.server.clone(),
            port: config.port,
            tls,
            starts_in_clear: config.encryption == Encryption::StartTls,
            sign_in: config.user.clone().zip(password),
            hello: ClientId::Domain(our_host.to_owned()),
        })
    }

    async fn carry(&self, message: &Message) -> Result<String, Refused> {
        let carried = tokio::time::timeout(TOTAL, self.hand_over(message)).await;
        let (mut connection, said) =
            carried.map_err(|_| later("the mail server did not answer in time"))??;
        // The letter was taken; whatever becomes of the farewell, it must not be sent again.
        drop(tokio::time::timeout(PART, connection.quit()).await);
        Ok(said)
    }

    async fn hand_over(&self, message: &Message) -> Result<(AsyncSmtpConnection, String), Refused> {
        let place = (self.server.as_str(), self.port);
        let at_once = self.tls.clone().filter(|_| !self.starts_in_clear);
        let reaching = AsyncSmtpConnection::connect_tokio1(place, Some(CONNECT), &self.hello, at_once, None);
        let mut connection = reaching.await.map_err(|error| told(&error))?;
        if self.starts_in_clear
            && let Some(tls) = &self.tls
        {
            connection.starttls(tls.clone(), &self.hello).await.map_err(|error| told(&error))?;
        }
        if let Some((user, password)) = &self.sign_in {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            connection.auth(&MECHANISMS, &credentials).await.map_err(|error| told(&error))?;
        }
        let taken = connection.send(message.envelope(), &message.formatted()).await;
        let taken = taken.map_err(|error| told(&error))?;
        let said = taken.message().collect::<Vec<_>>().join(" ");
        Ok((connection, short(&format!("{} {said}", taken.code()))))
    }
}

fn tls(config: &SmtpConfig) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(config.server.clone());
    if let Some(path) = &config.ca_file {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let pem = std::fs::read(path).map_err(|error| told(&error))?;
        if !pem.windows(PEM_BEGIN.len()).any(|part| part == PEM_BEGIN) {
            return Err(told(&"there is no certificate (PEM) in this file"));
        }
        let trusted = Certificate::from_pem(&pem).map_err(|error| told(&error))?;
        tls = tls.certificate_store(CertificateStore::None).add_root_certificate(trusted);
    }
    tls.build_rustls().map_err(|error| format!("mail.server: {error}"))
}

fn told(error: &lettre::transport::smtp::Error) -> Refused {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        if !why.contains(&text) {
            why = format!("{why}: {text}");
        }
        source = inner.source();
    }
    Refused { for_good: error.is_permanent(), why: short(&why) }
}

fn later(why: impl Into<String>) -> Refused {
    Refused { for_good: false, why: why.into() }
}

/// A line of bounded length.
fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SAID).collect()
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Carrier::Log => f.write_str("Log"),
            Carrier::File(folder) => write!(f, "File({})", folder.display()),
            Carrier::Smtp(smtp) => write!(f, "Smtp({}:{})", smtp.server, smtp.port),
        }
    }
}
