//! Is this text one JSON value without doubt about its meaning?

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;

/// Reads one JSON object, nothing before or after it.
///
/// Refused (`None`): anything but an object, a name given twice at any depth, nesting deeper than `max_depth`
/// (the object itself is depth 1), numbers beyond the range of a double, text that is not UTF-8, lone surrogates.
pub fn strict_object(text: &[u8], max_depth: u8) -> Option<Map<String, Value>> {
    match strict_value(text, max_depth, u32::MAX) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

/// Reads one JSON value of any type under the same rules, with at most `max_members` members and items in all.
///
/// The error says what is wrong and where, never what was sent.
pub fn strict_value(text: &[u8], max_depth: u8, max_members: u32) -> Result<Value, String> {
    let members_left = Cell::new(max_members);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth_left: max_depth, members_left: &members_left }.deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| error.to_string())
}

/// Builds a [`Value`] and refuses what `serde_json` alone would let pass: a repeated name, a deep nest.
#[derive(Clone, Copy)]
struct Strict<'c> {
    depth_left: u8,
    members_left: &'c Cell<u32>,
}

impl<'c> Strict<'c> {
    fn inner<E: Error>(self) -> Result<Strict<'c>, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Strict { depth_left, ..self }),
            None => Err(E::custom("nested too deeply")),
        }
    }

    fn count<E: Error>(self) -> Result<(), E> {
        let left = self.members_left.get().checked_sub(1).ok_or_else(|| E::custom("too many members"))?;
        self.members_left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON with distinct names")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            self.count()?;
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            self.count()?;
            let value = entries.next_value_seed(inner)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a name is given twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_written() {
        let text = br#" {"a":1,"b":[true,null,-2,1.5,"x"],"c":{"a":{}}} "#;
        let map = strict_object(text, 4).unwrap();
        assert_eq!(Value::Object(map), serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn what_leaves_doubt_is_refused() {
        for text in [
            "",
            "{",
            "null",
            "[]",
            "\"{}\"",
            "1",
            "{} {}",
            "{}x",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":{\"b\":1,\"b\":2}}",
            "{\"a\":[{\"b\":1,\"\\u0062\":2}]}",
            "{\"a\":1e400}",
            "{\"a\":NaN}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":01}",
            "\u{feff}{}",
            "{\"a\":\"\u{0}\"}",
        ] {
            assert!(strict_object(text.as_bytes(), 8).is_none(), "{text}");
        }
        assert!(strict_object(b"{\"a\":\"\xff\"}", 8).is_none());
    }

    #[test]
    fn depth_is_bounded() {
        assert!(strict_object(b"{\"a\":{\"b\":[]}}", 3).is_some());
        assert!(strict_object(b"{\"a\":{\"b\":[]}}", 2).is_none());
        assert!(strict_value(b"[1,2,[3]]", 3, 4).is_ok());
        assert!(strict_value(b"[1,2,[3]]", 3, 3).is_err());
        let bomb = [b"{\"a\":".to_vec(), b"[".repeat(5000)].concat();
        assert!(strict_object(&bomb, 16).is_none());
    }
}
