//! Add, change and delete users, for administrators.

use super::super::{TRIES, Turn};
use super::{Administrator, contended, told};
use crate::error::{Error, Fault};
use domain::admin::{NewPerson, Person, Scope};
use domain::change::Change;
use domain::event::EventKind;
use domain::id::UserId;
use domain::identifier::{EmailKey, UsernameKey};
use domain::input::{Flaw, Input, Rule};
use domain::letter::Letter;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::rule::manage;
use domain::rule::recovery::{address_of, sent};
use domain::rule::sign_up::{refusal, taken_flaws};
use domain::session::EndReason;
use domain::user::{NewUser, Status, User, UserEdit};
use serde_json::Map;
use uuid::Uuid;

/// Most code points of a role's or permission's name.
const MAX_NAME: usize = 100;
/// Most permissions of one user.
const MAX_PERMISSIONS: usize = 100;

impl Turn<'_> {
    /// Adds a user without a password: administrators choose none (SEC-47). Where letters are delivered, the user gets one
    /// to set the first password.
    pub(super) async fn create_user(
        &self,
        admin: &Administrator,
        request: &NewPerson,
    ) -> Result<Outcome, Error> {
        let edit = read_person(&request.person)?;
        let username = edit.username.clone().flatten();
        let email = edit.email.clone().flatten();
        if username.is_none() && email.is_none() {
            return Err(flawed(Flaw::new(Input::Email, Rule::NoneOf)));
        }
        let role = request.role.clone().unwrap_or_default();
        self.check_role(&role)?;
        let roles = &self.scene.house.roles;
        let gives = !role.is_empty() && role != self.caller.contract.newcomer.role;
        if gives
            && (!admin.scopes.has(Scope::RolesGrant)
                || manage::may_grant(admin.scopes, &role, &[], roles).is_err())
        {
            return Err(self.not_permitted(admin, None).await?);
        }
        self.check_free(username.as_ref(), email.as_ref(), None).await?;
        let user = NewUser {
            id: None,
            uuid: self.engine.chance().uuid()?,
            uuid_is_new: true,
            username,
            email,
            email_verified: false,
            first_name: edit.first_name.unwrap_or_default(),
            last_name: edit.last_name.unwrap_or_default(),
            phone_number: edit.phone_number.flatten(),
            avatar: None,
            role,
            permissions: Vec::new(),
            status: Status::Active,
            attributes: Map::new(),
            password_hash: None,
            last_login_at: None,
            factors: None,
            created_at: self.scene.now,
        };
        let note = self.note_by(admin, EventKind::UserCreated);
        let mut changes = manage::added(user.clone(), note);
        if let Some(to) = user.email.clone().filter(|_| self.scene.house.recovery.mail) {
            let whose = (None, user.first_name.as_str());
            changes.extend(sent(Letter::Invitation, whose, to, self.link_id()?, self.scene.now));
        }
        match self.record(changes).await? {
            Ok(applied) => {
                let id = applied.user.ok_or(Fault::Gone("the id of a new user"))?;
                Ok(Outcome::UserShown { user: user.into_user(id) })
            }
            Err(conflict) => Err(told(conflict).map_or_else(contended, Error::from)),
        }
    }

    /// Refused: names that belong to somebody else, all of them. The store would name the first one it meets.
    async fn check_free(
        &self,
        username: Option<&(String, UsernameKey)>,
        email: Option<&(String, EmailKey)>,
        except: Option<UserId>,
    ) -> Result<(), Error> {
        let (email, username) = (email.map(|(_, key)| key), username.map(|(_, key)| key));
        let taken = self.engine.store().taken(email, username, except, self.scene.now).await?;
        refusal(taken_flaws(taken.username, taken.email)).map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    /// Refused: a text that is no name; where roles are configured, one that is none of them.
    fn check_role(&self, role: &str) -> Result<(), Error> {
        check_names(Input::Role, [role])?;
        let known = self.scene.house.check_role(role).is_ok();
        if known { Ok(()) } else { Err(flawed(Flaw::new(Input::Role, Rule::OneOf))) }
    }

    pub(super) async fn edit_user(
        &self,
        admin: &Administrator,
        user: Uuid,
        person: &Person,
    ) -> Result<Outcome, Error> {
        let edit = read_person(person)?;
        let account = self.touchable(admin, user).await?;
        let (username, email) = (edit.username.as_ref(), edit.email.as_ref());
        let (username, email) = (username.and_then(Option::as_ref), email.and_then(Option::as_ref));
        self.check_free(username, email, Some(account.user.id)).await?;
        let change = |before: &User| {
            let edited = edit.applied_to(before);
            if edited.username.is_none() && edited.email.is_none() {
                return Err(flawed(Flaw::new(Input::Email, Rule::NoneOf)));
            }
            Ok(edit.clone())
        };
        self.change_user(admin, user, EventKind::UserEdited, change).await
    }

    /// Gives a role and permissions. Refused: what the giver has not (SEC-94).
    pub(super) async fn set_role(
        &self,
        admin: &Administrator,
        user: Uuid,
        role: Option<String>,
        permissions: Option<Vec<String>>,
    ) -> Result<Outcome, Error> {
        role.as_deref().map_or(Ok(()), |role| self.check_role(role))?;
        let names = permissions.iter().flatten().map(String::as_str);
        check_names(Input::Permissions, names)?;
        if permissions.as_ref().is_some_and(|names| names.len() > MAX_PERMISSIONS) {
            let limit = i64::try_from(MAX_PERMISSIONS).unwrap_or(i64::MAX);
            return Err(flawed(Flaw::with_limit(Input::Permissions, Rule::TooLarge, limit)));
        }
        let account = self.touchable(admin, user).await?;
        let edit = UserEdit { role, permissions, ..UserEdit::default() };
        let edited = edit.applied_to(&account.user);
        let roles = &self.scene.house.roles;
        if manage::may_grant(admin.scopes, &edited.role, &edited.permissions, roles).is_err() {
            return Err(self.not_permitted(admin, Some(account.user.id)).await?);
        }
        self.change_user(admin, user, EventKind::RoleSet, |_| Ok(edit.clone())).await
    }

    pub(super) async fn set_status(
        &self,
        admin: &Administrator,
        user: Uuid,
        status: Status,
    ) -> Result<Outcome, Error> {
        let edit = UserEdit { status: Some(status), ..UserEdit::default() };
        self.change_user(admin, user, EventKind::StatusSet, |_| Ok(edit.clone())).await
    }

    /// Looks, judges and records one edit, again when something came between.
    async fn change_user(
        &self,
        admin: &Administrator,
        user: Uuid,
        kind: EventKind,
        edit: impl Fn(&User) -> Result<UserEdit, Error>,
    ) -> Result<Outcome, Error> {
        for _ in 0..TRIES {
            let account = self.touchable(admin, user).await?;
            let edit = edit(&account.user)?;
            let edited = edit.applied_to(&account.user);
            let note = self.note_by(admin, kind);
            let roles = &self.scene.house.roles;
            let mut changes = manage::edited(&account, edit, roles, self.scene.now, note);
            // The mailbox that the account had is told (SEC-45).
            if address_of(&edited) != address_of(&account.user) {
                changes.extend(self.scene.letter(Letter::EmailChanged, &account.user, None));
            }
            match self.record(changes).await?.map_err(told) {
                Ok(_) => return Ok(Outcome::UserShown { user: edited }),
                Err(Some(refusal)) => return Err(refusal.into()),
                Err(None) => {}
            }
        }
        Err(contended())
    }

    pub(super) async fn delete_user(&self, admin: &Administrator, user: Uuid) -> Result<Outcome, Error> {
        for _ in 0..TRIES {
            let account = self.touchable(admin, user).await?;
            let note = self.note_by(admin, EventKind::UserDeleted);
            let changes = manage::deleted(&account, &self.scene.house.roles, note);
            match self.record(changes).await?.map_err(told) {
                Ok(_) => return Ok(Outcome::Done { ended: 0 }),
                Err(Some(refusal)) => return Err(refusal.into()),
                Err(None) => {}
            }
        }
        Err(contended())
    }

    /// Ends every session of a user, and every token without one.
    pub(super) async fn end_sessions(&self, admin: &Administrator, user: Uuid) -> Result<Outcome, Error> {
        let account = self.touchable(admin, user).await?;
        let note = self.note_by(admin, EventKind::SessionsEnded).about(Some(account.user.id));
        let mut changes: Vec<Change> = manage::cut_off(&account, EndReason::Operator, self.scene.now).into();
        changes.push(note.noted());
        match self.record(changes).await? {
            Ok(applied) => Ok(Outcome::Done { ended: applied.sessions_ended }),
            Err(_) => Err(contended()),
        }
    }
}

fn flawed(flaw: Flaw) -> Error {
    Refusal::InvalidInput(vec![flaw]).into()
}

fn check_names<'a>(input: Input, names: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    for name in names {
        if name.chars().count() > MAX_NAME || name.contains(char::is_control) {
            let limit = i64::try_from(MAX_NAME).unwrap_or(i64::MAX);
            return Err(flawed(Flaw::with_limit(input, Rule::TooLong, limit)));
        }
    }
    Ok(())
}

/// Reads the identifiers of a person. Another address is unverified.
fn read_person(person: &Person) -> Result<UserEdit, Error> {
    let username = person.username.as_ref().map(|text| text.as_deref().map(username).transpose());
    let email = person.email.as_ref().map(|text| text.as_deref().map(email).transpose());
    Ok(UserEdit {
        username: username.transpose()?,
        email: email.transpose()?,
        first_name: person.first_name.clone(),
        last_name: person.last_name.clone(),
        phone_number: person.phone_number.clone(),
        ..UserEdit::default()
    })
}

fn username(text: &str) -> Result<(String, UsernameKey), Error> {
    let key = UsernameKey::parse(text).ok_or_else(|| flawed(Flaw::new(Input::Username, Rule::Pattern)))?;
    Ok((text.trim().to_owned(), key))
}

fn email(text: &str) -> Result<(String, EmailKey), Error> {
    let key = EmailKey::parse(text).ok_or_else(|| flawed(Flaw::new(Input::Email, Rule::Email)))?;
    Ok((text.trim().to_owned(), key))
}
