//! Is a value a secret, or does it name somebody? By its name and by its shape.

#![expect(clippy::wildcard_enum_match_arm, reason = "kinds without a line of their own are treated alike")]

use super::walk::{At, Part, Side};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// What is wrong with showing a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A signed token whose claims can be read.
    Jwt,
    /// A random text that opens something.
    Token,
    /// The hash of a password.
    Hash,
    /// A password.
    Password,
    /// A short code.
    Code,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A UUID.
    Uuid,
    /// The address of a machine.
    Machine,
    /// A word of somebody's name.
    Person,
    /// A user name.
    Login,
    /// Something else about somebody.
    Private,
}

impl Kind {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Jwt => "signed token",
            Kind::Token => "token",
            Kind::Hash => "hash",
            Kind::Password => "password",
            Kind::Code => "code",
            Kind::Email => "e-mail address",
            Kind::Phone => "phone number",
            Kind::Uuid => "UUID",
            Kind::Machine => "machine address",
            Kind::Person => "name",
            Kind::Login => "user name",
            Kind::Private => "private value",
        }
    }
}

/// Beginnings of stored password hashes.
const HASHES: [&str; 16] = [
    "pbkdf2_",
    "bcrypt$",
    "bcrypt_sha256$",
    "argon2$",
    "scrypt$",
    "scrypt:",
    "pbkdf2:",
    "sha1$",
    "md5$",
    "$2a$",
    "$2b$",
    "$2y$",
    "$argon2",
    "$scrypt$",
    "$pbkdf2",
    "{SSHA",
];
/// Header fields in which no secret stands, whatever it looks like.
const PLAIN_FIELDS: [&str; 14] = [
    "accept",
    "allow",
    "content-disposition",
    "content-language",
    "content-security-policy",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "origin",
    "server",
    "vary",
    "www-authenticate",
];
/// Names whose value is a word of the contract, although a part of the name sounds like a secret.
const PLAIN_ENDINGS: [&str; 11] = [
    "type",
    "kind",
    "expires",
    "expiresin",
    "expiresat",
    "expiry",
    "ttl",
    "class",
    "count",
    "error",
    "errors",
];

struct Shapes {
    jwt: Regex,
    email: Regex,
    uuid: Regex,
    machine: Regex,
    phone: Regex,
}

fn shapes() -> Option<&'static Shapes> {
    static SHAPES: OnceLock<Option<Shapes>> = OnceLock::new();
    let read = || {
        Some(Shapes {
            jwt: Regex::new(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*").ok()?,
            email: Regex::new(r"[A-Za-z0-9.!#$&'*+_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+").ok()?,
            uuid: Regex::new(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
                .ok()?,
            machine: Regex::new(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b").ok()?,
            phone: Regex::new(r"^\+\d[\d ().-]{6,18}$").ok()?,
        })
    };
    SHAPES.get_or_init(read).as_ref()
}

/// A name without what different writers do differently.
pub fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// Every secret in a value, with its kind.
pub fn found(at: &At<'_>, value: &str) -> Vec<(Kind, String)> {
    let trimmed = value.trim();
    if trimmed.is_empty() || (at.part == Part::Header && PLAIN_FIELDS.contains(&at.name)) {
        return Vec::new();
    }
    let name = plain_name(at.name);
    let mut all = by_shape(trimmed);
    if all.iter().any(|(_, text)| text == trimmed) {
        return all;
    }
    if let Some(kind) = by_name(&name, at, trimmed) {
        if kind == Kind::Person {
            all.extend(trimmed.split_whitespace().map(|word| (Kind::Person, word.to_owned())));
        } else {
            all.push((kind, trimmed.to_owned()));
        }
    }
    all
}

fn by_shape(value: &str) -> Vec<(Kind, String)> {
    let mut all = Vec::new();
    if HASHES.iter().any(|start| value.starts_with(start)) && value.len() > 20 {
        return vec![(Kind::Hash, value.to_owned())];
    }
    let Some(shapes) = shapes() else { return vec![(Kind::Token, value.to_owned())] };
    for (kind, shape) in [
        (Kind::Jwt, &shapes.jwt),
        (Kind::Email, &shapes.email),
        (Kind::Uuid, &shapes.uuid),
        (Kind::Machine, &shapes.machine),
    ] {
        all.extend(shape.find_iter(value).map(|found| (kind, found.as_str().to_owned())));
    }
    all.retain(|(kind, text)| match kind {
        Kind::Jwt => claims(text).is_some() || text.len() > 40,
        Kind::Email => !is_reserved(text),
        Kind::Machine => !text.starts_with("127.") && !text.starts_with("192.0.2."),
        _ => true,
    });
    for (kind, text) in &mut all {
        if *kind == Kind::Jwt && claims(text).is_none() {
            *kind = Kind::Token;
        }
    }
    if all.is_empty() && shapes.phone.is_match(value) {
        all.push((Kind::Phone, value.to_owned()));
    }
    let known: Vec<String> = all.iter().map(|(_, text)| text.clone()).collect();
    let random = random_words(value)
        .filter(|word| !known.iter().any(|text| text.contains(word) || word.contains(text.as_str())));
    all.extend(random.map(|word| (Kind::Token, word.to_owned())));
    all
}

/// Endings of file names, which are no part of a random one.
const ENDINGS: [&str; 7] = [".gif", ".jpeg", ".jpg", ".pdf", ".png", ".svg", ".webp"];

fn random_words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'<>(),;?&=/".contains(c));
    let words = words.map(|word| ENDINGS.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word));
    words.filter(|word| is_random(word))
}

/// The text with its random words by their kind.
pub fn without_random(text: &str) -> String {
    random_words(text).fold(text.to_owned(), |out, word| out.replace(word, "<random>"))
}

/// An address that belongs to nobody (RFC 2606, RFC 6761).
fn is_reserved(email: &str) -> bool {
    let host = email.rsplit('@').next().unwrap_or("").to_ascii_lowercase();
    let names = ["example.com", "example.org", "example.net", "localhost"];
    let ends = [".example", ".test", ".invalid", ".localhost"];
    names.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
        || ends.iter().any(|end| host.ends_with(end))
}

/// Whether a word is long and random: a token, a key or a digest.
fn is_random(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if word.len() < 20 || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+.~=:".contains(&b)) {
        return false;
    }
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let is_hex = word.len() >= 24 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let changes = word
        .as_bytes()
        .windows(2)
        .filter(|pair| {
            let class = |b: u8| (b.is_ascii_digit(), b.is_ascii_uppercase(), b.is_ascii_lowercase());
            class(pair[0]) != class(pair[1])
        })
        .count();
    let moment = word.as_bytes().get(4) == Some(&b'-') && word.as_bytes().get(10) == Some(&b'T');
    is_hex && digits > 0 || (digits >= 2 && letters >= 4 && changes * 5 >= word.len() && !moment)
}

fn by_name(name: &str, at: &At<'_>, value: &str) -> Option<Kind> {
    let is_asked = at.side == Side::Asked;
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    let holds = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if name.is_empty() || at.part == Part::Key || (at.side == Side::Refused && at.part == Part::Body) {
        return None;
    }
    if ends(&PLAIN_ENDINGS) || matches!(value, "true" | "false" | "null") {
        return None;
    }
    let has_spaces = value.contains(char::is_whitespace);
    if holds(&["password", "passwd", "passphrase", "passcode", "pwd"])
        || ["pass", "pw", "pin", "secret"].contains(&name)
    {
        return (is_asked || !has_spaces).then_some(Kind::Password);
    }
    if at.part == Part::Cookie || name == "authorization" {
        return Some(Kind::Token);
    }
    let opens = [
        "token",
        "secret",
        "apikey",
        "session",
        "csrf",
        "xsrf",
        "refresh",
        "bearer",
        "jwt",
        "signature",
        "nonce",
        "ticket",
        "assertion",
        "credential",
        "sid",
        "grant",
        "authcode",
    ];
    if holds(&opens) && !has_spaces && (is_asked || value.len() >= 8) && value.len() >= 6 {
        return Some(Kind::Token);
    }
    if (ends(&["otp", "totp", "code", "passcode", "mfa"])
        && (is_asked || value.bytes().all(|b| b.is_ascii_digit())))
        && (4..=24).contains(&value.len())
        && value.bytes().any(|b| b.is_ascii_digit())
        && !has_spaces
    {
        return Some(Kind::Code);
    }
    of_a_person(name, value)
}

fn of_a_person(name: &str, value: &str) -> Option<Kind> {
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    if (name.contains("phone") || ends(&["mobile", "tel", "msisdn", "whatsapp"])) && digits >= 6 {
        return Some(Kind::Phone);
    }
    if [
        "firstname",
        "givenname",
        "forename",
        "lastname",
        "surname",
        "familyname",
        "middlename",
        "fullname",
        "displayname",
        "realname",
        "name",
    ]
    .contains(&name)
    {
        return value.chars().any(char::is_alphabetic).then_some(Kind::Person);
    }
    if ends(&["username", "nickname", "handle"]) || ["login", "user", "userid", "identifier"].contains(&name)
    {
        return (value.chars().any(char::is_alphabetic) && !value.contains('@')).then_some(Kind::Login);
    }
    let private = [
        "dob",
        "birthdate",
        "birthday",
        "dateofbirth",
        "street",
        "address",
        "iban",
        "ssn",
        "taxid",
        "passport",
    ];
    private.contains(&name).then_some(Kind::Private)
}

/// The claims of a JWT, unverified.
pub fn claims(token: &str) -> Option<Map<String, Value>> {
    part(token, 1)
}

/// The JOSE header of a JWT.
pub fn jose(token: &str) -> Option<Map<String, Value>> {
    part(token, 0)
}

fn part(token: &str, number: usize) -> Option<Map<String, Value>> {
    let parts: Vec<&str> = token.split('.').collect();
    if parts.len() != 3 {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[number]).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(name: &str, side: Side, value: &str) -> Vec<Kind> {
        let at = At { name, part: Part::Body, side };
        found(&at, value).into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn secrets_are_known_by_name() {
        for (name, value, kind) in [
            ("password", "x", Kind::Password),
            ("new_password2", "hunter2 hunter2", Kind::Password),
            ("refreshToken", "b2KkpPp3ar4m", Kind::Token),
            ("otp", "123456", Kind::Code),
            ("phoneNumber", "0171 2345678", Kind::Phone),
            ("username", "jane", Kind::Login),
            ("first_name", "Jane", Kind::Person),
            ("birthDate", "1970-01-01", Kind::Private),
        ] {
            assert_eq!(kinds(name, Side::Asked, value), [kind], "{name}");
        }
    }

    #[test]
    fn secrets_are_known_by_shape() {
        for (value, kind) in [
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2ln", Kind::Jwt),
            ("$2b$12$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234", Kind::Hash),
            ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Kind::Token),
            ("xK9pQ2mZ7rT4vW1bN8cL5", Kind::Token),
            ("ana@corp.example.io", Kind::Email),
            ("5c635aaf-a1b5-4f58-bb29-20831da1961d", Kind::Uuid),
            ("+49 171 2345678", Kind::Phone),
        ] {
            assert_eq!(kinds("x", Side::Good, value), [kind], "{value}");
        }
        assert_eq!(kinds("message", Side::Good, "Sent to ana@corp.example.io!"), [Kind::Email]);
    }

    #[test]
    fn words_of_the_contract_are_no_secrets() {
        for (name, value) in [
            ("token_type", "Bearer"),
            ("tokenType", "access"),
            ("error_code", "invalid_credentials"),
            ("message", "Given token not valid for any token type"),
            ("created_at", "2026-11-20T22:35:23.105696-05:00"),
            ("email", "ana@example.com"),
            ("url", "https://shop.example/media/avatars/profile.jpg"),
            ("role", "administrator"),
        ] {
            assert_eq!(kinds(name, Side::Good, value), [], "{name}");
        }
        assert_eq!(kinds("password", Side::Refused, "This field is required."), []);
    }
}
