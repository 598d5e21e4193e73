//! In which words is a letter written?

use super::super::shelf::{BuiltIn, Order, Shelf, Words};
use crate::config::Config;
use domain::letter::Letter;
use domain::link::LinkKind;
use minijinja::Value;

/// Where the templates in the binary come from, for messages.
const HOME: &str = "templates/mail";
/// The three files of a letter.
const PARTS: [&str; 3] = ["subject", "txt", "html"];
/// Stands for a link while templates are tried.
const SAMPLE_LINK: &str = "https://sample.example/account/page?token=a-b_c&x";
/// Longest subject, in characters.
const MAX_SUBJECT: usize = 200;

macro_rules! file {
    ($language:literal, $name:expr) => {
        ($language, $name, include_str!(concat!("../../templates/mail/", $language, "/", $name)))
    };
}

macro_rules! language {
    ($language:literal: $($letter:literal)*) => {
        &[
            file!($language, "layout.html"),
            file!($language, "layout.txt"),
            file!($language, "greeting.html"),
            file!($language, "greeting.txt"),
            file!($language, "lasts.txt"),
            file!($language, "link.html"),
            $(
                file!($language, concat!($letter, ".subject")),
                file!($language, concat!($letter, ".txt")),
                file!($language, concat!($letter, ".html")),
            )*
        ]
    };
}

macro_rules! languages {
    ($($language:literal)*) => {
        [$(language!($language:
            "verify_email" "already_signed_up" "reset_password" "confirm_email" "email_change_asked" "email_changed"
            "password_changed" "factor_added" "factor_removed" "recovery_code_used" "recovery_codes_made" "invitation"
        )),*]
    };
}

/// The letters in the binary, a list for each language.
static BUILT_IN: [&[BuiltIn]; 2] = languages!("en" "es");

/// A letter in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// One line.
    pub subject: String,
    /// As plain text.
    pub text: String,
    /// As HTML that loads nothing.
    pub html: Option<String>,
}

/// What a letter tells of.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// What the reader is called; empty for a greeting without a name.
    pub name: &'a str,
    /// The whole link; empty for letters without one.
    pub link: &'a str,
    /// Where a reset is asked for; empty when there is no such page.
    pub forgot: &'a str,
    /// How long the link works.
    pub seconds: i64,
}

/// All letters in all languages, tried.
#[derive(Debug)]
pub struct Letters {
    shelf: Shelf,
    service: String,
    language: String,
}

impl Letters {
    /// Reads and tries every letter. Refused: all that is wrong, each with file and line; a letter that does not show
    /// its link; a default language that there is not.
    pub fn open(config: &Config) -> Result<Letters, Vec<String>> {
        let needed: Vec<String> = Letter::ALL
            .iter()
            .flat_map(|letter| PARTS.map(|part| format!("{}.{part}", letter.name())))
            .collect();
        let service = config.service();
        let samples = |name: &str| {
            let letter = name.split_once('.').and_then(|(letter, _)| Letter::parse(letter));
            let kind = letter.and_then(LinkKind::of);
            let about =
                |name, link, forgot, seconds| words(&service, "en", &About { name, link, forgot, seconds });
            let link = if kind.is_some() { SAMPLE_LINK } else { "" };
            let mut samples = vec![
                about("Ana", link, "https://sample.example/account/forgot", 1800),
                about("", link, "", 86_400),
            ];
            // The notices of a change come without a link, too.
            if kind == Some(LinkKind::UndoEmail) {
                samples.push(about("Ana", "", "", 86_400));
            }
            samples
        };
        let built_in = BUILT_IN.concat();
        let folder = config.mail.templates.as_deref();
        let order = Order { built_in: &built_in, home: HOME, folder, needed: &needed, samples: &samples };
        let shelf = Shelf::open(&order)?;
        let letters = Letters { shelf, service: service.clone(), language: config.mail.language.clone() };
        letters.check()?;
        Ok(letters)
    }

    fn check(&self) -> Result<(), Vec<String>> {
        let languages = self.languages();
        if !languages.contains(&self.language.as_str()) {
            let message =
                format!("there are no letters in {:?}; there are {}", self.language, languages.join(", "));
            return Err(vec![format!("mail.language: {message}")]);
        }
        let mut faults = Vec::new();
        let about = About { name: "Ana", link: SAMPLE_LINK, forgot: "", seconds: 1800 };
        for (language, letter) in languages.iter().flat_map(|one| Letter::ALL.map(|letter| (*one, letter))) {
            let name = letter.name();
            match self.write(letter, language, &about) {
                Err(fault) => faults.push(fault),
                Ok(written) if LinkKind::of(letter).is_some() => {
                    let html = written.html.unwrap_or_default();
                    if !written.text.contains(SAMPLE_LINK) {
                        faults
                            .push(format!("{language}/{name}.txt: the letter does not show {{{{ link }}}}"));
                    }
                    if !html.contains(&SAMPLE_LINK.replace('&', "&amp;"))
                        && !html.contains(&escaped(SAMPLE_LINK))
                    {
                        faults
                            .push(format!("{language}/{name}.html: the letter does not show {{{{ link }}}}"));
                    }
                }
                Ok(_) => {}
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The languages, each once.
    pub fn languages(&self) -> Vec<&str> {
        self.shelf.languages()
    }

    /// For readers who want none that there is.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// What the service is called.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Writes a letter. Refused: a subject that is no line.
    pub fn write(&self, letter: Letter, language: &str, about: &About<'_>) -> Result<Written, String> {
        let words = words(&self.service, language, about);
        let part = |part: &str| self.shelf.render(language, &format!("{}.{part}", letter.name()), &words);
        let subject = part("subject")?.trim().to_owned();
        if subject.is_empty()
            || subject.chars().any(char::is_control)
            || subject.chars().count() > MAX_SUBJECT
        {
            let name = letter.name();
            return Err(format!(
                "{language}/{name}.subject: a subject is one line of at most {MAX_SUBJECT} characters"
            ));
        }
        Ok(Written { subject, text: settled(&part("txt")?), html: Some(part("html")?) })
    }
}

fn words(service: &str, language: &str, about: &About<'_>) -> Words {
    let minutes = (about.seconds + 59) / 60;
    // Two hours and more are told in hours.
    let hours = if minutes >= 120 { minutes / 60 } else { 0 };
    Words::from([
        ("service", Value::from(service)),
        ("language", Value::from(language)),
        ("name", Value::from(about.name)),
        ("link", Value::from(about.link)),
        ("forgot", Value::from(about.forgot)),
        ("hours", Value::from(hours)),
        ("minutes", Value::from(minutes)),
    ])
}

/// At most one empty line in a row, none at the ends.
fn settled(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.dedup_by(|one, other| one.is_empty() && other.is_empty());
    format!("{}\n", lines.join("\n").trim())
}

/// As the template engine escapes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('/', "&#x2f;")
}

#[cfg(test)]
#[path = "letters_tests.rs"]
mod tests;
