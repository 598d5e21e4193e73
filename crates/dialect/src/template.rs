//! How does `{slot|form}` in a JSON or text template become a compiled shape?

#![expect(clippy::wildcard_enum_match_arm, reason = "whatever is not plain text is compiled as a slot")]

use crate::file::{Faults, Word, unknown_word};
use domain::shape::{Absent, Form, Part, Shape, Slot, SlotUse, TextPart};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Named JSON templates that others may include with `{shape.NAME}`.
pub type Shapes = BTreeMap<String, Value>;

/// Where a template stands; decides what its faults point at.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Named templates.
    pub shapes: &'a Shapes,
    /// Form of moments that name none.
    pub date: &'a Form,
}

/// Names of all slots without an argument.
const SLOTS: &[(&str, Slot)] = &[
    ("user.id", Slot::UserId),
    ("user.uuid", Slot::UserUuid),
    ("user.username", Slot::UserUsername),
    ("user.email", Slot::UserEmail),
    ("user.first_name", Slot::UserFirstName),
    ("user.last_name", Slot::UserLastName),
    ("user.full_name", Slot::UserFullName),
    ("user.phone_number", Slot::UserPhoneNumber),
    ("user.avatar", Slot::UserAvatar),
    ("user.role", Slot::UserRole),
    ("user.permissions", Slot::UserPermissions),
    ("user.status", Slot::UserStatus),
    ("user.active", Slot::UserActive),
    ("user.email_verified", Slot::UserEmailVerified),
    ("user.created_at", Slot::UserCreatedAt),
    ("user.last_login_at", Slot::UserLastLoginAt),
    ("user.attributes", Slot::UserAttributes),
    ("access", Slot::Access),
    ("access.expires_in", Slot::AccessExpiresIn),
    ("access.expires_at", Slot::AccessExpiresAt),
    ("access.issued_at", Slot::AccessIssuedAt),
    ("refresh", Slot::Refresh),
    ("refresh.expires_in", Slot::RefreshExpiresIn),
    ("refresh.expires_at", Slot::RefreshExpiresAt),
    ("issued", Slot::Issued),
    ("expires", Slot::Expires),
    ("token.id", Slot::TokenId),
    ("token.uuid", Slot::TokenUuid),
    ("issuer", Slot::Issuer),
    ("now", Slot::Now),
    ("ended", Slot::Ended),
    ("exists", Slot::Exists),
    ("asked_email", Slot::AskedEmail),
    ("claims", Slot::Claims),
    ("code", Slot::Code),
    ("reason", Slot::Reason),
    ("flaws", Slot::Flaws),
    ("first_message", Slot::FirstMessage),
    ("retry_after", Slot::RetryAfter),
    ("media_type", Slot::MediaType),
    ("claim", Slot::Claim),
    ("json_type", Slot::JsonType),
    ("allow", Slot::Allow),
    ("method", Slot::Method),
    ("path", Slot::Path),
    ("status", Slot::Status),
    ("fault_id", Slot::FaultId),
    ("field", Slot::Field),
    ("label", Slot::Label),
    ("limit", Slot::Limit),
    ("got", Slot::Got),
    ("message", Slot::Message),
    ("rule", Slot::Rule),
    ("place", Slot::Place),
];

/// The name of every slot, for documentation and schema.
pub fn slot_names() -> Vec<&'static str> {
    SLOTS
        .iter()
        .map(|(name, _)| *name)
        .chain(["user.short_id:N", "user.attribute.NAME", "shape.NAME"])
        .collect()
}

/// A slot as files write it, braces included.
pub fn slot_text(slot: &Slot) -> String {
    let named = SLOTS.iter().find(|(_, known)| known == slot).map(|(name, _)| (*name).to_owned());
    let name = named.unwrap_or_else(|| match slot {
        Slot::UserAttribute(name) => format!("user.attribute.{name}"),
        Slot::UserShortId(length) => format!("user.short_id:{length}"),
        other => format!("{other:?}"),
    });
    format!("{{{name}}}")
}

/// Parses the JSON of a template. Faults point at the line inside the text.
pub fn parse_json(word: &Word<'_>, faults: &Faults<'_>) -> Option<Value> {
    match serde_json::from_str::<Value>(word.text) {
        Ok(value) => Some(value),
        Err(error) => {
            let line =
                faults.line_of(word.span.start) + lead_lines(word, faults) + error.line().saturating_sub(1);
            faults.at_line(line, format!("this is not JSON: {error}"));
            None
        }
    }
}

/// A text in triple quotes that begins with a line break starts one line further down.
fn lead_lines(word: &Word<'_>, faults: &Faults<'_>) -> usize {
    let written = faults.written(word);
    let inner = written.strip_prefix("'''").or_else(|| written.strip_prefix("\"\"\""));
    usize::from(inner.is_some_and(|inner| inner.starts_with(['\n', '\r'])))
}

/// Compiles a JSON template.
pub fn compile(value: &Value, at: usize, scope: Scope<'_>, faults: &Faults<'_>) -> Shape {
    let mut compiler = Compiler { at, scope, faults, parts: Vec::new(), depth: 0 };
    compiler.value(value);
    Shape { parts: compiler.parts }
}

/// Compiles a text template (headers, cookies, messages).
pub fn compile_text(text: &str, at: usize, date: &Form, faults: &Faults<'_>) -> Vec<TextPart> {
    let shapes = Shapes::new();
    let scope = Scope { shapes: &shapes, date };
    match split(text) {
        Ok(pieces) => pieces.into_iter().map(|piece| text_part(piece, at, scope, faults)).collect(),
        Err(message) => {
            faults.at(at, message);
            Vec::new()
        }
    }
}

struct Compiler<'a> {
    at: usize,
    scope: Scope<'a>,
    faults: &'a Faults<'a>,
    parts: Vec<Part>,
    depth: u8,
}

impl Compiler<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(Part::Bytes(last)) = self.parts.last_mut() {
            last.extend_from_slice(bytes);
        } else {
            self.parts.push(Part::Bytes(bytes.to_vec()));
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => self.list(items),
            Value::Object(map) => {
                self.bytes(b"{");
                self.members(map, false);
                self.bytes(b"}");
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.bytes(value.to_string().as_bytes()),
        }
    }

    fn list(&mut self, items: &[Value]) {
        self.bytes(b"[");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.bytes(b",");
            }
            self.value(item);
        }
        self.bytes(b"]");
    }

    /// Members of an object; `after` tells that others stand before them.
    fn members(&mut self, map: &Map<String, Value>, after: bool) {
        let soft = after || map.iter().any(|(key, value)| key == "..." || is_optional(value));
        for (index, (key, value)) in map.iter().enumerate() {
            if key == "..." {
                self.spread(value);
                continue;
            }
            let head = self.key(key);
            if let (Some(slot), Some(bytes)) = (self.optional_slot(value), &head) {
                self.parts.push(Part::Member(bytes.clone(), slot));
                continue;
            }
            if soft {
                self.parts.push(Part::Comma);
            } else if index > 0 {
                self.bytes(b",");
            }
            match head {
                Some(bytes) => self.bytes(&bytes),
                None => self.slot_key(key),
            }
            self.value(value);
        }
    }

    /// `"key":` as bytes, or nothing when the key holds a slot.
    fn key(&self, key: &str) -> Option<Vec<u8>> {
        match split(key) {
            Ok(pieces) if pieces.iter().all(|p| matches!(p, Piece::Literal(_))) => {
                let plain: String = pieces.iter().map(Piece::as_str).collect();
                Some(format!("{}:", Value::String(plain)).into_bytes())
            }
            _ => None,
        }
    }

    fn slot_key(&mut self, key: &str) {
        let parts = compile_text(key, self.at, self.scope.date, self.faults);
        self.parts.push(Part::Text(parts));
        self.bytes(b":");
    }

    /// `"...": "{shape.user}"` puts the members of a named object in place.
    fn spread(&mut self, value: &Value) {
        let name = value.as_str().and_then(|text| text.strip_prefix("{shape.")?.strip_suffix('}'));
        match name.and_then(|name| self.scope.shapes.get(name)) {
            Some(Value::Object(map)) if self.depth < 8 => {
                self.depth += 1;
                self.members(map, true);
                self.depth -= 1;
            }
            _ => self.fault("\"...\" needs the name of a shape that is an object, such as \"{shape.user}\""),
        }
    }

    fn optional_slot(&self, value: &Value) -> Option<SlotUse> {
        let Value::String(text) = value else { return None };
        match split(text).ok()?.as_slice() {
            [Piece::Slot(inner)] => {
                let slot = parse_slot(inner, self.scope.date).ok()?;
                (slot.absent == Absent::Omit).then_some(slot)
            }
            _ => None,
        }
    }

    fn text(&mut self, text: &str) {
        match split(text) {
            Err(message) => self.fault(&message),
            Ok(pieces) => match pieces.as_slice() {
                [Piece::Slot(inner)] => self.slot(inner),
                pieces if pieces.iter().all(|p| matches!(p, Piece::Literal(_))) => {
                    let plain: String = pieces.iter().map(Piece::as_str).collect();
                    self.bytes(Value::String(plain).to_string().as_bytes());
                }
                _ => {
                    let parts = compile_text(text, self.at, self.scope.date, self.faults);
                    self.parts.push(Part::Text(parts));
                }
            },
        }
    }

    fn slot(&mut self, inner: &str) {
        if let Some(name) = inner.strip_prefix("shape.") {
            return self.include(name);
        }
        match parse_slot(inner, self.scope.date) {
            Ok(slot) => self.parts.push(Part::Value(slot)),
            Err(message) => self.fault(&message),
        }
    }

    fn include(&mut self, name: &str) {
        let Some(value) = self.scope.shapes.get(name) else {
            let names: Vec<&str> = self.scope.shapes.keys().map(String::as_str).collect();
            return self.fault(&unknown_word("shape", name, &names));
        };
        if self.depth >= 8 {
            return self.fault("shapes include each other too deeply");
        }
        self.depth += 1;
        self.value(value);
        self.depth -= 1;
    }

    fn fault(&self, message: &str) {
        self.faults.at(self.at, message);
    }
}

fn is_optional(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.ends_with("|omit}"))
}

fn text_part(piece: Piece<'_>, at: usize, scope: Scope<'_>, faults: &Faults<'_>) -> TextPart {
    match piece {
        Piece::Literal(text) => TextPart::Literal(text.to_owned()),
        Piece::Slot(inner) => match parse_slot(inner, scope.date) {
            Ok(slot) => TextPart::Slot(slot),
            Err(message) => {
                faults.at(at, message);
                TextPart::Literal(String::new())
            }
        },
    }
}

#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Literal(&'a str),
    Slot(&'a str),
}

impl<'a> Piece<'a> {
    fn as_str(&self) -> &'a str {
        match self {
            Piece::Literal(text) | Piece::Slot(text) => text,
        }
    }
}

/// Splits at `{…}`; `{{` and `}}` stand for the braces themselves.
fn split(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        if at > 0 {
            pieces.push(Piece::Literal(&rest[..at]));
        }
        let tail = &rest[at..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            pieces.push(Piece::Literal(&tail[..1]));
            rest = &tail[2..];
        } else if let Some(inner) = tail.strip_prefix('{') {
            let end = inner
                .find('}')
                .ok_or_else(|| format!("the slot in \"{text}\" has no end; write {{{{ for a brace"))?;
            pieces.push(Piece::Slot(&inner[..end]));
            rest = &inner[end + 1..];
        } else {
            return Err(format!("a single }} stands in \"{text}\"; write }}}} for a brace"));
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    Ok(pieces)
}

/// Reads `name|form|absent`.
pub fn parse_slot(inner: &str, date: &Form) -> Result<SlotUse, String> {
    let mut words = inner.split('|');
    let name = words.next().unwrap_or("");
    let slot = slot_named(name)?;
    let mut form = if is_moment(&slot) { date.clone() } else { Form::Natural };
    let mut absent = Absent::Null;
    for word in words {
        match word {
            "null" => absent = Absent::Null,
            "blank" => absent = Absent::Blank,
            "omit" => absent = Absent::Omit,
            "or_object" => absent = Absent::Value(Value::Object(Map::new())),
            "or_list" => absent = Absent::Value(Value::Array(Vec::new())),
            other => match other.strip_prefix("or:") {
                Some(value) => {
                    absent = Absent::Value(
                        serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())),
                    );
                }
                None => form = form_for(&slot, name, other)?,
            },
        }
    }
    if matches!(slot, Slot::Issued | Slot::Expires) {
        form = Form::Seconds;
    }
    Ok(SlotUse { slot, form, absent })
}

/// A form that goes with the slot.
fn form_for(slot: &Slot, name: &str, word: &str) -> Result<Form, String> {
    let form = parse_form(word)?;
    let of_moments = matches!(form, Form::Iso(..) | Form::Seconds | Form::Millis | Form::Pattern(_));
    if matches!(slot, Slot::Issued | Slot::Expires) && form != Form::Seconds {
        return Err(format!("`{name}` is always seconds (RFC 7519)"));
    }
    if of_moments && !is_moment(slot) && !matches!(slot, Slot::Issued | Slot::Expires) {
        return Err(format!("`{word}` is a form of moments, and `{name}` is none"));
    }
    Ok(form)
}

/// Reads the name of a form: `text`, `lower`, `seconds`, `millis`, `iso`, `iso:DIGITS`, `iso:DIGITS:OFFSET`, `date:PATTERN`.
pub fn parse_form(word: &str) -> Result<Form, String> {
    match word {
        "text" => return Ok(Form::Text),
        "lower" => return Ok(Form::Lower),
        "seconds" => return Ok(Form::Seconds),
        "millis" => return Ok(Form::Millis),
        "iso" => return Ok(Form::Iso(None, 0)),
        _ => {}
    }
    if let Some(pattern) = word.strip_prefix("date:") {
        if let Err(error) = jiff::fmt::strtime::format(pattern, jiff::Timestamp::UNIX_EPOCH) {
            return Err(format!("\"{pattern}\" is not a strftime pattern: {error}"));
        }
        return Ok(Form::Pattern(pattern.to_owned()));
    }
    let rest = word.strip_prefix("iso:").ok_or_else(|| {
        unknown_word(
            "form",
            word,
            &["text", "lower", "seconds", "millis", "iso", "null", "blank", "omit", "or_object", "or_list"],
        )
    })?;
    let (digits, offset) =
        rest.split_once(':').map_or((rest, None), |(digits, offset)| (digits, Some(offset)));
    let digits = match digits {
        "auto" => None,
        digits => {
            Some(digits.parse::<u8>().ok().filter(|d| *d <= 6).ok_or("iso takes 0 to 6 digits, or auto")?)
        }
    };
    Ok(Form::Iso(digits, offset.map_or(Ok(0), parse_offset)?))
}

fn parse_offset(text: &str) -> Result<i32, String> {
    let wrong = || format!("\"{text}\" is not an offset such as -05:00");
    let (sign, rest) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
    let (hours, minutes) =
        (hours.parse::<i32>().map_err(|_| wrong())?, minutes.parse::<i32>().map_err(|_| wrong())?);
    if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) {
        return Err(wrong());
    }
    Ok(sign * (hours * 60 + minutes))
}

fn slot_named(name: &str) -> Result<Slot, String> {
    if let Some((_, slot)) = SLOTS.iter().find(|(known, _)| *known == name) {
        return Ok(slot.clone());
    }
    if let Some(attribute) = name.strip_prefix("user.attribute.").filter(|a| !a.is_empty()) {
        return Ok(Slot::UserAttribute(attribute.to_owned()));
    }
    if let Some(length) = name.strip_prefix("user.short_id:") {
        let length = length.parse::<u8>().ok().filter(|n| (8..=22).contains(n));
        return length
            .map(Slot::UserShortId)
            .ok_or_else(|| "user.short_id takes 8 to 22 characters".to_owned());
    }
    Err(unknown_word("slot", name, &SLOTS.iter().map(|(name, _)| *name).collect::<Vec<_>>()))
}

fn is_moment(slot: &Slot) -> bool {
    matches!(
        slot,
        Slot::UserCreatedAt
            | Slot::UserLastLoginAt
            | Slot::AccessExpiresAt
            | Slot::AccessIssuedAt
            | Slot::RefreshExpiresAt
            | Slot::Now
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::shape::Facts;

    fn filled(json: &str) -> Result<String, Vec<String>> {
        let faults = Faults::new("");
        let shapes = Shapes::from([("pair".to_owned(), serde_json::json!({"a": 1, "b": "{code}"}))]);
        let scope = Scope { shapes: &shapes, date: &Form::Natural };
        let shape = compile(&serde_json::from_str(json).unwrap(), 0, scope, &faults);
        if !faults.is_empty() {
            return Err(faults.into_list().into_iter().map(|f| f.message).collect());
        }
        let refusal = domain::shape::RefusalFacts { code: "x", ..Default::default() };
        let facts = Facts {
            refusal: Some(refusal),
            now: Some(domain::time::Moment::from_seconds(1)),
            ..Facts::default()
        };
        Ok(String::from_utf8(shape.to_bytes(&facts)).unwrap())
    }

    #[test]
    fn templates_keep_order_types_and_literals() {
        for (template, expected) in [
            (r#"{"b": 1, "a": [true, null, "x"]}"#, r#"{"b":1,"a":[true,null,"x"]}"#),
            (r#"{"c": "{code}", "t": "code {code}!"}"#, r#"{"c":"x","t":"code x!"}"#),
            (r#"{"n": "{retry_after}", "b": "{retry_after|blank}", "z": 1}"#, r#"{"n":null,"b":"","z":1}"#),
            (r#"{"gone": "{reason|omit}", "z": 1}"#, r#"{"z":1}"#),
            (r#"{"z": 1, "gone": "{reason|omit}"}"#, r#"{"z":1}"#),
            (r#"{"d": "{reason|or:5}"}"#, r#"{"d":5}"#),
            (r#"{"z": 0, "...": "{shape.pair}"}"#, r#"{"z":0,"a":1,"b":"x"}"#),
            (r#"{"...": "{shape.pair}", "z": 0}"#, r#"{"a":1,"b":"x","z":0}"#),
            (r#"{"{code}": {"in": "{shape.pair}"}}"#, r#"{"x":{"in":{"a":1,"b":"x"}}}"#),
            (r#""{shape.pair}""#, r#"{"a":1,"b":"x"}"#),
            (r#"{"{{k}}": "{{literal}}"}"#, r#"{"{k}":"{literal}"}"#),
            (
                r#"{"t": "{now|iso:0:-05:00}", "s": "{now|seconds}"}"#,
                r#"{"t":"1969-12-31T19:00:01-05:00","s":1}"#,
            ),
            ("null", "null"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn wrong_slots_are_named_with_a_suggestion() {
        for (template, part) in [
            (r#""{user.emial}""#, "did you mean `user.email`?"),
            (r#""{now|iso:9}""#, "0 to 6 digits"),
            (r#""{now|iso:0:5}""#, "not an offset"),
            (r#""{shape.pear}""#, "did you mean `pair`?"),
            (r#""{code""#, "no end"),
            (r#""code}""#, "single }"),
            (r#"{"...": "{code}"}"#, "needs the name of a shape"),
            (r#""{user.short_id:3}""#, "8 to 22"),
        ] {
            let faults = filled(template).unwrap_err();
            assert!(faults.iter().any(|f| f.contains(part)), "{template}: {faults:?}");
        }
    }
}
