//! What does somebody see who opens the link of a letter? (SEC-35, SEC-48, SEC-73, SEC-79)

use super::smtp::{Arrived, Mood, Smtp};
use super::world::{Reply, World};
use super::{PAYLOADS, add, forgot, world};
use engine::Who;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n";
const PASSWORD: &str = "correct+horse+battery+staple";

/// The path and query of a link.
fn target(letter: &Arrived) -> String {
    letter.link().strip_prefix("https://id.example.com").unwrap().to_owned()
}

/// A server, and the reset link of a user.
async fn linked(more: &[(&str, &str)]) -> (World, Smtp, String) {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, more).await;
    add(&world, "ana@example.com", "Ana").await;
    assert_eq!(forgot(&world, "ana@example.com", "").await.status, 200);
    let target = target(&smtp.arrived(1).await[0]);
    (world, smtp, target)
}

/// Opens a link: the cookie that it gives.
async fn open(world: &World, target: &str) -> String {
    let reply = world.ask("GET", target, "", "").await;
    assert_eq!((reply.status, reply.body.as_str()), (303, ""), "{reply:?}");
    cookie(&reply)
}

fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// The proof in the form of a page.
fn form(reply: &Reply) -> String {
    let field = reply
        .body
        .split("name=\"form\" value=\"")
        .nth(1)
        .unwrap_or_else(|| panic!("no form: {}", reply.body));
    field.split('"').next().unwrap().to_owned()
}

/// Opens a link and its page: the cookie and the proof.
async fn opened(world: &World, target: &str, path: &str) -> (String, String) {
    let cookie = open(world, target).await;
    let page = world.ask("GET", path, &format!("Cookie: {cookie}\r\n"), "").await;
    assert_eq!(page.status, 200, "{page:?}");
    (cookie, form(&page))
}

async fn send(world: &World, path: &str, cookie: &str, body: &str) -> Reply {
    world.ask("POST", path, &format!("{FORM}Cookie: {cookie}\r\n"), body).await
}

async fn sign_in(world: &World, password: &str) -> u16 {
    let body = format!(r#"{{"login":"ana@example.com","password":"{password}"}}"#);
    world.post("/v1/sign-in", &body).await.status
}

/// Headers of every page (security.md 3.8).
fn assert_page(reply: &Reply) {
    let policy = reply.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.split("; ").any(|one| one == part), "{part} is not in {policy}");
    }
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("strict-transport-security", "max-age=63072000"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    let permissions = reply.header("permissions-policy").unwrap();
    assert!(permissions.contains("publickey-credentials-get=(self)") && permissions.contains("camera=()"));
    assert_eq!(reply.header("server"), None);
}

// SEC-48
#[tokio::test(flavor = "multi_thread")]
async fn a_token_leaves_the_address_before_a_page_is_shown() {
    let (world, _smtp, target) = linked(&[]).await;
    let token = target.strip_prefix("/account/reset?token=").unwrap();
    let reply = world.ask("GET", &target, "", "").await;
    assert_eq!(
        (reply.status, reply.header("location"), reply.body.as_str()),
        (303, Some("/account/reset"), "")
    );
    assert_page(&reply);
    // SEC-72
    let expected = format!("__Host-link=reset.{token}; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax; Secure");
    assert_eq!(reply.header("set-cookie"), Some(expected.as_str()));
    let page = world.ask("GET", "/account/reset", &format!("Cookie: {}\r\n", cookie(&reply)), "").await;
    assert_eq!(page.status, 200);
    assert_page(&page);
    assert!(!page.body.contains(token), "the page holds the token");
    assert!(page.body.contains("autocomplete=\"new-password\"") && !page.body.contains("<script"));
    // Everything that the page loads is its own.
    let plain = page.body.replace("&#x2f;", "/");
    let loads: Vec<&str> =
        plain.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(loads, ["/account/style.css"]);
    assert!(
        plain.contains("action=\"/account/reset\"") && !plain.contains("src=") && !plain.contains("url(")
    );
    let style = world.ask("GET", loads[0], "", "").await;
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert!(!style.body.contains("url(") && !style.body.contains("@import"));
    world.log.flush();
    assert!(!world.page.text().contains(token), "the log holds the token");
}

// SEC-35, SEC-39, SEC-41
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_happens_once_and_signs_nobody_in() {
    let (world, _smtp, target) = linked(&[]).await;
    // What looks through letters opens every link; nothing happens by it.
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(world.ask(method, &target, "", "").await.status, 303, "{method}");
    }
    let (cookie, form) = opened(&world, &target, "/account/reset").await;
    let body = format!("form={form}&password={PASSWORD}&again={PASSWORD}");
    let reply = send(&world, "/account/reset", &cookie, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_page(&reply);
    let cookies: Vec<&str> = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(cookies, ["__Host-link=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"]);
    // SEC-79
    assert_eq!(reply.header("clear-site-data"), Some("\"cache\""));
    assert_eq!(sign_in(&world, &PASSWORD.replace('+', " ")).await, 200);
    let again = send(&world, "/account/reset", &cookie, &body).await;
    assert_eq!(again.status, 400, "{again:?}");
    assert!(again.body.contains("This link can not be used"));
    assert_eq!(world.ask("GET", "/account/reset", &format!("Cookie: {cookie}\r\n"), "").await.status, 400);
}

// SEC-42, SEC-73
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_ours_does_nothing() {
    let (world, smtp, target) = linked(&[]).await;
    let (cookie, form) = opened(&world, &target, "/account/reset").await;
    add(&world, "bea@example.com", "").await;
    forgot(&world, "bea@example.com", "").await;
    let other = target_of(&smtp, 1).await;
    let (others_cookie, others_form) = opened(&world, &other, "/account/reset").await;
    let good = format!("form={form}&password={PASSWORD}&again={PASSWORD}");
    let mine = format!("Cookie: {cookie}\r\n");
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let same = "Sec-Fetch-Site: same-origin\r\n";
    let table: Vec<(String, String, u16)> = vec![
        (format!("{kind}{mine}"), good.clone(), 403),
        (format!("{kind}{mine}Sec-Fetch-Site: cross-site\r\n"), good.clone(), 403),
        (format!("{kind}{mine}Sec-Fetch-Site: same-site\r\n"), good.clone(), 403),
        (format!("{kind}{mine}Origin: https://evil.example\r\n"), good.clone(), 403),
        (format!("{kind}{mine}Origin: null\r\n"), good.clone(), 403),
        (format!("{kind}{mine}Origin: http://id.example.com\r\n"), good.clone(), 403),
        (format!("Content-Type: text/plain\r\n{mine}{same}"), good.clone(), 415),
        (format!("Content-Type: application/json\r\n{mine}{same}"), r#"{"form":"x"}"#.to_owned(), 415),
        (format!("{mine}{same}"), good.clone(), 415),
        (format!("{kind}{same}"), good.clone(), 400),
        (format!("{kind}{same}Cookie: __Host-link=verify.{}\r\n", token(&target)), good.clone(), 400),
        (format!("{kind}{same}Cookie: __Host-link=reset.\r\n"), good.clone(), 400),
        (format!("{kind}{same}Cookie: __Host-link=reset.{}\r\n", "a".repeat(600)), good.clone(), 400),
        (format!("{kind}{same}Cookie: link=reset.{}\r\n", token(&target)), good.clone(), 400),
        (format!("{kind}{same}Cookie: {cookie}; {others_cookie}\r\n"), good.clone(), 400),
        (format!("{kind}{same}Cookie: {others_cookie}\r\n"), good.clone(), 403),
        (
            format!("{kind}{same}{mine}"),
            format!("form={others_form}&password={PASSWORD}&again={PASSWORD}"),
            403,
        ),
        (format!("{kind}{same}{mine}"), format!("password={PASSWORD}&again={PASSWORD}"), 403),
        (format!("{kind}{same}{mine}"), format!("form=&password={PASSWORD}&again={PASSWORD}"), 403),
        (format!("{kind}{same}{mine}"), format!("{good}&form={form}"), 400),
        (format!("{kind}{same}{mine}"), format!("{good}&x=%ff"), 400),
        (format!("{kind}{same}{mine}"), String::new(), 403),
        (format!("{kind}{same}{mine}"), format!("{good}&{}", "x".repeat(20_000)), 413),
        (format!("{kind}{same}{mine}"), format!("form={form}&password={PASSWORD}&again=other"), 422),
        (format!("{kind}{same}{mine}"), format!("form={form}&password=short&again=short"), 422),
        (format!("{kind}{same}{mine}"), format!("form={form}&password=&again="), 422),
        (format!("{kind}{same}{mine}"), format!("form={form}"), 422),
    ];
    for (headers, body, status) in table {
        let reply = world.ask("POST", "/account/reset", &headers, &body).await;
        assert_eq!(reply.status, status, "{headers} {body}");
        assert_page(&reply);
        assert!(!reply.body.contains(PASSWORD), "{body}");
    }
    assert_ne!(sign_in(&world, &PASSWORD.replace('+', " ")).await, 200);
    // The link was not used up by any of it.
    assert_eq!(send(&world, "/account/reset", &cookie, &good).await.status, 200);
}

async fn target_of(smtp: &Smtp, number: usize) -> String {
    target(&smtp.arrived(number + 1).await[number])
}

fn token(target: &str) -> &str {
    target.split("token=").nth(1).unwrap()
}

// SEC-39
#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_forms_of_one_link_one_sets_the_password() {
    let (world, _smtp, target) = linked(&[]).await;
    let (cookie, form) = opened(&world, &target, "/account/reset").await;
    let world = std::sync::Arc::new(world);
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (world, cookie) = (std::sync::Arc::clone(&world), cookie.clone());
        let body = format!("form={form}&password={PASSWORD}+{number}&again={PASSWORD}+{number}");
        asking.spawn(async move { send(&world, "/account/reset", &cookie, &body).await.status });
    }
    let done = asking.join_all().await;
    assert_eq!(done.iter().filter(|status| **status == 200).count(), 1, "{done:?}");
}

// SEC-35
#[tokio::test(flavor = "multi_thread")]
async fn links_that_can_not_be_used_look_alike() {
    let (world, _smtp, target) = linked(&[]).await;
    let good = token(&target).to_owned();
    let mut wrong = vec![good.replace("csl_", "csx_"), format!("{good}A"), "csl_".to_owned(), "x".to_owned()];
    wrong.push(good[..good.len() - 1].to_owned());
    wrong.push(good.to_uppercase());
    let mut pages = Vec::new();
    for token in &wrong {
        let cookie = open(&world, &format!("/account/reset?token={token}")).await;
        let page = world.ask("GET", "/account/reset", &format!("Cookie: {cookie}\r\n"), "").await;
        pages.push((page.status, page.body));
    }
    // A token of another purpose, and none at all.
    let cookie = open(&world, &format!("/account/verify?token={good}")).await;
    let page = world.ask("GET", "/account/verify", &format!("Cookie: {cookie}\r\n"), "").await;
    pages.push((page.status, page.body));
    for query in ["", "?token=", "?token=%20", "?token=%00", "?token=a&token=b", "?other=1", "?token=%ff"] {
        let page = world.ask("GET", &format!("/account/reset{query}"), "", "").await;
        assert_page(&page);
        pages.push((page.status, page.body));
    }
    assert_eq!(pages[0].0, 400);
    for page in &pages {
        assert_eq!(page, &pages[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_speak_the_reader_s_language() {
    let (world, _smtp, _target) = linked(&[]).await;
    for (wish, language, words) in [
        ("es-MX,es;q=0.9", "es", "Elige una contraseña nueva"),
        ("de", "en", "Set a new password"),
        ("", "en", "Set a new"),
    ] {
        let page = world.ask("GET", "/account/forgot", &format!("Accept-Language: {wish}\r\n"), "").await;
        assert_eq!((page.status, page.header("content-language")), (200, Some(language)));
        assert!(page.body.contains(words) && page.body.contains(&format!("<html lang=\"{language}\">")));
        assert_page(&page);
    }
}

// SEC-97, for pages
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_writes_is_shown_as_text() {
    let (world, _smtp, _target) = linked(&[]).await;
    let plain = forgot(&world, "no-address", "").await;
    assert_eq!(plain.status, 422);
    for payload in PAYLOADS {
        let encoded: String = payload.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reply = world.ask("POST", "/account/forgot", FORM, &format!("email={encoded}")).await;
        if reply.status == 200 {
            // It can be an address; then nothing of it is shown.
            assert!(!reply.body.contains("evil"), "{payload:?}");
            continue;
        }
        assert_eq!(reply.status, 422, "{payload:?}");
        assert_page(&reply);
        let value = reply.body.split("name=\"email\"").nth(1).unwrap().split("value=\"").nth(1).unwrap();
        let value = value.split('"').next().unwrap();
        for special in ['<', '>', '"', '\''] {
            assert!(!value.contains(special), "{payload:?} {value:?}");
        }
        let tags = |text: &str| text.matches('<').count();
        assert_eq!(tags(&reply.body), tags(&plain.body), "{payload:?}");
    }
}

// SEC-77
#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_spellings_are_refused() {
    let (world, _smtp, _target) = linked(&[]).await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let reply = world.ask(method, "/account/reset", "", "").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD, POST")), "{method}");
    }
    let reply = world.ask("POST", "/account/style.css", FORM, "a=b").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    for path in [
        "/account/",
        "/account",
        "/account/reset/",
        "/account/Reset",
        "/account/%72eset",
        "//account/reset",
        "/account/layout",
    ] {
        assert_eq!(world.ask("GET", path, "", "").await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_application_takes_the_place_of_ours() {
    let own = "https://app.example.com/set-password#token={token}";
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[("PAGES__RESET_URL", own)]).await;
    add(&world, "ana@example.com", "").await;
    forgot(&world, "ana@example.com", "").await;
    let link = smtp.arrived(1).await[0].link();
    assert!(link.starts_with("https://app.example.com/set-password#token=csl_"), "{link}");
    assert_eq!(world.ask("GET", "/account/reset", "", "").await.status, 404);
    assert_eq!(world.ask("GET", "/account/verify", "", "").await.status, 400);
}

// A dialect and the pages must not fight for a path.
#[tokio::test(flavor = "multi_thread")]
async fn pages_in_the_place_of_a_route_are_refused() {
    let home = super::world::Home::new();
    home.write(
        "c.toml",
        "public_url = \"https://id.example.com\"\n[mail]\ntransport = \"log\"\nfrom = \"a@example.com\"\n",
    );
    std::fs::create_dir_all(home.path("own/clash")).unwrap();
    let native =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dialects/native/dialect.toml"))
            .unwrap();
    let clash = native
        .replace("name = \"native\"", "name = \"clash\"")
        .replace("POST /v1/check-email", "POST /account/reset");
    home.write("own/clash/dialect.toml", &clash);
    let environment = vec![("COUNTERSIGN_DIALECTS".to_owned(), home.path("own").display().to_string())];
    let mut file = std::fs::read_to_string(home.path("c.toml")).unwrap();
    file.push_str("[[mount]]\ndialect = \"clash\"\n");
    home.write("c.toml", &file);
    let (config, data) = (Some(home.path("c.toml")), Some(home.path("data")));
    let sources = countersign_server::config::Sources { config, data, environment, ..Default::default() };
    let config = countersign_server::config::Config::load(&sources).unwrap();
    let (clock, chance) = (engine::Clock::System, engine::Chance::System);
    let faults = countersign_server::App::open(config, clock, chance).await.err().unwrap().0;
    let told =
        "the dialect `clash` and the hosted pages both answer /account/reset; give pages.path another value";
    assert_eq!(faults, [told]);
}

// SEC-35, SEC-36: whoever has the mailbox, but not the account, can not verify somebody else's account with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_verified_by_who_has_both_mailbox_and_account() {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[]).await;
    let reply =
        world.post("/v1/sign-up", r#"{"email":"ana@example.com","password":"correct horse battery"}"#).await;
    assert!(reply.status < 300, "{reply:?}");
    let target = target_of(&smtp, 0).await;
    assert!(target.starts_with("/account/verify?token="), "{target}");
    let (cookie, form) = opened(&world, &target, "/account/verify").await;
    let page = world.ask("GET", "/account/verify", &format!("Cookie: {cookie}\r\n"), "").await;
    assert!(page.body.contains("ana@example.com") && page.body.contains("autocomplete=\"current-password\""));
    for wrong in ["", "&password=", "&password=guessed+guessed+guessed"] {
        let reply = send(&world, "/account/verify", &cookie, &format!("form={form}{wrong}")).await;
        assert_eq!(reply.status, 422, "{wrong}");
        assert!(reply.body.contains("This is not the password of the account."), "{}", reply.body);
    }
    let reply =
        send(&world, "/account/verify", &cookie, &format!("form={form}&password=correct+horse+battery"))
            .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let user = world.app.engine().find_user(&Who::parse("ana@example.com")).await.unwrap().unwrap();
    assert!(user.email_verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_leads_to_a_first_password() {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[]).await;
    add(&world, "ana@example.com", "Ana").await;
    world.app.engine().invite(&Who::parse("ana@example.com")).await.unwrap();
    let target = target_of(&smtp, 0).await;
    let (cookie, form) = opened(&world, &target, "/account/invitation").await;
    let body = format!("form={form}&password={PASSWORD}&again={PASSWORD}");
    let reply = send(&world, "/account/invitation", &cookie, &body).await;
    assert!(reply.status == 200 && reply.body.contains("Your account is open"), "{reply:?}");
    assert_eq!(sign_in(&world, &PASSWORD.replace('+', " ")).await, 200);
}

// SEC-45
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_address_is_confirmed_by_the_new_mailbox_and_taken_back_by_the_old_one() {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[]).await;
    let request = engine::NewUserRequest {
        email: Some("ana@example.com".to_owned()),
        email_verified: true,
        password: Some(domain::secret::Secret::new("correct horse battery")),
        ..engine::NewUserRequest::default()
    };
    world.app.engine().add_user(request).await.unwrap();
    let body = r#"{"login":"ana@example.com","password":"correct horse battery"}"#;
    let reply = world.post("/v1/sign-in", body).await;
    let access = reply.json()["access_token"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {access}\r\n");
    let body = r#"{"email":"bea@example.com","password":"correct horse battery"}"#;
    let reply = world.ask("POST", "/v1/me/email", &headers, body).await;
    assert!(reply.status < 300, "{reply:?}");
    let letters = smtp.arrived(2).await;
    let to = |address: &str, letters: &[Arrived]| {
        let found = letters.iter().rev().find(|letter| letter.to == [address]);
        target(found.unwrap_or_else(|| panic!("no letter to {address}")))
    };
    let (cookie, form) = opened(&world, &to("bea@example.com", &letters), "/account/confirm-email").await;
    let body = format!("form={form}&password=correct+horse+battery");
    assert_eq!(send(&world, "/account/confirm-email", &cookie, &body).await.status, 200);
    let email = async |world: &World, who: &str| {
        world.app.engine().find_user(&Who::parse(who)).await.unwrap().is_some()
    };
    assert!(email(&world, "bea@example.com").await && !email(&world, "ana@example.com").await);
    let letters = smtp.arrived(3).await;
    let (cookie, form) = opened(&world, &to("ana@example.com", &letters), "/account/undo-email").await;
    assert_eq!(send(&world, "/account/undo-email", &cookie, &format!("form={form}")).await.status, 200);
    assert!(email(&world, "ana@example.com").await && !email(&world, "bea@example.com").await);
}

// SEC-46: an address that was never proved has no way back, but its owner is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_to_an_address_that_was_never_proved_without_a_link() {
    let smtp = Smtp::start(Mood::Accept).await;
    let world = world(&smtp, &[]).await;
    let request = engine::NewUserRequest {
        email: Some("ana@example.com".to_owned()),
        password: Some(domain::secret::Secret::new("correct horse battery")),
        ..engine::NewUserRequest::default()
    };
    world.app.engine().add_user(request).await.unwrap();
    let body = r#"{"login":"ana@example.com","password":"correct horse battery"}"#;
    let access = world.post("/v1/sign-in", body).await.json()["access_token"].as_str().unwrap().to_owned();
    let headers = format!("Content-Type: application/json\r\nAuthorization: Bearer {access}\r\n");
    let body = r#"{"email":"bea@example.com","password":"correct horse battery"}"#;
    let reply = world.ask("POST", "/v1/me/email", &headers, body).await;
    assert!(reply.status < 300, "{reply:?}");
    let letters = smtp.arrived(2).await;
    let told = letters.iter().find(|letter| letter.to == ["ana@example.com"]).unwrap();
    let text = told.parts().0;
    assert!(text.contains("tell us at once") && !text.contains("http"), "{text}");
}
