//! What do several people say to a server, in any order, rightly and wrongly?

use crate::dice::Dice;
use crate::moves::Move;
use crate::pair::{Link, Pair};
use crate::words::{alike, broken, odd, quoted};
use dialect::transcript::{Act, Kept, Ready};
use domain::link::LinkKind;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How often each move was granted and refused.
pub type Seen = BTreeMap<&'static str, (u32, u32)>;

/// What everybody begins with.
pub const PASSWORD: &str = "Correct-Horse 42 battery";
/// Also those that some would take for each other.
const NAMES: [&str; 12] = [
    "ann",
    "Ann",
    "kelvin",
    "sissi",
    "stra\u{df}e",
    "strasse",
    "\u{e9}va",
    "e\u{301}va",
    "zo\u{eb}",
    "bob_1",
    "bob%1",
    "root",
];
const STEPS: [i64; 9] = [1, 5, 11, 61, 601, 901, 3601, 90_000, 700_000];

/// What is known of one person.
#[derive(Default)]
struct Person {
    username: Option<String>,
    email: Option<String>,
    password: String,
    number: Option<String>,
    access: Vec<String>,
    refresh: Vec<String>,
}

/// What was chosen for one request and may become true.
#[derive(Default)]
struct Chosen {
    username: Option<String>,
    email: Option<String>,
    password: Option<String>,
    /// Whose link it is.
    owner: Option<usize>,
    user: Option<String>,
    session: Option<String>,
}

/// A conversation as it goes on.
pub struct Talk {
    dice: Dice,
    people: Vec<Person>,
    /// With the one who asked for it.
    links: Vec<(usize, Link)>,
    /// With the user who was asked about, if any.
    sessions: Vec<(String, String)>,
    users: Vec<String>,
    numbers: Vec<String>,
}

impl Talk {
    /// With these users, who all have the first password.
    pub fn new(dice: Dice, users: &[Value]) -> Talk {
        let text = |user: &Value, name: &str| user[name].as_str().map(str::to_owned);
        let person = |user: &Value| Person {
            username: text(user, "username"),
            email: text(user, "email"),
            password: PASSWORD.to_owned(),
            number: Some(user["id"].to_string()),
            ..Person::default()
        };
        Talk {
            dice,
            people: users.iter().map(person).collect(),
            links: Vec::new(),
            sessions: Vec::new(),
            users: users.iter().filter_map(|user| text(user, "uuid")).collect(),
            numbers: users.iter().map(|user| user["id"].to_string()).collect(),
        }
    }

    /// Says so much.
    pub async fn go_on(&mut self, pair: &mut Pair, moves: &'static [Move], times: usize, seen: &mut Seen) {
        for _ in 0..times {
            if self.dice.percent(7) {
                let seconds = *self.dice.of(&STEPS);
                pair.act(&Act::Advance(seconds), &mut Kept::new()).await;
            }
            if self.dice.percent(2) {
                let act = self.operator();
                pair.act(&act, &mut Kept::new()).await;
            }
            let one = &moves[self.dice.below(moves.len())];
            // The first one may do most where somebody may do more than others.
            let who = if self.dice.percent(50) { 0 } else { self.dice.below(self.people.len()) };
            if one.4 && self.people[who].access.is_empty() && self.dice.percent(80) {
                let sign_in = moves.iter().find(|one| one.0 == "sign in").unwrap();
                self.say(pair, sign_in, who, seen).await;
            }
            self.say(pair, one, who, seen).await;
        }
    }

    /// What somebody at the console does.
    fn operator(&mut self) -> Act {
        let id = i64::try_from(self.dice.below(6)).unwrap() + 2;
        match self.dice.below(6) {
            0 => Act::Delete(id),
            1 => Act::Edit(id, json!({"status": "suspended"})),
            2 => Act::Edit(id, json!({"attributes": {"\u{e9}": [1, null, "\u{1f600}", 1e300]}})),
            3 => Act::Edit(id, json!({"role": "editor", "last_name": "O'Neil\\x00"})),
            _ => Act::Edit(id, json!({"status": "active"})),
        }
    }

    async fn say(&mut self, pair: &mut Pair, one: &'static Move, who: usize, seen: &mut Seen) {
        let Move(name, method, target, body, bearer) = *one;
        let mut chosen = Chosen::default();
        let target = self.filled(target, who, &mut chosen, escaped);
        let mut body = self.filled(body, who, &mut chosen, str::to_owned).into_bytes();
        let mut headers = Vec::new();
        if !body.is_empty() {
            let kinds =
                ["text/plain", "application/json; charset=latin1", "application/x-www-form-urlencoded"];
            let kind = if self.dice.percent(98) { "application/json" } else { self.dice.of(&kinds) };
            headers.push((CONTENT_TYPE.as_str().to_owned(), kind.to_owned()));
            if self.dice.percent(2) {
                broken(&mut body, &mut self.dice);
            }
        }
        if bearer && let Some(token) = self.bearer(who) {
            headers.push((AUTHORIZATION.as_str().to_owned(), format!("Bearer {token}")));
        }
        if self.dice.percent(10) {
            let agents = ["Phone/1.0", "", "\t \"'", "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"];
            headers.push(("User-Agent".to_owned(), (*self.dice.of(&agents)).to_owned()));
        }
        let ready = Ready { method: method.to_owned(), target, headers, body };
        let Some(answer) = pair.send(ready).await else { return };
        let counts = seen.entry(name).or_default();
        let mut who = who;
        if answer.status().is_success() {
            counts.0 += 1;
            let value = serde_json::from_slice(answer.body()).unwrap_or_default();
            who = self.learn(name, who, chosen, &value);
        } else {
            counts.1 += 1;
            if bearer && answer.status() == StatusCode::UNAUTHORIZED && self.dice.percent(80) {
                self.people[who].access.clear();
            }
        }
        self.links.extend(pair.new_links().await.into_iter().map(|link| (who, link)));
    }

    fn bearer(&mut self, who: usize) -> Option<String> {
        let person = &self.people[who];
        match self.dice.below(20) {
            0 => None,
            1 => Some((*self.dice.of(&["x", "a.b.c", "csk_0000000000000000_AAAA"])).to_owned()),
            2 | 3 if !person.access.is_empty() => Some(self.dice.of(&person.access).clone()),
            _ => person.access.last().cloned(),
        }
    }

    /// A text with values in place of its `$words`; `form` makes a JSON value fit.
    fn filled(&mut self, text: &str, who: usize, chosen: &mut Chosen, form: fn(&str) -> String) -> String {
        let mut parts = text.split('$');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.bytes().take_while(u8::is_ascii_lowercase).count();
            let value = self.value(&part[..end], who, chosen);
            out.push_str(&form(&value));
            out.push_str(&part[end..]);
        }
        out
    }

    /// A value as JSON.
    fn value(&mut self, word: &str, who: usize, chosen: &mut Chosen) -> String {
        let value = match word {
            "newname" => self.new_name(),
            "newmail" => self.new_address(),
            "new" => self.new_password(),
            "password" => self.password(chosen.owner.unwrap_or(who)),
            "text" if self.dice.percent(60) => odd(&mut self.dice),
            "text" => quoted(self.dice.of(&NAMES)),
            "verification" => self.link(LinkKind::VerifyEmail, chosen),
            "reset" => self.link(LinkKind::ResetPassword, chosen),
            "change" => self.link(LinkKind::ConfirmEmail, chosen),
            "undo" => self.link(LinkKind::UndoEmail, chosen),
            "role" | "rolename" => {
                quoted(self.dice.of(&["editor", "admin", "support", "", "Editor", "ed\u{ef}tor"]))
            }
            "status" => quoted(self.dice.of(&["active", "inactive", "suspended", "Active"])),
            "search" => self.searched(),
            "owner" => self.somebody_with_a_session(chosen),
            "session" if chosen.session.is_some() => chosen.session.take().map(quoted).unwrap_or_default(),
            other => self.known(other, who),
        };
        let typed = || serde_json::from_str::<String>(&value).ok();
        match word {
            "newname" => chosen.username = typed(),
            "newmail" => chosen.email = typed(),
            "new" => chosen.password = typed(),
            "user" | "owner" => chosen.user = typed(),
            _ => {}
        }
        value
    }

    fn new_name(&mut self) -> String {
        match self.dice.below(10) {
            0..=4 => quoted(self.dice.of(&NAMES)),
            5..=7 => format!("\"p{}\"", self.dice.below(1000)),
            8 => quoted(alike(NAMES[self.dice.below(NAMES.len())], &mut self.dice)),
            _ => odd(&mut self.dice),
        }
    }

    fn new_address(&mut self) -> String {
        let name = *self.dice.of(&NAMES);
        match self.dice.below(10) {
            0..=3 => format!("\"p{}@example.com\"", self.dice.below(1000)),
            4..=6 => quoted(format!("{name}@example.com")),
            7 => quoted(alike(&format!("{name}@example.com"), &mut self.dice)),
            8 => quoted(format!("{name}@b\u{fc}cher.example")),
            _ => odd(&mut self.dice),
        }
    }

    fn new_password(&mut self) -> String {
        match self.dice.below(8) {
            0 => odd(&mut self.dice),
            1 => quoted("password"),
            2 => quoted("Cr\u{e8}me-br\u{fb}l\u{e9}e \u{1f600} 42"),
            number => quoted(format!("Another-Phrase 4{number} long")),
        }
    }

    fn password(&mut self, who: usize) -> String {
        let known = self.people[who].password.clone();
        match self.dice.below(20) {
            0..=14 => quoted(&known),
            15 => quoted(alike(&known, &mut self.dice)),
            16 => odd(&mut self.dice),
            _ => quoted("Not-The-One 42 at all"),
        }
    }

    /// The token of a link, mostly of the kind that is asked for, and mostly the newest.
    fn link(&mut self, kind: LinkKind, chosen: &mut Chosen) -> String {
        let any = self.dice.percent(10);
        let fit: Vec<_> = self.links.iter().filter(|(_, link)| any || link.kind == kind).collect();
        if fit.is_empty() || self.dice.percent(6) {
            return odd(&mut self.dice);
        }
        let late = if self.dice.percent(75) { 0 } else { self.dice.below(fit.len()) };
        let (owner, link) = fit[fit.len() - 1 - late];
        chosen.owner = Some(*owner);
        quoted(&link.token)
    }

    fn somebody_with_a_session(&mut self, chosen: &mut Chosen) -> String {
        if self.sessions.is_empty() {
            return odd(&mut self.dice);
        }
        let (user, session) = self.dice.of(&self.sessions).clone();
        chosen.session = Some(session).filter(|_| self.dice.percent(90));
        quoted(user)
    }

    fn searched(&mut self) -> String {
        let text = match self.dice.below(4) {
            0 => alike(NAMES[self.dice.below(NAMES.len())], &mut self.dice),
            1 => return odd(&mut self.dice),
            _ => (*self.dice.of(&NAMES)).to_owned(),
        };
        let most = text.chars().count();
        let length = 1 + self.dice.below(most);
        quoted(text.chars().take(length).collect::<String>())
    }

    /// Something that somebody has, mostly in its right form.
    fn known(&mut self, word: &str, who: usize) -> String {
        let person = &self.people[who];
        let several = match word {
            "login" if self.dice.percent(50) => person.username.iter().cloned().collect(),
            "login" | "email" => person.email.iter().cloned().collect(),
            "username" => person.username.iter().cloned().collect(),
            "refresh" if self.dice.percent(65) => person.refresh.last().cloned().into_iter().collect(),
            "refresh" => person.refresh.clone(),
            "access" => person.access.clone(),
            "session" => self.sessions.iter().map(|(_, session)| session.clone()).collect(),
            "user" => self.users.clone(),
            "number" if self.dice.percent(70) => person.number.iter().cloned().collect(),
            "number" => self.numbers.clone(),
            other => panic!("nobody knows what ${other} is"),
        };
        if several.is_empty() || self.dice.percent(4) {
            return odd(&mut self.dice);
        }
        let value = self.dice.of(&several).clone();
        let folds = matches!(word, "login" | "email" | "username");
        quoted(&if folds && self.dice.percent(12) { alike(&value, &mut self.dice) } else { value })
    }

    /// What is true now that a request was granted; gives whose it was.
    fn learn(&mut self, name: &str, who: usize, chosen: Chosen, answer: &Value) -> usize {
        let mut who = chosen.owner.unwrap_or(who);
        match name {
            "sign up" => {
                who = self.people.len();
                let password = chosen.password.unwrap_or_default();
                let (username, email) = (chosen.username, chosen.email);
                self.people.push(Person { username, email, password, ..Person::default() });
            }
            "rename" => self.people[who].username = chosen.username,
            "new address" => self.people[who].email = chosen.email,
            "change password" | "reset" => self.people[who].password = chosen.password.unwrap_or_default(),
            _ => {}
        }
        self.collect(who, answer, chosen.user.as_deref(), false);
        who
    }

    /// Tokens and ids that an answer shows.
    fn collect(&mut self, who: usize, value: &Value, about: Option<&str>, in_sessions: bool) {
        match value {
            Value::Array(list) => list.iter().for_each(|one| self.collect(who, one, about, in_sessions)),
            Value::Object(map) => {
                for (name, value) in map {
                    match (name.as_str(), value) {
                        ("access_token" | "access" | "accessToken" | "token", Value::String(token)) => {
                            self.people[who].access.push(token.clone());
                        }
                        ("refresh_token" | "refresh" | "refreshToken", Value::String(token)) => {
                            self.people[who].refresh.push(token.clone());
                        }
                        ("id", Value::String(id)) if in_sessions => {
                            let user = about.unwrap_or_default().to_owned();
                            self.sessions.push((user, id.clone()));
                        }
                        ("id", Value::String(id)) => self.users.push(id.clone()),
                        ("id", Value::Number(id)) => {
                            self.people[who].number.get_or_insert(id.to_string());
                            self.numbers.push(id.to_string());
                        }
                        (name, value) => self.collect(who, value, about, in_sessions || name == "sessions"),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// A JSON value as part of an address.
fn escaped(value: &str) -> String {
    let text = serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
