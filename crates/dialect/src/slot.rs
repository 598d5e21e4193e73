//! Which slots and forms are there, and how does a file spell them?

use crate::file::unknown_word;
use domain::shape::{Absent, Form, List, Slot, SlotUse};
use serde_json::{Map, Value};

/// Names of all slots without an argument.
const SLOTS: &[(&str, Slot)] = &[
    ("user.id", Slot::UserId),
    ("user.uuid", Slot::UserUuid),
    ("user.username", Slot::UserUsername),
    ("user.email", Slot::UserEmail),
    ("user.first_name", Slot::UserFirstName),
    ("user.last_name", Slot::UserLastName),
    ("user.full_name", Slot::UserFullName),
    ("user.phone_number", Slot::UserPhoneNumber),
    ("user.avatar", Slot::UserAvatar),
    ("user.role", Slot::UserRole),
    ("user.permissions", Slot::UserPermissions),
    ("user.status", Slot::UserStatus),
    ("user.active", Slot::UserActive),
    ("user.email_verified", Slot::UserEmailVerified),
    ("user.second_factor", Slot::UserSecondFactor),
    ("user.created_at", Slot::UserCreatedAt),
    ("user.last_login_at", Slot::UserLastLoginAt),
    ("user.attributes", Slot::UserAttributes),
    ("access", Slot::Access),
    ("access.expires_in", Slot::AccessExpiresIn),
    ("access.expires_at", Slot::AccessExpiresAt),
    ("access.issued_at", Slot::AccessIssuedAt),
    ("refresh", Slot::Refresh),
    ("refresh.expires_in", Slot::RefreshExpiresIn),
    ("refresh.expires_at", Slot::RefreshExpiresAt),
    ("half_way", Slot::HalfWay),
    ("half_way.expires_in", Slot::HalfWayExpiresIn),
    ("factor.secret", Slot::FactorSecret),
    ("factor.uri", Slot::FactorUri),
    ("factor.qr", Slot::FactorQr),
    ("factor.enabled", Slot::FactorOn),
    ("factor.since", Slot::FactorSince),
    ("factor.pending", Slot::FactorPending),
    ("factor.locked", Slot::FactorLocked),
    ("factor.recovery_codes_left", Slot::FactorRecoveryLeft),
    ("recovery_codes", Slot::RecoveryCodes),
    ("csrf", Slot::Csrf),
    ("issued", Slot::Issued),
    ("expires", Slot::Expires),
    ("token.id", Slot::TokenId),
    ("token.uuid", Slot::TokenUuid),
    ("issuer", Slot::Issuer),
    ("now", Slot::Now),
    ("sessions", Slot::Sessions),
    ("session.id", Slot::SessionId),
    ("session.contract", Slot::SessionContract),
    ("session.device", Slot::SessionDevice),
    ("session.address", Slot::SessionAddress),
    ("session.created_at", Slot::SessionCreatedAt),
    ("session.seen_at", Slot::SessionSeenAt),
    ("session.expires_at", Slot::SessionExpiresAt),
    ("session.current", Slot::SessionCurrent),
    ("ended", Slot::Ended),
    ("exists", Slot::Exists),
    ("asked_email", Slot::AskedEmail),
    ("claims", Slot::Claims),
    ("users", Slot::Users),
    ("keys", Slot::Keys),
    ("key.id", Slot::KeyId),
    ("key.name", Slot::KeyName),
    ("key.scopes", Slot::KeyScopes),
    ("key.created_at", Slot::KeyCreatedAt),
    ("key.expires_at", Slot::KeyExpiresAt),
    ("key.last_used_at", Slot::KeyLastUsedAt),
    ("key.revoked_at", Slot::KeyRevokedAt),
    ("key.secret", Slot::KeySecret),
    ("events", Slot::Events),
    ("event.id", Slot::EventId),
    ("event.at", Slot::EventAt),
    ("event.kind", Slot::EventKind),
    ("event.actor", Slot::EventActor),
    ("event.by", Slot::EventBy),
    ("event.session", Slot::EventSession),
    ("event.contract", Slot::EventContract),
    ("event.verb", Slot::EventVerb),
    ("event.address", Slot::EventAddress),
    ("event.result", Slot::EventResult),
    ("event.request", Slot::EventRequest),
    ("event.details", Slot::EventDetails),
    ("total", Slot::Total),
    ("next", Slot::Next),
    ("code", Slot::Code),
    ("reason", Slot::Reason),
    ("flaws", Slot::Flaws),
    ("first_message", Slot::FirstMessage),
    ("retry_after", Slot::RetryAfter),
    ("media_type", Slot::MediaType),
    ("claim", Slot::Claim),
    ("json_type", Slot::JsonType),
    ("allow", Slot::Allow),
    ("method", Slot::Method),
    ("path", Slot::Path),
    ("status", Slot::Status),
    ("fault_id", Slot::FaultId),
    ("field", Slot::Field),
    ("label", Slot::Label),
    ("limit", Slot::Limit),
    ("got", Slot::Got),
    ("message", Slot::Message),
    ("rule", Slot::Rule),
    ("place", Slot::Place),
];

/// The list of this name.
pub fn list_named(name: &str) -> Option<List> {
    let list = SLOTS.iter().find(|(known, _)| *known == name)?;
    List::ALL.into_iter().find(|known| known.slot() == list.1)
}

/// The name of every slot, for documentation and schema.
pub fn slot_names() -> Vec<&'static str> {
    SLOTS
        .iter()
        .map(|(name, _)| *name)
        .chain(["user.short_id:N", "user.attribute.NAME", "shape.NAME"])
        .collect()
}

/// A slot as files write it, braces included.
pub fn slot_text(slot: &Slot) -> String {
    if let Slot::UserAttribute(name) = slot {
        return format!("{{user.attribute.{name}}}");
    }
    if let Slot::UserShortId(length) = slot {
        return format!("{{user.short_id:{length}}}");
    }
    SLOTS.iter().find(|(_, known)| known == slot).map_or_else(String::new, |(name, _)| format!("{{{name}}}"))
}

/// Reads `name|form|absent`.
pub fn parse_slot(inner: &str, date: &Form) -> Result<SlotUse, String> {
    let mut words = inner.split('|');
    let name = words.next().unwrap_or("");
    let slot = slot_named(name)?;
    if list_named(name).is_some() {
        return Err(format!("`{name}` is a list: write {{{name}|each:SHAPE}} as a whole value"));
    }
    let mut form = if is_moment(&slot) { date.clone() } else { Form::Natural };
    let mut absent = Absent::Null;
    for word in words {
        match word {
            "null" => absent = Absent::Null,
            "blank" => absent = Absent::Blank,
            "omit" => absent = Absent::Omit,
            "or_object" => absent = Absent::Value(Value::Object(Map::new())),
            "or_list" => absent = Absent::Value(Value::Array(Vec::new())),
            other => match other.strip_prefix("or:") {
                Some(value) => {
                    absent = Absent::Value(
                        serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())),
                    );
                }
                None => form = form_for(&slot, name, other)?,
            },
        }
    }
    if matches!(slot, Slot::Issued | Slot::Expires) {
        form = Form::Seconds;
    }
    Ok(SlotUse { slot, form, absent })
}

/// A form that goes with the slot.
fn form_for(slot: &Slot, name: &str, word: &str) -> Result<Form, String> {
    let form = parse_form(word)?;
    let of_moments = matches!(form, Form::Iso(..) | Form::Seconds | Form::Millis | Form::Pattern(_));
    if matches!(slot, Slot::Issued | Slot::Expires) && form != Form::Seconds {
        return Err(format!("`{name}` is always seconds (RFC 7519)"));
    }
    if of_moments && !is_moment(slot) && !matches!(slot, Slot::Issued | Slot::Expires) {
        return Err(format!("`{word}` is a form of moments, and `{name}` is none"));
    }
    Ok(form)
}

/// Reads the name of a form: `text`, `lower`, `seconds`, `millis`, `iso`, `iso:DIGITS`, `iso:DIGITS:OFFSET`, `date:PATTERN`.
pub fn parse_form(word: &str) -> Result<Form, String> {
    match word {
        "text" => return Ok(Form::Text),
        "lower" => return Ok(Form::Lower),
        "seconds" => return Ok(Form::Seconds),
        "millis" => return Ok(Form::Millis),
        "iso" => return Ok(Form::Iso(None, 0)),
        _ => {}
    }
    if let Some(pattern) = word.strip_prefix("date:") {
        if let Err(error) = jiff::fmt::strtime::format(pattern, jiff::Timestamp::UNIX_EPOCH) {
            return Err(format!("\"{pattern}\" is not a strftime pattern: {error}"));
        }
        return Ok(Form::Pattern(pattern.to_owned()));
    }
    let rest = word.strip_prefix("iso:").ok_or_else(|| {
        unknown_word(
            "form",
            word,
            &["text", "lower", "seconds", "millis", "iso", "null", "blank", "omit", "or_object", "or_list"],
        )
    })?;
    let (digits, offset) =
        rest.split_once(':').map_or((rest, None), |(digits, offset)| (digits, Some(offset)));
    let digits = match digits {
        "auto" => None,
        digits => {
            Some(digits.parse::<u8>().ok().filter(|d| *d <= 6).ok_or("iso takes 0 to 6 digits, or auto")?)
        }
    };
    Ok(Form::Iso(digits, offset.map_or(Ok(0), parse_offset)?))
}

fn parse_offset(text: &str) -> Result<i32, String> {
    let wrong = || format!("\"{text}\" is not an offset such as -05:00");
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
    let (hours, minutes) =
        (hours.parse::<i32>().map_err(|_| wrong())?, minutes.parse::<i32>().map_err(|_| wrong())?);
    if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) {
        return Err(wrong());
    }
    Ok(sign * (hours * 60 + minutes))
}

fn slot_named(name: &str) -> Result<Slot, String> {
    if let Some((_, slot)) = SLOTS.iter().find(|(known, _)| *known == name) {
        return Ok(slot.clone());
    }
    if let Some(attribute) = name.strip_prefix("user.attribute.").filter(|a| !a.is_empty()) {
        return Ok(Slot::UserAttribute(attribute.to_owned()));
    }
    if let Some(length) = name.strip_prefix("user.short_id:") {
        let length = length.parse::<u8>().ok().filter(|n| (8..=22).contains(n));
        return length
            .map(Slot::UserShortId)
            .ok_or_else(|| "user.short_id takes 8 to 22 characters".to_owned());
    }
    Err(unknown_word("slot", name, &SLOTS.iter().map(|(name, _)| *name).collect::<Vec<_>>()))
}

fn is_moment(slot: &Slot) -> bool {
    matches!(
        slot,
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
            | Slot::Now
    )
}
