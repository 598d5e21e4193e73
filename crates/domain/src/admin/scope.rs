//! What may an administrator do?

use std::fmt;

/// One thing that administrators may be allowed to do. Closed: permissions, keys and the door use the same list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Search and read users and their sessions.
    UsersRead,
    /// Add, edit, suspend and restore users.
    UsersWrite,
    /// Delete users.
    UsersDelete,
    /// End sessions of others.
    SessionsEnd,
    /// Start a password reset for others.
    ResetsStart,
    /// Switch the second factor of others off.
    FactorsOff,
    /// Lift waits that failed tries have brought about.
    LimitsClear,
    /// Give roles and permissions.
    RolesGrant,
    /// Make, list and revoke admin keys.
    KeysManage,
    /// Read the audit trail.
    AuditRead,
}

/// The permission that stands for every scope.
pub const EVERYTHING: &str = "admin.*";
/// Before the name of a scope, as a permission.
const PERMISSION: &str = "admin.";

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Scope; 10] = [
        Scope::UsersRead,
        Scope::UsersWrite,
        Scope::UsersDelete,
        Scope::SessionsEnd,
        Scope::ResetsStart,
        Scope::FactorsOff,
        Scope::LimitsClear,
        Scope::RolesGrant,
        Scope::KeysManage,
        Scope::AuditRead,
    ];

    /// The word in keys and lists; with `admin.` before it the permission of a role or user.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::UsersRead => "users.read",
            Scope::UsersWrite => "users.write",
            Scope::UsersDelete => "users.delete",
            Scope::SessionsEnd => "sessions.end",
            Scope::ResetsStart => "resets.start",
            Scope::FactorsOff => "factors.off",
            Scope::LimitsClear => "limits.clear",
            Scope::RolesGrant => "roles.grant",
            Scope::KeysManage => "keys.manage",
            Scope::AuditRead => "audit.read",
        }
    }

    /// Reads a word. Refused: any other text.
    pub fn parse(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Whether a session needs a fresh proof of identity for it (SEC-99). A key has no moment of proof and needs none.
    pub const fn needs_fresh(self) -> bool {
        match self {
            Scope::UsersDelete | Scope::FactorsOff | Scope::RolesGrant | Scope::KeysManage => true,
            Scope::UsersRead
            | Scope::UsersWrite
            | Scope::SessionsEnd
            | Scope::ResetsStart
            | Scope::LimitsClear
            | Scope::AuditRead => false,
        }
    }

    const fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    /// No scope.
    pub const NONE: Scopes = Scopes(0);
    /// Every scope.
    pub const ALL: Scopes = Scopes((1 << Scope::ALL.len()) - 1);

    /// The scopes among permissions: `admin.users.read` gives one, `admin.*` every one, all else nothing.
    pub fn of_permissions<'a>(permissions: impl IntoIterator<Item = &'a str>) -> Scopes {
        permissions.into_iter().fold(Scopes::NONE, |scopes, permission| {
            if permission == EVERYTHING {
                return Scopes::ALL;
            }
            permission.strip_prefix(PERMISSION).and_then(Scope::parse).map_or(scopes, |one| scopes.with(one))
        })
    }

    /// Reads names of scopes. Refused: a name that is none.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Scopes> {
        names.into_iter().try_fold(Scopes::NONE, |scopes, name| Some(scopes.with(Scope::parse(name)?)))
    }

    /// The set with one more.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Scopes {
        Scopes(self.0 | scope.bit())
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Scopes) -> Scopes {
        Scopes(self.0 & other.0)
    }

    /// Whether the scope is in the set.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether everything in the other set is in this one.
    pub const fn covers(self, other: Scopes) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is no scope.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in their order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// Their names in their order.
    pub fn names(self) -> Vec<String> {
        self.iter().map(|scope| scope.name().to_owned()).collect()
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_give_the_scopes_that_they_name_and_nothing_else() {
        let table: [(&[&str], Scopes); 6] = [
            (&[], Scopes::NONE),
            (&["admin.*"], Scopes::ALL),
            (&["admin.users.read", "x"], Scopes::NONE.with(Scope::UsersRead)),
            (&["users.read", "admin.", "admin", "*", "admin.users.*", "Admin.*"], Scopes::NONE),
            (
                &["admin.roles.grant", "admin.keys.manage"],
                Scopes::NONE.with(Scope::RolesGrant).with(Scope::KeysManage),
            ),
            (&["admin.users.read ", "admin.*.x"], Scopes::NONE),
        ];
        for (permissions, expected) in table {
            assert_eq!(Scopes::of_permissions(permissions.iter().copied()), expected, "{permissions:?}");
        }
    }

    #[test]
    fn sets_know_what_they_cover() {
        let read = Scopes::NONE.with(Scope::UsersRead);
        assert!(Scopes::ALL.covers(read) && !read.covers(Scopes::ALL) && read.covers(Scopes::NONE));
        assert_eq!(Scopes::parse(Scope::ALL.iter().map(|scope| scope.name())), Some(Scopes::ALL));
        assert_eq!(Scopes::parse(["users.read", "admin.*"]), None);
        assert_eq!(Scopes::ALL.names().len(), Scope::ALL.len());
    }
}
