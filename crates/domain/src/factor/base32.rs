//! How are bytes written so that people can type them? (RFC 4648 section 6, without padding)

use crate::secret::SecretBytes;
use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Five bits a character; missing bits at the end are zero.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(character(held >> bits));
        }
    }
    if bits > 0 {
        text.push(character(held << (5 - bits)));
    }
    text
}

fn character(five: u32) -> char {
    char::from(ALPHABET[usize::try_from(five & 31).unwrap_or(0)])
}

/// Reads upper or lower case. Refused: any other character, a length that no bytes have, spare bits that are not zero.
pub fn decode(text: &str) -> Option<SecretBytes> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 5 / 8));
    let (mut held, mut bits) = (0_u32, 0);
    for character in text.bytes() {
        let five = ALPHABET.iter().position(|known| *known == character.to_ascii_uppercase())?;
        held = (held << 5) | u32::try_from(five).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (bits < 5 && held == 0).then(|| SecretBytes::new(&bytes[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_those_of_rfc_4648() {
        let table = [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
        ];
        for (clear, text) in table {
            assert_eq!(encode(clear.as_bytes()), text);
            assert_eq!(decode(text).unwrap().expose(), clear.as_bytes(), "{text}");
            assert_eq!(decode(&text.to_lowercase()).unwrap().expose(), clear.as_bytes());
        }
        for text in ["M", "MZ1W6", "MZXW6YT8", "MZX", "MZ", "MY======", "ＭＹ"] {
            assert!(decode(text).is_none(), "{text}");
        }
    }
}
