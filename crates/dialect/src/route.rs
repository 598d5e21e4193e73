//! What does one route of a dialect look like once compiled?

use crate::body::Media;
use crate::file::{Section, Word, unknown_word};
use crate::place::Place;
use crate::said::{Said, SaidHeader, compile_headers, compile_refusals, compile_said};
use crate::take::{self, Take};
use crate::template::Scope;
use crate::wording::message;
use domain::command::Verb;
use domain::input::Input;
use domain::shape::{Form, Slot, TextPart};
use http::Method;
use std::collections::BTreeMap;

/// Largest body of a route, in bytes (security.md 3.7).
pub const BODY_LIMIT: usize = 16 << 10;
/// Largest body of a route that takes a file: the file and its frame (SEC-107).
const FILE_BODY_LIMIT: usize = (1 << 20) + (64 << 10);

/// One segment of a path pattern: literal text around at most one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Before the parameter, or all of it.
    pub before: String,
    /// Name of the parameter.
    pub parameter: Option<String>,
    /// After the parameter.
    pub after: String,
}

/// A path pattern without its last slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// As written in the file.
    pub text: String,
    /// Between the slashes.
    pub segments: Vec<Segment>,
}

impl PathPattern {
    /// Reads `/users/{id}/update/`. Refused: no leading slash, `..`, an open brace, a query.
    pub fn parse(text: &str) -> Result<PathPattern, String> {
        let inner = text.strip_prefix('/').ok_or_else(|| format!("the path \"{text}\" must begin with /"))?;
        if text.contains("//")
            || text.contains(['?', '#', ' ', '%'])
            || text.split('/').any(|s| s == "." || s == "..")
        {
            return Err(format!("\"{text}\" is not a plain path"));
        }
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let segments = inner.split('/').map(Segment::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(PathPattern { text: text.to_owned(), segments })
    }

    /// Whether the pattern has no parameter.
    pub fn is_static(&self) -> bool {
        self.segments.iter().all(|segment| segment.parameter.is_none())
    }

    /// The pattern as a path without its last slash, parameters as `{}`.
    pub fn key(&self) -> String {
        let words = self.segments.iter().map(|segment| match segment.parameter {
            Some(_) => format!("{}{{}}{}", segment.before, segment.after),
            None => segment.before.clone(),
        });
        words.fold(String::new(), |path, word| format!("{path}/{word}"))
    }

    /// The parameters, if the path (without its last slash) matches. An empty parameter never does.
    pub fn matches(&self, path: &str) -> Option<Vec<(String, String)>> {
        let words: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if words.len() != self.segments.len() {
            return None;
        }
        let mut found = Vec::new();
        for (segment, word) in self.segments.iter().zip(words) {
            match &segment.parameter {
                None if segment.before == word => {}
                None => return None,
                Some(name) => {
                    let value =
                        word.strip_prefix(segment.before.as_str())?.strip_suffix(segment.after.as_str())?;
                    if value.is_empty() || value.len() > 256 {
                        return None;
                    }
                    found.push((name.clone(), value.to_owned()));
                }
            }
        }
        Some(found)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Segment, String> {
        let Some((before, rest)) = text.split_once('{') else {
            return Ok(Segment { before: text.to_owned(), parameter: None, after: String::new() });
        };
        let (name, after) =
            rest.split_once('}').ok_or_else(|| format!("the parameter in \"{text}\" has no end"))?;
        if name.is_empty() || after.contains('{') {
            return Err(format!("\"{text}\" can hold one named parameter"));
        }
        Ok(Segment { before: before.to_owned(), parameter: Some(name.to_owned()), after: after.to_owned() })
    }
}

/// What tells routes on one path and method apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// Where.
    pub place: Place,
    /// Which value.
    pub value: String,
}

/// At least one of several inputs must be there.
#[derive(Clone, Debug)]
pub struct Need {
    /// Any of these.
    pub any: Vec<Input>,
    /// Wording.
    pub message: Option<Vec<TextPart>>,
    /// As for inputs.
    pub phase: u8,
}

/// What happens to fields that no input takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    /// Nothing.
    Ignore,
    /// Each is a flaw.
    Refuse,
}

/// One route, compiled.
#[derive(Clone, Debug)]
pub struct Route {
    /// Unique in the dialect; named in transcripts.
    pub name: String,
    /// What it asks for.
    pub verb: Verb,
    /// Method.
    pub method: Method,
    /// Path.
    pub path: PathPattern,
    /// What tells it apart.
    pub when: Vec<When>,
    /// Kinds of body; empty = the dialect's.
    pub media: Vec<Media>,
    /// Inputs in the order of the file.
    pub takes: Vec<Take>,
    /// Alternatives.
    pub needs: Vec<Need>,
    /// Fields that nobody takes; absent = the dialect's.
    pub unknown_fields: Option<UnknownFields>,
    /// Whether a request with none of the required inputs is refused as `nothing_given`.
    pub refuse_nothing: bool,
    /// Whether a good access token must come along although the verb could do without.
    pub needs_access: bool,
    /// Headers of every answer of this route.
    pub headers: Vec<SaidHeader>,
    /// Where a sign-in takes the second factor, while it does not.
    pub otp: Option<Box<Take>>,
    /// The yes.
    pub give: Said,
    /// The yes by case.
    pub cases: BTreeMap<String, Said>,
    /// The noes of this route.
    pub refuse: BTreeMap<String, Said>,
    /// Line of the route in the file.
    pub line: usize,
}

impl Route {
    /// Largest body, in bytes (security.md 3.7; SEC-107 for pictures).
    pub fn body_limit(&self) -> usize {
        let files = self.takes.iter().any(|take| take.kind == take::Kind::File);
        if files { FILE_BODY_LIMIT } else { BODY_LIMIT }
    }

    /// Whether an input or a condition stands in such a place.
    pub fn looks_into(&self, such: impl Fn(&Place) -> bool) -> bool {
        let places = self.takes.iter().flat_map(|take| &take.places);
        places.chain(self.when.iter().map(|when| &when.place)).any(such)
    }

    /// Whether an answer gives tokens.
    pub fn gives_tokens(&self) -> bool {
        self.give.slots().iter().any(|slot| matches!(slot, Slot::Access | Slot::Refresh))
    }

    /// The input, if the route takes it.
    pub fn take(&self, input: Input) -> Option<&Take> {
        self.takes.iter().find(|take| take.input == input)
    }
}

/// Compiles `[[route]]`.
pub fn compile(section: Section<'_>, scope: Scope<'_>) -> Option<Route> {
    let line = section.faults().line_of(section.start());
    let verb = verb(&section);
    let name = section
        .word("name")
        .map_or_else(|| verb.map_or("", Verb::name).to_owned(), |word| word.text.to_owned());
    let on = section.need_word("on").and_then(|word| on(&word, &section));
    let takes = takes(&section, scope.date);
    let needs = section.sections("need").into_iter().map(|need| compile_need(need, scope.date)).collect();
    let media = media(&section);
    let unknown_fields = unknown_fields(&section);
    let (give, cases) = give(&section, scope);
    let headers =
        section.section("headers").map_or_else(Vec::new, |headers| compile_headers(headers, scope.date));
    let refuse = compile_refusals(section.section("refuse"), scope);
    let when = section.section("when").map_or_else(Vec::new, whens);
    let refuse_nothing = section.flag("refuse_nothing").unwrap_or(false);
    let needs_access = section.flag("needs_access").unwrap_or(false);
    section.not_built(&["client", "redirect", "captcha", "rate"]);
    section.done();
    let (method, path) = on?;
    let verb = verb?;
    Some(Route {
        name,
        verb,
        method,
        path,
        when,
        media,
        takes,
        needs,
        unknown_fields,
        refuse_nothing,
        needs_access: needs_access || verb.permit().needs_access(),
        headers,
        otp: None,
        give,
        cases,
        refuse,
        line,
    })
}

fn verb(section: &Section<'_>) -> Option<Verb> {
    let word = section.need_word("verb")?;
    let verb = Verb::parse(word.text);
    if verb.is_none() {
        let names: Vec<&str> = Verb::ALL.iter().map(|verb| verb.name()).collect();
        section.faults().at(word.span.start, unknown_word("verb", word.text, &names));
    }
    verb
}

fn on(word: &Word<'_>, section: &Section<'_>) -> Option<(Method, PathPattern)> {
    let parsed = word
        .text
        .split_once(' ')
        .ok_or_else(|| "`on` needs a method and a path: \"POST /sign-in\"".to_owned());
    let parsed = parsed.and_then(|(method, path)| {
        let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let method = known.into_iter().find(|known| known.as_str() == method);
        let method = method.ok_or("the method must be GET, POST, PUT, PATCH or DELETE, in capitals")?;
        Ok((method, PathPattern::parse(path)?))
    });
    parsed.map_err(|message| section.faults().at(word.span.start, message)).ok()
}

fn takes(section: &Section<'_>, date: &Form) -> Vec<Take> {
    let Some(table) = section.section("take") else { return Vec::new() };
    let mut takes = Vec::new();
    for (key, value) in table.entries() {
        let name = format!("{}.{}", table.name(), key.text);
        if let Some(entry) = Section::of(value, &name, section.faults()) {
            takes.extend(crate::input::compile(&key, entry, date));
        }
    }
    takes
}

fn compile_need(section: Section<'_>, date: &Form) -> Need {
    let mut any = Vec::new();
    for word in section.words("any").unwrap_or_default() {
        match Input::parse(word.text) {
            Some(input) => any.push(input),
            None => section.faults().at(word.span.start, "`any` needs names of inputs"),
        }
    }
    if any.is_empty() {
        section.fault("`need` needs `any = [\"email\", \"username\"]`");
    }
    let message = section.word("message").map(|word| message(&word, date, section.faults()));
    let phase = section.number("phase", 1..=9).and_then(|n| u8::try_from(n).ok()).unwrap_or(1);
    section.done();
    Need { any, message, phase }
}

/// Reads `media = ["json", "form"]`.
pub fn media(section: &Section<'_>) -> Vec<Media> {
    let mut media = Vec::new();
    for word in section.words("media").unwrap_or_default() {
        match Media::NAMES.iter().find(|(name, _)| *name == word.text) {
            Some((_, kind)) => media.push(*kind),
            None => section
                .faults()
                .at(word.span.start, unknown_word("media", word.text, &["json", "form", "multipart"])),
        }
    }
    media
}

/// Reads `unknown_fields`.
pub fn unknown_fields(section: &Section<'_>) -> Option<UnknownFields> {
    let word = section.word("unknown_fields")?;
    match word.text {
        "ignore" => Some(UnknownFields::Ignore),
        "refuse" => Some(UnknownFields::Refuse),
        "collect" => {
            let message = "`unknown_fields = \"collect\"` is a word of the language that this version does not know how to do yet";
            section.faults().at(word.span.start, message);
            None
        }
        other => {
            section
                .faults()
                .at(word.span.start, unknown_word("unknown_fields", other, &["ignore", "refuse", "collect"]));
            None
        }
    }
}

/// What a yes can be told apart by.
const CASES: [&str; 5] = ["exists", "free", "pending", "factor", "enrolment"];

fn give(section: &Section<'_>, scope: Scope<'_>) -> (Said, BTreeMap<String, Said>) {
    let mut cases = BTreeMap::new();
    let Some(entry) = section.section("give") else {
        section.fault("a route needs `give`: what a yes looks like");
        return (Said::default(), cases);
    };
    let give = compile_said(&entry, scope);
    if let Some(table) = entry.section("case") {
        for (key, value) in table.entries() {
            let Some(case) = Section::of(value, &format!("give.case.{}", key.text), section.faults()) else {
                continue;
            };
            if !CASES.contains(&key.text) {
                section.faults().at(key.span.start, unknown_word("case", key.text, &CASES));
            }
            cases.insert(key.text.to_owned(), compile_said(&case, scope).over(&give));
            case.done();
        }
    }
    if give.body.is_none() && cases.is_empty() && !entry.has("body") {
        entry.fault("`give` needs `body`, `text` or `empty = true`");
    }
    entry.done();
    (give, cases)
}

fn whens(section: Section<'_>) -> Vec<When> {
    let mut whens = Vec::new();
    for (key, value) in section.entries() {
        match (Place::parse(key.text), value.get_ref().as_str()) {
            (Ok(place), Some(text)) => whens.push(When { place, value: text.to_owned() }),
            (Err(message), _) => section.faults().at(key.span.start, message),
            (Ok(_), None) => section.faults().at(value.span().start, "`when` compares with a text"),
        }
    }
    whens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_segments() {
        let pattern = PathPattern::parse("/api/profile/{id}/update/").unwrap();
        assert_eq!(pattern.key(), "/api/profile/{}/update");
        assert_eq!(pattern.matches("/api/profile/7/update"), Some(vec![("id".to_owned(), "7".to_owned())]));
        for path in
            ["/api/profile//update", "/api/profile/7", "/api/profile/7/8/update", "/API/profile/7/update"]
        {
            assert_eq!(pattern.matches(path), None, "{path}");
        }
        let colon = PathPattern::parse("/v1/users/{id}:disable").unwrap();
        assert_eq!(colon.matches("/v1/users/7:disable").unwrap()[0].1, "7");
        for text in ["api", "/a//b", "/a/../b", "/a?b", "/{a", "/{}", "/{a}{b}", "/a%20b"] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
    }
}
