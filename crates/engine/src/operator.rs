//! What may the operator do to users, on the console?
//!
//! No bearer and no contract here: whoever reaches this door holds the machine. Every change is noted as an event.

use crate::Engine;
use crate::error::Fault;
use crate::fit::LookUp;
use crate::hasher::HashRefused;
use domain::change::{Applied, Change, Conflict};
use domain::contract::PasswordPolicy;
use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::input::Input;
use domain::letter::Letter;
use domain::password::Stored;
use domain::policy::OwnWords;
use domain::record::Record;
use domain::rule::manage;
use domain::rule::recovery::address_of;
use domain::secret::Secret;
use domain::session::EndReason;
use domain::time::Moment;
use domain::user::{Account, NewUser, Status, StoredHash, User, UserEdit};
use serde_json::{Map, Value};
use uuid::Uuid;

/// How often an operator's change looks again when a request came between.
const TRIES: usize = 3;
/// The most users on one page of a list or an export.
pub(crate) const MAX_PAGE: u32 = 1000;
/// The hashing queue's name for the console.
const CONSOLE: &str = "console";

/// Which user an operator means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// By integer id.
    Id(UserId),
    /// By UUID.
    Uuid(Uuid),
    /// By e-mail address or user name, the address first.
    Text(String),
}

impl Who {
    /// Digits are an id, a UUID is a UUID, all else an e-mail address or a user name.
    pub fn parse(text: &str) -> Who {
        let text = text.trim();
        if let Ok(id) = text.parse::<i64>() {
            return Who::Id(UserId(id));
        }
        Uuid::try_parse(text).map_or_else(|_| Who::Text(text.to_owned()), Who::Uuid)
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Who::Id(id) => write!(f, "the id {id}"),
            Who::Uuid(uuid) => write!(f, "the UUID {uuid}"),
            Who::Text(text) => write!(f, "the e-mail address or user name {text:?}"),
        }
    }
}

/// Why an operator's wish was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// One sentence that says what is wrong and what to do.
    #[error("{0}")]
    Refused(String),
    /// Something broke.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A user to be added by the operator. `Default` is an active user without anything.
#[derive(Clone, Debug, Default)]
pub struct NewUserRequest {
    /// Display form.
    pub username: Option<String>,
    /// Display form.
    pub email: Option<String>,
    /// Whether control of the mailbox was proved.
    pub email_verified: bool,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// As typed.
    pub phone_number: Option<String>,
    /// A path or URL.
    pub avatar: Option<String>,
    /// Role by name.
    pub role: String,
    /// Permissions by name.
    pub permissions: Vec<String>,
    /// Active when absent.
    pub status: Option<Status>,
    /// Custom attributes.
    pub attributes: Map<String, Value>,
    /// A password in clear; it is hashed. Absent together with `password_hash` = no password.
    pub password: Option<Secret>,
    /// A hash from elsewhere, in place of `password`.
    pub password_hash: Option<StoredHash>,
    /// The rules for `password`; absent = length is not asked for (tests, moves of old accounts).
    pub policy: Option<PasswordPolicy>,
}

/// New values for a user; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// Display form.
    pub username: Option<Option<String>>,
    /// Display form. Another address is unverified unless `email_verified` says otherwise.
    pub email: Option<Option<String>>,
    /// Whether control of the mailbox was proved.
    pub email_verified: Option<bool>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// As typed.
    pub phone_number: Option<Option<String>>,
    /// A path or URL.
    pub avatar: Option<Option<String>>,
    /// Role by name.
    pub role: Option<String>,
    /// Permissions by name.
    pub permissions: Option<Vec<String>>,
    /// Anything but active ends all sessions at once.
    pub status: Option<Status>,
    /// Custom attributes, as a whole.
    pub attributes: Option<Map<String, Value>>,
}

type Keyed<K> = Option<(String, K)>;

impl Engine {
    /// The user meant, if there is one.
    pub async fn find_user(&self, who: &Who) -> Result<Option<User>, Fault> {
        Ok(self.find_account(who).await?.map(|account| account.user))
    }

    /// Adds a user. Refused: no identifier, a broken or taken one, a password that breaks the policy, an unknown hash.
    pub async fn add_user(&self, request: NewUserRequest) -> Result<User, OperatorError> {
        let now = self.clock().now();
        self.check_role(&request.role)?;
        let username = username(request.username.as_deref())?;
        let email = email(request.email.as_deref())?;
        if username.is_none() && email.is_none() {
            return Err(refused("a user needs an e-mail address or a user name"));
        }
        let own = OwnWords { username: request.username.as_deref(), email: request.email.as_deref() };
        let mut unasked = None;
        let password_hash = match (&request.password, request.password_hash) {
            (Some(_), Some(_)) => return Err(refused("give a password or a password hash, not both")),
            (Some(password), None) => {
                let (hash, change) =
                    self.checked_hash(password, request.policy.as_ref(), &own, "user add").await?;
                unasked = change;
                Some(hash)
            }
            (None, hash) => usable(hash)?,
        };
        let user = NewUser {
            id: None,
            uuid: self.chance().uuid()?,
            uuid_is_new: true,
            username,
            email,
            email_verified: request.email_verified,
            first_name: request.first_name,
            last_name: request.last_name,
            phone_number: request.phone_number,
            avatar: request.avatar,
            role: request.role,
            permissions: request.permissions,
            status: request.status.unwrap_or(Status::Active),
            attributes: request.attributes,
            password_hash,
            last_login_at: None,
            factors: None,
            created_at: now,
        };
        let mut changes = manage::added(user.clone(), note(now, None, "user add"));
        changes.extend(unasked);
        match self.store().record(changes).await? {
            Ok(Applied { user: Some(id), .. }) => Ok(user.into_user(id)),
            Ok(Applied { user: None, .. }) => Err(Fault::Gone("the id of a new user").into()),
            Err(conflict) => Err(refused(sentence(conflict))),
        }
    }

    /// Changes fields of a user. Refused: no such user, a broken or taken identifier, no identifier left.
    pub async fn edit_user(&self, who: &Who, change: &UserChange) -> Result<User, OperatorError> {
        for _ in 0..TRIES {
            let now = self.clock().now();
            let account = self.need_account(who).await?;
            let edit = read_change(change, &account.user)?;
            edit.role.as_deref().map_or(Ok(()), |role| self.check_role(role))?;
            if edit.is_empty() {
                return Ok(account.user);
            }
            let edited = edit.applied_to(&account.user);
            let moves = edit.email.is_some() && address_of(&edited) != address_of(&account.user);
            let note = note(now, None, "user set");
            let mut changes = manage::edited(&account, edit, &self.house().roles, now, note);
            changes.extend(self.told(Letter::EmailChanged, &account.user).filter(|_| moves));
            match self.store().record(changes).await? {
                Ok(_) => return Ok(edited),
                Err(Conflict::Stale) => {}
                Err(conflict) => return Err(refused(sentence(conflict))),
            }
        }
        Err(Fault::Contended("edit_user").into())
    }

    /// Sets a password and ends all sessions. Refused: no such user, a password that breaks the policy.
    pub async fn set_password(
        &self,
        who: &Who,
        password: &Secret,
        policy: Option<&PasswordPolicy>,
    ) -> Result<User, OperatorError> {
        let user = self.need_account(who).await?.user;
        let own = OwnWords { username: user.username.as_deref(), email: user.email.as_deref() };
        let (hash, unasked) = self.checked_hash(password, policy, &own, "user set-password").await?;
        for _ in 0..TRIES {
            let now = self.clock().now();
            let account = self.need_account(&Who::Id(user.id)).await?;
            let user = account.user.id;
            let mut changes =
                vec![Change::SetPassword { user, epoch: account.epoch, hash: Some(hash.clone()), at: now }];
            changes.extend(manage::cut_off(&account, EndReason::PasswordChange, now));
            changes.push(note(now, Some(user), "user set-password").noted());
            changes.push(Change::EndLinks { user, undo: false });
            changes.extend(self.told(Letter::PasswordChanged, &account.user));
            changes.extend(unasked.clone());
            if self.store().record(changes).await?.is_ok() {
                return Ok(account.user);
            }
        }
        Err(Fault::Contended("set_password").into())
    }

    /// Lifts the limits of a user's password, as a reset would. Refused: no such user. A running server sees it at once.
    pub async fn clear_limits(&self, who: &Who) -> Result<User, OperatorError> {
        let user = self.need_account(who).await?.user;
        let now = self.clock().now();
        let event = Event::inside(EventKind::LimitsCleared, now, Actor::Operator, "user unlock");
        match self.store().record(manage::limits_cleared(user.id, event)).await? {
            Ok(_) => Ok(user),
            Err(conflict) => Err(refused(sentence(conflict))),
        }
    }

    /// Switches an account off: no sign-in, and every session and token ends at once.
    pub async fn disable_user(&self, who: &Who) -> Result<User, OperatorError> {
        let change = UserChange { status: Some(Status::Inactive), ..UserChange::default() };
        self.edit_user(who, &change).await
    }

    /// Deletes a user with sessions and picture. The id is never given again.
    pub async fn delete_user(&self, who: &Who) -> Result<User, OperatorError> {
        for _ in 0..TRIES {
            let now = self.clock().now();
            let account = self.need_account(who).await?;
            let note = note(now, None, "user delete");
            let changes = manage::deleted(&account, &self.house().roles, note);
            match self.store().record(changes).await? {
                Ok(_) => return Ok(account.user),
                Err(Conflict::Stale) => {}
                Err(conflict) => return Err(refused(sentence(conflict))),
            }
        }
        Err(Fault::Contended("delete_user").into())
    }

    /// Users in order of id, at most `limit` (1 to 1000), from the one after `after`.
    pub async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, Fault> {
        let page = self.store().users_after(after, limit.clamp(1, MAX_PAGE)).await?;
        Ok(page.into_iter().map(|account| account.user).collect())
    }

    /// As [`Engine::list_users`], as records with their password hashes.
    pub async fn export_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Record>, Fault> {
        let page = self.store().users_after(after, limit.clamp(1, MAX_PAGE)).await?;
        Ok(page.iter().map(Record::of).collect())
    }

    async fn find_account(&self, who: &Who) -> Result<Option<Account>, Fault> {
        match who {
            Who::Id(id) => self.store().account_by_id(*id).await,
            Who::Uuid(uuid) => self.store().account_by_uuid(*uuid).await,
            Who::Text(text) => {
                if let Some(key) = EmailKey::parse(text)
                    && let Some(account) = self.store().account_by_email(&key).await?
                {
                    return Ok(Some(account));
                }
                match UsernameKey::parse(text) {
                    Some(key) => self.store().account_by_username(&key).await,
                    None => Ok(None),
                }
            }
        }
    }

    pub(crate) async fn need_account(&self, who: &Who) -> Result<Account, OperatorError> {
        self.find_account(who).await?.ok_or_else(|| refused(format!("nobody has {who}")))
    }

    /// Where roles are configured there are no others.
    fn check_role(&self, role: &str) -> Result<(), OperatorError> {
        self.house()
            .check_role(role)
            .map_err(|known| refused(format!("there is no role {role:?}; there are {}", known.join(", "))))
    }

    /// The hash of a new password; with the event that a service was asked about it in vain.
    async fn checked_hash(
        &self,
        password: &Secret,
        policy: Option<&PasswordPolicy>,
        own: &OwnWords<'_>,
        command: &'static str,
    ) -> Result<(StoredHash, Option<Change>), OperatorError> {
        let any = PasswordPolicy { min_length: 1, refuse_common: false, refuse_numeric: false };
        let look_up = LookUp::default();
        let fit = self.fit(policy.unwrap_or(&any), Input::Password, password, own, &look_up).await;
        let fit = fit.map_err(|flaws| {
            let codes: Vec<&str> = flaws.iter().take(1).map(|flaw| flaw.rule.code()).collect();
            refused(format!("the password is refused: {}", codes.join(", ")))
        })?;
        let now = self.clock().now();
        let unasked = look_up.fault().map(|fault| {
            let event = Event::inside(EventKind::BreachLookUpFailed, now, Actor::Operator, command);
            event.with(Detail::Reason(fault.word())).noted()
        });
        let salt = self.chance().bytes()?;
        match self.hasher().write(CONSOLE, fit.password(), salt).await {
            Ok(hash) => Ok((hash, unasked)),
            Err(HashRefused::Busy { .. }) => Err(refused("too many passwords are being hashed, try again")),
            Err(HashRefused::Gone) => Err(Fault::Gone("hasher").into()),
        }
    }
}

pub(crate) fn refused(text: impl Into<String>) -> OperatorError {
    OperatorError::Refused(text.into())
}

fn note(at: Moment, user: Option<UserId>, command: &'static str) -> Event {
    Event::inside(EventKind::OperatorEdit, at, Actor::Operator, command).about(user)
}

fn read_change(change: &UserChange, user: &User) -> Result<UserEdit, OperatorError> {
    let mut edit = UserEdit {
        email_verified: change.email_verified.filter(|verified| *verified != user.email_verified),
        first_name: change.first_name.clone().filter(|name| *name != user.first_name),
        last_name: change.last_name.clone().filter(|name| *name != user.last_name),
        phone_number: change.phone_number.clone().filter(|number| *number != user.phone_number),
        avatar: change.avatar.clone().filter(|avatar| *avatar != user.avatar),
        role: change.role.clone().filter(|role| *role != user.role),
        permissions: change.permissions.clone().filter(|names| *names != user.permissions),
        status: change.status.filter(|status| *status != user.status),
        attributes: change.attributes.clone().filter(|attributes| *attributes != user.attributes),
        ..UserEdit::default()
    };
    if let Some(text) = change.username.as_ref().filter(|text| **text != user.username) {
        edit.username = Some(username(text.as_deref())?);
    }
    if let Some(text) = change.email.as_ref().filter(|text| **text != user.email) {
        edit.email = Some(email(text.as_deref())?);
        if change.email_verified.is_none() && user.email_verified {
            edit.email_verified = Some(false);
        }
    }
    let edited = edit.applied_to(user);
    if edited.username.is_none() && edited.email.is_none() {
        return Err(refused("a user needs an e-mail address or a user name; one of them has to stay"));
    }
    Ok(edit)
}

fn username(text: Option<&str>) -> Result<Keyed<UsernameKey>, OperatorError> {
    let Some(text) = text else { return Ok(None) };
    let key = UsernameKey::parse(text).ok_or_else(|| {
        refused("the user name is empty, longer than 150 characters or has control characters")
    })?;
    Ok(Some((text.trim().to_owned(), key)))
}

fn email(text: Option<&str>) -> Result<Keyed<EmailKey>, OperatorError> {
    let Some(text) = text else { return Ok(None) };
    let key = EmailKey::parse(text).ok_or_else(|| refused(format!("{text:?} is not an e-mail address")))?;
    Ok(Some((text.trim().to_owned(), key)))
}

fn usable(hash: Option<StoredHash>) -> Result<Option<StoredHash>, OperatorError> {
    let Some(hash) = hash else { return Ok(None) };
    match Stored::parse(&hash.0) {
        Ok(Stored::Usable(_)) => Ok(Some(hash)),
        Ok(Stored::Unusable) => Ok(None),
        Err(fault) => Err(refused(format!("the password hash is refused: {fault}"))),
    }
}

fn sentence(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::EmailTaken => "the e-mail address belongs to another user",
        Conflict::UsernameTaken => "the user name belongs to another user",
        Conflict::IdTaken => "the id or UUID belongs to another user",
        Conflict::LastAdministrator => "there would be no administrator left: make another one first",
        Conflict::BootstrapClosed => "there is an administrator already",
        Conflict::Stale => "the user was changed at the same time, try again",
    }
}
