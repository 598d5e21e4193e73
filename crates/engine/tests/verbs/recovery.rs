//! What do the letters and their links promise?

use crate::world::{PASSWORD, World, access, opaque, refresh, sign_up};
use countersign_engine::{OperatorError, Post, UserChange, Who};
use domain::command::{Command, Login, UpdateProfile};
use domain::house::RecoveryRules;
use domain::input::Rule;
use domain::letter::Letter;
use domain::link::LinkKind;
use domain::outcome::Outcome;
use domain::refusal::Refusal;
use domain::secret::{Secret, SecretBytes};
use domain::user::Status;
use std::sync::Arc;

const NEW: &str = "a brand new passphrase";
const MAIL: RecoveryRules = RecoveryRules { mail: true, ..RecoveryRules::DEFAULT };

async fn world() -> World {
    World::with_recovery(opaque(), MAIL).await
}

/// The native contract's side of recovery.
async fn strict(recovery: RecoveryRules) -> World {
    let mut contract = opaque();
    contract.sign_up_can_wait = true;
    contract.has_change_email = true;
    World::with_recovery(contract, recovery).await
}

impl World {
    /// An account whose mailbox was proved.
    async fn add_verified(&self, name: &str) {
        self.add(name).await;
        let change = UserChange { email_verified: Some(true), ..UserChange::default() };
        self.engine.edit_user(&Who::parse(name), &change).await.unwrap();
    }

    pub async fn letters(&self, letter: Letter, to: &str) -> Vec<Post> {
        let waiting = self.engine.letters_waiting(None, 1000).await.unwrap();
        waiting.into_iter().filter(|post| post.letter == letter && post.to == to).collect()
    }

    /// The token in the newest letter of a kind, as its reader finds it.
    pub async fn token(&self, letter: Letter, to: &str) -> String {
        let link = self.letters(letter, to).await.last().unwrap().link.unwrap();
        self.engine.link_token(LinkKind::of(letter).unwrap(), link).expose().to_owned()
    }

    async fn ask_reset(&self, email: &str) -> Result<Outcome, Refusal> {
        self.ask(None, Command::RequestReset { login: Login::Email(email.into()) }).await
    }

    async fn reset(&self, token: &str, new: &str) -> Result<Outcome, Refusal> {
        self.ask(None, Command::ResetPassword { token: Secret::new(token), new: Secret::new(new) }).await
    }

    async fn verify(
        &self,
        token: &str,
        bearer: Option<&str>,
        password: Option<&str>,
    ) -> Result<Outcome, Refusal> {
        let password = password.map(Secret::new);
        self.ask(bearer, Command::VerifyEmail { token: Secret::new(token), password }).await
    }

    async fn change_email(&self, access: &str, email: &str, password: &str) -> Result<Outcome, Refusal> {
        let command = Command::ChangeEmail { email: email.into(), password: Secret::new(password) };
        self.ask(Some(access), command).await
    }

    async fn confirm(&self, token: &str, access: Option<&str>) -> Result<Outcome, Refusal> {
        self.ask(access, Command::ConfirmEmail { token: Secret::new(token), password: None }).await
    }

    async fn undo(&self, token: &str) -> Result<Outcome, Refusal> {
        self.ask(None, Command::UndoEmail { token: Secret::new(token) }).await
    }

    async fn register(&self, username: &str, email: &str) -> Result<Outcome, Refusal> {
        self.ask(None, Command::SignUp(Box::new(sign_up(username, email, PASSWORD)))).await
    }
}

const JANE: &str = "jane@Example.com";

/// SEC-13: one answer for somebody, nobody and somebody who is switched off; a letter for the first one only.
#[tokio::test]
async fn a_request_tells_nothing_and_writes_one_letter() {
    let world = world().await;
    world.add_verified("jane").await;
    world.add("john").await;
    world.engine.disable_user(&Who::parse("john")).await.unwrap();
    for email in [JANE, "john@example.com", "nobody@example.com", "not an address"] {
        assert!(matches!(world.ask_reset(email).await, Ok(Outcome::LetterAsked)), "{email}");
        let again = Command::RequestVerification { email: email.into() };
        assert!(matches!(world.ask(None, again).await, Ok(Outcome::LetterAsked)), "{email}");
    }
    let waiting = world.engine.letters_waiting(None, 1000).await.unwrap();
    // Jane's address is verified, John is switched off: one reset letter in all, to the stored spelling (SEC-30).
    assert_eq!(
        waiting.iter().map(|post| (post.letter, post.to.as_str())).collect::<Vec<_>>(),
        [(Letter::ResetPassword, JANE)]
    );
}

/// SEC-27: one letter a minute, five an hour, to one address, for one purpose; also of parallel requests.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_five_letters_an_hour_however_often_they_are_asked_for() {
    let world = Arc::new(world().await);
    world.add_verified("jane").await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.ask_reset(JANE).await })
        })
        .collect();
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Ok(Outcome::LetterAsked)));
    }
    let count = async || world.letters(Letter::ResetPassword, JANE).await.len();
    assert_eq!(count().await, 1, "20 at once");
    for _ in 0..100 {
        world.advance(20);
        assert!(matches!(world.ask_reset(JANE).await, Ok(Outcome::LetterAsked)));
    }
    assert_eq!(count().await, 5, "100 within the hour");
    world.advance(3600);
    world.ask_reset(JANE).await.unwrap();
    assert_eq!(count().await, 6);
}

/// SEC-39: once, in time, and only the newest; 20 at once are one success.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_is_used_once() {
    let world = Arc::new(world().await);
    world.add_verified("jane").await;
    world.ask_reset(JANE).await.unwrap();
    let older = world.token(Letter::ResetPassword, JANE).await;
    world.advance(61);
    world.ask_reset(JANE).await.unwrap();
    let token = world.token(Letter::ResetPassword, JANE).await;
    assert_eq!(world.reset(&older, NEW).await.unwrap_err(), Refusal::LinkInvalid);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (world, token) = (world.clone(), token.clone());
            let new = format!("{NEW} number {number}");
            tokio::spawn(async move { world.reset(&token, &new).await.map(|_| new) })
        })
        .collect();
    let mut set = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(new) => set.push(new),
            Err(refusal) => assert_eq!(refusal, Refusal::LinkInvalid),
        }
    }
    assert_eq!(set.len(), 1);
    assert!(world.try_sign_in("jane", &set[0]).await.is_ok());
    assert_eq!(world.letters(Letter::PasswordChanged, JANE).await.len(), 1, "SEC-46: one notice");
    world.advance(61);
    world.ask_reset(JANE).await.unwrap();
    let late = world.token(Letter::ResetPassword, JANE).await;
    world.advance(30 * 60);
    assert_eq!(world.reset(&late, NEW).await.unwrap_err(), Refusal::LinkInvalid, "after 30 minutes");
}

/// SEC-41, SEC-43: no token comes of it, and everything that relied on the old password ends.
#[tokio::test]
async fn a_reset_ends_everything_and_gives_nothing() {
    let world = world().await;
    world.add_verified("jane").await;
    let (one, two) = (world.sign_in("jane").await, world.sign_in("jane").await);
    world.change_email(access(&one), "new@example.com", PASSWORD).await.unwrap();
    let pending = world.token(Letter::ConfirmEmail, "new@example.com").await;
    world.ask_reset(JANE).await.unwrap();
    let outcome = world.reset(&world.token(Letter::ResetPassword, JANE).await, NEW).await.unwrap();
    assert!(outcome.tokens().is_none() && outcome.user().is_none());
    for tokens in [&one, &two] {
        assert_eq!(world.who(access(tokens)).await.unwrap_err(), Refusal::TokenRevoked);
        assert_eq!(world.refresh(refresh(tokens)).await.unwrap_err(), Refusal::TokenRevoked);
    }
    assert!(world.try_sign_in("jane", PASSWORD).await.is_err());
    let tokens = world.try_sign_in("jane", NEW).await.unwrap();
    assert_eq!(world.confirm(&pending, Some(access(&tokens))).await.unwrap_err(), Refusal::LinkInvalid);
}

/// SEC-43: links die with the password, the status, the address and the account they were sent for.
#[tokio::test]
async fn a_link_dies_with_what_it_was_sent_for() {
    let edit = |change: UserChange| change;
    for case in ["password", "operator", "status", "address", "deleted"] {
        let world = world().await;
        world.add_verified("jane").await;
        let tokens = world.sign_in("jane").await;
        world.ask_reset(JANE).await.unwrap();
        let token = world.token(Letter::ResetPassword, JANE).await;
        let who = Who::parse("jane");
        match case {
            "password" => drop(world.change_password(access(&tokens), PASSWORD, NEW).await.unwrap()),
            "operator" => {
                drop(world.engine.set_password(&who, &Secret::new(NEW), None).await.unwrap());
            }
            "status" => {
                world.engine.disable_user(&who).await.unwrap();
                let back = edit(UserChange { status: Some(Status::Active), ..UserChange::default() });
                world.engine.edit_user(&who, &back).await.unwrap();
            }
            "address" => {
                let other =
                    edit(UserChange { email: Some(Some("o@example.com".into())), ..UserChange::default() });
                world.engine.edit_user(&who, &other).await.unwrap();
            }
            _ => drop(world.engine.delete_user(&who).await.unwrap()),
        }
        assert_eq!(
            world.reset(&token, "one more passphrase").await.unwrap_err(),
            Refusal::LinkInvalid,
            "{case}"
        );
    }
}

/// SEC-36: an attacker signs up with a victim's address and keeps what he can; the victim's reset ends all of it.
#[tokio::test]
async fn nothing_prepared_before_the_first_proof_outlives_it() {
    let world = world().await;
    let attacker = world.register("jane", "victim@example.com").await.unwrap();
    let tokens = attacker.tokens().unwrap();
    world.change_email(access(tokens), "evil@example.com", PASSWORD).await.unwrap();
    let seed = SecretBytes::new([7; 20]);
    world.engine.adopt_totp(&Who::parse("jane"), &seed).await.unwrap();
    let pending = world.token(Letter::ConfirmEmail, "evil@example.com").await;
    world.ask_reset("victim@example.com").await.unwrap();
    let link = world.token(Letter::ResetPassword, "victim@example.com").await;
    world.reset(&link, NEW).await.unwrap();
    assert!(world.who(access(tokens)).await.is_err());
    assert!(world.refresh(refresh(tokens)).await.is_err());
    assert!(world.try_sign_in("jane", PASSWORD).await.is_err());
    assert!(world.confirm(&pending, Some(access(tokens))).await.is_err());
    let victim = world.try_sign_in("jane", NEW).await.unwrap();
    let user = world.who(access(&victim)).await.unwrap();
    assert_eq!((user.email.as_deref(), user.email_verified), (Some("victim@example.com"), true));
    assert!(!user.second_factor, "the attacker's phone is not asked");
    // SEC-41: the next reset proves a mailbox that was proved before; the owner's own factor stays.
    world.engine.adopt_totp(&Who::parse("jane"), &seed).await.unwrap();
    world.advance(120);
    world.ask_reset("victim@example.com").await.unwrap();
    let link = world.token(Letter::ResetPassword, "victim@example.com").await;
    world.reset(&link, "yet another new passphrase").await.unwrap();
    let refused = world.try_sign_in("jane", "yet another new passphrase").await.unwrap_err();
    assert_eq!(refused.code(), "factor_required");
}

/// SEC-36: the owner of a mailbox who opens the link of an account that somebody else made does not bless it.
#[tokio::test]
async fn a_link_alone_verifies_nothing() {
    let world = world().await;
    let owner = world.register("jane", JANE).await.unwrap();
    world.add("john").await;
    let stranger = world.sign_in("john").await;
    let token = world.token(Letter::VerifyEmail, JANE).await;
    let required =
        |refusal: Refusal| matches!(refusal, Refusal::InvalidInput(flaws) if flaws[0].rule == Rule::Required);
    assert!(required(world.verify(&token, None, None).await.unwrap_err()));
    assert!(required(world.verify(&token, Some(access(&stranger)), None).await.unwrap_err()));
    assert_eq!(world.verify(&token, None, Some("wrong")).await.unwrap_err(), Refusal::InvalidCredentials);
    let tokens = owner.tokens().unwrap();
    assert!(!world.who(access(tokens)).await.unwrap().email_verified);
    world.verify(&token, Some(access(tokens)), None).await.unwrap();
    assert!(world.who(access(tokens)).await.unwrap().email_verified, "and the session goes on");
    assert_eq!(world.verify(&token, Some(access(tokens)), None).await.unwrap_err(), Refusal::LinkInvalid);
}

/// SEC-35: 20 uses at once are one success.
#[tokio::test(flavor = "multi_thread")]
async fn a_verification_link_is_used_once() {
    let world = Arc::new(world().await);
    let outcome = world.register("jane", JANE).await.unwrap();
    let bearer = access(outcome.tokens().unwrap()).to_owned();
    let token = world.token(Letter::VerifyEmail, JANE).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (world, token, bearer) = (world.clone(), token.clone(), bearer.clone());
            tokio::spawn(async move { world.verify(&token, Some(&bearer), None).await.is_ok() })
        })
        .collect();
    let mut good = 0;
    for task in tasks {
        good += usize::from(task.await.unwrap());
    }
    assert_eq!(good, 1);
}

/// SEC-37: no door gives a token before the address is verified.
#[tokio::test]
async fn require_verified_means_no_tokens() {
    let world = World::with_recovery(opaque(), RecoveryRules { require_verified: true, ..MAIL }).await;
    assert_eq!(world.register("jane", JANE).await.unwrap_err(), Refusal::EmailUnverified);
    assert_eq!(world.try_sign_in("jane", PASSWORD).await.unwrap_err(), Refusal::EmailUnverified);
    assert_eq!(world.try_sign_in("jane", "wrong").await.unwrap_err(), Refusal::InvalidCredentials);
    world.verify(&world.token(Letter::VerifyEmail, JANE).await, None, Some(PASSWORD)).await.unwrap();
    let tokens = world.try_sign_in("jane", PASSWORD).await.unwrap();
    let unverified = UserChange { email_verified: Some(false), ..UserChange::default() };
    world.engine.edit_user(&Who::parse("jane"), &unverified).await.unwrap();
    assert_eq!(world.refresh(refresh(&tokens)).await.unwrap_err(), Refusal::TokenUserInactive);
}

/// SEC-14: the same answer for a new and a taken address; the owner is told, once a minute.
#[tokio::test]
async fn a_strict_sign_up_tells_only_the_mailbox() {
    let world = strict(MAIL).await;
    world.add_verified("jane").await;
    let hashes = || world.engine.hash_gauges().hashes_total;
    let before = hashes();
    assert!(matches!(world.register("new", "new@example.com").await, Ok(Outcome::SignUpPending)));
    let new = hashes() - before;
    assert!(matches!(world.register("other", "JANE@example.com").await, Ok(Outcome::SignUpPending)));
    assert_eq!(hashes() - before, 2 * new, "as many hashes");
    assert!(matches!(world.register("another", JANE).await, Ok(Outcome::SignUpPending)));
    assert_eq!(world.letters(Letter::VerifyEmail, "new@example.com").await.len(), 1);
    assert_eq!(world.letters(Letter::AlreadySignedUp, JANE).await.len(), 1);
    assert_eq!(world.engine.list_users(None, 10).await.unwrap().len(), 2);
    // A user name is seen by others anyway; one that is taken is told.
    assert!(matches!(world.register("jane", "x@example.com").await, Err(Refusal::Taken(_))));
}

/// SEC-34, SEC-45: a profile does not change an address without the password, or before it was confirmed.
#[tokio::test]
async fn no_profile_gets_round_the_confirmation() {
    let edit = || {
        let email = Some("new@example.com".into());
        let request = UpdateProfile { email, first_name: Some("J".into()), ..UpdateProfile::default() };
        Command::UpdateProfile(Box::new(request))
    };
    let native = strict(MAIL).await;
    native.add_verified("jane").await;
    let tokens = native.sign_in("jane").await;
    let refusal = native.ask(Some(access(&tokens)), edit()).await.unwrap_err();
    assert!(matches!(refusal, Refusal::InvalidInput(flaws) if flaws[0].rule == Rule::Unconfirmed));
    // A contract without the verb: the other fields change, the address is asked for.
    let world = world().await;
    world.add_verified("jane").await;
    let tokens = world.sign_in("jane").await;
    let outcome = world.ask(Some(access(&tokens)), edit()).await.unwrap();
    let user = outcome.user().unwrap();
    assert_eq!((user.email.as_deref(), user.first_name.as_str()), (Some(JANE), "J"));
    assert_eq!(world.letters(Letter::EmailChangeAsked, JANE).await.len(), 1);
    let token = world.token(Letter::ConfirmEmail, "new@example.com").await;
    world.confirm(&token, Some(access(&tokens))).await.unwrap();
    assert_eq!(world.who(access(&tokens)).await.unwrap().email.as_deref(), Some("new@example.com"));
}

/// SEC-45: of two changes only the last can be confirmed, and only by its own mailbox.
#[tokio::test]
async fn only_the_last_change_of_address_can_be_confirmed() {
    let world = strict(MAIL).await;
    world.add_verified("jane").await;
    let tokens = world.sign_in("jane").await;
    let bearer = Some(access(&tokens));
    world.change_email(access(&tokens), "own@example.com", PASSWORD).await.unwrap();
    let own = world.token(Letter::ConfirmEmail, "own@example.com").await;
    world.change_email(access(&tokens), "victim@example.com", PASSWORD).await.unwrap();
    assert_eq!(world.confirm(&own, bearer).await.unwrap_err(), Refusal::LinkInvalid);
    assert_eq!(world.who(access(&tokens)).await.unwrap().email.as_deref(), Some(JANE));
    assert_eq!(
        world.change_email(access(&tokens), "x@example.com", "wrong").await.unwrap_err(),
        Refusal::InvalidCredentials
    );
}

/// SEC-45: the former owner takes the address back, whatever was changed since, and whoever changed it is out.
#[tokio::test]
async fn the_way_back_outlives_a_second_change_and_a_new_password() {
    let world = strict(MAIL).await;
    world.add_verified("jane").await;
    let thief = world.sign_in("jane").await;
    for address in ["thief@example.com", "again@example.com"] {
        world.change_email(access(&thief), address, PASSWORD).await.unwrap();
        world.confirm(&world.token(Letter::ConfirmEmail, address).await, Some(access(&thief))).await.unwrap();
    }
    world.change_password(access(&thief), PASSWORD, NEW).await.unwrap();
    assert_eq!(world.letters(Letter::EmailChanged, JANE).await.len(), 1, "SEC-46: one notice");
    // Kept for its owner: nobody can sign up with it meanwhile.
    world.register("squatter", JANE).await.unwrap();
    assert_eq!(world.engine.list_users(None, 10).await.unwrap().len(), 1);
    world.undo(&world.token(Letter::EmailChanged, JANE).await).await.unwrap();
    assert_eq!(world.who(access(&thief)).await.unwrap_err(), Refusal::TokenRevoked);
    assert!(world.try_sign_in("jane", NEW).await.is_err(), "the thief's password is void");
    world.reset(&world.token(Letter::ResetPassword, JANE).await, "the owner's new one").await.unwrap();
    let owner = world.try_sign_in("jane", "the owner's new one").await.unwrap();
    assert_eq!(world.who(access(&owner)).await.unwrap().email.as_deref(), Some(JANE));
}

/// SEC-46: one notice per change, to the address held before it, without a link or the new secret.
#[tokio::test]
async fn every_change_is_told_once_to_the_address_held_before() {
    let world = world().await;
    world.add_verified("jane").await;
    let tokens = world.sign_in("jane").await;
    world.change_password(access(&tokens), PASSWORD, NEW).await.unwrap();
    let told = world.letters(Letter::PasswordChanged, JANE).await;
    assert_eq!((told.len(), told[0].link), (1, None));
    world.engine.set_password(&Who::parse("jane"), &Secret::new(PASSWORD), None).await.unwrap();
    assert_eq!(world.letters(Letter::PasswordChanged, JANE).await.len(), 2);
    let other = UserChange { email: Some(Some("o@example.com".into())), ..UserChange::default() };
    world.engine.edit_user(&Who::parse("jane"), &other).await.unwrap();
    let told = world.letters(Letter::EmailChanged, JANE).await;
    assert_eq!((told.len(), told[0].link), (1, None), "an operator's change has no way back");
}

/// SEC-47: the operator sends a letter and chooses no password; the one in force stays until it is used.
#[tokio::test]
async fn an_operator_starts_a_reset_or_invites() {
    let world = world().await;
    world.add_verified("jane").await;
    world.engine.start_reset(&Who::parse("jane")).await.unwrap();
    assert!(world.try_sign_in("jane", PASSWORD).await.is_ok());
    world.reset(&world.token(Letter::ResetPassword, JANE).await, NEW).await.unwrap();
    world.engine.invite(&Who::parse("jane")).await.unwrap();
    let token = world.token(Letter::Invitation, JANE).await;
    world.advance(7 * 86_400 - 1);
    world.reset(&token, PASSWORD).await.unwrap();
    let off = World::new(opaque()).await;
    off.add("jane").await;
    let refused = off.engine.start_reset(&Who::parse("jane")).await.unwrap_err();
    assert!(matches!(refused, OperatorError::Refused(sentence) if sentence.contains("no letters")));
}

/// SEC-35: looking at a link changes nothing; nothing is seen of one that can not be used.
#[tokio::test]
async fn looking_at_a_link_does_not_use_it() {
    let world = world().await;
    world.add_verified("jane").await;
    world.ask_reset(JANE).await.unwrap();
    let token = world.token(Letter::ResetPassword, JANE).await;
    for _ in 0..3 {
        let seen = world.engine.look_at_link(&Secret::new(token.as_str())).await.unwrap().unwrap();
        assert_eq!((seen.kind, seen.address.as_deref()), (LinkKind::ResetPassword, Some(JANE)));
    }
    world.reset(&token, NEW).await.unwrap();
    for text in [token.as_str(), "", " ", "csl_"] {
        assert_eq!(world.engine.look_at_link(&Secret::new(text)).await.unwrap(), None, "{text:?}");
    }
}

/// Where no letters are delivered none is written, and what needs one is refused.
#[tokio::test]
async fn without_mail_nothing_pretends() {
    let world = World::new(opaque()).await;
    world.register("jane", JANE).await.unwrap();
    assert_eq!(world.ask_reset(JANE).await.unwrap_err(), Refusal::MailOff);
    let tokens = world.sign_in("jane").await;
    world.change_password(access(&tokens), PASSWORD, NEW).await.unwrap();
    assert_eq!(
        world.change_email(access(&tokens), "n@example.com", NEW).await.unwrap_err(),
        Refusal::MailOff
    );
    assert!(world.engine.letters_waiting(None, 10).await.unwrap().is_empty());
}
