//! What can a template list, and which slots are filled from the things of a list?

use super::Slot;

/// What a template can list. Closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The live sessions of the user.
    Sessions,
    /// The users of a page.
    Users,
    /// Admin keys.
    Keys,
    /// Events of the audit trail.
    Events,
}

impl List {
    /// Every list.
    pub const ALL: [List; 4] = [List::Sessions, List::Users, List::Keys, List::Events];

    /// The slot that says the list itself.
    pub const fn slot(self) -> Slot {
        match self {
            List::Sessions => Slot::Sessions,
            List::Users => Slot::Users,
            List::Keys => Slot::Keys,
            List::Events => Slot::Events,
        }
    }

    /// Whether a slot is filled from the things of this list.
    pub const fn fills(self, slot: &Slot) -> bool {
        match self {
            List::Sessions => slot.is_of_session(),
            List::Users => slot.is_of_user(),
            List::Keys => slot.is_of_key(),
            List::Events => slot.is_of_event(),
        }
    }
}

impl Slot {
    /// Whether it says something of one user.
    pub const fn is_of_user(&self) -> bool {
        use Slot::*;
        matches!(
            self,
            UserId
                | UserUuid
                | UserShortId(_)
                | UserUsername
                | UserEmail
                | UserFirstName
                | UserLastName
                | UserFullName
                | UserPhoneNumber
                | UserAvatar
                | UserRole
                | UserPermissions
                | UserStatus
                | UserActive
                | UserEmailVerified
                | UserCreatedAt
                | UserLastLoginAt
                | UserAttributes
                | UserAttribute(_)
        )
    }

    /// Whether it says something of one session of a list.
    pub const fn is_of_session(&self) -> bool {
        matches!(
            self,
            Slot::SessionId
                | Slot::SessionContract
                | Slot::SessionDevice
                | Slot::SessionAddress
                | Slot::SessionCreatedAt
                | Slot::SessionSeenAt
                | Slot::SessionExpiresAt
                | Slot::SessionCurrent
        )
    }

    /// Whether it says something of one admin key.
    pub const fn is_of_key(&self) -> bool {
        use Slot::*;
        matches!(
            self,
            KeyId | KeyName | KeyScopes | KeyCreatedAt | KeyExpiresAt | KeyLastUsedAt | KeyRevokedAt
        )
    }

    /// Whether it says something of one event.
    pub const fn is_of_event(&self) -> bool {
        use Slot::*;
        matches!(
            self,
            EventId
                | EventAt
                | EventKind
                | EventActor
                | EventBy
                | EventSession
                | EventContract
                | EventVerb
                | EventAddress
                | EventResult
                | EventRequest
                | EventDetails
        )
    }
}
