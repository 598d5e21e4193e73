//! What was written into a form?

use domain::secret::Secret;
use zeroize::Zeroize as _;

/// The largest form, in bytes: two passwords of the longest kind, every byte encoded, and room for the rest.
pub const MAX_FORM: usize = 16 << 10;
/// The most fields.
const MAX_FIELDS: usize = 16;

/// The fields of a form (`application/x-www-form-urlencoded`). Every value is treated as a secret.
pub struct Form(Vec<(String, Secret)>);

impl Form {
    /// Reads a form or a query. Refused: broken encodings, text that is not UTF-8, too many fields, a name that comes
    /// twice (SEC-31).
    pub fn parse(bytes: &[u8]) -> Option<Form> {
        let mut fields: Vec<(String, Secret)> = Vec::new();
        for part in bytes.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
            let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
            let (name, value) = (decoded(&part[..at])?, decoded(part.get(at + 1..).unwrap_or_default())?);
            if fields.len() == MAX_FIELDS || fields.iter().any(|(known, _)| *known == name) {
                return None;
            }
            fields.push((name, Secret::new(value)));
        }
        Some(Form(fields))
    }

    /// The value of a field; empty when it is not there.
    pub fn get(&self, name: &str) -> Secret {
        self.find(name).cloned().unwrap_or_default()
    }

    /// The value of a field that is there.
    pub fn find(&self, name: &str) -> Option<&Secret> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

fn decoded(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                out.push(high << 4 | low);
            }
            plain => out.push(plain),
        }
    }
    String::from_utf8(out).map_err(|error| error.into_bytes().zeroize()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let form = Form::parse("password=a+b%20c%26%C3%A9&again=&form".as_bytes()).unwrap();
        assert_eq!(form.get("password").expose(), "a b c&é");
        assert!(form.find("again").is_some_and(Secret::is_empty) && form.find("form").is_some());
        assert!(form.find("other").is_none() && form.get("other").is_empty());
    }

    // SEC-31
    #[test]
    fn a_broken_form_is_no_form() {
        let many = (0..20).map(|number| format!("f{number}=1&")).collect::<String>();
        for text in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=1&a=2", "a=1&a", many.as_str()] {
            assert!(Form::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
