//! How are flaws worded, and in which shape are they listed?

use crate::file::{Faults, Section, Word};
use crate::input::messages;
use crate::route::Route;
use crate::slot::slot_text;
use crate::take::Take;
use crate::template::{Scope, compile, compile_text, parse_json};
use domain::input::{Flaw, Input, Rule};
use domain::shape::{Facts, FlawFacts, Form, Shape, Slot, TextPart, text, text_slots};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// In which shape flaws are listed.
#[derive(Clone, Debug, PartialEq)]
pub enum FlawShape {
    /// `{"email": ["…", "…"]}`
    MapOfLists,
    /// `{"email": "…"}`, the first of each field.
    Map,
    /// `["…", "…"]`
    List,
    /// A list of items.
    Items(Shape),
    /// `{"email": ITEM}`, the first of each field.
    MapOfItems(Shape),
    /// `{"email": [ITEM, …]}`
    MapOfItemLists(Shape),
}

/// How many flaws are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collect {
    /// All.
    All,
    /// The first of each field.
    FirstPerField,
    /// The first.
    First,
}

/// The dialect's wording of flaws.
#[derive(Clone, Debug)]
pub struct Wording {
    shape: FlawShape,
    collect: Collect,
    messages: BTreeMap<Rule, Vec<TextPart>>,
    by_input: BTreeMap<Input, BTreeMap<Rule, Vec<TextPart>>>,
}

/// Flaws, worded.
#[derive(Debug)]
pub struct Worded {
    /// In the dialect's shape.
    pub list: Value,
    /// Wording of the first.
    pub first: String,
}

struct One<'a> {
    field: &'a str,
    message: String,
    item: Option<Value>,
}

impl Wording {
    /// Words flaws in the shape of the dialect; field names and labels are those of the route.
    pub fn word(&self, flaws: &[Flaw], route: Option<&Route>) -> Worded {
        let mut told: Vec<One<'_>> = Vec::new();
        let mut flaws: Vec<&Flaw> = flaws.iter().collect();
        flaws.sort_by_key(|flaw| (route.map_or(0, |route| order_of(route, flaw)), flaw.rule != Rule::NoneOf));
        for flaw in flaws {
            let take = route.and_then(|route| take_of(route, flaw));
            let one = self.one(flaw, take, route);
            let repeated = told.iter().any(|before| before.field == one.field);
            if self.collect == Collect::FirstPerField && repeated {
                continue;
            }
            told.push(one);
            if self.collect == Collect::First {
                break;
            }
        }
        let first = told.first().map_or_else(String::new, |one| one.message.clone());
        Worded { list: self.list(told), first }
    }

    fn one<'a>(&self, flaw: &'a Flaw, take: Option<&'a Take>, route: Option<&Route>) -> One<'a> {
        let field =
            flaw.field.as_deref().or_else(|| take.map(Take::field)).unwrap_or_else(|| flaw.input.name());
        let label = take.map_or(field, |take| take.label.as_str());
        let place = take.and_then(|take| take.places.first()).map(crate::place::Place::to_json);
        let facts = FlawFacts {
            field,
            label,
            limit: flaw.limit,
            got: flaw.got.as_deref(),
            message: None,
            rule: flaw.rule.code(),
            place: place.as_ref(),
        };
        let need = route.filter(|_| flaw.rule == Rule::NoneOf).and_then(|route| {
            route
                .needs
                .iter()
                .find(|need| need.any.contains(&flaw.input))
                .and_then(|need| need.message.as_ref())
        });
        let parts = need
            .or_else(|| take.and_then(|take| take.messages.get(&flaw.rule)))
            .or_else(|| self.by_input.get(&flaw.input).and_then(|table| table.get(&flaw.rule)))
            .or_else(|| self.messages.get(&flaw.rule));
        let message = match parts {
            Some(parts) => text(parts, &Facts { flaw: Some(facts), ..Facts::default() }),
            None => plain(flaw, label),
        };
        let item = self.item(FlawFacts { message: Some(&message), ..facts });
        One { field, message, item }
    }

    fn item(&self, facts: FlawFacts<'_>) -> Option<Value> {
        match &self.shape {
            FlawShape::Items(shape) | FlawShape::MapOfItems(shape) | FlawShape::MapOfItemLists(shape) => {
                let bytes = shape.to_bytes(&Facts { flaw: Some(facts), ..Facts::default() });
                serde_json::from_slice(&bytes).ok()
            }
            FlawShape::MapOfLists | FlawShape::Map | FlawShape::List => None,
        }
    }

    fn list(&self, told: Vec<One<'_>>) -> Value {
        let mut map = Map::new();
        let mut list = Vec::new();
        for one in told {
            let said = one.item.unwrap_or(Value::String(one.message));
            match &self.shape {
                FlawShape::List | FlawShape::Items(_) => list.push(said),
                FlawShape::Map | FlawShape::MapOfItems(_) => {
                    map.entry(one.field).or_insert(said);
                }
                FlawShape::MapOfLists | FlawShape::MapOfItemLists(_) => {
                    let entry = map.entry(one.field).or_insert_with(|| Value::Array(Vec::new()));
                    if let Value::Array(items) = entry {
                        items.push(said);
                    }
                }
            }
        }
        match self.shape {
            FlawShape::List | FlawShape::Items(_) => Value::Array(list),
            FlawShape::Map
            | FlawShape::MapOfItems(_)
            | FlawShape::MapOfLists
            | FlawShape::MapOfItemLists(_) => Value::Object(map),
        }
    }
}

fn take_of<'a>(route: &'a Route, flaw: &Flaw) -> Option<&'a Take> {
    let named = |take: &&Take| match &flaw.field {
        Some(field) => take.field() == field,
        None => true,
    };
    route.takes.iter().filter(|take| take.input == flaw.input).find(named)
}

/// Flaws are told in the order in which the route takes its inputs; unknown fields last.
fn order_of(route: &Route, flaw: &Flaw) -> usize {
    let named = |take: &Take| flaw.field.as_deref().is_none_or(|field| take.field() == field);
    route.takes.iter().position(|take| take.input == flaw.input && named(take)).unwrap_or(usize::MAX)
}

/// The wording where the file has none.
fn plain(flaw: &Flaw, label: &str) -> String {
    let limit = flaw.limit.unwrap_or_default();
    match flaw.rule {
        Rule::Required => format!("{label} is required"),
        Rule::Null => format!("{label} must not be null"),
        Rule::Blank => format!("{label} must not be blank"),
        Rule::Type => format!("{label} has the wrong type"),
        Rule::NulCharacter => format!("{label} must not contain null characters"),
        Rule::TooShort => format!("{label} must have at least {limit} characters"),
        Rule::TooLong => format!("{label} must have at most {limit} characters"),
        Rule::TooSmall => format!("{label} must be at least {limit}"),
        Rule::TooLarge => format!("{label} must be at most {limit}"),
        Rule::Pattern => format!("{label} has the wrong form"),
        Rule::Email => format!("{label} must be an e-mail address"),
        Rule::OneOf => format!("{label} is not one of the values allowed"),
        Rule::Differs => format!("{label} does not match"),
        Rule::NoneOf => format!("{label} or an alternative is required"),
        Rule::Unknown => format!("{label} is not known"),
        Rule::NotAFile => format!("{label} must be a file"),
        Rule::NotAPicture => format!("{label} must be a PNG, JPEG, WebP or GIF picture"),
        Rule::FileTooLarge => format!("{label} is too large"),
        Rule::Taken => format!("{label} is taken"),
        Rule::Unconfirmed => format!("{label} has to be confirmed first"),
        Rule::PasswordTooShort => format!("{label} must have at least {limit} characters"),
        Rule::PasswordTooLong => format!("{label} must have at most {limit} characters"),
        Rule::PasswordCommon => format!("{label} is too common"),
        Rule::PasswordNumeric => format!("{label} must not be all digits"),
    }
}

/// Compiles the wording of a flaw.
pub fn message(word: &Word<'_>, date: &Form, faults: &Faults<'_>) -> Vec<TextPart> {
    let parts = compile_text(word.text, word.span.start, date, faults);
    check_slots(&text_slots(&parts), &[], word.span.start, faults);
    parts
}

/// A flaw knows its field, its limit and what was got; an item knows its wording, too.
fn check_slots(slots: &[&Slot], more: &[Slot], at: usize, faults: &Faults<'_>) {
    for slot in slots {
        let fits = matches!(slot, Slot::Field | Slot::Label | Slot::Limit | Slot::Got | Slot::Rule);
        if !fits && !more.contains(slot) {
            faults.at(at, format!("the wording of a flaw can not say {}", slot_text(slot)));
        }
    }
}

/// Compiles `[flaws]` and `[messages]`. In `[messages]`, a key is a rule (a text) or an input (a table of rules).
pub fn compile_wording(root: &Section<'_>, scope: Scope<'_>) -> Wording {
    let (shape, collect) = compile_shape(root.section("flaws"), scope);
    let mut wording = Wording { shape, collect, messages: BTreeMap::new(), by_input: BTreeMap::new() };
    wording.messages = messages(root.section("messages"), scope.date);
    if let Some(table) = root.section("messages_by_input") {
        for (key, value) in table.entries() {
            let Some(section) = Section::of(value, key.text, root.faults()) else { continue };
            match Input::parse(key.text) {
                Some(input) => {
                    wording.by_input.insert(input, messages(Some(section), scope.date));
                }
                None => root.faults().at(key.span.start, format!("`{}` is not an input", key.text)),
            }
        }
    }
    wording
}

fn compile_shape(section: Option<Section<'_>>, scope: Scope<'_>) -> (FlawShape, Collect) {
    let Some(section) = section else { return (FlawShape::MapOfLists, Collect::All) };
    let collect = section.choice(
        "collect",
        &[("all", Collect::All), ("first_per_field", Collect::FirstPerField), ("first", Collect::First)],
    );
    let item = section.word("item").and_then(|word| {
        let value = parse_json(&word, section.faults())?;
        let shape = compile(&value, word.span.start, scope, section.faults());
        check_slots(&shape.slots(), &[Slot::Message, Slot::Place], word.span.start, section.faults());
        Some(shape)
    });
    let names = [
        ("map_of_lists", 0_u8),
        ("map", 1),
        ("list", 2),
        ("items", 3),
        ("map_of_items", 4),
        ("map_of_item_lists", 5),
    ];
    let shape = match (section.choice("shape", &names).unwrap_or(0), item) {
        (0, None) => FlawShape::MapOfLists,
        (1, None) => FlawShape::Map,
        (2, None) => FlawShape::List,
        (3, Some(item)) => FlawShape::Items(item),
        (4, Some(item)) => FlawShape::MapOfItems(item),
        (5, Some(item)) => FlawShape::MapOfItemLists(item),
        (3.., None) => {
            section.fault("this shape needs `item`, for example '{\"message\": \"{message}\"}'");
            FlawShape::MapOfLists
        }
        (_, Some(_)) => {
            section.fault("`item` goes with items, map_of_items and map_of_item_lists");
            FlawShape::MapOfLists
        }
    };
    section.done();
    (shape, collect.unwrap_or(Collect::All))
}
