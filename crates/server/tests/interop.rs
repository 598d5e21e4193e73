//! Do applications built on other frameworks accept our tokens, and do we accept their tokens and passwords?
//!
//! Each test runs a real Django or NestJS application and the real server, as two processes that share a secret.
//! `scripts/setup-tests.sh` installs what the applications run on; without it the tests fail.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic is the answer of a test, and its figures are for people"
)]

#[path = "interop/application.rs"]
mod application;
#[path = "interop/binary.rs"]
mod binary;
#[path = "interop/forgery.rs"]
mod forgery;
#[path = "interop/http.rs"]
mod http;

use application::{Application, Framework};
use binary::{Home, Server, chance};
use forgery::{claims, forgeries, signed_again};
use http::{Reply, Request};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PASSWORD: &str = "kept since 2019, Ünchanged";
/// Ana and Luis as an application that counts in UUIDs knows them. They differ in the last digit alone, so that
/// a token with that digit changed names a user that exists.
const ANA: &str = "6f1c2a3e-58d4-4b7a-9c0e-21d3f4a5b6c1";
const LUIS: &str = "6f1c2a3e-58d4-4b7a-9c0e-21d3f4a5b6c7";

/// An application and, beside it, the server that its users were moved to.
struct Moved {
    home: Home,
    framework: Framework,
    application: Application,
    server: Server,
}

impl Moved {
    /// Makes users in the application, starts it, takes `before` from it, and then moves its users.
    fn with<T>(framework: Framework, users: &Value, before: impl FnOnce(&Application) -> T) -> (Moved, T) {
        let home = Home::new("interop");
        home.write("secret", &chance().repeat(4));
        home.write("countersign.toml", CONFIGURATION);
        framework.create(&home, users);
        let application = framework.serve(&home);
        let taken = before(&application);
        match framework {
            // Its own database, while it runs.
            Framework::Django => home.run(&["user", "import", "db.sqlite3"]),
            Framework::Nest => {
                home.write("users.jsonl", &framework.export(&home));
                home.run(&["user", "import", "users.jsonl"])
            }
        };
        let server = Server::start(&home);
        println!("ready after {:?}", server.ready_after);
        (Moved { home, framework, application, server }, taken)
    }

    fn new(framework: Framework, users: &Value) -> Moved {
        Moved::with(framework, users, |_| ()).0
    }

    fn ask(&self, request: &Request) -> Reply {
        http::send(self.server.address, request).unwrap()
    }

    /// What our server answers to a sign-in, which must go well.
    fn sign_in(&self, path: &'static str, fields: &Value) -> Reply {
        let reply = self.ask(&Request::post(path, fields));
        assert_eq!(reply.status, 200, "{path} {reply:?}\n{}", self.home.log());
        reply
    }

    /// The application must refuse every forgery of a token it accepts.
    fn refuses_forgeries(&self, path: &'static str, token: &str, subject: &str) {
        let again = signed_again(self.framework, &self.home, token);
        let control = self.application.ask(&Request::get(path).bearer(&again));
        assert_eq!(control.status, 200, "the control must pass: {control:?}");
        for (wrong, forged) in forgeries(self.framework, &self.home, token, subject) {
            let reply = self.application.ask(&Request::get(path).bearer(&forged));
            assert_eq!(reply.status, 401, "{wrong}: {reply:?}");
            println!("refused by the application: {wrong}");
        }
    }

    /// The hash that is stored for an address.
    fn stored_hash(&self, email: &str) -> String {
        let lines = self.home.run(&["user", "export", "--with-hashes", "--plain"]);
        let mut rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let row = rows.find(|row| row["email"] == email);
        let row = row.unwrap_or_else(|| panic!("{email} is not in the export:\n{lines}"));
        row["password_hash"].as_str().unwrap_or_else(|| panic!("no hash in {row}")).to_owned()
    }

    /// Waits until the hash is ours: a sign-in is answered first, and the better hash is made after it.
    fn wait_for_argon2id(&self, email: &str) {
        let started = Instant::now();
        loop {
            let hash = self.stored_hash(email);
            if hash.starts_with("$argon2id$v=19$") {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{email} still has {hash}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

const CONFIGURATION: &str = r#"
[[mount]]
dialect = "password-generator"
secret_file = "secret"

[[mount]]
dialect = "nest-passport"
secret_file = "secret"

[[mount]]
dialect = "auths-v1"
"#;

fn django_users() -> Value {
    json!([
        { "id": 41, "username": "ana.pérez", "email": "ana@example.com", "password": PASSWORD },
        { "id": 42, "username": "luis", "email": "luis@example.com", "password": "another password" },
    ])
}

fn nest_users() -> Value {
    json!([
        { "uuid": ANA, "email": "ana@example.com", "password": PASSWORD, "library": "bcrypt" },
        { "uuid": LUIS, "email": "luis@example.com", "password": "another password", "library": "bcryptjs" },
    ])
}

fn ana() -> Value {
    json!({ "email": "ana@example.com", "password": PASSWORD })
}

#[test]
fn a_simplejwt_application_accepts_our_access_tokens_and_no_forged_ones() {
    let moved = Moved::new(Framework::Django, &django_users());
    let ours = moved.sign_in("/api/sign-in/", &ana());
    let access = ours.text("access");

    let reply = moved.application.ask(&Request::get("/whoami/").bearer(&access));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json(), json!({ "id": 41, "username": "ana.pérez", "email": "ana@example.com" }));

    moved.refuses_forgeries("/whoami/", &access, "user_id");
    let refresh = moved.application.ask(&Request::get("/whoami/").bearer(&ours.text("refresh")));
    assert_eq!(refresh.status, 401, "a refresh token is no access token: {refresh:?}");
}

#[test]
fn a_passport_jwt_guard_accepts_our_access_tokens_and_no_forged_ones() {
    let moved = Moved::new(Framework::Nest, &nest_users());
    let token = moved.sign_in("/auth/signin", &ana()).text("token");

    let reply = moved.application.ask(&Request::get("/whoami").bearer(&token));
    assert_eq!(reply.status, 200, "{reply:?} to {}", claims(&token));
    assert_eq!(reply.json(), json!({ "uuid": ANA, "email": "ana@example.com" }));

    moved.refuses_forgeries("/whoami", &token, "sub");
}

#[test]
fn an_access_token_that_simplejwt_made_before_the_move_stays_good_and_its_forgeries_do_not() {
    let fields = json!({ "username": "ana.pérez", "password": PASSWORD });
    let (moved, pair) = Moved::with(Framework::Django, &django_users(), |application| {
        application.ask(&Request::post("/api/token/", &fields))
    });
    let access = pair.text("access");

    let profile = moved.ask(&Request::post("/api/profile/", &json!(41)).bearer(&access));
    assert_eq!(profile.status, 200, "{profile:?} to {}", claims(&access));
    assert_eq!(profile.json()["email"], "ana@example.com");

    for (wrong, forged) in forgeries(Framework::Django, &moved.home, &access, "user_id") {
        let reply = moved.ask(&Request::post("/api/profile/", &json!(41)).bearer(&forged));
        assert_eq!(reply.status, 401, "{wrong}: {reply:?}");
        println!("refused by us: {wrong}");
    }
    let refresh = moved.ask(&Request::post("/api/profile/", &json!(41)).bearer(&pair.text("refresh")));
    assert_eq!(refresh.status, 401, "a refresh token is no access token: {refresh:?}");
}

#[test]
fn an_access_token_that_nest_made_before_the_move_stays_good_and_its_forgeries_do_not() {
    let (moved, signed_in) = Moved::with(Framework::Nest, &nest_users(), |application| {
        application.ask(&Request::post("/auth/signin", &ana()))
    });
    let token = signed_in.text("token");

    let profile = moved.ask(&Request::get("/users/profile").bearer(&token));
    assert_eq!(profile.status, 200, "{profile:?} to {}", claims(&token));
    assert_eq!(profile.json()["email"], "ana@example.com");

    for (wrong, forged) in forgeries(Framework::Nest, &moved.home, &token, "sub") {
        let reply = moved.ask(&Request::get("/users/profile").bearer(&forged));
        assert_eq!(reply.status, 401, "{wrong}: {reply:?}");
        println!("refused by us: {wrong}");
    }
}

#[test]
fn a_password_that_django_hashed_signs_in_and_is_argon2id_from_then_on() {
    let moved = Moved::new(Framework::Django, &django_users());
    let exported = moved.framework.export(&moved.home);
    assert_eq!(exported.matches("pbkdf2_sha256$870000$").count(), 2, "Django 5.1 writes this:\n{exported}");

    let wrong = moved.ask(&Request::post(
        "/api/sign-in/",
        &json!({ "email": "ana@example.com", "password": "not hers at all" }),
    ));
    assert_eq!((wrong.status, wrong.json()), (400, json!({ "error": "Invalid password" })));
    let reply = moved.sign_in("/api/sign-in/", &ana());
    assert_eq!(reply.json()["user"]["id"], 41, "{reply:?}");

    moved.wait_for_argon2id("ana@example.com");
    let untouched = moved.stored_hash("luis@example.com");
    assert!(untouched.starts_with("pbkdf2_sha256$870000$"), "he did not sign in: {untouched}");
    moved.sign_in("/api/sign-in/", &ana());
}

#[test]
fn a_password_that_a_bcrypt_package_hashed_signs_in_and_is_argon2id_from_then_on() {
    for (path, email, password, prefix) in [
        ("/auth/signin", "ana@example.com", PASSWORD, "$2b$10$"),
        ("/api/v1/auths/sign-in", "luis@example.com", "another password", "$2a$10$"),
    ] {
        let moved = Moved::new(Framework::Nest, &nest_users());
        assert!(moved.framework.export(&moved.home).contains(prefix));
        let wrong =
            moved.ask(&Request::post(path, &json!({ "email": email, "password": "not theirs at all" })));
        assert_eq!(wrong.status, 401, "{wrong:?}");
        moved.sign_in(path, &json!({ "email": email, "password": password }));
        moved.wait_for_argon2id(email);
        moved.sign_in(path, &json!({ "email": email, "password": password }));
    }
}
