//! How does a dialect file become one with the file that it extends?
//!
//! The texts of all files stand behind each other, the extending one first, so that every place in any of them has a
//! byte of its own; faults find their file by it.

#![expect(clippy::wildcard_enum_match_arm, reason = "what is no table or list is treated alike")]

use crate::compiled::LANGUAGE;
use crate::file::{Faults, FileFault, MAX_FILE_BYTES, Word, suggestion};
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Most files that one dialect rests on.
pub const MOST_BASES: usize = 3;

/// Gives the text of the dialect with this name. Refused: a sentence, where there is none or it can not be read.
pub type Library<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Keys that a file has for itself and never from the one it extends.
const OWN: [&str; 7] = ["language", "name", "title", "version", "source", "extends", "without"];

/// A dialect file, and those it extends.
#[derive(Debug)]
pub struct Shelf {
    /// All texts, each with a line break behind it.
    pub joined: String,
    /// Each text behind as many blanks as there are bytes before it.
    placed: Vec<String>,
    /// The names of the files that are extended, nearest first.
    pub bases: Vec<String>,
}

/// Collects a file and those that it extends. Refused: a file that is not there or too large, a chain that is too long
/// or comes back to where it was.
pub fn gather(text: &str, library: Library<'_>) -> Result<Shelf, FileFault> {
    let mut texts = vec![text.to_owned()];
    let mut bases: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    loop {
        let here = texts.last().map_or("", String::as_str);
        let base = bases.last().cloned();
        let fault = |line: usize, message: String| FileFault { base: base.clone(), line, message };
        if here.len() > MAX_FILE_BYTES {
            return Err(fault(1, format!("the file is larger than {MAX_FILE_BYTES} bytes")));
        }
        let Some((line, name)) = named(here, "extends") else { break };
        if !is_name(&name) {
            return Err(fault(line, "`extends` needs the name of a dialect".to_owned()));
        }
        if bases.is_empty() {
            known.extend(named(text, "name").map(|(_, name)| name));
        }
        if !known.insert(name.clone()) {
            return Err(fault(line, format!("`extends` goes in a circle: {name} rests on itself")));
        }
        if bases.len() == MOST_BASES {
            return Err(fault(line, format!("a dialect rests on at most {MOST_BASES} others")));
        }
        let found = library(&name).map_err(|why| fault(line, format!("`extends`: {why}")))?;
        texts.push(found);
        bases.push(name);
    }
    Ok(shelf(texts, bases))
}

fn shelf(texts: Vec<String>, bases: Vec<String>) -> Shelf {
    let (mut joined, mut placed) = (String::new(), Vec::new());
    for text in texts {
        placed.push(format!("{:1$}{text}", "", joined.len()));
        joined.push_str(&text);
        joined.push('\n');
    }
    Shelf { joined, placed, bases }
}

/// Whether this is how dialects are called.
pub fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A text of the root and its line, as far as the file can be read at all.
fn named(text: &str, key: &str) -> Option<(usize, String)> {
    if !text.contains(key) {
        return None;
    }
    let (table, _) = DeTable::parse_recoverable(text);
    let value = table.get_ref().get(key)?;
    Some((Faults::new(text).line_of(value.span().start), value.get_ref().as_str()?.to_owned()))
}

impl Shelf {
    /// A collector that knows which file a place belongs to.
    pub fn faults(&self) -> Faults<'_> {
        let mut faults = Faults::new(&self.joined);
        for (text, name) in self.placed.iter().skip(1).zip(&self.bases) {
            let start = text.len() - text.trim_start_matches(' ').len();
            faults.begins(start.min(self.joined.len()), name);
        }
        faults
    }

    /// All files as one table. What can not be read or merged is noted.
    pub fn merged<'a>(&'a self, faults: &Faults<'_>) -> Spanned<DeTable<'a>> {
        let mut read: Vec<Spanned<DeTable<'a>>> = Vec::new();
        for text in &self.placed {
            let (table, errors) = DeTable::parse_recoverable(text);
            for error in errors {
                faults.at(error.span().map_or(0, |span| span.start), error.message().trim().to_owned());
            }
            read.push(table);
        }
        let mut names = self.bases.iter().rev();
        let mut whole = read.pop().unwrap_or_else(|| Spanned::new(0..0, DeTable::new()));
        while let (Some(over), Some(name)) = (read.pop(), names.next()) {
            let span = over.span();
            check_base(&whole, name, faults);
            whole = Spanned::new(span, laid_over(whole.into_inner(), over.into_inner(), name, faults));
        }
        whole
    }
}

/// A file that is extended has the name it was asked for by, and is written in this language.
fn check_base(base: &Spanned<DeTable<'_>>, name: &str, faults: &Faults<'_>) {
    let table = base.get_ref();
    let (start, own) = match table.get("name") {
        Some(value) => (value.span().start, value.get_ref().as_str().unwrap_or("")),
        None => (base.span().start, ""),
    };
    if own != name {
        faults.at(start, format!("this file is extended as \"{name}\", so it needs `name = \"{name}\"`"));
    }
    let language = table.get("language").and_then(|value| value.get_ref().as_integer());
    if language.and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok()) != Some(LANGUAGE)
    {
        faults.at(start, format!("this server reads `language = {LANGUAGE}`"));
    }
}

/// One file over another: what `without` names goes first, then tables are merged by key and routes by name.
fn laid_over<'a>(
    mut base: DeTable<'a>,
    mut over: DeTable<'a>,
    name: &str,
    faults: &Faults<'_>,
) -> DeTable<'a> {
    for key in OWN {
        base.remove(key);
    }
    for word in without(&over) {
        if let Err(message) = take_away(&mut base, &word, name) {
            faults.at(word.span.start, message);
        }
    }
    let routes = over.remove("route");
    merge(&mut base, over);
    if let Some(routes) = routes {
        merge_routes(&mut base, routes, name, faults);
    }
    base
}

fn without<'t>(over: &'t DeTable<'_>) -> Vec<Word<'t>> {
    let Some(value) = over.get("without") else { return Vec::new() };
    let items = match value.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![value],
    };
    items
        .into_iter()
        .filter_map(|item| Some(Word { text: item.get_ref().as_str()?, span: item.span() }))
        .collect()
}

fn merge<'a>(under: &mut DeTable<'a>, over: DeTable<'a>) {
    for (key, value) in over {
        match under.get_mut(key.get_ref().as_ref()) {
            Some(slot) => put(slot, value),
            None => drop(under.insert(key, value)),
        }
    }
}

/// Two tables become one; anything else is replaced. The place is that of the file which says it last.
fn put<'a>(slot: &mut Spanned<DeValue<'a>>, value: Spanned<DeValue<'a>>) {
    let span = value.span();
    let before = std::mem::replace(slot.get_mut(), DeValue::Boolean(false));
    let now = match (before, value.into_inner()) {
        (DeValue::Table(mut table), DeValue::Table(over)) => {
            merge(&mut table, over);
            DeValue::Table(table)
        }
        (_, value) => value,
    };
    *slot = Spanned::new(span, now);
}

/// Routes are the same when their names are; the verb is the name of one that has none.
fn merge_routes<'a>(base: &mut DeTable<'a>, over: Spanned<DeValue<'a>>, name: &str, faults: &Faults<'_>) {
    let span = over.span();
    let mut routes: Vec<Spanned<DeValue<'a>>> = base.remove("route").map_or_else(Vec::new, listed);
    let known: Vec<String> = routes.iter().map(|route| route_name(route.get_ref()).to_owned()).collect();
    let mut met = BTreeSet::new();
    for route in listed(over) {
        let own = route_name(route.get_ref()).to_owned();
        // A name that the file uses twice is a fault; it is told when the routes are checked.
        let twice = !met.insert(own.clone());
        match known.iter().position(|known| *known == own).filter(|_| !twice && !own.is_empty()) {
            Some(at) => put(&mut routes[at], route),
            None => {
                if !twice && route.get_ref().get("verb").is_none() {
                    let names: Vec<&str> = known.iter().map(String::as_str).collect();
                    let message = format!("`{name}` has no route `{own}`{}", suggestion(&own, &names));
                    faults.at(route.span().start, message);
                }
                routes.push(route);
            }
        }
    }
    put_routes(base, span, routes);
}

fn listed<'a>(value: Spanned<DeValue<'a>>) -> Vec<Spanned<DeValue<'a>>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(items) => items.into_iter().collect(),
        other => vec![Spanned::new(span, other)],
    }
}

fn route_name<'v>(route: &'v DeValue<'_>) -> &'v str {
    let text = |key: &str| route.get(key).and_then(|value| value.get_ref().as_str());
    text("name").or_else(|| text("verb")).unwrap_or("")
}

/// A key that is not there, and those that are.
type Missing = (String, Vec<String>);

/// Takes away what a dotted path names: `refuse.taken`, `route.token`, `route.token.take.otp`.
fn take_away(table: &mut DeTable<'_>, word: &Word<'_>, base: &str) -> Result<(), String> {
    let path = segments(word.text)
        .ok_or_else(|| format!("\"{}\" is not a path; write for example \"route.token\"", word.text))?;
    let taken = match path.as_slice() {
        [key, name, rest @ ..] if key == "route" => take_from_routes(table, name, rest),
        path => take_from(table, path),
    };
    taken.map_err(|(got, names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let near = suggestion(&got, &names);
        format!("`without` names {}, and `{base}` has no `{got}` there{near}", word.text)
    })
}

fn take_from(table: &mut DeTable<'_>, path: &[String]) -> Result<(), Missing> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    let names = || table.keys().map(|key| key.get_ref().to_string()).collect();
    if !table.contains_key(key.as_str()) {
        return Err((key.clone(), names()));
    }
    if rest.is_empty() {
        table.remove(key.as_str());
        return Ok(());
    }
    match table.get_mut(key.as_str()).map(Spanned::get_mut) {
        Some(DeValue::Table(inner)) => take_from(inner, rest),
        _ => Err((rest[0].clone(), Vec::new())),
    }
}

fn take_from_routes(table: &mut DeTable<'_>, name: &str, rest: &[String]) -> Result<(), Missing> {
    let value = table.remove("route").ok_or_else(|| ("route".to_owned(), Vec::new()))?;
    let span = value.span();
    let mut routes = listed(value);
    let names: Vec<String> = routes.iter().map(|route| route_name(route.get_ref()).to_owned()).collect();
    let taken = match names.iter().position(|known| known == name) {
        None => Err((name.to_owned(), names)),
        Some(at) if rest.is_empty() => {
            routes.remove(at);
            Ok(())
        }
        Some(at) => match routes[at].get_mut() {
            DeValue::Table(route) => take_from(route, rest),
            _ => Err((rest[0].clone(), Vec::new())),
        },
    };
    put_routes(table, span, routes);
    taken
}

fn put_routes<'a>(table: &mut DeTable<'a>, span: std::ops::Range<usize>, routes: Vec<Spanned<DeValue<'a>>>) {
    let mut list = DeArray::new();
    routes.into_iter().for_each(|route| list.push(route));
    table.insert(Spanned::new(span.clone(), "route".into()), Spanned::new(span, DeValue::Array(list)));
}

/// Splits at dots that stand outside of quotes. Refused: an empty piece, an open quote.
fn segments(path: &str) -> Option<Vec<String>> {
    let (mut pieces, mut quoted) = (vec![String::new()], false);
    for letter in path.chars() {
        match letter {
            '"' => quoted = !quoted,
            '.' if !quoted => pieces.push(String::new()),
            _ => pieces.last_mut()?.push(letter),
        }
    }
    (!quoted && pieces.iter().all(|piece| !piece.is_empty())).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_at_dots_outside_of_quotes() {
        let split = |path| segments(path).map(|pieces| pieces.join("|"));
        assert_eq!(split("route.token").as_deref(), Some("route|token"));
        assert_eq!(
            split(r#"refuse."token_claim_missing.jti""#).as_deref(),
            Some("refuse|token_claim_missing.jti")
        );
        for broken in ["", ".", "a.", ".a", "a..b", "\"a", "a.\"\""] {
            assert_eq!(segments(broken), None, "{broken}");
        }
    }

    #[test]
    fn every_place_of_every_file_has_a_byte_of_its_own() {
        let library = |name: &str| Ok(format!("language = 1\nname = \"{name}\"\n# é"));
        let shelf = gather("extends = \"a\"\nname = \"b\"", &library).unwrap();
        assert_eq!(shelf.bases, ["a"]);
        let faults = shelf.faults();
        for (word, told) in [("extends", "1: x"), ("\"b\"", "2: x"), ("language", "a:1: x"), ("é", "a:3: x")]
        {
            let faults = shelf.faults();
            faults.at(shelf.joined.find(word).unwrap(), "x");
            assert_eq!(faults.into_list()[0].to_string(), told, "{word}");
        }
        let merged = shelf.merged(&faults);
        assert!(faults.is_empty());
        assert_eq!(merged.get_ref().len(), 2);
    }
}
