//! Is a password known from a breach, and how is that asked without telling it (k-anonymity)?
//!
//! The SHA-1 of the prepared password is taken, because such services list SHA-1. Its first five hexadecimal digits are
//! asked for; the answer lists the other 35 of every password that begins so, and is looked through here.

use crate::password::Prepared;
use aws_lc_rs::digest;
use std::fmt::Write as _;

/// How many digits are told.
const TOLD: usize = 5;
/// How many are not.
const KEPT: usize = 35;

/// What may be told of a password: the first 20 of 160 bits, which about one in a million passwords share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Five hexadecimal digits, in capitals.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why nothing is known of a password. Whoever asked goes on without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreachFault {
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, or it broke.
    #[error("the service was not reached")]
    Unreachable,
    /// Another status than 200; a redirect is one.
    #[error("the service answered with another status than 200")]
    Status,
    /// More than any such answer is long.
    #[error("the answer was too large")]
    TooLarge,
    /// Something else than lines of digits and counts.
    #[error("the answer could not be read")]
    Unreadable,
}

impl BreachFault {
    /// The word in the audit trail.
    pub const fn word(self) -> &'static str {
        match self {
            BreachFault::TimedOut => "timed_out",
            BreachFault::Unreachable => "unreachable",
            BreachFault::Status => "status",
            BreachFault::TooLarge => "too_large",
            BreachFault::Unreadable => "unreadable",
        }
    }
}

/// A password as breach lists name it. Prints nothing of what is not told.
pub struct Fingerprint {
    told: Prefix,
    kept: String,
}

impl Fingerprint {
    /// Of a password that could be set.
    pub fn of(password: &Prepared) -> Fingerprint {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes());
        let mut told = String::with_capacity(TOLD + KEPT);
        for byte in hash.as_ref() {
            // Writing into a text does not fail.
            write!(told, "{byte:02X}").ok();
        }
        let kept = told.split_off(TOLD);
        Fingerprint { told: Prefix(told), kept }
    }

    /// What is asked for.
    pub fn prefix(&self) -> &Prefix {
        &self.told
    }

    /// Whether the answer lists the password. Lines are `35 digits:count`; a count of zero is padding.
    ///
    /// # Errors
    /// `BreachFault::Unreadable` when any line is something else, or there is none.
    pub fn is_in(&self, answer: &str) -> Result<bool, BreachFault> {
        if answer.trim().is_empty() {
            return Err(BreachFault::Unreadable);
        }
        let mut found = false;
        for line in answer.trim().lines() {
            let (digits, count) = line.split_once(':').ok_or(BreachFault::Unreadable)?;
            let count: u64 = count.trim().parse().map_err(|_| BreachFault::Unreadable)?;
            if digits.len() != KEPT || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(BreachFault::Unreadable);
            }
            found |= count > 0 && digits.eq_ignore_ascii_case(&self.kept);
        }
        Ok(found)
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::prepare;

    /// SHA-1 of "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
    const REST: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";

    fn fingerprint(password: &str) -> Fingerprint {
        Fingerprint::of(&prepare(password).unwrap())
    }

    // SEC-06
    #[test]
    fn five_digits_are_told_and_no_more() {
        let fingerprint = fingerprint("password");
        assert_eq!(fingerprint.prefix().as_str(), "5BAA6");
        assert_eq!(fingerprint.kept, REST);
        assert!(!format!("{fingerprint:?}").contains("E4C9B"));
    }

    // SEC-04, SEC-06
    #[test]
    fn the_prepared_form_is_what_is_asked_for() {
        assert_eq!(fingerprint("cafe\u{301}").kept, fingerprint("caf\u{e9}").kept);
    }

    // SEC-06
    #[test]
    fn an_answer_lists_the_password_or_not_or_can_not_be_read() {
        let other = "0018A45C4D1DEF81644B54AB7F969B88D65";
        let table = [
            (format!("{other}:1\r\n{REST}:52372427\r\n"), Ok(true)),
            (format!("{}:1", REST.to_lowercase()), Ok(true)),
            (format!("{other}:10"), Ok(false)),
            (format!("{other}:3\r\n{REST}:0"), Ok(false)),
            (String::new(), Err(BreachFault::Unreadable)),
            ("<html>sign in to this network</html>".to_owned(), Err(BreachFault::Unreadable)),
            (format!("{REST}:1\r\nand more"), Err(BreachFault::Unreadable)),
            (format!("{REST}:-1"), Err(BreachFault::Unreadable)),
            (format!("{REST}:99999999999999999999999"), Err(BreachFault::Unreadable)),
            (format!("{REST}0:1"), Err(BreachFault::Unreadable)),
            (format!("é{}:1", &REST[2..]), Err(BreachFault::Unreadable)),
        ];
        for (answer, expected) in table {
            assert_eq!(fingerprint("password").is_in(&answer), expected, "{answer}");
        }
    }
}
