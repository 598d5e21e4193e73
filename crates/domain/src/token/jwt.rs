//! How is a signed token written, and is a given text one that our keys signed? (RFC 7515, 7519, 8725)
//!
//! Answers for the signature and the form only; what the claims mean is read from [`Claims`].

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value, json};

use super::claims::Claims;
use super::keys::{Algorithm, Key, KeySet};
use crate::json::strict_object;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The longest header worth decoding, in bytes of base64url: our own are below 200.
const MAX_HEADER_BYTES: usize = 4 * 1024;
pub(super) const MAX_KID_BYTES: usize = 256;
const HEADER_DEPTH: u8 = 4;
const CLAIMS_DEPTH: u8 = 16;

/// Why a token is not accepted. None of these carries a value out of the token, only names of claims.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not the strict compact form, or a header that no token of ours can have.
    #[error("not a well-formed token")]
    Malformed,
    /// None of our keys made this signature with its own algorithm.
    #[error("the signature is not ours")]
    BadSignature,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is still to come, or `iat` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A claim that has to be there is absent.
    #[error("the claim {0} is missing")]
    MissingClaim(String),
    /// A claim has another JSON type, or a value outside the range of its type.
    #[error("the claim {0} has the wrong type")]
    WrongType(String),
    /// Ours, but made for another use: another kind, `typ`, issuer or audience.
    #[error("the token is of another kind")]
    WrongKind,
}

/// How the header of a token is written, and whether its `typ` is checked when one comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPlan {
    /// The value of `typ`, or no such field.
    pub typ: Option<String>,
    /// `alg` before `typ` (simplejwt, jsonwebtoken), else after it.
    pub alg_first: bool,
    /// Whether `kid` is written, last, if the key has one.
    pub kid: bool,
    /// Whether tokens with another `typ`, or without one, are [`TokenFault::WrongKind`].
    pub check_typ: bool,
}

impl Default for HeaderPlan {
    /// `{"alg":…,"typ":"JWT"}`, which is what most applications write; `typ` is not checked.
    fn default() -> HeaderPlan {
        HeaderPlan { typ: Some("JWT".to_owned()), alg_first: true, kid: false, check_typ: false }
    }
}

impl HeaderPlan {
    /// The header of tokens that `key` signs, in base64url.
    pub(super) fn encode(&self, key: &Key) -> String {
        let alg = ("alg", Some(key.algorithm().name()));
        let typ = ("typ", self.typ.as_deref());
        let kid = ("kid", key.kid().filter(|_| self.kid));
        let order = if self.alg_first { [alg, typ, kid] } else { [typ, alg, kid] };
        let fields: Vec<String> = order
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{}:{}", json!(name), json!(value?))))
            .collect();
        BASE64URL.encode(format!("{{{}}}", fields.join(",")))
    }
}

/// The few header fields that are ever looked at.
pub(super) struct Header<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
}

impl KeySet {
    /// A token over `claims_json`, signed by the active key.
    ///
    /// The claims are taken byte for byte, so their order and spelling are the caller's; they must be one JSON object,
    /// and small enough that the token stays within [`MAX_TOKEN_BYTES`], or [`KeySet::verify`] will refuse it.
    /// ES256 signatures differ from call to call; the other three algorithms always give the same text.
    /// An ES256 token has a second spelling that verifies as well (s and n - s), so a token is known by its `jti`, never by its text alone.
    pub fn sign(&self, claims_json: &[u8]) -> String {
        let header = self.header();
        let mut token = String::with_capacity(header.len() + claims_json.len() * 4 / 3 + 96);
        token.push_str(header);
        token.push('.');
        BASE64URL.encode_string(claims_json, &mut token);
        let signature = self.active().signature(token.as_bytes());
        token.push('.');
        BASE64URL.encode_string(signature, &mut token);
        token
    }

    /// The claims of a token that one of our keys signed, with that key's own algorithm.
    ///
    /// Only form and signature are checked: the caller goes on with [`Claims::check_times`] and the kind.
    /// The `alg` of the header has to agree with the key; `kid` only selects among our keys; `jku`, `jwk`, `x5u` and `x5c`
    /// are never read; `crit` and `b64` are refused (RFC 8725 section 3.1, 3.10).
    pub fn verify(&self, token: &str) -> Result<Claims, TokenFault> {
        let parts = three_parts(token)?;
        let header = self.read_header(parts.0)?;
        let claims = signed_by(token, parts, self.candidates(&header));
        if claims.is_ok() {
            self.check_typ(&header)?;
        }
        claims
    }

    fn read_header(&self, encoded: &str) -> Result<Header<'_>, TokenFault> {
        if encoded == self.header() {
            // Our own header, letter for letter: nothing in it needs to be read again.
            let kid = self.active().kid().filter(|_| self.plan().kid).map(Cow::Borrowed);
            let typ = self.plan().typ.as_deref().map(Cow::Borrowed);
            return Ok(Header { algorithm: self.active().algorithm(), kid, typ });
        }
        read_header(encoded)
    }

    /// The key that `kid` names, or every key when it names none, always of the header's algorithm only.
    ///
    /// A name that is not ours selects nothing (SEC-50). Shared secrets have no names, so every name fits them.
    fn candidates<'a>(&'a self, header: &'a Header<'_>) -> impl Iterator<Item = &'a Key> {
        let fits = |key: &&Key| key.algorithm() == header.algorithm;
        let named =
            |key: &&Key| header.kid.is_none() || key.kid().is_none() || key.kid() == header.kid.as_deref();
        self.keys().filter(fits).filter(named)
    }

    fn check_typ(&self, header: &Header<'_>) -> Result<(), TokenFault> {
        let plan = self.plan();
        if !plan.check_typ {
            return Ok(());
        }
        match (header.typ.as_deref(), plan.typ.as_deref()) {
            (None, None) => Ok(()),
            (Some(given), Some(planned)) if same_media_type(given, planned) => Ok(()),
            (Some(_) | None, Some(_) | None) => Err(TokenFault::WrongKind),
        }
    }
}

/// Reads a header. Refused: one that no token that is worth a look can have, and algorithms that are not on the list.
pub(super) fn read_header(encoded: &str) -> Result<Header<'static>, TokenFault> {
    if encoded.len() > MAX_HEADER_BYTES {
        return Err(TokenFault::Malformed);
    }
    let text = BASE64URL.decode(encoded).map_err(|_| TokenFault::Malformed)?;
    let fields = strict_object(&text, HEADER_DEPTH).ok_or(TokenFault::Malformed)?;
    if fields.contains_key("crit") || fields.contains_key("b64") {
        return Err(TokenFault::Malformed);
    }
    let kid = text_field(&fields, "kid")?.map(Cow::<str>::Owned);
    if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES || kid.chars().any(char::is_control)) {
        return Err(TokenFault::Malformed);
    }
    let alg = text_field(&fields, "alg")?.ok_or(TokenFault::Malformed)?;
    let algorithm = Algorithm::named(&alg).ok_or(TokenFault::BadSignature)?;
    Ok(Header { algorithm, kid, typ: text_field(&fields, "typ")?.map(Cow::Owned) })
}

/// The claims of a token that one of these keys signed.
pub(super) fn signed_by<'k>(
    token: &str,
    (_, payload, signature): (&str, &str, &str),
    mut keys: impl Iterator<Item = &'k Key>,
) -> Result<Claims, TokenFault> {
    let signed = &token.as_bytes()[..token.len() - signature.len() - 1];
    let payload = BASE64URL.decode(payload).map_err(|_| TokenFault::Malformed)?;
    let signature = BASE64URL.decode(signature).map_err(|_| TokenFault::Malformed)?;
    if !keys.any(|key| key.verifies(signed, &signature)) {
        return Err(TokenFault::BadSignature);
    }
    strict_object(&payload, CLAIMS_DEPTH).map(Claims::new).ok_or(TokenFault::Malformed)
}

/// Header, payload and signature, none of them empty.
pub(super) fn three_parts(token: &str) -> Result<(&str, &str, &str), TokenFault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenFault::Malformed);
    }
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None)
            if !header.is_empty() && !payload.is_empty() && !signature.is_empty() =>
        {
            Ok((header, payload, signature))
        }
        _ => Err(TokenFault::Malformed),
    }
}

/// Compared without case; "application/" may be left out (RFC 7515 section 4.1.9).
fn same_media_type(one: &str, other: &str) -> bool {
    const FULL: &str = "application/";
    let short = |typ: &str| match typ.split_at_checked(FULL.len()) {
        Some((head, tail)) if head.eq_ignore_ascii_case(FULL) => tail.to_ascii_lowercase(),
        Some(_) | None => typ.to_ascii_lowercase(),
    };
    short(one) == short(other)
}

fn text_field(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, TokenFault> {
    match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(TokenFault::Malformed)
        }
    }
}
