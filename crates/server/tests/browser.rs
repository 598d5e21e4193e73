//! Does cookie mode hold in a real browser? The binary stands behind a TLS front, as in production; pages of three
//! origins try their luck. (SEC-72 to SEC-76, SEC-78, SEC-79)

#![expect(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[path = "interop/binary.rs"]
#[allow(dead_code, reason = "every test program uses a part of this")]
mod binary;
#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/front.rs"]
mod front;
#[path = "interop/http.rs"]
#[allow(dead_code, reason = "every test program uses a part of this")]
mod http;

use binary::{Home, Server, finish};
use driver::{Browser, Kept};
use front::Front;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// The application, under the origin of `public_url`.
const OWN: &str = "https://app.example.test";
/// The same site, another origin, on the list.
const SHOP: &str = "https://shop.example.test";
/// The same site, another origin, not on the list.
const BLOG: &str = "https://blog.example.test";
/// Another site.
const EVIL: &str = "https://evil.test";

/// For a line of the log to be written.
const PATIENCE: Duration = Duration::from_secs(20);

/// What every page has: a way to ask that tells status, body and the header with the CSRF token.
const PAGE: &str = "<!doctype html><title>page</title><script>\
    async function ask(method, url, body, headers, more) {\
      const init = { method, headers: { ...headers }, ...more };\
      if (body !== null) { init.body = JSON.stringify(body); init.headers['Content-Type'] ??= 'application/json'; }\
      const answer = await fetch(url, init);\
      const text = await answer.text();\
      return { status: answer.status, csrf: answer.headers.get('X-CSRF-Token'), body: text ? JSON.parse(text) : null };\
    }\
    function csrf() { return /(?:^|; )(?:__Host-|insecure-)csrf=([^;]*)/.exec(document.cookie)?.[1]; }\
    </script>";
/// Forms of another site, each with an attempt that needs no script.
const ATTACKS: front::Pages = &[
    ("/page", PAGE),
    ("/sign-out", "<form method=post action=https://app.example.test/v1/sign-out></form>"),
    (
        "/sign-in-as-text",
        "<form method=post enctype=text/plain action=https://app.example.test/v1/sign-in>\
         <input name='{\"login\":\"mallory\",\"password\":\"mallorys long password\",\"x\":\"' value='\"}'></form>",
    ),
    (
        "/sign-in-as-form",
        "<form method=post action=https://app.example.test/auth/signin>\
         <input name=email value=mallory@example.com><input name=password value='mallorys long password'></form>",
    ),
    (
        "/profile-as-file",
        "<form method=post enctype=multipart/form-data action=https://app.example.test/v1/refresh>\
         <input name=refresh_token value=x></form>",
    ),
];
const PAGES: front::Pages = &[("/page", PAGE)];

const CONFIGURATION: &str = r#"
public_url = "https://app.example.test"

[[mount]]
dialect = "native"
cookies = "instead"
allowed_origins = ["https://shop.example.test"]
allow_credentials = true

[[mount]]
dialect = "nest-passport"
cookies = "instead"
cookie_name = "nest"
cookie_life = "browser"

[hashing]
memory_kib = 64
passes = 1
"#;

/// A running server with its users, its front, and a browser that knows the four sites.
struct Scene {
    browser: Browser,
    _server: Server,
    home: Home,
}

impl Scene {
    fn new() -> Scene {
        let home = Home::new("browser");
        home.write("countersign.toml", CONFIGURATION);
        add_users(&home);
        let server = Server::start(&home);
        let front = Front::encrypted(PAGES, Some(server.address));
        let other = Front::encrypted(ATTACKS, None);
        let hosts = [
            ("app.example.test", front),
            ("shop.example.test", other),
            ("blog.example.test", other),
            ("evil.test", other),
        ];
        let browser = Browser::start(&home.path("profile"), &hosts);
        Scene { browser, _server: server, home }
    }

    /// Shows the page of an origin.
    fn at(&self, origin: &str) -> &Browser {
        self.browser.open(&format!("{origin}/page"));
        &self.browser
    }

    /// Who the browser is signed in as, asked on the page of our own.
    fn whoami(&self) -> Value {
        self.at(OWN).run("return await ask('GET', '/v1/me', null)")
    }

    /// Waits until this many lines of the log hold a text; they are written a little later than the answers.
    fn wait_for_log(&self, count: usize, text: &str) {
        let began = Instant::now();
        while self.home.log().matches(text).count() != count {
            assert!(began.elapsed() < PATIENCE, "not {count} times {text}:\n{}", self.home.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn sign_in(&self) -> Value {
        self.at(OWN)
            .run("return await ask('POST', '/v1/sign-in', { login: 'ann', password: 'anns long password' })")
    }
}

fn add_users(home: &Home) {
    for name in ["ann", "mallory"] {
        let password = format!("{name}s long password\n");
        let email = format!("{name}@example.com");
        finish(
            &mut home.countersign(&[
                "user",
                "add",
                name,
                "--email",
                &email,
                "--any-password",
                "--password-stdin",
            ]),
            &password,
        );
    }
}

fn names(kept: &[Kept]) -> Vec<&str> {
    kept.iter().map(|cookie| cookie.name.as_str()).collect()
}

fn attributes<'k>(kept: &'k [Kept], name: &str) -> &'k str {
    kept.iter().find(|cookie| cookie.name == name).map_or("", |cookie| cookie.attributes.as_str())
}

// SEC-72, SEC-73, SEC-79
#[test]
fn a_page_of_our_own_signs_in_reads_refreshes_and_signs_out() {
    let scene = Scene::new();
    let answer = scene.sign_in();
    assert_eq!((&answer["status"], &answer["body"]["user"]["username"]), (&json!(200), &json!("ann")));
    assert_eq!(
        (&answer["body"]["access_token"], &answer["body"]["refresh_token"]),
        (&Value::Null, &Value::Null)
    );

    let kept = scene.browser.cookies();
    assert_eq!(names(&kept), ["__Host-at", "__Host-csrf", "__Host-rt"]);
    let hidden = "app.example.test / Lax secure=true httpOnly=true expires=true";
    assert_eq!((attributes(&kept, "__Host-at"), attributes(&kept, "__Host-rt")), (hidden, hidden));
    assert_eq!(attributes(&kept, "__Host-csrf"), hidden.replace("httpOnly=true", "httpOnly=false"));
    let seen = scene.browser.run("return document.cookie");
    assert_eq!(seen, json!(format!("__Host-csrf={}", kept[1].value)), "scripts see this and nothing else");

    assert_eq!(scene.whoami()["body"]["username"], "ann");
    let bare = scene.browser.run("return await ask('PATCH', '/v1/me', { first_name: 'Eve' })");
    assert_eq!((&bare["status"], &bare["body"]["code"]), (&json!(403), &json!("cross_site")));
    let patched = scene
        .browser
        .run("return await ask('PATCH', '/v1/me', { first_name: 'Ann' }, { 'X-CSRF-Token': csrf() })");
    assert_eq!(patched["body"]["first_name"], "Ann");

    let fresh =
        scene.browser.run("return await ask('POST', '/v1/refresh', null, { 'X-CSRF-Token': csrf() })");
    assert_eq!(fresh["status"], 200, "{fresh}");
    let renewed = scene.browser.cookies();
    assert_eq!(names(&renewed), names(&kept));
    assert!(kept.iter().zip(&renewed).all(|(old, new)| old.value != new.value), "all three are new");
    assert_eq!(scene.whoami()["body"]["first_name"], "Ann");

    let out = scene.browser.run("return await ask('POST', '/v1/sign-out', null, { 'X-CSRF-Token': csrf() })");
    assert_eq!(out["status"], 204, "{out}");
    assert_eq!(scene.browser.cookies(), []);
    assert_eq!(scene.whoami()["status"], 401);
}

/// The script that docs/operating.md shows, to the letter but for the password.
#[test]
fn the_example_of_the_documentation_works() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("```js\n").unwrap();
    let (script, _) = rest.split_once("```").unwrap();
    let (before, after) = script.split_once("await call('POST', '/v1/sign-out')").unwrap();
    let scene = Scene::new();
    let script = format!(
        "{before} const shown = await me.json(); const out = await call('POST', '/v1/sign-out'){after}\n\
         return [me.status, shown.username, out.status, document.cookie];"
    );
    let script = script.replace("password: '…'", "password: 'anns long password'");
    assert_eq!(scene.at(OWN).run(&script), json!([200, "ann", 204, ""]));
    // With the access token gone, the example asks for a new one.
    assert_eq!(scene.sign_in()["status"], 200);
    scene.browser.forget("__Host-at");
    let (functions, _) = before.split_once("await call('POST', '/v1/sign-in'").unwrap();
    let (_, profile) = before.split_once("let me =").unwrap();
    let script = format!("{functions} let me ={profile} return [me.status, (await me.json()).username];");
    assert_eq!(scene.browser.run(&script), json!([200, "ann"]));
}

// SEC-73, SEC-74
#[test]
fn a_form_of_another_site_changes_nothing_and_sets_nothing() {
    let scene = Scene::new();
    for signed_in in [false, true] {
        if signed_in {
            assert_eq!(scene.sign_in()["status"], 200);
        }
        let before = scene.whoami();
        let kept = scene.browser.cookies();
        for (attack, lands) in [
            ("/sign-out", "/v1/sign-out"),
            ("/sign-in-as-text", "/v1/sign-in"),
            ("/sign-in-as-form", "/auth/signin"),
            ("/profile-as-file", "/v1/refresh"),
        ] {
            for site in [EVIL, BLOG] {
                scene.browser.open(&format!("{site}{attack}"));
                scene.browser.submit();
                assert_eq!(scene.browser.address(), format!("{OWN}{lands}"), "the form arrived");
                let said = scene.browser.run("return document.body.innerText");
                let refused = ["cross_site", "unsupported_media_type", "Forbidden"];
                assert!(refused.iter().any(|word| said.as_str().unwrap().contains(word)), "{attack}: {said}");
                assert_eq!(scene.browser.cookies(), kept, "{attack} from {site}");
            }
        }
        assert_eq!(scene.whoami(), before);
    }
    assert_eq!(scene.whoami()["body"]["username"], "ann");
}

// SEC-74, SEC-78
#[test]
fn a_script_of_another_origin_reads_nothing_and_changes_nothing() {
    let scene = Scene::new();
    assert_eq!(scene.sign_in()["status"], 200);
    let token = scene.browser.run("return csrf()");
    let kept = scene.browser.cookies();
    for site in [EVIL, BLOG] {
        let page = scene.at(site);
        for attempt in [
            "return await ask('GET', 'https://app.example.test/v1/me', null, {}, { credentials: 'include' })",
            "return await ask('POST', 'https://app.example.test/v1/sign-in', \
             { login: 'mallory', password: 'mallorys long password' }, {}, { credentials: 'include' })",
            "return await ask('POST', 'https://app.example.test/v1/sign-in', \
             { login: 'mallory', password: 'mallorys long password' }, { 'Content-Type': 'text/plain' }, { credentials: 'include' })",
            &format!(
                "return await ask('POST', 'https://app.example.test/v1/sign-out', null, \
                 {{ 'X-CSRF-Token': {token} }}, {{ credentials: 'include' }})"
            ),
        ] {
            let answer = page.run(attempt);
            let threw = answer["threw"].as_str().unwrap_or_default();
            assert!(threw.starts_with("TypeError"), "{site}: {attempt}: {answer}");
        }
        // What needs no permission of ours is sent, and comes to nothing; even its answer is kept from the page.
        let blind = "await fetch('https://app.example.test/v1/sign-out', \
             { method: 'POST', mode: 'no-cors', credentials: 'include' }); return 'sent'";
        assert_eq!(page.run(blind)["threw"], "TypeError: Failed to fetch");
    }
    scene.wait_for_log(2, "\"/v1/sign-out\",\"status\":403");
    assert_eq!(scene.whoami()["body"]["username"], "ann");
    assert_eq!(scene.browser.cookies(), kept);
}

// SEC-78
#[test]
fn a_listed_origin_of_the_same_site_may_do_what_our_own_pages_may() {
    let scene = Scene::new();
    let page = scene.at(SHOP);
    let answer = page.run(
        "return await ask('POST', 'https://app.example.test/v1/sign-in', \
         { login: 'ann', password: 'anns long password' }, {}, { credentials: 'include' })",
    );
    assert_eq!(answer["status"], 200, "{answer}");
    assert_eq!(page.run("return document.cookie"), "", "the cookies are not this origin's");
    let token = &answer["csrf"];
    assert!(token.is_string(), "the header may be read: {answer}");
    let ask = |headers: &str| {
        page.run(&format!(
            "return await ask('POST', 'https://app.example.test/v1/sign-out', null, {headers}, {{ credentials: 'include' }})"
        ))
    };
    let me =
        "return await ask('GET', 'https://app.example.test/v1/me', null, {}, { credentials: 'include' })";
    assert_eq!(page.run(me)["body"]["username"], "ann");
    assert_eq!(ask("{}")["status"], 403);
    assert_eq!(page.run(me)["body"]["username"], "ann");
    assert_eq!(ask(&format!("{{ 'X-CSRF-Token': {token} }}"))["status"], 204);
    assert_eq!(page.run(me)["status"], 401);
}

// SEC-72
#[test]
fn two_mounts_of_one_host_keep_their_cookies_apart() {
    let scene = Scene::new();
    assert_eq!(scene.sign_in()["status"], 200);
    let other = "return await ask('POST', '/auth/signin', { email: 'mallory@example.com', password: 'mallorys long password' })";
    let answer = scene.browser.run(other);
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!({ "token": null })));
    let kept = scene.browser.cookies();
    assert_eq!(
        names(&kept),
        ["__Host-at", "__Host-csrf", "__Host-nest-at", "__Host-nest-csrf", "__Host-rt"],
        "{kept:?}"
    );
    let nest = "app.example.test / Lax secure=true httpOnly=true expires=false";
    assert_eq!(attributes(&kept, "__Host-nest-at"), nest, "it goes with the browser");
    assert_eq!(scene.whoami()["body"]["username"], "ann");
    let profile = scene.browser.run("return await ask('GET', '/users/profile', null)");
    assert_eq!(profile["body"]["email"], "mallory@example.com");
    scene.wait_for_log(1, "\"/auth/signin\",\"status\":200");
}

// SEC-72
#[test]
fn on_a_loopback_address_insecure_cookies_do_for_development() {
    let home = Home::new("browser-plain");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let mount = "[[mount]]\ndialect = \"native\"\ncookies = \"instead\"\ncookie_same_site = \"strict\"\n";
    home.write(
        "countersign.toml",
        &format!("public_url = \"{own}\"\n{mount}\n[hashing]\nmemory_kib = 64\npasses = 1\n"),
    );
    add_users(&home);
    let server = Server::start(&home);
    Front::plain(listener, PAGES, server.address);
    let browser = Browser::start(&home.path("profile"), &[]);
    browser.open(&format!("{own}/page"));
    let answer = browser
        .run("return await ask('POST', '/v1/sign-in', { login: 'ann', password: 'anns long password' })");
    assert_eq!(answer["status"], 200, "{answer}");
    let kept = browser.cookies();
    assert_eq!(names(&kept), ["insecure-at", "insecure-csrf", "insecure-rt"]);
    assert_eq!(
        attributes(&kept, "insecure-rt"),
        "127.0.0.1 / Strict secure=false httpOnly=true expires=true"
    );
    assert_eq!(browser.run("return await ask('GET', '/v1/me', null)")["body"]["username"], "ann");
    let out = browser.run("return await ask('POST', '/v1/sign-out', null, { 'X-CSRF-Token': csrf() })");
    assert_eq!((&out["status"], browser.cookies()), (&json!(204), Vec::new()));
    drop(server);
    assert!(home.log().contains("cookies are not secure"), "{}", home.log());
}
