//! Do an application and Countersign with its users say the same to the same requests?

use crate::application::{Kind, Size};
use crate::binary::{Home, Server, chance};
use crate::server::configuration;
use crate::wire::{Line, Message, request};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// One request of a conversation. `{access}` and `{refresh}` stand for what the last sign-in gave.
struct Asked(&'static str, &'static str, &'static str, Value);

/// Members of answers that differ, and why. A test of ours knows no others.
const DIFFERENT: [(&str, &str); 1] =
    [("last_login", "the application never writes it, and Countersign does")];
/// Texts that differ: that of simplejwt 5.3, and of 5.5, which the contract of `uk-travel` is of.
const VERSIONS: (&str, &str) = ("Token is invalid or expired", "Token is invalid");

/// Asks both the same and holds each answer against the other: status, type, and body with tokens and moments by kind.
/// The users that the application has at first are imported.
pub fn check(kind: Kind, dialect: &str, users: u64) {
    let size = Size { users, passwords: 20, rounds: 20_000 };
    let mut home = Home::new("alike");
    home.limits = true;
    home.write("secret", &chance().repeat(4));
    home.write("countersign.toml", &configuration(dialect));
    kind.fill(&home, size);
    if users > 0 {
        import(kind, &home);
    }
    let application = kind.serve(&home, size);
    let server = Server::start(&home);
    let asked = match dialect {
        "password-generator" => password_generator(),
        "uk-travel" => uk_travel(),
        "auths-v1" => auths(),
        _ => nest_passport(),
    };
    let (theirs, ours) = (talk(application.address, &asked), talk(server.address, &asked));
    let pairs = asked.iter().zip(theirs.iter().zip(&ours));
    let differ: Vec<String> = pairs
        .filter(|(_, (theirs, ours))| theirs != ours)
        .map(|(asked, (theirs, ours))| {
            format!("{} {} {}\ntheirs {theirs}\nours   {ours}", asked.0, asked.1, asked.3)
        })
        .collect();
    assert!(differ.is_empty(), "{} of {}\n{}", differ.len(), asked.len(), differ.join("\n"));
    println!("{} answers are the same", asked.len());
}

fn talk(address: SocketAddr, asked: &[Asked]) -> Vec<String> {
    let mut kept = (String::new(), String::new());
    let mut said = Vec::new();
    for Asked(method, path, bearer, body) in asked {
        let bearer = bearer.replace("{access}", &kept.0);
        let body: Value = serde_json::from_str(&body.to_string().replace("{refresh}", &kept.1)).unwrap();
        let request = request(method, path, &bearer, (!body.is_null()).then_some(&body));
        let answer = Line::to(address).unwrap().ask(&request).unwrap();
        if answer.status() < 300 {
            let given = |pointer| Some(answer.text(pointer)).filter(|text| !text.is_empty());
            let access = ["/access", "/token", "/accessToken"].into_iter().find_map(given);
            kept.0 = access.unwrap_or(kept.0);
            kept.1 = ["/refresh", "/refreshToken"].into_iter().find_map(given).unwrap_or(kept.1);
        }
        said.push(told(&answer, &kept.1));
    }
    said
}

/// Status, type and body. Tokens and moments differ from server to server, and are told by their kind.
fn told(answer: &Message, refresh: &str) -> String {
    let body = dialect::transcript::masked(&sorted(&answer.json()).to_string());
    let opaque = if refresh.is_empty() { body } else { body.replace(refresh, "<opaque>") };
    let body = opaque.replace(VERSIONS.0, VERSIONS.1);
    format!("{} {:?} {body}", answer.status(), answer.field("content-type"))
}

/// Members of objects in the order of their names, which says nothing, without the values that are known to differ.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut names: Vec<&String> = map.keys().collect();
            names.sort();
            let known = |name: &str| DIFFERENT.iter().any(|(member, _)| *member == name);
            let value = |name: &String| if known(name) { json!("different") } else { sorted(&map[name]) };
            names.into_iter().map(|name| (name.clone(), value(name))).collect()
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn password_generator() -> Vec<Asked> {
    let sign_in = |email: Value, password: Value| {
        Asked("POST", "/api/sign-in/", "", json!({ "email": email, "password": password }))
    };
    let sign_up = |body: Value| Asked("POST", "/api/sign-up/", "", body);
    let update = |id: &'static str, body: Value| Asked("PUT", id, "{access}", body);
    let token = |body: Value| Asked("POST", "/api/token/", "", body);
    let refresh = |body: Value| Asked("POST", "/api/token/refresh/", "", body);
    let new = json!({
        "username": "johndoe", "email": "john@example.com", "password": "SecurePass123!", "first_name": "John",
        "last_name": "Doe", "number_phone": "5551234567"
    });
    vec![
        sign_in(json!("user000015@example.com"), json!("kept since 2019, 15")),
        Asked("POST", "/api/profile/", "{access}", json!(15)),
        Asked("GET", "/api/profile/", "{access}", Value::Null),
        Asked("POST", "/api/profile/", "", json!(15)),
        Asked("POST", "/api/profile/", "garbage", json!(15)),
        Asked("POST", "/api/profile/", "two words", json!(15)),
        refresh(json!({ "refresh": "{refresh}" })),
        refresh(json!({ "refresh": "garbage" })),
        refresh(json!({})),
        Asked("POST", "/api/profile/", "{access}", json!(15)),
        sign_in(json!("user000015@example.com"), json!("no")),
        sign_in(json!("nobody@example.com"), json!("no")),
        sign_in(json!("user000050@example.com"), json!("kept since 2019, 10")),
        sign_in(json!("user000051@example.com"), json!("kept since 2019, 11")),
        sign_in(Value::Null, json!("no")),
        sign_in(json!("user000015@example.com"), Value::Null),
        Asked("POST", "/api/sign-in/", "", json!({})),
        Asked("GET", "/api/sign-in/", "", Value::Null),
        sign_up(json!({})),
        sign_up(json!({ "username": "johndoe" })),
        sign_up(
            json!({ "username": "a b", "email": "x", "password": "SecurePass123!", "number_phone": "123456789012" }),
        ),
        sign_up(
            json!({ "username": "user000015", "email": "user000015@example.com", "password": "SecurePass123!" }),
        ),
        sign_up(json!({ "username": "weak", "email": "weak@example.com", "password": "12345678" })),
        sign_up(new),
        Asked("POST", "/api/profile/", "{access}", json!(121)),
        update("/api/profile/121/update/", json!({ "first_name": "Zoë", "number_phone": null })),
        update("/api/profile/121/update/", json!({ "username": "user000015" })),
        update("/api/profile/15/update/", json!({ "first_name": "Zoë" })),
        Asked("DELETE", "/api/profile/15/delete/", "{access}", Value::Null),
        Asked("DELETE", "/api/profile/121/delete/", "{access}", Value::Null),
        Asked("POST", "/api/profile/", "{access}", json!(121)),
        token(json!({ "username": "user000016", "password": "kept since 2019, 16" })),
        token(json!({ "username": "user000016", "password": "no" })),
        token(json!({ "username": "" })),
    ]
}

fn nest_passport() -> Vec<Asked> {
    let sign_in = |body: Value| Asked("POST", "/auth/signin", "", body);
    let profile = |bearer: &'static str| Asked("GET", "/users/profile", bearer, Value::Null);
    vec![
        sign_in(json!({ "email": "user000015@nest.example", "password": "kept since 2019, 15" })),
        profile("{access}"),
        profile(""),
        profile("garbage"),
        sign_in(json!({ "email": "user000015@nest.example", "password": "no" })),
        sign_in(json!({ "email": "nobody@nest.example", "password": "no" })),
        sign_in(json!({ "email": "user000050@nest.example", "password": "kept since 2019, 10" })),
        sign_in(json!({ "email": "User000015@Nest.example", "password": "kept since 2019, 15" })),
        sign_in(json!({ "email": "user000015@nest.example" })),
        sign_in(json!({ "email": "user000015@nest.example", "password": 1 })),
        sign_in(json!({ "email": ["x"], "password": "no" })),
        sign_in(json!({})),
        sign_in(json!([])),
        Asked("GET", "/auth/signin", "", Value::Null),
        Asked("POST", "/users/profile", "", json!({})),
        Asked("GET", "/users/nothing", "", Value::Null),
    ]
}

fn uk_travel() -> Vec<Asked> {
    let post = |path: &'static str, body: Value| Asked("POST", path, "", body);
    let jane = json!({ "username": "jane_doe", "password": "secureP@ssw0rd" });
    vec![
        post("/api/user/register/", jane.clone()),
        post("/api/user/register/", jane.clone()),
        post("/api/user/register/", json!({ "username": "jack", "password": "secureP@ssw0rd" })),
        post("/api/user/register/", json!({})),
        post("/api/user/token/", jane),
        post("/api/user/token/refresh", json!({ "refresh": "{refresh}" })),
        post("/api/user/token/refresh", json!({ "refresh": "garbage" })),
        post("/api/user/token/refresh", json!({})),
        post("/api/user/token/", json!({ "username": "jane_doe", "password": "no" })),
        post("/api/user/token/", json!({ "username": "nobody", "password": "no" })),
        post("/api/user/token/", json!({ "username": "" })),
        Asked("GET", "/api/user/token/", "", Value::Null),
    ]
}

fn auths() -> Vec<Asked> {
    let post = |path: &'static str, body: Value| Asked("POST", path, "", body);
    let ada = json!({ "email": "ada@example.com", "password": "password123", "first_name": "Ada", "last_name": "Byron" });
    vec![
        post("/api/v1/auths/sign-up", ada.clone()),
        post("/api/v1/auths/sign-up", ada),
        post("/api/v1/auths/sign-up", json!({})),
        post("/api/v1/auths/sign-in", json!({ "email": "ada@example.com", "password": "password123" })),
        post("/api/v1/auths/sign-in", json!({ "username": "ada_byron", "password": "password123" })),
        post("/api/v1/auths/refresh", json!({ "refreshToken": "{refresh}" })),
        post("/api/v1/auths/refresh", json!({ "refreshToken": "garbage" })),
        post("/api/v1/auths/refresh", json!({})),
        post("/api/v1/auths/sign-in", json!({ "email": "ada@example.com", "password": "password124" })),
        post("/api/v1/auths/sign-in", json!({ "email": "nobody@example.com", "password": "password124" })),
        post("/api/v1/auths/sign-in", json!({ "email": "ada@example.com", "password": "short" })),
        post("/api/v1/auths/sign-in", json!({ "password": "password123" })),
        post("/api/v1/auths/validate-email", json!({ "email": "ada@example.com" })),
        post("/api/v1/auths/validate-email", json!({ "email": "nobody@example.com" })),
        post("/api/v1/auths/validate-email", json!({ "email": "nobody" })),
        Asked("POST", "/api/v1/auths/sign-out", "", json!({})),
        Asked("POST", "/api/v1/auths/sign-out", "garbage", json!({})),
        Asked("POST", "/api/v1/auths/sign-out", "{access}", json!({})),
    ]
}

/// Imports the application's users while it runs, and gives what was said of it.
pub fn import(kind: Kind, home: &Home) -> String {
    let database = kind.database(home);
    let database = database.to_str().unwrap();
    let words: &[&str] = match kind {
        Kind::Django => &["--from", "django", "--with-roles"],
        Kind::Nest => &["--from", "sql", "--table", "user", "--map", "uuid=id", "--map", "id="],
    };
    home.run(&[&["user", "import", database], words].concat())
}
