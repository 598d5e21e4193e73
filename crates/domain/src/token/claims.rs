//! What does a token say, read by name and by type?

use serde_json::{Map, Value};

use super::jwt::TokenFault;

/// Numbers from here on are not exact in every JSON reader (RFC 8259 section 6).
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The claims of a token whose signature was good. Nothing else about them has been checked yet.
///
/// A claim of the wrong JSON type is a fault, never "absent" (SEC-51). `Debug` shows only names, because values are personal.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Claims from an object that is already trusted.
    pub fn new(map: Map<String, Value>) -> Claims {
        Claims(map)
    }

    /// All claims as they were written.
    pub fn map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The value of one claim of any type.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text, or `None` if the claim is absent. Any other type, `null` too, is [`TokenFault::WrongType`].
    pub fn text(&self, name: &str) -> Result<Option<&str>, TokenFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| wrong_type(name)),
        }
    }

    /// A text that has to be there and must not be empty.
    pub fn need_text(&self, name: &str) -> Result<&str, TokenFault> {
        match self.text(name)? {
            Some("") => Err(wrong_type(name)),
            Some(text) => Ok(text),
            None => Err(TokenFault::MissingClaim(name.to_owned())),
        }
    }

    /// A time in seconds since 1970 (RFC 7519 NumericDate), fractions cut off, or `None` if absent.
    ///
    /// [`TokenFault::WrongType`] unless it is a JSON number, not negative and below 2^53.
    pub fn seconds(&self, name: &str) -> Result<Option<i64>, TokenFault> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "date() promises 0 ≤ x < 2^53; cutting the fraction is the point"
        )]
        Ok(self.date(name)?.map(|date| date as i64))
    }

    /// A time in seconds since 1970 that has to be there.
    pub fn need_seconds(&self, name: &str) -> Result<i64, TokenFault> {
        self.seconds(name)?.ok_or_else(|| TokenFault::MissingClaim(name.to_owned()))
    }

    /// A user or row number: a whole JSON number, or the same in plain decimal digits as text; `None` if absent.
    ///
    /// Older applications write `"1"` where newer ones write `1`, so both are read. Signs, spaces, leading zeros,
    /// fractions and numbers beyond 2^53 are [`TokenFault::WrongType`].
    pub fn number(&self, name: &str) -> Result<Option<i64>, TokenFault> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(digits) => plain_digits(digits),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        match number {
            Some(number) if (0..1 << 53).contains(&number) => Ok(Some(number)),
            Some(_) | None => Err(wrong_type(name)),
        }
    }

    /// A user or row number that has to be there; see [`Claims::number`].
    pub fn need_number(&self, name: &str) -> Result<i64, TokenFault> {
        self.number(name)?.ok_or_else(|| TokenFault::MissingClaim(name.to_owned()))
    }

    /// Checks `exp` (required), `nbf` and `iat` (if present) against `now_s`, all in seconds, giving way by `leeway_s`.
    ///
    /// Valid while `now < exp + leeway`, from `nbf - leeway` on, and not issued later than `now + leeway` (RFC 7519 section 4.1.4).
    /// Types are checked before times, so a token with one ill-typed time is invalid and not merely expired.
    pub fn check_times(&self, now_s: i64, leeway_s: u32) -> Result<(), TokenFault> {
        let expires = self.date("exp")?;
        let starts = self.date("nbf")?;
        let issued = self.date("iat")?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay far below 2^53")]
        let now = now_s as f64;
        let leeway = f64::from(leeway_s);
        let expires = expires.ok_or_else(|| TokenFault::MissingClaim("exp".to_owned()))?;
        if expires <= now - leeway {
            return Err(TokenFault::Expired);
        }
        if [starts, issued].into_iter().flatten().any(|from| from > now + leeway) {
            return Err(TokenFault::NotYetValid);
        }
        Ok(())
    }

    /// Checks that a text claim is there and says exactly `expected`, for example the kind of a token or its issuer.
    ///
    /// Another text is [`TokenFault::WrongKind`].
    pub fn check_text(&self, name: &str, expected: &str) -> Result<(), TokenFault> {
        match self.text(name)? {
            Some(text) if text == expected => Ok(()),
            Some(_) => Err(TokenFault::WrongKind),
            None => Err(TokenFault::MissingClaim(name.to_owned())),
        }
    }

    /// Checks that `aud` names `ours`, as the one text or as one of a list of texts (RFC 7519 section 4.1.3).
    ///
    /// An audience without ours is [`TokenFault::WrongKind`]; a list with anything but texts is [`TokenFault::WrongType`].
    pub fn check_audience(&self, ours: &str) -> Result<(), TokenFault> {
        let named = match self.0.get("aud") {
            None => return Err(TokenFault::MissingClaim("aud".to_owned())),
            Some(Value::String(one)) => one == ours,
            Some(Value::Array(several)) => {
                if !several.iter().all(Value::is_string) {
                    return Err(wrong_type("aud"));
                }
                several.iter().any(|one| one == ours)
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                return Err(wrong_type("aud"));
            }
        };
        if named { Ok(()) } else { Err(TokenFault::WrongKind) }
    }

    fn date(&self, name: &str) -> Result<Option<f64>, TokenFault> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        match value.as_f64() {
            Some(date) if (0.0..EXACT).contains(&date) => Ok(Some(date)),
            Some(_) | None => Err(wrong_type(name)),
        }
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claims")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn wrong_type(name: &str) -> TokenFault {
    TokenFault::WrongType(name.to_owned())
}

fn plain_digits(text: &str) -> Option<i64> {
    let canonical = text == "0" || !text.starts_with('0');
    if canonical && text.len() <= 16 && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}
