//! What does one row of another application say, whatever its database or file made of it?

use domain::record::{Place, Record};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A row with its place; or what is wrong with it as a whole.
pub(super) struct Row {
    pub place: Place,
    pub fields: Result<Map<String, Value>, String>,
}

/// The rows of a source. An error ends them: the source can not be read on.
pub(super) type Rows = Box<dyn Iterator<Item = Result<Row, String>> + Send>;

/// The attribute that keeps an id which is neither an integer nor a UUID.
pub const EXTERNAL_ID: &str = "external_id";

/// Reads values and collects everything that is wrong with them.
pub(super) struct Reader<'a> {
    fields: &'a Map<String, Value>,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Of these fields.
    pub fn new(fields: &'a Map<String, Value>) -> Reader<'a> {
        Reader { fields, faults: Vec::new() }
    }

    /// The record, unless something was wrong.
    pub fn finish(self, record: Record) -> Result<Record, Vec<String>> {
        if self.faults.is_empty() { Ok(record) } else { Err(self.faults) }
    }

    /// Notes a fault.
    pub fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    /// The value as it is; `null` and what is not there are none.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A text, or a number as text. An empty text is none.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null => None,
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                self.fault(format!("{name} is not a text"));
                None
            }
        }
    }

    /// The text of a column that some applications keep as bytes.
    pub fn hash(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        let bytes = text.strip_prefix("\\x").and_then(unhex);
        let ascii = bytes.filter(|bytes| bytes.iter().all(u8::is_ascii_graphic));
        Some(ascii.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(text))
    }

    /// Yes or no, as databases and files write it.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let flag = match self.value(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "" => return None,
                "true" | "t" | "1" | "yes" | "y" | "on" => Some(true),
                "false" | "f" | "0" | "no" | "n" | "off" => Some(false),
                _ => None,
            },
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        if flag.is_none() {
            self.fault(format!("{name} is neither true nor false"));
        }
        flag
    }

    /// Whether something stands there that is not "no": a flag, or the moment at which it became so.
    pub fn given(&mut self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::String(text)) if text.len() > 5 => self.moment(name).is_some(),
            Some(Value::Number(number)) if number.as_i64().is_some_and(|number| number > 1) => true,
            Some(_) => self.flag(name).unwrap_or(false),
            None => false,
        }
    }

    /// A moment in any form that databases write, as RFC 3339. What names no time zone is UTC.
    pub fn moment(&mut self, name: &str) -> Option<String> {
        let moment = match self.value(name)? {
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => parse_moment(text),
            Value::Number(number) => number.as_f64().and_then(from_number),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if moment.is_none() {
            self.fault(format!("{name} is no date and time that can be read"));
        }
        moment.map(|moment| moment.to_string())
    }

    /// An object, or the text of one.
    pub fn object(&mut self, name: &str) -> Map<String, Value> {
        let object = match self.value(name) {
            None => return Map::new(),
            Some(Value::Object(object)) => Some(object.clone()),
            Some(Value::String(text)) if text.is_empty() => return Map::new(),
            Some(Value::String(text)) => domain::json::strict_object(text.as_bytes(), 32),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => None,
        };
        object.unwrap_or_else(|| {
            self.fault(format!("{name} is no JSON object"));
            Map::new()
        })
    }

    /// Fills in who it is: an integer and a UUID are kept as they are. Anything else is kept as the attribute
    /// `external_id`, with a UUID that is made of it and so is the same in every run.
    pub fn identify(&mut self, name: &str, record: &mut Record) {
        let Some(text) = self.text(name) else { return };
        if let Ok(number) = text.parse::<i64>() {
            record.id = Some(number);
        } else if let Some(uuid) = parse_uuid(&text) {
            record.uuid.get_or_insert(uuid);
        } else {
            record.uuid.get_or_insert_with(|| derived(&text));
            record.attributes.get_or_insert_default().insert(EXTERNAL_ID.to_owned(), text.into());
        }
    }
}

/// A UUID, also one that is written without hyphens or was kept as bytes.
pub(super) fn parse_uuid(text: &str) -> Option<Uuid> {
    let digits = text.strip_prefix("\\x").unwrap_or(text);
    matches!(digits.len(), 32 | 36).then(|| Uuid::try_parse(digits).ok()).flatten()
}

/// The UUID (version 8) that stands for an id of another kind. The same id gives the same UUID on every machine.
pub fn derived(external: &str) -> Uuid {
    let digest = Sha256::new().chain_update(b"countersign external id\0").chain_update(external).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks(2).map(pair).collect()
}

/// Seconds since 1970 up to the year 5138, milliseconds beyond it.
fn from_number(number: f64) -> Option<Timestamp> {
    let millis = if number.abs() < 1e11 { number * 1000.0 } else { number };
    // A number that is too large becomes the largest one, which is refused.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and fractions of milliseconds are dropped"
    )]
    Timestamp::from_millisecond(millis.round() as i64).ok()
}

/// RFC 3339, SQL's forms with a space, a short offset or none (UTC), dates alone, and counted seconds or milliseconds.
fn parse_moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.parse::<f64>().ok().and_then(from_number);
    }
    // Sequelize writes "2024-01-31 12:00:00.000 +00:00".
    let joined = text.rsplit_once(' ').filter(|(_, offset)| offset.starts_with(['+', '-']));
    if let Some((moment, offset)) = joined {
        return format!("{moment}{offset}").parse().ok();
    }
    let plain = text.strip_suffix(" UTC").unwrap_or(text);
    // A date and time that names a time zone was read above; one with something else behind it is no date.
    let local: DateTime = plain.parse().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn moments_are_read_as_databases_write_them() {
        for (text, moment) in [
            ("2024-01-31T12:00:00Z", "2024-01-31T12:00:00Z"),
            ("2024-01-31 12:00:00.123456", "2024-01-31T12:00:00.123456Z"),
            ("2024-01-31T12:00:00.5", "2024-01-31T12:00:00.5Z"),
            ("2024-01-31 12:00:00+00", "2024-01-31T12:00:00Z"),
            ("2024-01-31 14:00:00.25+02:00", "2024-01-31T12:00:00.25Z"),
            ("2024-01-31 12:00:00.000 +00:00", "2024-01-31T12:00:00Z"),
            ("2024-01-31 12:00:00 UTC", "2024-01-31T12:00:00Z"),
            ("2024-01-31", "2024-01-31T00:00:00Z"),
            ("1706702400", "2024-01-31T12:00:00Z"),
            ("1706702400123", "2024-01-31T12:00:00.123Z"),
        ] {
            assert_eq!(
                parse_moment(text).map(|moment| moment.to_string()).as_deref(),
                Some(moment),
                "{text}"
            );
        }
        for text in [
            "yesterday",
            "infinity",
            "-infinity",
            "2024-13-01",
            "31.01.2024 12:00",
            "0000-00-00 00:00:00",
            "99999999999999999999",
        ] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
    }

    #[test]
    fn flags_are_read_as_databases_write_them() {
        for (json, flag, faults) in [
            (r#"{"a":true}"#, Some(true), 0),
            (r#"{"a":0}"#, Some(false), 0),
            (r#"{"a":"T"}"#, Some(true), 0),
            (r#"{"a":null}"#, None, 0),
            ("{}", None, 0),
            (r#"{"a":2}"#, None, 1),
            (r#"{"a":"perhaps"}"#, None, 1),
            (r#"{"a":[]}"#, None, 1),
        ] {
            let fields = fields(json);
            let mut reader = Reader::new(&fields);
            assert_eq!(reader.flag("a"), flag, "{json}");
            assert_eq!(reader.faults.len(), faults, "{json}");
        }
    }

    #[test]
    fn a_foreign_id_gives_the_same_uuid_every_time() {
        let fields = fields(
            r#"{"a":"auth0|60425dc4","b":"0f3b1c626f0a4c5e9d7a2b8f3e1d4c5a","c":"17","d":-4,"e":"\\x0f3b1c626f0a4c5e9d7a2b8f3e1d4c5a"}"#,
        );
        let read = |name: &str| {
            let mut record = Record::default();
            Reader::new(&fields).identify(name, &mut record);
            record
        };
        let (foreign, own) = (read("a"), read("b"));
        assert_eq!(foreign.uuid.unwrap().to_string(), "33f742b1-6eb9-8930-a7dd-653d6c7ab454");
        assert_eq!(foreign.attributes.unwrap()[EXTERNAL_ID], "auth0|60425dc4");
        assert_eq!(own.uuid.unwrap().to_string(), "0f3b1c62-6f0a-4c5e-9d7a-2b8f3e1d4c5a");
        assert_eq!((own.uuid, own.attributes), (read("e").uuid, None));
        assert_eq!((read("c").id, read("d").id), (Some(17), Some(-4)));
    }

    #[test]
    fn a_hash_that_is_kept_as_bytes_is_a_text_again() {
        let fields = fields(r#"{"a":"\\x243262243132","b":"\\x00ff","c":"$2b$12"}"#);
        let mut reader = Reader::new(&fields);
        assert_eq!(reader.hash("a").as_deref(), Some("$2b$12"));
        assert_eq!(reader.hash("b").as_deref(), Some("\\x00ff"));
        assert_eq!(reader.hash("c").as_deref(), Some("$2b$12"));
    }
}
