//! What does a role permit?

use crate::admin::{EVERYTHING, Scopes};
use std::collections::{BTreeMap, BTreeSet};

/// The roles that the operator has configured, by name. A user may have a role that is not among them; it permits nothing.
#[derive(Clone, Debug)]
pub struct Roles(pub BTreeMap<String, Role>);

/// One role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Names of permissions.
    pub permissions: Vec<String>,
    /// Whether its users need a second factor (SEC-84).
    pub needs_factor: bool,
}

impl Default for Roles {
    /// `admin` may do everything, `support` reads users, ends sessions and starts resets.
    fn default() -> Roles {
        let role = |permissions: &[&str]| Role {
            permissions: permissions.iter().map(|name| (*name).to_owned()).collect(),
            needs_factor: false,
        };
        let support = role(&["admin.users.read", "admin.sessions.end", "admin.resets.start"]);
        Roles(BTreeMap::from([("admin".to_owned(), role(&[EVERYTHING])), ("support".to_owned(), support)]))
    }
}

impl Roles {
    /// What a user may do as an administrator, by role and own permissions.
    pub fn scopes(&self, role: &str, own: &[String]) -> Scopes {
        let of_role = self.0.get(role).map_or(&[][..], |role| role.permissions.as_slice());
        Scopes::of_permissions(of_role.iter().chain(own).map(String::as_str))
    }

    /// The roles that permit everything.
    pub fn administrators(&self) -> Vec<String> {
        let all = |role: &Role| role.permissions.iter().any(|name| name == EVERYTHING);
        self.0.iter().filter(|(_, role)| all(role)).map(|(name, _)| name.clone()).collect()
    }

    /// Whether such a user counts as an administrator: everything is permitted by one permission.
    pub fn is_administrator(&self, role: &str, own: &[String]) -> bool {
        self.permissions(role, own).iter().any(|name| name == EVERYTHING)
    }

    /// What a user may do: the permissions of the role, then the user's own, each once.
    pub fn permissions(&self, role: &str, own: &[String]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let of_role = self.0.get(role).map_or(&[][..], |role| role.permissions.as_slice());
        of_role.iter().chain(own).filter(|name| seen.insert(name.as_str())).cloned().collect()
    }

    /// Whether users of the role need a second factor.
    pub fn needs_factor(&self, role: &str) -> bool {
        self.0.get(role).is_some_and(|role| role.needs_factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_those_of_the_role_and_then_ones_own_each_once() {
        let editor = Role { permissions: vec!["read".into(), "write".into()], needs_factor: true };
        let roles = Roles(BTreeMap::from([("editor".to_owned(), editor)]));
        let own = ["publish".to_owned(), "read".to_owned()];
        assert_eq!(roles.permissions("editor", &own), ["read", "write", "publish"]);
        assert_eq!(roles.permissions("nobody", &own), own);
        assert!(roles.needs_factor("editor") && !roles.needs_factor("nobody"));
    }
}
