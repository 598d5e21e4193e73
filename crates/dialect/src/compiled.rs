//! What is a dialect once its file was read?

use crate::body::Media;
use crate::claims::{compile_access, compile_refresh};
use crate::cookie::{CookieMode, CookiePlan, Pages};
use crate::extends::{self, Library, is_name};
use crate::factors::{Ways, compile_ways};
use crate::file::{FileFault, Section, Word, unknown_word};
use crate::place::Place;
use crate::route::{self, Route, UnknownFields};
use crate::said::{Said, SaidHeader, compile_headers, compile_refusals};
use crate::slot::parse_form;
use crate::template::{Scope, Shapes, compile, parse_json};
use crate::wording::Wording;
use domain::command::Verb;
use domain::contract::{Contract, FactorWays, Newcomer, PasswordPolicy, Purpose, Weakening};
use domain::shape::Form;
use http::HeaderValue;
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the dialect language that this reads.
pub const LANGUAGE: i64 = 1;

/// A spoken contract, compiled.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// Its name: lower case, digits and dashes.
    pub name: String,
    /// For people.
    pub title: String,
    /// Version of the contract.
    pub version: String,
    /// Where the contract is documented or was recorded.
    pub sources: Vec<String>,
    /// The dialects whose files it extends, nearest first.
    pub bases: Vec<String>,
    /// Rules of HTTP that hold for all routes.
    pub http: Http,
    /// Where an access token stands.
    pub credential: Credential,
    /// The engine's side.
    pub contract: Contract,
    /// In which ways a sign-in can ask for a second factor.
    pub ways: Ways,
    /// How flaws are worded and shaped.
    pub wording: Wording,
    /// The noes of all routes.
    pub refuse: BTreeMap<String, Said>,
    /// The routes in the order of the file.
    pub routes: Vec<Route>,
    /// Whether the file asks for cookie mode; the operator has the last word.
    pub cookies: CookieMode,
    /// Whose pages may use cookies; nobody's before the dialect has its place.
    pub pages: Pages,
    /// Cookie mode, once the dialect has its place.
    pub plan: Option<CookiePlan>,
}

/// Rules of HTTP that hold for all routes of a dialect.
#[derive(Clone, Debug)]
pub struct Http {
    /// Kinds of body that routes read.
    pub media: Vec<Media>,
    /// Whether a body of another kind counts as none.
    pub other_media_is_empty: bool,
    /// Whether a path is also good with a slash more or less.
    pub either_slash: bool,
    /// Whether a wrong method is said as `not_found`.
    pub wrong_method_is_not_found: bool,
    /// Whether OPTIONS is answered with 200 and no body.
    pub options_are_answered: bool,
    /// Where OPTIONS stands in `{allow}`: first, last or not at all.
    pub allow_options: Option<bool>,
    /// Whether an `Accept` header that excludes our answers is refused.
    pub checks_accept: bool,
    /// `Content-Type` of JSON answers.
    pub content_type: HeaderValue,
    /// What becomes of JSON bodies that are not objects.
    pub bodies: BTreeMap<&'static str, OtherJson>,
    /// The dialect's words for JSON types.
    pub type_names: BTreeMap<&'static str, String>,
    /// Fields that nobody takes.
    pub unknown_fields: UnknownFields,
    /// Path prefixes in which this dialect answers for unknown paths.
    pub space: Vec<String>,
    /// Headers of every answer.
    pub headers: Vec<SaidHeader>,
}

/// What becomes of a JSON body that is not an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherJson {
    /// Refused as `not_an_object`.
    NotAnObject,
    /// Refused as `nothing_given`.
    NothingGiven,
    /// Refused as `malformed_body`.
    Malformed,
    /// The same as no body.
    Empty,
}

/// Where an access token stands.
#[derive(Clone, Debug)]
pub struct Credential {
    /// In order.
    pub places: Vec<Place>,
    /// Before the token, in headers.
    pub scheme: Option<String>,
    /// Whether the scheme's letter case counts.
    pub exact_scheme: bool,
}

impl Dialect {
    /// Reads a dialect file that stands alone. Everything wrong with it is told at once, in the order of the lines.
    pub fn parse(text: &str) -> Result<Dialect, Vec<FileFault>> {
        Dialect::parse_with(text, &|name| Err(format!("the dialect \"{name}\" is not at hand")))
    }

    /// Reads a dialect file together with those it extends. Faults of the file come first, then those of the others.
    pub fn parse_with(text: &str, library: Library<'_>) -> Result<Dialect, Vec<FileFault>> {
        let shelf = extends::gather(text, library).map_err(|fault| vec![fault])?;
        let faults = shelf.faults();
        let table = shelf.merged(&faults);
        let dialect = if faults.is_empty() { compile_whole(Section::root(&table, &faults)) } else { None };
        if faults.is_empty() && dialect.is_none() {
            faults.at_line(1, "the file is not complete");
        }
        let list = faults.into_list();
        match dialect {
            Some(dialect) if list.is_empty() => Ok(Dialect { bases: shelf.bases, ..dialect }),
            _ => Err(list),
        }
    }
}

fn compile_whole(root: Section<'_>) -> Option<Dialect> {
    if root.number("language", 1..=1_000_000) != Some(LANGUAGE) {
        root.fault(format!("this server reads `language = {LANGUAGE}`"));
        return None;
    }
    let dialect = compile_file(&root);
    root.done();
    dialect
}

fn compile_file(root: &Section<'_>) -> Option<Dialect> {
    let (shapes, starts) = shapes(root);
    let date = date(root);
    let scope = Scope { shapes: &shapes, date: &date };
    for ((name, value), at) in shapes.iter().zip(starts.values()) {
        compile(value, *at, scope, root.faults());
        if name.is_empty() {
            root.faults().at(*at, "a shape needs a name");
        }
    }
    let name = root.need_word("name").map(|word| name(&word, root));
    let http = http(root, &date);
    let credential = credential(root.section("credential"));
    let wording = crate::wording::compile_wording(root, scope);
    let refuse = compile_refusals(root.section("refuse"), scope);
    let routes: Vec<Route> =
        root.sections("route").into_iter().filter_map(|section| route::compile(section, scope)).collect();
    let contract = contract(root, scope, &routes, name.clone().unwrap_or_default());
    root.not_built(&["clients", "pages"]);
    let title = root.word("title").map_or_else(String::new, |word| word.text.to_owned());
    let version = root.need_word("version").map_or_else(String::new, |word| word.text.to_owned());
    let sources = sources(root);
    let dialect = Dialect {
        name: name?,
        title,
        version,
        sources,
        bases: Vec::new(),
        http,
        credential,
        contract: contract?,
        ways: compile_ways(root.section("factors")),
        wording,
        refuse,
        routes,
        cookies: root.choice("cookies", &CookieMode::NAMES).unwrap_or_default(),
        pages: Pages::default(),
        plan: None,
    };
    crate::check::check(&dialect, root);
    let on = dialect.ways.on;
    Some(dialect.with_factors(on))
}

fn name(word: &Word<'_>, root: &Section<'_>) -> String {
    if !is_name(word.text) {
        root.faults()
            .at(word.span.start, "a dialect's name has 1 to 40 lower-case letters, digits and dashes");
    }
    word.text.to_owned()
}

/// Where the contract is documented. Another version of a contract needs a source of its own.
fn sources(root: &Section<'_>) -> Vec<String> {
    let words = root.words("source").unwrap_or_default();
    let (extends, without) = (root.word("extends"), root.words("without"));
    if extends.is_some() && words.is_empty() {
        root.fault("a file that extends another needs its own `source`: where this version is documented or was recorded");
    }
    if extends.is_none() && without.is_some() {
        root.fault("`without` takes away from what `extends` names, and the file extends nothing");
    }
    words.iter().map(|word| word.text.to_owned()).collect()
}

/// The shapes, and where in the file each one stands.
fn shapes(root: &Section<'_>) -> (Shapes, BTreeMap<String, usize>) {
    let (mut shapes, mut starts) = (Shapes::new(), BTreeMap::new());
    let Some(table) = root.section("shape") else { return (shapes, starts) };
    for (key, value) in table.entries() {
        match value.get_ref().as_str() {
            Some(text) => {
                let word = Word { text, span: value.span() };
                let at = word.span.start;
                if let Some(json) = parse_json(&word, root.faults()) {
                    shapes.insert(key.text.to_owned(), json);
                    starts.insert(key.text.to_owned(), at);
                }
            }
            None => root.faults().at(value.span().start, "a shape is a text that holds JSON"),
        }
    }
    (shapes, starts)
}

fn date(root: &Section<'_>) -> Form {
    let Some(word) = root.word("date") else { return Form::Natural };
    parse_form(word.text).unwrap_or_else(|message| {
        root.faults().at(word.span.start, message);
        Form::Natural
    })
}

const JSON_TYPES: [&str; 5] = ["array", "string", "number", "boolean", "null"];
const OTHER_JSON: &[(&str, OtherJson)] = &[
    ("not_an_object", OtherJson::NotAnObject),
    ("nothing_given", OtherJson::NothingGiven),
    ("malformed_body", OtherJson::Malformed),
    ("empty", OtherJson::Empty),
];

fn http(root: &Section<'_>, date: &Form) -> Http {
    let headers = root.section("headers").map_or_else(Vec::new, |headers| compile_headers(headers, date));
    let mut http = Http {
        media: vec![Media::Json],
        other_media_is_empty: false,
        either_slash: true,
        wrong_method_is_not_found: false,
        options_are_answered: false,
        allow_options: None,
        checks_accept: false,
        content_type: HeaderValue::from_static("application/json"),
        bodies: BTreeMap::new(),
        type_names: BTreeMap::new(),
        unknown_fields: UnknownFields::Ignore,
        space: Vec::new(),
        headers,
    };
    let Some(section) = root.section("http") else { return http };
    let media = route::media(&section);
    if !media.is_empty() {
        http.media = media;
    }
    http.other_media_is_empty =
        section.choice("other_media", &[("refuse", false), ("empty", true)]).unwrap_or(false);
    http.either_slash = section.choice("slash", &[("either", true), ("exact", false)]).unwrap_or(true);
    http.wrong_method_is_not_found = section
        .choice("wrong_method", &[("method_not_allowed", false), ("not_found", true)])
        .unwrap_or(false);
    http.options_are_answered =
        section.choice("options", &[("refuse", false), ("answer", true)]).unwrap_or(false);
    http.allow_options = section
        .choice("allow_options", &[("first", Some(true)), ("last", Some(false)), ("none", None)])
        .flatten();
    http.checks_accept = section.choice("accept", &[("ignore", false), ("check", true)]).unwrap_or(false);
    if let Some(word) = section.word("content_type") {
        match HeaderValue::from_str(word.text) {
            Ok(value) => http.content_type = value,
            Err(_) => section.faults().at(word.span.start, "this can not stand in a header"),
        }
    }
    if let Some(unknown) = route::unknown_fields(&section) {
        http.unknown_fields = unknown;
    }
    http.space = section.words("space").unwrap_or_default().iter().map(|word| word.text.to_owned()).collect();
    if let Some(bodies) = section.section("json") {
        for kind in JSON_TYPES {
            http.bodies.extend(bodies.choice(kind, OTHER_JSON).map(|other| (kind, other)));
        }
        bodies.done();
    }
    if let Some(names) = section.section("type_names") {
        for kind in JSON_TYPES {
            http.type_names.extend(names.word(kind).map(|word| (kind, word.text.to_owned())));
        }
        names.done();
    }
    section.done();
    http
}

fn credential(section: Option<Section<'_>>) -> Credential {
    let mut credential = Credential {
        places: vec![Place::Header("authorization".to_owned(), None)],
        scheme: Some("Bearer".to_owned()),
        exact_scheme: false,
    };
    let Some(section) = section else { return credential };
    if let Some(words) = section.words("from") {
        credential.places.clear();
        for word in words {
            match Place::parse(word.text) {
                Ok(place @ (Place::Header(..) | Place::Cookie(_))) => credential.places.push(place),
                Ok(_) => {
                    section.faults().at(word.span.start, "an access token stands in a header or a cookie")
                }
                Err(message) => section.faults().at(word.span.start, message),
            }
        }
    }
    if let Some(word) = section.word("scheme") {
        credential.scheme = (!word.text.is_empty()).then(|| word.text.to_owned());
    }
    credential.exact_scheme =
        section.choice("scheme_case", &[("any", false), ("exact", true)]).unwrap_or(false);
    section.done();
    credential
}

const PURPOSES: &[(&str, Purpose)] =
    &[("application", Purpose::Application), ("administration", Purpose::Administration)];

fn contract(root: &Section<'_>, scope: Scope<'_>, routes: &[Route], name: String) -> Option<Contract> {
    let (passwords, newcomer) = (passwords(root.section("passwords")), newcomer(root.section("newcomer")));
    let weakenings = weakenings(root);
    let tokens = root.section("tokens");
    if tokens.is_none() {
        root.fault("the file needs `[tokens.access]`");
    }
    let tokens = tokens?;
    let access = tokens.section("access").and_then(|section| compile_access(section, scope));
    let refresh = tokens.section("refresh");
    let has_refresh = refresh.is_some();
    let refresh = refresh.and_then(|section| compile_refresh(section, scope));
    if !tokens.has("access") {
        tokens.fault("the file needs `[tokens.access]`");
    }
    let leeway_seconds = tokens.seconds("leeway").unwrap_or(0);
    if leeway_seconds > 120 {
        tokens.fault("`leeway` is at most 120s");
    }
    tokens.not_built(&["id"]);
    tokens.done();
    let contract = Contract {
        name,
        purpose: root.choice("purpose", PURPOSES).unwrap_or_default(),
        access: access?,
        refresh,
        issuer: String::new(),
        leeway_seconds,
        idle_seconds: None,
        follows_strict: follows_strict(root),
        passwords,
        newcomer,
        role_words: role_words(root.section("roles")),
        sign_up_gives_tokens: routes.iter().any(|route| route.verb == Verb::SignUp && route.gives_tokens()),
        sign_up_can_wait: routes
            .iter()
            .any(|route| route.verb == Verb::SignUp && route.cases.contains_key("pending")),
        has_change_email: routes.iter().any(|route| route.verb == Verb::ChangeEmail),
        factors: FactorWays::default(),
        accept_until: None,
        old: None,
        weakenings,
    };
    (contract.refresh.is_some() == has_refresh).then_some(contract)
}

fn role_words(section: Option<Section<'_>>) -> BTreeMap<String, String> {
    let mut words = BTreeMap::new();
    let Some(section) = section else { return words };
    for (role, word) in section.entries() {
        match word.get_ref().as_str() {
            Some(text) if words.values().any(|known| known == text) => {
                section.faults().at(word.span().start, format!("two roles have the word \"{text}\""));
            }
            Some(text) => drop(words.insert(role.text.to_owned(), text.to_owned())),
            None => section.faults().at(word.span().start, "the word for a role is a text"),
        }
    }
    words
}

fn follows_strict(root: &Section<'_>) -> bool {
    root.choice("strict", &[("keep", false), ("follow", true)]).unwrap_or(false)
}

fn passwords(section: Option<Section<'_>>) -> PasswordPolicy {
    let Some(section) = section else { return PasswordPolicy::NATIVE };
    let policy = PasswordPolicy {
        min_length: section.number("min_length", 1..=64).and_then(|n| u32::try_from(n).ok()).unwrap_or(15),
        refuse_common: section.flag("refuse_common").unwrap_or(true),
        refuse_numeric: section.flag("refuse_numeric").unwrap_or(false),
    };
    section.not_built(&["refuse_similar", "breached"]);
    section.done();
    policy
}

fn newcomer(section: Option<Section<'_>>) -> Newcomer {
    let Some(section) = section else { return Newcomer::default() };
    let permissions = section.words("permissions").unwrap_or_default();
    let newcomer = Newcomer {
        role: section.word("role").map_or_else(String::new, |word| word.text.to_owned()),
        permissions: permissions.iter().map(|word| word.text.to_owned()).collect(),
        attributes: match section.value("attributes") {
            Some(Value::Object(map)) => map,
            Some(_) => {
                section.fault("`attributes` must be a table");
                serde_json::Map::new()
            }
            None => serde_json::Map::new(),
        },
    };
    section.done();
    newcomer
}

fn weakenings(root: &Section<'_>) -> Vec<Weakening> {
    let names: Vec<&str> = Weakening::ALL.iter().map(|w| w.name()).collect();
    let mut list = Vec::new();
    for word in root.words("weaker").unwrap_or_default() {
        match Weakening::parse(word.text) {
            Some(weakening) => list.push(weakening),
            None => root.faults().at(word.span.start, unknown_word("weaker", word.text, &names)),
        }
    }
    list
}
