//! What does one user look like in a file, and how is it read?
//!
//! The one shape between other applications' users and the store: everything that comes in or goes out passes through it.

use crate::factor::base32;
use crate::factor::totp::SEED_BYTES;
use crate::id::UserId;
use crate::identifier::{EmailKey, UsernameKey};
use crate::password::weak::{Layout, WeakDigest};
use crate::password::{HashFault, Stored};
use crate::secret::SecretBytes;
use crate::time::Moment;
use crate::token::Digest;
use crate::user::{Account, NewUser, Status, StoredHash};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Recovery codes of one user in a file.
const MAX_RECOVERY: usize = 32;

/// Where a record stands at its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In this line of a file, from 1.
    Line(u64),
    /// Under this table and key, or number: `auth_user 17`.
    Row(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Line(number) => write!(f, "{number}"),
            Place::Row(name) => f.write_str(name),
        }
    }
}

/// A record with its place; or everything that is wrong there, in sentences that repeat no secret.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where.
    pub place: Place,
    /// What.
    pub record: Result<Record, Vec<String>>,
}

/// One user in a file. Everything may be left out but one of `username` and `email`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// Integer id, kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Opaque id, kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// User name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether control of the mailbox was proved.
    pub email_verified: bool,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Path or URL of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// Role by name.
    pub role: Option<String>,
    /// Permissions by name.
    pub permissions: Option<Vec<String>>,
    /// `active`, `inactive` or `suspended`; active when left out.
    pub status: Option<String>,
    /// Custom attributes.
    pub attributes: Option<Map<String, Value>>,
    /// A hash of a known scheme, or a mark for "no password".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<StoredHashText>,
    /// A second factor in force; only for users with an `id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<RecordFactor>,
    /// RFC 3339; the moment of the import when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<String>,
}

/// A second factor in a file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecordFactor {
    /// The seed that the authenticator app has, in base 32: at least 160 bits.
    pub totp_seed: StoredHashText,
    /// SHA-256 of the recovery codes that are left, in hexadecimal digits.
    #[serde(default)]
    pub recovery_codes: Vec<String>,
}

/// A second factor as the store takes it, once the seed is sealed.
#[derive(Debug)]
pub struct CarriedFactor {
    /// At least 160 bits.
    pub seed: SecretBytes,
    /// What is kept of the recovery codes.
    pub recovery: Vec<Digest>,
}

impl RecordFactor {
    /// Refused: a seed that is no base 32 or too short, a digest that is none, too many of them.
    pub fn read(&self) -> Result<CarriedFactor, &'static str> {
        let seed = base32::decode(self.totp_seed.expose()).filter(|seed| seed.expose().len() >= SEED_BYTES);
        let seed = seed.ok_or("second_factor.totp_seed is not base 32 of at least 160 bits")?;
        if self.recovery_codes.len() > MAX_RECOVERY {
            return Err("second_factor.recovery_codes has more than 32 entries");
        }
        let recovery = self.recovery_codes.iter().map(|text| digest_of(text)).collect::<Option<Vec<_>>>();
        let recovery =
            recovery.ok_or("second_factor.recovery_codes are SHA-256 digests in hexadecimal digits")?;
        Ok(CarriedFactor { seed, recovery })
    }
}

fn digest_of(text: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(Digest::from_bytes(bytes))
}

/// A password hash or another secret in a file. Prints nothing of itself.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct StoredHashText(String);

impl StoredHashText {
    /// Any text; whether it is a hash of a known scheme is asked by [`Record::read`].
    pub fn new(text: impl Into<String>) -> StoredHashText {
        StoredHashText(text.into())
    }

    /// The text. Not for messages.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for StoredHashText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredHashText(…)")
    }
}

impl Record {
    /// The user as an export writes it, password hash included.
    pub fn of(account: &Account) -> Record {
        let user = &account.user;
        let stamp = |at: Moment| at.rfc3339(3);
        Record {
            id: Some(user.id.0),
            uuid: Some(user.uuid),
            username: user.username.clone(),
            email: user.email.clone(),
            email_verified: user.email_verified,
            first_name: Some(user.first_name.clone()),
            last_name: Some(user.last_name.clone()),
            phone_number: user.phone_number.clone(),
            avatar: user.avatar.clone(),
            role: Some(user.role.clone()),
            permissions: Some(user.permissions.clone()),
            status: Some(user.status.name().to_owned()),
            attributes: Some(user.attributes.clone()),
            password_hash: account.password_hash.as_ref().map(|hash| StoredHashText(hash.0.clone())),
            second_factor: None,
            created_at: Some(stamp(user.created_at)),
            last_login_at: user.last_login_at.map(stamp),
        }
    }

    /// The user to be added. Refused with everything that is wrong: identifiers, status, hash, dates, and a weak digest,
    /// which has to be wrapped.
    pub fn read(self, uuid: Uuid, now: Moment) -> Result<NewUser, Vec<String>> {
        let (user, weak) = self.read_with(uuid, now, Layout::default())?;
        match weak {
            None => Ok(user),
            Some(weak) => Err(vec![format!("password_hash: {} has to be wrapped first", weak.name())]),
        }
    }

    /// As [`Record::read`], and takes a weak digest apart: the user comes without a password then. `layout` says where the
    /// salt of `name$salt$hex` stands.
    pub fn read_with(
        self,
        uuid: Uuid,
        now: Moment,
        layout: Layout,
    ) -> Result<(NewUser, Option<WeakDigest>), Vec<String>> {
        let mut faults = Vec::new();
        faults.extend(self.holds_nul().then(|| NUL.to_owned()));
        let username = self.username.filter(|text| !text.is_empty()).and_then(|text| {
            keep(
                UsernameKey::parse(&text),
                "username is empty, too long or has control characters",
                &mut faults,
            )
            .map(|key| (text.trim().to_owned(), key))
        });
        let email = self.email.filter(|text| !text.is_empty()).and_then(|text| {
            keep(EmailKey::parse(&text), "email is not an e-mail address", &mut faults)
                .map(|key| (text.trim().to_owned(), key))
        });
        if faults.is_empty() && username.is_none() && email.is_none() {
            faults.push("neither username nor email is given".to_owned());
        }
        if self.id.is_some_and(|id| id < 1) {
            faults.push("id is not a positive integer".to_owned());
        }
        let status = self.status.as_deref().map_or(Some(Status::Active), Status::parse);
        let status = keep(status, "status is none of active, inactive, suspended", &mut faults);
        let hash = self.password_hash.map_or(Ok((None, None)), |hash| read_hash(hash.0, layout));
        let (password_hash, weak) = hash.unwrap_or_else(|fault| {
            faults.push(format!("password_hash: {fault}"));
            (None, None)
        });
        if let Some(factor) = &self.second_factor {
            faults.extend(factor.read().err().map(str::to_owned));
            if self.id.is_none() {
                faults.push("second_factor is only for users with an id".to_owned());
            }
        }
        let created_at = read_moment(self.created_at.as_deref(), "created_at", &mut faults);
        let last_login_at = read_moment(self.last_login_at.as_deref(), "last_login_at", &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let user = NewUser {
            id: self.id.map(UserId),
            uuid: self.uuid.unwrap_or(uuid),
            uuid_is_new: self.uuid.is_none(),
            username,
            email,
            email_verified: self.email_verified,
            first_name: self.first_name.unwrap_or_default(),
            last_name: self.last_name.unwrap_or_default(),
            phone_number: self.phone_number,
            avatar: self.avatar,
            role: self.role.unwrap_or_default(),
            permissions: self.permissions.unwrap_or_default(),
            status: status.unwrap_or(Status::Inactive),
            attributes: self.attributes.unwrap_or_default(),
            password_hash,
            factors: None,
            last_login_at,
            created_at: created_at.unwrap_or(now),
        };
        Ok((user, weak))
    }

    fn holds_nul(&self) -> bool {
        let texts = [&self.first_name, &self.last_name, &self.phone_number, &self.avatar, &self.role];
        let permissions = self.permissions.iter().flatten();
        let mut attributes = self.attributes.iter().flatten();
        texts.into_iter().flatten().chain(permissions).any(|text| text.contains('\0'))
            || attributes.any(|(name, value)| name.contains('\0') || has_nul(value))
    }
}

fn keep<T>(value: Option<T>, fault: &str, faults: &mut Vec<String>) -> Option<T> {
    if value.is_none() {
        faults.push(fault.to_owned());
    }
    value
}

const NUL: &str = "a text holds the character U+0000, which not every database can keep";

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

type Hashes = (Option<StoredHash>, Option<WeakDigest>);

fn read_hash(text: String, layout: Layout) -> Result<Hashes, HashFault> {
    match Stored::parse(&text) {
        Ok(Stored::Usable(_)) => Ok((Some(StoredHash(text)), None)),
        Ok(Stored::Unusable) => Ok((None, None)),
        Err(fault) => match WeakDigest::parse_as(&text, layout) {
            Some(weak) => Ok((None, Some(weak?))),
            None => Err(fault),
        },
    }
}

fn read_moment(text: Option<&str>, name: &str, faults: &mut Vec<String>) -> Option<Moment> {
    let text = text?;
    let moment = Moment::parse_rfc3339(text);
    keep(moment, &format!("{name} is not a date and time like 2024-01-31T12:00:00Z"), faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Vec<String> {
        let record: Record = serde_json::from_str(json).unwrap();
        record.read(Uuid::nil(), Moment::from_seconds(0)).err().unwrap_or_default()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        for (json, told) in [
            (r#"{"username":"a"}"#, &[][..]),
            (r#"{"username":"","email":""}"#, &["neither"]),
            (r#"{"username":"a","id":0}"#, &["positive"]),
            (r#"{"email":"a@b","status":"odd","created_at":"x"}"#, &["e-mail", "status", "created_at"]),
            (r#"{"username":"a","first_name":"x\u0000"}"#, &["U+0000"]),
            (r#"{"username":"a","permissions":["x\u0000"]}"#, &["U+0000"]),
            (r#"{"username":"a","attributes":{"b":[{"c\u0000":1}]}}"#, &["U+0000"]),
            (r#"{"username":"a\u0000"}"#, &["control characters"]),
            (r#"{"username":"a","password_hash":"hunter2"}"#, &["password_hash"]),
            (
                r#"{"username":"a","password_hash":"5f4dcc3b5aa765d61d8327deb882cf99"}"#,
                &["md5 has to be wrapped"],
            ),
            (r#"{"username":"a","password_hash":"md5$x$y"}"#, &["not hexadecimal"]),
            (
                r#"{"id":1,"username":"a","second_factor":{"totp_seed":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}}"#,
                &[],
            ),
            (
                r#"{"username":"a","second_factor":{"totp_seed":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}}"#,
                &["with an id"],
            ),
            (r#"{"id":1,"username":"a","second_factor":{"totp_seed":"hunter2"}}"#, &["totp_seed"]),
            (
                r#"{"id":1,"username":"a","second_factor":{"totp_seed":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP","recovery_codes":["x"]}}"#,
                &["recovery_codes"],
            ),
        ] {
            let found = faults(json);
            assert_eq!(found.len(), told.len(), "{json}: {found:?}");
            for (found, told) in found.iter().zip(told) {
                assert!(found.contains(told) && !found.contains("hunter2"), "{json}: {found}");
            }
        }
    }
}
