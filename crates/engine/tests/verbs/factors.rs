//! What do second factors promise when somebody plays against them?

use crate::base::Base;
use crate::world::{PASSWORD, World, access, jwt, opaque, refresh, sign_up};
use countersign_engine::Who;
use domain::command::{Command, Login};
use domain::contract::{Contract, FactorWays};
use domain::factor::{base32, totp};
use domain::house::House;
use domain::outcome::{Outcome, Tokens};
use domain::refusal::Refusal;
use domain::role::Role;
use domain::secret::{Secret, SecretBytes};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

const SEED: &[u8; 20] = b"12345678901234567890";

fn asking(contract: Contract) -> Contract {
    Contract { factors: FactorWays { half_way: true, field: true, suffix: true }, ..contract }
}

/// Jane, whose authenticator app has [`SEED`].
async fn world(contract: Contract) -> Arc<World> {
    let world = World::new(contract).await;
    let user = world.add("jane").await;
    world.engine.adopt_totp(&Who::Id(user.id), &SecretBytes::new(*SEED)).await.unwrap();
    Arc::new(world)
}

fn code(world: &World, steps: i64) -> String {
    totp::code(SEED, totp::step_of(world.now()) + steps)
}

async fn sign_in(world: &World, otp: Option<&str>) -> Result<Outcome, Refusal> {
    let (login, password) = (Login::Username("jane".into()), Secret::new(PASSWORD));
    world.ask(None, Command::SignIn { login, password, exact: false, otp: otp.map(Secret::new) }).await
}

async fn half_way(world: &World) -> Secret {
    let Outcome::FactorNeeded { half_way, enrol: false } = sign_in(world, None).await.unwrap() else {
        panic!("nothing was asked for")
    };
    half_way.token
}

async fn answer(world: &World, half_way: &Secret, otp: &str) -> Result<Outcome, Refusal> {
    world.ask(None, Command::AnswerFactor { half_way: half_way.clone(), otp: Secret::new(otp) }).await
}

fn tokens(outcome: &Outcome) -> &Tokens {
    outcome.tokens().unwrap()
}

/// How often twenty at once succeed, and with which refusals the others end.
async fn twenty(world: &Arc<World>, otp: String) -> (usize, BTreeSet<&'static str>) {
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (world, otp) = (Arc::clone(world), otp.clone());
            tokio::spawn(async move { sign_in(&world, Some(&otp)).await })
        })
        .collect();
    let (mut successes, mut refusals) = (0, BTreeSet::new());
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => successes += 1,
            Err(refusal) => drop(refusals.insert(refusal.code())),
        }
    }
    (successes, refusals)
}

// SEC-80
#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_with_one_code_are_one_success() {
    let world = world(asking(opaque())).await;
    let (successes, refusals) = twenty(&world, code(&world, 0)).await;
    assert_eq!(successes, 1);
    assert!(refusals.iter().all(|code| ["factor_wrong", "throttled"].contains(code)), "{refusals:?}");
}

// SEC-81
#[tokio::test]
async fn three_steps_are_accepted_each_in_its_turn() {
    for (steps, accepted) in
        [(-3, false), (-2, false), (-1, true), (0, true), (1, true), (2, false), (3, false)]
    {
        let world = world(asking(opaque())).await;
        assert_eq!(sign_in(&world, Some(&code(&world, steps))).await.is_ok(), accepted, "{steps}");
    }
}

// SEC-82
#[tokio::test]
async fn new_sign_ins_do_not_give_new_guesses_and_a_hundred_wrong_ones_lock() {
    let world = world(asking(opaque())).await;
    let (mut evaluated, mut last) = (0, None);
    while last != Some(Refusal::FactorLocked) {
        let half_way = half_way(&world).await;
        last = answer(&world, &half_way, "000000").await.err();
        evaluated += usize::from(last == Some(Refusal::FactorWrong));
        world.advance(if evaluated % 10 == 0 { 3600 } else { 30 });
        assert!(evaluated <= 100, "{evaluated}");
    }
    assert_eq!(evaluated, 100);
    let right = code(&world, 0);
    assert_eq!(sign_in(&world, Some(&right)).await.unwrap_err(), Refusal::FactorLocked);
    let locked = world.events().await.iter().filter(|noted| noted.entry.kind == "factor_locked").count();
    assert_eq!(locked, 1);
}

// SEC-82
#[tokio::test(flavor = "multi_thread")]
async fn parallel_wrong_codes_do_not_outrun_the_budget() {
    let world = world(asking(opaque())).await;
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { sign_in(&world, Some("000000")).await.unwrap_err() })
        })
        .collect();
    let mut evaluated = 0;
    for task in tasks {
        evaluated += usize::from(task.await.unwrap() == Refusal::FactorWrong);
    }
    assert_eq!(evaluated, 5);
}

// SEC-83
#[tokio::test]
async fn a_half_way_token_opens_nothing_but_the_answer_of_its_contract_and_dies_with_the_password() {
    let mut world = World::new(asking(opaque())).await;
    let user = world.add("jane").await;
    let who = Who::Id(user.id);
    world.engine.adopt_totp(&who, &SecretBytes::new(*SEED)).await.unwrap();
    let token = half_way(&world).await;
    let otp = || Secret::new("123456");
    let password = || Secret::new(PASSWORD);
    for command in [
        Command::WhoAmI,
        Command::ShowFactor,
        Command::ListSessions,
        Command::SignOutEverywhere,
        Command::RemoveFactor { password: password(), otp: otp() },
        Command::MakeRecoveryCodes { password: password(), otp: otp() },
        Command::EnrolFactor { half_way: None, password: Some(password()), otp: Some(otp()) },
        Command::EnrolFactor { half_way: Some(token.clone()), password: None, otp: None },
        Command::ConfirmFactor { half_way: Some(token.clone()), otp: otp() },
        Command::Refresh { token: token.clone() },
        Command::ChangePassword { current: password(), new: Secret::new("another long phrase") },
        Command::DeleteAccount { target: None, password: Some(password()) },
    ] {
        let verb = command.verb().name();
        assert_eq!(
            world.ask(Some(token.expose()), command).await.unwrap_err(),
            Refusal::TokenInvalid,
            "{verb}"
        );
    }
    let right = code(&world, 0);
    world.contract.name = "other".into();
    assert_eq!(answer(&world, &token, &right).await.unwrap_err(), Refusal::TokenInvalid);
    world.contract.name = "opaque".into();
    world.engine.set_password(&who, &Secret::new("another long phrase"), None).await.unwrap();
    assert_eq!(answer(&world, &token, &right).await.unwrap_err(), Refusal::TokenInvalid);
}

// SEC-84
#[tokio::test]
async fn no_door_gives_a_token_before_the_code() {
    let contracts = [opaque(), asking(opaque()), jwt(), asking(jwt())];
    for contract in contracts {
        let world = World::new(contract).await;
        let user = world.add("jane").await;
        let before = world.sign_in("jane").await;
        world.engine.adopt_totp(&Who::Id(user.id), &SecretBytes::new(*SEED)).await.unwrap();
        let by_password = sign_in(&world, None).await;
        assert!(!by_password.is_ok_and(|outcome| outcome.tokens().is_some()), "the password alone");
        assert_eq!(
            world.refresh(refresh(&before)).await.unwrap_err(),
            Refusal::TokenRevoked,
            "an old session"
        );
    }
    // A refresh token that the application itself signed before the move.
    let world = world(jwt()).await;
    let now = world.now().seconds();
    let claims = json!({"token_type": "refresh", "user_id": 1, "jti": "0123", "iat": now, "exp": now + 600});
    let foreign = world.application_token(&claims);
    assert_eq!(world.refresh(&foreign).await.unwrap_err(), Refusal::TokenRevoked);
}

// SEC-84
#[tokio::test]
async fn a_new_account_whose_role_needs_a_factor_gets_no_tokens() {
    for (contract, asks) in [(opaque(), false), (asking(opaque()), true)] {
        let mut house = House::default();
        house.roles.0.insert("author".into(), Role { permissions: Vec::new(), needs_factor: true });
        let world = World::with_house(contract, house).await;
        let request = sign_up("ann", "ann@example.com", "a long enough phrase");
        let answer = world.ask(None, Command::SignUp(Box::new(request))).await;
        match answer {
            Ok(Outcome::FactorNeeded { enrol: true, half_way }) if asks => {
                let half_way = Some(half_way.token);
                let enrol = Command::EnrolFactor { half_way, password: None, otp: None };
                assert!(matches!(world.ask(None, enrol).await, Ok(Outcome::FactorEnrolling(_))));
            }
            Err(Refusal::FactorRequired) if !asks => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Enrols a factor for a new user; gives an access token, the seed and the recovery codes.
async fn enrolled(world: &World) -> (String, SecretBytes, Vec<Secret>) {
    world.add("jane").await;
    let session = world.sign_in("jane").await;
    let enrol = Command::EnrolFactor { half_way: None, password: Some(Secret::new(PASSWORD)), otp: None };
    let Ok(Outcome::FactorEnrolling(enrolment)) = world.ask(Some(access(&session)), enrol).await else {
        panic!("no enrolment")
    };
    let seed = base32::decode(enrolment.secret.expose()).unwrap();
    assert_eq!(seed.expose().len(), 20);
    let otp = Secret::new(totp::code(seed.expose(), totp::step_of(world.now())));
    let confirm = Command::ConfirmFactor { half_way: None, otp };
    let outcome = world.ask(Some(access(&session)), confirm).await.unwrap();
    assert_eq!(world.who(access(&session)).await.unwrap_err(), Refusal::TokenRevoked, "SEC-68");
    let Outcome::FactorConfirmed { recovery_codes, .. } = &outcome else { panic!("not confirmed") };
    (access(tokens(&outcome)).to_owned(), seed, recovery_codes.clone())
}

// SEC-87
#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_with_one_recovery_code_are_one_success_and_new_codes_cancel_the_rest() {
    let world = Arc::new(World::new(asking(opaque())).await);
    let (bearer, _, codes) = enrolled(&world).await;
    assert_eq!(codes.iter().map(Secret::expose).collect::<BTreeSet<_>>().len(), 10);
    let (successes, _) = twenty(&world, codes[0].expose().to_owned()).await;
    assert_eq!(successes, 1);
    world.advance(3600);
    assert_eq!(sign_in(&world, Some(codes[0].expose())).await.unwrap_err(), Refusal::FactorWrong);
    // So many in a row cost a pause.
    world.advance(30);
    // The access token of the enrolment is over by now; a recovery code opens a new session.
    assert!(world.who(&bearer).await.is_err());
    let session = sign_in(&world, Some(codes[1].expose())).await.unwrap();
    let make =
        Command::MakeRecoveryCodes { password: Secret::new(PASSWORD), otp: Secret::new(codes[2].expose()) };
    let Ok(Outcome::RecoveryCodes(new)) = world.ask(Some(access(tokens(&session))), make).await else {
        panic!("no new codes")
    };
    assert_eq!(sign_in(&world, Some(codes[3].expose())).await.unwrap_err(), Refusal::FactorWrong);
    assert!(sign_in(&world, Some(new[0].expose())).await.is_ok());
}

// SEC-86
#[tokio::test]
async fn seeds_and_codes_are_in_no_event_no_export_and_nowhere_in_the_database() {
    let base = Base::that_stays();
    let world = World::kept(asking(opaque()), domain::limit::Limits::OFF, base.place()).await;
    let (bearer, seed, codes) = enrolled(&world).await;
    world.engine.export_users(None, 10).await.unwrap();
    let shown = world.ask(Some(&bearer), Command::ShowFactor).await.unwrap();
    let said = format!(
        "{shown:?}{:?}{}",
        world.events().await.iter().map(|noted| &noted.entry).collect::<Vec<_>>(),
        serde_json::to_string(&world.engine.export_users(None, 10).await.unwrap()).unwrap()
    );
    let mut files = said.into_bytes();
    files.extend(base.at_rest());
    assert!(
        base.at_rest().windows(4).any(|four| four == b"jane"),
        "the files that were looked through are the right ones"
    );
    let plain: Vec<String> = codes.iter().map(|code| code.expose().replace('-', "")).collect();
    let mut secrets: Vec<&[u8]> = vec![seed.expose()];
    let text = base32::encode(seed.expose());
    secrets.push(text.as_bytes());
    secrets.extend(codes.iter().map(|code| code.expose().as_bytes()));
    secrets.extend(plain.iter().map(String::as_bytes));
    for secret in secrets {
        assert!(!files.windows(secret.len()).any(|window| window == secret), "a secret is at rest in clear");
    }
}

// SEC-85
#[tokio::test]
async fn the_operator_switches_a_factor_off_and_the_user_is_told() {
    let world = world(asking(opaque())).await;
    let token = half_way(&world).await;
    world.engine.factors_off(&Who::parse("jane")).await.unwrap();
    assert_eq!(answer(&world, &token, &code(&world, 0)).await.unwrap_err(), Refusal::TokenInvalid);
    assert!(sign_in(&world, None).await.unwrap().tokens().is_some());
    assert!(world.engine.factors_off(&Who::parse("jane")).await.is_err(), "there is none any more");
    assert!(world.events().await.iter().any(|noted| noted.entry.kind == "factor_removed"));
}
