//! How are scrypt hashes (RFC 7914) read and checked?

use super::reading::{Base64, Reading};
use super::{HashFault, Kind};
use crate::secret::SecretBytes;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Real hashes have 8. Without a bound, `r` and `p` would buy memory that N·r does not show.
const MAX_BLOCK_SIZE: u32 = 64;

/// A parsed scrypt hash.
#[derive(Clone)]
pub(super) struct Scrypt {
    params: ::scrypt::Params,
    memory_kib: u32,
    salt: SecretBytes,
    tag: SecretBytes,
}

impl Scrypt {
    /// A hash whose parts another format has read; the costs are held to its caps here.
    pub fn new(
        reading: &Reading<'_>,
        [n, block_size, lanes]: [u64; 3],
        salt: impl Into<Vec<u8>>,
        tag: Vec<u8>,
    ) -> Result<Scrypt, HashFault> {
        let (params, memory_kib) = parse_costs(reading, n, block_size, lanes)?;
        let (salt, tag) = (SecretBytes::new(salt), SecretBytes::new(tag));
        reading.check_salt(salt.expose(), 1)?;
        reading.check_tag(tag.expose())?;
        Ok(Scrypt { params, memory_kib, salt, tag })
    }

    pub fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    pub fn cost(&self) -> String {
        let params = &self.params;
        format!("ln={},r={},p={}", params.log_n(), params.r(), params.p())
    }

    /// The cost with N itself.
    pub fn django_cost(&self) -> String {
        let params = &self.params;
        format!("n={},r={},p={}", 1_u64 << params.log_n(), params.r(), params.p())
    }

    pub fn verify(&self, password: &[u8]) -> bool {
        let expected = self.tag.expose();
        let mut tag = Zeroizing::new(vec![0; expected.len()]);
        ::scrypt::scrypt(password, self.salt.expose(), &self.params, &mut tag)
            .expect("the length of the hash was checked when it was read");
        tag.ct_eq(expected).into()
    }
}

/// The PHC form, `$scrypt$ln=14,r=8,p=1$salt$hash`.
pub(super) fn parse(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let [costs, salt, tag] = reading.fields(reading.rest())?;
    let [log_n, block_size, lanes] = reading.pairs(costs, ["ln", "r", "p"])?;
    let salt = reading.salt(salt, 1)?;
    let tag = reading.tag(tag, Base64::Unpadded)?;
    Scrypt::new(reading, [power_of_two(log_n), block_size, lanes], salt, tag).map(Kind::Scrypt)
}

/// Django's `scrypt$N$salt$r$p$hash`; the salt is the text itself.
pub(super) fn parse_django(reading: &Reading<'_>) -> Result<Kind, HashFault> {
    let [n, salt, block_size, lanes, tag] = reading.fields(reading.rest())?;
    let costs = [reading.number(n)?, reading.number(block_size)?, reading.number(lanes)?];
    let tag = reading.tag(tag, Base64::Padded)?;
    Scrypt::new(reading, costs, salt, tag).map(Kind::Scrypt)
}

/// 2 to the power of this, or the largest number, which fails its cap.
pub(super) fn power_of_two(log_n: u64) -> u64 {
    u32::try_from(log_n).ok().and_then(|log_n| 1_u64.checked_shl(log_n)).unwrap_or(u64::MAX)
}

/// A hash of nobody.
pub(super) fn sample(prefix: &str, cost: &str) -> Option<String> {
    let (salt, tag) = (STANDARD_NO_PAD.encode([0; 16]), STANDARD_NO_PAD.encode([0; 32]));
    Some(format!("{prefix}{cost}${salt}${tag}"))
}

/// A hash of nobody.
pub(super) fn sample_django(prefix: &str, cost: &str) -> Option<String> {
    let (n, rest) = cost.strip_prefix("n=")?.split_once(",r=")?;
    let (r, p) = rest.split_once(",p=")?;
    Some(format!("{prefix}{n}$salt${r}${p}${}", STANDARD.encode([0; 64])))
}

/// The parameters and the memory they need, in KiB.
pub(super) fn parse_costs(
    reading: &Reading<'_>,
    n: u64,
    block_size: u64,
    lanes: u64,
) -> Result<(::scrypt::Params, u32), HashFault> {
    let caps = reading.format.caps;
    let r = reading.at_least_one(reading.at_most("block size (r)", block_size, MAX_BLOCK_SIZE)?)?;
    let p = reading.at_least_one(reading.at_most("lanes (p)", lanes, caps.lanes)?)?;
    let mixes = n.saturating_mul(u64::from(r));
    let memory = mixes.saturating_mul(128).div_ceil(1024);
    let memory_kib = reading.at_most("memory in KiB (128·N·r)", memory, caps.memory_kib)?;
    reading.at_most("mixing (N·r·p)", mixes.saturating_mul(u64::from(p)), caps.rounds)?;
    if n < 2 || !n.is_power_of_two() {
        return Err(reading.malformed("N is not a power of two above 1"));
    }
    let log_n = u8::try_from(n.ilog2()).map_err(|_| reading.malformed("N is too large"))?;
    let params = ::scrypt::Params::new(log_n, r, p)
        .map_err(|_| reading.malformed("the parameters do not belong together"))?;
    let buffers = (128 * r * (p + 1)).div_ceil(1024);
    Ok((params, memory_kib + buffers))
}
