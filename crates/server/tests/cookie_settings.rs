//! Which settings of cookies are refused at start, and what becomes of a token that no cookie holds? (SEC-72)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod world;

use countersign_server::App;
use countersign_server::config::{Config, Sources};
use domain::secret::Secret;
use engine::{Chance, Clock, NewUserRequest};
use serde_json::{Map, Value, json};
use world::{Home, World};

const OWN: &str = "Origin: https://app.example.com\r\nSec-Fetch-Site: same-origin\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

async fn opened(file: &str) -> Result<(), Vec<String>> {
    let home = Home::new();
    home.write("c.toml", file);
    let (config, data) = (Some(home.path("c.toml")), Some(home.path("data")));
    let config = Config::load(&Sources { config, data, ..Sources::default() })
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    App::open(config, Clock::System, Chance::System).await.map(drop).map_err(|faults| faults.0)
}

// SEC-72
#[tokio::test]
async fn cookies_that_could_not_be_safe_are_refused_at_start() {
    let mount = |name: &str, more: &str| format!("[[mount]]\ndialect = \"{name}\"\n{more}\n");
    let https = "public_url = \"https://app.example.com\"\n";
    let (native, nest) =
        (mount("native", "cookies = \"instead\""), mount("nest-passport", "cookies = \"beside\""));
    for (file, part) in [
        (
            format!("public_url = \"http://app.example.com\"\n{native}"),
            "cookies need `public_url` to be https",
        ),
        (format!("listen = \"0.0.0.0:8000\"\n{native}"), "cookies need `public_url` to be https"),
        (format!("{https}{native}{nest}"), "`native` and `nest-passport` would share their cookies"),
        (
            format!("{https}{}{}", native.replace("native\"", "native\"\nhost = \"a.example.com\""), nest),
            "would share their cookies",
        ),
        (
            format!("{https}{}", mount("native", "allow_credentials = true")),
            "`allow_credentials` is for cookies, and no token of this mount travels in one",
        ),
        (format!("{https}{}", mount("native", "cookies = \"on\"")), "is none of off, instead, beside"),
        (format!("{https}{}", mount("native", "cookie_domain = \"x\"")), "a mount has no \"cookie_domain\""),
    ] {
        let faults = opened(&file).await.unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(part)), "{faults:?} for\n{file}");
    }
    for file in [
        format!("{https}{native}{}", nest.replace("beside\"", "beside\"\ncookie_name = \"nest\"")),
        format!(
            "{https}{}{}",
            native.replace("native\"", "native\"\nhost = \"a.example.com\""),
            nest.replace("passport\"", "passport\"\nhost = \"b.example.com\"")
        ),
        format!("public_url = \"http://localhost:8000\"\n{native}"),
        native,
    ] {
        assert_eq!(opened(&file).await, Ok(()), "{file}");
    }
}

/// A dialect of the operator's own whose tokens can grow, and one that sets a token cookie by itself.
const GROWING: &str = r#"
language = 1
name = "growing"
version = "1"
weaker = []
[tokens.access]
algorithm = "EdDSA"
lifetime = "10m"
claims = '{"sub": "{user.uuid}", "jti": "{token.uuid}", "exp": "{expires}", "note": "{user.attribute.note}"}'
[refuse.default]
body = '{"no": "{code}"}'
[[route]]
verb = "sign_in"
on = "POST /in"
take = { login = { from = "body.login" }, password = { from = "body.password" } }
give = { body = '{"token": "{access|omit}"}' }
"#;

// SEC-72
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_no_browser_would_keep_is_a_fault_and_not_a_silence() {
    let own = Home::new();
    std::fs::create_dir_all(own.path("growing")).unwrap();
    own.write("growing/dialect.toml", GROWING);
    let folder = own.path("");
    let file = format!(
        "public_url = \"https://app.example.com\"\ndialects = {folder:?}\n[[mount]]\ndialect = \"growing\"\ncookies = \"instead\"\n"
    );
    let world = World::new(&file, &[]).await;
    for (name, size) in [("small", 100), ("large", 4000)] {
        let attributes: Map<String, Value> =
            [("note".to_owned(), json!("n".repeat(size)))].into_iter().collect();
        let request = NewUserRequest {
            username: Some(name.to_owned()),
            password: Some(Secret::new("a long password")),
            attributes,
            ..NewUserRequest::default()
        };
        world.app.engine().add_user(request).await.unwrap();
    }
    let ask = async |login: &str| {
        let body = json!({ "login": login, "password": "a long password" }).to_string();
        world.ask("POST", "/in", &format!("{JSON}{OWN}"), &body).await
    };
    let small = ask("small").await;
    assert_eq!((small.status, small.body.as_str()), (200, "{}"), "left out where the template says omit");
    assert!(small.header("set-cookie").is_some());
    let large = ask("large").await;
    assert_eq!((large.status, large.header("set-cookie")), (500, None), "{large:?}");
}

#[tokio::test]
async fn a_dialect_that_can_not_have_cookie_mode_says_why() {
    let own = Home::new();
    let nameless = GROWING
        .replace("\"jti\": \"{token.uuid}\", ", "")
        .replace("weaker = []", "weaker = [\"no_session_in_access\"]");
    let by_itself = GROWING.replace(
        "give = { body = '{\"token\": \"{access|omit}\"}' }",
        "give = { empty = true, cookies = [{ name = \"t\", value = \"{access}\" }] }",
    );
    for (name, text, part) in [
        ("nameless", nameless, "its access tokens do not name their session"),
        ("by-itself", by_itself, "it has cookies for tokens of its own"),
    ] {
        std::fs::create_dir_all(own.path(name)).unwrap();
        own.write(&format!("{name}/dialect.toml"), &text.replace("\"growing\"", &format!("{name:?}")));
        let folder = own.path("");
        let file = |cookies: &str| {
            format!(
                "public_url = \"https://app.example.com\"\ndialects = {folder:?}\n[[mount]]\ndialect = {name:?}\ncookies = {cookies:?}\n"
            )
        };
        assert_eq!(opened(&file("off")).await, Ok(()));
        let faults = opened(&file("instead")).await.unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(part)), "{faults:?}");
    }
}
