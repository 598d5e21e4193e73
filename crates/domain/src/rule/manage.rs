//! What becomes of a user whom somebody else manages? The same for the console and for administrators.

use super::Scene;
use super::profile::own_avatar;
use crate::admin::{AdminChange, Scope, Scopes};
use crate::change::Change;
use crate::contract::Purpose;
use crate::event::{Detail, Event};
use crate::id::UserId;
use crate::refusal::Refusal;
use crate::role::Roles;
use crate::session::EndReason;
use crate::time::Moment;
use crate::user::{Account, NewUser, Status, User, UserEdit};

/// What a user may do as an administrator now. Nothing while the account is not active.
pub fn scopes(user: &User, roles: &Roles) -> Scopes {
    match user.status {
        Status::Active => roles.scopes(&user.role, &user.permissions),
        Status::Inactive | Status::Suspended => Scopes::NONE,
    }
}

/// What the account would permit, whatever its status is: the measure of whom one may touch.
fn held(user: &User, roles: &Roles) -> Scopes {
    roles.scopes(&user.role, &user.permissions)
}

/// Whether a sign-in through this contract may open a session. Nothing is said before the right password (SEC-10).
///
/// Refused where the contract is for users: whoever has an address to verify first. Where it is for
/// administrators: whoever has no scope, in the words for a wrong password.
pub fn entry(user: &User, scene: &Scene<'_>) -> Option<Refusal> {
    if scene.contract.purpose == Purpose::Application {
        return scene.awaits_proof(user).then_some(Refusal::EmailUnverified);
    }
    if scopes(user, &scene.house.roles).is_empty() {
        return Some(Refusal::InvalidCredentials);
    }
    None
}

/// Whether somebody with these scopes may change this user (SEC-94).
///
/// Refused: an account with scopes, unless one may give roles and has every scope that it has.
pub fn may_touch(actor: Scopes, user: &User, roles: &Roles) -> Result<(), Refusal> {
    let target = held(user, roles);
    let above = actor.has(Scope::RolesGrant) && actor.covers(target);
    if target.is_empty() || above { Ok(()) } else { Err(Refusal::NotPermitted) }
}

/// Whether somebody with these scopes may make a user of this role and these permissions.
///
/// Refused: a scope that one has not oneself.
pub fn may_grant(actor: Scopes, role: &str, permissions: &[String], roles: &Roles) -> Result<(), Refusal> {
    let given = roles.scopes(role, permissions);
    if actor.covers(given) { Ok(()) } else { Err(Refusal::NotPermitted) }
}

/// Adds a user.
pub fn added(user: NewUser, note: Event) -> Vec<Change> {
    vec![Change::AddUser(Box::new(user)), note.noted()]
}

/// Edits a user. Any status but active ends every session and token at once.
pub fn edited(account: &Account, edit: UserEdit, roles: &Roles, now: Moment, note: Event) -> Vec<Change> {
    let note = details(note, &edit);
    let user = account.user.id;
    let closes = edit.status.is_some_and(|status| status != Status::Active);
    let leaves_picture = edit.avatar.is_some();
    let stays = kept(&account.user, Some(&edit.applied_to(&account.user)), roles);
    let mut changes = vec![Change::EditUser { user, epoch: account.epoch, edit: Box::new(edit), at: now }];
    changes.extend(stays);
    if closes {
        changes.extend(cut_off(account, EndReason::AccountClosed, now));
    }
    if let Some(name) = own_avatar(&account.user).filter(|_| leaves_picture) {
        changes.push(Change::DropAvatar { name: name.to_owned() });
    }
    changes.push(note.about(Some(user)).noted());
    changes
}

/// Which fields, and the new role and status.
fn details(note: Event, edit: &UserEdit) -> Event {
    let note = note.with(Detail::Fields(edit.names()));
    let note = match &edit.role {
        Some(role) => note.with(Detail::Role(role.clone())),
        None => note,
    };
    match edit.status {
        Some(status) => note.with(Detail::Reason(status.name())),
        None => note,
    }
}

/// Deletes a user with sessions and picture.
pub fn deleted(account: &Account, roles: &Roles, note: Event) -> Vec<Change> {
    let user = account.user.id;
    let mut changes = vec![note.about(Some(user)).noted()];
    changes.extend(own_avatar(&account.user).map(|name| Change::DropAvatar { name: name.to_owned() }));
    changes.push(Change::DeleteUser { user, epoch: account.epoch });
    changes.extend(kept(&account.user, None, roles));
    changes
}

/// Lifts the limits of a user's password, as a reset would.
pub fn limits_cleared(user: UserId, note: Event) -> Vec<Change> {
    vec![Change::ClearFailures { user }, note.about(Some(user)).noted()]
}

/// Ends every session, and cuts every token without one.
pub fn cut_off(account: &Account, reason: EndReason, at: Moment) -> [Change; 2] {
    let user = account.user.id;
    let line = account.cut_line(at);
    [Change::EndSessions { user, except: None, reason, at }, Change::CutTokens { user, at: line }]
}

/// The check that somebody is left, where an administrator goes (SEC-98). It follows the change in the list.
fn kept(before: &User, after: Option<&User>, roles: &Roles) -> Option<Change> {
    let counts =
        |user: &User| user.status == Status::Active && roles.is_administrator(&user.role, &user.permissions);
    let goes = counts(before) && !after.is_some_and(counts);
    goes.then(|| Change::Admin(AdminChange::KeepAdministrator { roles: roles.administrators() }))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, account, contract, scene};
    use super::*;
    use crate::event::{Actor, EventKind};

    fn with(role: &str, permissions: &[&str]) -> User {
        User {
            role: role.into(),
            permissions: permissions.iter().map(|name| (*name).to_owned()).collect(),
            ..account().user
        }
    }

    /// SEC-94: nobody touches those above, nobody gives what he has not.
    #[test]
    fn nobody_climbs() {
        let roles = Roles::default();
        let manager = Scopes::of_permissions(["admin.users.write", "admin.users.read"]);
        let granter = manager.with(Scope::RolesGrant);
        for (actor, role, permissions, touch, grant) in [
            (manager, "author", &[][..], true, true),
            (manager, "admin", &[], false, false),
            (manager, "support", &[], false, false),
            (manager, "", &["admin.users.read"], false, true),
            (granter, "", &["admin.users.read"], true, true),
            (granter, "support", &[], false, false),
            (granter, "", &["admin.keys.manage"], false, false),
            (Scopes::ALL, "admin", &["admin.*"], true, true),
            (Scopes::NONE, "author", &[], true, true),
        ] {
            let user = with(role, permissions);
            assert_eq!(may_touch(actor, &user, &roles).is_ok(), touch, "{actor:?} {role} {permissions:?}");
            let granted = may_grant(actor, role, &user.permissions, &roles);
            assert_eq!(granted.is_ok(), grant, "{actor:?} {role} {permissions:?}");
        }
        let suspended = User { status: Status::Suspended, ..with("admin", &[]) };
        assert!(may_touch(granter, &suspended, &roles).is_err(), "a suspended administrator is one still");
        assert_eq!(scopes(&suspended, &roles), Scopes::NONE);
    }

    /// SEC-98: whoever takes an administrator away makes sure that another one is left.
    #[test]
    fn a_list_that_takes_an_administrator_away_asks_for_another() {
        let roles = Roles::default();
        let asks = |before: &User, after: Option<&User>| kept(before, after, &roles).is_some();
        let (admin, author) = (with("admin", &[]), with("author", &[]));
        let own = with("author", &["admin.*"]);
        let suspended = User { status: Status::Suspended, ..admin.clone() };
        assert!(asks(&admin, None) && asks(&admin, Some(&author)) && asks(&admin, Some(&suspended)));
        assert!(asks(&own, Some(&author)) && !asks(&admin, Some(&own)) && !asks(&author, None));
        assert!(!asks(&suspended, None) && !asks(&author, Some(&admin)));
    }

    #[test]
    fn closing_an_account_ends_its_sessions() {
        let note = || Event::inside(EventKind::StatusSet, NOW, Actor::Operator, "test");
        let edit = |status| UserEdit { status: Some(status), ..UserEdit::default() };
        let ends = |status| {
            let changes = edited(&account(), edit(status), &Roles::default(), NOW, note());
            changes.iter().any(|change| matches!(change, Change::EndSessions { except: None, .. }))
        };
        assert!(ends(Status::Suspended) && ends(Status::Inactive) && !ends(Status::Active));
    }

    /// SEC-99: the door of administrators opens for nobody else.
    #[test]
    fn a_contract_for_administrators_lets_only_them_in() {
        let mut contract = contract();
        assert_eq!(entry(&with("author", &[]), &scene(&contract)), None);
        contract.purpose = Purpose::Administration;
        let scene = scene(&contract);
        assert_eq!(entry(&with("author", &[]), &scene), Some(Refusal::InvalidCredentials));
        let one = with("", &["admin.audit.read"]);
        assert_eq!(entry(&one, &scene), None);
        assert!(scene.needs_factor(&one), "administrators need a second factor");
        let mut house = scene.house.clone();
        house.admin.require_factor = false;
        assert!(!Scene { house: &house, ..scene }.needs_factor(&one));
    }
}
