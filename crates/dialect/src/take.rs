//! Where does an input stand in a request, and what may it be?

#![expect(clippy::wildcard_enum_match_arm, reason = "what fits no line of the table does not fit")]

use crate::place::{Found, Parts, Place};
use domain::identifier::EmailKey;
use domain::input::{Flaw, Input, Rule};
use domain::shape::TextPart;
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// The JSON type that an input must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A text; a number counts as its digits.
    TextOrNumber,
    /// A whole number (digits, where the place holds text).
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// An object.
    Object,
    /// Anything.
    Any,
    /// An uploaded file; null clears.
    File,
}

/// What a null means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// A flaw.
    Refuse,
    /// The same as absent.
    Absent,
    /// A value: the field is cleared.
    Clear,
}

/// What an empty text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blanks {
    /// A flaw.
    Refuse,
    /// The same as absent.
    Absent,
    /// A value.
    Allow,
}

/// A rule on the value.
#[derive(Clone, Debug)]
pub enum Check {
    /// Fewest code points.
    MinLength(i64),
    /// Most code points.
    MaxLength(i64),
    /// Must match.
    Pattern(Regex),
    /// Must be an e-mail address.
    Email,
    /// Must be one of these.
    OneOf(Vec<String>),
    /// Must equal another input.
    Equals(Input),
    /// Smallest number.
    Min(i64),
    /// Largest number.
    Max(i64),
}

/// A value made from other inputs.
#[derive(Clone, Debug)]
pub struct Made {
    /// From these, in order.
    pub join: Vec<Input>,
    /// With this between.
    pub with: String,
    /// In lower case.
    pub lower: bool,
}

/// One input of a route, compiled.
#[derive(Clone, Debug)]
pub struct Take {
    /// Which.
    pub input: Input,
    /// Name of the attribute, for attributes.
    pub attribute: Option<String>,
    /// Where, in order; the first place that holds something counts.
    pub places: Vec<Place>,
    /// Readable name.
    pub label: String,
    /// JSON type.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What a null means.
    pub null: Nulls,
    /// What an empty text means.
    pub blank: Blanks,
    /// Whether outer white space is cut. Never for passwords.
    pub trim: bool,
    /// Whether identifiers must be spelled as stored.
    pub exact: bool,
    /// Rules.
    pub checks: Vec<Check>,
    /// Wordings of this input.
    pub messages: BTreeMap<Rule, Vec<TextPart>>,
    /// Rules that are refused by another code than `invalid_input`.
    pub refuse: BTreeMap<Rule, &'static str>,
    /// Later phases are looked at only when earlier ones have no flaw.
    pub phase: u8,
    /// Made from other inputs when absent.
    pub made: Option<Made>,
}

/// A value, ready for the verb.
#[derive(Clone, Debug)]
pub enum Taken {
    /// Not there.
    Absent,
    /// Cleared.
    Null,
    /// A text.
    Text(String),
    /// JSON of another type.
    Json(Value),
    /// A file.
    File(bytes::Bytes),
}

impl Taken {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Taken::Text(text) => Some(text),
            Taken::Absent | Taken::Null | Taken::Json(_) | Taken::File(_) => None,
        }
    }
}

impl Take {
    /// The wire name.
    pub fn field(&self) -> &str {
        self.places.first().map_or("", Place::field)
    }

    fn flaw(&self, rule: Rule) -> Flaw {
        Flaw {
            field: self.attribute.as_ref().map(|_| self.field().to_owned()),
            ..Flaw::new(self.input, rule)
        }
    }

    /// Whether anything stands in one of the places.
    pub fn is_given(&self, parts: &Parts<'_>) -> bool {
        !matches!(self.find(parts), Found::Absent)
    }

    /// What counts, and where it stands; none when there is nothing anywhere.
    pub fn given<'a>(&'a self, parts: &'a Parts<'_>) -> Option<(&'a Place, Found<'a>)> {
        let places = self.places.iter().map(|place| (place, parts.find(place)));
        places.into_iter().find(|(_, found)| !matches!(found, Found::Absent))
    }

    fn find<'a>(&'a self, parts: &'a Parts<'_>) -> Found<'a> {
        self.given(parts).map_or(Found::Absent, |(_, found)| found)
    }

    /// A token that stands in one place and may be missing.
    pub fn of_token(input: Input, place: Place) -> Take {
        Take {
            input,
            attribute: None,
            label: place.field().to_owned(),
            places: vec![place],
            kind: Kind::Text,
            required: false,
            null: Nulls::Refuse,
            blank: Blanks::Absent,
            trim: false,
            exact: false,
            checks: Vec::new(),
            messages: BTreeMap::new(),
            refuse: BTreeMap::new(),
            phase: 1,
            made: None,
        }
    }

    /// Takes the value and notes what is wrong with it.
    pub fn take(&self, parts: &Parts<'_>, flaws: &mut Vec<Flaw>) -> Taken {
        let taken = match self.typed(self.find(parts)) {
            Ok(taken) => self.blank_or(taken, flaws),
            Err(rule) => {
                let mut flaw = self.flaw(rule);
                flaw.got = json_type(self.find(parts)).map(str::to_owned);
                flaws.push(flaw);
                return Taken::Absent;
            }
        };
        match &taken {
            Taken::Absent if self.required => {
                if flaws.last().is_none_or(|f| f.input != self.input || f.rule != Rule::Blank) {
                    flaws.push(self.flaw(Rule::Required));
                }
            }
            Taken::Text(text) => self.check_text(text, flaws),
            Taken::Json(Value::Number(number)) => self.check_number(number, flaws),
            Taken::Absent | Taken::Null | Taken::Json(_) | Taken::File(_) => {}
        }
        taken
    }

    fn typed(&self, found: Found<'_>) -> Result<Taken, Rule> {
        match found {
            Found::Absent => Ok(Taken::Absent),
            Found::Damaged => Err(Rule::Type),
            Found::File(file) if self.kind == Kind::File => Ok(Taken::File(file.bytes.clone())),
            Found::File(_) => Err(Rule::Type),
            Found::Json(Value::Null) => match self.null {
                Nulls::Refuse => Err(Rule::Null),
                Nulls::Absent => Ok(Taken::Absent),
                Nulls::Clear => Ok(Taken::Null),
            },
            Found::Json(value) => self.typed_json(value),
            Found::Text(text) => self.typed_text(text),
        }
    }

    fn typed_json(&self, value: &Value) -> Result<Taken, Rule> {
        let fits = match (self.kind, value) {
            (Kind::Text | Kind::TextOrNumber, Value::String(text)) => return Ok(Taken::Text(text.clone())),
            (Kind::TextOrNumber, Value::Number(number)) => return Ok(Taken::Text(number.to_string())),
            (Kind::File, _) => return Err(Rule::NotAFile),
            (Kind::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
            (Kind::Number, Value::Number(_))
            | (Kind::Boolean, Value::Bool(_))
            | (Kind::List, Value::Array(_))
            | (Kind::Object, Value::Object(_))
            | (Kind::Any, _) => true,
            _ => false,
        };
        if fits { Ok(Taken::Json(value.clone())) } else { Err(Rule::Type) }
    }

    fn typed_text(&self, text: &str) -> Result<Taken, Rule> {
        match self.kind {
            Kind::Text | Kind::TextOrNumber | Kind::Any => Ok(Taken::Text(text.to_owned())),
            Kind::Integer => text.parse::<i64>().map(|n| Taken::Json(n.into())).map_err(|_| Rule::Type),
            Kind::Number => text.parse::<f64>().map(|n| Taken::Json(n.into())).map_err(|_| Rule::Type),
            Kind::Boolean => match text {
                "true" | "1" => Ok(Taken::Json(true.into())),
                "false" | "0" => Ok(Taken::Json(false.into())),
                _ => Err(Rule::Type),
            },
            Kind::File => Err(Rule::NotAFile),
            Kind::List | Kind::Object => Err(Rule::Type),
        }
    }

    /// Trims, and decides what an empty text means.
    fn blank_or(&self, taken: Taken, flaws: &mut Vec<Flaw>) -> Taken {
        let Taken::Text(text) = taken else { return taken };
        let text = if self.trim { text.trim().to_owned() } else { text };
        if !text.is_empty() {
            return Taken::Text(text);
        }
        match self.blank {
            Blanks::Allow => Taken::Text(text),
            Blanks::Absent => Taken::Absent,
            Blanks::Refuse => {
                flaws.push(self.flaw(Rule::Blank));
                Taken::Absent
            }
        }
    }

    fn check_text(&self, text: &str, flaws: &mut Vec<Flaw>) {
        if text.contains('\0') {
            flaws.push(self.flaw(Rule::NulCharacter));
            return;
        }
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        for check in &self.checks {
            let broken = match check {
                Check::MinLength(limit) => (length < *limit).then_some((Rule::TooShort, Some(*limit))),
                Check::MaxLength(limit) => (length > *limit).then_some((Rule::TooLong, Some(*limit))),
                Check::Pattern(pattern) => (!pattern.is_match(text)).then_some((Rule::Pattern, None)),
                Check::Email => EmailKey::parse(text).is_none().then_some((Rule::Email, None)),
                Check::OneOf(values) => (!values.iter().any(|v| v == text)).then_some((Rule::OneOf, None)),
                Check::Equals(_) | Check::Min(_) | Check::Max(_) => None,
            };
            if let Some((rule, limit)) = broken {
                let got = (rule != Rule::Pattern).then(|| length.to_string());
                flaws.push(Flaw { limit, got, ..self.flaw(rule) });
            }
        }
    }

    fn check_number(&self, number: &serde_json::Number, flaws: &mut Vec<Flaw>) {
        let value = number.as_f64().unwrap_or(f64::MAX);
        for check in &self.checks {
            #[expect(clippy::cast_precision_loss, reason = "limits in dialect files are small")]
            let broken = match check {
                Check::Min(limit) if value < *limit as f64 => Some((Rule::TooSmall, *limit)),
                Check::Max(limit) if value > *limit as f64 => Some((Rule::TooLarge, *limit)),
                _ => None,
            };
            if let Some((rule, limit)) = broken {
                flaws.push(Flaw { limit: Some(limit), ..self.flaw(rule) });
            }
        }
    }

    /// Notes a flaw when a value that is there differs from the input it must equal.
    pub fn check_equal(&self, parts: &Parts<'_>, others: &[(Input, Taken)], flaws: &mut Vec<Flaw>) {
        for check in &self.checks {
            let Check::Equals(other) = check else { continue };
            let own = self.take(parts, &mut Vec::new());
            let other = others.iter().find(|(input, _)| input == other).and_then(|(_, taken)| taken.text());
            if !matches!(own, Taken::Absent) && own.text() != other {
                flaws.push(self.flaw(Rule::Differs));
            }
        }
    }
}

/// The name of the JSON type that was found.
fn json_type(found: Found<'_>) -> Option<&'static str> {
    match found {
        Found::Json(value) => Some(value_type(value)),
        Found::Absent | Found::Text(_) | Found::File(_) | Found::Damaged => None,
    }
}

/// The name of a value's JSON type.
pub fn value_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
