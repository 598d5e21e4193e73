//! Is a new password looked up, on every path, and what if nobody answers? (SEC-06)

use crate::world::{PASSWORD, World, access, opaque, sign_up};
use countersign_engine::{Breaches, NewUserRequest, UserChange, Who};
use domain::breach::{BreachFault, Fingerprint};
use domain::command::{Command, Login};
use domain::contract::{Contract, PasswordPolicy, Purpose};
use domain::house::RecoveryRules;
use domain::input::Rule;
use domain::letter::Letter;
use domain::link::LinkKind;
use domain::outcome::Outcome;
use domain::password::prepare;
use domain::refusal::Refusal;
use domain::secret::Secret;
use std::sync::{Arc, Mutex};

/// Passes every rule of the native policy.
const BREACHED: &str = "leaked but long enough";
const SAFE: &str = "nobody has ever seen this";
/// SHA-1 of `BREACHED`.
const DIGITS: &str = "4607074EEA1FD8094F0ED8C6BA36B7A9D84515FC";

/// What was asked for.
type Asked = Arc<Mutex<Vec<String>>>;

fn native() -> Contract {
    Contract { passwords: PasswordPolicy::NATIVE, ..opaque() }
}

/// A world whose service answers with this.
async fn world(contract: Contract, answer: Result<String, BreachFault>) -> (World, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let breaches = Breaches::new(move |prefix| {
        seen.lock().unwrap().push(prefix.as_str().to_owned());
        let answer = answer.clone();
        async move { answer }
    });
    let mail = RecoveryRules { mail: true, ..RecoveryRules::DEFAULT };
    (World::with_breaches(contract, mail, breaches).await, asked)
}

/// Lists `BREACHED`, whatever prefix is asked for.
fn listed() -> Result<String, BreachFault> {
    Ok(format!("0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n{}:77", &DIGITS[5..]))
}

fn refused(answer: Result<Outcome, Refusal>) -> Vec<Rule> {
    let Err(Refusal::InvalidInput(flaws)) = answer else { panic!("{answer:?}") };
    flaws.into_iter().map(|flaw| flaw.rule).collect()
}

/// Events about look-ups: the verb and the reason.
async fn failures(world: &World) -> Vec<(String, String)> {
    let failed = world.events().await.into_iter().filter(|event| event.entry.kind == "breach_lookup_failed");
    failed.map(|event| (event.entry.verb.into_owned(), event.entry.details.into_owned())).collect()
}

async fn make(world: &World, name: &str, password: &str) -> Result<Outcome, Refusal> {
    let request = sign_up(name, &format!("{name}@example.com"), password);
    world.ask(None, Command::SignUp(Box::new(request))).await
}

/// A link to a new password, as the letter has it.
async fn reset_token(world: &World) -> Secret {
    let verified = UserChange { email_verified: Some(true), ..UserChange::default() };
    let jane = world.engine.edit_user(&Who::parse("jane"), &verified).await.unwrap();
    let login = Login::Email(jane.email.unwrap());
    world.ask(None, Command::RequestReset { login }).await.unwrap();
    let letters = world.engine.letters_waiting(None, 10).await.unwrap();
    let link = letters.into_iter().find(|post| post.letter == Letter::ResetPassword).unwrap().link.unwrap();
    world.engine.link_token(LinkKind::of(Letter::ResetPassword).unwrap(), link)
}

fn on_the_console(password: &str) -> NewUserRequest {
    NewUserRequest {
        username: Some("console".into()),
        password: Some(Secret::new(password)),
        policy: Some(PasswordPolicy { min_length: 8, ..PasswordPolicy::NATIVE }),
        ..NewUserRequest::default()
    }
}

#[test]
fn the_digits_are_those_of_the_password() {
    let prepared = prepare(BREACHED).unwrap();
    assert_eq!(Fingerprint::of(&prepared).prefix().as_str(), &DIGITS[..5]);
    assert_eq!(Fingerprint::of(&prepared).is_in(&listed().unwrap()), Ok(true));
}

#[tokio::test]
async fn a_breached_password_is_refused_on_every_path() {
    let (world, asked) = world(native(), listed()).await;
    world.add("jane").await;
    let tokens = world.sign_in("jane").await;
    assert!(asked.lock().unwrap().is_empty(), "neither signing in nor a password without a policy asks");

    assert_eq!(refused(make(&world, "bob", BREACHED).await), [Rule::PasswordCommon]);
    let change = world.change_password(access(&tokens), PASSWORD, BREACHED).await;
    assert_eq!(refused(change), [Rule::PasswordCommon]);
    let token = reset_token(&world).await;
    let reset = |new: &str| Command::ResetPassword { token: token.clone(), new: Secret::new(new) };
    assert_eq!(refused(world.ask(None, reset(BREACHED)).await), [Rule::PasswordCommon]);
    let policy = on_the_console("").policy;
    let set = world.engine.set_password(&Who::parse("jane"), &Secret::new(BREACHED), policy.as_ref()).await;
    assert!(set.unwrap_err().to_string().contains("password_common"));
    let add = world.engine.add_user(on_the_console(BREACHED)).await;
    assert!(add.unwrap_err().to_string().contains("password_common"));
    assert_eq!(*asked.lock().unwrap(), [&DIGITS[..5]; 5]);

    assert!(world.try_sign_in("jane", PASSWORD).await.is_ok());
    world.ask(None, reset(SAFE)).await.unwrap();
    assert!(world.try_sign_in("jane", SAFE).await.is_ok());
    make(&world, "bob", SAFE).await.unwrap();
    assert!(failures(&world).await.is_empty());
}

// SEC-06, SEC-91
#[tokio::test]
async fn the_first_administrators_password_is_looked_up_too() {
    let contract = Contract { purpose: Purpose::Administration, ..native() };
    let (world, asked) = world(contract, listed()).await;
    let token = world.engine.offer_bootstrap("test").await.unwrap().unwrap();
    let bootstrap = |password: &str| {
        let (email, password) = ("root@example.com".to_owned(), Secret::new(password));
        Command::Admin(domain::admin::AdminCommand::Bootstrap { token: token.clone(), email, password })
    };
    assert_eq!(refused(world.ask(None, bootstrap(BREACHED)).await), [Rule::PasswordCommon]);
    world.ask(None, bootstrap(SAFE)).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn without_an_answer_the_password_is_taken_and_that_is_noted_once() {
    for (answer, reason) in [
        (Err(BreachFault::TimedOut), "timed_out"),
        (Err(BreachFault::Unreachable), "unreachable"),
        (Err(BreachFault::TooLarge), "too_large"),
        (Err(BreachFault::Status), "status"),
        (Ok("what is this".to_owned()), "unreadable"),
    ] {
        let (world, _) = world(native(), answer).await;
        world.add("jane").await;
        let tokens = world.sign_in("jane").await;
        make(&world, "bob", BREACHED).await.unwrap();
        world.change_password(access(&tokens), PASSWORD, SAFE).await.unwrap();
        let (token, new) = (reset_token(&world).await, Secret::new(BREACHED));
        world.ask(None, Command::ResetPassword { token, new }).await.unwrap();
        world.engine.add_user(on_the_console(BREACHED)).await.unwrap();
        let policy = on_the_console("").policy;
        world.engine.set_password(&Who::parse("bob"), &Secret::new(SAFE), policy.as_ref()).await.unwrap();
        let mut noted = failures(&world).await;
        noted.sort();
        let verbs = ["change_password", "reset_password", "sign_up", "user add", "user set-password"];
        let details = format!("{{\"reason\":\"{reason}\"}}");
        assert_eq!(noted, verbs.map(|verb| (verb.to_owned(), details.clone())));
    }
}

// SEC-14
#[tokio::test]
async fn the_service_is_asked_alike_whether_the_address_is_taken_or_new() {
    let (world, asked) = world(native(), Err(BreachFault::TimedOut)).await;
    make(&world, "jane", SAFE).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert!(make(&world, "jane", SAFE).await.is_err());
    assert_eq!(asked.lock().unwrap().len(), 2);
    assert_eq!(failures(&world).await.len(), 2, "noted although the sign-up was refused");
}

#[tokio::test]
async fn only_what_no_other_rule_refuses_is_asked_about() {
    let (world, asked) = world(native(), listed()).await;
    for word in ["short", "bob@example.com", "qwertyuiop12345", ""] {
        assert!(make(&world, "bob", word).await.is_err(), "{word}");
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_contract_that_takes_common_passwords_asks_nobody() {
    let weak = PasswordPolicy { min_length: 8, refuse_common: false, refuse_numeric: false };
    let (world, asked) = self::world(Contract { passwords: weak, ..opaque() }, listed()).await;
    make(&world, "bob", BREACHED).await.unwrap();
    assert!(asked.lock().unwrap().is_empty());
}
