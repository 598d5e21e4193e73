//! How is each command carried out: look, judge, record?
//!
//! One file per verb. A verb reads, lets a rule of `domain` decide, and records the changes of the judgement.

mod account;
mod admin;
mod bearer;
mod check;
mod door;
mod elsewhere;
mod factor;
mod follow;
mod fresh;
mod old;
mod page;
mod password;
mod profile;
mod recovery;
mod refresh;
mod rehearsal;
mod sessions;
mod share;
mod sign_in;
mod sign_out;
mod sign_up;

use crate::Engine;
use crate::elsewhere::Elsewhere;
use crate::error::{Error, Fault};
use crate::fit::{Fit, LookUp};
use crate::hasher::{Asker, Rank};
use crate::mint::{Place, Span};
use domain::caller::Caller;
use domain::change::{Applied, Change, Conflict};
use domain::command::{Command, SignUp, Verb};
use domain::event::{Detail, EventKind};
use domain::id::{SessionId, UserId};
use domain::input::{Flaw, Input};
use domain::outcome::{Outcome, Tokens};
use domain::policy::OwnWords;
use domain::rule::Scene;
use domain::rule::bearer::Named;
use domain::secret::Secret;
use domain::session::NewSession;
use domain::time::Moment;
use domain::user::{Account, StoredHash};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use check::Claimed;
pub(crate) use check::hash_refused;
pub(crate) use follow::follow;
pub use follow::{Follow, Followed, NotFollowed, Shown};
pub use rehearsal::{Newcomer, NotSignedUp};

/// How often a verb looks and judges when the world changed under it.
const TRIES: usize = 3;

/// One command on its way through its verb.
pub(crate) struct Turn<'a> {
    engine: &'a Engine,
    caller: &'a Caller<'a>,
    scene: Scene<'a>,
    /// What goes with the next list that is recorded.
    later: Mutex<Vec<Change>>,
    /// What the door has read.
    read: Mutex<door::Read>,
    /// What is known of the new password.
    look_up: LookUp,
    /// What the old application has decided beforehand.
    newcomer: Newcomer,
    /// Whether it is only played: nothing is recorded or counted, and others go first.
    rehearsal: bool,
    /// Who is asked for somebody who is not here.
    elsewhere: Option<&'a Elsewhere>,
}

/// Carries out one command, if the door lets it in.
pub(crate) async fn perform(
    engine: &Engine,
    caller: &Caller<'_>,
    command: Command,
    elsewhere: Option<&Elsewhere>,
) -> Result<Outcome, Error> {
    let turn = Turn { elsewhere, ..Turn::new(engine, caller, command.verb()) };
    turn.admit().await?;
    let result = turn.carry_out(command).await;
    // What no list of the verb has taken along, so that a try is counted whatever became of it.
    turn.record(Vec::new()).await?.ok();
    result
}

/// Looks and judges as [`perform`] would, and does nothing else.
pub(crate) async fn rehearse(
    engine: &Engine,
    caller: &Caller<'_>,
    command: Command,
    newcomer: Newcomer,
) -> Result<Outcome, Error> {
    let turn = Turn { newcomer, rehearsal: true, ..Turn::new(engine, caller, command.verb()) };
    turn.admit().await?;
    turn.carry_out(command).await
}

/// Carries out a sign-up that another application decides about, too.
pub(crate) async fn sign_up_through<A>(
    engine: &Engine,
    caller: &Caller<'_>,
    request: &SignUp,
    ask: impl AsyncFnOnce() -> Result<Newcomer, A>,
) -> Result<Outcome, NotSignedUp<A>> {
    let turn = Turn::new(engine, caller, Verb::SignUp);
    turn.admit().await?;
    let result = turn.counted_sign_up_through(request, ask).await;
    turn.record(Vec::new()).await?.ok();
    result
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
        Turn {
            engine,
            caller,
            scene,
            read: Mutex::default(),
            later: Mutex::default(),
            look_up: LookUp::default(),
            newcomer: Newcomer::default(),
            rehearsal: false,
            elsewhere: None,
        }
    }
}

impl Turn<'_> {
    async fn carry_out(&self, command: Command) -> Result<Outcome, Error> {
        match command {
            Command::SignUp(request) => self.counted_sign_up(&request).await,
            Command::SignIn { login, password, exact, otp } => {
                self.sign_in(&login, &password, exact, otp.as_ref()).await
            }
            Command::Refresh { token } => self.refresh(&token).await,
            Command::SignOut { refresh, access, needs_access } => {
                self.sign_out(refresh.as_ref(), access.as_ref(), needs_access).await
            }
            Command::SignOutEverywhere => self.sign_out_everywhere().await,
            Command::WhoAmI => self.who_am_i().await,
            Command::VerifyToken { token } => self.verify_token(token.as_ref()).await,
            Command::UpdateProfile(request) => self.update_profile(&request).await,
            Command::SetAvatar { target, avatar, flaws } => {
                self.set_avatar(target.as_ref(), avatar.as_ref(), flaws).await
            }
            Command::Reauthenticate { password, otp } => self.reauthenticate(&password, otp.as_ref()).await,
            Command::ListSessions => self.list_sessions().await,
            Command::EndSession { id } => self.end_session(&id).await,
            Command::EndOtherSessions => self.end_other_sessions().await,
            Command::ChangePassword { current, new } => self.change_password(&current, &new).await,
            Command::DeleteAccount { target, password } => {
                self.delete_account(target.as_ref(), password.as_ref()).await
            }
            Command::RequestVerification { email } => {
                self.count_request().await?;
                self.request_verification(email).await
            }
            Command::VerifyEmail { token, password } => self.verify_email(&token, password.as_ref()).await,
            Command::RequestReset { login } => {
                self.count_request().await?;
                self.request_reset(&login).await
            }
            Command::ResetPassword { token, new } => self.reset_password(&token, &new).await,
            Command::ChangeEmail { email, password } => self.change_email(&email, &password).await,
            Command::ConfirmEmail { token, password } => self.confirm_email(&token, password.as_ref()).await,
            Command::UndoEmail { token } => self.undo_email(&token).await,
            Command::Admin(command) => self.administer(command).await,
            Command::CheckEmail { email } => {
                self.count_request().await?;
                self.check_email(email).await
            }
            Command::AnswerFactor { half_way, otp } => {
                self.count_request().await?;
                self.answer_factor(&half_way, &otp).await
            }
            Command::EnrolFactor { half_way, password, otp } => {
                self.enrol_factor(half_way.as_ref(), password.as_ref(), otp.as_ref()).await
            }
            Command::ConfirmFactor { half_way, otp } => self.confirm_factor(half_way.as_ref(), &otp).await,
            Command::ShowFactor => self.show_factor().await,
            Command::MakeRecoveryCodes { password, otp } => self.make_recovery_codes(&password, &otp).await,
            Command::RemoveFactor { password, otp } => self.remove_factor(&password, &otp).await,
        }
    }

    /// Records changes; an empty list is true already.
    async fn record(&self, mut changes: Vec<Change>) -> Result<Result<Applied, Conflict>, Fault> {
        if self.rehearsal {
            return self.pretend(&changes).await.map(Ok);
        }
        let later = std::mem::take(&mut *self.later.lock().unwrap_or_else(PoisonError::into_inner));
        changes.extend(later.iter().cloned());
        if changes.is_empty() {
            return Ok(Ok(Applied::default()));
        }
        let recorded = self.engine.store().record(changes).await?;
        if recorded.is_err() {
            self.later(later);
        }
        Ok(recorded)
    }

    /// Has changes go with the next list.
    fn later(&self, changes: impl IntoIterator<Item = Change>) {
        self.later.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }

    async fn find(&self, named: &Named) -> Result<Option<Account>, Fault> {
        self.engine.find_named(named).await
    }

    /// Judges the new password of the command, by the rules of the contract. That a service was asked in vain is noted
    /// once, with the next list.
    async fn fit<'p>(
        &self,
        input: Input,
        typed: &'p Secret,
        own: &OwnWords<'_>,
        user: Option<UserId>,
    ) -> Result<Fit<'p>, Vec<Flaw>> {
        let before = self.look_up.fault();
        let fit = self.engine.fit(&self.caller.contract.passwords, input, typed, own, &self.look_up).await;
        if let (None, Some(fault)) = (before, self.look_up.fault()) {
            let event = self.scene.event(EventKind::BreachLookUpFailed, user, None);
            self.later([event.with(Detail::Reason(fault.word())).noted()]);
        }
        fit
    }

    /// Makes the hash of a new password.
    async fn hash(&self, password: Fit<'_>) -> Result<StoredHash, Error> {
        let salt = self.engine.chance().bytes()?;
        let asker = Asker { client: self.share(), rank: self.rank(Rank::Next) };
        self.engine.hasher().write(asker, password.password(), salt).await.map_err(hash_refused)
    }

    fn new_session(&self) -> Result<(NewSession, Place), Fault> {
        self.engine.mint().session(&self.scene, &self.caller.user_agent, self.engine.chance())
    }

    /// The account as claims show it: with the permissions of its role.
    fn shown<'u>(&self, account: &'u Account) -> Cow<'u, Account> {
        let Some(permissions) = self.scene.house.shown_permissions(&account.user) else {
            return Cow::Borrowed(account);
        };
        let mut shown = account.clone();
        shown.user.permissions = permissions;
        Cow::Owned(shown)
    }

    /// The tokens of a session that was just opened.
    fn first_tokens(&self, account: &Account, session: &NewSession, place: Place) -> Result<Tokens, Fault> {
        let access = self.access(account, session.id, session.expires_at)?;
        let span = Span { issued: session.created_at, expires: session.refresh_expires_at };
        let refresh = self.engine.mint().refresh(self.caller, &self.shown(account).user, place, span);
        let csrf = self.csrf(session.id)?;
        Ok(Tokens { access, refresh, csrf, device: self.device_token(account)? })
    }

    fn access(
        &self,
        account: &Account,
        session: SessionId,
        session_end: Moment,
    ) -> Result<domain::outcome::Minted, Fault> {
        self.engine.mint().access(
            self.caller,
            &self.shown(account),
            (session, session_end),
            self.scene.now,
            self.engine.chance(),
        )
    }
}
