//! In what world is a recorded request made: which users exist, which tokens are out, what happened just before?

use super::row::Row;
use super::sent;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use countersign_server::replay::{STAGE_SECRET, Stage};
use dialect::Dialect;
use dialect::transcript::{Act, Ready, Step, Transcript, pointed};
use domain::secret::SecretBytes;
use domain::token::{HeaderPlan, Key, KeySet};
use http::Response;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The moment at which the stage stands: 2024-03-10T14:20:00Z.
pub const NOW: i64 = 1_710_080_400;
/// Signs what our server must not believe.
const FOREIGN_SECRET: &str = "another secret that nobody here believes in at all";
/// An id of a token that no session of ours has.
const FOREIGN_ID: &str = "00112233445566778899aabbccddeeff";
/// `HMAC-SHA512(STAGE_SECRET)` over the claims of [`foreign_claims`]; made with Python's `hmac`.
const HS512: [(&str, &str); 2] = [
    (
        "password-generator",
        "eNhoVV6LAAaOziQ82PLQC4k0m2a2v0I7TvSYuZIszmnOS-WpD3QaDhuDPq9OwBxm8Kr8xSeacZ4xEWts9WQNKg",
    ),
    (
        "nest-passport",
        "JhEw2G1yVWXAno1qGkYAXneOoxx_ei5FVNlVleOIOAH7Hr3VaEne8Qbd-kIjeR1oRV8E0prof84OxPuSPUB5SQ",
    ),
];
/// What happens to the caller between getting the token and using it.
const BEFORE: [(&str, &str, Before); 7] = [
    ("password-generator", "refresh blacklisted", Before::Rotated),
    ("password-generator", "refresh reuse of rotated token", Before::Rotated),
    ("password-generator", "profile, user vanished", Before::Deleted),
    ("uk-travel", "refresh deleted user", Before::Deleted),
    ("uk-travel", "reset deleted user", Before::Deleted),
    ("uk-travel", "reset inactive user", Before::SwitchedOff),
    ("auths-v1", "refresh reuse", Before::Rotated),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    /// The refresh token was exchanged, and the grace for doing so again is over.
    Rotated,
    Deleted,
    SwitchedOff,
}

/// A sign-in that succeeded.
#[derive(Clone, Debug)]
struct Pair {
    access: String,
    refresh: String,
}

/// A stage for one row.
pub struct World<'r> {
    stage: Stage,
    row: &'r Row,
    pair: Option<Pair>,
    /// Everything that was sent, with its answer.
    heard: Mutex<Vec<(Ready, Response<Bytes>)>>,
}

impl<'r> World<'r> {
    /// Makes the world of a row. Refused: with a sentence.
    pub async fn of(row: &'r Row, dialect: Arc<Dialect>) -> Result<World<'r>, String> {
        let stage = Stage::open(dialect, &Transcript::default()).await?;
        stage.play(&Transcript { users: users(row), ..Transcript::default() }).await?;
        Ok(World { stage, row, pair: None, heard: Mutex::default() })
    }

    /// Makes the recorded request. Refused: what can not be prepared, with a sentence.
    pub async fn answer(&mut self) -> Result<Response<Bytes>, String> {
        let mut ready = sent::ready(self.row)?;
        let path = self.filled(&ready.target).await?;
        ready.target = path;
        for at in 0..ready.headers.len() {
            let value = self.filled(&ready.headers[at].1).await?;
            ready.headers[at].1 = value;
        }
        if let Ok(text) = std::str::from_utf8(&ready.body) {
            ready.body = self.filled(text).await?.into_bytes();
        }
        let happened =
            BEFORE.iter().find(|(system, name, _)| *system == self.row.system && *name == self.row.name);
        if let Some((_, _, before)) = happened {
            self.happen(*before).await?;
        }
        self.send(ready).await
    }

    async fn send(&self, ready: Ready) -> Result<Response<Bytes>, String> {
        let response = self.stage.send(ready.clone()).await?;
        self.heard.lock().unwrap().push((ready, response.clone()));
        Ok(response)
    }

    /// Everything that was sent so far, with its answer.
    #[allow(dead_code, reason = "one of the programs that share this file asks for it")]
    pub fn heard(self) -> Vec<(Ready, Response<Bytes>)> {
        self.heard.into_inner().unwrap()
    }

    async fn happen(&mut self, before: Before) -> Result<(), String> {
        let id = caller(self.row).0;
        match before {
            Before::Deleted => self.act(Act::Delete(id)).await,
            Before::SwitchedOff => self.act(Act::Edit(id, json!({"status": "inactive"}))).await,
            Before::Rotated => {
                let refresh = self.pair().await?.refresh;
                let (path, field) = match self.row.system.as_str() {
                    "password-generator" => ("/api/token/refresh/", "refresh"),
                    "auths-v1" => ("/api/v1/auths/refresh", "refreshToken"),
                    other => return Err(format!("{other} does not rotate")),
                };
                self.posted(path, json!({field: refresh})).await?;
                self.act(Act::Advance(11)).await
            }
        }
    }

    async fn act(&self, act: Act) -> Result<(), String> {
        let steps = vec![Step::Act(1, act)];
        self.stage.play(&Transcript { steps, ..Transcript::default() }).await.map(|_| ())
    }

    /// Sends JSON and wants a success.
    async fn posted(&self, path: &str, body: Value) -> Result<Bytes, String> {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let ready = Ready {
            method: "POST".to_owned(),
            target: path.to_owned(),
            headers,
            body: body.to_string().into_bytes(),
        };
        let response = self.send(ready).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        Err(format!("{path} answered {}: {}", response.status(), String::from_utf8_lossy(response.body())))
    }

    /// The text with every `{{name}}` filled in.
    async fn filled(&mut self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, left) = after.split_once("}}").ok_or("a {{name}} has no end")?;
            out.push_str(before);
            out.push_str(&self.named(name).await?);
            rest = left;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// What a recording calls by this name.
    async fn named(&mut self, name: &str) -> Result<String, String> {
        match name {
            "uid" => return Ok(caller(self.row).0.to_string()),
            "vid" => return Ok("2".to_owned()),
            "acc2" => return self.of_an_inactive_user().await,
            "hs512" => return hs512(&self.row.system),
            "hs256" => return signed(STAGE_SECRET, &foreign_claims(&self.row.system).ok_or("no claims")?),
            _ => {}
        }
        let pair = self.pair().await?;
        match name {
            "access" | "acc" | "tacc" | "tok" => Ok(pair.access),
            "refresh" | "ref" | "tref" | "refreshToken" | "rotated_refresh" => Ok(pair.refresh),
            _ => altered(name, &pair),
        }
    }

    /// Tokens of the caller; signed in at the first need.
    async fn pair(&mut self) -> Result<Pair, String> {
        if let Some(pair) = &self.pair {
            return Ok(pair.clone());
        }
        let pair = self.signed_in(caller(self.row).1).await?;
        self.pair = Some(pair.clone());
        Ok(pair)
    }

    async fn signed_in(&self, credentials: Value) -> Result<Pair, String> {
        let (path, access, refresh) = match self.row.system.as_str() {
            "password-generator" => ("/api/token/", "/access", "/refresh"),
            "uk-travel" => ("/api/user/token/", "/access", "/refresh"),
            "auths-v1" => ("/api/v1/auths/sign-in", "/accessToken", "/refreshToken"),
            "nest-passport" => ("/auth/signin", "/token", "/token"),
            other => return Err(format!("nobody knows how to sign in to {other}")),
        };
        let body = self.posted(path, credentials).await?;
        let member =
            |pointer: &str| pointed(&body, pointer).ok_or_else(|| format!("{path} gives no {pointer}"));
        Ok(Pair { access: member(access)?, refresh: member(refresh)? })
    }

    /// Somebody signs in and is switched off afterwards.
    async fn of_an_inactive_user(&mut self) -> Result<String, String> {
        let user = json!({"id": 9, "username": "late", "email": "late@example.com", "password": "TokPass1!"});
        self.stage.play(&Transcript { users: vec![user], ..Transcript::default() }).await?;
        let pair = self.signed_in(json!({"username": "late", "password": "TokPass1!"})).await?;
        self.act(Act::Edit(9, json!({"status": "inactive"}))).await?;
        Ok(pair.access)
    }
}

/// Id and credentials of who asks.
fn caller(row: &Row) -> (i64, Value) {
    match (row.system.as_str(), row.source.as_str()) {
        ("uk-travel", _) => (1, json!({"username": "jane_doe", "password": "secureP@ssw0rd"})),
        ("auths-v1", "observed") => (1, json!({"email": "john@example.com", "password": "password123"})),
        ("auths-v1", _) => (123, json!({"email": "user@example.com", "password": "password123"})),
        ("nest-passport", _) => (1, json!({"email": "user@example.com", "password": "userpassword"})),
        _ => (1, json!({"username": "johndoe", "password": "SecurePass123!"})),
    }
}

/// The users that a row speaks of, as import records.
fn users(row: &Row) -> Vec<Value> {
    let nobody_yet = matches!(
        (row.system.as_str(), row.name.as_str()),
        ("password-generator" | "auths-v1", "sign-up ok")
            | ("auths-v1", "sign-up minimal" | "sign-up wrong types")
            | ("uk-travel", "register ok")
    );
    if nobody_yet {
        return Vec::new();
    }
    match row.system.as_str() {
        "password-generator" => users_of_password_generator(row),
        "uk-travel" => {
            let mut users = vec![json!({"id": 1, "username": "jane_doe", "password": "secureP@ssw0rd"})];
            if row.name == "token username other case" {
                users.push(json!({"id": 2, "username": "Jane_Doe", "password": "secureP@ssw0rd"}));
            }
            users
        }
        "auths-v1" => users_of_auths(row),
        _ => vec![
            json!({"id": 1, "uuid": "11111111-1111-4111-8111-111111111111", "email": "user@example.com",
                "password": "userpassword"}),
            json!({"id": 2, "uuid": "22222222-2222-4222-8222-222222222222", "email": "jane@example.com",
                "password": "strongPass123"}),
        ],
    }
}

fn users_of_password_generator(row: &Row) -> Vec<Value> {
    let sp =
        json!({"id": 1, "username": "sp", "email": "sp@example.com", "created_at": "2024-01-15T10:30:00Z"});
    let with = |key: &str, value: &str| {
        let mut user = sp.clone();
        user[key] = value.into();
        vec![user]
    };
    match row.name.as_str() {
        // Made with Python's `hashlib.pbkdf2_hmac("sha256", b"pw", b"oldsalt", 1000)`.
        "sign-in with an old low-iteration hash" => {
            with("password_hash", "pbkdf2_sha256$1000$oldsalt$Ja/TDTjHtUJK8yT64qIshDQYS0rqlzYlS9upUT7izQE=")
        }
        "sign-in with trimmed password" | "sign-up username case variant" => with("password", "pw"),
        _ => vec![
            json!({"id": 1, "username": "johndoe", "email": "john@example.com", "password": "SecurePass123!",
                "first_name": "John", "last_name": "Doe", "phone_number": "5551234567",
                "avatar": "/media/avatars/profile.jpg", "created_at": "2024-01-15T10:30:00Z"}),
            json!({"id": 2, "username": "tok", "email": "tok@example.com", "password": "TokPass1!"}),
        ],
    }
}

fn users_of_auths(row: &Row) -> Vec<Value> {
    let mut user = json!({"id": 123, "username": "johndoe", "email": "user@example.com", "password": "password123",
        "first_name": "John", "last_name": "Doe", "role": "autor", "avatar": "https://example.com/a.png",
        "permissions": ["comentar", "crear_post", "editar_post_propio", "reaccionar"],
        "attributes": {"stats": {"postsCreated": 0, "postsPublished": 0, "totalViews": 0}},
        "created_at": "2023-06-01T00:00:00Z"});
    if row.source == "observed" {
        user["id"] = 1.into();
        user["email"] = "john@example.com".into();
        return vec![user];
    }
    vec![
        user,
        json!({"id": 124, "username": "off", "email": "off@example.com", "password": "password123",
            "status": "inactive"}),
    ]
}

/// A token of the pair with something about its claims changed, signed again.
fn altered(name: &str, pair: &Pair) -> Result<String, String> {
    let text = if matches!(name, "rexp" | "rbad" | "rint" | "rnojti") { &pair.refresh } else { &pair.access };
    let mut claims = claims(text)?;
    let mut secret = STAGE_SECRET;
    match name {
        "expired" | "rexp" => {
            claims.insert("iat".to_owned(), (NOW - 90_000).into());
            claims.insert("exp".to_owned(), (NOW - 3_600).into());
        }
        "futiat" => drop(claims.insert("iat".to_owned(), (NOW + 3_600).into())),
        "noid" => drop(claims.remove("user_id")),
        "nosub" => drop(claims.remove("sub")),
        "noexp" => drop(claims.remove("exp")),
        "notype" => drop(claims.remove("token_type")),
        "rnojti" => drop(claims.remove("jti")),
        "rint" => drop(claims.insert("user_id".to_owned(), 1.into())),
        "badid" => drop(claims.insert("user_id".to_owned(), "abc".into())),
        "nouser" => {
            claims.insert("user_id".to_owned(), 4_242.into());
            claims.insert("jti".to_owned(), FOREIGN_ID.into());
        }
        "rbad" => secret = FOREIGN_SECRET,
        _ => return Err(format!("nobody knows what {{{{{name}}}}} is")),
    }
    signed(secret, &Value::Object(claims))
}

fn claims(token: &str) -> Result<Map<String, Value>, String> {
    let payload = token.split('.').nth(1).ok_or("this is no JWT")?;
    let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// Claims signed with HS256.
fn signed(secret: &str, claims: &Value) -> Result<String, String> {
    let key = Key::hs256(&SecretBytes::new(secret.as_bytes()), false);
    let keys = key.and_then(|key| KeySet::new(key, Vec::new(), HeaderPlan::default()));
    Ok(keys.map_err(|fault| fault.to_string())?.sign(claims.to_string().as_bytes()))
}

/// Claims that the application itself could have signed for user 1 before the move.
fn foreign_claims(system: &str) -> Option<Value> {
    let (issued, expires) = (NOW, NOW + 86_400);
    match system {
        "password-generator" => Some(
            json!({"token_type": "access", "exp": expires, "iat": issued, "jti": FOREIGN_ID, "user_id": 1}),
        ),
        "nest-passport" => {
            Some(json!({"email": "user@example.com", "sub": "11111111-1111-4111-8111-111111111111",
            "iat": issued, "exp": expires, "jti": FOREIGN_ID}))
        }
        _ => None,
    }
}

/// A token of the application for user 1, signed with the right secret and the wrong algorithm.
fn hs512(system: &str) -> Result<String, String> {
    // Where no route takes an access token, any will do.
    let known: BTreeMap<&str, &str> = HS512.into_iter().collect();
    let signature = known.get(system).or(known.get("password-generator")).ok_or("no signature")?;
    let claims = foreign_claims(system).or(foreign_claims("password-generator")).ok_or("no claims")?;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS512","typ":"JWT"}"#);
    Ok(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string())))
}
