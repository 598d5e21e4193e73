//! How are secrets kept that the server must be able to read again?
//!
//! Under one master key that never stands in the database. What is sealed says which key it needs, what it is for and
//! whose it is; in any other place it does not open.

use crate::id::UserId;
use crate::secret::SecretBytes;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Fewest bytes of a master key.
pub const MASTER_KEY_BYTES: usize = 32;

/// Why a master key can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyFault {
    /// It has fewer than 32 bytes.
    #[error("the master key has fewer than {MASTER_KEY_BYTES} bytes")]
    TooShort,
    /// All of its bytes are the same.
    #[error("the master key is not random")]
    Sample,
    /// The cipher does not take it.
    #[error("the master key can not be used")]
    Unusable,
}

/// Says which master key it is and nothing about the key: 16 bytes derived from it (HKDF-SHA-256).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterKeyId(pub [u8; 16]);

impl std::fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Seals secrets at rest with AES-256-GCM. `Debug` shows nothing of the key.
pub struct MasterKey {
    id: MasterKeyId,
    cipher: LessSafeKey,
    root: hkdf::Prk,
}

/// A sealed secret as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The short name of the key that opens it.
    pub key: String,
    /// Nonce, text and tag in base64.
    pub text: String,
}

impl MasterKey {
    /// Derives everything from one random secret.
    ///
    /// [`MasterKeyFault::TooShort`] below 32 bytes; [`MasterKeyFault::Sample`] if all bytes are the same.
    pub fn new(secret: &SecretBytes) -> Result<MasterKey, MasterKeyFault> {
        let bytes = secret.expose();
        if bytes.len() < MASTER_KEY_BYTES {
            return Err(MasterKeyFault::TooShort);
        }
        if bytes.windows(2).all(|two| two[0] == two[1]) {
            return Err(MasterKeyFault::Sample);
        }
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign master 1").extract(bytes);
        let id: Zeroizing<[u8; 16]> = expand(&root, b"id")?;
        let key: Zeroizing<[u8; 32]> = expand(&root, b"seal")?;
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| MasterKeyFault::Unusable)?;
        Ok(MasterKey { id: MasterKeyId(*id), cipher: LessSafeKey::new(key), root })
    }

    /// Which key this is.
    pub fn id(&self) -> MasterKeyId {
        self.id
    }

    /// A key of its own for another purpose, 32 bytes. Different purposes have unrelated keys.
    pub fn derived(&self, purpose: &str) -> Result<SecretBytes, MasterKeyFault> {
        let key: Zeroizing<[u8; 32]> = expand(&self.root, &[b"derived ", purpose.as_bytes()].concat())?;
        Ok(SecretBytes::new(*key))
    }

    /// Seals a secret of a user for a purpose. `nonce` must be drawn anew each time.
    pub fn seal(
        &self,
        purpose: &str,
        user: UserId,
        secret: &[u8],
        nonce: [u8; NONCE_LEN],
    ) -> Result<Sealed, MasterKeyFault> {
        let mut text = Zeroizing::new(secret.to_vec());
        self.cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context(purpose, user)),
                &mut *text,
            )
            .map_err(|_| MasterKeyFault::Unusable)?;
        Ok(Sealed { key: self.id.to_string(), text: BASE64.encode([&nonce[..], &text[..]].concat()) })
    }

    /// Opens what [`MasterKey::seal`] made with this key for the same purpose and user; `None` for everything else.
    pub fn open(&self, purpose: &str, user: UserId, sealed: &Sealed) -> Option<SecretBytes> {
        if sealed.key != self.id.to_string() {
            return None;
        }
        let bytes = BASE64.decode(&sealed.text).ok()?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let clear = self.cipher.open_in_place(nonce, Aad::from(context(purpose, user)), &mut text).ok()?;
        Some(SecretBytes::new(&*clear))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// What a sealed secret is bound to. The user's number has a fixed length, so no two contexts have one spelling.
fn context(purpose: &str, user: UserId) -> Vec<u8> {
    [&user.0.to_be_bytes()[..], purpose.as_bytes()].concat()
}

fn expand<const N: usize>(root: &hkdf::Prk, label: &[u8]) -> Result<Zeroizing<[u8; N]>, MasterKeyFault> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut key = Zeroizing::new([0; N]);
    root.expand(&[label], Length(N))
        .and_then(|okm| okm.fill(&mut *key))
        .map_err(|_| MasterKeyFault::Unusable)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8) -> MasterKey {
        MasterKey::new(&SecretBytes::new((first..first + 32).collect::<Vec<u8>>())).unwrap()
    }

    #[test]
    fn a_master_key_is_long_and_not_constant() {
        let fault = |bytes: &[u8]| MasterKey::new(&SecretBytes::new(bytes)).unwrap_err();
        assert_eq!(fault(b""), MasterKeyFault::TooShort);
        assert_eq!(fault(&[7; 31]), MasterKeyFault::TooShort);
        assert_eq!(fault(&[7; 64]), MasterKeyFault::Sample);
    }

    /// Computed apart with another implementation of HKDF and AES-GCM: what was sealed must open after an upgrade.
    #[test]
    fn a_seal_keeps_its_spelling_for_ever() {
        let sealed = key(0).seal("totp", UserId(7), b"seed", [9; 12]).unwrap();
        assert_eq!(
            (sealed.key.as_str(), sealed.text.as_str()),
            ("50ae3ccc", "CQkJCQkJCQkJCQkJoMadPgTyT8ahgtDH0JkyOM7kVh4=")
        );
    }

    // SEC-86
    #[test]
    fn a_seal_opens_only_with_its_key_for_its_purpose_and_its_user() {
        let sealed = key(0).seal("totp", UserId(7), b"seed", [9; 12]).unwrap();
        let opened = |key: &MasterKey, purpose: &str, user: i64, sealed: &Sealed| {
            key.open(purpose, UserId(user), sealed).map(|secret| secret.expose().to_vec())
        };
        assert_eq!(opened(&key(0), "totp", 7, &sealed), Some(b"seed".to_vec()));
        assert_eq!(opened(&key(1), "totp", 7, &sealed), None);
        assert_eq!(opened(&key(0), "mail", 7, &sealed), None);
        assert_eq!(opened(&key(0), "totp", 8, &sealed), None);
        let claims_another = Sealed { key: key(1).id().to_string(), ..sealed.clone() };
        assert_eq!(opened(&key(1), "totp", 7, &claims_another), None);
        let bytes = BASE64.decode(&sealed.text).unwrap();
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 1;
            let bent = Sealed { text: BASE64.encode(bent), ..sealed.clone() };
            assert_eq!(opened(&key(0), "totp", 7, &bent), None, "{at}");
        }
        for text in ["", "AAAA", "not base64!"] {
            assert_eq!(opened(&key(0), "totp", 7, &Sealed { text: text.into(), ..sealed.clone() }), None);
        }
    }

    #[test]
    fn keys_for_other_purposes_have_nothing_in_common() {
        let (one, other) = (key(0).derived("links").unwrap(), key(0).derived("audit").unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose(), key(0).derived("links").unwrap().expose());
        assert_eq!(format!("{:?}", key(0)), format!("MasterKey({})", key(0).id()));
    }
}
