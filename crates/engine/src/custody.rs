//! Which administrators and admin keys are there, for whoever holds the machine?

use crate::Engine;
use crate::cx::Chance;
use crate::error::Fault;
use crate::operator::OperatorError;
use domain::admin::key::{self, MAX_DAYS, MAX_NAME};
use domain::admin::{AdminChange, AdminKey, KeyId, NewAdminKey, Scopes, UserSearch};
use domain::change::{Change, Conflict};
use domain::event::{Actor, Detail, Event, EventKind};
use domain::id::UserId;
use domain::secret::Secret;
use domain::time::Moment;
use domain::token::Digest;
use domain::user::User;

/// How long a bootstrap token lives, in seconds (SEC-91).
pub const BOOTSTRAP_SECONDS: i64 = 3600;
/// Users of one page of the search for administrators.
const PAGE: u32 = 200;

impl Engine {
    /// Whether there is an active user who may do everything.
    pub async fn has_administrator(&self) -> Result<bool, Fault> {
        self.store().has_administrator(&self.house().roles.administrators()).await
    }

    /// A new token that makes the first administrator, in the place of any older one; none when there is one already.
    pub async fn offer_bootstrap(&self, command: &'static str) -> Result<Option<Secret>, Fault> {
        let now = self.clock().now();
        let token = key::bootstrap_text(&self.chance().bytes()?);
        let offer = AdminChange::PutBootstrap {
            digest: Digest::of(token.expose()),
            expires_at: now.plus_seconds(BOOTSTRAP_SECONDS),
            roles: self.house().roles.administrators(),
        };
        let note = Event::inside(EventKind::BootstrapOffered, now, Actor::Operator, command);
        match self.store().record(vec![Change::Admin(offer), note.noted()]).await? {
            Ok(_) => Ok(Some(token)),
            Err(_) => Ok(None),
        }
    }

    /// Waits until the first administrator was made. One who waits later than that hears of it, too.
    pub async fn bootstrap_used(&self) {
        self.inner.bootstrapped.notified().await;
    }

    pub(crate) fn bootstrapped(&self) {
        self.inner.bootstrapped.notify_one();
    }

    /// All users with any scope, in order of id. Looks at everybody: for the console only.
    pub async fn administrators(&self) -> Result<Vec<(User, Scopes)>, Fault> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let search = UserSearch { after, limit: PAGE, ..UserSearch::default() };
            let (page, _) = self.store().search_users(&search).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.user.id);
            for account in page {
                let scopes = self.house().roles.scopes(&account.user.role, &account.user.permissions);
                if !scopes.is_empty() {
                    found.push((account.user, scopes));
                }
            }
        }
    }

    /// All admin keys, the oldest first.
    pub async fn admin_keys(&self) -> Result<Vec<AdminKey>, Fault> {
        self.store().admin_keys().await
    }

    /// Makes a key that belongs to the console. Refused: a broken name, no scope, a life of no day or above a year.
    pub async fn make_admin_key(
        &self,
        name: &str,
        scopes: Scopes,
        days: i64,
    ) -> Result<(AdminKey, Secret), OperatorError> {
        let refused = |text: String| Err(OperatorError::Refused(text));
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control) {
            return refused(format!("a key needs a name of 1 to {MAX_NAME} characters"));
        }
        if scopes.is_empty() {
            return refused("a key needs at least one scope".to_owned());
        }
        if !(1..=MAX_DAYS).contains(&days) {
            return refused(format!("a key lives for 1 to {MAX_DAYS} days"));
        }
        let now = self.clock().now();
        let (new, secret) = made_key(self.chance(), now, (name.trim(), scopes, days), None)?;
        let key = new.key.clone();
        let note = Event::inside(EventKind::AdminKeyCreated, now, Actor::Operator, "admin key create")
            .with(Detail::Key(key.id.to_string()));
        self.write(vec![Change::Admin(AdminChange::AddKey(Box::new(new))), note.noted()]).await?;
        Ok((key, secret))
    }

    /// Revokes a key at once. Refused: no such key.
    pub async fn revoke_admin_key(&self, id: KeyId) -> Result<(), OperatorError> {
        if self.store().admin_key(id).await?.is_none() {
            return Err(OperatorError::Refused(format!("there is no admin key {id}")));
        }
        let now = self.clock().now();
        let note = Event::inside(EventKind::AdminKeyRevoked, now, Actor::Operator, "admin key revoke")
            .with(Detail::Key(id.to_string()));
        let revoke = AdminChange::RevokeKey { key: id, at: now };
        self.write(vec![Change::Admin(revoke), note.noted()]).await?;
        Ok(())
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), OperatorError> {
        match self.store().record(changes).await? {
            Ok(_) => Ok(()),
            Err(Conflict::Stale) => Err(Fault::Contended("admin key").into()),
            Err(_) => Err(OperatorError::Refused("the change was refused".to_owned())),
        }
    }
}

/// A new key: what the store keeps of it, and its text.
pub(crate) fn made_key(
    chance: &Chance,
    now: Moment,
    (name, scopes, days): (&str, Scopes, i64),
    owner: Option<UserId>,
) -> Result<(NewAdminKey, Secret), Fault> {
    let id = KeyId::from_bytes(chance.bytes()?);
    let secret = key::text(id, &chance.bytes()?);
    let key = AdminKey {
        id,
        name: name.to_owned(),
        scopes,
        owner,
        created_at: now,
        expires_at: now.plus_seconds(days * 86_400),
        last_used_at: None,
        revoked_at: None,
    };
    Ok((NewAdminKey { key, digest: Digest::of(secret.expose()) }, secret))
}
