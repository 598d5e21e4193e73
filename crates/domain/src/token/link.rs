//! How does the number of a link become the token in a letter, and back?
//!
//! The token is the link's number under a seal of the server's key, so that nothing in the database can be used (SEC-108).

use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::keys::KeyFault;
use super::ticket::{derive, fit_for_keys};
use crate::letter::LinkId;
use crate::link::LinkKind;
use crate::secret::{Secret, SecretBytes};

const PREFIX: &str = "csl_";
const NUMBER: usize = 16;
const SEAL: usize = 32;
/// 48 bytes, which base64url writes without spare bits: a token has one spelling.
const TEXT: usize = PREFIX.len() + (NUMBER + SEAL) / 3 * 4;

/// The key that seals the numbers of links. `Debug` shows nothing.
pub struct LinkKey {
    key: hmac::Key,
}

impl LinkKey {
    /// Derives the key from the same secret as the tickets' (HKDF-SHA-256, RFC 5869), apart from theirs.
    ///
    /// [`KeyFault::TooShort`] below 32 bytes; [`KeyFault::Sample`] if all bytes are the same.
    pub fn new(secret: &SecretBytes) -> Result<LinkKey, KeyFault> {
        let bytes = fit_for_keys(secret)?;
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign link 1").extract(bytes);
        let key: Zeroizing<[u8; 32]> = derive(&root, b"link seal")?;
        Ok(LinkKey { key: hmac::Key::new(hmac::HMAC_SHA256, &*key) })
    }

    /// The token of a link: `csl_` and 64 characters, 256 bits of it unguessable. The same link has the same token.
    pub fn token(&self, kind: LinkKind, id: LinkId) -> Secret {
        let mut bytes = [0; NUMBER + SEAL];
        bytes[..NUMBER].copy_from_slice(&id.0);
        bytes[NUMBER..].copy_from_slice(self.seal(kind, &id.0).as_ref());
        let mut text = String::with_capacity(TEXT);
        text.push_str(PREFIX);
        BASE64URL.encode_string(bytes, &mut text);
        Secret::new(text)
    }

    /// The link of a token; none for every text that [`LinkKey::token`] did not make with this key.
    ///
    /// Seals are compared in constant time. Nothing is trimmed, and letter case counts (SEC-35).
    pub fn open(&self, text: &str) -> Option<(LinkKind, LinkId)> {
        if text.len() != TEXT {
            return None;
        }
        let bytes = BASE64URL.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (number, seal) = bytes.split_first_chunk::<NUMBER>()?;
        let sealed = |kind: &LinkKind| bool::from(self.seal(*kind, number).as_ref().ct_eq(seal));
        LinkKind::ALL.into_iter().find(sealed).map(|kind| (kind, LinkId(*number)))
    }

    fn seal(&self, kind: LinkKind, number: &[u8; NUMBER]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(number);
        context.update(kind.name().as_bytes());
        context.sign()
    }
}

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(first: u8) -> LinkKey {
        let bytes: Vec<u8> = (first..first + 32).collect();
        LinkKey::new(&SecretBytes::new(bytes)).unwrap()
    }

    const ID: LinkId = LinkId([7; 16]);

    /// Computed apart with another implementation of HKDF and HMAC: letters in mailboxes must outlive an upgrade.
    #[test]
    fn tokens_keep_their_spelling_for_ever() {
        let token = key(0).token(LinkKind::ResetPassword, ID);
        assert_eq!(token.expose(), "csl_BwcHBwcHBwcHBwcHBwcHBwMwlMTMWlOhJC1L_OoGz_13KDWFHlvNMh9LAzvWgM0Z");
    }

    #[test]
    fn a_secret_for_links_is_long_and_not_constant() {
        let fault = |bytes: &[u8]| LinkKey::new(&SecretBytes::new(bytes)).unwrap_err();
        assert_eq!(fault(&[1; 31]), KeyFault::TooShort);
        assert_eq!(fault(&[0; 32]), KeyFault::Sample);
        assert_eq!(format!("{:?}", key(0)), "LinkKey(…)");
    }

    /// SEC-42: a token of one purpose is no token of another.
    #[test]
    fn a_token_opens_as_its_own_kind_and_only_with_its_key() {
        for kind in LinkKind::ALL {
            let token = key(0).token(kind, ID);
            assert_eq!(key(0).open(token.expose()), Some((kind, ID)));
            assert_eq!(key(1).open(token.expose()), None);
        }
    }

    /// SEC-35: empty, white space and damaged tokens never match.
    #[test]
    fn every_bit_of_a_token_counts() {
        let token = key(0).token(LinkKind::VerifyEmail, ID);
        let token = token.expose();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= .";
        for at in 0..token.len() {
            assert_eq!(key(0).open(&token[..at]), None);
            for other in alphabet.chars().filter(|other| !token[at..].starts_with(*other)) {
                let text = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                assert_eq!(key(0).open(&text), None, "{text}");
            }
        }
        for text in [
            String::new(),
            " ".repeat(TEXT),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{token}="),
            token.to_uppercase(),
            token.to_lowercase(),
            "é".repeat(TEXT / 2),
        ] {
            assert_eq!(key(0).open(&text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_opened_that_was_not_sealed(text in ".{0,80}", opaque in "csl_[A-Za-z0-9_-]{64}") {
            prop_assert!(key(9).open(&text).is_none());
            prop_assert!(key(9).open(&opaque).is_none());
        }
    }
}
