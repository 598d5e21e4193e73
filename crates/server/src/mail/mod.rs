//! How does a letter of the outbox reach a mailbox?
//!
//! A request only writes the outbox; everything here happens later and elsewhere, so no answer waits for a mail
//! server (SEC-13, REL-44). Links are made from the configuration alone (SEC-40).

mod carrier;
mod letters;
pub mod links;
mod name;
mod worker;

pub use carrier::{Carrier, Refused};
pub use letters::{Letters, Written};
pub use worker::work;

use crate::config::{Config, MailConfig};
use crate::language;
use domain::letter::LetterId;
use domain::link::LinkKind;
use domain::secret::Secret;
use domain::time::Moment;
use engine::Post;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use links::Links;
use std::time::{Duration, SystemTime};

/// Everything that letters are made of and carried by.
#[derive(Debug)]
pub struct Office {
    letters: Letters,
    carrier: Carrier,
    links: Links,
    from: Mailbox,
    /// The part of message ids behind the at sign.
    host: String,
    parallel: usize,
    retry: Duration,
}

impl Office {
    /// Reads and tries the templates and what the transport needs. None when letters are off.
    ///
    /// Refused: everything that is wrong with templates, certificates and passwords, each in a sentence.
    pub fn open(config: &Config) -> Result<Option<Office>, Vec<String>> {
        let MailConfig { transport, from, parallel, retry, .. } = &config.mail;
        if !config.mail.is_on() {
            return Ok(None);
        }
        let (mut faults, links) = (Vec::new(), Links::of(config));
        let mut keep = |found: Vec<String>| faults.extend(found);
        let letters = Letters::open(config).map_err(&mut keep).ok();
        let carrier = Carrier::open(transport, links.host()).map_err(|fault| keep(vec![fault])).ok();
        let from = from.parse().map_err(|error| keep(vec![format!("mail.from: {error}")])).ok();
        let (Some(letters), Some(carrier), Some(from)) = (letters, carrier, from) else { return Err(faults) };
        let host = links.host().to_owned();
        Ok(Some(Office { letters, carrier, links, from, host, parallel: *parallel, retry: *retry }))
    }

    /// Puts a letter into words for its reader: one recipient, in the language that he wants.
    ///
    /// Refused: an address that can not be written to, a letter without the link that it is about.
    pub fn write(&self, post: &Post, token: Option<&Secret>) -> Result<Message, String> {
        let link = match (LinkKind::of(post.letter), token) {
            (Some(kind), Some(token)) => Some(self.links.to(kind, token)),
            // An address that was never proved has no way back; its owner is told all the same.
            (None, _) | (Some(LinkKind::UndoEmail), None) => None,
            (Some(_), None) => return Err("the letter has lost its link".to_owned()),
        };
        let language = language::choose(&post.language, &self.letters.languages(), self.letters.language());
        let seconds = post.expires_at.seconds() - post.written_at.seconds();
        let written = self.letters.write(
            post.letter,
            language,
            &letters::About {
                name: name::shown(&post.name).unwrap_or_default(),
                link: link.as_ref().map_or("", Secret::expose),
                forgot: self.links.forgot().unwrap_or_default(),
                seconds,
            },
        )?;
        let id = format!("<letter-{}-{}@{}>", post.id.0, post.written_at.millis(), self.host);
        self.message(&post.to, &written, id, post.written_at)
    }

    /// A letter that only says that letters arrive.
    pub fn trial(&self, to: &str, now: Moment) -> Result<Message, String> {
        let service = self.letters.service();
        let written = Written {
            subject: format!("Test · {service}"),
            text: format!("This is a test letter of {service}. Letters arrive.\n"),
            html: None,
        };
        self.message(to, &written, format!("<test-{}@{}>", now.millis(), self.host), now)
    }

    fn message(&self, to: &str, written: &Written, id: String, at: Moment) -> Result<Message, String> {
        let to: lettre::Address = to.parse().map_err(|_| "the address can not be written to".to_owned())?;
        let millis = Duration::from_millis(u64::try_from(at.millis()).unwrap_or_default());
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        // The same id and date at every try, so that a mailbox can tell a letter that came twice.
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(written.subject.as_str())
            .date(SystemTime::UNIX_EPOCH + millis)
            .message_id(Some(id))
            .raw_header(automatic);
        let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(written.text.clone());
        let message = match &written.html {
            Some(html) => {
                let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(html.clone());
                builder.multipart(MultiPart::alternative().singlepart(text).singlepart(html))
            }
            None => builder.singlepart(text),
        };
        message.map_err(|error| error.to_string())
    }

    /// Hands a letter over to whoever carries it. What is answered was said by the mail server, if there is one.
    pub async fn carry(&self, message: &Message, name: &str) -> Result<String, Refused> {
        self.carrier.carry(message, name).await
    }
}

/// How a letter is called in file names and the log.
fn file_name(id: LetterId, letter: domain::letter::Letter, at: Moment) -> String {
    format!("{}-{}-{}", at.millis(), id.0, letter.name())
}
