//! Which clients has an account seen before, told from the token alone? And how is a name kept without the name?
//!
//! A device token is sealed, not stored: it says whose it is, at which epoch of the account, and since when (SEC-24).

use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::keys::KeyFault;
use super::ticket::derive;
use crate::secret::SecretBytes;

const PREFIX: &str = "csd_";
/// User, epoch, second and number.
const BODY: usize = 8 + 8 + 8 + 8;
/// 200 bits of seal make the token 57 bytes, which base64url writes without spare bits.
const SEAL: usize = 25;
const TEXT: usize = PREFIX.len() + (BODY + SEAL) / 3 * 4;

/// A device that an account knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The account.
    pub user: i64,
    /// The epoch of the account when the token was made. Another password makes another epoch, and the token void.
    pub epoch: i64,
    /// When it was made, in seconds since 1970.
    pub issued: i64,
    /// Drawn once; counts the failures of this device apart.
    pub number: u64,
}

/// The keys that seal device tokens and blind names. `Debug` shows nothing.
pub struct DeviceKey {
    seal: hmac::Key,
    blind: hmac::Key,
}

impl DeviceKey {
    /// Derives the keys from one random secret (HKDF-SHA-256, RFC 5869).
    ///
    /// [`KeyFault::TooShort`] below 32 bytes.
    pub fn new(secret: &SecretBytes) -> Result<DeviceKey, KeyFault> {
        let bytes = secret.expose();
        if bytes.len() < 32 {
            return Err(KeyFault::TooShort);
        }
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign device 1").extract(bytes);
        let seal: Zeroizing<[u8; 32]> = derive(&root, b"device seal")?;
        let blind: Zeroizing<[u8; 32]> = derive(&root, b"name blind")?;
        Ok(DeviceKey {
            seal: hmac::Key::new(hmac::HMAC_SHA256, &*seal),
            blind: hmac::Key::new(hmac::HMAC_SHA256, &*blind),
        })
    }

    /// The token of a device.
    pub fn token(&self, device: &Device) -> String {
        let mut bytes = [0; BODY + SEAL];
        bytes[..8].copy_from_slice(&device.user.to_be_bytes());
        bytes[8..16].copy_from_slice(&device.epoch.to_be_bytes());
        bytes[16..24].copy_from_slice(&device.issued.to_be_bytes());
        bytes[24..BODY].copy_from_slice(&device.number.to_be_bytes());
        let seal = self.seal_of(&bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&seal);
        let mut text = String::with_capacity(TEXT);
        text.push_str(PREFIX);
        BASE64URL.encode_string(bytes, &mut text);
        text
    }

    /// What a device token says; `None` for every text that [`DeviceKey::token`] did not make with this key.
    ///
    /// The seal is compared in constant time.
    pub fn open(&self, text: &str) -> Option<Device> {
        if text.len() != TEXT {
            return None;
        }
        let bytes = BASE64URL.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (body, seal) = bytes.split_at_checked(BODY)?;
        if !bool::from(self.seal_of(body).as_slice().ct_eq(seal)) {
            return None;
        }
        let field = |at: usize| body.get(at..at + 8)?.first_chunk::<8>().copied();
        Some(Device {
            user: i64::from_be_bytes(field(0)?),
            epoch: i64::from_be_bytes(field(8)?),
            issued: i64::from_be_bytes(field(16)?),
            number: u64::from_be_bytes(field(24)?),
        })
    }

    /// A text that stands for a name in counters and tables and from which nobody without the key finds the name.
    /// Names of different kinds never meet.
    pub fn blind(&self, kind: &str, name: &[u8]) -> Blind {
        let mut context = hmac::Context::with_key(&self.blind);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(name);
        let tag = context.sign();
        Blind(*tag.as_ref().first_chunk().expect("HMAC-SHA-256 gives 32 bytes"))
    }

    fn seal_of(&self, body: &[u8]) -> [u8; SEAL] {
        let tag = hmac::sign(&self.seal, body);
        *tag.as_ref().first_chunk().expect("HMAC-SHA-256 gives 32 bytes")
    }
}

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKey(…)")
    }
}

/// A name that was blinded: 128 bits of a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blind(pub [u8; 16]);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(first: u8) -> DeviceKey {
        let bytes: Vec<u8> = (first..first + 32).collect();
        DeviceKey::new(&SecretBytes::new(bytes)).unwrap()
    }

    const DEVICE: Device = Device { user: 7, epoch: 3, issued: 1_700_000_000, number: 0x0123_4567_89ab_cdef };

    #[test]
    fn every_bit_of_a_device_token_counts() {
        // SEC-24
        let token = key(0).token(&DEVICE);
        assert_eq!(key(0).open(&token), Some(DEVICE));
        assert_eq!(key(1).open(&token), None);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= .";
        for at in 0..token.len() {
            assert_eq!(key(0).open(&token[..at]), None);
            for other in alphabet.chars().filter(|other| !token[at..].starts_with(*other)) {
                let text = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                assert_eq!(key(0).open(&text), None, "{text}");
            }
        }
        for text in [format!("{token}A"), format!(" {token}"), token.to_uppercase(), "é".repeat(40)] {
            assert_eq!(key(0).open(&text), None, "{text}");
        }
        assert_eq!(format!("{:?}", key(0)), "DeviceKey(…)");
        assert!(matches!(DeviceKey::new(&SecretBytes::new([1; 31])), Err(KeyFault::TooShort)));
    }

    #[test]
    fn names_of_different_kinds_keys_and_spellings_never_meet() {
        let blind = key(0).blind("a", b"bc");
        assert_eq!(blind, key(0).blind("a", b"bc"));
        for other in [key(1).blind("a", b"bc"), key(0).blind("ab", b"c"), key(0).blind("a", b"bd")] {
            assert_ne!(blind, other);
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(user: i64, epoch: i64, issued: i64, number: u64) {
            let device = Device { user, epoch, issued, number };
            prop_assert_eq!(key(9).open(&key(9).token(&device)), Some(device));
        }

        #[test]
        fn no_text_is_opened_that_was_not_sealed(text in ".{0,90}", opaque in "csd_[A-Za-z0-9_-]{76}") {
            prop_assert!(key(9).open(&text).is_none());
            prop_assert!(key(9).open(&opaque).is_none());
        }
    }
}
