//! Which text is a password, and which forms of it are tried against a stored hash?
//!
//! New passwords are prepared with the OpaqueString profile of PRECIS (RFC 8265 section 4.2): spaces outside ASCII
//! become U+0020, then NFC; case and width stay. Control characters are refused as the profile demands. Code points
//! that are unassigned or invisible are let through: refusing them would depend on the version of Unicode, and the
//! emoji of a telephone contain them.

use super::{Hash, Workspace};
use crate::secret::Secret;
use unicode_normalization::UnicodeNormalization as _;

/// The longest password, in code points of its prepared form (SEC-02).
pub const MAX_CODE_POINTS: usize = 256;
/// The longest password, in bytes of its prepared form (SEC-02).
pub const MAX_BYTES: usize = 1024;
/// The longest text that is looked at as a password at all, in bytes as typed (SEC-03). Django's forms end here, too.
pub const MAX_TYPED_BYTES: usize = 4096;

/// Why a text can not become a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Nothing was typed.
    #[error("the password is empty")]
    Empty,
    /// Longer than `MAX_CODE_POINTS` or `MAX_BYTES`. Nothing is ever cut off.
    #[error("the password is longer than {MAX_CODE_POINTS} characters or {MAX_BYTES} bytes")]
    TooLong,
    /// NUL, a line break or another control character (RFC 8264 section 9.12).
    #[error("the password contains a control character")]
    Control,
}

/// A password in the one form in which new hashes are made.
#[derive(Clone, Debug)]
pub struct Prepared(Secret);

impl Prepared {
    /// The text itself, to hash or to hold against a list.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Prepares the text of a new password.
///
/// # Errors
/// An empty text, one with control characters, or one that is too long. How short one may be is the policy's question.
pub fn prepare(typed: &str) -> Result<Prepared, PasswordFault> {
    if typed.is_empty() {
        return Err(PasswordFault::Empty);
    }
    if typed.len() > MAX_TYPED_BYTES {
        return Err(PasswordFault::TooLong);
    }
    if typed.chars().any(char::is_control) {
        return Err(PasswordFault::Control);
    }
    let prepared = if typed.is_ascii() { Secret::new(typed) } else { normalised(typed) };
    let text = prepared.expose();
    if text.len() > MAX_BYTES || text.chars().count() > MAX_CODE_POINTS {
        return Err(PasswordFault::TooLong);
    }
    Ok(Prepared(prepared))
}

fn normalised(typed: &str) -> Secret {
    // Room for the longest expansion of NFC, so that no part of the password is left behind by a reallocation.
    let mut text = String::with_capacity(3 * typed.len());
    text.extend(typed.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc());
    Secret::new(text)
}

/// The space separators (general category Zs) outside ASCII.
fn is_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// How a typed password fared against a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No form of it matches.
    Wrong,
    /// The form that is written here matches.
    Right,
    /// It matches, but only as it was typed: a hash from elsewhere. Write a new one of `Candidates::to_write`, even
    /// if the old one is current (SEC-04).
    RightAsTyped,
}

/// The forms of one typed password that are tried against a stored hash (SEC-04).
///
/// First the bytes as typed, for hashes from elsewhere, then the prepared form if it differs. How many there are
/// depends on what was typed and not on the account, so a wrong password takes as long for every account with the
/// same kind of hash, and for the decoy if it is tried with the same candidates.
#[derive(Debug)]
pub struct Candidates {
    typed: Secret,
    prepared: Option<Prepared>,
}

impl Candidates {
    /// Collects the forms. Empty texts and control characters are allowed: an old hash may have been made of them.
    ///
    /// # Errors
    /// `PasswordFault::TooLong` above `MAX_TYPED_BYTES`. Decide it before looking at the account (SEC-02).
    pub fn new(typed: &str) -> Result<Candidates, PasswordFault> {
        if typed.len() > MAX_TYPED_BYTES {
            return Err(PasswordFault::TooLong);
        }
        let prepared = prepare(typed).ok().filter(|prepared| prepared.expose() != typed);
        Ok(Candidates { typed: Secret::new(typed), prepared })
    }

    /// How many hashes a wrong password costs: one or two.
    pub fn count(&self) -> usize {
        1 + usize::from(self.prepared.is_some())
    }

    /// The form of which a new hash is to be made once the password was right: the prepared one, or the text as typed
    /// if it can not be prepared.
    pub fn to_write(&self) -> &str {
        self.prepared.as_ref().map_or(self.typed.expose(), Prepared::expose)
    }

    /// Tries the forms in turn.
    ///
    /// # Panics
    /// As `Hash::verify`.
    pub fn check(&self, hash: &Hash, workspace: &mut Workspace) -> Verdict {
        let as_typed = hash.verify(self.typed.expose().as_bytes(), workspace);
        match &self.prepared {
            None if as_typed => Verdict::Right,
            Some(_) if as_typed => Verdict::RightAsTyped,
            Some(prepared) if hash.verify(prepared.expose().as_bytes(), workspace) => Verdict::Right,
            None | Some(_) => Verdict::Wrong,
        }
    }
}
