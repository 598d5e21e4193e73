//! How are slots filled and templates written?

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each of three tables fills its slots and leaves the rest to the next"
)]

use super::{Absent, Facts, Form, List, Part, Shape, Slot, SlotUse, TextPart};
use crate::admin::{Items, ShownEvent};
use crate::secret::Secret;
use crate::time::Moment;
use crate::user::Status;
use serde_json::Value;

/// A value on its way into a template.
enum Filled<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Str(&'a str),
    Owned(String),
    At(Moment),
    Names(&'a [String]),
    Words(Vec<String>),
    Secrets(&'a [Secret]),
    Json(&'a Value),
    Object(&'a serde_json::Map<String, Value>),
}

impl Shape {
    /// Appends the filled template to `out`.
    pub fn write(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => out.extend_from_slice(bytes),
                Part::Comma => comma(out),
                Part::Value(slot) => write_json(slot, facts, out),
                Part::Text(parts) => write_str(&text(parts, facts), out),
                Part::Each(list, shape) => write_each(*list, shape, facts, out),
                Part::Member(key, slot) => {
                    if !matches!(fill(&slot.slot, facts), Filled::Null) {
                        comma(out);
                        out.extend_from_slice(key);
                        write_json(slot, facts, out);
                    }
                }
            }
        }
    }

    /// The filled template as bytes.
    pub fn to_bytes(&self, facts: &Facts<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        self.write(facts, &mut out);
        out
    }

    /// Every slot used, for checks at load.
    pub fn slots(&self) -> Vec<&Slot> {
        let mut slots = Vec::new();
        for part in &self.parts {
            match part {
                Part::Value(slot) | Part::Member(_, slot) => slots.push(&slot.slot),
                Part::Text(parts) => slots.extend(text_slots(parts)),
                Part::Each(list, shape) => {
                    slots.push(list.said());
                    slots.extend(shape.slots().into_iter().filter(|slot| !list.fills(slot)));
                }
                Part::Bytes(_) | Part::Comma => {}
            }
        }
        slots
    }
}

/// Every slot used in a text.
pub fn text_slots(parts: &[TextPart]) -> Vec<&Slot> {
    parts
        .iter()
        .filter_map(|part| match part {
            TextPart::Slot(slot) => Some(&slot.slot),
            TextPart::Literal(_) => None,
        })
        .collect()
}

/// The filled text. Absent values are empty.
pub fn text(parts: &[TextPart], facts: &Facts<'_>) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            TextPart::Literal(literal) => out.push_str(literal),
            TextPart::Slot(slot) => out.push_str(&as_text(slot, facts)),
        }
    }
    out
}

fn comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[')) {
        out.push(b',');
    }
}

impl List {
    /// The slot that says the list, to be borrowed.
    const fn said(self) -> &'static Slot {
        match self {
            List::Sessions => &Slot::Sessions,
            List::Users => &Slot::Users,
            List::Keys => &Slot::Keys,
            List::Events => &Slot::Events,
        }
    }
}

fn write_each(list: List, shape: &Shape, facts: &Facts<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    match (list, facts.listed.map(|listed| &listed.items)) {
        (List::Sessions, _) => {
            for session in facts.sessions.unwrap_or_default() {
                comma(out);
                shape.write(&Facts { session: Some(session), ..*facts }, out);
            }
        }
        (List::Users, Some(Items::Users(users))) => {
            for user in users {
                comma(out);
                shape.write(&Facts { user: Some(user), ..*facts }, out);
            }
        }
        (List::Keys, Some(Items::Keys(keys))) => {
            for key in keys {
                comma(out);
                shape.write(&Facts { key: Some((key, None)), ..*facts }, out);
            }
        }
        (List::Events, Some(Items::Events(events))) => {
            for event in events {
                comma(out);
                shape.write(&Facts { event: Some(event), ..*facts }, out);
            }
        }
        (List::Users | List::Keys | List::Events, _) => {}
    }
    out.push(b']');
}

fn write_str(text: &str, out: &mut Vec<u8>) {
    // Writing into memory can not fail.
    let _ = serde_json::to_writer(out, text);
}

fn write_value<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

fn write_json(slot: &SlotUse, facts: &Facts<'_>, out: &mut Vec<u8>) {
    let filled = fill(&slot.slot, facts);
    match (&filled, &slot.form) {
        (Filled::Null, _) => match &slot.absent {
            Absent::Null | Absent::Omit => out.extend_from_slice(b"null"),
            Absent::Blank => out.extend_from_slice(b"\"\""),
            Absent::Value(value) => write_value(value, out),
        },
        (Filled::At(at), form) => write_moment(*at, form, out),
        (_, Form::Text | Form::Lower) => write_str(&as_text(slot, facts), out),
        (Filled::Bool(value), _) => write_value(value, out),
        (Filled::Int(value), _) => write_value(value, out),
        (Filled::Str(value), _) => write_str(value, out),
        (Filled::Owned(value), _) => write_str(value, out),
        (Filled::Names(names), _) => write_value(names, out),
        (Filled::Words(words), _) => write_value(words, out),
        (Filled::Secrets(secrets), _) => {
            write_value(&secrets.iter().map(Secret::expose).collect::<Vec<_>>(), out);
        }
        (Filled::Json(value), _) => write_value(value, out),
        (Filled::Object(map), _) => write_value(map, out),
    }
}

fn write_moment(at: Moment, form: &Form, out: &mut Vec<u8>) {
    match form {
        Form::Seconds => write_value(&at.seconds(), out),
        Form::Millis => write_value(&at.millis(), out),
        Form::Natural | Form::Text | Form::Lower | Form::Iso(..) | Form::Pattern(_) => {
            write_str(&moment_text(at, form), out);
        }
    }
}

fn moment_text(at: Moment, form: &Form) -> String {
    match form {
        Form::Seconds => at.seconds().to_string(),
        Form::Millis => at.millis().to_string(),
        Form::Natural | Form::Text | Form::Lower => at.rfc3339(3),
        Form::Iso(digits, 0) => at.rfc3339(fraction_digits(at, *digits)),
        Form::Iso(digits, offset) => with_offset(at, fraction_digits(at, *digits), *offset),
        Form::Pattern(pattern) => jiff::Timestamp::from_millisecond(at.millis())
            .map(|t| t.strftime(pattern).to_string())
            .unwrap_or_default(),
    }
}

fn fraction_digits(at: Moment, digits: Option<u8>) -> u8 {
    digits.unwrap_or(if at.millis() % 1000 == 0 { 0 } else { 6 })
}

fn with_offset(at: Moment, digits: u8, minutes: i32) -> String {
    let local = Moment::from_millis(at.millis() + i64::from(minutes) * 60_000).rfc3339(digits);
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{}{sign}{:02}:{:02}", local.trim_end_matches('Z'), minutes.abs() / 60, minutes.abs() % 60)
}

fn as_text(slot: &SlotUse, facts: &Facts<'_>) -> String {
    let text = match fill(&slot.slot, facts) {
        Filled::Null => match &slot.absent {
            Absent::Value(Value::String(text)) => text.clone(),
            Absent::Value(value) => value.to_string(),
            Absent::Null | Absent::Blank | Absent::Omit => String::new(),
        },
        Filled::Bool(value) => value.to_string(),
        Filled::Int(value) => value.to_string(),
        Filled::Str(value) => value.to_owned(),
        Filled::Owned(value) => value,
        Filled::At(at) => moment_text(at, &slot.form),
        Filled::Names(names) => names.join(" "),
        Filled::Words(words) => words.join(" "),
        Filled::Secrets(secrets) => secrets.iter().map(Secret::expose).collect::<Vec<_>>().join(" "),
        Filled::Json(Value::String(text)) => text.clone(),
        Filled::Json(value) => value.to_string(),
        Filled::Object(map) => serde_json::to_string(map).unwrap_or_default(),
    };
    if slot.form == Form::Lower { text.to_lowercase() } else { text }
}

fn fill<'a>(slot: &Slot, facts: &Facts<'a>) -> Filled<'a> {
    fill_user(slot, facts)
        .or_else(|| fill_tokens(slot, facts))
        .or_else(|| fill_session(slot, facts))
        .or_else(|| fill_listed(slot, facts))
        .or_else(|| fill_factor(slot, facts))
        .or_else(|| fill_refusal(slot, facts))
        .unwrap_or(Filled::Null)
}

fn optional(text: Option<&str>) -> Filled<'_> {
    text.map_or(Filled::Null, Filled::Str)
}

fn fill_listed<'a>(slot: &Slot, facts: &Facts<'a>) -> Option<Filled<'a>> {
    let moment = |at: Option<Moment>| at.map_or(Filled::Null, Filled::At);
    if let Some(listed) = facts.listed {
        match slot {
            Slot::Total => return Some(Filled::Int(i64::try_from(listed.total?).unwrap_or(i64::MAX))),
            Slot::Next => return Some(optional(listed.next.as_deref())),
            _ => {}
        }
    }
    if let Some(event) = facts.event {
        return fill_event(slot, event);
    }
    let (key, secret) = facts.key?;
    Some(match slot {
        Slot::KeyId => Filled::Owned(key.id.to_string()),
        Slot::KeyName => Filled::Str(&key.name),
        Slot::KeyScopes => Filled::Words(key.scopes.names()),
        Slot::KeyCreatedAt => Filled::At(key.created_at),
        Slot::KeyExpiresAt => Filled::At(key.expires_at),
        Slot::KeyLastUsedAt => moment(key.last_used_at),
        Slot::KeyRevokedAt => moment(key.revoked_at),
        Slot::KeySecret => optional(secret.map(Secret::expose)),
        _ => return None,
    })
}

/// What is not known of an event is absent, not empty.
fn fill_event<'a>(slot: &Slot, event: &'a ShownEvent) -> Option<Filled<'a>> {
    let known = |text: &'a str| optional(Some(text).filter(|text| !text.is_empty()));
    Some(match slot {
        Slot::EventId => Filled::Int(event.number),
        Slot::EventAt => Filled::At(event.at),
        Slot::EventKind => Filled::Str(&event.kind),
        Slot::EventActor => known(&event.actor),
        Slot::EventBy => optional(event.by.as_deref()),
        Slot::EventSession => optional(event.session.as_deref()),
        Slot::EventContract => known(&event.contract),
        Slot::EventVerb => known(&event.verb),
        Slot::EventAddress => known(&event.address),
        Slot::EventResult => known(&event.result),
        Slot::EventRequest => known(&event.request),
        Slot::EventDetails => Filled::Object(&event.details),
        _ => return None,
    })
}

fn fill_user<'a>(slot: &Slot, facts: &Facts<'a>) -> Option<Filled<'a>> {
    let user = facts.user?;
    Some(match slot {
        Slot::UserId => Filled::Int(user.id.0),
        Slot::UserUuid => Filled::Owned(user.uuid.to_string()),
        Slot::UserShortId(length) => Filled::Owned(short_id(user.uuid, *length)),
        Slot::UserUsername => optional(user.username.as_deref()),
        Slot::UserEmail => optional(user.email.as_deref()),
        Slot::UserFirstName => Filled::Str(&user.first_name),
        Slot::UserLastName => Filled::Str(&user.last_name),
        Slot::UserFullName => {
            Filled::Owned(format!("{} {}", user.first_name, user.last_name).trim().to_owned())
        }
        Slot::UserPhoneNumber => optional(user.phone_number.as_deref()),
        Slot::UserAvatar => optional(user.avatar.as_deref()),
        Slot::UserRole => {
            let own = facts.role_words.and_then(|words| words.get(&user.role));
            Filled::Str(own.unwrap_or(&user.role))
        }
        Slot::UserPermissions => Filled::Names(&user.permissions),
        Slot::UserStatus => Filled::Str(user.status.name()),
        Slot::UserActive => Filled::Bool(user.status == Status::Active),
        Slot::UserEmailVerified => Filled::Bool(user.email_verified),
        Slot::UserSecondFactor => Filled::Bool(user.second_factor),
        Slot::UserCreatedAt => Filled::At(user.created_at),
        Slot::UserLastLoginAt => user.last_login_at.map_or(Filled::Null, Filled::At),
        Slot::UserAttributes => Filled::Object(&user.attributes),
        Slot::UserAttribute(name) => match user.attributes.get(name) {
            None | Some(Value::Null) => Filled::Null,
            Some(value) => Filled::Json(value),
        },
        _ => return None,
    })
}

fn fill_tokens<'a>(slot: &Slot, facts: &Facts<'a>) -> Option<Filled<'a>> {
    let tokens = facts.tokens;
    let refresh = tokens.and_then(|t| t.refresh.as_ref());
    let seconds_left =
        |at: Moment| facts.now.map_or(Filled::Null, |now| Filled::Int(at.seconds() - now.seconds()));
    Some(match slot {
        Slot::Access | Slot::Refresh if facts.withholds_tokens => Filled::Null,
        Slot::Access => optional(tokens.map(|t| t.access.token.expose())),
        Slot::AccessExpiresIn => seconds_left(tokens?.access.expires_at),
        Slot::AccessExpiresAt => Filled::At(tokens?.access.expires_at),
        Slot::AccessIssuedAt => Filled::At(tokens?.access.issued_at),
        Slot::Refresh => optional(refresh.map(|r| r.token.expose())),
        Slot::Csrf => optional(tokens.and_then(|t| t.csrf.as_ref()).map(|csrf| csrf.expose())),
        Slot::RefreshExpiresIn => seconds_left(refresh?.expires_at),
        Slot::RefreshExpiresAt => Filled::At(refresh?.expires_at),
        Slot::Issued => Filled::At(facts.claims?.issued),
        Slot::Expires => Filled::At(facts.claims?.expires),
        Slot::TokenId => Filled::Str(facts.claims?.ticket),
        Slot::TokenUuid => Filled::Owned(uuid::Uuid::parse_str(facts.claims?.ticket).ok()?.to_string()),
        Slot::Issuer => optional(facts.issuer),
        Slot::Now => Filled::At(facts.now?),
        Slot::Ended => Filled::Int(i64::try_from(facts.ended?).unwrap_or(i64::MAX)),
        Slot::Exists => Filled::Bool(facts.email?.1),
        Slot::AskedEmail => Filled::Str(facts.email?.0),
        Slot::Claims => Filled::Object(facts.verified?),
        _ => return None,
    })
}

fn fill_session<'a>(slot: &Slot, facts: &Facts<'a>) -> Option<Filled<'a>> {
    let session = facts.session?;
    let listed = &session.listed;
    Some(match slot {
        Slot::SessionId => Filled::Str(&session.public_id),
        Slot::SessionContract => Filled::Str(&listed.contract),
        Slot::SessionDevice => Filled::Str(&listed.user_agent),
        Slot::SessionAddress => Filled::Str(&listed.address),
        Slot::SessionCreatedAt => Filled::At(listed.created_at),
        Slot::SessionSeenAt => Filled::At(listed.seen_at),
        Slot::SessionExpiresAt => Filled::At(listed.expires_at),
        Slot::SessionCurrent => Filled::Bool(session.is_current),
        _ => return None,
    })
}

fn fill_factor<'a>(slot: &Slot, facts: &Facts<'a>) -> Option<Filled<'a>> {
    Some(match slot {
        Slot::HalfWay => Filled::Str(facts.half_way?.token.expose()),
        Slot::HalfWayExpiresIn => {
            Filled::Int(facts.half_way?.expires_at.seconds() - facts.half_way?.issued_at.seconds())
        }
        Slot::FactorSecret => Filled::Str(facts.enrolment?.secret.expose()),
        Slot::FactorUri => Filled::Str(facts.enrolment?.uri.expose()),
        Slot::FactorQr => Filled::Str(facts.enrolment?.qr.expose()),
        Slot::FactorOn => Filled::Bool(facts.factor?.since.is_some()),
        Slot::FactorSince => Filled::At(facts.factor?.since?),
        Slot::FactorPending => Filled::Bool(facts.factor?.is_pending),
        Slot::FactorLocked => Filled::Bool(facts.factor?.is_locked),
        Slot::FactorRecoveryLeft => Filled::Int(i64::from(facts.factor?.recovery_left)),
        Slot::RecoveryCodes => Filled::Secrets(facts.recovery_codes?),
        _ => return None,
    })
}

fn fill_refusal<'a>(slot: &Slot, facts: &Facts<'a>) -> Option<Filled<'a>> {
    let refusal = facts.refusal.unwrap_or_default();
    let flaw = facts.flaw;
    Some(match slot {
        Slot::Code => optional(facts.refusal.map(|r| r.code)),
        Slot::Reason | Slot::MediaType | Slot::Claim | Slot::JsonType => optional(refusal.detail),
        Slot::Flaws => Filled::Json(refusal.flaws?),
        Slot::FirstMessage => optional(refusal.first_message),
        Slot::RetryAfter => Filled::Int(i64::from(refusal.retry_after?)),
        Slot::Allow => optional(refusal.allow),
        Slot::Method => Filled::Str(facts.request?.0),
        Slot::Path => Filled::Str(facts.request?.1),
        Slot::Status => Filled::Int(i64::from(facts.status?)),
        Slot::FaultId => optional(facts.fault),
        Slot::Field => Filled::Str(flaw?.field),
        Slot::Label => Filled::Str(flaw?.label),
        Slot::Limit => Filled::Int(flaw?.limit?),
        Slot::Got => optional(flaw?.got),
        Slot::Message => optional(flaw?.message),
        Slot::Rule => Filled::Str(flaw?.rule),
        Slot::Place => Filled::Json(flaw?.place?),
        _ => return None,
    })
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The first `length` (8 to 22) base 62 digits of a UUID's number, least significant first.
pub fn short_id(uuid: uuid::Uuid, length: u8) -> String {
    let mut rest = uuid.as_u128();
    (0..length.clamp(8, 22))
        .map(|_| {
            // The remainder is below 62.
            let digit = usize::try_from(rest % 62).unwrap_or(0);
            rest /= 62;
            char::from(BASE62[digit])
        })
        .collect()
}
