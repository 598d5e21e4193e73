//! Which routes does a recording show, and what does each ask for?

use super::people::{People, credentials, input, inputs, is_about, is_uuid, last};
use super::sketch::Sure;
use super::words::{self, Field, names};
use crate::record::exchange::{Exchange, Recording};
use crate::record::parts;
use domain::command::Verb;
use std::collections::BTreeSet;

/// Everything that was asked of one path pattern by one method.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Method.
    pub method: String,
    /// Path pattern.
    pub path: String,
    /// Places of its exchanges in the recording.
    pub all: Vec<usize>,
    /// What it asks for, how sure that is, and why; none when it is nothing that a dialect speaks.
    pub verb: Option<(Verb, Sure, String)>,
}

/// The endpoints in the order in which they were asked first.
pub fn endpoints(recording: &Recording, people: &People) -> Vec<Endpoint> {
    let mut found: Vec<Endpoint> = Vec::new();
    for (at, exchange) in recording.exchanges.iter().enumerate() {
        let path = pattern(exchange.asked.path(), people, at);
        let key = path.trim_end_matches('/');
        let same = |known: &&mut Endpoint| {
            known.method == exchange.asked.method && known.path.trim_end_matches('/') == key
        };
        match found.iter_mut().find(same) {
            Some(known) => {
                // The spelling that was answered well is the path's own.
                let was_good = known.all.iter().any(|at| recording.exchanges[*at].answered.is_good());
                if exchange.answered.is_good() && !was_good {
                    known.path = path;
                }
                known.all.push(at);
            }
            None => found.push(Endpoint {
                method: exchange.asked.method.clone(),
                path,
                all: vec![at],
                verb: None,
            }),
        }
    }
    let mut found = joined(found, recording);
    for endpoint in &mut found {
        endpoint.verb = Heard::of(endpoint, recording, people).and_then(|heard| heard.verb());
    }
    found
}

/// The path with `{id}` where a segment names one of many.
fn pattern(path: &str, people: &People, at: usize) -> String {
    let mut count = 0;
    let segments = path.split('/').map(|segment| {
        let plain = parts::decoded(segment, false);
        let is_id = (!plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit()))
            || is_uuid(&plain)
            || plain.contains('@')
            || (plain.len() >= 20 && plain.bytes().any(|b| b.is_ascii_digit()))
            || people.facts(at).is_some_and(|facts| {
                ["user.username", "user.other_id"]
                    .iter()
                    .any(|slot| facts.get(*slot).is_some_and(|name| *name == *plain))
            });
        if !is_id {
            return segment.to_owned();
        }
        count += 1;
        if count == 1 { "{id}".to_owned() } else { format!("{{id{count}}}") }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Refused requests to a path that another one's pattern covers belong to that one.
fn joined(found: Vec<Endpoint>, recording: &Recording) -> Vec<Endpoint> {
    let is_good = |one: &Endpoint| one.all.iter().any(|at| recording.exchanges[*at].answered.is_good());
    let (mut good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(is_good);
    for one in bad {
        let path = one.path.trim_end_matches('/').to_owned();
        let covers = |known: &&mut Endpoint| {
            let pattern = dialect::PathPattern::parse(&known.path).ok();
            known.method == one.method && pattern.is_some_and(|pattern| pattern.matches(&path).is_some())
        };
        match good.iter_mut().find(covers) {
            Some(known) => known.all.extend(&one.all),
            None => good.push(one),
        }
    }
    good
}

/// What the good exchanges of an endpoint have in common, or what a document says of it.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Method.
    pub method: String,
    /// Path pattern.
    pub path: String,
    /// What its inputs are, by the words of [`field_word`].
    pub fields: BTreeSet<&'static str>,
    /// Whether a yes holds tokens.
    pub gives_tokens: bool,
    /// Whether a refresh token is sent.
    pub sends_refresh: bool,
    /// Whether an access token is always sent.
    pub with_access: bool,
    /// Whether a yes speaks of the user.
    pub about_user: bool,
    /// Whether a file is sent.
    pub has_file: bool,
    /// Whether a yes is 201.
    pub created: bool,
    /// Whether a yes holds a yes or no.
    pub says_flag: bool,
    /// Whether address and user name are always sent both.
    pub always_both: bool,
}

impl Heard {
    fn of(endpoint: &Endpoint, recording: &Recording, people: &People) -> Option<Heard> {
        let good = |at: &&usize| recording.exchanges[**at].answered.is_good();
        let goods: Vec<(usize, &Exchange)> =
            endpoint.all.iter().filter(good).map(|at| (*at, &recording.exchanges[*at])).collect();
        if goods.is_empty() {
            return None;
        }
        let given = |text: &str| people.tokens.get(text);
        let any = |test: &dyn Fn(usize, &Exchange) -> bool| goods.iter().any(|(at, one)| test(*at, one));
        let gives_tokens = any(&|at, _| people.tokens.values().any(|given| given.at == at));
        let sends_refresh = any(&|_, one| {
            let sent = inputs(one).into_iter().filter_map(|(_, value)| value.as_str().map(str::to_owned));
            sent.chain(credentials(one)).any(|text| given(&text).is_some_and(|given| given.is_refresh))
        });
        let about_user = any(&|at, one| {
            let body = one.answered.json();
            body.is_some_and(|body| people.facts(at).is_some_and(|facts| speaks_of(&body, facts)))
        });
        let fields = goods
            .iter()
            .flat_map(|(_, one)| inputs(one))
            .filter_map(|(name, _)| field_word(words::field(last(&name))?));
        Some(Heard {
            method: endpoint.method.clone(),
            path: endpoint.path.clone(),
            fields: fields.collect(),
            gives_tokens,
            sends_refresh,
            with_access: goods.iter().all(|(_, one)| {
                credentials(one).iter().any(|text| given(text).is_some_and(|given| !given.is_refresh))
            }),
            about_user,
            has_file: any(&|_, one| {
                let parts = parts::multipart(&one.asked.fields, &one.asked.body).unwrap_or_default();
                parts.iter().any(|part| part.file.is_some())
            }),
            created: any(&|_, one| one.answered.status == 201),
            says_flag: any(&|_, one| {
                let body = one.answered.json().unwrap_or_default();
                body.as_object().is_some_and(|members| members.values().any(serde_json::Value::is_boolean))
            }),
            always_both: goods
                .iter()
                .all(|(_, one)| input(one, Field::Email).is_some() && input(one, Field::Username).is_some()),
        })
    }

    fn takes(&self, word: &str) -> bool {
        self.fields.contains(word)
    }

    fn names(&self, verb: Verb) -> bool {
        names(&self.path, verb)
    }

    /// The first rule that fits. The more telling come first.
    pub fn verb(&self) -> Option<(Verb, Sure, String)> {
        let (verb, why) =
            self.by_tokens().or_else(|| self.by_password()).or_else(|| self.by_what_it_does())?;
        if self.method == "GET" && !verb.only_looks() {
            return None;
        }
        let sure = match (self.names(verb), why) {
            (true, _) if why.starts_with("it ") => Sure::Certain,
            (_, why) if why.starts_with("it ") => Sure::Likely,
            _ => Sure::Guess,
        };
        let path = if self.names(verb) { ", and so says the path" } else { "" };
        Some((verb, sure, format!("{why}{path}")))
    }

    fn by_tokens(&self) -> Option<(Verb, &'static str)> {
        if !self.gives_tokens {
            return None;
        }
        if self.takes("password") {
            let more = ["first_name", "last_name", "confirmation"].iter().any(|word| self.takes(word));
            let new = self.names(Verb::SignUp)
                || (!self.names(Verb::SignIn) && (more || self.created || self.always_both))
                || (more && self.created);
            return Some(if new {
                (Verb::SignUp, "it takes a password and more, and gives tokens")
            } else {
                (Verb::SignIn, "it takes a password and gives tokens")
            });
        }
        if self.sends_refresh {
            return Some((Verb::Refresh, "it takes a refresh token and gives another token"));
        }
        self.names(Verb::Refresh)
            .then_some((Verb::Refresh, "it gives tokens for something else than a password"))
    }

    fn by_password(&self) -> Option<(Verb, &'static str)> {
        if self.takes("current") && self.takes("new") || self.takes("current") && self.takes("password") {
            return Some((Verb::ChangePassword, "it takes the password in force and another"));
        }
        if self.takes("new") || self.takes("password") && self.takes("token") {
            let reset = (Verb::ResetPassword, "it takes a token and a new password");
            return if self.takes("token") { Some(reset) } else { None };
        }
        if !self.takes("password") {
            return None;
        }
        if self.method == "DELETE" && self.with_access {
            return Some((Verb::DeleteAccount, "it takes an access token and the password, and deletes"));
        }
        if self.with_access {
            return Some((Verb::Reauthenticate, "an access token and the password, and nothing else"));
        }
        (self.names(Verb::SignUp) || self.created)
            .then_some((Verb::SignUp, "it takes a name and a password and gives no token"))
    }

    fn by_what_it_does(&self) -> Option<(Verb, &'static str)> {
        let method = self.method.as_str();
        let only_email = self.takes("email") && self.fields.len() == 1;
        let profile = ["email", "username", "first_name", "last_name", "phone", "avatar"]
            .iter()
            .any(|word| self.takes(word));
        let changes = matches!(method, "PUT" | "PATCH" | "POST");
        Some(match method {
            _ if only_email && !self.with_access && self.names(Verb::RequestReset) => {
                (Verb::RequestReset, "it takes an address alone")
            }
            _ if only_email && !self.with_access && self.names(Verb::RequestVerification) => {
                (Verb::RequestVerification, "it takes an address alone")
            }
            _ if only_email && !self.with_access && self.says_flag => {
                (Verb::CheckEmail, "it takes an address alone and answers yes or no")
            }
            "POST" | "DELETE" if self.names(Verb::SignOutEverywhere) => {
                (Verb::SignOutEverywhere, "the path says so")
            }
            "POST" | "DELETE" if self.names(Verb::SignOut) => (Verb::SignOut, "it gives nothing"),
            _ if !self.with_access && self.takes("token") && self.names(Verb::VerifyEmail) => {
                (Verb::VerifyEmail, "it takes the token of a link")
            }
            _ if self.names(Verb::VerifyToken) && (self.with_access || self.takes("token")) => {
                (Verb::VerifyToken, "the path says so")
            }
            _ if !self.with_access => return None,
            "GET" if self.names(Verb::ListSessions) => (Verb::ListSessions, "the path says so"),
            "DELETE" if self.names(Verb::ListSessions) => (Verb::EndSession, "the path says so"),
            "DELETE" => (Verb::DeleteAccount, "it takes an access token and deletes"),
            _ if self.has_file && self.names(Verb::SetAvatar) => (Verb::SetAvatar, "it takes a file"),
            "PUT" | "PATCH" if profile || self.has_file => {
                (Verb::UpdateProfile, "it takes an access token and what a profile holds")
            }
            _ if changes && profile && self.about_user => {
                (Verb::UpdateProfile, "an access token, what a profile holds, and an answer about the user")
            }
            "GET" | "POST" if self.about_user => {
                (Verb::WhoAmI, "it takes an access token and answers with the user")
            }
            _ => return None,
        })
    }
}

/// The word of a field among [`Heard::fields`]; none for what tells nothing about a verb.
pub fn field_word(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::Email => "email",
        Field::Username | Field::Login => "username",
        Field::Password => "password",
        Field::Confirmation => "confirmation",
        Field::CurrentPassword => "current",
        Field::NewPassword => "new",
        Field::FirstName => "first_name",
        Field::LastName => "last_name",
        Field::Phone => "phone",
        Field::Avatar => "avatar",
        Field::Token => "token",
        Field::Refresh | Field::Access | Field::Otp => return None,
    })
}

/// Whether an answer speaks of the user somewhere.
fn speaks_of(value: &serde_json::Value, facts: &super::people::Facts) -> bool {
    value.as_object().is_some_and(|members| {
        is_about(members, facts) || members.values().any(|value| speaks_of(value, facts))
    })
}
