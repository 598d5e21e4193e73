//! What does a client of the old application do all day, and what may it never be answered?

use crate::application::{Kind, Size};
use crate::wire::{Line, Message, request};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(300);

/// Tokens of somebody who signed in.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// For everything.
    pub access: String,
    /// For new ones; empty where the contract has none.
    pub refresh: String,
}

/// Somebody who has an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The id that the application gave; empty until the first answer.
    pub id: String,
}

/// What all clients are told while they work.
#[derive(Default)]
pub struct Orders {
    /// They stop after the request they are at.
    pub stop: AtomicBool,
    /// They sign people up and change profiles.
    pub change: AtomicBool,
}

/// A client program: it keeps its connection, its tokens, and a list of everything that was answered wrong.
pub struct Client {
    kind: Kind,
    address: SocketAddr,
    line: Option<Line>,
    dice: u64,
    number: u64,
    /// Who uses it.
    pub person: Person,
    tokens: Tokens,
    first_name: Option<String>,
    /// Whom it signed up, and who is there still.
    pub signed_up: Vec<Person>,
    /// Whom it signed up and deleted again.
    pub deleted: Vec<Person>,
    /// Answers by what was asked.
    pub answers: BTreeMap<&'static str, u64>,
    /// Everything that went wrong.
    pub faults: Vec<String>,
}

/// A number or a text as tokens name it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Client {
    /// Of user `number` of an application.
    pub fn of(kind: Kind, size: Size, number: u64, address: SocketAddr) -> Client {
        let person = Person { email: kind.email(number), password: size.password(number), id: String::new() };
        Client {
            kind,
            address,
            line: None,
            dice: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            number,
            person,
            tokens: Tokens::default(),
            first_name: None,
            signed_up: Vec::new(),
            deleted: Vec::new(),
            answers: BTreeMap::new(),
            faults: Vec::new(),
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.dice >> 33) % sides
    }

    /// Asks on the connection that it has, or on a new one where the other side has closed it between two requests.
    /// Whatever breaks while an answer is waited for is a fault, and nothing is asked twice.
    fn ask(&mut self, what: &'static str, request: &Message) -> Option<Message> {
        let mut line: Line = match self.line.take() {
            Some(line) if !line.is_over() => line,
            Some(_) | None => {
                Line::to(self.address).map_err(|error| self.fault(what, &error.to_string())).ok()?
            }
        };
        match line.ask(request) {
            Ok(answer) => {
                if !answer.closes() {
                    self.line = Some(line);
                }
                *self.answers.entry(what).or_default() += 1;
                Some(answer)
            }
            Err(error) => {
                self.fault(what, &format!("no answer: {error}"));
                None
            }
        }
    }

    fn fault(&mut self, what: &str, how: &str) {
        self.faults.push(format!("{} {what}: {how}", self.person.email));
    }

    /// Asks, and takes nothing but this status and what `fits` of the body for an answer.
    fn expect(
        &mut self,
        what: &'static str,
        request: &Message,
        status: u16,
        fits: impl FnOnce(&Value) -> bool,
    ) -> Option<Message> {
        let answer = self.ask(what, request)?;
        if answer.status() == status && fits(&answer.json()) {
            return Some(answer);
        }
        let said = format!("{} {}", answer.status(), String::from_utf8_lossy(&answer.body));
        self.fault(what, &said);
        None
    }

    /// Signs somebody in; none, with a fault noted, if that is refused or names somebody else.
    pub fn sign_in(&mut self, person: &mut Person) -> Option<Tokens> {
        let body = json!({ "email": person.email, "password": person.password });
        let (email, id) = (person.email.clone(), person.id.clone());
        let known = move |shown: &Value| id.is_empty() || plain(shown) == id;
        match self.kind {
            Kind::Django => {
                let request = request("POST", "/api/sign-in/", "", Some(&body));
                let fits = |said: &Value| said["user"]["email"] == email && known(&said["user"]["id"]);
                let answer = self.expect("sign in", &request, 200, fits)?;
                person.id = plain(&answer.json()["user"]["id"]);
                Some(Tokens { access: answer.text("/access"), refresh: answer.text("/refresh") })
            }
            Kind::Nest => {
                let request = request("POST", "/auth/signin", "", Some(&body));
                let answer = self.expect("sign in", &request, 200, |said| said["token"].is_string())?;
                let tokens = Tokens { access: answer.text("/token"), refresh: String::new() };
                person.id = plain(&self.me(&tokens, person)?["userId"]);
                Some(tokens)
            }
        }
    }

    /// The profile that these tokens open, which must be this person's.
    pub fn me(&mut self, tokens: &Tokens, person: &Person) -> Option<Value> {
        let (method, path, id) = match self.kind {
            Kind::Django => ("POST", "/api/profile/", "id"),
            Kind::Nest => ("GET", "/users/profile", "userId"),
        };
        // As the original client does: the number of the user for a body.
        let number: Value = person.id.parse().map_or(Value::Null, |id: i64| json!(id));
        let body = (self.kind == Kind::Django).then_some(&number);
        let request = request(method, path, &tokens.access, body);
        let fits = |said: &Value| {
            said["email"] == person.email && (person.id.is_empty() || plain(&said[id]) == person.id)
        };
        self.expect("profile", &request, 200, fits).map(|answer| answer.json())
    }

    /// New tokens for old ones; the same where the contract knows no refresh.
    pub fn refresh(&mut self, tokens: &Tokens) -> Option<Tokens> {
        if self.kind == Kind::Nest {
            return Some(tokens.clone());
        }
        let body = json!({ "refresh": tokens.refresh });
        let request = request("POST", "/api/token/refresh/", "", Some(&body));
        let fits = |said: &Value| said["access"].is_string() && said["refresh"].is_string();
        let answer = self.expect("refresh", &request, 200, fits)?;
        Some(Tokens { access: answer.text("/access"), refresh: answer.text("/refresh") })
    }

    /// What the application itself says to an access token, whoever gave it.
    fn own_data(&mut self) {
        let (path, owner) = match self.kind {
            Kind::Django => ("/api/passwords/", "owner"),
            Kind::Nest => ("/orders", "customer"),
        };
        let request = request("GET", path, &self.tokens.access, None);
        let email = self.person.email.clone();
        self.expect("own data", &request, 200, |said| said[owner] == email);
    }

    fn wrong_password(&mut self) {
        let body = json!({ "email": self.person.email, "password": "not theirs at all" });
        let (path, status, said) = match self.kind {
            Kind::Django => ("/api/sign-in/", 400, json!({ "error": "Invalid password" })),
            Kind::Nest => (
                "/auth/signin",
                401,
                json!({ "statusCode": 401, "message": "Unauthorized", "error": "Unauthorized" }),
            ),
        };
        let request = request("POST", path, "", Some(&body));
        self.expect("wrong password", &request, status, |body| *body == said);
    }

    fn nobody(&mut self) {
        // Another one every time: tries with one address are limited, whether anybody has it or not.
        let email = format!("nobody{}@example.com", self.roll(1 << 30));
        let body = json!({ "email": email, "password": "not theirs at all" });
        let (path, status) = match self.kind {
            Kind::Django => ("/api/sign-in/", 404),
            Kind::Nest => ("/auth/signin", 401),
        };
        self.expect("unknown user", &request("POST", path, "", Some(&body)), status, Value::is_object);
    }

    fn rename(&mut self) {
        let name = format!("Zoë {}", self.roll(1_000_000));
        let path = format!("/api/profile/{}/update/", self.person.id);
        let request = request("PUT", &path, &self.tokens.access, Some(&json!({ "first_name": name })));
        if self.expect("change of profile", &request, 200, |said| said["first_name"] == name).is_some() {
            self.first_name = Some(name);
        }
    }

    /// Signs somebody up; none, with a fault noted, if that is refused.
    pub fn sign_up(&mut self) -> Option<Tokens> {
        let chance = self.roll(1 << 30);
        let word = format!("new{}x{chance}", self.number);
        let email = format!("{word}@example.com");
        let mut person =
            Person { email: email.clone(), password: "SecurePass123!".to_owned(), id: String::new() };
        let body =
            json!({ "username": word, "email": email, "password": person.password, "last_name": "Nuevo" });
        let request = request("POST", "/api/sign-up/", "", Some(&body));
        let fits = |said: &Value| said["user"]["email"] == email && said["user"]["id"].is_i64();
        let answer = self.expect("sign up", &request, 201, fits)?;
        person.id = plain(&answer.json()["user"]["id"]);
        let tokens = Tokens { access: answer.text("/access"), refresh: answer.text("/refresh") };
        self.me(&tokens, &person);
        self.signed_up.push(person);
        Some(tokens)
    }

    /// Somebody joins at a page of the application's own, and signs in where everybody does.
    fn join(&mut self) {
        let chance = self.roll(1 << 30);
        let email = format!("new{}x{chance}@nest.example", self.number);
        let mut person = Person { email, password: "SecurePass123!".to_owned(), id: String::new() };
        let body = json!({ "email": person.email, "password": person.password });
        let request = request("POST", "/accounts", "", Some(&body));
        if self.expect("join", &request, 201, |said| said["userId"].is_string()).is_some()
            && self.sign_in(&mut person).is_some()
        {
            self.signed_up.push(person);
        }
    }

    fn sign_up_and_delete(&mut self) {
        let Some(tokens) = self.sign_up() else { return };
        let Some(person) = self.signed_up.pop() else { return };
        let path = format!("/api/profile/{}/delete/", person.id);
        let request = request("DELETE", &path, &tokens.access, None);
        if self.expect("deletion", &request, 204, Value::is_null).is_some() {
            self.deleted.push(person);
        }
    }

    fn look(&mut self) {
        let (tokens, person) = (self.tokens.clone(), self.person.clone());
        let (Some(said), Some(name)) = (self.me(&tokens, &person), &self.first_name) else { return };
        if said["first_name"] != *name {
            let how = format!("{said} does not hold {name:?}");
            self.fault("profile", &how);
        }
    }

    fn renew(&mut self) {
        let tokens = self.tokens.clone();
        match self.refresh(&tokens) {
            Some(tokens) => self.tokens = tokens,
            // Signed out is a fault, which is noted; the work goes on.
            None => self.enter(),
        }
    }

    fn enter(&mut self) {
        let mut person = self.person.clone();
        if let Some(tokens) = self.sign_in(&mut person) {
            (self.tokens, self.person) = (tokens, person);
        }
    }

    /// Does everything once.
    pub fn tour(&mut self, change: bool) {
        self.enter();
        self.wrong_password();
        self.enter();
        self.nobody();
        self.look();
        self.renew();
        self.own_data();
        match self.kind {
            Kind::Django if change => {
                self.rename();
                drop(self.sign_up());
                self.sign_up_and_delete();
                self.look();
            }
            Kind::Nest if change => self.join(),
            Kind::Django | Kind::Nest => {}
        }
    }

    /// Works until it is told to stop.
    pub fn work(&mut self, orders: &Orders) {
        if self.tokens.access.is_empty() {
            self.enter();
        }
        while !orders.stop.load(Ordering::SeqCst) {
            let change = self.kind == Kind::Django && orders.change.load(Ordering::SeqCst);
            match self.roll(1000) {
                ..550 => self.look(),
                550..680 => self.renew(),
                680..860 => self.own_data(),
                860..900 => self.enter(),
                900..910 => self.wrong_password(),
                910..920 => self.nobody(),
                920..970 if change => self.rename(),
                970..985 if change => drop(self.sign_up()),
                985.. if change => self.sign_up_and_delete(),
                920.. => self.look(),
            }
            std::thread::sleep(PAUSE);
        }
    }
}
