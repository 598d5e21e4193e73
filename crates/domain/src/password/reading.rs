//! How are the fields of a stored hash read, and held to the caps of its format?

use super::{Format, HashFault};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// The shortest hash that is accepted, in bytes: the least a PHC string may hold. An empty one would match everything.
const MIN_TAG_BYTES: usize = 12;

/// One stored hash while it is being read.
pub(super) struct Reading<'a> {
    pub text: &'a str,
    /// The prefix by which the format was recognised.
    pub prefix: &'a str,
    pub format: &'static Format,
}

/// The base64 a field is written in.
#[derive(Clone, Copy)]
pub(super) enum Base64 {
    Padded,
    Unpadded,
    /// Passlib's "adapted" base64: unpadded, with `.` for `+`. Both are read.
    Adapted,
}

impl<'a> Reading<'a> {
    /// The text behind the prefix.
    pub fn rest(&self) -> &'a str {
        &self.text[self.prefix.len()..]
    }

    pub fn malformed(&self, what: &'static str) -> HashFault {
        HashFault::Malformed { scheme: self.format.scheme, what }
    }

    /// The fields between `$`, exactly `N` of them.
    pub fn fields<'t, const N: usize>(&self, text: &'t str) -> Result<[&'t str; N], HashFault> {
        let mut parts = text.split('$');
        let mut fields = [""; N];
        for field in &mut fields {
            *field = parts.next().ok_or_else(|| self.malformed("a field is missing"))?;
        }
        if parts.next().is_some() { Err(self.malformed("there are too many fields")) } else { Ok(fields) }
    }

    /// The numbers of `a=1,b=2`, in the order of `keys`; each must be there once, and no other.
    pub fn pairs<const N: usize>(&self, text: &str, keys: [&str; N]) -> Result<[u64; N], HashFault> {
        let mut found = [None; N];
        for pair in text.split(',') {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| self.malformed("a parameter is not name=number"))?;
            let place = keys.iter().position(|known| *known == key);
            let slot = place
                .and_then(|place| found.get_mut(place))
                .ok_or_else(|| self.malformed("there is a parameter that is not supported"))?;
            if slot.replace(self.number(value)?).is_some() {
                return Err(self.malformed("a parameter appears twice"));
            }
        }
        let mut numbers = [0; N];
        for (number, value) in numbers.iter_mut().zip(found) {
            *number = value.ok_or_else(|| self.malformed("a parameter is missing"))?;
        }
        Ok(numbers)
    }

    /// A decimal number without sign or leading zero. One that does not fit becomes the largest, and fails its cap.
    pub fn number(&self, text: &str) -> Result<u64, HashFault> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        if text.is_empty() || !plain || (text.len() > 1 && text.starts_with('0')) {
            return Err(self.malformed("a parameter is not a decimal number"));
        }
        Ok(text.parse().unwrap_or(u64::MAX))
    }

    /// Refuses a value above its cap, else narrows it.
    pub fn at_most(&self, cap: &'static str, value: u64, most: u32) -> Result<u32, HashFault> {
        match u32::try_from(value) {
            Ok(small) if small <= most => Ok(small),
            Ok(_) | Err(_) => {
                Err(HashFault::OverCap { scheme: self.format.scheme, cap, value, most: u64::from(most) })
            }
        }
    }

    /// Refuses zero.
    pub fn at_least_one(&self, value: u32) -> Result<u32, HashFault> {
        if value == 0 { Err(self.malformed("a parameter is zero")) } else { Ok(value) }
    }

    /// The salt of a format that writes it as base64.
    pub fn salt(&self, text: &str, shortest: usize) -> Result<Vec<u8>, HashFault> {
        let salt = self.base64(text, Base64::Unpadded, "the salt is not base64")?;
        self.check_salt(&salt, shortest)?;
        Ok(salt)
    }

    /// Holds a salt to its bounds.
    pub fn check_salt(&self, salt: &[u8], shortest: usize) -> Result<(), HashFault> {
        if salt.len() < shortest {
            return Err(self.malformed("the salt is too short"));
        }
        self.check_bytes("the salt in bytes", salt)
    }

    /// The hash itself.
    pub fn tag(&self, text: &str, base64: Base64) -> Result<Vec<u8>, HashFault> {
        let tag = self.base64(text, base64, "the hash is not base64")?;
        self.check_tag(&tag)?;
        Ok(tag)
    }

    /// The hash itself, in lower-case hexadecimal.
    pub fn hex_tag(&self, text: &str) -> Result<Vec<u8>, HashFault> {
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        let tag = unhex(text).filter(|_| !upper);
        let tag = tag.ok_or_else(|| self.malformed("the hash is not hexadecimal"))?;
        self.check_tag(&tag)?;
        Ok(tag)
    }

    /// Holds a hash to its bounds.
    pub fn check_tag(&self, tag: &[u8]) -> Result<(), HashFault> {
        self.check_bytes("the hash in bytes", tag)?;
        if tag.len() < MIN_TAG_BYTES { Err(self.malformed("the hash is too short")) } else { Ok(()) }
    }

    fn check_bytes(&self, cap: &'static str, bytes: &[u8]) -> Result<(), HashFault> {
        let most = self.format.caps.bytes;
        if bytes.len() <= most {
            return Ok(());
        }
        let scheme = self.format.scheme;
        Err(HashFault::OverCap { scheme, cap, value: bytes.len() as u64, most: most as u64 })
    }

    /// Bytes written as base64; `what` is the fault if they are not.
    pub fn base64(&self, text: &str, base64: Base64, what: &'static str) -> Result<Vec<u8>, HashFault> {
        let decoded = match base64 {
            Base64::Padded => STANDARD.decode(text),
            Base64::Unpadded => STANDARD_NO_PAD.decode(text),
            Base64::Adapted => STANDARD_NO_PAD.decode(text.replace('.', "+")),
        };
        decoded.map_err(|_| self.malformed(what))
    }
}

/// Bytes written in hexadecimal of either case. None for anything else.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
