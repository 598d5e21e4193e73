//! Make the first administrator (SEC-91).

use super::super::Turn;
use super::told;
use crate::error::{Error, Fault};
use domain::admin::{AdminChange, EVERYTHING};
use domain::change::Change;
use domain::contract::Purpose;
use domain::event::EventKind;
use domain::identifier::EmailKey;
use domain::input::{Flaw, Input, Rule};
use domain::outcome::Outcome;
use domain::policy::OwnWords;
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::token::Digest;
use domain::user::{NewUser, Status};
use serde_json::Map;

impl Turn<'_> {
    /// Uses the one-time token up and adds an administrator, in one list. Whatever is wrong with the token, and whoever
    /// came first, the answer is the same. A token that is not good costs no hash.
    pub(super) async fn bootstrap(
        &self,
        token: &Secret,
        email: &str,
        password: &Secret,
    ) -> Result<Outcome, Error> {
        let digest = Digest::of(token.expose());
        let closed = self.caller.contract.purpose != Purpose::Administration;
        if closed || !self.engine.store().is_bootstrap(&digest, self.scene.now).await? {
            return Err(Refusal::BootstrapClosed.into());
        }
        let email = email.trim();
        let key = EmailKey::parse(email)
            .ok_or_else(|| Refusal::InvalidInput(vec![Flaw::new(Input::Email, Rule::Email)]))?;
        let own = OwnWords { username: None, email: Some(email) };
        let fit = self.fit(Input::Password, password, &own, None).await.map_err(Refusal::InvalidInput)?;
        let roles = self.scene.house.roles.administrators();
        let (role, permissions) = match roles.first() {
            Some(role) => (role.clone(), Vec::new()),
            None => (String::new(), vec![EVERYTHING.to_owned()]),
        };
        let user = NewUser {
            id: None,
            uuid: self.engine.chance().uuid()?,
            uuid_is_new: true,
            username: None,
            email: Some((email.to_owned(), key)),
            email_verified: false,
            first_name: String::new(),
            last_name: String::new(),
            phone_number: None,
            avatar: None,
            role,
            permissions,
            status: Status::Active,
            attributes: Map::new(),
            password_hash: Some(self.hash(fit).await?),
            last_login_at: None,
            factors: None,
            created_at: self.scene.now,
        };
        let changes = vec![
            Change::Admin(AdminChange::UseBootstrap { digest, at: self.scene.now, roles }),
            Change::AddUser(Box::new(user.clone())),
            self.scene.event(EventKind::AdminBootstrapped, None, None).noted(),
        ];
        match self.record(changes).await? {
            Ok(applied) => {
                if !self.is_rehearsal() {
                    self.engine.bootstrapped();
                }
                let id = applied.user.ok_or(Fault::Gone("the id of a new user"))?;
                Ok(Outcome::UserShown { user: user.into_user(id) })
            }
            Err(conflict) => Err(told(conflict).unwrap_or(Refusal::BootstrapClosed).into()),
        }
    }
}
