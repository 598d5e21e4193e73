//! Which pages does the server show to people who opened a link in a letter?
//!
//! Written by the server, without scripts. What a page does goes through [`engine::Engine::perform`] like every other
//! request. A token stands in an address only until the page is opened: then it moves into a cookie (SEC-48).

mod answer;
mod desk;
mod form;
mod guard;
mod shown;

pub use answer::answer;

use crate::config::Config;
use crate::http::speak::Speaker;
use crate::mail::links;
use crate::shelf::{BuiltIn, Order, Shelf, Words};
use bytes::Bytes;
use domain::link::LinkKind;
use http::Method;
use minijinja::Value;

/// Where the templates in the binary come from, for messages.
const HOME: &str = "templates/pages";
/// The style of all pages.
const STYLE: &str = include_str!("../../templates/pages/style.css");

macro_rules! pages {
    ($language:literal: $($name:literal)*) => {
        &[$((
            $language,
            concat!($name, ".html"),
            include_str!(concat!("../../templates/pages/", $language, "/", $name, ".html")),
        )),*]
    };
}

macro_rules! languages {
    ($($language:literal)*) => {
        [$(pages!($language:
            "layout" "flaws" "password" "proof" "forgot" "forgot_done" "reset" "reset_done" "invitation"
            "invitation_done" "verify" "verify_done" "confirm-email" "confirm-email_done" "undo-email"
            "undo-email_done" "link_over" "refused" "busy" "broken"
        )),*]
    };
}

/// The pages in the binary, a list for each language.
static BUILT_IN: [&[BuiltIn]; 2] = languages!("en" "es");
/// Those that are only parts of others.
const PARTS: [&str; 4] = ["layout.html", "flaws.html", "password.html", "proof.html"];

/// What can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The page of a link.
    Link(LinkKind),
    /// Where a reset is asked for.
    Forgot,
    /// The style of all others.
    Style,
}

impl Page {
    /// The last part of its path.
    pub const fn name(self) -> &'static str {
        match self {
            Page::Link(kind) => links::page(kind),
            Page::Forgot => "forgot",
            Page::Style => "style.css",
        }
    }
}

/// All pages of one server.
#[derive(Debug)]
pub struct Pages {
    shelf: Shelf,
    path: String,
    service: String,
    language: String,
    /// Our own origin, as browsers write it.
    origin: String,
    shown: Vec<Page>,
    style: Bytes,
}

impl Pages {
    /// Reads and tries the pages. None when they are off, or when there are no letters that could lead to them.
    ///
    /// Refused: everything that is wrong with templates, with file and line.
    pub fn open(config: &Config) -> Result<Option<Pages>, Vec<String>> {
        if !config.mail.is_on() || !config.pages.hosted {
            return Ok(None);
        }
        let built_in = BUILT_IN.concat();
        let needed: Vec<String> = built_in
            .iter()
            .filter(|(language, name, _)| *language == "en" && !PARTS.contains(name))
            .map(|(_, name, _)| (*name).to_owned())
            .collect();
        let folder = config.pages.templates.as_deref();
        let order = Order { built_in: &built_in, home: HOME, folder, needed: &needed, samples: &samples };
        let shelf = Shelf::open(&order)?;
        if !shelf.languages().contains(&config.mail.language.as_str()) {
            let message = format!("there are no pages in {:?}", config.mail.language);
            return Err(vec![format!(
                "mail.language: {message}; there are {}",
                shelf.languages().join(", ")
            )]);
        }
        let own = |kind: &LinkKind| config.pages.own.get(place(*kind)).is_some_and(Option::is_some);
        let kinds = LinkKind::ALL.into_iter().filter(|kind| !own(kind)).map(Page::Link);
        Ok(Some(Pages {
            shelf,
            path: config.pages.path.clone(),
            service: config.service(),
            language: config.mail.language.clone(),
            origin: config.base_url(),
            shown: kinds.chain([Page::Forgot, Page::Style]).collect(),
            style: Bytes::from_static(STYLE.as_bytes()),
        }))
    }

    /// The page of a path. An encoded or otherwise different spelling is another path.
    pub fn find(&self, path: &str) -> Option<Page> {
        let name = path.strip_prefix(&self.path)?.strip_prefix('/')?;
        self.shown.iter().copied().find(|page| page.name() == name)
    }

    /// The paths of all pages, for people.
    pub fn paths(&self) -> Vec<String> {
        self.shown.iter().map(|page| self.path_of(*page)).collect()
    }

    /// Mounts that answer one of our paths, each in a sentence.
    pub fn collisions(&self, speaker: &Speaker) -> Vec<String> {
        let mut collisions = Vec::new();
        for path in self.paths() {
            for host in speaker.mounts().iter().map(|mount| mount.host.as_str()) {
                if let Some(mount) = speaker.answers(&Method::GET, &path, host) {
                    let dialect = &mount.dialect.name;
                    collisions.push(format!(
                        "the dialect `{dialect}` and the hosted pages both answer {path}; give pages.path another value"
                    ));
                }
            }
        }
        collisions.sort();
        collisions.dedup();
        collisions
    }

    fn path_of(&self, page: Page) -> String {
        format!("{}/{}", self.path, page.name())
    }

    /// Whether browsers reach us by TLS. Without it, cookies have another name and no `Secure` (SEC-72).
    fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

/// The place of a kind in the order of [`LinkKind::ALL`].
fn place(kind: LinkKind) -> usize {
    LinkKind::ALL.iter().position(|one| *one == kind).unwrap_or_default()
}

/// What every template can be filled with.
fn samples(_: &str) -> Vec<Words> {
    let words = |flaws: &[&str], email: &str| {
        Words::from([
            ("language", Value::from("en")),
            ("service", Value::from("Sample")),
            ("path", Value::from("/account")),
            ("page", Value::from("reset")),
            ("form", Value::from("0123")),
            ("email", Value::from(email)),
            ("leads_to", Value::from(email)),
            ("request", Value::from("0123")),
            ("min_length", Value::from(15)),
            ("flaws", flaws.iter().copied().map(Value::from).collect()),
        ])
    };
    vec![words(&[], ""), words(&["password_too_short", "email", "differs"], "ana@example.com")]
}
