//! How are argon2 hashes (RFC 9106) read, checked and written?

use super::reading::{Base64, Reading};
use super::{Hash, HashFault, Kind, Params, Scheme, Workspace};
use crate::secret::SecretBytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// RFC 9106 section 3.1 lets a salt be shorter; both implementations refuse less than this.
const MIN_SALT_BYTES: usize = 8;
const TAG_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// Which argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    D,
    I,
    Id,
}

impl Variant {
    pub fn simd(self) -> argon2_rust::Algorithm {
        match self {
            Variant::D => argon2_rust::Algorithm::Argon2d,
            Variant::I => argon2_rust::Algorithm::Argon2i,
            Variant::Id => argon2_rust::Algorithm::Argon2id,
        }
    }

    pub fn portable(self) -> ::argon2::Algorithm {
        match self {
            Variant::D => ::argon2::Algorithm::Argon2d,
            Variant::I => ::argon2::Algorithm::Argon2i,
            Variant::Id => ::argon2::Algorithm::Argon2id,
        }
    }
}

/// The version of the algorithm: 16 (1.0) or 19 (1.3, RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V16,
    V19,
}

impl Version {
    pub fn simd(self) -> argon2_rust::Version {
        match self {
            Version::V16 => argon2_rust::Version::V0x10,
            Version::V19 => argon2_rust::Version::V0x13,
        }
    }

    pub fn portable(self) -> ::argon2::Version {
        match self {
            Version::V16 => ::argon2::Version::V0x10,
            Version::V19 => ::argon2::Version::V0x13,
        }
    }
}

/// Everything but password, salt and tag length that decides the bytes of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    pub variant: Variant,
    pub version: Version,
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Recipe {
    fn current(params: &Params) -> Recipe {
        Recipe {
            variant: Variant::Id,
            version: Version::V19,
            memory_kib: params.memory_kib(),
            passes: params.passes(),
            lanes: params.lanes(),
        }
    }
}

/// A parsed argon2 hash.
#[derive(Clone)]
pub(super) struct Argon2 {
    recipe: Recipe,
    salt: SecretBytes,
    tag: SecretBytes,
}

impl Argon2 {
    pub fn memory_kib(&self) -> u32 {
        self.recipe.memory_kib
    }

    pub fn cost(&self) -> String {
        let Recipe { memory_kib, passes, lanes, .. } = self.recipe;
        format!("m={memory_kib},t={passes},p={lanes}")
    }

    pub fn verify(&self, password: &[u8], workspace: &mut Workspace) -> bool {
        let expected = self.tag.expose();
        let mut tag = Zeroizing::new(vec![0; expected.len()]);
        workspace.argon2(&self.recipe, password, self.salt.expose(), &mut tag);
        tag.ct_eq(expected).into()
    }

    /// Whether no part is weaker than what `write` makes.
    pub fn is_at_least(&self, params: &Params) -> bool {
        let Recipe { variant, version, memory_kib, passes, lanes } = self.recipe;
        variant == Variant::Id
            && version == Version::V19
            && memory_kib >= params.memory_kib()
            && passes >= params.passes()
            && lanes >= params.lanes()
            && self.salt.expose().len() >= SALT_BYTES
            && self.tag.expose().len() >= TAG_BYTES
    }
}

/// `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`; without `v=` it is version 16, as in the reference implementation.
///
/// `keyid` and `data` are refused: nothing here could supply the key, and `data` has a row of its own (`wrapped`).
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    read(reading, reading.text).map(Kind::Argon2)
}

/// Django writes its own name before the PHC string, without the `$` between them.
pub(super) fn parse_django(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    // The `$` of the prefix is the first character of the PHC string.
    read(reading, &reading.text[reading.prefix.len() - 1..]).map(Kind::Argon2)
}

/// Reads a PHC string of any variant.
pub(super) fn read(reading: &Reading<'_>, text: &str) -> Result<Argon2, HashFault> {
    let text = text.strip_prefix('$').ok_or_else(|| reading.malformed("a field is missing"))?;
    let (name, rest) = text.split_once('$').ok_or_else(|| reading.malformed("a field is missing"))?;
    let variant = match name {
        "argon2d" => Variant::D,
        "argon2i" => Variant::I,
        "argon2id" => Variant::Id,
        _ => return Err(reading.malformed("the variant is not argon2d, argon2i or argon2id")),
    };
    let (version, rest) = match rest.strip_prefix("v=").map(|rest| rest.split_once('$')) {
        None => (Version::V16, rest),
        Some(Some(("16", rest))) => (Version::V16, rest),
        Some(Some(("19", rest))) => (Version::V19, rest),
        Some(Some(_) | None) => return Err(reading.malformed("the version is neither 16 nor 19")),
    };
    let [costs, salt, tag] = reading.fields(rest)?;
    let recipe = parse_costs(reading, costs, variant, version)?;
    let salt = SecretBytes::new(reading.salt(salt, MIN_SALT_BYTES)?);
    let tag = SecretBytes::new(reading.tag(tag, Base64::Unpadded)?);
    Ok(Argon2 { recipe, salt, tag })
}

/// A hash of nobody.
pub(super) fn sample(prefix: &str, cost: &str) -> Option<String> {
    let (salt, tag) = (STANDARD_NO_PAD.encode([0; SALT_BYTES]), STANDARD_NO_PAD.encode([0; TAG_BYTES]));
    Some(format!("{prefix}v=19${cost}${salt}${tag}"))
}

/// A hash of nobody.
pub(super) fn sample_django(prefix: &str, cost: &str) -> Option<String> {
    sample(&format!("{prefix}argon2id$"), cost)
}

fn parse_costs(
    reading: &Reading<'_>,
    text: &str,
    variant: Variant,
    version: Version,
) -> Result<Recipe, HashFault> {
    let caps = reading.format.caps;
    let [memory, passes, lanes] = reading.pairs(text, ["m", "t", "p"])?;
    let memory_kib = reading.at_most("memory in KiB (m)", memory, caps.memory_kib)?;
    let passes = reading.at_least_one(reading.at_most("passes (t)", passes, caps.rounds)?)?;
    let lanes = reading.at_least_one(reading.at_most("lanes (p)", lanes, caps.lanes)?)?;
    if memory_kib < 8 * lanes {
        return Err(reading.malformed("the memory is less than 8 KiB a lane"));
    }
    Ok(Recipe { variant, version, memory_kib, passes, lanes })
}

/// Hashes a new password. The caller prepares the password (`prepare`) and draws a fresh salt for each.
///
/// # Panics
/// When the system does not give the memory the hash needs.
pub fn write(password: &[u8], salt: &[u8; 16], params: &Params, workspace: &mut Workspace) -> String {
    let mut tag = Zeroizing::new([0; TAG_BYTES]);
    workspace.argon2(&Recipe::current(params), password, salt, tag.as_mut_slice());
    phc(params, salt, &tag)
}

/// The PHC string of an argon2id hash.
pub(super) fn phc(params: &Params, salt: &[u8; SALT_BYTES], tag: &[u8; TAG_BYTES]) -> String {
    format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        params.memory_kib(),
        params.passes(),
        params.lanes(),
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(tag)
    )
}

/// A hash that costs as much as a real one and matches no password: what is checked for an unknown user (SEC-12).
pub fn decoy(params: &Params) -> Hash {
    // Any constant would do: the flag refuses even the password that nobody can find for it.
    let salt = SecretBytes::new(*b"countersigndecoy");
    let tag = SecretBytes::new([0x5a; TAG_BYTES]);
    let kind = Kind::Argon2(Argon2 { recipe: Recipe::current(params), salt, tag });
    Hash { scheme: Scheme::Argon2id, kind, decoy: true }
}
