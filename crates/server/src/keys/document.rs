//! What does a document of keys say, which key in it does what, and how does a new one take over?

use super::{JWKS_MAX_AGE, KeyFaults, fault};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::contract::{Contract, RefreshForm};
use domain::secret::SecretBytes;
use domain::time::Moment;
use domain::token::{Algorithm, Key, KeyFault};
use engine::Chance;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// A secret text in a document. Prints nothing of itself and is overwritten on drop.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Hidden(String);

impl Hidden {
    /// Bytes as text.
    pub fn of(bytes: &[u8]) -> Hidden {
        Hidden(BASE64.encode(bytes))
    }

    /// The bytes.
    pub fn decode(&self, place: &str) -> Result<SecretBytes, KeyFaults> {
        let bytes = BASE64.decode(&self.0).map_err(|_| fault(place, "the secret is not base64"))?;
        Ok(SecretBytes::new(bytes))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// The document of the ticket secret.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TicketFile {
    pub secret: Hidden,
    /// Seals the audit trail; absent = the ticket secret does. It stays when the ticket secret changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trail: Option<Hidden>,
    pub created_at: String,
}

impl TicketFile {
    /// The secret of the trail. It never changes, so it also says to which installation keys belong.
    pub fn trail(&self) -> &Hidden {
        self.trail.as_ref().unwrap_or(&self.secret)
    }
}

/// One key in a document.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Hidden>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkcs8: Option<Hidden>,
    pub created_at: String,
    /// Published from `created_at`, used from here on.
    pub signs_from: String,
    /// The end, once another key has been appointed.
    #[serde(skip_serializing_if = "Option::is_none")]
    verifies_until: Option<String>,
}

impl Record {
    /// When it ends, if that is known.
    pub fn end(&self) -> Option<Moment> {
        self.verifies_until.as_deref().and_then(Moment::parse_rfc3339)
    }

    fn begun(&self, now: Moment) -> bool {
        Moment::parse_rfc3339(&self.signs_from).is_some_and(|from| from <= now)
    }
}

/// What a key does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It signs.
    Signs,
    /// It is published and signs later.
    Waits,
    /// It verifies what it signed.
    Verifies,
    /// Its time is over.
    Over,
}

impl Role {
    /// The word in lists.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Signs => "signs",
            Role::Waits => "waits",
            Role::Verifies => "verifies",
            Role::Over => "over",
        }
    }
}

/// The document of a dialect.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFile {
    algorithm: String,
    pub keys: Vec<Record>,
}

impl KeyFile {
    /// With one key, which signs at once.
    pub fn new(
        place: &str,
        algorithm: Algorithm,
        chance: &Chance,
        now: Moment,
    ) -> Result<KeyFile, KeyFaults> {
        let keys = vec![generate(place, algorithm, chance, now, now)?];
        Ok(KeyFile { algorithm: algorithm.name().to_owned(), keys })
    }

    /// Appoints a key that signs from a moment on; the others verify as long as anything they signed can live.
    pub fn rotate(
        &mut self,
        place: &str,
        contract: &Contract,
        chance: &Chance,
        (now, signs_from): (Moment, Moment),
    ) -> Result<(), KeyFaults> {
        let ends = signs_from.plus_seconds(longest_life(contract) + contract.leeway_seconds + JWKS_MAX_AGE);
        self.keys.retain(|record| record.end().is_none_or(|end| end > now));
        for record in self.keys.iter_mut().filter(|record| record.verifies_until.is_none()) {
            record.verifies_until = Some(ends.rfc3339(0));
        }
        if self.keys.len() >= domain::token::keys::MAX_KEYS {
            return Err(fault(place, "there are too many keys already; wait until the oldest has ended"));
        }
        self.keys.push(generate(place, contract.access.algorithm, chance, now, signs_from)?);
        Ok(())
    }

    /// Takes a key out. If it was the one that signs, the one that waits signs at once, or a new one.
    pub fn revoke(
        &mut self,
        place: &str,
        id: &str,
        algorithm: Algorithm,
        (chance, now): (&Chance, Moment),
    ) -> Result<(), KeyFaults> {
        let at = self.keys.iter().position(|record| record.id == id);
        let Some(at) = at else {
            return Err(fault(place, format!("there is no key {id:?}; `countersign key list` shows all")));
        };
        let signed = self.active(now) == Some(at);
        self.keys.remove(at);
        if !signed {
            return Ok(());
        }
        match self.keys.iter_mut().find(|record| !record.begun(now)) {
            Some(waiting) => waiting.signs_from = now.rfc3339(0),
            None => self.keys.push(generate(place, algorithm, chance, now, now)?),
        }
        Ok(())
    }

    /// The place of the latest key whose time has begun.
    pub fn active(&self, now: Moment) -> Option<usize> {
        (0..self.keys.len()).rev().find(|place| self.keys[*place].begun(now))
    }

    /// What the key at this place does.
    pub fn role(&self, place: usize, now: Moment) -> Role {
        let record = &self.keys[place];
        if self.active(now) == Some(place) {
            Role::Signs
        } else if record.end().is_some_and(|end| end <= now) {
            Role::Over
        } else if record.begun(now) {
            Role::Verifies
        } else {
            Role::Waits
        }
    }

    /// The key that signs, and all others that verify.
    ///
    /// Refused: keys of another algorithm than the contract's; none whose time has begun; one that can not be read.
    pub fn assemble(
        &self,
        place: &str,
        contract: &Contract,
        now: Moment,
    ) -> Result<(Key, Vec<Key>), KeyFaults> {
        let algorithm = contract.access.algorithm;
        if self.algorithm != algorithm.name() {
            let (ours, theirs) = (&self.algorithm, algorithm.name());
            return Err(fault(
                place,
                format!(
                    "the keys are for {ours}, the dialect signs with {theirs}; move the file away to get new keys"
                ),
            ));
        }
        let active = self.active(now).ok_or_else(|| {
            fault(place, "no key signs at this moment; is the clock of this machine right?")
        })?;
        let mut previous = Vec::new();
        for (at, record) in self.keys.iter().enumerate() {
            if at != active && self.role(at, now) != Role::Over {
                previous.push(parse(place, algorithm, record)?);
            }
        }
        Ok((parse(place, algorithm, &self.keys[active])?, previous))
    }
}

/// The longest life of anything that a key signs, in seconds.
fn longest_life(contract: &Contract) -> i64 {
    let refresh = contract.refresh.as_ref().map_or(0, |plan| match plan.form {
        RefreshForm::Jwt { .. } => plan.lifetime_seconds,
        RefreshForm::Opaque => 0,
    });
    refresh.max(contract.access.lifetime_seconds)
}

/// Random bytes for a key.
pub(super) fn draw(place: &str, chance: &Chance) -> Result<[u8; 32], KeyFaults> {
    chance.bytes::<32>().map_err(|error| fault(place, format!("no randomness: {error}")))
}

fn generate(
    place: &str,
    algorithm: Algorithm,
    chance: &Chance,
    now: Moment,
    signs_from: Moment,
) -> Result<Record, KeyFaults> {
    let pair = match algorithm {
        Algorithm::HS256 => None,
        Algorithm::ES256 => Some(Key::generate_es256()),
        Algorithm::RS256 => Some(Key::generate_rs256()),
        Algorithm::EdDSA => Some(Key::generate_eddsa()),
    };
    let (id, secret, pkcs8) = match pair.transpose().map_err(|found| fault(place, found))? {
        Some((key, der)) => (key.kid().unwrap_or_default().to_owned(), None, Some(Hidden::of(der.expose()))),
        None => {
            let bytes = Zeroizing::new(draw(place, chance)?);
            let name = draw(place, chance)?;
            (hex(&name[..8]), Some(Hidden(hex(&*bytes))), None)
        }
    };
    let (created_at, signs_from) = (now.rfc3339(0), signs_from.rfc3339(0));
    Ok(Record { id, secret, pkcs8, created_at, signs_from, verifies_until: None })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn parse(place: &str, algorithm: Algorithm, record: &Record) -> Result<Key, KeyFaults> {
    let told = |found: KeyFault| fault(place, format!("key {}: {found}", record.id));
    match (&record.secret, &record.pkcs8) {
        (Some(secret), None) => Key::hs256(&SecretBytes::new(secret.0.as_bytes()), false).map_err(told),
        (None, Some(pkcs8)) => {
            let der = Zeroizing::new(BASE64.decode(&pkcs8.0).map_err(|_| told(KeyFault::Unusable))?);
            Key::from_pkcs8(algorithm, &der).map_err(told)
        }
        (Some(_), Some(_)) | (None, None) => Err(told(KeyFault::Unusable)),
    }
}
