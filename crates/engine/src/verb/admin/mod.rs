//! What can administrators do, through the API?
//!
//! The door has checked the scope. What a change does to a user is the same as on the console: `domain::rule::manage`.

mod bootstrap;
mod care;
mod events;
mod keys;
mod search;
mod sessions;
mod users;

use super::Turn;
use crate::error::{Error, Fault};
use domain::admin::{AdminCommand, KeyId, Scope, Scopes, key};
use domain::caller::Bearer;
use domain::change::{Change, Conflict};
use domain::contract::Purpose;
use domain::event::{Actor, Event, EventKind};
use domain::id::UserId;
use domain::input::{Flaw, Input, Rule};
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::rule::manage;
use domain::secret::Secret;
use domain::user::Account;
use uuid::Uuid;

/// How old the note of a key's last use may be before it is written again, in seconds.
const TOUCH_SECONDS: i64 = 60;

/// Whoever acts, as the door has found out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Administrator {
    /// The key, if it is one.
    key: Option<KeyId>,
    /// The user, or who made the key; absent for a key of the console.
    user: Option<UserId>,
    /// What may be done.
    scopes: Scopes,
}

impl Administrator {
    fn actor(&self) -> Actor {
        match (self.key, self.user) {
            (Some(key), _) => Actor::AdminKey(key.0),
            (None, Some(user)) => Actor::Admin(user),
            (None, None) => Actor::Nobody,
        }
    }
}

impl Turn<'_> {
    /// Who acts, if the scope is among theirs. A refusal for want of it is noted (SEC-94).
    pub(super) async fn admit_administrator(&self, scope: Scope) -> Result<Administrator, Error> {
        if self.caller.contract.purpose != Purpose::Administration {
            return Err(Refusal::NotPermitted.into());
        }
        let (administrator, access) = match &self.caller.bearer {
            Bearer::Token(token) if key::looks_like(token.expose()) => (self.key_holder(token).await?, None),
            Bearer::Absent | Bearer::Malformed | Bearer::Token(_) => {
                let access = self.read_bearer().await?;
                let user = &access.account.user;
                let scopes = manage::scopes(user, &self.scene.house.roles);
                (Administrator { key: None, user: Some(user.id), scopes }, Some(access))
            }
        };
        if !administrator.scopes.has(scope) {
            return Err(self.not_permitted(&administrator, None).await?);
        }
        if let Some(access) = access.filter(|_| scope.needs_fresh()) {
            self.fresh(&access)?;
        }
        Ok(administrator)
    }

    /// Whoever holds the key. Refused: a text that is no key of ours, one that was revoked or is over.
    async fn key_holder(&self, token: &Secret) -> Result<Administrator, Error> {
        let (id, digest) = key::read(token.expose()).ok_or(Refusal::TokenInvalid)?;
        let stored = self.engine.store().admin_key(id).await?.filter(|stored| stored.digest == digest);
        let key = stored.ok_or(Refusal::TokenInvalid)?.key;
        if key.revoked_at.is_some() {
            return Err(Refusal::TokenRevoked.into());
        }
        if !key.is_live(self.scene.now) {
            return Err(Refusal::TokenExpired.into());
        }
        // A key never does more than its maker could do at this moment.
        let scopes = match key.owner {
            Some(owner) => {
                let account =
                    self.engine.store().account_by_id(owner).await?.ok_or(Refusal::TokenUserUnknown)?;
                if !account.is_active() {
                    return Err(Refusal::TokenUserInactive.into());
                }
                key.scopes.and(manage::scopes(&account.user, &self.scene.house.roles))
            }
            None => key.scopes,
        };
        let stale = self.scene.now.plus_seconds(-TOUCH_SECONDS);
        if key.last_used_at.is_none_or(|at| at <= stale) {
            let touch = domain::admin::AdminChange::TouchKey { key: id, at: self.scene.now };
            self.write(vec![Change::Admin(touch)]).await?;
        }
        Ok(Administrator { key: Some(id), user: key.owner, scopes })
    }

    /// Notes what was refused, and to whom.
    async fn not_permitted(
        &self,
        administrator: &Administrator,
        target: Option<UserId>,
    ) -> Result<Error, Error> {
        let refusal = Refusal::NotPermitted;
        let note = self.note_by(administrator, EventKind::AdminRefused).about(target);
        let note = Event { result: refusal.code(), ..note };
        self.write(vec![note.noted()]).await?;
        Ok(refusal.into())
    }

    /// Records what relies on nothing that could have changed.
    async fn write(&self, changes: Vec<Change>) -> Result<(), Error> {
        self.record(changes).await?.map(drop).map_err(|_| contended())
    }

    fn note_by(&self, administrator: &Administrator, kind: EventKind) -> Event {
        self.scene.event(kind, None, None).by(administrator.actor())
    }

    /// Carries out what the door has let in.
    pub(super) async fn administer(&self, command: AdminCommand) -> Result<Outcome, Error> {
        if let AdminCommand::Bootstrap { token, email, password } = &command {
            return self.bootstrap(token, email, password).await;
        }
        let admin = &self.administrator()?;
        match command {
            AdminCommand::Bootstrap { .. } => Err(Refusal::BootstrapClosed.into()),
            AdminCommand::ListUsers(query) => self.list_users(query).await,
            AdminCommand::ShowUser { user } => self.show_user(user).await,
            AdminCommand::CreateUser(person) => self.create_user(admin, &person).await,
            AdminCommand::EditUser { user, person } => self.edit_user(admin, user, &person).await,
            AdminCommand::SetRole { user, role, permissions } => {
                self.set_role(admin, user, role, permissions).await
            }
            AdminCommand::SetStatus { user, status } => self.set_status(admin, user, status).await,
            AdminCommand::DeleteUser { user } => self.delete_user(admin, user).await,
            AdminCommand::ListSessions { user } => self.list_sessions_of(user).await,
            AdminCommand::EndSession { user, session } => self.end_session_of(admin, user, &session).await,
            AdminCommand::EndSessions { user } => self.end_sessions(admin, user).await,
            AdminCommand::ClearLimits { user } => self.clear_limits_of(admin, user).await,
            AdminCommand::StartReset { user } => self.start_reset_of(admin, user).await,
            AdminCommand::FactorsOff { user } => self.factors_off_of(admin, user).await,
            AdminCommand::ListEvents { user, limit, cursor } => {
                self.list_events_of(user, limit, cursor.as_deref()).await
            }
            AdminCommand::ListKeys => self.list_keys(admin).await,
            AdminCommand::CreateKey { name, scopes, days } => {
                self.create_key(admin, name, &scopes, days).await
            }
            AdminCommand::RevokeKey { key } => self.revoke_key(admin, &key).await,
        }
    }

    /// The account behind a public id. Refused: nobody has it (SEC-93).
    async fn managed(&self, user: Uuid) -> Result<Account, Error> {
        Ok(self.engine.store().account_by_uuid(user).await?.ok_or(Refusal::NotYours)?)
    }

    /// The account, if this administrator may change it. A refusal is noted.
    async fn touchable(&self, admin: &Administrator, user: Uuid) -> Result<Account, Error> {
        let account = self.managed(user).await?;
        match manage::may_touch(admin.scopes, &account.user, &self.scene.house.roles) {
            Ok(()) => Ok(account),
            Err(_) => Err(self.not_permitted(admin, Some(account.user.id)).await?),
        }
    }
}

fn contended() -> Error {
    Fault::Contended("an administrator's change").into()
}

/// What a conflict means to whoever asked; none = look again.
fn told(conflict: Conflict) -> Option<Refusal> {
    match conflict {
        Conflict::Stale => None,
        Conflict::EmailTaken | Conflict::IdTaken => {
            Some(Refusal::Taken(vec![Flaw::new(Input::Email, Rule::Taken)]))
        }
        Conflict::UsernameTaken => Some(Refusal::Taken(vec![Flaw::new(Input::Username, Rule::Taken)])),
        Conflict::LastAdministrator => Some(Refusal::LastAdministrator),
        Conflict::BootstrapClosed => Some(Refusal::BootstrapClosed),
    }
}
