//! What does the export of a Keycloak realm say of its users (`kc.sh export --users realm_file`)?

use super::row::Reader;
use domain::json::strict_object;
use domain::password::keycloak::{Credential, text};
use domain::record::{Record, StoredHashText};
use serde_json::{Map, Value};

/// The user of an element of `users`. Roles of the realm become the role if there is one, and are left to nobody's guess if
/// there are several.
pub(super) fn record(row: &Map<String, Value>, with_roles: bool) -> Result<Record, Vec<String>> {
    let mut reader = Reader::new(row);
    let mut record = Record::default();
    reader.identify("id", &mut record);
    record.username = reader.text("username");
    record.email = reader.text("email");
    record.email_verified = reader.flag("emailVerified").unwrap_or(false);
    record.first_name = reader.text("firstName");
    record.last_name = reader.text("lastName");
    record.created_at = reader.moment("createdTimestamp");
    if reader.flag("enabled") == Some(false) {
        record.status = Some("inactive".to_owned());
    }
    let mut attributes = reader.object("attributes");
    record.phone_number =
        ["phoneNumber", "phone_number", "phone"].into_iter().find_map(|name| first(&attributes, name));
    // Every attribute is a list there; one with one item is meant as that item.
    for value in attributes.values_mut() {
        if let Value::Array(items) = value
            && let [one] = items.as_slice()
        {
            *value = one.clone();
        }
    }
    record.attributes.get_or_insert_default().extend(attributes);
    if let Some(client) = reader.text("serviceAccountClientId") {
        // A program's account is no person's: it is kept, and nobody signs in with it.
        record.status = Some("inactive".to_owned());
        record
            .attributes
            .get_or_insert_default()
            .insert("service_account_client_id".to_owned(), client.into());
    }
    record.password_hash = password(&mut reader).map(StoredHashText::new);
    if with_roles {
        record.role = role(&mut reader);
    }
    reader.finish(record)
}

fn first(attributes: &Map<String, Value>, name: &str) -> Option<String> {
    attributes.get(name)?.get(0)?.as_str().map(str::to_owned)
}

/// Roles that every user of a realm has are none of its own.
fn role(reader: &mut Reader<'_>) -> Option<String> {
    let Some(Value::Array(roles)) = reader.value("realmRoles") else { return None };
    let common = |role: &str| {
        role.starts_with("default-roles-") || matches!(role, "offline_access" | "uma_authorization")
    };
    let own: Vec<&str> = roles.iter().filter_map(Value::as_str).filter(|role| !common(role)).collect();
    match own.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        several => {
            reader.fault(format!("the user has several roles ({}), and one is possible", several.join(", ")));
            None
        }
    }
}

/// The password among the credentials. Second factors and passkeys are not taken.
fn password(reader: &mut Reader<'_>) -> Option<String> {
    let Some(Value::Array(credentials)) = reader.value("credentials") else { return None };
    let of_kind = |credential: &&Value| credential.get("type").and_then(Value::as_str) == Some("password");
    let found: Vec<&Value> = credentials.iter().filter(of_kind).collect();
    match found.as_slice() {
        [] => None,
        [one] => match hash(one) {
            Ok(text) => Some(text),
            Err(fault) => {
                reader.fault(format!("credentials: {fault}"));
                None
            }
        },
        _ => {
            reader.fault("the user has several passwords");
            None
        }
    }
}

fn hash(credential: &Value) -> Result<String, String> {
    if credential.get("value").is_some() {
        return Err("a password in clear is not taken".to_owned());
    }
    let part = |name: &str| {
        let found = match credential.get(name) {
            Some(Value::String(text)) => strict_object(text.as_bytes(), 8),
            Some(Value::Object(object)) => Some(object.clone()),
            _ => None,
        };
        found.ok_or_else(|| format!("{name} is no JSON object"))
    };
    let (secret, data) = (part("secretData")?, part("credentialData")?);
    let word = |from: &Map<String, Value>, name: &str| {
        let text = from.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| format!("`{name}` is missing"))
    };
    let parameters: Vec<(String, String)> = match data.get("additionalParameters") {
        Some(Value::Object(all)) => {
            all.iter().filter_map(|(name, _)| first(all, name).map(|value| (name.clone(), value))).collect()
        }
        _ => Vec::new(),
    };
    let parameters: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let credential = Credential {
        algorithm: &word(&data, "algorithm")?,
        iterations: data
            .get("hashIterations")
            .and_then(Value::as_u64)
            .ok_or("`hashIterations` is missing")?,
        salt: &word(&secret, "salt")?,
        value: &word(&secret, "value")?,
        parameters: &parameters,
    };
    text(&credential).map_err(|fault| fault.to_string())
}
