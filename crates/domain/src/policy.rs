//! Is a new password good enough?

use crate::contract::PasswordPolicy;
use crate::input::{Flaw, Input, Rule};
use crate::password::{MAX_BYTES, MAX_CODE_POINTS};
use std::sync::LazyLock;

/// Some 110,000 common passwords in lower case, one a line, sorted by byte; more than 9,000 of them have 15 characters
/// or more. `scripts/common-passwords.py` shows the text, packs it and says where it comes from; LICENSE has the licences.
static PACKED: &[u8] = include_bytes!("common_passwords.zz");
/// The longest text that they may unpack to, in bytes: what a server keeps in memory once somebody has set a password.
const MAX_UNPACKED: usize = 1_500_000;
/// The text, from the first look on. That it can be unpacked was tested before it was built in.
static COMMON: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let unpacked = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(PACKED, MAX_UNPACKED);
    unpacked.unwrap_or_default().into_boxed_slice()
});

/// Words that belong to the account and so must not be its password.
#[derive(Clone, Debug, Default)]
pub struct OwnWords<'a> {
    /// User name.
    pub username: Option<&'a str>,
    /// E-mail address; its local part counts too.
    pub email: Option<&'a str>,
}

impl PasswordPolicy {
    /// The native policy: 15 code points, nothing common (SEC-01, SEC-06).
    pub const NATIVE: PasswordPolicy =
        PasswordPolicy { min_length: 15, refuse_common: true, refuse_numeric: false };

    /// Fewer code points than this are never asked for without a weakening of that name (SEC-01).
    pub const LEAST: u32 = 8;

    /// Everything that is wrong with a new password, in the order length, common, numeric.
    pub fn flaws(&self, input: Input, password: &str, own: &OwnWords<'_>) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let length = password.chars().count();
        if length < self.min_length as usize {
            flaws.push(Flaw {
                got: Some(length.to_string()),
                ..Flaw::with_limit(input, Rule::PasswordTooShort, i64::from(self.min_length))
            });
        }
        if length > MAX_CODE_POINTS || password.len() > MAX_BYTES {
            let limit = i64::try_from(MAX_CODE_POINTS).unwrap_or(i64::MAX);
            flaws.push(Flaw::with_limit(input, Rule::PasswordTooLong, limit));
        }
        if self.refuse_common && is_common(password, own) {
            flaws.push(Flaw::new(input, Rule::PasswordCommon));
        }
        if self.refuse_numeric && !password.is_empty() && password.chars().all(char::is_numeric) {
            flaws.push(Flaw::new(input, Rule::PasswordNumeric));
        }
        flaws
    }
}

fn is_common(password: &str, own: &OwnWords<'_>) -> bool {
    let folded = password.trim().to_lowercase();
    if folded == "countersign" || own_words(own).any(|word| word == folded) {
        return true;
    }
    is_listed(&folded)
}

fn own_words<'a>(own: &OwnWords<'a>) -> impl Iterator<Item = String> + use<'a> {
    let local = own.email.and_then(|email| email.split('@').next());
    [own.username, own.email, local].into_iter().flatten().map(|word| word.trim().to_lowercase())
}

/// Binary search over the sorted lines, without an index.
fn is_listed(word: &str) -> bool {
    let text: &[u8] = &COMMON;
    let (mut low, mut high) = (0, text.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let start = text[..middle].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let end = text[middle..].iter().position(|b| *b == b'\n').map_or(text.len(), |at| middle + at);
        match text[start..end].cmp(word.as_bytes()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const DJANGO: PasswordPolicy =
        PasswordPolicy { min_length: 8, refuse_common: true, refuse_numeric: true };

    fn rules(password: &str, own: &OwnWords<'_>) -> Vec<Rule> {
        DJANGO.flaws(Input::Password, password, own).into_iter().map(|flaw| flaw.rule).collect()
    }

    // SEC-06: at least the 3,000 most common ones that the policy would take, for the longest floor, too.
    #[test]
    fn every_line_of_the_list_is_found_and_lies_in_order() {
        let lines: Vec<&str> = std::str::from_utf8(&COMMON).unwrap().lines().collect();
        assert!(lines.windows(2).all(|pair| pair[0].as_bytes() < pair[1].as_bytes()));
        assert!(lines.len() > 100_000);
        let long = lines.iter().filter(|line| line.chars().count() >= 15).count();
        assert!(long > 9_000, "{long}");
        assert!(lines.iter().all(|line| is_listed(line)));
        assert!(lines.iter().all(|line| line.trim() == *line && !line.is_empty()));
        assert!(!is_listed("") && !is_listed("securepass123!") && !is_listed("sunshin\ne"));
    }

    #[test]
    fn short_common_and_numeric_passwords_are_refused_each_by_its_rule() {
        let own = OwnWords { username: Some("johndoe99"), email: Some("john.doe@example.com") };
        let table: [(&str, &[Rule]); 8] = [
            ("SecurePass123!", &[]),
            ("pw", &[Rule::PasswordTooShort]),
            ("Password", &[Rule::PasswordCommon]),
            ("83927451", &[Rule::PasswordNumeric]),
            ("12345678", &[Rule::PasswordCommon, Rule::PasswordNumeric]),
            ("JohnDoe99", &[Rule::PasswordCommon]),
            ("john.doe", &[Rule::PasswordCommon]),
            ("", &[Rule::PasswordTooShort]),
        ];
        for (password, expected) in table {
            assert_eq!(rules(password, &own), expected, "{password}");
        }
        assert_eq!(rules(&"é".repeat(257), &own), [Rule::PasswordTooLong]);
    }

    #[test]
    fn length_counts_code_points() {
        let own = OwnWords::default();
        let native = |password: &str| PasswordPolicy::NATIVE.flaws(Input::Password, password, &own).len();
        assert_eq!(native(&"a".repeat(14)), 1);
        assert_eq!(native("abcdefghijklmno"), 0);
        assert_eq!(native(&"🦀".repeat(15)), 0);
    }
}
