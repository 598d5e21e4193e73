//! How is each command carried out: look, judge, record?
//!
//! One file per verb. A verb reads, lets a rule of `domain` decide, and records the changes of the judgement.

mod account;
mod bearer;
mod door;
mod fresh;
mod page;
mod password;
mod profile;
mod refresh;
mod sessions;
mod sign_in;
mod sign_out;
mod sign_up;

use crate::Engine;
use crate::error::{Error, Fault};
use crate::hasher::{HashRefused, Verified};
use crate::mint::{Place, Span};
use bearer::Access;
use domain::caller::Caller;
use domain::change::{Applied, Change, Conflict};
use domain::command::{Command, Verb};
use domain::id::SessionId;
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::rule::Scene;
use domain::rule::bearer::Named;
use domain::secret::Secret;
use domain::session::NewSession;
use domain::time::Moment;
use domain::user::{Account, StoredHash};
use std::sync::Mutex;

/// How often a verb looks and judges when the world changed under it.
const TRIES: usize = 3;

/// One command on its way through its verb.
pub(crate) struct Turn<'a> {
    engine: &'a Engine,
    caller: &'a Caller<'a>,
    scene: Scene<'a>,
    /// The access token that the door has read; the verb's first look takes it.
    read: Mutex<Option<Access>>,
}

/// Carries out one command, if the door lets it in.
pub(crate) async fn perform(
    engine: &Engine,
    caller: &Caller<'_>,
    command: Command,
) -> Result<Outcome, Error> {
    let turn = Turn::new(engine, caller, command.verb());
    turn.admit().await?;
    match command {
        Command::SignUp(request) => turn.sign_up(&request).await,
        Command::SignIn { login, password, exact } => turn.sign_in(&login, &password, exact).await,
        Command::Refresh { token } => turn.refresh(&token).await,
        Command::SignOut { refresh, access, needs_access } => {
            turn.sign_out(refresh.as_ref(), access.as_ref(), needs_access).await
        }
        Command::SignOutEverywhere => turn.sign_out_everywhere().await,
        Command::WhoAmI => turn.who_am_i().await,
        Command::VerifyToken { token } => turn.verify_token(token.as_ref()).await,
        Command::UpdateProfile(request) => turn.update_profile(&request).await,
        Command::SetAvatar { target, avatar, flaws } => {
            turn.set_avatar(target.as_ref(), avatar.as_ref(), flaws).await
        }
        Command::Reauthenticate { password } => turn.reauthenticate(&password).await,
        Command::ListSessions => turn.list_sessions(),
        Command::EndSession { id } => turn.end_session(&id).await,
        Command::EndOtherSessions => turn.end_other_sessions().await,
        Command::ChangePassword { current, new } => turn.change_password(&current, &new).await,
        Command::DeleteAccount { target, password } => {
            turn.delete_account(target.as_ref(), password.as_ref()).await
        }
        Command::CheckEmail { email } => turn.check_email(email),
    }
}

/// Whose password is checked.
pub(super) enum Claimed<'a> {
    /// This account's.
    Account(&'a Account),
    /// Nobody has the identifier that was typed; holds its canonical form, or what was typed where it has none.
    Nobody(#[expect(dead_code, reason = "read once tries are counted")] &'a str),
}

impl Claimed<'_> {
    fn hash(&self) -> Option<&StoredHash> {
        match self {
            Claimed::Account(account) => account.password_hash.as_ref(),
            Claimed::Nobody(_) => None,
        }
    }
}

/// The verdict on a typed password and the hash it was held against.
struct Checked {
    against: Option<StoredHash>,
    verified: Verified,
}

/// Whether the door lets the caller in to a verb.
pub(crate) async fn admit(engine: &Engine, caller: &Caller<'_>, verb: Verb) -> Result<(), Error> {
    Turn::new(engine, caller, verb).admit().await
}

impl<'a> Turn<'a> {
    /// The moment of the command is read here, once.
    fn new(engine: &'a Engine, caller: &'a Caller<'a>, verb: Verb) -> Turn<'a> {
        let scene = Scene {
            now: engine.clock().now(),
            verb,
            contract: caller.contract,
            house: engine.house(),
            address: &caller.address,
            language: &caller.language,
            request: &caller.request,
        };
        Turn { engine, caller, scene, read: Mutex::new(None) }
    }
}

impl Turn<'_> {
    /// Records changes; an empty list is true already.
    async fn record(&self, changes: Vec<Change>) -> Result<Result<Applied, Conflict>, Fault> {
        if changes.is_empty() {
            return Ok(Ok(Applied::default()));
        }
        self.engine.store().record(changes).await
    }

    fn find(&self, named: &Named) -> Result<Option<Account>, Fault> {
        self.engine.find_named(named)
    }

    /// Holds a password against the hash of the account claimed, or against the decoy; not twice against the same one.
    ///
    /// The one place where a password is checked, whatever the verb.
    async fn check(
        &self,
        checked: &mut Option<Checked>,
        claimed: Claimed<'_>,
        password: &Secret,
    ) -> Result<Verified, Error> {
        let stored = claimed.hash();
        if let Some(known) = checked
            && known.against.as_ref() == stored
        {
            return Ok(known.verified);
        }
        let verified = self
            .engine
            .hasher()
            .verify(&self.caller.address, stored, password)
            .await
            .map_err(hash_refused)?;
        *checked = Some(Checked { against: stored.cloned(), verified });
        Ok(verified)
    }

    /// Makes the hash of a new password.
    async fn hash(&self, password: &Secret) -> Result<StoredHash, Error> {
        let salt = self.engine.chance().bytes()?;
        self.engine.hasher().write(&self.caller.address, password, salt).await.map_err(hash_refused)
    }

    fn new_session(&self) -> Result<(NewSession, Place), Fault> {
        self.engine.mint().session(&self.scene, &self.caller.user_agent, self.engine.chance())
    }

    /// The tokens of a session that was just opened.
    fn first_tokens(&self, account: &Account, session: &NewSession, place: Place) -> Result<Tokens, Fault> {
        let access = self.access(account, session.id, session.expires_at)?;
        let span = Span { issued: session.created_at, expires: session.refresh_expires_at };
        let refresh = self.engine.mint().refresh(self.caller, &account.user, place, span);
        Ok(Tokens { access, refresh, csrf: self.csrf(session.id)? })
    }

    fn access(
        &self,
        account: &Account,
        session: SessionId,
        session_end: Moment,
    ) -> Result<domain::outcome::Minted, Fault> {
        self.engine.mint().access(
            self.caller,
            account,
            (session, session_end),
            self.scene.now,
            self.engine.chance(),
        )
    }
}

/// What is answered when the hashing threads do not hash.
pub(crate) fn hash_refused(refused: HashRefused) -> Error {
    match refused {
        HashRefused::Busy { retry_after_seconds } => Refusal::Overloaded(retry_after_seconds).into(),
        HashRefused::Gone => Fault::Gone("hasher").into(),
    }
}
