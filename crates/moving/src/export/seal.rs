//! How is a file sealed to the holder of an age key? (age-encryption.org/v1, C2SP)
//!
//! One X25519 recipient. Written in chunks, so that memory does not grow with the file.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::io::{Error, Write};
use zeroize::Zeroizing;

/// Bytes of one chunk of the payload.
const CHUNK: usize = 64 * 1024;
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Chance of one file: the file key and the nonce of the payload. Never used twice.
pub type FileChance = [u8; 32];

/// Who can open a file: `age1…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    key: [u8; 32],
    text: String,
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Recipient {
    /// Reads `age1…`. Refused: anything but the X25519 key of an age identity, with its checksum (BIP 173).
    pub fn parse(text: &str) -> Result<Recipient, String> {
        let wrong = || {
            "this is not an age recipient: it begins with age1 and comes from `age-keygen -y`; recipients of plug-ins and \
             post-quantum keys are not written"
                .to_owned()
        };
        let data = text.strip_prefix("age1").filter(|data| data.len() == 58).ok_or_else(wrong)?;
        let place = |letter: u8| {
            LETTERS.iter().position(|known| *known == letter).and_then(|at| u8::try_from(at).ok())
        };
        let values: Vec<u8> = data.bytes().map(place).collect::<Option<_>>().ok_or_else(wrong)?;
        // The prefix "age", expanded as BIP 173 says: high bits, zero, low bits.
        let prefix =
            b"age".iter().map(|letter| letter >> 5).chain([0]).chain(b"age".iter().map(|letter| letter & 31));
        if polymod(prefix.chain(values.iter().copied())) != 1 {
            return Err(wrong());
        }
        let (mut bytes, mut held, mut bits) = (Vec::with_capacity(32), 0_u16, 0);
        for value in &values[..52] {
            held = (held << 5 | u16::from(*value)) & 0xfff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(held >> bits & 0xff).unwrap_or(0));
            }
        }
        let key: [u8; 32] = bytes.try_into().map_err(|_| wrong())?;
        Ok(Recipient { key, text: text.to_owned() })
    }
}

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const STEPS: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        STEPS
            .iter()
            .enumerate()
            .filter(|(at, _)| top >> at & 1 == 1)
            .fold(shifted, |sum, (_, step)| sum ^ step)
    })
}

/// Seals what is written to it. [`Sealed::finish`] has to be called: without the last chunk nobody can open the file.
pub struct Sealed<W: Write> {
    out: W,
    key: LessSafeKey,
    chunk: Zeroizing<Vec<u8>>,
    number: u128,
}

impl<W: Write> Sealed<W> {
    /// Writes the header. Draws the key of this one file from the system: keys are the one exception to the rule.
    pub fn new(mut out: W, recipient: &Recipient, chance: &FileChance) -> Result<Sealed<W>, Error> {
        let (file_key, nonce) = chance.split_at(16);
        let failed = |_| Error::other("the export can not be sealed");
        let own = PrivateKey::generate(&X25519).map_err(failed)?;
        let share = own.compute_public_key().map_err(failed)?;
        let salt = [share.as_ref(), &recipient.key].concat();
        let peer = UnparsedPublicKey::new(&X25519, recipient.key);
        // A key of low order gives no secret and is refused here.
        let wrap = agree(&own, peer, Error::other("this recipient's key is of no use"), |secret| {
            derive(&salt, secret, LABEL)
        })?;
        let mut body = Zeroizing::new(file_key.to_vec());
        seal(&wrap, [0; 12], &mut body)?;
        let header = format!(
            "age-encryption.org/v1\n-> X25519 {}\n{}\n---",
            STANDARD_NO_PAD.encode(share.as_ref()),
            STANDARD_NO_PAD.encode(&*body)
        );
        let mac_key = expand(&[], file_key, b"header")?;
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*mac_key), header.as_bytes());
        writeln!(out, "{header} {}", STANDARD_NO_PAD.encode(mac.as_ref()))?;
        out.write_all(nonce)?;
        let key = derive(nonce, file_key, b"payload")?;
        Ok(Sealed { out, key, chunk: Zeroizing::new(Vec::with_capacity(CHUNK + 16)), number: 0 })
    }

    fn put(&mut self, is_last: bool) -> Result<(), Error> {
        // Eleven bytes count the chunks, the twelfth says which one is the last.
        let mut nonce = [0; 12];
        nonce[..11].copy_from_slice(&self.number.to_be_bytes()[5..]);
        nonce[11] = u8::from(is_last);
        self.number += 1;
        seal(&self.key, nonce, &mut self.chunk)?;
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }

    /// Writes the last chunk and gives the output back.
    pub fn finish(mut self) -> Result<W, Error> {
        self.put(true)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> std::fmt::Debug for Sealed<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed").field("chunks", &self.number).finish_non_exhaustive()
    }
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // A full chunk waits until more comes: only then it is not the last one.
        if !bytes.is_empty() && self.chunk.len() == CHUNK {
            self.put(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn expand(salt: &[u8], secret: &[u8], label: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let failed = |_| Error::other("the export can not be sealed");
    let mut key = Zeroizing::new([0; 32]);
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let info = [label];
    extracted.expand(&info, hkdf::HKDF_SHA256).map_err(failed)?.fill(&mut *key).map_err(failed)?;
    Ok(key)
}

fn derive(salt: &[u8], secret: &[u8], label: &[u8]) -> Result<LessSafeKey, Error> {
    let key = expand(salt, secret, label)?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, &*key)
        .map_err(|_| Error::other("the export can not be sealed"))?;
    Ok(LessSafeKey::new(key))
}

/// Each key seals each number once, so the numbers need no chance.
fn seal(key: &LessSafeKey, nonce: [u8; 12], text: &mut Vec<u8>) -> Result<(), Error> {
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), text)
        .map_err(|_| Error::other("the export can not be sealed"))
}
