//! How is PBKDF2 (RFC 8018 section 5.2) checked, and how are Django's hashes of it read?

use super::reading::{Base64, Reading};
use super::{HashFault, Kind};
use crate::secret::SecretBytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use std::num::NonZeroU32;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// The longest hash that is read (SEC-114), in bytes.
const MOST_SAMPLE_BYTES: usize = 128;
/// The initial state of SHA-256 (FIPS 180-4 section 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The hash function inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pbkdf2Digest {
    /// HMAC-SHA-1.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Pbkdf2Digest {
    const ALL: [Pbkdf2Digest; 3] = [Pbkdf2Digest::Sha1, Pbkdf2Digest::Sha256, Pbkdf2Digest::Sha512];

    /// `sha1`, `sha256` or `sha512`.
    pub fn name(self) -> &'static str {
        match self {
            Pbkdf2Digest::Sha1 => "sha1",
            Pbkdf2Digest::Sha256 => "sha256",
            Pbkdf2Digest::Sha512 => "sha512",
        }
    }

    /// How long one digest is: what a round makes.
    pub fn bytes(self) -> usize {
        match self {
            Pbkdf2Digest::Sha1 => 20,
            Pbkdf2Digest::Sha256 => 32,
            Pbkdf2Digest::Sha512 => 64,
        }
    }

    pub(super) fn named(name: &str) -> Option<Pbkdf2Digest> {
        Pbkdf2Digest::ALL.into_iter().find(|digest| digest.name() == name)
    }

    fn algorithm(self) -> aws_lc_rs::pbkdf2::Algorithm {
        match self {
            Pbkdf2Digest::Sha1 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA1,
            Pbkdf2Digest::Sha256 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256,
            Pbkdf2Digest::Sha512 => aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// A parsed PBKDF2 hash.
#[derive(Clone)]
pub(super) struct Pbkdf2 {
    digest: Pbkdf2Digest,
    rounds: NonZeroU32,
    salt: SecretBytes,
    tag: SecretBytes,
}

impl Pbkdf2 {
    /// A hash whose parts were read; the bounds are held here. The cap is for the rounds of all blocks together: a hash
    /// longer than its digest is computed in several.
    pub fn new(
        reading: &Reading<'_>,
        digest: Pbkdf2Digest,
        rounds: u64,
        salt: impl Into<Vec<u8>>,
        tag: Vec<u8>,
    ) -> Result<Pbkdf2, HashFault> {
        let most = reading.format.caps.rounds;
        let (salt, tag) = (SecretBytes::new(salt), SecretBytes::new(tag));
        let narrow = reading.at_most("rounds", rounds, most)?;
        reading.check_salt(salt.expose(), 1)?;
        reading.check_tag(tag.expose())?;
        let blocks = tag.expose().len().div_ceil(digest.bytes()) as u64;
        reading.at_most("rounds of all blocks", rounds.saturating_mul(blocks), most)?;
        let rounds = NonZeroU32::new(narrow).ok_or_else(|| reading.malformed("a parameter is zero"))?;
        Ok(Pbkdf2 { digest, rounds, salt, tag })
    }

    pub fn rounds(&self) -> NonZeroU32 {
        self.rounds
    }

    pub fn cost(&self) -> String {
        format!("{},{},{}", self.digest.name(), self.rounds, self.tag.expose().len())
    }

    pub fn verify(&self, password: &[u8]) -> bool {
        let (salt, expected) = (self.salt.expose(), self.tag.expose());
        if self.digest == Pbkdf2Digest::Sha256 && expected.len() == self.digest.bytes() {
            return sha256(password, salt, self.rounds).ct_eq(expected).into();
        }
        let mut tag = Zeroizing::new(vec![0; expected.len()]);
        aws_lc_rs::pbkdf2::derive(self.digest.algorithm(), self.rounds, salt, password, &mut tag);
        tag.ct_eq(expected).into()
    }
}

/// What `Pbkdf2::cost` says, taken apart: digest, rounds, bytes of the hash.
pub(super) fn split_cost(cost: &str) -> Option<(Pbkdf2Digest, u32, usize)> {
    let (digest, rest) = cost.split_once(',')?;
    let (rounds, bytes) = rest.split_once(',')?;
    let bytes = bytes.parse().ok().filter(|bytes| *bytes <= MOST_SAMPLE_BYTES)?;
    Some((Pbkdf2Digest::named(digest)?, rounds.parse().ok()?, bytes))
}

/// Django's `pbkdf2_sha256$rounds$salt$hash`.
pub(super) fn parse_django_sha256(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    parse_django(reading, Pbkdf2Digest::Sha256)
}

/// Django's `pbkdf2_sha1$rounds$salt$hash`.
pub(super) fn parse_django_sha1(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    parse_django(reading, Pbkdf2Digest::Sha1)
}

/// Django always derives exactly one digest.
fn parse_django(reading: &Reading<'_>, digest: Pbkdf2Digest) -> Result<Kind, HashFault> {
    let [rounds, salt, tag] = reading.fields(reading.rest())?;
    let rounds = reading.number(rounds)?;
    let tag = reading.tag(tag, Base64::Padded)?;
    if tag.len() != digest.bytes() {
        return Err(reading.malformed("the hash is not as long as its digest"));
    }
    Pbkdf2::new(reading, digest, rounds, salt, tag).map(Kind::Pbkdf2)
}

/// A hash of nobody.
pub(super) fn sample_django_sha256(prefix: &str, cost: &str) -> Option<String> {
    Some(format!("{prefix}{cost}$salt${}", STANDARD.encode([0; 32])))
}

/// A hash of nobody.
pub(super) fn sample_django_sha1(prefix: &str, cost: &str) -> Option<String> {
    Some(format!("{prefix}{cost}$salt${}", STANDARD.encode([0; 20])))
}

/// The first block of PBKDF2-HMAC-SHA-256. Two compressions a round and nothing else: the floor of the hardware.
fn sha256(password: &[u8], salt: &[u8], rounds: NonZeroU32) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 64]);
    if password.len() <= 64 {
        key[..password.len()].copy_from_slice(password);
    } else {
        key[..32].copy_from_slice(&Sha256::digest(password));
    }
    let inner = keyed(&key, 0x36);
    let outer = keyed(&key, 0x5c);

    let mut first = Sha256::new();
    first.update(key.map(|byte| byte ^ 0x36));
    first.update(salt);
    first.update(1_u32.to_be_bytes());
    let mut block = Zeroizing::new(padded(&first.finalize().into()));
    let mut state = Zeroizing::new(*outer);
    compress256(&mut state, &[*block]);

    let mut sum = Zeroizing::new(*state);
    for _ in 1..rounds.get() {
        put(&state, &mut block);
        *state = *inner;
        compress256(&mut state, std::slice::from_ref(&block));
        put(&state, &mut block);
        *state = *outer;
        compress256(&mut state, std::slice::from_ref(&block));
        for (total, word) in sum.iter_mut().zip(state.iter()) {
            *total ^= word;
        }
    }
    put(&sum, &mut block);
    let mut tag = Zeroizing::new([0; 32]);
    tag.copy_from_slice(&block[..32]);
    tag
}

/// The state after the block of the key, which every HMAC of it begins with (RFC 2104).
fn keyed(key: &[u8; 64], pad: u8) -> Zeroizing<[u32; 8]> {
    let mut block = key.map(|byte| byte ^ pad);
    let mut state = Zeroizing::new(START);
    compress256(&mut state, &[block]);
    block.zeroize();
    state
}

/// A digest as the last block of a message of 64 + 32 bytes, with the padding of FIPS 180-4 section 5.1.1.
fn padded(digest: &[u8; 32]) -> [u8; 64] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(digest);
    block[32] = 0x80;
    block[56..].copy_from_slice(&(8 * (64 + 32_u64)).to_be_bytes());
    block
}

/// Writes a state into the first half of a padded block.
fn put(state: &[u32; 8], block: &mut [u8; 64]) {
    for (bytes, word) in block.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}
