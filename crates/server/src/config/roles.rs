//! What does `[roles]` say?

use super::did_you_mean;
use super::file::Page;
use super::nearest;
use domain::role::{Role, Roles};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The most roles.
const MAX_ROLES: usize = 256;
/// The most permissions of one role.
const MAX_PERMISSIONS: usize = 256;
/// The longest name of a role or permission, in characters.
const MAX_NAME: usize = 64;
/// The words of a `[roles.NAME]`.
const WORDS: [&str; 2] = ["permissions", "needs_factor"];

/// Reads all roles; notes everything that is wrong.
pub(super) fn read(value: &Spanned<DeValue<'_>>, page: &mut Page<'_>) -> Roles {
    let mut roles = Roles(std::collections::BTreeMap::new());
    let Some(table) = value.get_ref().as_table() else {
        page.fault(&value.span(), "\"roles\" is a section: write [roles.editor]");
        return roles;
    };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        match (name_fault(name), value.get_ref().as_table()) {
            (Some(fault), _) => page.fault(&key.span(), format!("the role {name:?} {fault}")),
            (None, None) => page.fault(&value.span(), format!("a role is a table: write [roles.{name}]")),
            (None, Some(_)) if roles.0.len() == MAX_ROLES => {
                return {
                    page.fault(&key.span(), format!("more than {MAX_ROLES} roles"));
                    roles
                };
            }
            (None, Some(table)) => drop(roles.0.insert(name.to_owned(), role(table, page))),
        }
    }
    roles
}

fn role(table: &DeTable<'_>, page: &mut Page<'_>) -> Role {
    let mut role = Role::default();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let read = match name {
            "permissions" => permissions(value.get_ref()).map(|names| role.permissions = names),
            "needs_factor" => value
                .get_ref()
                .as_bool()
                .map(|needs| role.needs_factor = needs)
                .ok_or_else(|| "needs_factor: write true or false".to_owned()),
            _ => {
                let hint = nearest(name, WORDS.into_iter()).map_or_else(String::new, did_you_mean);
                Err(format!("a role has no {name:?}{hint}"))
            }
        };
        if let Err(message) = read {
            page.fault(&value.span(), message);
        }
    }
    role
}

fn permissions(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let entries = value.as_array().ok_or("permissions: a list of texts is needed")?;
    if entries.len() > MAX_PERMISSIONS {
        return Err(format!("permissions: more than {MAX_PERMISSIONS} entries"));
    }
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        let name = entry.get_ref().as_str().ok_or("permissions: every entry of the list is a text")?;
        match name_fault(name) {
            Some(fault) => return Err(format!("the permission {name:?} {fault}")),
            None if names.iter().any(|known| known == name) => {
                return Err(format!("the permission {name:?} is given twice"));
            }
            None => names.push(name.to_owned()),
        }
    }
    Ok(names)
}

/// Names stand in tokens and on command lines: no white space, nothing that can not be seen.
fn name_fault(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_alphanumeric() || "._-:*".contains(c);
    if name.is_empty() {
        Some("has no name")
    } else if name.chars().count() > MAX_NAME {
        Some("has more than 64 characters")
    } else if !name.chars().all(plain) {
        Some("has other characters than letters, digits and . _ - : *")
    } else {
        None
    }
}
