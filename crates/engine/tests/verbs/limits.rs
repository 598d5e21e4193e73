//! How often may a password be tried, by whom, and what ends the wait? (SEC-11, SEC-17…27)

use crate::base::{Base, ON_POSTGRES};
use crate::world::{PASSWORD, World, access, jwt, opaque, refresh, sign_up};
use countersign_engine::{NewUserRequest, UserChange, Who};
use domain::caller::Caller;
use domain::command::{Command, Login};
use domain::limit::{Limits, Rate, Throttle};
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::secret::Secret;
use domain::user::Status;
use std::sync::Arc;

/// The account alone counts: no client, no detector.
const ACCOUNT_ONLY: Limits = Limits {
    client_requests: Rate::new(100_000, 1),
    client_failures: [Rate::new(100_000, 1), Rate::new(100_000, 1)],
    ..Limits::DEFAULT
};

async fn world() -> World {
    World::limited(opaque(), ACCOUNT_ONLY).await
}

/// A caller from an address, with a device token.
fn caller<'w>(world: &'w World, address: &str, device: Option<&str>) -> Caller<'w> {
    Caller { address: address.into(), device: device.map(Secret::new), ..world.caller(None) }
}

async fn enter(world: &World, caller: Caller<'_>, login: Login, password: &str) -> Result<Tokens, Refusal> {
    let command = Command::SignIn { login, password: Secret::new(password), exact: false, otp: None };
    match world.engine.perform(&caller, command).await {
        Ok(outcome) => Ok(outcome.tokens().unwrap().clone()),
        Err(countersign_engine::Error::Refused(refusal)) => Err(refusal),
        Err(countersign_engine::Error::Fault(fault)) => panic!("{fault}"),
    }
}

fn hashes(world: &World) -> u64 {
    world.engine.hash_gauges().hashes_total
}

fn seconds(refusal: &Refusal) -> u32 {
    let Refusal::Throttled(throttle) = refusal else { panic!("{refusal:?}") };
    throttle.seconds
}

/// Tries until the account has to wait; gives how many were looked at.
async fn exhaust(world: &World, name: &str) -> u32 {
    for tried in 0.. {
        if let Err(Refusal::Throttled(_)) = world.try_sign_in(name, "wrong").await {
            return tried;
        }
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_parallel_guesses_no_more_are_looked_at_than_the_budget_has() {
    // SEC-18
    let world = Arc::new(world().await);
    world.add("jane").await;
    let before = hashes(&world);
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let world = world.clone();
            let password = if number == 99 { PASSWORD.to_owned() } else { format!("wrong {number}") };
            tokio::spawn(async move { world.try_sign_in("jane", &password).await.map(|_| ()) })
        })
        .collect();
    let mut throttled = 0;
    for task in tasks {
        throttled += u32::from(matches!(task.await.unwrap(), Err(Refusal::Throttled(_))));
    }
    let looked_at = 200 - throttled;
    // Should the right one be among the first five, the five begin anew once.
    assert!((5..=10).contains(&looked_at), "{looked_at}");
    assert!(hashes(&world) - before <= u64::from(looked_at) + 1);
}

#[tokio::test]
async fn a_guesser_with_all_the_time_in_the_world_gets_a_hundred_guesses_and_no_more() {
    // SEC-17
    let world = World::limited(opaque(), Limits::DEFAULT).await;
    let user = world.add("jane").await;
    let before = hashes(&world);
    let mut looked_at = 0;
    for number in 0..120 {
        let address = format!("198.51.100.{number}");
        let wrong = enter(&world, caller(&world, &address, None), Login::Username("jane".into()), "wrong");
        let refusal = wrong.await.unwrap_err();
        if let Refusal::Throttled(throttle) = refusal {
            world.advance(i64::from(throttle.seconds));
        } else {
            assert_eq!(refusal, Refusal::InvalidCredentials);
            looked_at = hashes(&world) - before;
            world.advance(900);
        }
    }
    assert_eq!(looked_at, 100);
    world.advance(10 * 365 * 86_400);
    assert_eq!(world.try_sign_in("jane", PASSWORD).await.unwrap_err(), Refusal::InvalidCredentials);
    assert_eq!(hashes(&world) - before, 100);
    // A reset opens it again, and the new password works at once.
    let new = Secret::new("another correct horse");
    world.engine.set_password(&Who::Id(user.id), &new, None).await.unwrap();
    assert!(world.try_sign_in("jane", new.expose()).await.is_ok());
}

#[tokio::test]
async fn a_wait_is_as_long_as_it_was_told_and_then_the_next_try_is_looked_at() {
    // SEC-25
    let world = world().await;
    world.add("jane").await;
    assert_eq!(exhaust(&world, "jane").await, 5);
    for expected in [1, 2, 4, 8] {
        let refusal = world.try_sign_in("jane", "wrong").await.unwrap_err();
        assert_eq!(
            refusal,
            Refusal::Throttled(Throttle { policy: "account", quota: 5, window: 0, seconds: expected })
        );
        world.advance(i64::from(seconds(&refusal)) - 1);
        assert!(
            expected == 1 || matches!(world.try_sign_in("jane", PASSWORD).await, Err(Refusal::Throttled(_)))
        );
        world.advance(1);
        assert_eq!(world.try_sign_in("jane", "wrong").await.unwrap_err(), Refusal::InvalidCredentials);
    }
    world.advance(16);
    // The right password ends the row.
    assert!(world.try_sign_in("jane", PASSWORD).await.is_ok());
    assert_eq!(exhaust(&world, "jane").await, 5);
}

#[tokio::test]
async fn all_spellings_of_a_person_share_one_budget_also_where_only_one_spelling_gets_in() {
    // SEC-19
    for exact in [false, true] {
        let world = world().await;
        world.add("jane").await;
        let spellings = [
            Login::Email("jane@example.com".into()),
            Login::Email(" JANE@Example.COM ".into()),
            Login::Either("Jane@example.com".into()),
            Login::Username("jane".into()),
            Login::Username(" jane\u{a0}".into()),
            Login::Either("jane".into()),
        ];
        let mut looked_at = 0;
        for login in spellings.iter().chain(&spellings) {
            let command =
                Command::SignIn { login: login.clone(), password: Secret::new("wrong"), exact, otp: None };
            looked_at += u32::from(!matches!(world.ask(None, command).await, Err(Refusal::Throttled(_))));
        }
        assert_eq!(looked_at, 5, "exact: {exact}");
    }
}

#[tokio::test]
async fn one_who_does_not_exist_is_throttled_like_one_who_does() {
    // SEC-11
    let world = world().await;
    world.add("jane").await;
    world.add("off").await;
    let change = UserChange { status: Some(Status::Inactive), ..UserChange::default() };
    world.engine.edit_user(&Who::parse("off"), &change).await.unwrap();
    let mute = NewUserRequest { username: Some("mute".into()), ..NewUserRequest::default() };
    world.engine.add_user(mute).await.unwrap();
    let mut rows = Vec::new();
    // A right password of an account that is off counts as what it looks like.
    for (name, password) in [("jane", "wrong"), ("nobody", "wrong"), ("off", PASSWORD), ("mute", "wrong")] {
        let mut row = Vec::new();
        for _ in 0..20 {
            let refusal = world.try_sign_in(name, password).await.unwrap_err();
            row.push(if let Refusal::Throttled(throttle) = refusal { Some(throttle) } else { None });
        }
        rows.push(row);
    }
    assert_eq!(rows[0].iter().flatten().count(), 15);
    assert!(rows.iter().all(|row| *row == rows[0]), "{rows:?}");
}

#[tokio::test]
async fn every_door_where_a_password_is_asked_for_takes_from_one_budget() {
    // SEC-20
    let world = world().await;
    world.add("jane").await;
    let tokens = world.sign_in("jane").await;
    let bearer = Some(access(&tokens));
    let wrong = || Secret::new("wrong");
    let doors: [Box<dyn Fn() -> Command>; 4] = [
        Box::new(|| Command::SignIn {
            login: Login::Username("jane".into()),
            password: wrong(),
            exact: false,
            otp: None,
        }),
        Box::new(|| Command::ChangePassword { current: wrong(), new: Secret::new("a new long password") }),
        Box::new(|| Command::DeleteAccount { target: None, password: Some(wrong()) }),
        Box::new(|| Command::Reauthenticate { password: wrong(), otp: None }),
    ];
    let mut refusals = Vec::new();
    for door in &doors {
        for _ in 0..2 {
            refusals.push(world.ask(bearer, door()).await.unwrap_err());
        }
    }
    let throttled = |refusal: &Refusal| matches!(refusal, Refusal::Throttled(_));
    assert!(!refusals[..5].iter().any(throttled) && refusals[5..].iter().all(throttled), "{refusals:?}");
    for door in &doors {
        assert!(throttled(&world.ask(bearer, door()).await.unwrap_err()));
    }
}

#[tokio::test]
async fn a_known_device_is_not_locked_out_by_strangers_and_they_stay_locked_out() {
    // SEC-24
    let world = World::limited(opaque(), Limits::DEFAULT).await;
    let user = world.add("jane").await;
    world.add("john").await;
    let jane = || Login::Username("jane".into());
    let device = world.sign_in("jane").await.device.unwrap().token;
    let of_john = world.sign_in("john").await.device.unwrap().token;
    for number in 0..1000_u32 {
        let address = format!("198.51.{}.{}", number / 250, number % 250);
        drop(enter(&world, caller(&world, &address, None), jane(), "wrong").await);
        if number % 100 == 0 {
            world.advance(900);
        }
    }
    let with = |token: &str| caller(&world, "203.0.113.5", Some(token));
    for token in ["", "csd_x", of_john.expose(), &device.expose()[1..]] {
        let refusal = enter(&world, with(token), jane(), PASSWORD).await.unwrap_err();
        assert!(matches!(refusal, Refusal::Throttled(_)), "{token}: {refusal:?}");
    }
    let tokens = enter(&world, with(device.expose()), jane(), PASSWORD).await.unwrap();
    // The success of the device is no gift to the strangers.
    let stranger = enter(&world, caller(&world, "198.51.100.250", None), jane(), "wrong").await.unwrap_err();
    assert!(matches!(stranger, Refusal::Throttled(_)));
    // The device has a budget of its own, and it is the same device after another sign-in.
    let again = tokens.device.unwrap().token;
    for token in [&device, &again].into_iter().cycle().take(10) {
        let wrong = enter(&world, with(token.expose()), jane(), "wrong").await.unwrap_err();
        assert_eq!(wrong, Refusal::InvalidCredentials);
    }
    let refusal = enter(&world, with(again.expose()), jane(), PASSWORD).await.unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Throttled(Throttle { policy: "device", quota: 10, window: 600, seconds: 60 })
    );
    // After a reset nobody needs a device, and the old one is none any more.
    let new = Secret::new("another correct horse");
    world.engine.set_password(&Who::Id(user.id), &new, None).await.unwrap();
    assert!(enter(&world, caller(&world, "203.0.113.5", None), jane(), new.expose()).await.is_ok());
    assert_eq!(exhaust(&world, "jane").await, 5);
    let refusal = enter(&world, with(again.expose()), jane(), new.expose()).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Throttled(throttle) if throttle.policy == "account"));
}

#[tokio::test]
async fn a_device_is_forgotten_after_ninety_days() {
    // SEC-24
    let world = world().await;
    world.add("jane").await;
    let device = world.sign_in("jane").await.device.unwrap();
    assert_eq!(device.expires_at.seconds() - world.now().seconds(), 90 * 86_400);
    let with = || caller(&world, "203.0.113.5", Some(device.token.expose()));
    let jane = || Login::Username("jane".into());
    world.advance(90 * 86_400);
    assert_eq!(exhaust(&world, "jane").await, 5);
    assert!(enter(&world, with(), jane(), PASSWORD).await.is_ok());
    world.advance(1);
    assert!(exhaust(&world, "jane").await <= 1);
    assert!(matches!(enter(&world, with(), jane(), PASSWORD).await, Err(Refusal::Throttled(_))));
}

#[tokio::test]
async fn an_operator_lifts_the_limits_and_a_running_server_sees_it() {
    // SEC-24
    let world = world().await;
    world.add("jane").await;
    assert_eq!(exhaust(&world, "jane").await, 5);
    world.engine.clear_limits(&Who::parse("jane")).await.unwrap();
    assert!(world.try_sign_in("jane", PASSWORD).await.is_ok());
    assert!(world.engine.clear_limits(&Who::parse("nobody")).await.is_err());
}

#[tokio::test]
async fn one_password_on_twenty_accounts_blocks_the_client_and_is_written_down() {
    // SEC-26
    let world = World::limited(opaque(), Limits::DEFAULT).await;
    let mut blocked = 0;
    for number in 0..20 {
        world.add(&format!("user{number}")).await;
    }
    for number in 0..20 {
        let refusal = world.try_sign_in(&format!("user{number}"), "Summer2024!").await.unwrap_err();
        if let Refusal::Throttled(throttle) = refusal {
            assert_eq!((throttle.policy, throttle.seconds), ("pairs", 86_400));
            blocked += 1;
        }
    }
    assert_eq!(blocked, 4);
    assert!(matches!(world.try_sign_in("user0", PASSWORD).await, Err(Refusal::Throttled(_))));
    let elsewhere =
        enter(&world, caller(&world, "203.0.113.5", None), Login::Username("user0".into()), PASSWORD);
    assert!(elsewhere.await.is_ok());
    world.advance(86_400);
    assert!(world.try_sign_in("user0", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_client_signs_up_ten_people_an_hour_and_flaws_of_its_own_cost_nothing() {
    // SEC-27
    let world = World::limited(opaque(), Limits::DEFAULT).await;
    for _ in 0..15 {
        let flawed = world.ask(None, Command::SignUp(Box::new(sign_up("x", "x@example.com", "short")))).await;
        assert!(matches!(flawed, Err(Refusal::InvalidInput(_))), "{flawed:?}");
    }
    world.advance(60);
    for number in 0..10 {
        let request = sign_up(&format!("u{number}"), &format!("u{number}@example.com"), PASSWORD);
        assert!(world.ask(None, Command::SignUp(Box::new(request))).await.is_ok());
    }
    let request = || Command::SignUp(Box::new(sign_up("more", "more@example.com", PASSWORD)));
    let refusal = world.ask(None, request()).await.unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Throttled(Throttle { policy: "sign-ups", quota: 10, window: 3600, seconds: 360 })
    );
    world.advance(360);
    assert!(world.ask(None, request()).await.is_ok());
}

#[tokio::test]
async fn a_client_may_ask_sixty_times_a_minute_thirty_at_once() {
    let world = World::limited(opaque(), Limits::DEFAULT).await;
    let ask = || Command::CheckEmail { email: "jane@example.com".into() };
    for _ in 0..30 {
        assert!(matches!(world.ask(None, ask()).await, Ok(Outcome::EmailChecked { .. })));
    }
    let refusal = world.ask(None, ask()).await.unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Throttled(Throttle { policy: "requests", quota: 60, window: 60, seconds: 1 })
    );
    world.advance(1);
    assert!(world.ask(None, ask()).await.is_ok());
}

#[tokio::test]
async fn a_family_is_exchanged_thirty_times_a_minute() {
    for contract in [opaque(), jwt()] {
        let world = World::limited(contract, Limits::DEFAULT).await;
        world.add("jane").await;
        let mut tokens = world.sign_in("jane").await;
        for _ in 0..30 {
            tokens = world.refresh(refresh(&tokens)).await.unwrap();
        }
        let refusal = world.refresh(refresh(&tokens)).await.unwrap_err();
        assert_eq!(
            refusal,
            Refusal::Throttled(Throttle { policy: "refreshes", quota: 30, window: 60, seconds: 2 })
        );
        // Another family is none the worse, and the wait ends.
        let other = world.sign_in("jane").await;
        assert!(world.refresh(refresh(&other)).await.is_ok());
        world.advance(2);
        assert!(world.refresh(refresh(&tokens)).await.is_ok());
    }
}

#[tokio::test]
async fn a_restart_is_no_new_start_for_a_guesser_whether_the_account_exists_or_not() {
    // SEC-11, SEC-17
    let base = Base::that_stays();
    let world = World::kept(opaque(), ACCOUNT_ONLY, base.place()).await;
    world.add("jane").await;
    let names = ["jane", "nobody"];
    for name in names {
        assert_eq!(exhaust(&world, name).await, 5);
        world.advance(1);
        assert!(!matches!(world.try_sign_in(name, "wrong").await, Err(Refusal::Throttled(_))));
    }
    let World { engine, .. } = world;
    engine.close();
    let world = World::kept(opaque(), ACCOUNT_ONLY, base.place()).await;
    for name in names {
        // Six failures in a row, so two seconds; the time of day went back meanwhile, and the wait begins anew.
        assert_eq!(seconds(&world.try_sign_in(name, PASSWORD).await.unwrap_err()), 2, "{name}");
    }
    // Where nodes share what they count, each look goes by the stored moment: the second that went back counts, too.
    world.advance(if ON_POSTGRES { 3 } else { 2 });
    assert!(world.try_sign_in("jane", PASSWORD).await.is_ok());
    let World { engine, .. } = world;
    engine.close();
    let world = World::kept(opaque(), ACCOUNT_ONLY, base.place()).await;
    // Budgets that nodes share are full again when the last try of the clock before is past.
    world.advance(10);
    assert_eq!(exhaust(&world, "jane").await, 5);
}
