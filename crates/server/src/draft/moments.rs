//! In which form is a moment written?

#![expect(clippy::wildcard_enum_match_arm, reason = "JSON of other types is no moment")]

use domain::time::Moment;
use serde_json::Value;

/// A moment with the forms of the dialect language that write it so, the plainest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// When.
    pub moment: Moment,
    /// Forms, as after the bar of a slot.
    pub forms: Vec<String>,
}

/// Patterns that applications use instead of RFC 3339, and where year, month, day, hour, minute and second stand.
const PATTERNS: [(&str, &str); 6] = [
    ("date:%Y-%m-%d %H:%M:%S", "yyyy-mm-dd HH:MM:SS"),
    ("date:%Y-%m-%d", "yyyy-mm-dd"),
    ("date:%d.%m.%Y %H:%M", "dd.mm.yyyy HH:MM"),
    ("date:%d.%m.%Y", "dd.mm.yyyy"),
    ("date:%d/%m/%Y", "dd/mm/yyyy"),
    ("date:%Y/%m/%d", "yyyy/mm/dd"),
];

/// Reads a moment from a member of an answer. None when it is none; a number only where the name speaks of a time.
pub fn written(value: &Value, is_time: bool) -> Option<Written> {
    match value {
        Value::String(text) => of_text(text),
        Value::Number(number) if is_time => {
            let number = number.as_i64()?;
            let (moment, form) = match number {
                500_000_000..=9_999_999_999 => (Moment::from_seconds(number), "seconds"),
                500_000_000_000..=9_999_999_999_999 => (Moment::from_millis(number), "millis"),
                _ => return None,
            };
            Some(Written { moment, forms: vec![form.to_owned()] })
        }
        _ => None,
    }
}

fn of_text(text: &str) -> Option<Written> {
    if let Some(moment) = Moment::parse_rfc3339(text).filter(|_| text.as_bytes().get(10) == Some(&b'T')) {
        let rest = text.get(19..)?;
        let zone = rest.find(['Z', '+', '-'])?;
        let digits = rest.get(..zone)?.trim_start_matches('.').len();
        let zone = &rest[zone..];
        let mut forms = Vec::new();
        if zone == "Z" {
            forms.extend(matches!(digits, 0 | 6).then(|| "iso".to_owned()));
            forms.push(format!("iso:{digits}"));
        } else {
            forms.extend(matches!(digits, 0 | 6).then(|| format!("iso:auto:{zone}")));
            forms.push(format!("iso:{digits}:{zone}"));
        }
        return Some(Written { moment, forms });
    }
    PATTERNS.iter().find_map(|(form, picture)| {
        Some(Written { moment: pictured(text, picture)?, forms: vec![(*form).to_owned()] })
    })
}

/// The moment in a text that has this picture.
fn pictured(text: &str, picture: &str) -> Option<Moment> {
    if text.len() != picture.len() || !text.is_ascii() {
        return None;
    }
    let mut parts = std::collections::BTreeMap::from([('H', 0), ('M', 0), ('S', 0)]);
    for (c, p) in text.chars().zip(picture.chars()) {
        if p.is_ascii_alphabetic() {
            let part: &mut u32 = parts.entry(p).or_insert(0);
            *part = *part * 10 + c.to_digit(10)?;
        } else if c != p {
            return None;
        }
    }
    let part = |c: char| parts.get(&c).copied().unwrap_or(0);
    let (year, month, day) = (part('y'), part('m'), part('d'));
    Moment::parse_rfc3339(&format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        part('H'),
        part('M'),
        part('S')
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(value: Value) -> Vec<String> {
        written(&value, true).map(|written| written.forms).unwrap_or_default()
    }

    #[test]
    fn moments_are_read_with_their_form() {
        for (text, form) in [
            ("2024-03-10T14:20:00Z", "iso"),
            ("2024-03-10T14:20:00.123456Z", "iso"),
            ("2024-03-10T14:20:00.123Z", "iso:3"),
            ("2026-11-20T22:35:23.105696-05:00", "iso:auto:-05:00"),
            ("2026-11-20T22:35:23.105-05:00", "iso:3:-05:00"),
            ("2024-03-10 14:20:00", "date:%Y-%m-%d %H:%M:%S"),
            ("10.03.2024", "date:%d.%m.%Y"),
        ] {
            assert_eq!(forms(text.into()).first().map(String::as_str), Some(form), "{text}");
        }
        assert_eq!(forms(1_710_080_400.into()), ["seconds"]);
        assert_eq!(forms(1_710_080_400_000_i64.into()), ["millis"]);
        for none in [Value::from("yesterday"), Value::from("2024-13-40"), Value::from(7), Value::Null] {
            assert_eq!(forms(none.clone()), [""; 0], "{none}");
        }
    }
}
