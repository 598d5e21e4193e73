//! How does here become true what the application before has made true?
//!
//! It has let somebody in, or has changed a user: whoever keeps step with it writes the same. Roles, permissions and
//! status are never taken over, and nobody who may administer here is changed.

use super::{TRIES, Turn};
use crate::Engine;
use crate::error::{Error, Fault};
use crate::hasher::{Asker, HashRefused, Rank};
use domain::caller::Caller;
use domain::change::{Change, Conflict};
use domain::command::Verb;
use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::{SessionId, UserId};
use domain::identifier::{EmailKey, UsernameKey};
use domain::phase::MigrationChange;
use domain::rule::manage;
use domain::secret::Secret;
use domain::session::EndReason;
use domain::time::Moment;
use domain::user::{Account, NewUser, Status, StoredHash, User, UserEdit};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What the application before said of one of its users. Absent: it did not say.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Integer id.
    pub id: Option<UserId>,
    /// Opaque id.
    pub uuid: Option<Uuid>,
    /// User name.
    pub username: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Whether control of the mailbox was proved.
    pub email_verified: Option<bool>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Phone number; `Some(None)`: there is none.
    pub phone_number: Option<Option<String>>,
    /// Path or URL of a picture; `Some(None)`: there is none.
    pub avatar: Option<Option<String>>,
    /// When the account was made there; kept for a user who is new here.
    pub created_at: Option<Moment>,
    /// Custom attributes; those that are not said stay. Taken over are only those that the contract gives to everybody or
    /// that the user has here already: others could be marks of staff.
    pub attributes: Map<String, Value>,
    /// Custom attributes that the user typed into inputs of the contract.
    pub typed: Map<String, Value>,
}

/// What a good answer of the application before has made true. A closed list.
#[derive(Clone, Debug)]
pub enum Follow {
    /// This user came in with this password.
    SignedIn {
        /// The user.
        shown: Box<Shown>,
        /// As typed.
        password: Secret,
    },
    /// This user came in with the password that is known here.
    CameIn(Box<Shown>),
    /// This account was made.
    SignedUp {
        /// The user.
        shown: Box<Shown>,
        /// As typed, if the answer depends on none.
        password: Option<Secret>,
    },
    /// The user of the caller's token has these fields now.
    ProfileChanged(Box<Shown>),
    /// The user of the caller's token has this password now.
    PasswordChanged(Secret),
    /// The user of the caller's token is gone.
    Deleted,
}

/// What had to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// It was true already.
    Nothing,
    /// The user was not here.
    Added(UserId),
    /// The user was changed, or deleted.
    Changed(UserId),
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum NotFollowed {
    /// The answer names nobody who can be found again.
    #[error("the answer names nobody")]
    Nobody,
    /// The user of the caller's token is not here, or the token is not good here.
    #[error("the user of the token is not here")]
    NotHere,
    /// An id, address or user name belongs to somebody else here, or did.
    #[error("an id, address or user name belongs to somebody else")]
    Taken,
    /// The user may administer here.
    #[error("the user may administer here")]
    Administrator,
    /// Others wait for the hashing threads.
    #[error("the hashing threads are busy")]
    Busy,
    /// Something broke; nothing was written.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl NotFollowed {
    /// The reason in a word.
    pub const fn name(&self) -> &'static str {
        match self {
            NotFollowed::Nobody => "nobody",
            NotFollowed::NotHere => "not_here",
            NotFollowed::Taken => "taken",
            NotFollowed::Administrator => "administrator",
            NotFollowed::Busy => "busy",
            NotFollowed::Fault(_) => "fault",
        }
    }
}

/// Makes true here what the application before has made true. `at`: when it was asked.
pub(crate) async fn follow(
    engine: &Engine,
    caller: &Caller<'_>,
    what: Follow,
    at: Moment,
) -> Result<Followed, NotFollowed> {
    let verb = match &what {
        Follow::SignedIn { .. } | Follow::CameIn(_) => Verb::SignIn,
        Follow::SignedUp { .. } => Verb::SignUp,
        Follow::ProfileChanged(_) => Verb::UpdateProfile,
        Follow::PasswordChanged(_) => Verb::ChangePassword,
        Follow::Deleted => Verb::DeleteAccount,
    };
    let mut turn = Turn::new(engine, caller, verb);
    // Tokens that it gives with its answer are as old as that second.
    turn.scene.now = Moment::from_seconds(at.seconds());
    match what {
        Follow::SignedIn { shown, password } => {
            let followed = turn.follow_user(&shown, Some(&password), None).await?;
            turn.follow_entry(&shown).await?;
            Ok(followed)
        }
        Follow::CameIn(shown) => turn.follow_entry(&shown).await,
        Follow::SignedUp { shown, password } => turn.follow_user(&shown, password.as_ref(), None).await,
        Follow::ProfileChanged(shown) => turn.follow_profile(&shown).await,
        Follow::PasswordChanged(password) => turn.follow_password(&password).await,
        Follow::Deleted => turn.follow_deletion().await,
    }
}

/// What is known of a typed password and the hash it was held against.
type Known = Option<(Option<StoredHash>, Option<StoredHash>)>;

impl Turn<'_> {
    /// Adds the user, or brings fields and password of the one who is here up to date.
    async fn follow_user(
        &self,
        shown: &Shown,
        password: Option<&Secret>,
        current: Option<SessionId>,
    ) -> Result<Followed, NotFollowed> {
        let mut known = None;
        for _ in 0..TRIES {
            let Some(account) = self.meant(shown).await? else {
                return self.follow_newcomer(shown, password).await;
            };
            let hash = match password {
                Some(password) => self.other_hash(&mut known, &account, password).await?,
                None => None,
            };
            let edit = self.differing(shown, &account.user);
            if edit.is_empty() && hash.is_none() {
                return Ok(Followed::Nothing);
            }
            if self.may_administer(&account.user) {
                return Err(NotFollowed::Administrator);
            }
            let changes = self.brought_up(&account, edit, hash, current);
            match self.record(changes).await? {
                Ok(_) => return Ok(Followed::Changed(account.user.id)),
                Err(Conflict::Stale) => {}
                Err(_) => return Err(NotFollowed::Taken),
            }
        }
        Err(Fault::Contended("following the application before").into())
    }

    /// Notes when the user came in last, and nothing else: that is no news for the trail.
    async fn follow_entry(&self, shown: &Shown) -> Result<Followed, NotFollowed> {
        let Some(account) = self.meant(shown).await? else { return Ok(Followed::Nothing) };
        let (user, at) = (account.user.id, self.scene.now);
        if account.user.last_login_at.is_none_or(|last| last < at) {
            // It relies on nothing.
            self.record(vec![Change::NoteSignIn { user, at }]).await?.ok();
        }
        Ok(Followed::Nothing)
    }

    async fn follow_profile(&self, shown: &Shown) -> Result<Followed, NotFollowed> {
        let user = self.holder().await?.0.user;
        if shown.id.is_some_and(|id| id != user.id) || shown.uuid.is_some_and(|uuid| uuid != user.uuid) {
            return Err(NotFollowed::Taken);
        }
        self.follow_user(&Shown { id: Some(user.id), ..shown.clone() }, None, None).await
    }

    async fn follow_password(&self, password: &Secret) -> Result<Followed, NotFollowed> {
        let (account, session) = self.holder().await?;
        let shown = Shown { id: Some(account.user.id), ..Shown::default() };
        self.follow_user(&shown, Some(password), session).await
    }

    async fn follow_deletion(&self) -> Result<Followed, NotFollowed> {
        for _ in 0..TRIES {
            let (account, _) = self.holder().await?;
            if self.may_administer(&account.user) {
                return Err(NotFollowed::Administrator);
            }
            let note = self.followed(EventKind::AccountDeleted, Some(account.user.id));
            match self.record(manage::deleted(&account, &self.scene.house.roles, note)).await? {
                Ok(_) => return Ok(Followed::Changed(account.user.id)),
                Err(Conflict::LastAdministrator) => return Err(NotFollowed::Administrator),
                Err(_) => {}
            }
        }
        Err(Fault::Contended("following the application before").into())
    }

    async fn follow_newcomer(
        &self,
        shown: &Shown,
        password: Option<&Secret>,
    ) -> Result<Followed, NotFollowed> {
        let hash = match password {
            Some(password) => Some(self.idle_hash(password).await?),
            None => None,
        };
        let user = self.newcomer_of(shown, hash)?;
        let note = self.followed(EventKind::UserCarriedOver, None);
        match self.record(vec![Change::AddUser(Box::new(user)), note.noted()]).await? {
            Ok(applied) => Ok(Followed::Added(applied.user.ok_or(Fault::Gone("the id of a new user"))?)),
            Err(_) => Err(NotFollowed::Taken),
        }
    }

    /// The user of the caller's token, with the session if it is one of ours.
    async fn holder(&self) -> Result<(Account, Option<SessionId>), NotFollowed> {
        match self.read_bearer().await {
            Ok(access) => Ok((access.account.clone(), access.session_id())),
            Err(Error::Refused(_)) => Err(NotFollowed::NotHere),
            Err(Error::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Who is meant, if anybody here. Ids go before names, which go to other people.
    async fn meant(&self, shown: &Shown) -> Result<Option<Account>, NotFollowed> {
        let store = self.engine.store();
        let mut found = match shown.id {
            Some(id) => store.account_by_id(id).await?,
            None => None,
        };
        if let (None, Some(uuid)) = (&found, shown.uuid) {
            found = store.account_by_uuid(uuid).await?;
        }
        if let (None, Some(key)) = (&found, shown.email.as_deref().and_then(EmailKey::parse)) {
            found = store.account_by_email(&key).await?;
        }
        if let (None, Some(key)) = (&found, shown.username.as_deref().and_then(UsernameKey::parse)) {
            found = store.account_by_username(&key).await?;
        }
        let is_other = |user: &User| {
            shown.id.is_some_and(|id| id != user.id) || shown.uuid.is_some_and(|uuid| uuid != user.uuid)
        };
        match found {
            Some(account) if is_other(&account.user) => Err(NotFollowed::Taken),
            found => Ok(found),
        }
    }

    /// A hash of the password, if it is another one than the account has.
    async fn other_hash(
        &self,
        known: &mut Known,
        account: &Account,
        password: &Secret,
    ) -> Result<Option<StoredHash>, NotFollowed> {
        let stored = &account.password_hash;
        if let Some((against, hash)) = known
            && against == stored
        {
            return Ok(hash.clone());
        }
        let checked = self.engine.hasher().verify(IDLE, stored.as_ref(), password).await;
        let matches = checked.map_err(not_hashed)?.matches;
        let hash = if matches { None } else { Some(self.idle_hash(password).await?) };
        *known = Some((stored.clone(), hash.clone()));
        Ok(hash)
    }

    async fn idle_hash(&self, password: &Secret) -> Result<StoredHash, NotFollowed> {
        let salt = self.engine.chance().bytes()?;
        self.engine.hasher().write(IDLE, password, salt).await.map_err(not_hashed)
    }

    /// The changes for a user who is here. A new password ends our sessions but this one; what the application before has
    /// signed is its own affair.
    fn brought_up(
        &self,
        account: &Account,
        edit: UserEdit,
        hash: Option<StoredHash>,
        current: Option<SessionId>,
    ) -> Vec<Change> {
        let (user, epoch, at) = (account.user.id, account.epoch, self.scene.now);
        let mut changes = Vec::new();
        if !edit.is_empty() {
            let note =
                self.followed(EventKind::ProfileUpdated, Some(user)).with(Detail::Fields(edit.names()));
            changes.push(Change::EditUser { user, epoch, edit: Box::new(edit), at });
            changes.push(note.noted());
        }
        if let Some(hash) = hash {
            changes.push(Change::Migration(MigrationChange::FollowPassword { user, epoch, hash, at }));
            changes.push(Change::EndSessions {
                user,
                except: current,
                reason: EndReason::PasswordChange,
                at,
            });
            changes.push(Change::EndLinks { user, undo: false });
            changes.push(self.followed(EventKind::PasswordChanged, Some(user)).noted());
        }
        changes
    }

    /// Role, permissions and first attributes are the contract's, as for everybody who signs up.
    pub(super) fn newcomer_of(
        &self,
        shown: &Shown,
        password_hash: Option<StoredHash>,
    ) -> Result<NewUser, NotFollowed> {
        let start = &self.caller.contract.newcomer;
        let mut attributes = start.attributes.clone();
        let is_plain =
            |(name, value): &(&String, &Value)| start.attributes.contains_key(*name) && !value.is_null();
        attributes.extend(shown.attributes.iter().filter(is_plain).map(own));
        attributes.extend(shown.typed.iter().filter(|(_, value)| !value.is_null()).map(own));
        let username = named(shown.username.as_deref(), UsernameKey::parse);
        let email = named(shown.email.as_deref(), EmailKey::parse);
        if username.is_none() && email.is_none() {
            return Err(NotFollowed::Nobody);
        }
        Ok(NewUser {
            id: shown.id,
            uuid: shown.uuid.map_or_else(|| self.engine.chance().uuid(), Ok)?,
            uuid_is_new: shown.uuid.is_none(),
            username,
            email,
            email_verified: shown.email_verified.unwrap_or(false),
            first_name: shown.first_name.clone().unwrap_or_default(),
            last_name: shown.last_name.clone().unwrap_or_default(),
            phone_number: shown.phone_number.clone().flatten(),
            avatar: shown.avatar.clone().flatten(),
            role: start.role.clone(),
            permissions: start.permissions.clone(),
            status: Status::Active,
            attributes,
            password_hash,
            last_login_at: None,
            factors: None,
            created_at: shown.created_at.unwrap_or(self.scene.now),
        })
    }

    /// What was said and is otherwise here.
    fn differing(&self, shown: &Shown, user: &User) -> UserEdit {
        let mut edit = UserEdit::default();
        if let Some(named) = named(shown.username.as_deref(), UsernameKey::parse)
            && user.username.as_ref() != Some(&named.0)
        {
            edit.username = Some(Some(named));
        }
        if let Some(named) = named(shown.email.as_deref(), EmailKey::parse)
            && user.email.as_ref() != Some(&named.0)
        {
            edit.email = Some(Some(named));
        }
        edit.email_verified = shown.email_verified.filter(|verified| *verified != user.email_verified);
        edit.first_name = shown.first_name.clone().filter(|name| *name != user.first_name);
        edit.last_name = shown.last_name.clone().filter(|name| *name != user.last_name);
        edit.phone_number = shown.phone_number.clone().filter(|number| *number != user.phone_number);
        edit.avatar = shown.avatar.clone().filter(|avatar| *avatar != user.avatar);
        edit.attributes =
            Some(self.attributes(shown, user)).filter(|attributes| *attributes != user.attributes);
        edit
    }

    /// The attributes that the user has from now on.
    fn attributes(&self, shown: &Shown, user: &User) -> Map<String, Value> {
        let common = &self.caller.contract.newcomer.attributes;
        let is_plain = |name: &String| common.contains_key(name) || user.attributes.contains_key(name);
        let said = shown.attributes.iter().filter(|(name, _)| is_plain(name));
        let mut attributes = user.attributes.clone();
        for (name, value) in said.chain(&shown.typed) {
            if value.is_null() {
                attributes.shift_remove(name);
            } else {
                attributes.insert(name.clone(), value.clone());
            }
        }
        attributes
    }

    fn may_administer(&self, user: &User) -> bool {
        let roles = &self.scene.house.roles;
        roles.is_administrator(&user.role, &user.permissions)
            || manage::scopes(user, roles) != domain::admin::Scopes::NONE
    }

    fn followed(&self, kind: EventKind, user: Option<UserId>) -> Event {
        self.scene.event(kind, user, None).by(Actor::System).with(Detail::Reason("followed"))
    }
}

/// Behind everybody who waits for an answer.
const IDLE: Asker<'static> = Asker { client: "", rank: Rank::Idle };

fn not_hashed(refused: HashRefused) -> NotFollowed {
    match refused {
        HashRefused::Busy { .. } => NotFollowed::Busy,
        HashRefused::Gone => NotFollowed::Fault(Fault::Gone("hasher")),
    }
}

fn own((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// The display form with its key; none for a text that can not be one.
fn named<K>(text: Option<&str>, parse: fn(&str) -> Option<K>) -> Option<(String, K)> {
    text.and_then(|text| Some((text.trim().to_owned(), parse(text)?)))
}
