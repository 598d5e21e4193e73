//! How does a connection become requests, and a request an answer?

pub mod accept;
mod activity;
mod answer;
pub mod body;
mod caught;
pub mod client;
mod cors;
mod crowd;
pub mod device;
mod framing;
mod guard;
mod headers;
pub mod own;
mod problem;
pub mod speak;

/// A UUID of version 4 in its usual spelling; its six fixed bits are set here.
pub(crate) fn uuid_text(mut bytes: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
