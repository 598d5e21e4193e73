//! How are the hashes of Firebase Authentication written, read and checked?
//!
//! Firebase derives a key with scrypt from the password, the user's salt and the project's salt separator, and encrypts
//! the project's signer key with it (AES-256-CTR, a counter of zero): the ciphertext is the hash. A hash can not be
//! checked without the four parameters of the project, so they stand in the stored text, in the form of Supabase:
//! `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=…$salt$hash`.
//!
//! The signer key is the same for all users of a project, and each text holds it. That gives nothing away that the
//! hashes keep: who knows one password and its hash computes the key stream, and the key from it. Each text ends with
//! the next sign-in, when it becomes argon2id.

use super::reading::{Base64, Reading};
use super::scrypt::{parse_costs, power_of_two};
use super::{Hash, HashFault, Kind, Scheme};
use crate::secret::SecretBytes;
use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;

/// The password hash parameters of a project, as the Firebase console shows them.
#[derive(Clone, Copy)]
pub struct Project<'a> {
    /// `base64_signer_key`.
    pub signer_key: &'a str,
    /// `base64_salt_separator`.
    pub salt_separator: &'a str,
    /// `rounds`: scrypt's r, 1 to 8 at Firebase.
    pub rounds: u32,
    /// `mem_cost`: the logarithm of scrypt's N, 1 to 14 at Firebase.
    pub mem_cost: u32,
}

impl std::fmt::Debug for Project<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Project(rounds {}, mem_cost {})", self.rounds, self.mem_cost)
    }
}

/// The text to store for one user of the project; `salt` and `hash` are `salt` and `passwordHash` of the export. Base64
/// with either alphabet is taken, as the command line tool and the Admin SDK write it.
///
/// # Errors
/// What `Hash::parse` refuses: a part that is no base64, a hash that is not as long as the signer key, a cost over its
/// cap.
pub fn text(project: &Project<'_>, salt: &str, hash: &str) -> Result<String, HashFault> {
    let standard = |text: &str| text.replace('-', "+").replace('_', "/");
    let Project { rounds, mem_cost, .. } = project;
    let separator = match standard(project.salt_separator) {
        empty if empty.is_empty() => empty,
        separator => format!(",ss={separator}"),
    };
    let (key, salt, hash) = (standard(project.signer_key), standard(salt), standard(hash));
    let text = format!("$fbscrypt$v=1,n={mem_cost},r={rounds},p=1{separator},sk={key}${salt}${hash}");
    let parsed = Hash::parse(&text)?;
    debug_assert_eq!(parsed.scheme(), Scheme::FirebaseScrypt);
    Ok(text)
}

/// A parsed hash.
#[derive(Clone)]
pub(super) struct Firebase {
    params: ::scrypt::Params,
    memory_kib: u32,
    /// The user's salt and the separator behind it.
    salt: SecretBytes,
    signer_key: SecretBytes,
    tag: SecretBytes,
}

impl Firebase {
    pub fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    pub fn cost(&self) -> String {
        let params = &self.params;
        format!("ln={},r={},p={}", params.log_n(), params.r(), params.p())
    }

    pub fn verify(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        ::scrypt::scrypt(password, self.salt.expose(), &self.params, key.as_mut_slice())
            .expect("32 bytes are a length that scrypt derives");
        let mut text = Zeroizing::new(self.signer_key.expose().to_vec());
        let zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        UnboundCipherKey::new(&AES_256, key.as_slice())
            .and_then(EncryptingKey::ctr)
            .and_then(|key| key.less_safe_encrypt(&mut text, zero))
            .expect("AES-256 takes a key of 32 bytes, and a counter any length");
        text.ct_eq(self.tag.expose()).into()
    }
}

/// `$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=…$salt$hash`, all base64 with padding; `ss` may be left out.
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let [costs, salt, tag] = reading.fields(reading.rest())?;
    let (costs, signer_key) =
        costs.split_once(",sk=").ok_or_else(|| reading.malformed("the signer key (sk) is missing"))?;
    let (costs, separator) = costs.split_once(",ss=").unwrap_or((costs, ""));
    let [version, log_n, block_size, lanes] = reading.pairs(costs, ["v", "n", "r", "p"])?;
    if version != 1 {
        return Err(reading.malformed("the version is not 1"));
    }
    let (params, memory_kib) = parse_costs(reading, power_of_two(log_n), block_size, lanes)?;
    let mut salt = reading.base64(salt, Base64::Padded, "the salt is not base64")?;
    reading.check_salt(&salt, 1)?;
    salt.extend(reading.base64(separator, Base64::Padded, "the salt separator is not base64")?);
    reading.check_salt(&salt, 1)?;
    let signer_key = reading.base64(signer_key, Base64::Padded, "the signer key is not base64")?;
    let tag = reading.tag(tag, Base64::Padded)?;
    if tag.len() != signer_key.len() {
        return Err(reading.malformed("the hash is not as long as the signer key"));
    }
    let (salt, tag) = (SecretBytes::new(salt), SecretBytes::new(tag));
    let signer_key = SecretBytes::new(signer_key);
    Ok(Kind::Firebase(Firebase { params, memory_kib, salt, signer_key, tag }))
}

/// A hash of nobody.
pub(super) fn sample(prefix: &str, cost: &str) -> Option<String> {
    let costs = cost.strip_prefix("ln=")?;
    let bytes = STANDARD.encode([0; 64]);
    Some(format!("{prefix}v=1,n={costs},sk={bytes}$AAAA${bytes}"))
}
