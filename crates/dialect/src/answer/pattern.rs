//! Which JSON does a compiled template stand for?
//!
//! A shape is bytes with slots between them. Written once with a mark in the place of every slot, it is JSON again, and
//! its tree is what answers are held against. So there is one compiled form, and both directions follow from it.

use domain::shape::{List, Part, Shape, SlotUse, TextPart};
use serde_json::Value;

/// Before the number of a slot. No template holds it: JSON text has no bare NUL, and nobody writes an escaped one.
const MARK: char = '\0';

/// A JSON template as a tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// Exactly this: `null`, a text, a number, `true` or `false`.
    Literal(Value),
    /// One slot.
    Slot(SlotUse),
    /// A text with slots in it.
    Text(Vec<TextPart>),
    /// A list with one shape for all its things.
    Each(Box<Pattern>),
    /// A list of fixed length.
    List(Vec<Pattern>),
    /// An object.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name; with slots in it, any name that fits.
    pub key: Key,
    /// What it holds.
    pub value: Pattern,
    /// Whether it may be missing.
    pub optional: bool,
}

/// The name of a member.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// As it is.
    Plain(String),
    /// A text with slots in it.
    Text(Vec<TextPart>),
}

/// What stood where a mark is.
enum Marked<'s> {
    Slot(&'s SlotUse),
    Optional(&'s SlotUse),
    Text(&'s [TextPart]),
    Each(&'s Shape),
}

impl Pattern {
    /// The tree of a template. Refused: one whose bytes are no JSON once its slots are filled.
    pub fn of(shape: &Shape) -> Result<Pattern, String> {
        let mut marks = Vec::new();
        let mut bytes = Vec::new();
        for part in &shape.parts {
            match part {
                Part::Bytes(literal) => bytes.extend_from_slice(literal),
                Part::Comma => comma(&mut bytes),
                Part::Value(slot) => mark(Marked::Slot(slot), &mut marks, &mut bytes),
                Part::Text(parts) => mark(Marked::Text(parts), &mut marks, &mut bytes),
                Part::Each(List::Sessions | List::Users | List::Keys | List::Events, shape) => {
                    mark(Marked::Each(shape), &mut marks, &mut bytes);
                }
                Part::Member(key, slot) => {
                    comma(&mut bytes);
                    bytes.extend_from_slice(key);
                    mark(Marked::Optional(slot), &mut marks, &mut bytes);
                }
            }
        }
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| format!("the template is no JSON: {error}"))?;
        tree(value, &marks)
    }
}

fn comma(bytes: &mut Vec<u8>) {
    if !matches!(bytes.last(), Some(b'{' | b'[') | None) {
        bytes.push(b',');
    }
}

fn mark<'s>(what: Marked<'s>, marks: &mut Vec<Marked<'s>>, bytes: &mut Vec<u8>) {
    let name = Value::String(format!("{MARK}{}", marks.len()));
    bytes.extend_from_slice(name.to_string().as_bytes());
    marks.push(what);
}

fn marked<'m, 's>(text: &str, marks: &'m [Marked<'s>]) -> Option<&'m Marked<'s>> {
    marks.get(text.strip_prefix(MARK)?.parse::<usize>().ok()?)
}

fn tree(value: Value, marks: &[Marked<'_>]) -> Result<Pattern, String> {
    Ok(match value {
        Value::String(text) => match marked(&text, marks) {
            Some(Marked::Slot(slot) | Marked::Optional(slot)) => Pattern::Slot((*slot).clone()),
            Some(Marked::Text(parts)) => Pattern::Text(parts.to_vec()),
            Some(Marked::Each(shape)) => Pattern::Each(Box::new(Pattern::of(shape)?)),
            None => Pattern::Literal(Value::String(text)),
        },
        Value::Array(items) => {
            Pattern::List(items.into_iter().map(|item| tree(item, marks)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let members = map.into_iter().map(|(key, value)| member(key, value, marks));
            Pattern::Object(members.collect::<Result<_, _>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Pattern::Literal(value),
    })
}

fn member(key: String, value: Value, marks: &[Marked<'_>]) -> Result<Member, String> {
    let mark = value.as_str().and_then(|text| marked(text, marks));
    let optional = matches!(mark, Some(Marked::Optional(_)));
    let key = match marked(&key, marks) {
        Some(Marked::Text(parts)) => Key::Text(parts.to_vec()),
        Some(Marked::Slot(slot) | Marked::Optional(slot)) => Key::Text(vec![TextPart::Slot((*slot).clone())]),
        Some(Marked::Each(_)) => return Err("a list is no name".to_owned()),
        None => Key::Plain(key),
    };
    Ok(Member { key, value: tree(value, marks)?, optional })
}
