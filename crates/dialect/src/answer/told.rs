//! What does an answer tell of its user, slot by slot?

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "slots that tell nothing of the user or the tokens are passed over"
)]

use super::fit::Caught;
use domain::secret::Secret;
use domain::shape::{Absent, Form, Slot};
use domain::time::Moment;
use domain::user::Status;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What a good answer tells. What it does not show is `None`; where a user may be without something, the inner `None` says
/// that this one is.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The case of the yes (`factor`, `enrolment`, `pending`, …), where it is not the plain one.
    pub case: Option<String>,
    /// Integer id.
    pub id: Option<i64>,
    /// UUID.
    pub uuid: Option<Uuid>,
    /// The beginning of the UUID in base 62, as the dialect writes it.
    pub short_id: Option<String>,
    /// User name.
    pub username: Option<Option<String>>,
    /// E-mail address.
    pub email: Option<Option<String>>,
    /// Whether the address was verified.
    pub email_verified: Option<bool>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Both names in one.
    pub full_name: Option<String>,
    /// Phone number.
    pub phone_number: Option<Option<String>>,
    /// Path or URL of the picture.
    pub avatar: Option<Option<String>>,
    /// Role, in our words.
    pub role: Option<String>,
    /// Permissions.
    pub permissions: Option<Vec<String>>,
    /// Status.
    pub status: Option<Status>,
    /// Whether a second factor is in force there.
    pub second_factor: Option<bool>,
    /// Sign-up.
    pub created_at: Option<Moment>,
    /// Last sign-in.
    pub last_login_at: Option<Option<Moment>>,
    /// Custom attributes, as far as they are shown.
    pub attributes: Map<String, Value>,
    /// The access token.
    pub access: Option<Secret>,
    /// The refresh token.
    pub refresh: Option<Secret>,
}

/// A value that was written somehow, read back.
enum Plain {
    Int(i64),
    Text(String),
    Flag(bool),
    At(Option<Moment>),
    Words(Vec<String>),
    Any(Value),
    Absent,
}

impl Told {
    /// Puts together what stood in the slots. Refused: values of another type, and two values for one thing.
    pub(super) fn of(
        case: Option<&str>,
        mut caught: Vec<Caught>,
        role_words: &BTreeMap<String, String>,
    ) -> Result<Told, String> {
        let mut told = Told { case: case.map(str::to_owned), ..Told::default() };
        // What lost its letter case is only compared with what kept it.
        caught.sort_by_key(|one| one.slot.form == Form::Lower);
        for one in &caught {
            let name = crate::slot::slot_text(&one.slot.slot);
            let plain = plain(one).ok_or_else(|| format!("{name} is of another type"))?;
            let lost_case = one.slot.form == Form::Lower;
            told.take(&one.slot.slot, plain, lost_case, role_words)
                .ok_or_else(|| format!("{name} can not be this, or is said twice in different ways"))?;
        }
        Ok(told)
    }

    fn take(
        &mut self,
        slot: &Slot,
        plain: Plain,
        lost_case: bool,
        role_words: &BTreeMap<String, String>,
    ) -> Option<()> {
        match slot {
            Slot::UserId => put(&mut self.id, int(plain)?),
            Slot::UserUuid => put(&mut self.uuid, Uuid::parse_str(&text(plain)?).ok()?),
            Slot::UserShortId(length) => {
                let short = text(plain)?;
                let fits = short.len() == usize::from(*length)
                    && short.bytes().all(|byte| byte.is_ascii_alphanumeric());
                fits.then(|| put(&mut self.short_id, short))?
            }
            Slot::UserUsername => put_text(&mut self.username, maybe(plain)?, lost_case),
            Slot::UserEmail => put_text(&mut self.email, maybe(plain)?, lost_case),
            Slot::UserEmailVerified => put(&mut self.email_verified, flag(plain)?),
            Slot::UserFirstName => put(&mut self.first_name, text(plain)?),
            Slot::UserLastName => put(&mut self.last_name, text(plain)?),
            Slot::UserFullName => put(&mut self.full_name, text(plain)?),
            Slot::UserPhoneNumber => put(&mut self.phone_number, maybe(plain)?),
            Slot::UserAvatar => put(&mut self.avatar, maybe(plain)?),
            Slot::UserRole => {
                let word = text(plain)?;
                let ours = role_words.iter().find(|(_, own)| **own == word).map(|(role, _)| role.clone());
                put(&mut self.role, ours.unwrap_or(word))
            }
            Slot::UserPermissions => put(&mut self.permissions, words(plain)?),
            Slot::UserStatus => put(&mut self.status, Status::parse(&text(plain)?)?),
            Slot::UserActive => self.take_active(flag(plain)?),
            Slot::UserSecondFactor => put(&mut self.second_factor, flag(plain)?),
            Slot::UserCreatedAt => match plain {
                Plain::At(Some(at)) => put(&mut self.created_at, at),
                Plain::At(None) => Some(()),
                _ => None,
            },
            Slot::UserLastLoginAt => match plain {
                Plain::At(Some(at)) => put(&mut self.last_login_at, Some(at)),
                Plain::Absent => put(&mut self.last_login_at, None),
                Plain::At(None) => Some(()),
                _ => None,
            },
            Slot::UserAttributes => match plain {
                Plain::Any(Value::Object(map)) => {
                    map.into_iter().try_for_each(|(name, value)| self.put_attribute(name, value))
                }
                _ => None,
            },
            Slot::UserAttribute(name) => match plain {
                Plain::Any(value) => self.put_attribute(name.clone(), value),
                Plain::Absent => Some(()),
                _ => None,
            },
            Slot::Access => put_token(&mut self.access, plain),
            Slot::Refresh => put_token(&mut self.refresh, plain),
            _ => Some(()),
        }
    }

    fn put_attribute(&mut self, name: String, value: Value) -> Option<()> {
        match self.attributes.get(&name) {
            Some(before) if *before != value => None,
            Some(_) => Some(()),
            None => {
                self.attributes.insert(name, value);
                Some(())
            }
        }
    }

    /// `false` does not tell why.
    fn take_active(&mut self, active: bool) -> Option<()> {
        match self.status {
            Some(status) => ((status == Status::Active) == active).then_some(()),
            None => {
                self.status = Some(if active { Status::Active } else { Status::Inactive });
                Some(())
            }
        }
    }
}

fn put<T: PartialEq>(field: &mut Option<T>, value: T) -> Option<()> {
    match field {
        Some(before) => (*before == value).then_some(()),
        None => {
            *field = Some(value);
            Some(())
        }
    }
}

fn put_text(field: &mut Option<Option<String>>, value: Option<String>, lost_case: bool) -> Option<()> {
    if let (Some(Some(before)), Some(value), true) = (&*field, &value, lost_case) {
        return (before.to_lowercase() == *value).then_some(());
    }
    put(field, value)
}

fn put_token(field: &mut Option<Secret>, plain: Plain) -> Option<()> {
    match maybe(plain)? {
        Some(token) if token.is_empty() => None,
        Some(token) => match field {
            Some(before) => (before.expose() == token).then_some(()),
            None => {
                *field = Some(Secret::new(token));
                Some(())
            }
        },
        None => Some(()),
    }
}

fn int(plain: Plain) -> Option<i64> {
    if let Plain::Int(number) = plain { Some(number) } else { None }
}

fn flag(plain: Plain) -> Option<bool> {
    if let Plain::Flag(flag) = plain { Some(flag) } else { None }
}

fn text(plain: Plain) -> Option<String> {
    if let Plain::Text(text) = plain { Some(text) } else { None }
}

fn words(plain: Plain) -> Option<Vec<String>> {
    if let Plain::Words(words) = plain { Some(words) } else { None }
}

/// The outer `None`: neither a text nor absent.
#[expect(clippy::option_option, reason = "a text, no text, or something else")]
fn maybe(plain: Plain) -> Option<Option<String>> {
    match plain {
        Plain::Text(text) => Some(Some(text)),
        Plain::Absent => Some(None),
        _ => None,
    }
}

/// Reads a value back from the way it is written. None: it can not have been written so.
fn plain(caught: &Caught) -> Option<Plain> {
    let slot = &caught.slot;
    if is_absent(caught) {
        return Some(Plain::Absent);
    }
    let as_text = caught.in_text || matches!(slot.form, Form::Text | Form::Lower);
    let written = caught.value.as_str();
    Some(match &slot.slot {
        Slot::UserId
        | Slot::AccessExpiresIn
        | Slot::RefreshExpiresIn
        | Slot::HalfWayExpiresIn
        | Slot::FactorRecoveryLeft
        | Slot::Ended
        | Slot::Total => match as_text {
            true => Plain::Int(written?.parse().ok()?),
            false => Plain::Int(caught.value.as_i64()?),
        },
        Slot::UserActive
        | Slot::UserEmailVerified
        | Slot::UserSecondFactor
        | Slot::Exists
        | Slot::FactorOn
        | Slot::FactorPending
        | Slot::FactorLocked => match as_text {
            true => Plain::Flag(written?.parse().ok()?),
            false => Plain::Flag(caught.value.as_bool()?),
        },
        Slot::UserCreatedAt
        | Slot::UserLastLoginAt
        | Slot::AccessExpiresAt
        | Slot::AccessIssuedAt
        | Slot::RefreshExpiresAt
        | Slot::FactorSince
        | Slot::Now => moment(&slot.form, &caught.value)?,
        Slot::UserPermissions | Slot::RecoveryCodes => match (as_text, &caught.value) {
            (true, _) => Plain::Words(written?.split_whitespace().map(str::to_owned).collect()),
            (false, Value::Array(items)) => Plain::Words(
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>()?,
            ),
            (false, _) => return None,
        },
        Slot::UserAttributes | Slot::Claims => match &caught.value {
            Value::Object(_) => Plain::Any(caught.value.clone()),
            _ => return None,
        },
        Slot::UserAttribute(_) | Slot::Users | Slot::Keys | Slot::Events | Slot::Sessions => {
            Plain::Any(caught.value.clone())
        }
        name if is_name(name) && caught.value.is_null() => Plain::Text(String::new()),
        _ => Plain::Text(written?.to_owned()),
    })
}

fn is_absent(caught: &Caught) -> bool {
    if is_name(&caught.slot.slot) {
        return false;
    }
    match (&caught.slot.absent, &caught.value) {
        (_, Value::Null) => true,
        (Absent::Value(instead), value) => instead == value,
        (Absent::Blank, Value::String(text)) => text.is_empty(),
        (Absent::Null | Absent::Omit, Value::String(text)) => caught.in_text && text.is_empty(),
        _ => false,
    }
}

/// A user without a name has an empty one.
const fn is_name(slot: &Slot) -> bool {
    matches!(slot, Slot::UserFirstName | Slot::UserLastName | Slot::UserFullName)
}

/// A moment by its form. A pattern that does not hold a whole moment tells none.
fn moment(form: &Form, value: &Value) -> Option<Plain> {
    let number = || value.as_i64().or_else(|| value.as_str()?.parse().ok());
    Some(Plain::At(match form {
        Form::Seconds => Some(Moment::from_seconds(number()?)),
        Form::Millis => Some(Moment::from_millis(number()?)),
        Form::Natural | Form::Text | Form::Lower | Form::Iso(..) => {
            Some(Moment::parse_rfc3339(value.as_str()?)?)
        }
        Form::Pattern(pattern) => by_pattern(pattern, value.as_str()?),
    }))
}

fn by_pattern(pattern: &str, text: &str) -> Option<Moment> {
    let read = jiff::fmt::strtime::parse(pattern, text).ok()?;
    let at = read.to_timestamp().ok().or_else(|| {
        read.to_datetime().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    Some(Moment::from_millis(at.as_millisecond()))
}
