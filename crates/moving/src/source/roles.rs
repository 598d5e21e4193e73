//! What becomes of the powers that users had in their application?

use domain::record::Record;
use serde_json::Value;

/// Attributes that make somebody an administrator in the frameworks that write them.
pub(super) const STAFF: [&str; 3] = ["is_staff", "is_superuser", "is_admin"];

/// Whether roles, permissions and staff marks come along (SEC-117).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Roles {
    /// Nobody has said: a user who has any of them is a fault.
    #[default]
    Refuse,
    /// They are taken over.
    Keep,
    /// Users come without them.
    Leave,
}

impl Roles {
    /// The record as it may come in. Refused: powers of which nobody has said what becomes of them.
    pub(super) fn apply(self, mut record: Record) -> Result<Record, Vec<String>> {
        match self {
            Roles::Keep => {}
            Roles::Leave => {
                record.role = None;
                record.permissions = None;
                let marks = record.attributes.iter_mut().flat_map(|all| all.iter_mut());
                marks
                    .filter(|(name, value)| is_mark(name, value))
                    .for_each(|(_, value)| *value = false.into());
            }
            Roles::Refuse => {
                let faults = powers(&record);
                if !faults.is_empty() {
                    return Err(faults);
                }
            }
        }
        Ok(record)
    }
}

fn is_mark(name: &str, value: &Value) -> bool {
    STAFF.contains(&name) && *value == Value::Bool(true)
}

fn powers(record: &Record) -> Vec<String> {
    let role = record.role.as_deref().is_some_and(|role| !role.is_empty());
    let permitted = record.permissions.as_deref().is_some_and(|list| !list.is_empty());
    let staff = record.attributes.iter().flatten().any(|(name, value)| is_mark(name, value));
    [(role, "a role"), (permitted, "permissions"), (staff, "a staff mark")]
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, what)| {
            format!("the user has {what}; add --with-roles to take such powers over, or --without-roles to leave them behind")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> Record {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn powers_come_only_if_somebody_says_so() {
        let boss = r#"{"role":"admin","permissions":["all"],"attributes":{"is_superuser":true,"is_staff":false,"n":1}}"#;
        assert_eq!(Roles::Refuse.apply(record(boss)).unwrap_err().len(), 3);
        let kept = Roles::Keep.apply(record(boss)).unwrap();
        assert_eq!((kept.role.as_deref(), kept.permissions.unwrap().len()), (Some("admin"), 1));
        assert_eq!(kept.attributes.unwrap()["is_superuser"], true);
        let left = Roles::Leave.apply(record(boss)).unwrap();
        assert_eq!((left.role, left.permissions), (None, None));
        let attributes = left.attributes.unwrap();
        assert_eq!((&attributes["is_superuser"], &attributes["n"]), (&Value::Bool(false), &Value::from(1)));
        let plain = r#"{"role":"","permissions":[],"attributes":{"is_staff":false,"is_admin":"no"}}"#;
        assert!(Roles::Refuse.apply(record(plain)).is_ok());
    }
}
