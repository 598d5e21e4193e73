//! Which stand-in does every secret of a recording get, the same one everywhere?
//!
//! Two passes: the first finds the secrets, by name and by shape, the second replaces them wherever they stand. A token
//! that an answer gave and a later request sent is the same token afterwards, so that the conversation still holds.

#![expect(clippy::wildcard_enum_match_arm, reason = "kinds without a line of their own are treated alike")]

use super::exchange::{Exchange, Recording};
use super::invent;
use super::secrets::{self, Kind, claims, found};
use super::walk::{At, Part, Side, json, mapped};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Shortest secret that is looked for inside of other texts, in bytes.
const WIDE: usize = 8;
/// Segments of paths that are words of an API, whoever is called so.
const API_WORDS: [&str; 22] = [
    "account", "accounts", "admin", "api", "auth", "auths", "avatar", "confirm", "login", "logout", "me",
    "password", "profile", "public", "refresh", "register", "reset", "session", "token", "update", "user",
    "users",
];
/// Names of values that are words of the contract, whoever is called so.
const CONTRACT_NAMES: [&str; 14] = [
    "role",
    "roles",
    "rol",
    "type",
    "status",
    "kind",
    "scope",
    "permission",
    "permissions",
    "group",
    "groups",
    "code",
    "error",
    "lang",
];

/// Secrets and what stands for them.
#[derive(Default)]
pub struct Mask {
    known: BTreeMap<String, (Kind, String)>,
    /// Longest first.
    wide: Vec<(String, String)>,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mask({} secrets)", self.known.len())
    }
}

impl Mask {
    /// Finds every secret of a recording and invents what stands for it.
    pub fn of(recording: &Recording) -> Mask {
        let mut secrets: Vec<(Kind, String)> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut note = |kind: Kind, text: String| {
            if seen.insert((kind, text.clone())) {
                secrets.push((kind, text));
            }
        };
        for exchange in &recording.exchanges {
            let mut look = |at: &At<'_>, value: &str| {
                for (kind, text) in found(at, value) {
                    note_token(kind, &text, &mut note);
                    note(kind, text);
                }
                None
            };
            mapped(exchange, &mut look);
        }
        Mask::invented(secrets)
    }

    fn invented(mut secrets: Vec<(Kind, String)>) -> Mask {
        // Words of names come before user names, which may be made of them; tokens last, for they hold the others.
        let order = |kind: Kind| match kind {
            Kind::Person => 0,
            Kind::Login => 1,
            Kind::Jwt => 3,
            _ => 2,
        };
        secrets.sort_by_key(|(kind, _)| order(*kind));
        let originals: BTreeSet<String> = secrets.iter().map(|(_, text)| text.clone()).collect();
        let mut mask = Mask::default();
        let mut numbers: BTreeMap<Kind, BTreeMap<String, usize>> = BTreeMap::new();
        for (kind, text) in secrets {
            if mask.known.contains_key(&text) {
                continue;
            }
            if kind == Kind::Jwt && mask.wide.is_empty() {
                mask.widen();
            }
            let of_kind = numbers.entry(kind).or_default();
            let next = of_kind.len() + 1;
            // Letter case is a variant of the same secret.
            let number = *of_kind.entry(text.to_lowercase()).or_insert(next);
            let mut stand_in = mask.stand_in(kind, &text, number);
            for again in 1.. {
                if !originals.contains(&stand_in) || again > 20 {
                    break;
                }
                stand_in = mask.stand_in(kind, &text, number + 1000 * again);
            }
            mask.known.insert(text, (kind, stand_in));
        }
        mask.widen();
        mask
    }

    fn widen(&mut self) {
        let is_wide = |text: &str, kind: Kind| match kind {
            Kind::Person | Kind::Code | Kind::Private => false,
            Kind::Password => text.len() >= WIDE && text.bytes().any(|b| !b.is_ascii_lowercase()),
            Kind::Login => text.len() >= WIDE,
            _ => text.len() >= 6,
        };
        let known = self.known.iter().filter(|(text, (kind, _))| is_wide(text, *kind));
        self.wide = known.map(|(text, (_, stand_in))| (text.clone(), stand_in.clone())).collect();
        self.wide.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }

    fn stand_in(&self, kind: Kind, text: &str, number: usize) -> String {
        let seed = (number as u64).wrapping_mul(31).wrapping_add(kind as u64);
        match kind {
            Kind::Email => invent::email(text, number),
            Kind::Phone => invent::phone(text, number),
            Kind::Uuid => invent::cased(&invent::uuid(number), text),
            Kind::Machine => invent::machine(number),
            Kind::Person => invent::word(text, number - 1),
            Kind::Login => self.login(text, number),
            Kind::Jwt => self.token(text, number),
            Kind::Private => format!("private-{number}"),
            Kind::Hash => format!("!hash-{number}"),
            Kind::Token | Kind::Password | Kind::Code => invent::shaped(text, seed),
        }
    }

    /// A user name made of somebody's names stays made of their stand-ins.
    fn login(&self, text: &str, number: usize) -> String {
        let words: Vec<&str> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let known = |word: &str| {
            self.known
                .iter()
                .find(|(name, (kind, _))| *kind == Kind::Person && name.eq_ignore_ascii_case(word))
        };
        if words.iter().all(|word| known(word).is_some()) {
            return words.iter().fold(text.to_owned(), |out, word| match known(word) {
                Some((_, (_, stand_in))) => out.replacen(word, &invent::cased(stand_in, word), 1),
                None => out,
            });
        }
        invent::login(text, number)
    }

    /// The same header, the claims with their own stand-ins, and no signature that anybody could check.
    fn token(&self, text: &str, number: usize) -> String {
        let (Some(header), Some(body)) = (text.split('.').next(), claims(text)) else {
            return invent::shaped(text, number as u64);
        };
        let at = At { name: "", part: Part::Body, side: Side::Good };
        let body = json(&Value::Object(body), &at, &mut |at, value| self.value(at, value));
        let body = URL_SAFE_NO_PAD.encode(body.to_string());
        format!("{header}.{body}.{}", URL_SAFE_NO_PAD.encode(format!("stand-in signature {number:06}")))
    }

    /// The value without secrets, when it holds one.
    fn value(&self, at: &At<'_>, value: &str) -> Option<String> {
        let trimmed = value.trim();
        if at.part == Part::Header && matches!(at.name, "content-type" | "vary" | "allow" | "date") {
            return None;
        }
        if let Some((kind, stand_in)) = self.known.get(trimmed)
            && self.holds(at, *kind, trimmed)
        {
            return Some(value.replacen(trimmed, stand_in, 1));
        }
        let mut out = value.to_owned();
        if secrets::plain_name(at.name).ends_with("name") {
            out = self.words(&out);
        }
        for (secret, stand_in) in &self.wide {
            if out.len() >= secret.len() && out.contains(secret.as_str()) {
                out = out.replace(secret.as_str(), stand_in);
            }
        }
        (out != value).then_some(out)
    }

    /// Whether a whole value at a place is the secret and not a word that happens to be spelled alike.
    fn holds(&self, at: &At<'_>, kind: Kind, text: &str) -> bool {
        let name = secrets::plain_name(at.name);
        match kind {
            Kind::Password | Kind::Code | Kind::Token if text.len() < 6 => {
                found(at, text).iter().any(|(found, _)| *found == kind)
            }
            Kind::Person | Kind::Login => match at.part {
                Part::Path => !API_WORDS.contains(&text.to_ascii_lowercase().as_str()),
                Part::Key | Part::Header => false,
                Part::Query | Part::Cookie | Part::Body => !CONTRACT_NAMES.contains(&name.as_str()),
            },
            Kind::Code | Kind::Password => at.part != Part::Key && at.part != Part::Path,
            _ => true,
        }
    }

    /// The words of a name, each with its stand-in.
    fn words(&self, text: &str) -> String {
        let words = text.split(' ').map(|word| match self.known.get(word) {
            Some((Kind::Person, stand_in)) => stand_in.clone(),
            _ => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// The recording without secrets.
    pub fn recording(&self, recording: &Recording) -> Recording {
        let exchanges: Vec<Exchange> = recording
            .exchanges
            .iter()
            .map(|exchange| mapped(exchange, &mut |at, value| self.value(at, value)))
            .collect();
        Recording { exchanges, ..recording.clone() }
    }

    /// How many secrets were found, by kind.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (kind, _) in self.known.values() {
            *counts.entry(kind.name()).or_default() += 1;
        }
        counts
    }

    /// The kind of a secret that a text to be written still holds; none when it holds none.
    ///
    /// Looks for what is long enough to be nothing else by chance.
    pub fn leak(&self, text: &str) -> Option<&'static str> {
        let telling = |secret: &str, kind: Kind| match kind {
            Kind::Person | Kind::Code | Kind::Private | Kind::Machine => false,
            Kind::Password | Kind::Login => {
                secret.len() >= WIDE && secret.bytes().any(|b| !b.is_ascii_alphabetic() && b != b'_')
            }
            _ => secret.len() >= WIDE,
        };
        let leaked = |(secret, (kind, stand_in)): &(&String, &(Kind, String))| {
            telling(secret, *kind) && *secret != stand_in && text.contains(secret.as_str())
        };
        self.known.iter().find(leaked).map(|(_, (kind, _))| kind.name())
    }
}

/// What is secret among the claims of a token.
fn note_token(kind: Kind, text: &str, note: &mut impl FnMut(Kind, String)) {
    if kind != Kind::Jwt {
        return;
    }
    if let Some(part) = claims(text) {
        let at = At { name: "", part: Part::Body, side: Side::Good };
        json(&Value::Object(part), &at, &mut |at, value| {
            found(at, value).into_iter().for_each(|(kind, text)| note(kind, text));
            None
        });
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
