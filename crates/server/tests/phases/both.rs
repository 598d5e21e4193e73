//! Are both applications kept in step while this server answers, and is there a way back?

use super::generator::{self, DIALECT};
use super::old::{Old, Says, json as answer};
use super::*;

/// Both, in dual.
async fn pair() -> (World, World) {
    let old = before(DIALECT).await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Dual, &[]).await;
    (old, world)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_up_has_one_id_at_both_and_changes_are_made_at_both() {
    let (old, world) = pair().await;
    assert_eq!(generator::sign_up(&old, "early").await.status, 201);
    let made = generator::sign_up(&world, "ana").await;
    assert_eq!(made.status, 201, "{made:?}");
    let (id, access) = (made.json()["user"]["id"].as_i64().unwrap(), generator::access(&made));
    assert_eq!((id_of(&world, "ana").await, id_of(&old, "ana").await), (Some(id), Some(id)));
    assert_eq!(generator::sign_in(&old, "ana", PASSWORD).await.status, 200);

    assert_eq!(generator::update(&world, (id, &access), &json!({"first_name": "Anna"})).await.status, 200);
    let there = old.app.engine().find_user(&Who::parse("ana")).await.unwrap().unwrap();
    assert_eq!(there.first_name, "Anna");

    // Who is only there: refused in their words, and nothing is made here.
    let refused = generator::sign_up(&world, "early").await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(id_of(&world, "early").await, None);

    assert_eq!(generator::delete(&world, (id, &access)).await.status, 204);
    assert_eq!((id_of(&world, "ana").await, id_of(&old, "ana").await), (None, None));
    let counts = counts(&world).await;
    assert_eq!(of(&counts, Tally::OutOfStep), [], "{counts:?}");
    assert_eq!(of(&counts, Tally::Refused), [("sign_up".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_answer_names_no_id_a_sign_in_there_does() {
    let old = before("uk-travel").await;
    let world = ours("uk-travel", &old.address.to_string(), Phase::Dual, &[]).await;
    let sign_up = async |world: &World, name: &str| {
        world.post("/api/user/register/", &json!({"username": name, "password": PASSWORD}).to_string()).await
    };
    assert_eq!(sign_up(&old, "early").await.status, 201);
    assert_eq!(sign_up(&world, "ana").await.status, 201);
    let id = id_of(&old, "ana").await;
    assert!(id.is_some() && id_of(&world, "ana").await == id, "{id:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_belongs_to_somebody_here_is_never_given_to_another() {
    let (old, world) = pair().await;
    // Both gave ids of their own meanwhile, as after a cut and a way back.
    enter(&world, DIALECT, Phase::Cut).await;
    let mine = generator::sign_up(&world, "mine").await;
    enter(&world, DIALECT, Phase::Dual).await;
    let reply = generator::sign_up(&world, "ana").await;
    assert_eq!(reply.status, 500, "{reply:?}");
    assert_eq!(id_of(&old, "ana").await, mine.json()["user"]["id"].as_i64());
    assert_eq!(id_of(&world, "ana").await, None);
    let counts = counts(&world).await;
    assert_eq!(of(&counts, Tally::OutOfStep), [("sign_up: id_taken".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_either_are_good_at_the_other_there_and_back() {
    let (old, world) = pair().await;
    let made = generator::sign_up(&world, "ana").await;
    let ours_in = generator::sign_in(&world, "ana", PASSWORD).await;
    let theirs_in = generator::sign_in(&old, "ana", PASSWORD).await;
    for reply in [&made, &ours_in, &theirs_in] {
        for server in [&world, &old] {
            let profile = generator::profile(server, &generator::access(reply)).await;
            assert_eq!((profile.status, &profile.json()["username"]), (200, &json!("ana")), "{profile:?}");
            let renewed = generator::renew(server, &generator::refresh(reply)).await;
            assert_eq!(renewed.status, 200, "{renewed:?}");
        }
    }
    // Back to shadow and forth to cut: nobody signs in again.
    for phase in [Phase::Shadow, Phase::Dual, Phase::Cut, Phase::Dual, Phase::Shadow] {
        enter(&world, DIALECT, phase).await;
        for reply in [&ours_in, &theirs_in] {
            let profile = generator::profile(&world, &generator::access(reply)).await;
            assert_eq!(profile.status, 200, "{phase:?}: {profile:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_application_that_hangs_holds_up_no_sign_in_of_somebody_who_is_here() {
    let old = Old::silent().await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Dual, &[]).await;
    let add = engine::NewUserRequest {
        username: Some("ana".into()),
        email: Some("ana@example.com".into()),
        password: Some(domain::secret::Secret::new(PASSWORD)),
        ..engine::NewUserRequest::default()
    };
    let id = world.app.engine().add_user(add).await.unwrap().id.0;
    let signed_in = generator::sign_in(&world, "ana", PASSWORD).await;
    let access = generator::access(&signed_in);
    // As many sign-ups as it may be asked at once hang, and more come.
    let hanging = async {
        let all = (0..40).map(|n| async move { format!("new{n}") });
        let mut replies = Vec::new();
        let mut set = tokio::task::JoinSet::new();
        let address = world.address;
        for name in all {
            let name = name.await;
            set.spawn(async move { raw_sign_up(address, &name).await });
        }
        while let Some(reply) = set.join_next().await {
            replies.push(reply.unwrap());
        }
        replies
    };
    let known = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..5 {
            let began = Instant::now();
            assert_eq!(generator::sign_in(&world, "ana", PASSWORD).await.status, 200);
            assert_eq!(generator::profile(&world, &access).await.status, 200);
            slowest = slowest.max(began.elapsed());
        }
        slowest
    };
    let (replies, slowest) = tokio::join!(hanging, known);
    assert!(replies.iter().all(|status| *status == 503), "{replies:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // What could not be told there is counted and noted, with the user.
    let began = Instant::now();
    let update = generator::update(&world, (id, &access), &json!({"first_name": "Anna"})).await;
    assert!(update.status == 200 && began.elapsed() < Duration::from_secs(4), "{update:?}");
    let counts = counts(&world).await;
    let missed = of(&counts, Tally::OutOfStep);
    assert!(missed.len() == 1 && missed[0].0.starts_with("update_profile: "), "{counts:?}");
    let query = engine::EventQuery::default();
    let events = world.app.engine().events(&query, 1000).await.unwrap();
    let noted = events.iter().find(|noted| noted.entry.kind == "out_of_step").unwrap();
    assert_eq!(noted.entry.user, Some(id));
}

async fn raw_sign_up(address: std::net::SocketAddr, name: &str) -> u16 {
    let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD,
        "first_name": "A", "last_name": "B", "number_phone": "123456789"})
    .to_string();
    let request = format!(
        "POST /api/sign-up/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut wire = world::Wire(tokio::net::TcpStream::connect(address).await.unwrap());
    wire.send(request).await;
    Reply::parse(&wire.rest().await).status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_old_application_refuses_is_counted_and_stands_here() {
    let old = Old::new(|head, _| match head.split(' ').next() {
        Some("PUT") => answer("500 Broken", "{}"),
        _ => Says::Nothing,
    })
    .await;
    let world = ours(DIALECT, &old.address.to_string(), Phase::Cut, &[]).await;
    let made = generator::sign_up(&world, "ana").await;
    let (id, access) = (made.json()["user"]["id"].as_i64().unwrap(), generator::access(&made));
    assert_eq!(old.count(), 0, "in cut nobody asks");
    enter(&world, DIALECT, Phase::Dual).await;
    assert_eq!(generator::update(&world, (id, &access), &json!({"first_name": "Anna"})).await.status, 200);
    assert_eq!(old.count(), 1);
    let counts = counts(&world).await;
    assert_eq!(of(&counts, Tally::OutOfStep), [("update_profile: failed".to_owned(), 1)]);
    let here = world.app.engine().find_user(&Who::parse("ana")).await.unwrap().unwrap();
    assert_eq!(here.first_name, "Anna");
}
