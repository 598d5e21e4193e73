//! How does a first `dialect.toml` come from exchanges, or from an OpenAPI document?
//!
//! [`people`] finds out who speaks and which tokens are whose, [`routes`] what each path asks for, [`takes`], [`gives`],
//! [`tokens`] and [`noes`] fill a [`sketch`], and [`write`] makes commented TOML of it. Guesses are written down as
//! guesses (docs/decisions/0021-drafts-are-guesses-with-reasons.md).

mod fill;
pub mod gives;
mod moments;
mod noes;
pub mod openapi;
pub mod people;
pub mod routes;
mod shapes;
pub mod sketch;
mod takes;
mod tokens;
mod wire;
mod words;
mod write;

use crate::record::exchange::Recording;
use dialect::{Dialect, FileFault};
use people::People;
use routes::Endpoint;
use sketch::Sketch;
use std::collections::BTreeMap;

/// A draft with what led to it.
#[derive(Debug)]
pub struct Draft {
    /// The file.
    pub text: String,
    /// The same before it was text.
    pub sketch: Sketch,
    /// Who speaks in the recording.
    pub people: People,
    /// What was asked.
    pub endpoints: Vec<Endpoint>,
    /// The codes of refused exchanges, as far as anybody can tell.
    pub codes: BTreeMap<usize, &'static str>,
    /// What is still wrong with the file; a person must decide.
    pub faults: Vec<FileFault>,
}

/// Drafts a dialect from a masked recording.
pub fn of_recording(name: &str, recording: &Recording) -> Draft {
    let people = People::of(recording);
    let endpoints = routes::endpoints(recording, &people);
    let (sketch, codes) = fill::sketch(name, recording, &people, &endpoints);
    let (text, faults) = text(&sketch);
    Draft { text, sketch, people, endpoints, codes, faults }
}

/// The file of a sketch; what is wrong with it is said at its head, too.
pub fn text(sketch: &Sketch) -> (String, Vec<FileFault>) {
    let text = write::write(sketch);
    match Dialect::parse(&text) {
        Ok(_) => (text, Vec::new()),
        Err(faults) => {
            let mut told = sketch.clone();
            told.questions
                .extend(faults.iter().map(|fault| format!("`dialect check` says: {}", fault.message)));
            let text = write::write(&told);
            let faults = Dialect::parse(&text).err().unwrap_or_default();
            (text, faults)
        }
    }
}

/// Whether a member of an answer is called like an id.
pub fn is_id(name: &str) -> bool {
    words::slot(name) == Some("user.id")
}
