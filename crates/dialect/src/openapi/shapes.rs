//! How is a template described? As a JSON Schema of what it can say.

use domain::shape::{Absent, Form, Part, Shape, Slot, SlotUse, TextPart};
use serde_json::{Map, Value, json};

/// Before the number of a slot in the sample; no literal of a dialect file begins so.
const MARK: &str = "\u{1}slot ";

/// The schema of everything that a JSON template can say.
///
/// The template is written once with a mark in the place of each slot; what comes out is JSON whose marks become schemas.
/// `code` is what `{code}` says there. `withholds_tokens`: tokens are never there, because they travel in cookies.
pub(super) fn of_shape(shape: &Shape, code: Option<&str>, withholds_tokens: bool) -> Value {
    let mut sample = Sample { code, withholds_tokens, text: Vec::new(), marked: Vec::new() };
    sample.write(shape);
    serde_json::from_slice(&sample.text).map_or_else(|_| json!({}), |value| sample.schema(&value))
}

/// The schema of a text template.
pub(super) fn of_text(parts: &[TextPart]) -> Value {
    match parts {
        [TextPart::Literal(text)] => json!({ "const": text }),
        _ => json!({ "type": "string" }),
    }
}

struct Sample<'s> {
    code: Option<&'s str>,
    withholds_tokens: bool,
    text: Vec<u8>,
    marked: Vec<Marked<'s>>,
}

enum Marked<'s> {
    Value(&'s SlotUse),
    Optional(&'s SlotUse),
    Text(&'s [TextPart]),
    Each(&'s Shape),
}

impl<'s> Sample<'s> {
    fn write(&mut self, shape: &'s Shape) {
        let code = self.code.map(|code| Value::from(code).to_string());
        for part in &shape.parts {
            match part {
                Part::Bytes(bytes) => self.text.extend_from_slice(bytes),
                Part::Comma => self.comma(),
                Part::Value(slot) if slot.slot == Slot::Code && code.is_some() => {
                    self.text.extend_from_slice(code.as_deref().unwrap_or_default().as_bytes());
                }
                Part::Value(slot) => self.mark(Marked::Value(slot)),
                Part::Text(parts) => self.mark(Marked::Text(parts)),
                Part::Each(_, shape) => self.mark(Marked::Each(shape)),
                Part::Member(key, slot) => {
                    self.comma();
                    self.text.extend_from_slice(key);
                    self.mark(Marked::Optional(slot));
                }
            }
        }
    }

    fn comma(&mut self) {
        if !matches!(self.text.last(), Some(b'{' | b'[')) {
            self.text.push(b',');
        }
    }

    fn mark(&mut self, marked: Marked<'s>) {
        let text = format!("{MARK}{}", self.marked.len());
        self.text.extend_from_slice(Value::String(text).to_string().as_bytes());
        self.marked.push(marked);
    }

    fn marked(&self, text: &str) -> Option<&Marked<'s>> {
        self.marked.get(text.strip_prefix(MARK)?.parse::<usize>().ok()?)
    }

    fn schema(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match self.marked(text) {
                Some(Marked::Value(slot) | Marked::Optional(slot)) => of_slot(slot, self.withholds_tokens),
                Some(Marked::Text(parts)) => of_text(parts),
                Some(Marked::Each(shape)) => {
                    json!({ "type": "array", "items": of_shape(shape, None, self.withholds_tokens) })
                }
                None => json!({ "const": text }),
            },
            Value::Array(items) => {
                let items: Vec<Value> = items.iter().map(|item| self.schema(item)).collect();
                let count = items.len();
                if count == 0 {
                    return json!({ "type": "array", "maxItems": 0 });
                }
                json!({ "type": "array", "prefixItems": items, "minItems": count, "maxItems": count })
            }
            Value::Object(map) => self.object(map),
            Value::Null | Value::Bool(_) | Value::Number(_) => json!({ "const": value }),
        }
    }

    fn object(&self, map: &Map<String, Value>) -> Value {
        let (mut properties, mut required, mut open) = (Map::new(), Vec::new(), None);
        for (key, value) in map {
            if self.marked(key).is_some() {
                open = Some(self.schema(value));
                continue;
            }
            let optional = value.as_str().and_then(|text| self.marked(text));
            if !matches!(optional, Some(Marked::Optional(_))) {
                required.push(Value::from(key.as_str()));
            }
            properties.insert(key.clone(), self.schema(value));
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema["additionalProperties"] = open.unwrap_or(Value::Bool(false));
        schema
    }
}

/// What a slot can say, with what stands for a value that is not there.
fn of_slot(slot: &SlotUse, withholds_tokens: bool) -> Value {
    let own = if matches!(slot.form, Form::Text | Form::Lower) {
        json!({ "type": "string" })
    } else {
        of_value(&slot.slot, &slot.form)
    };
    let absent = match &slot.absent {
        Absent::Omit => return own,
        Absent::Null => Value::Null,
        Absent::Blank => Value::from(""),
        Absent::Value(value) => value.clone(),
    };
    let withheld = withholds_tokens && matches!(slot.slot, Slot::Access | Slot::Refresh);
    if !(withheld || can_be_absent(&slot.slot)) || fits(&own, &absent) {
        return own;
    }
    match (own.get("type").and_then(Value::as_str), absent) {
        (Some(kind), Value::Null) => {
            let both = json!([kind, "null"]);
            let mut schema = own;
            schema["type"] = both;
            schema
        }
        (_, absent) => json!({ "anyOf": [own, { "const": absent }] }),
    }
}

/// Whether the schema, which is one plain type or none, takes the value.
fn fits(schema: &Value, value: &Value) -> bool {
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => value.is_string() && schema.get("format").is_none(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some(_) => false,
        None => schema.as_object().is_some_and(Map::is_empty),
    }
}

#[expect(clippy::too_many_lines, reason = "one table of all slots")]
fn of_value(slot: &Slot, form: &Form) -> Value {
    match slot {
        Slot::HalfWayExpiresIn | Slot::FactorRecoveryLeft => json!({ "type": "integer" }),
        Slot::RecoveryCodes => json!({ "type": "array", "items": { "type": "string" } }),
        Slot::FactorOn | Slot::FactorPending | Slot::FactorLocked | Slot::UserSecondFactor => {
            json!({ "type": "boolean" })
        }
        Slot::UserId
        | Slot::EventId
        | Slot::Ended
        | Slot::Total
        | Slot::RetryAfter
        | Slot::Status
        | Slot::Limit => {
            json!({ "type": "integer" })
        }
        Slot::AccessExpiresIn | Slot::RefreshExpiresIn => json!({ "type": "integer" }),
        Slot::UserActive | Slot::UserEmailVerified | Slot::SessionCurrent | Slot::Exists => {
            json!({ "type": "boolean" })
        }
        Slot::UserUuid | Slot::TokenUuid | Slot::SessionId | Slot::EventSession => {
            json!({ "type": "string", "format": "uuid" })
        }
        Slot::UserStatus => json!({ "enum": ["active", "inactive", "suspended"] }),
        Slot::UserPermissions | Slot::KeyScopes => json!({ "type": "array", "items": { "type": "string" } }),
        Slot::UserAttributes | Slot::EventDetails | Slot::Claims => json!({ "type": "object" }),
        Slot::UserAttribute(_) | Slot::Flaws => json!({}),
        Slot::Place | Slot::Sessions | Slot::Users | Slot::Keys | Slot::Events => json!({ "type": "array" }),
        Slot::UserCreatedAt
        | Slot::UserLastLoginAt
        | Slot::AccessExpiresAt
        | Slot::AccessIssuedAt
        | Slot::RefreshExpiresAt
        | Slot::SessionCreatedAt
        | Slot::SessionSeenAt
        | Slot::SessionExpiresAt
        | Slot::KeyCreatedAt
        | Slot::KeyExpiresAt
        | Slot::KeyLastUsedAt
        | Slot::KeyRevokedAt
        | Slot::EventAt
        | Slot::FactorSince
        | Slot::Issued
        | Slot::Expires
        | Slot::Now => of_moment(form),
        Slot::UserShortId(_)
        | Slot::UserUsername
        | Slot::UserEmail
        | Slot::UserFirstName
        | Slot::UserLastName
        | Slot::UserFullName
        | Slot::UserPhoneNumber
        | Slot::UserAvatar
        | Slot::UserRole
        | Slot::KeyId
        | Slot::KeyName
        | Slot::KeySecret
        | Slot::EventKind
        | Slot::EventActor
        | Slot::EventBy
        | Slot::EventContract
        | Slot::EventVerb
        | Slot::EventAddress
        | Slot::EventResult
        | Slot::EventRequest
        | Slot::Next
        | Slot::HalfWay
        | Slot::FactorSecret
        | Slot::FactorUri
        | Slot::FactorQr
        | Slot::Access
        | Slot::Refresh
        | Slot::Csrf
        | Slot::TokenId
        | Slot::SessionContract
        | Slot::SessionDevice
        | Slot::SessionAddress
        | Slot::Issuer
        | Slot::AskedEmail
        | Slot::Code
        | Slot::Reason
        | Slot::FirstMessage
        | Slot::MediaType
        | Slot::Claim
        | Slot::JsonType
        | Slot::Allow
        | Slot::Method
        | Slot::Path
        | Slot::FaultId
        | Slot::Field
        | Slot::Label
        | Slot::Got
        | Slot::Message
        | Slot::Rule => json!({ "type": "string" }),
    }
}

fn of_moment(form: &Form) -> Value {
    match form {
        Form::Seconds | Form::Millis => json!({ "type": "integer" }),
        Form::Natural | Form::Iso(..) => json!({ "type": "string", "format": "date-time" }),
        Form::Text | Form::Lower | Form::Pattern(_) => json!({ "type": "string" }),
    }
}

/// Whether a slot may have no value where an answer uses it.
fn can_be_absent(slot: &Slot) -> bool {
    !matches!(
        slot,
        Slot::UserId
            | Slot::UserUuid
            | Slot::UserShortId(_)
            | Slot::UserRole
            | Slot::UserPermissions
            | Slot::UserStatus
            | Slot::UserActive
            | Slot::UserEmailVerified
            | Slot::UserCreatedAt
            | Slot::UserAttributes
            | Slot::Access
            | Slot::AccessExpiresIn
            | Slot::AccessExpiresAt
            | Slot::AccessIssuedAt
            | Slot::KeyId
            | Slot::KeyName
            | Slot::KeyScopes
            | Slot::KeyCreatedAt
            | Slot::KeyExpiresAt
            | Slot::KeySecret
            | Slot::EventId
            | Slot::EventAt
            | Slot::EventKind
            | Slot::EventDetails
            | Slot::Total
            | Slot::Claims
            | Slot::SessionId
            | Slot::SessionContract
            | Slot::SessionDevice
            | Slot::SessionAddress
            | Slot::SessionCreatedAt
            | Slot::SessionSeenAt
            | Slot::SessionExpiresAt
            | Slot::SessionCurrent
            | Slot::Ended
            | Slot::Exists
            | Slot::AskedEmail
            | Slot::Flaws
            | Slot::FaultId
            | Slot::Now
            | Slot::Issuer
            | Slot::Status
            | Slot::Method
            | Slot::Path
            | Slot::Code
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(slot: Slot, absent: Absent) -> SlotUse {
        SlotUse { slot, form: Form::Natural, absent }
    }

    #[test]
    fn a_template_is_described_member_by_member() {
        let bytes = |text: &str| Part::Bytes(text.as_bytes().to_vec());
        let shape = Shape {
            parts: vec![
                bytes("{\"ok\":true"),
                Part::Member(b"\"phone\":".to_vec(), slot(Slot::UserPhoneNumber, Absent::Omit)),
                Part::Comma,
                bytes("\"id\":"),
                Part::Value(slot(Slot::UserId, Absent::Null)),
                Part::Comma,
                bytes("\"email\":"),
                Part::Value(slot(Slot::UserEmail, Absent::Null)),
                bytes("}"),
            ],
        };
        let expected = json!({
            "type": "object",
            "properties": {
                "ok": { "const": true },
                "phone": { "type": "string" },
                "id": { "type": "integer" },
                "email": { "type": ["string", "null"] },
            },
            "required": ["ok", "id", "email"],
            "additionalProperties": false,
        });
        assert_eq!(of_shape(&shape, None, false), expected);
    }
}
