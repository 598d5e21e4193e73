//! Is the old application's answer what the client gets, to the byte, and what is made of it afterwards?

use super::generator::{self, DIALECT};
use super::old::{Old, Says, json as answer};
use super::*;
use base64::Engine as _;
use countersign_server::mounts;
use domain::secret::SecretBytes;
use std::collections::BTreeMap;

/// What came, but for what means one connection only.
fn told(reply: &Reply) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in
        reply.headers.iter().filter(|(name, _)| !["connection", "date"].contains(&name.as_str()))
    {
        told.entry(name.clone()).or_default().push(value.clone());
    }
    told
}

/// An answer that no server of ours would give, another one for each request.
fn odd(head: &str, number: usize) -> Vec<u8> {
    let body =
        format!("<{}> {} é\u{1} {number}", head.lines().next().unwrap(), "x".repeat(number * 37 % 3000));
    let body = if head.starts_with("HEAD") { String::new() } else { body };
    let status = [200, 201, 203, 299, 302, 400, 404, 418, 429, 500, 503][number % 11];
    format!(
        "HTTP/1.1 {status} Odd\r\nServer: old/1\r\nSet-Cookie: a={number}; Path=/\r\nSet-Cookie: b=2\r\n\
         X-Odd: {number}\r\nLocation: http://127.0.0.1/x\r\nContent-Type: text/odd\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_of_every_dialect_is_answered_by_the_old_application_to_the_byte() {
    for dialect in ["password-generator", "uk-travel", "auths-v1", "nest-passport"] {
        let said = Arc::new(Mutex::new(Vec::new()));
        let old = Old::new({
            let said = Arc::clone(&said);
            move |head, _| {
                let mut said = said.lock().unwrap();
                let bytes = odd(head, said.len());
                said.push(bytes.clone());
                Says::Bytes(bytes)
            }
        })
        .await;
        let world = ours(dialect, &old.address.to_string(), Phase::Shadow, &[]).await;
        let routes = mounts::load_dialect(dialect, None).unwrap().routes;
        let mut asked: Vec<(String, String)> = routes
            .iter()
            .map(|route| (route.method.as_str().to_owned(), route.path.text.replace("{id}", "7")))
            .collect();
        let path = asked[0].1.clone();
        asked.extend(["HEAD", "OPTIONS", "PATCH"].map(|method| (method.to_owned(), path.clone())));
        asked.push(("GET".to_owned(), format!("{path}nothing/here?a=1&b=%20")));
        for (method, path) in asked {
            let body = if matches!(method.as_str(), "POST" | "PUT" | "PATCH") {
                r#"{"any": ["thing", 1]}"#
            } else {
                ""
            };
            let headers =
                "Content-Type: application/json\r\nX-Mine: yes\r\nAuthorization: Bearer nonsense\r\n";
            let reply = world.ask(&method, &path, headers, body).await;
            let sent =
                said.lock().unwrap().last().cloned().unwrap_or_else(|| panic!("{method} {path}: not asked"));
            let sent = Reply::parse(&String::from_utf8(sent).unwrap());
            assert_eq!((reply.status, &reply.body), (sent.status, &sent.body), "{dialect}: {method} {path}");
            assert_eq!(told(&reply), told(&sent), "{dialect}: {method} {path}");
            let (head, got) = old.asked.lock().unwrap().last().cloned().unwrap();
            assert!(head.starts_with(&format!("{method} {path} HTTP/1.1")), "{head}");
            assert!(head.to_lowercase().contains("x-mine: yes") && got == body.as_bytes(), "{head}");
        }
        let counts = counts(&world).await;
        assert!(sum(&counts, Tally::Compared) > 0, "{counts:?}");
        assert_eq!(sum(&counts, Tally::Followed), 0, "{counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_life_at_the_old_application_is_followed_and_no_answer_differs() {
    let old = before(DIALECT).await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Shadow, &[]).await;
    // Somebody was there before, with an id that would be the first one here.
    assert_eq!(generator::sign_up(&old, "early").await.status, 201);
    let made = generator::sign_up(&world, "ana").await;
    assert_eq!(made.status, 201, "{made:?}");
    let (id, access) = (made.json()["user"]["id"].as_i64().unwrap(), generator::access(&made));
    assert_eq!(generator::sign_in(&world, "ana", PASSWORD).await.status, 200);
    assert_eq!(generator::sign_in(&world, "ana", "wrong").await.status, 400);
    assert_eq!(generator::profile(&world, &access).await.status, 200);
    assert_eq!(generator::profile(&world, "nonsense").await.status, 401);
    assert_eq!(generator::update(&world, (id, &access), &json!({"first_name": "Anna"})).await.status, 200);
    assert_eq!(generator::sign_in(&world, "early", PASSWORD).await.status, 200);
    assert_eq!(generator::renew(&world, &generator::refresh(&made)).await.status, 200);
    assert_eq!(world.ask("GET", "/api/nothing/", "", "").await.status, 404);

    let counts = counts(&world).await;
    assert_eq!(of(&counts, Tally::Different), [], "{counts:?}");
    assert_eq!(of(&counts, Tally::NotFollowed), [], "{counts:?}");
    assert_eq!(sum(&counts, Tally::Compared), 9, "{counts:?}");
    assert_eq!(sum(&counts, Tally::CarriedOver), 2, "{counts:?}");
    let here = world.app.engine().find_user(&Who::parse("ana@example.com")).await.unwrap().unwrap();
    assert_eq!((here.id.0, here.first_name.as_str()), (id, "Anna"));
    assert_eq!(Some(here.id.0), id_of(&old, "ana").await);
    assert_eq!(id_of(&world, "early").await, id_of(&old, "early").await);

    // Whoever is deleted there is gone here, too.
    assert_eq!(generator::delete(&world, (id, &access)).await.status, 204);
    super::counts(&world).await;
    assert_eq!((id_of(&world, "ana").await, id_of(&old, "ana").await), (None, None));

    // Cut: ours alone, with the passwords of the old application, and nobody asks it any more.
    enter(&world, DIALECT, Phase::Cut).await;
    drop(old);
    assert_eq!(generator::sign_in(&world, "early", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_was_changed_there_is_followed_at_the_next_sign_in() {
    let old = before(DIALECT).await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Shadow, &[]).await;
    assert_eq!(generator::sign_up(&world, "ana").await.status, 201);
    let who = Who::parse("ana");
    old.app.engine().set_password(&who, &domain::secret::Secret::new(OTHER), None).await.unwrap();
    assert_eq!(generator::sign_in(&world, "ana", OTHER).await.status, 200);
    let counts = counts(&world).await;
    assert_eq!(of(&counts, Tally::Different), []);
    enter(&world, DIALECT, Phase::Cut).await;
    assert_eq!(generator::sign_in(&world, "ana", OTHER).await.status, 200);
    assert_eq!(generator::sign_in(&world, "ana", PASSWORD).await.status, 400);
}

/// A token as the old application signs it.
fn token(id: i64) -> String {
    let key = domain::token::Key::hs256(&SecretBytes::new(SECRET.as_bytes()), false).unwrap();
    let keys = domain::token::KeySet::new(key, Vec::new(), domain::token::HeaderPlan::default()).unwrap();
    let now = engine::Clock::System.now().seconds();
    let claims = json!({"token_type": "access", "exp": now + 300, "iat": now, "jti": "0a", "user_id": id});
    keys.sign(claims.to_string().as_bytes())
}

fn user(id: i64, email: &str) -> Value {
    json!({"id": id, "username": "ana", "email": email, "first_name": "", "last_name": "", "number_phone": null,
        "avatar": null})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn differences_are_told_by_place_and_lies_are_not_followed() {
    let old = Old::new(|head, body| {
        let typed: Value = serde_json::from_slice(body).unwrap_or_default();
        match typed["email"].as_str() {
            // Another status than ours, a field more, one less, one otherwise.
            Some("status@example.com") => answer("418 Teapot", "{}"),
            Some("fields@example.com") => {
                let mut user = user(7, "fields@example.com");
                user.as_object_mut().unwrap().remove("avatar");
                user["more"] = json!(1);
                user["number_phone"] = json!(5);
                answer("200 OK", &json!({"refresh": token(7), "access": token(7), "user": user}).to_string())
            }
            // Somebody else than was asked for; a token of somebody else.
            Some("lie@example.com") => {
                let user = user(8, "other@example.com");
                answer("200 OK", &json!({"refresh": "r", "access": token(8), "user": user}).to_string())
            }
            Some("token@example.com") => {
                let user = user(9, "token@example.com");
                answer("200 OK", &json!({"refresh": "r", "access": token(1), "user": user}).to_string())
            }
            _ if head.starts_with("GET") => answer("200 OK", "no json"),
            _ => answer("200 OK", "{}"),
        }
    })
    .await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Shadow, &[]).await;
    for name in ["status", "fields", "lie", "token"] {
        generator::sign_in(&world, name, PASSWORD).await;
    }
    assert_eq!(generator::profile(&world, "x").await.body, "no json");
    let counts = counts(&world).await;
    let different: BTreeMap<String, u64> = of(&counts, Tally::Different).into_iter().collect();
    let has = |what: &str| different.keys().any(|place| place.contains(what));
    assert!(has("POST /api/sign-in/: status ") && has("and not 418"), "{different:?}");
    assert_eq!(different["GET /api/profile/: status 401 and not 200"], 1, "{different:?}");
    let lies = of(&counts, Tally::Lied);
    assert!(lies.iter().any(|(what, _)| what == "sign_in: another_user"), "{counts:?}");
    assert!(lies.iter().any(|(what, _)| what == "sign_in: two_users"), "{counts:?}");
    for name in ["status", "lie", "token", "other"] {
        assert_eq!(id_of(&world, &format!("{name}@example.com")).await, None, "{name}");
    }
    // Nothing of what was typed or answered is among the counts.
    let all = counts.iter().map(|counted| counted.detail.as_str()).collect::<String>();
    assert!(!all.contains("example.com") && !all.contains(PASSWORD), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_application_that_hangs_or_is_gone_is_told_in_the_words_of_the_dialect() {
    let old = Old::silent().await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Shadow, &[]).await;
    let began = Instant::now();
    let reply = generator::sign_in(&world, "ana", PASSWORD).await;
    assert_eq!((reply.status, reply.header("content-type")), (503, Some("application/json")), "{reply:?}");
    assert!(reply.header("retry-after").is_some() && began.elapsed() < Duration::from_secs(5));
    // Whoever asks something else meanwhile does not wait.
    let (slow, quick) = tokio::join!(generator::profile(&world, "x"), async {
        let began = Instant::now();
        assert_eq!(world.ask("GET", "/health/live", "", "").await.status, 200);
        began.elapsed()
    });
    assert!(slow.status == 503 && quick < Duration::from_secs(1), "{quick:?}");
    let counts = counts(&world).await;
    assert!(of(&counts, Tally::Unavailable).iter().any(|(why, _)| why == "timed_out"), "{counts:?}");
    assert_eq!(sum(&counts, Tally::Compared), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_goes_through_whole() {
    let old = Old::new(|_, body| answer("200 OK", &json!({"bytes": body.len()}).to_string())).await;
    let world = ours("auths-v1", &old.address.to_string(), Phase::Shadow, &[]).await;
    let picture = base64::engine::general_purpose::STANDARD.encode(vec![7; 600_000]);
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n{picture}\r\n--b--\r\n"
    );
    let headers = "Content-Type: multipart/form-data; boundary=b\r\n";
    let reply = world.ask("POST", "/api/v1/users/7/avatar", headers, &body).await;
    assert_eq!(reply.json()["bytes"], body.len());
    let counts = counts(&world).await;
    assert_eq!(sum(&counts, Tally::Compared) + sum(&counts, Tally::NotCompared), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_up_there_a_moment_before_shadow_ended_is_somebody_here() {
    let old = before(DIALECT).await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Shadow, &[]).await;
    let mut made = Vec::new();
    for number in 0..10 {
        let reply = generator::sign_up(&world, &format!("ana{number}")).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        made.push(generator::access(&reply));
    }
    // In force at once, as on a node that looks just now: nothing but the requests themselves waits.
    let engine = world.app.engine();
    assert!(engine.set_phase(DIALECT, (None, Phase::Shadow), Phase::Cut).await.unwrap());
    world.app.takeovers().take(&engine.phases().await.unwrap());
    for access in &made {
        let profile = generator::profile(&world, access).await;
        assert_eq!(profile.status, 200, "{profile:?}");
    }
    let counts = counts(&world).await;
    assert_eq!(sum(&counts, Tally::CarriedOver), 10, "{counts:?}");
}

/// The middle of some times.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_the_requests_wait_at_most_five_milliseconds_longer() {
    let old = before(DIALECT).await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Shadow, &[]).await;
    let access = generator::access(&generator::sign_up(&world, "ana").await);
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        for (server, times) in [(&old, &mut direct), (&world, &mut through)] {
            let began = Instant::now();
            assert_eq!(generator::profile(server, &access).await.status, 200);
            times.push(began.elapsed());
        }
    }
    let (direct, through) = (median(direct), median(through));
    assert!(through < direct + Duration::from_millis(5), "{direct:?} and {through:?}");
    let counts = counts(&world).await;
    assert_eq!(sum(&counts, Tally::Compared) + sum(&counts, Tally::NotCompared), 201, "{counts:?}");
}
