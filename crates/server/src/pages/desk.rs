//! What does a page ask of the engine, and what came of it?

use crate::http::device;
use crate::http::speak::{From, LANGUAGE_BYTES, Mount, Speaker, USER_AGENT_BYTES, text_of};
use domain::caller::{Bearer, Caller};
use domain::command::{Command, Login};
use domain::identifier::EmailKey;
use domain::link::LinkKind;
use domain::refusal::Refusal;
use domain::secret::Secret;
use engine::{Error, LinkSeen};
use http::request::Parts;
use http::{StatusCode, header};

/// What came of a wish, as a page tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was done.
    Well,
    /// Not done: the inputs have these flaws. The link is still good.
    Flawed(Vec<&'static str>),
    /// Not done: the link can not be used.
    Over,
    /// Not done: too many tries or too much work. Holds the status and the seconds to wait.
    Busy(StatusCode, u32),
    /// Something broke.
    Broken,
}

/// One visitor's way to the engine.
///
/// The rules for passwords are those of the first mount: a page belongs to no dialect.
pub struct Desk<'a> {
    speaker: &'a Speaker,
    mount: &'a Mount,
    from: From,
    device: Option<Secret>,
    user_agent: String,
    language: String,
}

impl<'a> Desk<'a> {
    /// For one request. None when nothing is mounted.
    pub fn new(speaker: &'a Speaker, parts: &Parts, from: From) -> Option<Desk<'a>> {
        Some(Desk {
            speaker,
            mount: speaker.mounts().first()?,
            from,
            device: device::token(&parts.headers, speaker.is_https()),
            user_agent: text_of(parts, &header::USER_AGENT, USER_AGENT_BYTES),
            language: text_of(parts, &header::ACCEPT_LANGUAGE, LANGUAGE_BYTES),
        })
    }

    /// The languages that the visitor wants.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The id of the request.
    pub fn request(&self) -> &str {
        &self.from.request
    }

    /// Fewest characters of a new password.
    pub fn min_length(&self) -> u32 {
        self.mount.contract.passwords.min_length
    }

    /// Whether the link can be used for what the page does. Changes nothing.
    pub async fn look(&self, kind: LinkKind, token: &Secret) -> Result<LinkSeen, Done> {
        match self.speaker.engine().look_at_link(token).await {
            Ok(Some(seen)) if seen.kind == kind => Ok(seen),
            Ok(_) => Err(Done::Over),
            Err(fault) => {
                tracing::error!(request = self.from.request, %fault, "fault");
                Err(Done::Broken)
            }
        }
    }

    /// Does what the link is for, once. `password` is the new one, or the proof that the account is the visitor's.
    pub async fn follow(&self, kind: LinkKind, token: Secret, password: Secret) -> Done {
        let proof = Some(password.clone()).filter(|password| !password.is_empty());
        let command = match kind {
            LinkKind::ResetPassword | LinkKind::Invitation => Command::ResetPassword { token, new: password },
            LinkKind::VerifyEmail => Command::VerifyEmail { token, password: proof },
            LinkKind::ConfirmEmail => Command::ConfirmEmail { token, password: proof },
            LinkKind::UndoEmail => Command::UndoEmail { token },
        };
        self.perform(command).await
    }

    /// Asks for a letter with a link to a new password. Who has an account is not told (SEC-13).
    pub async fn forgot(&self, email: &str) -> Done {
        if EmailKey::parse(email).is_none() {
            return Done::Flawed(vec!["email"]);
        }
        self.perform(Command::RequestReset { login: Login::Email(email.to_owned()) }).await
    }

    async fn perform(&self, command: Command) -> Done {
        let caller = Caller {
            contract: &self.mount.contract,
            keys: &self.mount.keys,
            bearer: Bearer::Absent,
            page: None,
            device: self.device.clone(),
            address: self.from.address.clone(),
            derived: self.from.derived,
            user_agent: self.user_agent.clone(),
            language: self.language.clone(),
            request: self.from.request.clone(),
        };
        match self.speaker.engine().perform(&caller, command).await {
            Ok(_) => Done::Well,
            Err(Error::Refused(refusal)) => refused(&refusal),
            Err(Error::Fault(fault)) => {
                tracing::error!(request = self.from.request, %fault, "fault");
                Done::Broken
            }
        }
    }
}

/// A refusal as a page tells it. What a page can not tell apart is a link that can not be used.
fn refused(refusal: &Refusal) -> Done {
    if let Refusal::InvalidInput(flaws) = refusal {
        return Done::Flawed(flaws.iter().map(|flaw| flaw.rule.code()).collect());
    }
    if let Refusal::Throttled(throttle) = refusal {
        return Done::Busy(StatusCode::TOO_MANY_REQUESTS, throttle.seconds);
    }
    if let Refusal::Overloaded(seconds) = refusal {
        return Done::Busy(StatusCode::SERVICE_UNAVAILABLE, *seconds);
    }
    if matches!(refusal, Refusal::InvalidCredentials) {
        return Done::Flawed(vec!["wrong_password"]);
    }
    Done::Over
}
