//! Does an answer fit its template, and what stands in the slots?

#![expect(clippy::wildcard_enum_match_arm, reason = "most slots of a no hold a text")]

use super::pattern::{Key, Member, Pattern};
use crate::said::{Said, SaidCookie, SaidHeader};
use domain::shape::{Slot, SlotUse, TextPart, text_slots};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

/// What stood in one slot.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The slot, with the way it is written.
    pub slot: SlotUse,
    /// What stood there.
    pub value: Value,
    /// Whether it was a part of a text, so that every value is a text.
    pub in_text: bool,
}

/// Members that the template does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Passed over: what is looked for is there.
    Passed,
    /// Another answer: what is compared are words.
    Refused,
}

/// What an answer is read as.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// The yes of a route.
    Yes,
    /// The words of a code.
    No { code: &'static str, status: u16 },
}

impl Caught {
    /// Refused: what can not stand in this slot of such an answer.
    pub fn check(&self, expected: &Expected) -> Result<(), String> {
        let Expected::No { code, status } = expected else { return Ok(()) };
        let fits = match &self.slot.slot {
            Slot::Code => self.value.as_str() == Some(code),
            Slot::Status => self.number() == Some(u64::from(*status)),
            Slot::RetryAfter => self.number().is_some() || self.value.is_null(),
            Slot::Flaws => matches!(self.value, Value::Array(_) | Value::Object(_) | Value::Null),
            _ => self.value.is_string() || self.value.is_null(),
        };
        if fits { Ok(()) } else { Err("a slot holds what it can not say".to_owned()) }
    }

    /// Seconds to wait, where this slot says them.
    pub fn retry_after(&self) -> Option<u32> {
        if self.slot.slot != Slot::RetryAfter {
            return None;
        }
        u32::try_from(self.number()?).ok()
    }

    /// Whether the slot says nothing about the code.
    pub fn could_be_anything(&self) -> bool {
        !matches!(
            self.slot.slot,
            Slot::Code | Slot::Status | Slot::RetryAfter | Slot::Now | Slot::Method | Slot::Path
        )
    }

    fn number(&self) -> Option<u64> {
        self.value.as_u64().or_else(|| self.value.as_str()?.parse().ok())
    }
}

/// Holds JSON against a template. Refused, with the place: whatever does not fit.
pub fn json(pattern: &Pattern, value: &Value, extra: Extra) -> Result<Vec<Caught>, String> {
    let mut fitting = Fitting { extra, caught: Vec::new(), path: Vec::new() };
    fitting.value(pattern, value)?;
    Ok(fitting.caught)
}

/// Holds a text against a template.
pub fn text(parts: &[TextPart], text: &str) -> Result<Vec<Caught>, String> {
    let mut caught = Vec::new();
    split(parts, text, &mut caught).ok_or("the text is another one")?;
    Ok(caught)
}

/// What stands in the headers of a yes. A header that is missing or other says nothing.
pub fn headers(said: &Said, came: &HeaderMap) -> Vec<Caught> {
    let holds_slots = |header: &&SaidHeader| !text_slots(&header.value).is_empty();
    let mut caught = Vec::new();
    for header in said.headers.iter().filter(holds_slots) {
        let value = came.get(&header.name).and_then(|value| value.to_str().ok());
        caught.extend(value.and_then(|value| text(&header.value, value).ok()).unwrap_or_default());
    }
    caught
}

/// What stands in the cookies of a yes.
pub fn cookies(said: &Said, came: &HeaderMap) -> Vec<Caught> {
    let mut caught = Vec::new();
    for SaidCookie { name, value, .. } in &said.cookies {
        let Some(parts) = value else { continue };
        let set = came.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
        let found = set.filter_map(|line| line.split(';').next()?.split_once('='));
        let found = found.filter(|(other, _)| other.trim() == name).map(|(_, value)| value.trim()).next();
        caught.extend(found.and_then(|value| text(parts, value).ok()).unwrap_or_default());
    }
    caught
}

struct Fitting<'p> {
    extra: Extra,
    caught: Vec<Caught>,
    path: Vec<&'p str>,
}

impl<'p> Fitting<'p> {
    fn value(&mut self, pattern: &'p Pattern, value: &Value) -> Result<(), String> {
        match (pattern, value) {
            (Pattern::Literal(literal), _) if is_same(literal, value) => Ok(()),
            (Pattern::Literal(_), _) => Err(self.wrong("it is not what the contract says")),
            (Pattern::Slot(slot), _) => {
                self.caught.push(Caught { slot: slot.clone(), value: value.clone(), in_text: false });
                Ok(())
            }
            (Pattern::Text(parts), Value::String(text)) => {
                split(parts, text, &mut self.caught).ok_or_else(|| self.wrong("the text is another one"))
            }
            (Pattern::Each(one), Value::Array(items)) => {
                // Whose things these are is not told by the slots of one of them.
                let before = self.caught.len();
                for item in items {
                    self.value(one, item)?;
                    self.caught.truncate(before);
                }
                Ok(())
            }
            (Pattern::List(patterns), Value::Array(items)) if patterns.len() == items.len() => {
                patterns.iter().zip(items).try_for_each(|(pattern, item)| self.value(pattern, item))
            }
            (Pattern::Object(members), Value::Object(map)) => self.object(members, map),
            (Pattern::Text(_) | Pattern::Each(_) | Pattern::List(_) | Pattern::Object(_), _) => {
                Err(self.wrong("it is of another type"))
            }
        }
    }

    fn object(&mut self, members: &'p [Member], map: &Map<String, Value>) -> Result<(), String> {
        let mut taken = 0;
        for member in members {
            let found = match &member.key {
                Key::Plain(name) => map.get(name).map(|value| (name.as_str(), value)),
                Key::Text(parts) => self.named(members, parts, map),
            };
            let label = if let Key::Plain(name) = &member.key { name.as_str() } else { "*" };
            self.path.push(label);
            match found {
                Some((_, value)) => {
                    taken += 1;
                    self.value(&member.value, value)?;
                }
                None if member.optional => {}
                None => return Err(self.wrong("it is missing")),
            }
            self.path.pop();
        }
        if self.extra == Extra::Refused && taken < map.len() {
            return Err(self.wrong("there is more than the contract says"));
        }
        Ok(())
    }

    /// The member whose name fits a text with slots and that no plain name takes.
    fn named<'m>(
        &mut self,
        members: &[Member],
        parts: &[TextPart],
        map: &'m Map<String, Value>,
    ) -> Option<(&'m str, &'m Value)> {
        let is_plain = |name: &str| members.iter().any(|m| matches!(&m.key, Key::Plain(key) if key == name));
        let mut free = map.iter().filter(|(name, _)| !is_plain(name));
        free.find_map(|(name, value)| {
            let mut caught = Vec::new();
            split(parts, name, &mut caught)?;
            self.caught.extend(caught);
            Some((name.as_str(), value))
        })
    }

    fn wrong(&self, why: &str) -> String {
        if self.path.is_empty() {
            format!("the body: {why}")
        } else {
            format!("`{}`: {why}", self.path.join("."))
        }
    }
}

/// Equal values; numbers by value, so that `1.0` is `1`.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// Divides a text at the literals of its template, from the left. Two slots without a literal between them can not be told
/// apart and are passed over together.
fn split(parts: &[TextPart], text: &str, caught: &mut Vec<Caught>) -> Option<()> {
    let mut rest = text;
    let mut waiting: Vec<&SlotUse> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let literal = match part {
            TextPart::Slot(slot) => {
                waiting.push(slot);
                continue;
            }
            TextPart::Literal(literal) => literal.as_str(),
        };
        let is_last = at + 1 == parts.len();
        let end = match waiting.is_empty() {
            true => rest.starts_with(literal).then_some(0)?,
            false if is_last => rest.strip_suffix(literal)?.len(),
            false => rest.find(literal)?,
        };
        catch(&mut waiting, &rest[..end], caught);
        rest = &rest[end + literal.len()..];
    }
    if waiting.is_empty() {
        return rest.is_empty().then_some(());
    }
    catch(&mut waiting, rest, caught);
    Some(())
}

fn catch(waiting: &mut Vec<&SlotUse>, text: &str, caught: &mut Vec<Caught>) {
    if let [slot] = waiting.as_slice() {
        caught.push(Caught { slot: (*slot).clone(), value: Value::String(text.to_owned()), in_text: true });
    }
    waiting.clear();
}
