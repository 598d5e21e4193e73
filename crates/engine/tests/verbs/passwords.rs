//! Which new passwords are refused, whichever way they come?

use crate::world::{PASSWORD, World, access, opaque, sign_up};
use countersign_engine::{NewUserRequest, UserChange, Who};
use domain::command::{Command, Login};
use domain::contract::{Contract, PasswordPolicy};
use domain::house::RecoveryRules;
use domain::input::Rule;
use domain::letter::Letter;
use domain::link::LinkKind;
use domain::refusal::Refusal;
use domain::secret::Secret;

/// From the top of the list, in spellings that people try.
const LISTED: [&str; 20] = [
    "password",
    "Password1",
    "123456789",
    "QWERTY123",
    "iloveyou",
    "abc123456",
    "football",
    "princess",
    "sunshine",
    "welcome1",
    "dragon",
    "monkey",
    "superman",
    "letmein",
    "trustno1",
    "michael",
    "shadow",
    "baseball",
    "1q2w3e4r",
    "passw0rd",
];

fn native() -> Contract {
    Contract { passwords: PasswordPolicy::NATIVE, ..opaque() }
}

fn rules(refusal: Refusal) -> Vec<Rule> {
    let Refusal::InvalidInput(flaws) = refusal else { panic!("{refusal:?}") };
    flaws.into_iter().map(|flaw| flaw.rule).collect()
}

async fn make(world: &World, name: &str, password: &str) -> Result<(), Vec<Rule>> {
    let request = sign_up(name, &format!("{name}@example.com"), password);
    world.ask(None, Command::SignUp(Box::new(request))).await.map(drop).map_err(rules)
}

// SEC-06
#[tokio::test]
async fn a_listed_password_is_refused_on_every_path() {
    let world = World::new(native()).await;
    world.add("jane").await;
    let tokens = world.sign_in("jane").await;
    let policy = PasswordPolicy::NATIVE;
    for word in LISTED {
        assert!(make(&world, "bob", word).await.unwrap_err().contains(&Rule::PasswordCommon), "{word}");
        let change = world.change_password(access(&tokens), PASSWORD, word).await.unwrap_err();
        assert!(rules(change).contains(&Rule::PasswordCommon), "{word}");
        // The console's own policy asks for less length, and refuses common ones all the same.
        let console = PasswordPolicy { min_length: 1, ..policy.clone() };
        let set = world.engine.set_password(&Who::parse("jane"), &Secret::new(word), Some(&console)).await;
        assert!(set.unwrap_err().to_string().contains("password_common"), "{word}");
        let request = NewUserRequest {
            username: Some("bob".into()),
            password: Some(Secret::new(word)),
            policy: Some(console),
            ..NewUserRequest::default()
        };
        assert!(world.engine.add_user(request).await.unwrap_err().to_string().contains("password_common"));
    }
    assert!(world.try_sign_in("jane", PASSWORD).await.is_ok());
    assert!(world.engine.find_user(&Who::parse("bob")).await.unwrap().is_none());
}

// SEC-06
#[tokio::test]
async fn a_listed_password_is_refused_at_a_reset_and_the_link_stays_good() {
    let mail = RecoveryRules { mail: true, ..RecoveryRules::DEFAULT };
    let world = World::with_recovery(native(), mail).await;
    world.add("jane").await;
    let verified = UserChange { email_verified: Some(true), ..UserChange::default() };
    let jane = world.engine.edit_user(&Who::parse("jane"), &verified).await.unwrap();
    let login = Login::Email(jane.email.unwrap());
    world.ask(None, Command::RequestReset { login }).await.unwrap();
    let link = world.engine.letters_waiting(None, 10).await.unwrap().pop().unwrap().link.unwrap();
    let token = world.engine.link_token(LinkKind::of(Letter::ResetPassword).unwrap(), link);
    let reset = async |new: &str| {
        world.ask(None, Command::ResetPassword { token: token.clone(), new: Secret::new(new) }).await
    };
    for word in LISTED {
        assert!(rules(reset(word).await.unwrap_err()).contains(&Rule::PasswordCommon), "{word}");
    }
    assert!(world.try_sign_in("jane", PASSWORD).await.is_ok());
    reset("a completely new secret").await.unwrap();
    assert!(world.try_sign_in("jane", "a completely new secret").await.is_ok());
}

// SEC-06
#[tokio::test]
async fn the_words_of_the_account_are_no_password_in_any_letter_case() {
    let world = World::new(native()).await;
    let name = "a.rather.long.name";
    for word in [name, "A.Rather.Long.NAME", "a.rather.long.name@example.com"] {
        assert_eq!(make(&world, name, word).await.unwrap_err(), [Rule::PasswordCommon], "{word}");
    }
    assert_eq!(make(&world, name, "another rather long name").await, Ok(()));
}

// SEC-01, SEC-02
#[tokio::test]
async fn lengths_are_counted_in_characters_after_preparation() {
    let world = World::new(native()).await;
    let table = [
        ("fourteen", "abcdefghijklmn".to_owned(), Err(vec![Rule::PasswordTooShort])),
        ("fifteen", "abcdefghijklmno".to_owned(), Ok(())),
        ("crabs", "🦀".repeat(15), Ok(())),
        // 15 letters when composed, more before: only what is left after NFC counts.
        ("composed", "e\u{301}".repeat(14), Err(vec![Rule::PasswordTooShort])),
        ("composed_more", "e\u{301}".repeat(15), Ok(())),
        ("longest", "x".repeat(256), Ok(())),
        ("longer", "x".repeat(257), Err(vec![Rule::PasswordTooLong])),
    ];
    for (name, password, expected) in table {
        assert_eq!(make(&world, name, &password).await, expected, "{name}");
    }
}

// SEC-04
#[tokio::test]
async fn the_same_text_is_the_same_password_however_it_was_typed() {
    let world = World::new(native()).await;
    make(&world, "jane", "caf\u{e9} \u{fb01}ve o'clock tea").await.unwrap();
    for (typed, expected) in [
        ("cafe\u{301} \u{fb01}ve o'clock tea", true),
        ("caf\u{e9} five o'clock tea", false),
        ("caf\u{e9}\u{a0}\u{fb01}ve o'clock tea", true),
        ("Caf\u{e9} \u{fb01}ve o'clock tea", false),
    ] {
        assert_eq!(world.try_sign_in("jane", typed).await.is_ok(), expected, "{typed:?}");
    }
}

// SEC-05
#[tokio::test]
async fn nothing_has_to_be_in_a_password_and_it_does_not_expire() {
    let world = World::new(native()).await;
    make(&world, "jane", "lowercaselettersonly").await.unwrap();
    world.advance(400 * 86_400);
    assert!(world.try_sign_in("jane", "lowercaselettersonly").await.is_ok());
}
