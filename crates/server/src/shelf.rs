//! Which templates are there, in which languages, and does each of them render?
//!
//! Everything that is wrong with any of them is found before the first is used: syntax, unknown variables, missing
//! files, each with file and line. Files of the operator stand before those in the binary.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The largest template, in bytes.
const MAX_TEMPLATE: u64 = 64 << 10;
/// The most files of one language.
const MAX_FILES: usize = 256;
/// Steps of one rendering; a template that loops for ever is stopped.
const FUEL: u64 = 100_000;

/// A template in the binary: language, file name, text.
pub type BuiltIn = (&'static str, &'static str, &'static str);

/// What a template may name.
pub type Words = BTreeMap<&'static str, Value>;

/// What is asked of the templates of one kind.
pub struct Order<'a> {
    /// Those in the binary.
    pub built_in: &'a [BuiltIn],
    /// For messages: where those in the binary come from.
    pub home: &'a str,
    /// The operator's folder with one folder for each language.
    pub folder: Option<&'a Path>,
    /// The names that every language has to have.
    pub needed: &'a [String],
    /// What each may be rendered with; every one of them is tried.
    pub samples: &'a dyn Fn(&str) -> Vec<Words>,
}

/// Templates that render, by language.
pub struct Shelf {
    languages: BTreeMap<String, Environment<'static>>,
}

/// The templates of one language with the places they come from.
#[derive(Default)]
struct Drawer {
    texts: BTreeMap<String, (String, PathBuf)>,
}

impl Shelf {
    /// Reads and tries all templates. Refused: everything that is wrong, each as `file:line: sentence`.
    pub fn open(order: &Order<'_>) -> Result<Shelf, Vec<String>> {
        let mut faults = Vec::new();
        let mut drawers: BTreeMap<String, Drawer> = BTreeMap::new();
        for (language, name, text) in order.built_in {
            let place = PathBuf::from(format!("{}/{language}/{name}", order.home));
            let drawer = drawers.entry((*language).to_owned()).or_default();
            drawer.texts.insert((*name).to_owned(), ((*text).to_owned(), place));
        }
        if let Some(folder) = order.folder {
            read_folder(folder, order, &mut drawers, &mut faults);
        }
        let mut languages = BTreeMap::new();
        for (language, drawer) in &drawers {
            languages.insert(language.clone(), equip(language, drawer, order, &mut faults));
        }
        faults.sort();
        faults.dedup();
        if faults.is_empty() { Ok(Shelf { languages }) } else { Err(faults) }
    }

    /// The languages, each once.
    pub fn languages(&self) -> Vec<&str> {
        self.languages.keys().map(String::as_str).collect()
    }

    /// Renders a template. Fails only with words that no sample had.
    pub fn render(&self, language: &str, name: &str, words: &Words) -> Result<String, String> {
        let environment = self.languages.get(language).ok_or_else(|| format!("no language {language:?}"))?;
        let rendered = environment.get_template(name).and_then(|template| template.render(words));
        rendered.map_err(|error| format!("{language}/{name}: {error}"))
    }
}

/// Reads the operator's folder: a folder for each language, and in it files of known names.
fn read_folder(
    folder: &Path,
    order: &Order<'_>,
    drawers: &mut BTreeMap<String, Drawer>,
    faults: &mut Vec<String>,
) {
    let known: BTreeSet<&str> = order
        .built_in
        .iter()
        .map(|(_, name, _)| *name)
        .chain(order.needed.iter().map(String::as_str))
        .collect();
    let own = match names(folder) {
        Ok(own) => own,
        Err(fault) => return faults.push(fault),
    };
    for language in own {
        let place = folder.join(&language);
        if !place.is_dir() {
            faults
                .push(format!("{}: put templates into a folder of their language, like en", place.display()));
            continue;
        }
        let sound = (2..=35).contains(&language.len())
            && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !sound {
            faults.push(format!("{}: this is not the name of a language, like en or pt-BR", place.display()));
            continue;
        }
        let files = names(&place).unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        });
        let drawer = drawers.entry(language).or_default();
        for name in files {
            let path = place.join(&name);
            if !known.contains(name.as_str()) {
                let hint = crate::config::nearest(&name, known.iter().copied())
                    .map_or_else(String::new, crate::config::did_you_mean);
                faults.push(format!("{}: there is no template of this name{hint}", path.display()));
                continue;
            }
            match read(&path) {
                Ok(text) => drop(drawer.texts.insert(name, (text, path))),
                Err(fault) => faults.push(fault),
            }
        }
    }
}

/// The names in a folder, sorted; hidden files are nobody's templates.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let told = |error: std::io::Error| format!("{}: the folder can not be read ({error})", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let name = entry.map_err(told)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
        if names.len() > MAX_FILES {
            return Err(format!("{}: more than {MAX_FILES} files", folder.display()));
        }
    }
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| format!("{}: the file can not be read ({error})", path.display());
    if std::fs::metadata(path).map_err(told)?.len() > MAX_TEMPLATE {
        return Err(format!("{}: the file is larger than {MAX_TEMPLATE} bytes", path.display()));
    }
    std::fs::read_to_string(path).map_err(told)
}

/// Compiles and tries the templates of one language.
fn equip(
    language: &str,
    drawer: &Drawer,
    order: &Order<'_>,
    faults: &mut Vec<String>,
) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
    });
    environment.set_fuel(Some(FUEL));
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    let before = faults.len();
    for (name, (text, place)) in &drawer.texts {
        if let Err(error) = environment.add_template_owned(name.clone(), text.clone()) {
            faults.push(told(&error, place, drawer));
        }
    }
    let home = order.folder.map_or_else(|| PathBuf::from(order.home), Path::to_owned).join(language);
    for name in order.needed.iter().filter(|name| !drawer.texts.contains_key(*name)) {
        faults.push(format!("{}: this template is missing", home.join(name).display()));
    }
    if faults.len() == before {
        unknown_words(&environment, drawer, order, faults);
    }
    if faults.len() == before {
        for name in order.needed {
            let place = &drawer.texts[name].1;
            for words in (order.samples)(name) {
                let tried = environment.get_template(name).and_then(|template| template.render(&words));
                if let Err(error) = tried {
                    faults.push(told(&error, place, drawer));
                }
            }
        }
    }
    environment
}

/// Names that nobody gives a value, also where no sample leads.
fn unknown_words(
    environment: &Environment<'_>,
    drawer: &Drawer,
    order: &Order<'_>,
    faults: &mut Vec<String>,
) {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for name in order.needed {
        known.extend((order.samples)(name).iter().flat_map(|words| words.keys().copied()));
    }
    known.extend(["label", "loop", "self", "super"]);
    for (name, (text, place)) in &drawer.texts {
        let Ok(template) = environment.get_template(name) else { continue };
        for word in template.undeclared_variables(false) {
            if !known.contains(word.as_str()) {
                let line = text.lines().position(|line| line.contains(&word)).map_or(1, |at| at + 1);
                let hint = crate::config::nearest(&word, known.iter().copied())
                    .map_or_else(String::new, crate::config::did_you_mean);
                faults.push(format!("{}:{line}: nothing is called {word:?} here{hint}", place.display()));
            }
        }
    }
}

/// A fault with the file and line where it is.
fn told(error: &minijinja::Error, place: &Path, drawer: &Drawer) -> String {
    let mut inner = error;
    // What is wrong with an included file is told of that file.
    while let Some(source) = std::error::Error::source(inner).and_then(|source| source.downcast_ref()) {
        inner = source;
    }
    let named = inner.name().and_then(|name| drawer.texts.get(name)).map(|(_, place)| place.as_path());
    let place = named.unwrap_or(place);
    let line = inner.line().unwrap_or(1);
    let detail = inner.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    format!("{}:{line}: {}{detail}", place.display(), inner.kind())
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shelf({})", self.languages().join(" "))
    }
}
