//! How are letters sent, and where do the links in them lead?

use super::kinds::is_loopback;
use super::{Config, ConfigFault, Origin, Reading};
use domain::link::LinkKind;
use domain::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// The variable that may hold the mail server's password. It is no setting, so nothing ever prints it (SEC-111).
pub const PASSWORD_VARIABLE: &str = "COUNTERSIGN_MAIL_PASSWORD";

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Begins in clear and switches to TLS before anything is said; a server that can not do it gets nothing.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all; only to this machine.
    None,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// Host name or address.
    pub server: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub encryption: Encryption,
    /// Who we are there; absent = nobody asks.
    pub user: Option<String>,
    /// File with the password.
    pub password_file: Option<PathBuf>,
    /// The password from the environment.
    pub password: Option<Secret>,
    /// File with certificates that are trusted in place of the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Where letters go.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Nowhere: nothing that needs a letter is offered.
    Off,
    /// Into the log, links included. For development only.
    Log,
    /// Into files of a folder.
    File(PathBuf),
    /// To a mail server.
    Smtp(SmtpConfig),
}

/// Everything about letters.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// Where they go.
    pub transport: Transport,
    /// Who they are from, as `Name <address>`.
    pub from: String,
    /// For readers who want none that there is.
    pub language: String,
    /// Folder of the operator's own templates.
    pub templates: Option<PathBuf>,
    /// How many are sent at once.
    pub parallel: usize,
    /// The first wait after a failed try; it doubles up to an hour.
    pub retry: Duration,
}

impl MailConfig {
    /// Whether letters are sent at all.
    pub fn is_on(&self) -> bool {
        !matches!(self.transport, Transport::Off)
    }
}

/// The pages that links lead to.
#[derive(Clone, Debug)]
pub struct PagesConfig {
    /// Whether this server shows them itself.
    pub hosted: bool,
    /// Before the path of each of them, like `/account`.
    pub path: String,
    /// Folder of the operator's own templates.
    pub templates: Option<PathBuf>,
    /// The application's own page for a kind of link, with `{token}` in it, in the order of [`LinkKind::ALL`].
    pub own: [Option<String>; 5],
}

/// The setting that names the application's own page for a kind of link.
pub const fn own_page(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::VerifyEmail => "pages.verify_url",
        LinkKind::ResetPassword => "pages.reset_url",
        LinkKind::ConfirmEmail => "pages.confirm_url",
        LinkKind::UndoEmail => "pages.undo_url",
        LinkKind::Invitation => "pages.invitation_url",
    }
}

pub(super) fn mail(read: &Reading<'_>, environment: &[(String, String)]) -> Result<MailConfig, ConfigFault> {
    let transport = match read.text("mail.transport")?.as_str() {
        "log" => Transport::Log,
        "file" => {
            let folder = path(read, "mail.folder")?;
            Transport::File(folder.unwrap_or(PathBuf::from(read.text("data")?).join("mail")))
        }
        "smtp" => Transport::Smtp(smtp(read, environment)?),
        _ => Transport::Off,
    };
    Ok(MailConfig {
        transport,
        from: read.text("mail.from")?,
        language: read.text("mail.language")?,
        templates: path(read, "mail.templates")?,
        parallel: read.number("mail.parallel")?,
        retry: read.span("mail.retry")?,
    })
}

fn smtp(read: &Reading<'_>, environment: &[(String, String)]) -> Result<SmtpConfig, ConfigFault> {
    let encryption = match read.text("mail.encryption")?.as_str() {
        "tls" => Encryption::Tls,
        "none" => Encryption::None,
        _ => Encryption::StartTls,
    };
    let port = match (u16::try_from(read.number("mail.port")?).unwrap_or_default(), encryption) {
        (0, Encryption::StartTls) => 587,
        (0, Encryption::Tls) => 465,
        (0, Encryption::None) => 25,
        (port, _) => port,
    };
    let given = environment.iter().find(|(name, value)| name == PASSWORD_VARIABLE && !value.is_empty());
    Ok(SmtpConfig {
        server: read.text("mail.server")?,
        port,
        encryption,
        user: Some(read.text("mail.user")?).filter(|user| !user.is_empty()),
        password_file: path(read, "mail.password_file")?,
        password: given.map(|(_, value)| Secret::new(value.as_str())),
        ca_file: path(read, "mail.ca_file")?,
    })
}

pub(super) fn pages(read: &Reading<'_>) -> Result<PagesConfig, ConfigFault> {
    let mut own = [const { None }; 5];
    for (kind, place) in LinkKind::ALL.into_iter().zip(&mut own) {
        *place = Some(read.text(own_page(kind))?).filter(|url| !url.is_empty());
    }
    Ok(PagesConfig {
        hosted: read.text("pages.hosted")? == "on",
        path: read.text("pages.path")?,
        templates: path(read, "pages.templates")?,
        own,
    })
}

fn path(read: &Reading<'_>, name: &'static str) -> Result<Option<PathBuf>, ConfigFault> {
    Ok(Some(read.text(name)?).filter(|text| !text.is_empty()).map(PathBuf::from))
}

/// What is wrong with the settings of letters and pages, taken together (SEC-40).
pub(super) fn check(config: &Config) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    if !config.mail.is_on() {
        if config.house.recovery.require_verified {
            let message = "recovery.require_verified needs mail.transport: without letters nobody can verify an address";
            faults.push(ConfigFault {
                place: "recovery.require_verified".to_owned(),
                message: message.to_owned(),
            });
        }
        return faults;
    }
    let place = |name: &str| {
        let origin = config.values.iter().find(|(known, ..)| *known == name).map(|(_, _, origin)| origin);
        match origin {
            Some(Origin::Default) | None => name.to_owned(),
            Some(origin) => origin.to_string(),
        }
    };
    let mut fault = |name: &str, message: &str| {
        faults.push(ConfigFault { place: place(name), message: message.to_owned() });
    };
    if config.public_url.is_none() {
        let message =
            "letters need public_url: their links are made from it and from nothing that a request says";
        fault("mail.transport", message);
    }
    if config.mail.from.is_empty() {
        fault("mail.from", "mail.from is needed: write \"Example <no-reply@example.com>\"");
    } else if config.mail.from.parse::<lettre::message::Mailbox>().is_err() {
        fault("mail.from", "mail.from: this is no mailbox like \"Example <no-reply@example.com>\"");
    }
    if !config.pages.hosted {
        for (kind, _) in LinkKind::ALL.into_iter().zip(&config.pages.own).filter(|(_, own)| own.is_none()) {
            let message =
                format!("the hosted pages are off: {} has to say where the link leads", own_page(kind));
            fault("pages.hosted", &message);
        }
    }
    if let Transport::Smtp(smtp) = &config.mail.transport {
        check_smtp(smtp, &mut fault);
    }
    faults
}

fn check_smtp(smtp: &SmtpConfig, fault: &mut impl FnMut(&str, &str)) {
    if smtp.server.is_empty() {
        fault("mail.server", "mail.server is needed: the host name of your mail server");
    }
    if smtp.encryption == Encryption::None && !is_loopback(&smtp.server) {
        fault(
            "mail.encryption",
            "mail.encryption: letters go in clear only to a mail server on this machine",
        );
    }
    let password = smtp.password.is_some() || smtp.password_file.is_some();
    if smtp.user.is_some() && !password {
        let message = format!("mail.user needs a password: mail.password_file, or {PASSWORD_VARIABLE}");
        fault("mail.user", &message);
    }
    if smtp.user.is_none() && password {
        fault("mail.user", "mail.user is needed: there is a password for the mail server");
    }
    if smtp.password.is_some() && smtp.password_file.is_some() {
        let message = format!("the password is given twice: mail.password_file and {PASSWORD_VARIABLE}");
        fault("mail.password_file", &message);
    }
}
