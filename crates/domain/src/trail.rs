//! How is the audit trail sealed, so that nobody can change it unseen?
//!
//! Each row is sealed together with the seal of the row before it, under a key that is not in the database.

use crate::secret::SecretBytes;
use crate::token::KeyFault;
use aws_lc_rs::{hkdf, hmac};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use subtle::ConstantTimeEq as _;

const SECRET_BYTES: usize = 32;
/// Stands before the bytes of a row; another number would be another order of fields.
const FORM: u8 = 1;
/// The same for a row of a strand that has a number.
const FORM_OF_STRAND: u8 = 2;

/// HMAC-SHA-256 over a row and its predecessor's seal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seal([u8; 32]);

impl Seal {
    /// What the first row of a trail is sealed upon.
    pub const NONE: Seal = Seal([0; 32]);

    /// From stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Seal {
        Seal(bytes)
    }

    /// As they are stored.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads [`Seal::hex`]. Refused: any other text.
    pub fn parse(text: &str) -> Option<Seal> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Seal(bytes))
    }

    /// Whether both are the same, in constant time.
    pub fn is(&self, other: &Seal) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal({})", self.hex())
    }
}

/// The keys of the trail. `Debug` shows nothing.
pub struct TrailKey {
    row: hmac::Key,
    head: hmac::Key,
}

impl TrailKey {
    /// Derives the keys from one random secret (HKDF-SHA-256, RFC 5869).
    ///
    /// [`KeyFault::TooShort`] below 32 bytes.
    pub fn new(secret: &SecretBytes) -> Result<TrailKey, KeyFault> {
        let bytes = secret.expose();
        if bytes.len() < SECRET_BYTES {
            return Err(KeyFault::TooShort);
        }
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign trail 1").extract(bytes);
        let key = |label: &[u8]| {
            let labels = [label];
            let derived = root.expand(&labels, hmac::HMAC_SHA256).map_err(|_| KeyFault::Unusable)?;
            Ok(hmac::Key::from(derived))
        };
        Ok(TrailKey { row: key(b"row")?, head: key(b"head")? })
    }

    /// The seal of a row upon the seal of the row before it.
    pub fn seal(&self, before: &Seal, entry: &Entry<'_>) -> Seal {
        let mut context = hmac::Context::with_key(&self.row);
        context.update(&before.0);
        context.update(&entry.canonical());
        Seal(bytes_of(&context.sign()))
    }

    /// The seal that says: this strand of the trail ends with the row at this place.
    pub fn seal_head(&self, strand: i64, place: i64, seal: &Seal) -> Seal {
        let mut context = hmac::Context::with_key(&self.head);
        if strand != 0 {
            context.update(&strand.to_be_bytes());
        }
        context.update(&place.to_be_bytes());
        context.update(&seal.0);
        Seal(bytes_of(&context.sign()))
    }
}

impl std::fmt::Debug for TrailKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrailKey(…)")
    }
}

fn bytes_of(tag: &hmac::Tag) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}

/// One row of the trail as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its number in order of arrival. Not sealed: its strand and place are.
    pub id: i64,
    /// In which strand it was written. Several writers at a time have a strand each; one alone has number 0.
    pub strand: i64,
    /// Its number within the strand, from 1, without gaps.
    pub place: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// Name of the kind.
    pub kind: Cow<'a, str>,
    /// Who did it, in a word; empty in rows from before there were actors.
    pub actor: Cow<'a, str>,
    /// The number of the administrator or admin key who did it.
    pub actor_id: Option<i64>,
    /// About whom.
    pub user: Option<i64>,
    /// In which session.
    pub session: Option<i64>,
    /// Through which contract.
    pub contract: Cow<'a, str>,
    /// The verb or command.
    pub verb: Cow<'a, str>,
    /// Client address.
    pub address: Cow<'a, str>,
    /// Code of the refusal; empty when granted.
    pub result: Cow<'a, str>,
    /// Id of the request.
    pub request: Cow<'a, str>,
    /// A JSON object on one line, or empty.
    pub details: Cow<'a, str>,
}

impl Entry<'_> {
    /// The bytes that are sealed: every field in a fixed order, each with its length, so that no two rows are alike.
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        if self.strand == 0 {
            bytes.push(FORM);
        } else {
            bytes.push(FORM_OF_STRAND);
            bytes.extend(self.strand.to_be_bytes());
        }
        for number in [Some(self.place), Some(self.at), self.actor_id, self.user, self.session] {
            bytes.push(u8::from(number.is_some()));
            bytes.extend(number.unwrap_or(0).to_be_bytes());
        }
        for text in [
            &self.kind,
            &self.actor,
            &self.contract,
            &self.verb,
            &self.address,
            &self.result,
            &self.request,
            &self.details,
        ] {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// The row as a JSON object without a line break, whatever is in it. Fields that hold nothing are left out.
    pub fn json(&self, seal: Option<&Seal>) -> Value {
        let at = crate::time::Moment::from_millis(self.at).rfc3339(3);
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() && value != json!("") {
                object.insert(key.to_owned(), value);
            }
        };
        put("row", json!(self.id));
        if (self.strand, self.place) != (0, self.id) {
            put("strand", json!(self.strand));
            put("place", json!(self.place));
        }
        put("at", json!(at));
        put("event", json!(self.kind));
        put("actor", json!(self.actor));
        put("actor_id", json!(self.actor_id));
        put("user", json!(self.user));
        // Above 2^53, where many readers of JSON lose digits.
        put("session", json!(self.session.map(|session| session.to_string())));
        put("contract", json!(self.contract));
        put("verb", json!(self.verb));
        put("address", json!(self.address));
        put("result", json!(self.result));
        put("request", json!(self.request));
        let details = serde_json::from_str::<Value>(&self.details).unwrap_or_else(|_| json!(self.details));
        put("details", details);
        put("hash", json!(seal.map(Seal::hex)));
        Value::Object(object)
    }
}
