//! How do crypt(3) and phpass write bytes as text?
//!
//! Three bytes at a time become four characters of `./0-9A-Za-z`, the lowest six bits first.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The value of a character. None if it is not of the alphabet.
pub(super) fn value(character: u8) -> Option<u32> {
    ALPHABET.iter().position(|known| *known == character).and_then(|at| u32::try_from(at).ok())
}

/// Whether every byte is of the alphabet.
pub(super) fn is_text(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// The text of groups of three bytes, the highest first, cut to its length.
pub(super) fn encode(groups: impl Iterator<Item = [u8; 3]>, length: usize) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(length + 4));
    for [high, middle, low] in groups {
        let bits = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        text.extend([0, 6, 12, 18].map(|shift| ALPHABET[bits >> shift & 63]));
    }
    text.truncate(length);
    text
}
