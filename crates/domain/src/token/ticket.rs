//! Which session does a token belong to, told from the token alone?
//!
//! A token names its session by number, sealed so that nobody outside can read or invent one; only digests of tokens are stored.

use aws_lc_rs::cipher::{AES_128, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use sha2::Digest as _;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::keys::KeyFault;
use crate::secret::SecretBytes;

const SECRET_BYTES: usize = 32;
const BLOCK: usize = 16;
const REFRESH_PREFIX: &str = "csr_";
/// Session, counter and nonce: what an opaque refresh token says before its seal.
const REFRESH_BODY: usize = 8 + 4 + 8;
/// 200 bits of seal make the token 45 bytes, which base64url writes without spare bits.
const REFRESH_SEAL: usize = 25;
/// Random bytes of a CSRF token. With the 32 of its seal they are 48 bytes, which base64url writes without spare bits.
pub const CSRF_RANDOM: usize = 16;
const CSRF_TEXT: usize = (CSRF_RANDOM + 32) / 3 * 4;
const REFRESH_TEXT: usize = REFRESH_PREFIX.len() + (REFRESH_BODY + REFRESH_SEAL) / 3 * 4;

/// What a ticket is for. One kind never opens as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A short-lived access token.
    Access,
    /// A refresh token in JWT form.
    Refresh,
    /// Not a token: the name of a session in a list.
    Listed,
    /// Where a page of a list begins.
    Cursor,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Kind::Access => 1,
            Kind::Refresh => 2,
            Kind::Listed => 3,
            Kind::Cursor => 4,
        }
    }

    fn from_byte(byte: u8) -> Option<Kind> {
        [Kind::Access, Kind::Refresh, Kind::Listed, Kind::Cursor].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// What the id (`jti`) of a token of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The row number of the session; never negative.
    pub session: i64,
    /// For refresh tokens the place in the family, for access tokens any number that makes the id distinct.
    pub counter: u32,
    /// What the token is for.
    pub kind: Kind,
}

/// What an opaque refresh token says.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefreshTicket {
    /// The row number of the session; never negative.
    pub session: i64,
    /// The place in the family: 0 for the first token, one more for each successor.
    pub counter: u32,
    /// A random number of the session, kept in its row. It has to be compared with the row: after a restored backup a row
    /// number may be given again, and then only this tells the old holder from the new one.
    pub nonce: u64,
}

/// The keys that seal session numbers into token ids and opaque refresh tokens. `Debug` shows nothing.
pub struct TicketKey {
    seal: EncryptingKey,
    open: DecryptingKey,
    mark: [u8; 3],
    refresh: hmac::Key,
    csrf: hmac::Key,
}

impl TicketKey {
    /// Derives the keys from one random secret (HKDF-SHA-256, RFC 5869).
    ///
    /// [`KeyFault::TooShort`] below 32 bytes; [`KeyFault::Sample`] if all bytes are the same.
    pub fn new(secret: &SecretBytes) -> Result<TicketKey, KeyFault> {
        let bytes = fit_for_keys(secret)?;
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign ticket 1").extract(bytes);
        let block: Zeroizing<[u8; 16]> = derive(&root, b"id block")?;
        let mark: Zeroizing<[u8; 3]> = derive(&root, b"id mark")?;
        let refresh: Zeroizing<[u8; 32]> = derive(&root, b"refresh seal")?;
        let csrf: Zeroizing<[u8; 32]> = derive(&root, b"csrf token")?;
        let cipher = || UnboundCipherKey::new(&AES_128, &*block).map_err(|_| KeyFault::Unusable);
        Ok(TicketKey {
            seal: EncryptingKey::ecb(cipher()?).map_err(|_| KeyFault::Unusable)?,
            open: DecryptingKey::ecb(cipher()?).map_err(|_| KeyFault::Unusable)?,
            mark: *mark,
            refresh: hmac::Key::new(hmac::HMAC_SHA256, &*refresh),
            csrf: hmac::Key::new(hmac::HMAC_SHA256, &*csrf),
        })
    }

    /// The id of a token as 32 lower-case hexadecimal digits (simplejwt writes its `jti` so).
    pub fn hex(&self, ticket: &Ticket) -> String {
        uuid::Uuid::from_bytes(self.block(ticket)).simple().to_string()
    }

    /// The id of a token in UUID spelling, lower case. Its version and variant bits mean nothing.
    pub fn uuid(&self, ticket: &Ticket) -> String {
        uuid::Uuid::from_bytes(self.block(ticket)).hyphenated().to_string()
    }

    /// The ticket behind an id in either spelling; `None` for every id that was not sealed with this key.
    ///
    /// A random foreign id passes for one of ours with a chance below 2^-31, so this is not proof: the token's signature is.
    pub fn open(&self, id: &str) -> Option<Ticket> {
        let mut block = id_bytes(id)?;
        self.open.decrypt(&mut block, DecryptionContext::None).ok()?;
        let (session, rest) = block.split_first_chunk::<8>()?;
        let (counter, rest) = rest.split_first_chunk::<4>()?;
        let (kind, mark) = rest.split_first()?;
        let session = i64::from_be_bytes(*session);
        if mark != self.mark || session < 0 {
            return None;
        }
        Some(Ticket { session, counter: u32::from_be_bytes(*counter), kind: Kind::from_byte(*kind)? })
    }

    /// The opaque refresh token of this place in this session: the same text every time, 200 bits of it unguessable.
    pub fn refresh_token(&self, ticket: &RefreshTicket) -> String {
        let mut bytes = [0; REFRESH_BODY + REFRESH_SEAL];
        bytes[..8].copy_from_slice(&ticket.session.to_be_bytes());
        bytes[8..12].copy_from_slice(&ticket.counter.to_be_bytes());
        bytes[12..REFRESH_BODY].copy_from_slice(&ticket.nonce.to_be_bytes());
        let seal = self.refresh_seal(&bytes[..REFRESH_BODY]);
        bytes[REFRESH_BODY..].copy_from_slice(&seal);
        let mut text = String::with_capacity(REFRESH_TEXT);
        text.push_str(REFRESH_PREFIX);
        BASE64URL.encode_string(bytes, &mut text);
        text
    }

    /// What an opaque refresh token says; `None` for every text that [`TicketKey::refresh_token`] did not make with this key.
    ///
    /// The seal is compared in constant time.
    pub fn open_refresh(&self, text: &str) -> Option<RefreshTicket> {
        if text.len() != REFRESH_TEXT {
            return None;
        }
        let bytes = BASE64URL.decode(text.strip_prefix(REFRESH_PREFIX)?).ok()?;
        let (body, seal) = bytes.split_at_checked(REFRESH_BODY)?;
        if !bool::from(self.refresh_seal(body).as_slice().ct_eq(seal)) {
            return None;
        }
        let (session, rest) = body.split_first_chunk::<8>()?;
        let (counter, nonce) = rest.split_first_chunk::<4>()?;
        let session = i64::from_be_bytes(*session);
        let nonce = u64::from_be_bytes(*nonce.first_chunk()?);
        (session >= 0).then_some(RefreshTicket { session, counter: u32::from_be_bytes(*counter), nonce })
    }

    /// What a page has to send back with the cookies of this session: `random ‖ HMAC(session ‖ random)` in base64url (SEC-75).
    pub fn csrf_token(&self, session: i64, random: [u8; CSRF_RANDOM]) -> String {
        BASE64URL.encode([&random[..], self.csrf_seal(session, &random).as_ref()].concat())
    }

    /// Whether a text is a CSRF token of this session. The seal is compared in constant time.
    pub fn is_csrf_token(&self, session: i64, text: &str) -> bool {
        if text.len() != CSRF_TEXT {
            return false;
        }
        let Ok(bytes) = BASE64URL.decode(text) else { return false };
        bytes
            .split_at_checked(CSRF_RANDOM)
            .is_some_and(|(random, seal)| bool::from(self.csrf_seal(session, random).as_ref().ct_eq(seal)))
    }

    fn csrf_seal(&self, session: i64, random: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.csrf);
        context.update(b"csrf");
        context.update(&session.to_be_bytes());
        context.update(random);
        context.sign()
    }

    fn refresh_seal(&self, body: &[u8]) -> [u8; REFRESH_SEAL] {
        let mut context = hmac::Context::with_key(&self.refresh);
        context.update(b"refresh");
        context.update(body);
        let tag = context.sign();
        *tag.as_ref().first_chunk().expect("HMAC-SHA-256 gives 32 bytes")
    }

    fn block(&self, ticket: &Ticket) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..8].copy_from_slice(&ticket.session.to_be_bytes());
        block[8..12].copy_from_slice(&ticket.counter.to_be_bytes());
        block[12] = ticket.kind.byte();
        block[13..].copy_from_slice(&self.mark);
        // One block under a fixed key is a permutation: distinct tickets give distinct ids, and equal ones equal ids.
        self.seal.encrypt(&mut block).expect("one whole block encrypts");
        block
    }
}

impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKey(…)")
    }
}

impl std::fmt::Debug for RefreshTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshTicket")
            .field("session", &self.session)
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

/// The SHA-256 of a token's text: what is stored in place of the token.
///
/// Two digests are compared in constant time. `Debug` shows four bytes, enough to find a row and not enough to be one.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a token exactly as it was given.
    pub fn of(token: &str) -> Digest {
        Digest(sha2::Sha256::digest(token).into())
    }

    /// A digest read back from where it was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The 32 bytes to store.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Digest) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Digest({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

/// The secret's bytes, if keys can be derived from them.
pub(super) fn fit_for_keys(secret: &SecretBytes) -> Result<&[u8], KeyFault> {
    let bytes = secret.expose();
    if bytes.len() < SECRET_BYTES {
        return Err(KeyFault::TooShort);
    }
    if bytes.windows(2).all(|two| two[0] == two[1]) {
        return Err(KeyFault::Sample);
    }
    Ok(bytes)
}

/// `N` bytes that follow from a root and a label.
pub(super) fn derive<const N: usize>(root: &hkdf::Prk, label: &[u8]) -> Result<Zeroizing<[u8; N]>, KeyFault> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut key = Zeroizing::new([0; N]);
    root.expand(&[label], Length(N)).and_then(|okm| okm.fill(&mut *key)).map_err(|_| KeyFault::Unusable)?;
    Ok(key)
}

/// The 16 bytes of an id: 32 hexadecimal digits or UUID spelling, lower case only, so that no id has a second spelling in its form.
fn id_bytes(id: &str) -> Option<[u8; BLOCK]> {
    let plain =
        id.len() == 32 || (id.len() == 36 && [8, 13, 18, 23].into_iter().all(|at| id.as_bytes()[at] == b'-'));
    if !plain || id.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    uuid::Uuid::try_parse(id).ok().map(uuid::Uuid::into_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(first: u8) -> TicketKey {
        let bytes: Vec<u8> = (first..first + 32).collect();
        TicketKey::new(&SecretBytes::new(bytes)).unwrap()
    }

    const ACCESS: Ticket = Ticket { session: 7, counter: 3, kind: Kind::Access };
    const REFRESH: RefreshTicket = RefreshTicket { session: 7, counter: 3, nonce: 0x0123_4567_89ab_cdef };

    /// Computed apart with another implementation of HKDF, AES and HMAC: tokens in the wild must outlive an upgrade.
    #[test]
    fn tickets_keep_their_spelling_for_ever() {
        assert_eq!(key(0).hex(&ACCESS), "64d997937fa92a46815e5f07691b0c34");
        assert_eq!(
            key(0).refresh_token(&REFRESH),
            "csr_AAAAAAAAAAcAAAADASNFZ4mrze9GecHeoU-ye_6Ts9qOiAFKMQwUCQZ46kDA"
        );
    }

    #[test]
    fn a_secret_for_tickets_is_long_and_not_constant() {
        let fault = |bytes: &[u8]| TicketKey::new(&SecretBytes::new(bytes)).unwrap_err();
        assert_eq!(fault(b""), KeyFault::TooShort);
        assert_eq!(fault(&[1; 31]), KeyFault::TooShort);
        assert_eq!(fault(&[0; 32]), KeyFault::Sample);
        assert_eq!(format!("{:?}", key(0)), "TicketKey(…)");
    }

    #[test]
    fn a_ticket_opens_in_both_spellings_and_only_with_its_key() {
        for kind in [Kind::Access, Kind::Refresh] {
            let ticket = Ticket { session: i64::MAX, counter: u32::MAX, kind };
            let (hex, uuid) = (key(0).hex(&ticket), key(0).uuid(&ticket));
            assert_eq!((hex.len(), uuid.len(), uuid.replace('-', "")), (32, 36, hex.clone()));
            assert_eq!(key(0).open(&hex), Some(ticket));
            assert_eq!(key(0).open(&uuid), Some(ticket));
            assert_eq!(key(1).open(&hex), None);
        }
        assert_eq!(key(0).open(&key(0).hex(&Ticket { session: -1, ..ACCESS })), None);
    }

    #[test]
    fn no_other_spelling_of_a_ticket_opens() {
        let (hex, uuid) = (key(0).hex(&ACCESS), key(0).uuid(&ACCESS));
        for text in [
            hex.to_uppercase(),
            uuid.to_uppercase(),
            format!("{{{uuid}}}"),
            format!("urn:uuid:{uuid}"),
            format!(" {hex}"),
            format!("{hex}0"),
            hex[1..].to_owned(),
            String::new(),
            "é".repeat(16),
            "é".repeat(18),
            uuid.replace('-', "_"),
        ] {
            assert_eq!(key(0).open(&text), None, "{text}");
        }
        for at in 0..hex.len() {
            for digit in "0123456789abcdefABCDEFg-".chars().filter(|digit| !hex[at..].starts_with(*digit)) {
                let text = format!("{}{digit}{}", &hex[..at], &hex[at + 1..]);
                assert_eq!(key(0).open(&text), None, "{text}");
            }
        }
    }

    #[test]
    fn every_bit_of_a_refresh_token_counts() {
        let token = key(0).refresh_token(&REFRESH);
        assert_eq!(key(0).open_refresh(&token), Some(REFRESH));
        assert_eq!(key(1).open_refresh(&token), None);
        assert_eq!(key(0).refresh_token(&REFRESH), token);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= .";
        for at in 0..token.len() {
            assert_eq!(key(0).open_refresh(&token[..at]), None);
            for other in alphabet.chars().filter(|other| !token[at..].starts_with(*other)) {
                let text = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                assert_eq!(key(0).open_refresh(&text), None, "{text}");
            }
        }
        for text in [
            format!("{token}A"),
            format!("{token}="),
            format!(" {token}"),
            token.to_uppercase(),
            token.to_lowercase(),
        ] {
            assert_eq!(key(0).open_refresh(&text), None, "{text}");
        }
        assert_eq!(key(0).open_refresh(&"é".repeat(32)), None);
    }

    // SEC-75
    #[test]
    fn a_csrf_token_is_of_one_session_and_every_letter_of_it_counts() {
        let token = key(0).csrf_token(7, [5; CSRF_RANDOM]);
        assert_eq!(token.len(), CSRF_TEXT);
        assert!(key(0).is_csrf_token(7, &token));
        assert!(!key(0).is_csrf_token(8, &token) && !key(1).is_csrf_token(7, &token));
        assert_ne!(key(0).csrf_token(7, [6; CSRF_RANDOM]), token);
        for at in 0..token.len() {
            assert!(!key(0).is_csrf_token(7, &token[..at]));
            let other = if token[at..].starts_with('A') { 'B' } else { 'A' };
            assert!(
                !key(0).is_csrf_token(7, &format!("{}{other}{}", &token[..at], &token[at + 1..])),
                "{at}"
            );
        }
        for text in
            [String::new(), format!("{token}A"), format!("{token}="), "A".repeat(CSRF_TEXT), "é".repeat(32)]
        {
            assert!(!key(0).is_csrf_token(7, &text), "{text}");
        }
    }

    #[test]
    fn a_digest_is_of_the_exact_text_and_prints_little() {
        let digest = Digest::of("abc");
        assert_eq!(digest.bytes()[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(format!("{digest:?}"), "Digest(ba7816bf…)");
        assert_eq!(Digest::from_bytes(*digest.bytes()), digest);
        assert_ne!(Digest::of("abc "), digest);
        assert!(!format!("{REFRESH:?}").contains("nonce"));
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(session in 0..=i64::MAX, counter: u32, nonce: u64) {
            let key = key(9);
            let ticket = Ticket { session, counter, kind: Kind::Refresh };
            prop_assert_eq!(key.open(&key.hex(&ticket)), Some(ticket));
            let refresh = RefreshTicket { session, counter, nonce };
            prop_assert!(key.open_refresh(&key.refresh_token(&refresh)) == Some(refresh));
        }

        #[test]
        fn no_text_is_opened_that_was_not_sealed(text in ".{0,70}", hex in "[0-9a-f]{32}", opaque in "csr_[A-Za-z0-9_-]{60}") {
            prop_assert_eq!(key(9).open(&text), None);
            prop_assert_eq!(key(9).open(&hex), None);
            prop_assert!(key(9).open_refresh(&text).is_none());
            prop_assert!(key(9).open_refresh(&opaque).is_none());
        }
    }
}
