//! What does a draft say, before it is text?

use domain::command::Verb;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How much a guess is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sure {
    /// The exchanges allow nothing else.
    Certain,
    /// Path, inputs and answer agree.
    Likely,
    /// Only one of them says so.
    Guess,
}

impl Sure {
    /// Its word in comments.
    pub const fn word(self) -> &'static str {
        match self {
            Sure::Certain => "sure",
            Sure::Likely => "likely",
            Sure::Guess => "a guess, look at it",
        }
    }
}

/// A dialect on the way to its file.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    /// Name of the dialect.
    pub name: String,
    /// For people.
    pub title: String,
    /// Version of the contract.
    pub version: String,
    /// Where it was recorded or documented.
    pub sources: Vec<String>,
    /// Form of moments that name none; empty = the language's own.
    pub date: String,
    /// Rules of HTTP.
    pub http: Http,
    /// Headers of every answer.
    pub headers: Vec<(String, String)>,
    /// Where an access token stands.
    pub credential: (String, String),
    /// Whether the letter case of the scheme counts.
    pub exact_scheme: bool,
    /// The access token.
    pub access: Token,
    /// The refresh token, if there is one.
    pub refresh: Option<Token>,
    /// Whether an exchange replaces the refresh token.
    pub rotates: bool,
    /// Fewest characters of a new password.
    pub min_length: usize,
    /// What a new account starts with: role, permissions, attributes.
    pub newcomer: Newcomer,
    /// Named templates.
    pub shapes: Vec<(String, Value)>,
    /// Shape of `{flaws}`; empty = the language's own.
    pub flaws: String,
    /// Wordings by rule.
    pub messages: BTreeMap<String, String>,
    /// Wordings by input and rule.
    pub messages_by_input: BTreeMap<String, BTreeMap<String, String>>,
    /// The noes of all routes.
    pub refuse: BTreeMap<String, Said>,
    /// In the order of the file.
    pub routes: Vec<Route>,
    /// What was heard and is not drafted, in sentences.
    pub apart: Vec<String>,
    /// What a person must decide, in sentences.
    pub questions: Vec<String>,
}

/// Rules of HTTP.
#[derive(Clone, Debug, Default)]
pub struct Http {
    /// Kinds of body.
    pub media: Vec<&'static str>,
    /// `Content-Type` of JSON answers; empty = the language's own.
    pub content_type: String,
    /// Whether a wrong method is said as `not_found`.
    pub wrong_method_is_not_found: bool,
    /// Whether a request that does not want our type was refused.
    pub checks_accept: bool,
    /// Whether OPTIONS is answered.
    pub answers_options: bool,
    /// `first`, `last` or empty.
    pub allow_options: &'static str,
    /// Path prefixes.
    pub space: Vec<String>,
}

/// What a new account starts with.
#[derive(Clone, Debug, Default)]
pub struct Newcomer {
    /// Its role.
    pub role: String,
    /// Its permissions.
    pub permissions: Vec<String>,
    /// Its attributes.
    pub attributes: Map<String, Value>,
}

/// A kind of token.
#[derive(Clone, Debug, Default)]
pub struct Token {
    /// Algorithm; empty for a token that is no JWT.
    pub algorithm: String,
    /// Seconds; 0 = not known.
    pub lifetime: i64,
    /// Claims with slots; null for a token that is no JWT.
    pub claims: Value,
    /// `typ` of the JOSE header.
    pub typ: String,
    /// Whether `typ` stands before `alg`.
    pub typ_first: bool,
    /// Whether the header names the key.
    pub kid: bool,
    /// Comments.
    pub notes: Vec<String>,
}

/// A route.
#[derive(Clone, Debug)]
pub struct Route {
    /// What it asks for.
    pub verb: Verb,
    /// How sure that is, and why.
    pub sure: (Sure, String),
    /// Unique.
    pub name: String,
    /// Method.
    pub method: String,
    /// Path pattern.
    pub path: String,
    /// Whether an access token must come along although the verb could do without.
    pub needs_access: bool,
    /// Headers of its answers.
    pub headers: Vec<(String, String)>,
    /// Inputs.
    pub takes: Vec<Take>,
    /// At least one of these inputs; empty = no such rule.
    pub any: Vec<String>,
    /// What is said when none of them is.
    pub any_message: String,
    /// The yes.
    pub give: Said,
    /// The yes by case.
    pub cases: Vec<(String, Said)>,
    /// Its own noes.
    pub refuse: BTreeMap<String, Said>,
    /// Comments.
    pub notes: Vec<String>,
}

/// An input.
#[derive(Clone, Debug, Default)]
pub struct Take {
    /// Which.
    pub input: String,
    /// Where.
    pub from: String,
    /// Other places of the same input.
    pub also: Vec<String>,
    /// Whether it must be there.
    pub required: bool,
    /// Other keys with their values as TOML.
    pub keys: Vec<(&'static str, String)>,
    /// Comments.
    pub notes: Vec<String>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Status.
    pub status: u16,
    /// Its own headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Body,
    /// Cookies as inline tables.
    pub cookies: Vec<String>,
    /// Comments.
    pub notes: Vec<String>,
}

/// A body with slots.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// JSON.
    Json(Value),
    /// Text.
    Text(String),
}
