//! How is a user written for another application?
//!
//! One user at a time, so that memory does not grow with their number. What a format can not say is told, never dropped
//! in silence.

mod auth0;
mod django;
mod firebase;
mod hash;
mod keycloak;
mod phc_csv;
pub mod seal;

use domain::record::Record;
use serde_json::Value;

/// For whom users are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One record a line, as `user import` reads it.
    Jsonl,
    /// A fixture for Django's `loaddata`.
    Django,
    /// CSV with hashes as PHC strings.
    PhcCsv,
    /// A bulk import of Auth0.
    Auth0,
    /// A partial import of a Keycloak realm.
    Keycloak,
    /// `firebase auth:import`.
    Firebase,
}

impl Format {
    /// Every one with its name on the command line.
    pub const NAMES: [(&'static str, Format); 6] = [
        ("jsonl", Format::Jsonl),
        ("django", Format::Django),
        ("phc-csv", Format::PhcCsv),
        ("auth0", Format::Auth0),
        ("keycloak", Format::Keycloak),
        ("firebase", Format::Firebase),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        Format::NAMES.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}

/// What goes out, and under which names.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// For whom.
    pub format: Format,
    /// Whether password hashes go along.
    pub hashes: bool,
    /// Whether second factors go along.
    pub factors: bool,
    /// The user model of a Django fixture, like `auth.user`.
    pub django_model: String,
    /// The realm of a Keycloak import.
    pub realm: String,
}

/// One user as written.
#[derive(Debug)]
pub struct Written {
    /// For the file, with what stands between two users before it.
    pub text: String,
    /// What the format can not say of this user, in sentences without any secret.
    pub left_out: Vec<String>,
}

/// What is done with one user: a JSON value, and what is left out.
type Told = (Value, Vec<String>);

/// Writes users one after the other.
#[derive(Debug)]
pub struct Writer {
    wanted: Wanted,
    users: u64,
}

impl Writer {
    /// Nothing is written yet.
    pub fn new(wanted: Wanted) -> Writer {
        Writer { wanted, users: 0 }
    }

    /// Before the first user.
    pub fn head(&self) -> String {
        match self.wanted.format {
            Format::Jsonl => String::new(),
            Format::PhcCsv => phc_csv::head(self.wanted.hashes),
            Format::Django | Format::Auth0 => "[\n".to_owned(),
            Format::Keycloak => {
                format!("{{\"realm\": {}, \"users\": [\n", Value::from(self.wanted.realm.as_str()))
            }
            Format::Firebase => "{\"users\": [\n".to_owned(),
        }
    }

    /// One user. What is not wanted is taken away first, so that nothing of it can reach the file.
    pub fn user(&mut self, mut record: Record) -> Written {
        if !self.wanted.hashes {
            record.password_hash = None;
        }
        if !self.wanted.factors {
            record.second_factor = None;
        }
        self.users += 1;
        let (value, left_out) = match self.wanted.format {
            Format::Jsonl => {
                let line = serde_json::to_string(&record).map(|line| line + "\n");
                return Written { text: line.unwrap_or_default(), left_out: Vec::new() };
            }
            Format::PhcCsv => {
                let (text, left_out) = phc_csv::row(&record, self.wanted.hashes);
                return Written { text, left_out };
            }
            Format::Django => django::user(&record, &self.wanted.django_model),
            Format::Auth0 => auth0::user(&record),
            Format::Keycloak => keycloak::user(&record),
            Format::Firebase => firebase::user(&record),
        };
        let between = if self.users == 1 { "" } else { ",\n" };
        Written { text: format!("{between}{value}"), left_out }
    }

    /// After the last user.
    pub fn tail(&self) -> &'static str {
        match self.wanted.format {
            Format::Jsonl | Format::PhcCsv => "",
            Format::Django | Format::Auth0 => "\n]\n",
            Format::Keycloak | Format::Firebase => "\n]}\n",
        }
    }
}

/// An object without the members that are null.
fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let told = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(told.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Given and family name as one.
fn full_name(record: &Record) -> Option<String> {
    let names = [&record.first_name, &record.last_name];
    let names: Vec<&str> =
        names.into_iter().flatten().map(String::as_str).filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// Whether the user may sign in.
fn is_active(record: &Record) -> bool {
    record.status.as_deref().is_none_or(|status| status == "active")
}

/// A moment of a record in milliseconds since 1970.
fn millis(text: Option<&String>) -> Option<i64> {
    domain::time::Moment::parse_rfc3339(text?).map(domain::time::Moment::millis)
}

/// What is said of a second factor that has no place.
fn no_place_for_factor(record: &Record, left_out: &mut Vec<String>) {
    if record.second_factor.is_some() {
        left_out.push("the second factor: the format has no place for it".to_owned());
    }
}

#[cfg(test)]
mod tests;
