//! How are bcrypt hashes read, and checked as their origin checked them?
//!
//! All origins ignore what follows the 72nd byte. They differ in two things:
//! - NUL: `$2x$` and `$2y$` come from C strings (crypt_blowfish, PHP), where the password ends at the first NUL;
//!   `$2a$` and `$2b$` come mostly from Python, Node and Java, which hash NUL like any byte. A `$2b$` hash that
//!   crypt(3) made of a password with NUL is the one case that can not be told apart, and does not match.
//! - `$2x$` marks hashes of crypt_blowfish before 1.1, which took bytes above 127 as negative numbers.
//!
//! crypt_blowfish also computes some `$2a$` hashes differently, only for passwords that hold the byte 0xFF; UTF-8
//! never does.

use super::reading::Reading;
use super::{HashFault, Kind};
use crate::secret::SecretBytes;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// The state of Blowfish, rounded up.
pub(super) const MEMORY_KIB: u32 = 5;

/// The bytes of a password that count.
const KEY_BYTES: usize = 72;
const MIN_COST: u32 = 4;

const STRICT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone);
const TAG: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, STRICT);
/// Some origins leave chance in the four bits behind the salt; all ignore them.
const SALT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::BCRYPT, STRICT.with_decode_allow_trailing_bits(true));

/// What becomes of the password before Blowfish sees it.
#[derive(Clone, Copy)]
enum Input {
    /// `$2a$`, `$2b$`: all bytes.
    Bytes,
    /// `$2y$`: up to the first NUL.
    CString,
    /// `$2x$`: up to the first NUL, with signed bytes.
    SignedCString,
    /// The text of a digest; what the origins differ in does not matter to it.
    Digest(Digest),
}

/// Makes the text of a digest of a password and, where the origin wants it, the text of the salt. At most 72 bytes.
pub(super) type Digest = fn(&[u8], &str) -> Zeroizing<String>;

/// A parsed bcrypt hash.
#[derive(Clone)]
pub(super) struct Bcrypt {
    input: Input,
    cost: u32,
    salt: [u8; 16],
    tag: SecretBytes,
}

impl Bcrypt {
    /// An ordinary bcrypt hash of the digest of a password.
    pub fn of_digest(reading: &Reading<'_>, text: &str, digest: Digest) -> Result<Bcrypt, HashFault> {
        let hash = parse_crypt(reading, text)?;
        Ok(Bcrypt { input: Input::Digest(digest), ..hash })
    }

    pub fn cost(&self) -> String {
        format!("{:02}", self.cost)
    }

    pub fn verify(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let used = match self.input {
            Input::Bytes => fill(&mut key, password),
            Input::CString => fill(&mut key, c_string(password)),
            Input::SignedCString => fill_signed(&mut key, c_string(password)),
            Input::Digest(digest) => fill(&mut key, digest(password, &SALT.encode(self.salt)).as_bytes()),
        };
        let mut tag = ::bcrypt::bcrypt(self.cost, self.salt, &key[..used]);
        // The last of the 24 bytes is not stored.
        let right = tag[..23].ct_eq(self.tag.expose()).into();
        tag.zeroize();
        right
    }
}

/// `$2b$12$` and 53 characters.
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    parse_crypt(reading, reading.text).map(Kind::Bcrypt)
}

/// Django's `bcrypt$` before an ordinary bcrypt hash.
pub(super) fn parse_django(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    parse_crypt(reading, reading.rest()).map(Kind::Bcrypt)
}

/// Django's `bcrypt_sha256$` before a bcrypt hash of the digest.
pub(super) fn parse_django_sha256(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    Bcrypt::of_digest(reading, reading.rest(), hex_sha256).map(Kind::Bcrypt)
}

/// A hash of nobody.
pub(super) fn sample(prefix: &str, cost: &str) -> Option<String> {
    Some(format!("{prefix}{cost}${}", "a".repeat(21) + "u" + &"a".repeat(30) + "e"))
}

/// A hash of nobody.
pub(super) fn sample_django(prefix: &str, cost: &str) -> Option<String> {
    sample(&format!("{prefix}$2b$"), cost)
}

fn parse_crypt(reading: &Reading<'_>, text: &str) -> Result<Bcrypt, HashFault> {
    let text = text.strip_prefix('$').ok_or_else(|| reading.malformed("a field is missing"))?;
    let [revision, cost, rest] = reading.fields(text)?;
    let input = match revision {
        "2a" | "2b" => Input::Bytes,
        "2x" => Input::SignedCString,
        "2y" => Input::CString,
        _ => return Err(reading.malformed("the revision is not 2a, 2b, 2x or 2y")),
    };
    // Two digits, the first of which may be a zero.
    let digits = cost.strip_prefix('0').unwrap_or(cost);
    let value = reading.number(digits)?;
    let value = reading.at_most("cost", value, reading.format.caps.rounds)?;
    if cost.len() != 2 || value < MIN_COST {
        return Err(reading.malformed("the cost is not two digits from 04"));
    }
    let (salt_text, tag_text) = match (rest.get(..22), rest.get(22..)) {
        (Some(salt), Some(tag)) if tag.len() == 31 => (salt, tag),
        _ => return Err(reading.malformed("salt and hash are not 53 characters")),
    };
    let salt = SALT.decode(salt_text).ok().and_then(|salt| salt.try_into().ok());
    let salt = salt.ok_or_else(|| reading.malformed("the salt is not base64"))?;
    let tag = TAG.decode(tag_text).map_err(|_| reading.malformed("the hash is not base64"))?;
    Ok(Bcrypt { input, cost: value, salt, tag: SecretBytes::new(tag) })
}

fn c_string(password: &[u8]) -> &[u8] {
    password.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Puts the password and the NUL that ends it into the key, cut at 72 bytes. Returns the length.
fn fill(key: &mut [u8; KEY_BYTES], password: &[u8]) -> usize {
    let length = password.len().min(KEY_BYTES);
    key[..length].copy_from_slice(&password[..length]);
    (length + 1).min(KEY_BYTES)
}

/// The key that gives a correct Blowfish the 18 words which the sign error made.
///
/// The words are gathered from the password and its NUL, again and again; a byte above 127 is extended to a
/// negative word, which overwrites the bytes gathered before it with ones.
fn fill_signed(key: &mut [u8; KEY_BYTES], password: &[u8]) -> usize {
    let mut plain = Zeroizing::new([0; KEY_BYTES]);
    let length = fill(&mut plain, password);
    let mut bytes = plain[..length].iter().copied().cycle();
    for word_bytes in key.chunks_exact_mut(4) {
        let mut word = 0_u32;
        for byte in bytes.by_ref().take(4) {
            word = (word << 8) | i32::from(byte.cast_signed()).cast_unsigned();
        }
        word_bytes.copy_from_slice(&word.to_be_bytes());
    }
    KEY_BYTES
}

/// The lower-case hexadecimal SHA-256.
fn hex_sha256(password: &[u8], _salt: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64));
    for byte in Sha256::digest(password) {
        text.extend(
            [byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or_default()),
        );
    }
    text
}
