//! Do tokens of other libraries read as they should, and is every hostile token refused?

mod claims;
mod hostile;
mod keys;
mod old;
mod vectors;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::*;
use crate::secret::SecretBytes;

const CLAIMS: &[u8] = br#"{"sub":"7","exp":1790000060}"#;

/// The header and claims as given, signed over their exact text.
fn craft(header: &str, claims: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    craft_encoded(&BASE64URL.encode(header), &BASE64URL.encode(claims), sign)
}

fn craft_encoded(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{header}.{claims}");
    let signature = BASE64URL.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn shared_key() -> Key {
    Key::hs256(&SecretBytes::new(*b"correct horse battery staple 123"), false).unwrap()
}

fn set_of(key: &Key) -> KeySet {
    KeySet::new(key.clone(), vec![], HeaderPlan::default()).unwrap()
}

fn one_of_each() -> [Key; 4] {
    let [es, ed, rs] =
        [Key::generate_es256(), Key::generate_eddsa(), Key::generate_rs256()].map(|made| made.unwrap().0);
    [shared_key(), es, ed, rs]
}
