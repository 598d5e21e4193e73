//! When are two spellings the same person?

use unicode_normalization::UnicodeNormalization;

/// The canonical key of an e-mail address; equal keys are the same mailbox (SEC-30).
///
/// Trimmed, NFC, exactly one `@`, domain as lower-case A-label (UTS 46), local part in lower case.
/// No provider tricks: dots and plus signs count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailKey(String);

/// The canonical key of a user name; equal keys are the same name.
///
/// Trimmed and NFC. Letter case counts, because the contracts we take over let `jane` and `Jane` be two people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UsernameKey(String);

/// Longest e-mail address, in bytes (RFC 5321 section 4.5.3.1.3 less the brackets).
pub const EMAIL_MAX_BYTES: usize = 254;
/// Longest local part, in bytes (RFC 5321 section 4.5.3.1.1).
pub const EMAIL_LOCAL_MAX_BYTES: usize = 64;
/// Longest user name, in code points. Dialects may ask for less.
pub const USERNAME_MAX_CHARS: usize = 150;

impl EmailKey {
    /// Computes the key. Refused: anything that is not one address a mail could be sent to.
    pub fn parse(text: &str) -> Option<EmailKey> {
        let typed = text.trim();
        // Looked at before NFC, which would make a plain `K` of the Kelvin sign.
        let odd = |c: char| c.is_control() || c.is_whitespace() || (!c.is_ascii() && folds_to_ascii(c));
        if typed.len() > EMAIL_MAX_BYTES || typed.chars().any(odd) {
            return None;
        }
        let text: String = typed.nfc().collect();
        let (local, domain) = text.split_once('@')?;
        if domain.contains('@') || !is_local_part(local) {
            return None;
        }
        let domain = idna::domain_to_ascii_strict(domain).ok()?;
        if !is_host_name(&domain) {
            return None;
        }
        Some(EmailKey(format!("{}@{domain}", local.to_lowercase().nfc().collect::<String>())))
    }

    /// The first letters of keys whose addresses begin as typed; for searches.
    pub fn prefix(text: &str) -> String {
        text.trim().nfc().collect::<String>().to_lowercase()
    }

    /// Takes back a key that the store holds.
    pub fn from_stored(key: String) -> EmailKey {
        EmailKey(key)
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or("")
    }
}

impl UsernameKey {
    /// Computes the key. Refused: empty, longer than [`USERNAME_MAX_CHARS`], control characters.
    pub fn parse(text: &str) -> Option<UsernameKey> {
        let key: String = text.trim().nfc().collect();
        let length = key.chars().count();
        if length == 0 || length > USERNAME_MAX_CHARS || key.chars().any(char::is_control) {
            return None;
        }
        Some(UsernameKey(key))
    }

    /// The first letters of keys whose names begin as typed; for searches.
    pub fn prefix(text: &str) -> String {
        text.trim().nfc().collect()
    }

    /// Takes back a key that the store holds.
    pub fn from_stored(key: String) -> UsernameKey {
        UsernameKey(key)
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 5322 dot-atom, with letters and digits of any script (RFC 6531). Quoted local parts are refused.
fn is_local_part(local: &str) -> bool {
    !local.is_empty()
        && local.len() <= EMAIL_LOCAL_MAX_BYTES
        && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char))
}

fn is_atom_char(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c)
    } else {
        c.is_alphanumeric()
    }
}

/// Letters whose lower case is ASCII (Kelvin sign, dotless i in upper case …) would make one mailbox of two.
fn folds_to_ascii(c: char) -> bool {
    c.to_lowercase().chain(c.to_uppercase()).any(|f| f.is_ascii())
}

fn is_host_name(domain: &str) -> bool {
    domain.len() <= 253
        && domain.contains('.')
        && !domain.ends_with('.')
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
        && !domain.rsplit('.').next().is_some_and(|tld| tld.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_mailbox_share_a_key() {
        let key = EmailKey::parse("john@example.com").unwrap();
        for spelling in ["John@Example.com", " john@EXAMPLE.COM ", "JOHN@example.com"] {
            assert_eq!(EmailKey::parse(spelling), Some(key.clone()), "{spelling}");
        }
        assert_eq!(EmailKey::parse("a@bücher.example").unwrap().as_str(), "a@xn--bcher-kva.example");
    }

    #[test]
    fn what_is_not_one_address_is_refused() {
        for text in [
            "",
            "x",
            "@example.com",
            "a@",
            "a@b",
            "a@@example.com",
            "a@b@example.com",
            "a b@example.com",
            "a@exa mple.com",
            "a\n@example.com",
            "a@example.com\r\nBcc: b@example.com",
            "a@example..com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a@-example.com",
            "a@example.com.",
            "a@127.0.0.1",
            "\u{212a}elvin@example.com",
            "a\u{17f}@example.com",
            "a@example.com,b@example.com",
            "\"a b\"@example.com",
        ] {
            assert_eq!(EmailKey::parse(text), None, "{text:?}");
        }
        assert_eq!(EmailKey::parse(&format!("{}@example.com", "a".repeat(65))), None);
    }

    #[test]
    fn user_names_are_trimmed_and_composed_but_keep_their_case() {
        assert_eq!(UsernameKey::parse(" jane "), UsernameKey::parse("jane"));
        assert_eq!(UsernameKey::parse("e\u{301}"), UsernameKey::parse("é"));
        assert_ne!(UsernameKey::parse("Jane"), UsernameKey::parse("jane"));
        assert_eq!(UsernameKey::parse("  "), None);
        assert_eq!(UsernameKey::parse("a\u{0}b"), None);
    }
}
