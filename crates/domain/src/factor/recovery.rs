//! How does somebody get in who has lost the second factor?

use super::base32;
use crate::secret::Secret;
use crate::token::Digest;

/// How many codes are given at once.
pub const CODES: usize = 10;
/// Bytes of a code: 120 bits, so that a plain hash at rest is enough (SEC-87).
pub const CODE_BYTES: usize = 15;
/// Characters of a code without its dashes.
const CODE_CHARS: usize = 24;
/// Characters between dashes.
const GROUP: usize = 6;

/// Writes a code in four groups, and gives the digest that is stored in its place.
pub fn write(bytes: &[u8; CODE_BYTES]) -> (Secret, Digest) {
    let plain = Secret::new(base32::encode(bytes));
    let mut text = String::with_capacity(CODE_CHARS + 3);
    for (at, character) in plain.expose().chars().enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        text.push(character);
    }
    (Secret::new(text), Digest::of(plain.expose()))
}

/// The digest of a code as typed, in any case, with dashes and spaces anywhere. Refused: what can not be a code.
pub fn digest(typed: &str) -> Option<Digest> {
    if typed.len() > 2 * CODE_CHARS {
        return None;
    }
    let plain: String = typed.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let plain = Secret::new(plain.to_ascii_uppercase());
    let is_code = plain.expose().len() == CODE_CHARS && base32::decode(plain.expose()).is_some();
    is_code.then(|| Digest::of(plain.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // SEC-87
    #[test]
    fn a_code_has_120_bits_and_is_read_however_it_is_spelt() {
        let (code, stored) = write(&[0xa5; CODE_BYTES]);
        assert_eq!(code.expose(), "UWS2LJ-NFUWS2-LJNFUW-S2LJNF");
        for typed in
            ["UWS2LJ-NFUWS2-LJNFUW-S2LJNF", "uws2ljnfuws2ljnfuws2ljnf", " UWS2 LJNF UWS2 LJNF UWS2 LJNF "]
        {
            assert_eq!(digest(typed), Some(stored), "{typed}");
        }
        for typed in
            ["", "123456", "UWS2LJNFUWS2LJNFUWS2LJN", "UWS2LJNFUWS2LJNFUWS2LJNFA", "UWS2LJNFUWS2LJNFUWS2LJN1"]
        {
            assert_eq!(digest(typed), None, "{typed}");
        }
        assert_eq!(digest(&"-".repeat(10_000)), None);
    }
}
