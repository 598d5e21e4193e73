//! How is a TOML file read so that everything wrong with it is found at once, each with its line?

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of TOML value are wrong in each place, and say so alike"
)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Largest dialect file, in bytes.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileFault {
    /// The dialect in whose file it stands, where that is one which is extended.
    pub base: Option<String>,
    /// From 1, in its file.
    pub line: usize,
    /// A sentence: what is wrong and what to do.
    pub message: String,
}

impl std::fmt::Display for FileFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let base = self.base.as_ref().map_or_else(String::new, |name| format!("{name}:"));
        write!(f, "{base}{}: {}", self.line, self.message)
    }
}

/// Collects faults while a file is read.
pub struct Faults<'a> {
    text: &'a str,
    /// Files that are extended: the line at which each begins, and its name.
    bases: Vec<(usize, String)>,
    list: RefCell<Vec<FileFault>>,
}

impl<'a> Faults<'a> {
    /// A collector for this text.
    pub fn new(text: &'a str) -> Faults<'a> {
        Faults { text, bases: Vec::new(), list: RefCell::new(Vec::new()) }
    }

    /// From this byte on the text is that of another file, the dialect `name`. Files are named in their order.
    pub fn begins(&mut self, byte: usize, name: &str) {
        self.bases.push((self.line_of(byte), name.to_owned()));
    }

    /// Notes a fault at a byte of the file.
    pub fn at(&self, byte: usize, message: impl Into<String>) {
        self.at_line(self.line_of(byte), message);
    }

    /// Notes a fault at a line of the text.
    pub fn at_line(&self, line: usize, message: impl Into<String>) {
        let base = self.bases.iter().rev().find(|(first, _)| *first <= line);
        let line = line + 1 - base.map_or(1, |(first, _)| *first);
        let base = base.map(|(_, name)| name.clone());
        self.list.borrow_mut().push(FileFault { base, line, message: message.into() });
    }

    /// A word as the file writes it, quotes included.
    pub fn written(&self, word: &Word<'_>) -> &'a str {
        self.text.get(word.span.clone()).unwrap_or("")
    }

    /// The line of a byte of the text, from 1.
    pub fn line_of(&self, byte: usize) -> usize {
        let end = byte.min(self.text.len());
        1 + self.text.as_bytes()[..end].iter().filter(|b| **b == b'\n').count()
    }

    /// Everything noted, in the order of the file, without repetitions.
    pub fn into_list(self) -> Vec<FileFault> {
        let mut list = self.list.into_inner();
        list.sort();
        list.dedup();
        list
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }
}

/// A text of the file with the place where it stands.
#[derive(Clone, Debug)]
pub struct Word<'a> {
    /// The text.
    pub text: &'a str,
    /// Its bytes in the file, quotes included.
    pub span: Range<usize>,
}

/// A table of the file. Keys that nobody asked for are faults.
pub struct Section<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    name: String,
    faults: &'a Faults<'a>,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn root(table: &'a Spanned<DeTable<'a>>, faults: &'a Faults<'a>) -> Section<'a> {
        Section::over(table.get_ref(), table.span(), String::new(), faults)
    }

    fn over(table: &'a DeTable<'a>, span: Range<usize>, name: String, faults: &'a Faults<'a>) -> Section<'a> {
        Section { table, span, name, faults, known: RefCell::new(BTreeSet::new()) }
    }

    /// A table from a value, if it is one.
    pub fn of(value: &'a Spanned<DeValue<'a>>, name: &str, faults: &'a Faults<'a>) -> Option<Section<'a>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::over(table, value.span(), name.to_owned(), faults)),
            other => {
                faults.at(value.span().start, format!("`{name}` must be a table, not {}", other.type_str()));
                None
            }
        }
    }

    /// Where the section begins.
    pub fn start(&self) -> usize {
        self.span.start
    }

    /// The collector.
    pub fn faults(&self) -> &'a Faults<'a> {
        self.faults
    }

    /// Its name in the file, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Notes a fault on the section as a whole.
    pub fn fault(&self, message: impl Into<String>) {
        self.faults.at(self.span.start, message);
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().insert(key);
        self.table.get(key)
    }

    fn wrong(&self, key: &str, wanted: &str, value: &Spanned<DeValue<'_>>) {
        let got = value.get_ref().type_str();
        self.faults.at(value.span().start, format!("`{key}` must be {wanted}, not {got}"));
    }

    /// Whether the key is there.
    pub fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    /// A text.
    pub fn word(&self, key: &'static str) -> Option<Word<'a>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Word { text, span: value.span() }),
            _ => {
                self.wrong(key, "a text", value);
                None
            }
        }
    }

    /// A text that must be there.
    pub fn need_word(&self, key: &'static str) -> Option<Word<'a>> {
        if !self.has(key) {
            self.fault(format!("{} needs `{key}`", self.place()));
        }
        self.word(key)
    }

    fn place(&self) -> String {
        if self.name.is_empty() { "the file".to_owned() } else { format!("`{}`", self.name) }
    }

    /// A yes or no.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => {
                self.wrong(key, "true or false", value);
                None
            }
        }
    }

    /// A whole number between bounds.
    pub fn number(&self, key: &'static str, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.get(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) if bounds.contains(&number) => Some(number),
            Some(number) => {
                let (low, high) = (bounds.start(), bounds.end());
                self.faults.at(
                    value.span().start,
                    format!("`{key}` must lie between {low} and {high}, not {number}"),
                );
                None
            }
            None => {
                self.wrong(key, "a whole number", value);
                None
            }
        }
    }

    /// A span of time such as `"15m"`, in seconds.
    pub fn seconds(&self, key: &'static str) -> Option<i64> {
        let word = self.word(key)?;
        let seconds = parse_seconds(word.text);
        if seconds.is_none() {
            self.faults.at(
                word.span.start,
                format!("`{key}` must be a time such as \"10s\", \"15m\", \"24h\" or \"30d\""),
            );
        }
        seconds
    }

    /// One of a closed list of words.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.word(key)?;
        let found = choices.iter().find(|(name, _)| *name == word.text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.faults.at(word.span.start, unknown_word(key, word.text, &names));
        }
        found
    }

    /// A text or a list of texts.
    pub fn words(&self, key: &'static str) -> Option<Vec<Word<'a>>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(vec![Word { text, span: value.span() }]),
            DeValue::Array(items) => Some(items.iter().filter_map(|item| self.item(key, item)).collect()),
            _ => {
                self.wrong(key, "a text or a list of texts", value);
                None
            }
        }
    }

    fn item(&self, key: &str, item: &'a Spanned<DeValue<'a>>) -> Option<Word<'a>> {
        match item.get_ref() {
            DeValue::String(text) => Some(Word { text, span: item.span() }),
            _ => {
                self.wrong(key, "a list of texts", item);
                None
            }
        }
    }

    /// A table under a key.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let value = self.get(key)?;
        Section::of(value, &self.child(key), self.faults)
    }

    /// A list of tables under a key; empty when absent.
    pub fn sections(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().filter_map(|item| Section::of(item, &self.child(key), self.faults)).collect()
            }
            DeValue::Table(_) => Section::of(value, &self.child(key), self.faults).into_iter().collect(),
            _ => {
                self.wrong(key, "a table or a list of tables", value);
                Vec::new()
            }
        }
    }

    fn child(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Any JSON-like value under a key.
    pub fn value(&self, key: &'static str) -> Option<serde_json::Value> {
        self.get(key).map(|value| to_json(value.get_ref()))
    }

    /// All entries, for tables whose keys are names. Marks nothing as unknown.
    pub fn entries(&self) -> impl Iterator<Item = (Word<'a>, &'a Spanned<DeValue<'a>>)> + use<'a> {
        self.table.iter().map(|(key, value)| (Word { text: key.get_ref(), span: key.span() }, value))
    }

    /// Refuses words that have a place in the language but are not built yet.
    pub fn not_built(&self, keys: &[&'static str]) {
        for key in keys {
            if let Some(value) = self.get(key) {
                self.faults.at(
                    value.span().start,
                    format!(
                        "`{}` is a word of the language that this version does not know how to do yet",
                        self.child(key)
                    ),
                );
            }
        }
    }

    /// Ends the reading: what nobody asked for is a fault.
    pub fn done(self) {
        let known = self.known.borrow();
        let names: Vec<&str> = known.iter().copied().collect();
        for (key, _) in self.table.iter() {
            if !known.contains(key.get_ref().as_ref()) {
                let place = if self.name.is_empty() { String::new() } else { format!(" in `{}`", self.name) };
                let near = suggestion(key.get_ref(), &names);
                self.faults.at(key.span().start, format!("unknown key `{}`{place}{near}", key.get_ref()));
            }
        }
    }
}

/// `"15m"` → 900. Refused: anything but a whole number with `s`, `m`, `h` or `d`, or more than 3,650 days.
pub fn parse_seconds(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = number.parse::<u32>().ok().map(|n| i64::from(n) * factor)?;
    (seconds <= 3650 * 86_400).then_some(seconds)
}

/// A sentence for a word that is not on a closed list.
pub fn unknown_word(what: &str, got: &str, known: &[&str]) -> String {
    let near = suggestion(got, known);
    if near.is_empty() {
        format!("`{what}` does not know \"{got}\"; it knows {}", known.join(", "))
    } else {
        format!("`{what}` does not know \"{got}\"{near}")
    }
}

/// `; did you mean …?` when a known word is near, else nothing.
pub fn suggestion(got: &str, known: &[&str]) -> String {
    let near = known.iter().map(|name| (distance(got, name), name)).min();
    match near {
        Some((far, name)) if far <= 2.max(got.len() / 3) && far < name.len() => {
            format!("; did you mean `{name}`?")
        }
        _ => String::new(),
    }
}

/// Levenshtein distance over bytes; both words are short.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().take(64).enumerate() {
        let mut previous = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = previous + usize::from(x != y);
            previous = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// TOML as JSON; dates become texts.
fn to_json(value: &DeValue<'_>) -> serde_json::Value {
    use serde_json::Value;
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(at) => Value::String(at.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| to_json(item.get_ref())).collect()),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref()))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        for (text, seconds) in [("10s", 10), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000), ("0s", 0)] {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
        for text in ["", "s", "10", "10 s", "-1s", "1w", "1.5h", "99999999999s", "4000d", "é"] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }

    #[test]
    fn unknown_keys_are_all_found_with_line_and_suggestion() {
        let text = "name = \"x\"\nverison = \"1\"\n[http]\nhots = 1\n";
        let table = DeTable::parse(text).unwrap();
        let faults = Faults::new(text);
        let root = Section::root(&table, &faults);
        root.word("name");
        root.word("version");
        let http = root.section("http").unwrap();
        http.word("host");
        http.done();
        root.done();
        let lines: Vec<String> = faults.into_list().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "2: unknown key `verison`; did you mean `version`?",
                "4: unknown key `hots` in `http`; did you mean `host`?"
            ]
        );
    }
}
