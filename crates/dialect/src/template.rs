//! How does `{slot|form}` in a JSON or text template become a compiled shape?

use crate::file::{Faults, Word, unknown_word};
use crate::slot::{list_named, parse_slot};
use domain::shape::{Absent, Form, Part, Shape, SlotUse, TextPart};
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
        if let Some((name, shape)) = inner.split_once("|each:") {
            return self.each(name, shape);
        }
        match parse_slot(inner, self.scope.date) {
            Ok(slot) => self.parts.push(Part::Value(slot)),
            Err(message) => self.fault(&message),
        }
    }

    /// `"{sessions|each:session}"`: the named shape once for each thing of a list.
    fn each(&mut self, name: &str, shape: &str) {
        let Some(list) = list_named(name) else {
            return self.fault(&format!("`{name}` is no list; {{sessions|each:SHAPE}} is one"));
        };
        let outer = std::mem::take(&mut self.parts);
        self.include(shape);
        let parts = std::mem::replace(&mut self.parts, outer);
        self.parts.push(Part::Each(list, Shape { parts }));
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
