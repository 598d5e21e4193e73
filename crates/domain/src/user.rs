//! What is known of a person?

use crate::factor::Factors;
use crate::id::UserId;
use crate::identifier::{EmailKey, UsernameKey};
use crate::time::Moment;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// May sign in.
    Active,
    /// Switched off, by an operator or by import.
    Inactive,
    /// Banned.
    Suspended,
}

impl Status {
    /// The name in the store, in dialects and in records.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Inactive => "inactive",
            Status::Suspended => "suspended",
        }
    }

    /// Reads a name. Refused: any other text.
    pub fn parse(name: &str) -> Option<Status> {
        [Status::Active, Status::Inactive, Status::Suspended].into_iter().find(|s| s.name() == name)
    }
}

/// A person as every dialect may show them. Holds no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Stable integer.
    pub id: UserId,
    /// Opaque public id, random.
    pub uuid: Uuid,
    /// As typed at sign-up.
    pub username: Option<String>,
    /// As typed at sign-up.
    pub email: Option<String>,
    /// Whether control of the mailbox was proved.
    pub email_verified: bool,
    /// Given name; empty when unknown.
    pub first_name: String,
    /// Family name; empty when unknown.
    pub last_name: String,
    /// As typed; no normalisation.
    pub phone_number: Option<String>,
    /// A path (`/media/avatars/…`) or an imported URL.
    pub avatar: Option<String>,
    /// One role by name; empty when none.
    pub role: String,
    /// Permissions by name.
    pub permissions: Vec<String>,
    /// Whether the account may be used.
    pub status: Status,
    /// Whether a second factor is in force.
    pub second_factor: bool,
    /// Whatever the application keeps beside the user.
    pub attributes: Map<String, Value>,
    /// Last successful sign-in.
    pub last_login_at: Option<Moment>,
    /// Sign-up or import.
    pub created_at: Moment,
}

/// A user with what is needed to judge a sign-in. Never shown.
#[derive(Clone, Debug)]
pub struct Account {
    /// The person.
    pub user: User,
    /// The stored password hash as text; absent or unusable marks never match.
    pub password_hash: Option<StoredHash>,
    /// Grows with every change of credentials or status; a change list relies on it.
    pub epoch: i64,
    /// Tokens without a session are refused when issued before this moment.
    pub valid_after: Moment,
}

/// A password hash as stored. Prints nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHash(pub String);

impl std::fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredHash(…)")
    }
}

/// A user to be added, by sign-up, console or import.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Kept from an import; otherwise the store gives the next one.
    pub id: Option<UserId>,
    /// Random, or kept from an import.
    pub uuid: Uuid,
    /// Whether the UUID was drawn just now and so says nothing about who it is.
    pub uuid_is_new: bool,
    /// Display form and canonical key.
    pub username: Option<(String, UsernameKey)>,
    /// Display form and canonical key.
    pub email: Option<(String, EmailKey)>,
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
    /// Whether the account may be used.
    pub status: Status,
    /// Custom attributes.
    pub attributes: Map<String, Value>,
    /// Hash as stored; absent = no password.
    pub password_hash: Option<StoredHash>,
    /// Kept from an import, which alone brings them.
    pub factors: Option<Box<Factors>>,
    /// Kept from an import.
    pub last_login_at: Option<Moment>,
    /// Sign-up or import.
    pub created_at: Moment,
}

impl NewUser {
    /// The user as it will be read back once the store gave it `id`.
    pub fn into_user(self, id: UserId) -> User {
        User {
            id,
            uuid: self.uuid,
            username: self.username.map(|(text, _)| text),
            email: self.email.map(|(text, _)| text),
            email_verified: self.email_verified,
            first_name: self.first_name,
            last_name: self.last_name,
            phone_number: self.phone_number,
            avatar: self.avatar,
            role: self.role,
            permissions: self.permissions,
            status: self.status,
            second_factor: false,
            attributes: self.attributes,
            last_login_at: self.last_login_at,
            created_at: self.created_at,
        }
    }
}

/// New values for some fields of a user; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct UserEdit {
    /// Display form and canonical key; `Some(None)` clears.
    pub username: Option<Option<(String, UsernameKey)>>,
    /// Display form and canonical key; `Some(None)` clears. A new address is unverified.
    pub email: Option<Option<(String, EmailKey)>>,
    /// Whether control of the mailbox was proved.
    pub email_verified: Option<bool>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// As typed; `Some(None)` clears.
    pub phone_number: Option<Option<String>>,
    /// A path or URL; `Some(None)` clears.
    pub avatar: Option<Option<String>>,
    /// Role by name (operators only).
    pub role: Option<String>,
    /// Permissions by name (operators only).
    pub permissions: Option<Vec<String>>,
    /// Status (operators only); any change of it bumps the epoch.
    pub status: Option<Status>,
    /// Custom attributes, replaced as a whole.
    pub attributes: Option<Map<String, Value>>,
}

impl UserEdit {
    /// The fields that get a new value, by name.
    pub fn names(&self) -> Vec<&'static str> {
        [
            ("username", self.username.is_some()),
            ("email", self.email.is_some()),
            ("email_verified", self.email_verified.is_some()),
            ("first_name", self.first_name.is_some()),
            ("last_name", self.last_name.is_some()),
            ("phone_number", self.phone_number.is_some()),
            ("avatar", self.avatar.is_some()),
            ("role", self.role.is_some()),
            ("permissions", self.permissions.is_some()),
            ("status", self.status.is_some()),
            ("attributes", self.attributes.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.names().is_empty()
    }

    /// The user as it will be read back after the edit.
    pub fn applied_to(&self, user: &User) -> User {
        let mut edited = user.clone();
        if let Some(username) = &self.username {
            edited.username = username.as_ref().map(|(text, _)| text.clone());
        }
        if let Some(email) = &self.email {
            edited.email = email.as_ref().map(|(text, _)| text.clone());
        }
        set(&mut edited.email_verified, &self.email_verified);
        set(&mut edited.first_name, &self.first_name);
        set(&mut edited.last_name, &self.last_name);
        set(&mut edited.phone_number, &self.phone_number);
        set(&mut edited.avatar, &self.avatar);
        set(&mut edited.role, &self.role);
        set(&mut edited.permissions, &self.permissions);
        set(&mut edited.status, &self.status);
        set(&mut edited.attributes, &self.attributes);
        edited
    }
}

fn set<T: Clone>(field: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}
