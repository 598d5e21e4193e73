//! How are Django's PBKDF2 hashes (RFC 8018 section 5.2) read and checked?

use super::reading::{Base64, Reading};
use super::{HashFault, Kind};
use crate::secret::SecretBytes;
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use std::num::NonZeroU32;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// The initial state of SHA-256 (FIPS 180-4 section 5.3.3).
const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The hash function inside. Django always derives exactly one of its digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digest {
    Sha1,
    Sha256,
}

/// A parsed PBKDF2 hash.
#[derive(Clone)]
pub(super) struct Pbkdf2 {
    digest: Digest,
    rounds: NonZeroU32,
    salt: SecretBytes,
    tag: SecretBytes,
}

impl Pbkdf2 {
    pub fn verify(&self, password: &[u8]) -> bool {
        let salt = self.salt.expose();
        match self.digest {
            Digest::Sha1 => {
                let mut tag = Zeroizing::new([0; 20]);
                let algorithm = aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA1;
                aws_lc_rs::pbkdf2::derive(algorithm, self.rounds, salt, password, tag.as_mut_slice());
                tag.ct_eq(self.tag.expose()).into()
            }
            Digest::Sha256 => sha256(password, salt, self.rounds).ct_eq(self.tag.expose()).into(),
        }
    }
}

/// `pbkdf2_sha256$rounds$salt$hash`.
pub(super) fn parse_sha256(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    parse(reading, Digest::Sha256, 32)
}

/// `pbkdf2_sha1$rounds$salt$hash`.
pub(super) fn parse_sha1(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    parse(reading, Digest::Sha1, 20)
}

fn parse(reading: &Reading<'_>, digest: Digest, tag_bytes: usize) -> Result<Kind, HashFault> {
    let [rounds, salt, tag] = reading.fields(reading.rest())?;
    let rounds = reading.at_most("rounds", reading.number(rounds)?, reading.format.caps.rounds)?;
    let rounds = NonZeroU32::new(rounds).ok_or_else(|| reading.malformed("a parameter is zero"))?;
    reading.check_salt(salt.as_bytes(), 1)?;
    let tag = reading.tag(tag, Base64::Padded)?;
    if tag.len() != tag_bytes {
        return Err(reading.malformed("the hash is not as long as its digest"));
    }
    let (salt, tag) = (SecretBytes::new(salt), SecretBytes::new(tag));
    Ok(Kind::Pbkdf2(Pbkdf2 { digest, rounds, salt, tag }))
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
