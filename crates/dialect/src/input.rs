//! How is an input written down in a dialect file?

use crate::file::{Section, Word, unknown_word};
use crate::place::Place;
use crate::take::{Blanks, Check, Kind, Made, Nulls, Take};
use crate::wording::message;
use domain::input::{Input, Rule};
use domain::shape::{Form, TextPart};
use std::collections::BTreeMap;

/// Compiles `[route.take.NAME]`.
pub fn compile(name: &Word<'_>, section: Section<'_>, date: &Form) -> Option<Take> {
    let (input, attribute) = input_named(name, &section)?;
    let places = places(&section, input);
    let kind =
        section.choice("type", KINDS).unwrap_or(if input == Input::Avatar { Kind::File } else { Kind::Text });
    let required = section.flag("required").unwrap_or(false);
    let null_default = if input == Input::Avatar { Nulls::Clear } else { Nulls::Refuse };
    let field = places.first().map_or(name.text, Place::field).to_owned();
    let take = Take {
        input,
        attribute,
        label: section.word("label").map_or_else(|| field.clone(), |word| word.text.to_owned()),
        kind,
        required,
        null: section.choice("null", NULLS).unwrap_or(null_default),
        blank: section.choice("blank", BLANKS).unwrap_or(if required {
            Blanks::Refuse
        } else {
            Blanks::Allow
        }),
        trim: trims(&section, input),
        exact: section.flag("exact").unwrap_or(false),
        checks: checks(&section, input),
        messages: messages(section.section("messages"), date),
        refuse: refusals(section.section("refuse")),
        phase: section.number("phase", 1..=9).and_then(|n| u8::try_from(n).ok()).unwrap_or(1),
        made: section.section("default").map(made),
        places,
    };
    check_kind(&take, &section);
    section.not_built(&["encoding", "value"]);
    section.done();
    Some(take)
}

/// Rules on text go with texts, bounds with numbers.
fn check_kind(take: &Take, section: &Section<'_>) {
    let is_text = matches!(take.kind, Kind::Text | Kind::TextOrNumber | Kind::Any);
    let is_number = matches!(take.kind, Kind::Integer | Kind::Number | Kind::Any);
    for check in &take.checks {
        let (rule, fits) = match check {
            Check::MinLength(_) => ("min_length", is_text),
            Check::MaxLength(_) => ("max_length", is_text),
            Check::Pattern(_) => ("pattern", is_text),
            Check::Email => ("format", is_text),
            Check::OneOf(_) => ("one_of", is_text),
            Check::Equals(_) => ("equals", is_text),
            Check::Min(_) => ("min", is_number),
            Check::Max(_) => ("max", is_number),
        };
        if !fits {
            section.fault(format!("`{rule}` does not go with the `type` of `{}`", section.name()));
        }
    }
}

const KINDS: &[(&str, Kind)] = &[
    ("text", Kind::Text),
    ("text_or_number", Kind::TextOrNumber),
    ("integer", Kind::Integer),
    ("number", Kind::Number),
    ("boolean", Kind::Boolean),
    ("list", Kind::List),
    ("object", Kind::Object),
    ("any", Kind::Any),
    ("file", Kind::File),
];
const NULLS: &[(&str, Nulls)] =
    &[("refuse", Nulls::Refuse), ("absent", Nulls::Absent), ("clear", Nulls::Clear)];
const BLANKS: &[(&str, Blanks)] =
    &[("refuse", Blanks::Refuse), ("absent", Blanks::Absent), ("allow", Blanks::Allow)];

fn input_named(name: &Word<'_>, section: &Section<'_>) -> Option<(Input, Option<String>)> {
    let (head, tail) = name.text.split_once('.').map_or((name.text, None), |(head, tail)| (head, Some(tail)));
    let input = Input::parse(head);
    let named = matches!(input, Some(Input::Attribute | Input::Ignored));
    match (input, tail) {
        (Some(input), Some(tail)) if named && !tail.is_empty() => Some((input, Some(tail.to_owned()))),
        (Some(input), None) if !named => Some((input, None)),
        (Some(_), _) if named => {
            section.faults().at(
                name.span.start,
                format!("write \"{head}.NAME\", for example [route.take.\"{head}.age\"]"),
            );
            None
        }
        _ => {
            let names: Vec<&str> = Input::ALL.iter().map(|input| input.name()).collect();
            section.faults().at(name.span.start, unknown_word("take", name.text, &names));
            None
        }
    }
}

fn places(section: &Section<'_>, input: Input) -> Vec<Place> {
    if !section.has("from") {
        section.fault(format!("`{}` needs `from`, for example \"body.{}\"", section.name(), input.name()));
    }
    let scheme = section.word("scheme").map(|word| word.text.to_owned());
    let mut places = Vec::new();
    for word in section.words("from").unwrap_or_default() {
        match Place::parse(word.text) {
            Ok(Place::Query(_)) if input.is_secret() => {
                let message =
                    "a secret must not stand in a query: addresses are written to logs and histories";
                section.faults().at(word.span.start, message);
            }
            Ok(Place::Header(name, _)) => places.push(Place::Header(name, scheme.clone())),
            Ok(place) => places.push(place),
            Err(message) => section.faults().at(word.span.start, message),
        }
    }
    places
}

fn trims(section: &Section<'_>, input: Input) -> bool {
    let trim = section.flag("trim");
    if trim == Some(true) && input.is_secret() {
        section.fault("a password or token is taken as typed; `trim` is not for secrets");
    }
    trim.unwrap_or(!input.is_secret()) && !input.is_secret()
}

fn checks(section: &Section<'_>, input: Input) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(section.number("min_length", 0..=4096).map(Check::MinLength));
    checks.extend(section.number("max_length", 0..=4096).map(Check::MaxLength));
    if let Some(word) = section.word("pattern") {
        match regex::RegexBuilder::new(word.text).size_limit(1 << 20).build() {
            Ok(pattern) => checks.push(Check::Pattern(pattern)),
            Err(error) => section
                .faults()
                .at(word.span.start, format!("this pattern can not be used: {}", last_line(&error))),
        }
    }
    if section.choice("format", &[("email", ())]).is_some() {
        checks.push(Check::Email);
    }
    if let Some(words) = section.words("one_of") {
        checks.push(Check::OneOf(words.iter().map(|word| word.text.to_owned()).collect()));
    }
    checks.extend(section.number("min", i64::MIN..=i64::MAX).map(Check::Min));
    checks.extend(section.number("max", i64::MIN..=i64::MAX).map(Check::Max));
    if let Some(word) = section.word("equals") {
        match Input::parse(word.text) {
            Some(other) if other != input => checks.push(Check::Equals(other)),
            _ => {
                section.faults().at(word.span.start, "`equals` needs the name of another input of this route")
            }
        }
    }
    checks
}

/// The sentence at the end of a parser's drawing.
fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Compiles a table of rule → wording.
pub fn messages(section: Option<Section<'_>>, date: &Form) -> BTreeMap<Rule, Vec<TextPart>> {
    let mut messages = BTreeMap::new();
    for (rule, word) in rule_words(section.as_ref()) {
        if let Some(section) = &section {
            messages.insert(rule, message(&word, date, section.faults()));
        }
    }
    messages
}

fn refusals(section: Option<Section<'_>>) -> BTreeMap<Rule, &'static str> {
    let mut refusals = BTreeMap::new();
    for (rule, word) in rule_words(section.as_ref()) {
        let code = ["invalid_credentials", "token_invalid", "not_found", "malformed_body", "not_yours"]
            .into_iter()
            .find(|code| *code == word.text);
        match (code, &section) {
            (Some(code), _) => {
                refusals.insert(rule, code);
            }
            (None, Some(section)) => section.faults().at(
                word.span.start,
                "a broken rule can be refused as invalid_credentials, token_invalid, not_found, malformed_body or not_yours",
            ),
            (None, None) => {}
        }
    }
    refusals
}

fn rule_words<'a>(section: Option<&Section<'a>>) -> Vec<(Rule, Word<'a>)> {
    let Some(section) = section else { return Vec::new() };
    let names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.code()).collect();
    let mut words = Vec::new();
    for (key, value) in section.entries() {
        match (Rule::parse(key.text), value.get_ref().as_str()) {
            (Some(rule), Some(text)) => words.push((rule, Word { text, span: value.span() })),
            (Some(_), None) => {
                section.faults().at(value.span().start, format!("`{}` must be a text", key.text))
            }
            (None, _) => section.faults().at(key.span.start, unknown_word("rule", key.text, &names)),
        }
    }
    words
}

fn made(section: Section<'_>) -> Made {
    let mut join = Vec::new();
    for word in section.words("join").unwrap_or_default() {
        match Input::parse(word.text) {
            Some(input) => join.push(input),
            None => section.faults().at(word.span.start, "`join` needs names of inputs"),
        }
    }
    let made = Made {
        join,
        with: section.word("with").map_or_else(String::new, |word| word.text.to_owned()),
        lower: section.choice("case", &[("lower", true), ("as_typed", false)]).unwrap_or(false),
    };
    section.done();
    made
}
