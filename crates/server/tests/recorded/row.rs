//! What does one recorded pair say: who spoke, what was asked, what was answered?

use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;

/// Every pair, in order.
pub fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("pairs.json")).unwrap()
}

/// A request and the answer to it, from a documentation page or from a run of the original.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// The dialect's name.
    pub system: String,
    /// What it shows.
    pub name: String,
    /// `documented`, `observed` or `inferred`.
    pub source: String,
    /// What was asked.
    pub request: Asked,
    /// What was answered.
    pub response: Answered,
}

/// What was asked.
#[derive(Clone, Debug, Deserialize)]
pub struct Asked {
    /// Method.
    pub method: String,
    /// Path and query, with `{{names}}`.
    pub path: String,
    /// Headers, with `{{names}}`.
    pub headers: Map<String, Value>,
    /// An object is sent as JSON, a string as it is; null = no body.
    pub body: Value,
}

/// What was answered.
#[derive(Clone, Debug, Deserialize)]
pub struct Answered {
    /// Absent = any 2xx.
    pub status: Option<u16>,
    /// Headers by name.
    pub headers: Map<String, Value>,
    /// A string stands for itself when the body was no JSON.
    pub body: Value,
}

/// What names a row: system, source and name.
pub type Key<'r> = (&'r str, &'r str, &'r str);

impl Row {
    /// What names it.
    pub fn key(&self) -> Key<'_> {
        (&self.system, &self.source, &self.name)
    }
}

impl Answered {
    /// A header's value; names are compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.system, self.source, self.name)
    }
}
