//! Make, list and revoke admin keys.

use super::super::Turn;
use super::Administrator;
use crate::custody::made_key;
use crate::error::Error;
use domain::admin::key::{MAX_DAYS, MAX_KEYS, MAX_NAME};
use domain::admin::{AdminChange, AdminKey, Items, KeyId, Listed, Scopes};
use domain::change::Change;
use domain::event::{Detail, EventKind};
use domain::input::{Flaw, Input, Rule};
use domain::outcome::Outcome;
use domain::refusal::Refusal;

impl Turn<'_> {
    /// The keys that the caller may revoke: one's own, and every key for whoever may do everything.
    async fn managed_keys(&self, admin: &Administrator) -> Result<Vec<AdminKey>, Error> {
        let mut keys = self.engine.store().admin_keys().await?;
        keys.retain(|key| key.owner == admin.user || admin.scopes == Scopes::ALL);
        Ok(keys)
    }

    pub(super) async fn list_keys(&self, admin: &Administrator) -> Result<Outcome, Error> {
        let keys = self.managed_keys(admin).await?;
        let total = Some(u64::try_from(keys.len()).unwrap_or(u64::MAX));
        Ok(Outcome::Listed(Listed { items: Items::Keys(keys), total, next: None }))
    }

    /// Makes a key that may do at most what its maker may do (SEC-94). Its text is in this answer and nowhere else.
    pub(super) async fn create_key(
        &self,
        admin: &Administrator,
        name: String,
        scopes: &[String],
        days: i64,
    ) -> Result<Outcome, Error> {
        let flaw = |flaw: Flaw| Error::from(Refusal::InvalidInput(vec![flaw]));
        if name.trim().is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control) {
            let limit = i64::try_from(MAX_NAME).unwrap_or(i64::MAX);
            return Err(flaw(Flaw::with_limit(Input::Name, Rule::TooLong, limit)));
        }
        if !(1..=MAX_DAYS).contains(&days) {
            let rule = if days < 1 { Rule::TooSmall } else { Rule::TooLarge };
            return Err(flaw(Flaw::with_limit(Input::Days, rule, MAX_DAYS)));
        }
        let scopes = Scopes::parse(scopes.iter().map(String::as_str)).filter(|scopes| !scopes.is_empty());
        let scopes = scopes.ok_or_else(|| flaw(Flaw::new(Input::Scopes, Rule::OneOf)))?;
        if !admin.scopes.covers(scopes) {
            return Err(self.not_permitted(admin, None).await?);
        }
        let keys = self.engine.store().admin_keys().await?;
        let live = keys.iter().filter(|key| key.owner == admin.user && key.is_live(self.scene.now)).count();
        if live >= MAX_KEYS {
            let limit = i64::try_from(MAX_KEYS).unwrap_or(i64::MAX);
            return Err(flaw(Flaw::with_limit(Input::Name, Rule::TooLarge, limit)));
        }
        let (new, secret) =
            made_key(self.engine.chance(), self.scene.now, (name.trim(), scopes, days), admin.user)?;
        let key = new.key.clone();
        let note = self.note_by(admin, EventKind::AdminKeyCreated).with(Detail::Key(key.id.to_string()));
        let changes = vec![Change::Admin(AdminChange::AddKey(Box::new(new))), note.noted()];
        self.write(changes).await?;
        Ok(Outcome::KeyMade { key, secret })
    }

    /// Revokes a key at once. A key of somebody else's is not there (SEC-93).
    pub(super) async fn revoke_key(&self, admin: &Administrator, key: &str) -> Result<Outcome, Error> {
        let id = KeyId::parse(key).ok_or(Refusal::NotYours)?;
        let keys = self.managed_keys(admin).await?;
        let key = keys.iter().find(|key| key.id == id).ok_or(Refusal::NotYours)?;
        if key.revoked_at.is_none() {
            let note = self.note_by(admin, EventKind::AdminKeyRevoked).with(Detail::Key(id.to_string()));
            let revoke = AdminChange::RevokeKey { key: id, at: self.scene.now };
            self.write(vec![Change::Admin(revoke), note.noted()]).await?;
        }
        Ok(Outcome::Done { ended: 0 })
    }
}
