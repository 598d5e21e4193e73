//! May somebody come in who is not here, because another application knows them?
//!
//! Limits first, then the decoy, then the question: whoever guesses pays here what every guess costs, and the other
//! application is asked no more often than a password may be tried. What it says is believed as far as it can be true:
//! the user answered is the one who was asked for, and brings no rights along.

use super::check::{Checked, Claimed};
use super::sign_in::typed;
use super::{Shown, Turn};
use crate::elsewhere::{Elsewhere, Found};
use crate::error::{Error, Fault};
use crate::hasher::{Asker, Rank, Verified};
use crate::limit::Reserved;
use domain::change::{Change, Conflict};
use domain::command::Login;
use domain::contract::UserClaim;
use domain::event::{Actor, Detail, EventKind};
use domain::identifier::{EmailKey, UsernameKey};
use domain::phase::Tally;
use domain::refusal::Refusal;
use domain::rule::sign_in::refused_elsewhere;
use domain::secret::Secret;
use domain::token::Blind;
use domain::user::{NewUser, Status, StoredHash};

/// The longest text of a user that is taken over, in bytes.
const MAX_TEXT: usize = 1024;
/// The longest attributes of a user that are taken over, as JSON, in bytes.
const MAX_ATTRIBUTES: usize = 16 * 1024;

/// What came of the question.
pub(super) enum Met {
    /// The user is here now: look again. With the verdict on the password, if there is one.
    Here(Option<Checked>),
    /// No, and what the decoy took.
    Refused(Refusal, Verified),
}

/// A try that is under way.
struct Try<'a> {
    elsewhere: &'a Elsewhere,
    claimed: Claimed<'a>,
    account: Blind,
    reserved: Reserved,
    decoy: Verified,
    digest: Blind,
}

impl<'a> Turn<'a> {
    /// Who is asked for somebody who is not here; nobody in a rehearsal.
    pub(super) fn asks_elsewhere(&self) -> Option<&'a Elsewhere> {
        self.elsewhere.filter(|_| !self.is_rehearsal())
    }
}

impl Turn<'_> {
    /// Asks elsewhere for somebody who is not here. Refused: a budget is used up, or nobody answers there.
    pub(super) async fn meet(
        &self,
        elsewhere: &Elsewhere,
        login: &Login,
        password: &Secret,
    ) -> Result<Met, Error> {
        let claimed = Claimed::Nobody { typed: typed(login), spelt_otherwise: None };
        let Some((account, reserved)) = self.reserve(&claimed).await? else {
            return Ok(Met::Refused(Refusal::InvalidCredentials, super::check::OFF));
        };
        let decoy = self.verify(None, password, &reserved).await?;
        let digest = self.memory().digest(elsewhere.mount(), typed(login), password, self.engine.chance())?;
        let one = Try { elsewhere, claimed, account, reserved, decoy, digest };
        if let Some(refusal) = self.memory().heard(&one.digest, self.steady()) {
            elsewhere.count(Tally::Spared, "");
            return self.met_no(one, refusal, password).await;
        }
        elsewhere.count(Tally::Asked, "");
        match elsewhere.ask().await {
            Found::Right { mut shown, status } => match believed(login, &mut shown, self.user_claim()) {
                Ok(()) => self.met_right(one, login, (&shown, status), password).await,
                Err(why) => self.met_nothing(one, Tally::Lied, (1, why)).await,
            },
            Found::Refused(refusal) => {
                elsewhere.count(Tally::Refused, refusal.code());
                if !asks_for_more(&refusal) {
                    self.memory().remember(one.digest, refusal.clone(), self.steady());
                }
                self.met_no(one, refusal, password).await
            }
            Found::Unavailable { retry_seconds, why } => {
                self.met_nothing(one, Tally::Unavailable, (retry_seconds, why)).await
            }
            Found::Lied(why) => self.met_nothing(one, Tally::Lied, (1, why)).await,
        }
    }

    /// Says no as the contract does, and no sooner than for a wrong password.
    pub(super) async fn refuse_elsewhere<T>(&self, refusal: Refusal, decoy: Verified) -> Result<T, Error> {
        let judgement = refused_elsewhere(refusal.clone(), &self.scene);
        // A note relies on nothing.
        self.record(judgement).await?.ok();
        tokio::time::sleep(decoy.remaining_to_floor).await;
        Err(refusal.into())
    }

    async fn met_no(&self, one: Try<'_>, refusal: Refusal, password: &Secret) -> Result<Met, Error> {
        self.settle(&one.claimed, &one.account, password, one.decoy, &one.reserved).await?;
        Ok(Met::Refused(refusal, one.decoy))
    }

    /// Nobody learnt anything, so the try costs nothing; that it was in vain is noted, but not over and over.
    async fn met_nothing(
        &self,
        one: Try<'_>,
        what: Tally,
        (retry_seconds, why): (u32, &'static str),
    ) -> Result<Met, Error> {
        one.elsewhere.count(what, why);
        self.engine.limiter().release(&one.reserved);
        self.share_back(&one.reserved).await;
        let kind = if what == Tally::Lied { EventKind::UpstreamLied } else { EventKind::UpstreamUnavailable };
        self.tell_about(one.elsewhere, kind, why);
        Err(Refusal::Overloaded(retry_seconds.clamp(1, 60)).into())
    }

    async fn met_right(
        &self,
        one: Try<'_>,
        login: &Login,
        (shown, status): (&Shown, Status),
        password: &Secret,
    ) -> Result<Met, Error> {
        let hash = match self.hash_of_known(password).await {
            Ok(hash) => hash,
            Err(error) => {
                self.engine.limiter().release(&one.reserved);
                self.share_back(&one.reserved).await;
                return Err(error);
            }
        };
        if status == Status::Active {
            self.settle_right(&one.reserved, None).await;
        } else {
            self.settle(&one.claimed, &one.account, password, one.decoy, &one.reserved).await?;
        }
        match self.carry_over(one.elsewhere, (shown, status), hash.clone()).await? {
            Ok(()) => {
                one.elsewhere.count(Tally::CarriedOver, "");
                let verified = Verified { matches: true, outdated: false, ..one.decoy };
                Ok(Met::Here(Some(Checked::of(Some(hash), verified))))
            }
            // Another sign-in of the same user was quicker.
            Err(_) if self.who(login, false).await?.0.is_some() => Ok(Met::Here(None)),
            Err(conflict) => {
                one.elsewhere.count(Tally::NotFollowed, taken(conflict));
                self.tell_about(one.elsewhere, EventKind::UserNotCarriedOver, taken(conflict));
                self.memory().remember(one.digest, Refusal::InvalidCredentials, self.steady());
                Ok(Met::Refused(Refusal::InvalidCredentials, one.decoy))
            }
        }
    }

    /// Adds the user with its password and what the contract gives newcomers.
    async fn carry_over(
        &self,
        elsewhere: &Elsewhere,
        (shown, status): (&Shown, Status),
        hash: StoredHash,
    ) -> Result<Result<(), Conflict>, Error> {
        let user = self.newcomer_of(shown, Some(hash)).map_err(|_| Fault::Gone("the name of a new user"))?;
        let user = NewUser { status, ..user };
        let note = self.scene.event(EventKind::UserCarriedOver, None, None).by(Actor::User);
        let note = note.with(Detail::Mount(elsewhere.mount().to_owned())).with(Detail::Reason("signed_in"));
        let recorded = self.record(vec![Change::AddUser(Box::new(user)), note.noted()]).await?;
        Ok(recorded.map(|_| ()))
    }

    async fn hash_of_known(&self, password: &Secret) -> Result<StoredHash, Error> {
        let salt = self.engine.chance().bytes()?;
        let asker = Asker { client: self.share(), rank: self.rank(Rank::Next) };
        self.engine.hasher().write(asker, password, salt).await.map_err(super::hash_refused)
    }

    /// An event about the mount goes with the next list, unless one was written a moment ago.
    fn tell_about(&self, elsewhere: &Elsewhere, kind: EventKind, why: &'static str) {
        tracing::warn!(event = kind.name(), mount = elsewhere.mount(), why, "the old application");
        if self.memory().may_tell(elsewhere.mount(), kind, self.steady()) {
            let event = self.scene.event(kind, None, None).by(Actor::System);
            let event = event.with(Detail::Mount(elsewhere.mount().to_owned())).with(Detail::Reason(why));
            self.later([event.noted()]);
        }
    }

    fn user_claim(&self) -> UserClaim {
        self.caller.contract.access.claims.user.1
    }

    fn memory(&self) -> &crate::elsewhere::Memory {
        self.engine.elsewhere_memory()
    }

    fn steady(&self) -> u64 {
        self.engine.clock().steady_micros()
    }
}

/// Whether the password was right, so that the same one may be right with more.
const fn asks_for_more(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::FactorRequired | Refusal::FactorWrong | Refusal::FactorLocked)
}

const fn taken(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::EmailTaken => "email_taken",
        Conflict::UsernameTaken => "username_taken",
        Conflict::IdTaken => "id_taken",
        Conflict::Stale | Conflict::LastAdministrator | Conflict::BootstrapClosed => "stale",
    }
}

/// Whether the answer can be true. An identifier that it does not say is the one that was typed.
fn believed(login: &Login, shown: &mut Shown, claim: UserClaim) -> Result<(), &'static str> {
    if is_too_long(shown) {
        return Err("too_long");
    }
    if shown.id.is_some_and(|id| id.0 < 1) {
        return Err("bad_id");
    }
    let email = |text: &str| EmailKey::parse(text);
    let username = |text: &str| UsernameKey::parse(text);
    let is_bad = shown.email.as_deref().is_some_and(|text| email(text).is_none())
        || shown.username.as_deref().is_some_and(|text| username(text).is_none());
    if is_bad {
        return Err("bad_name");
    }
    let typed_text = typed(login);
    let same_email = shown.email.as_deref().map(|text| email(text) == email(typed_text));
    let same_username = shown.username.as_deref().map(|text| username(text) == username(typed_text));
    let is_address = email(typed_text).is_some();
    let asked = match login {
        Login::Email(_) => same_email,
        Login::Username(_) => same_username,
        Login::Either(_) if same_email == Some(true) || same_username == Some(true) => Some(true),
        // What looks like an address is one, where an address is said.
        Login::Either(_) if is_address => same_email,
        Login::Either(_) => same_username,
    };
    match asked {
        Some(true) => {}
        Some(false) => return Err("another_user"),
        None if matches!(login, Login::Email(_)) || is_address && !matches!(login, Login::Username(_)) => {
            shown.email = Some(typed_text.trim().to_owned());
        }
        None => shown.username = Some(typed_text.trim().to_owned()),
    }
    // Without what its tokens name users by, they would be somebody else's on the way back.
    let is_named = match claim {
        UserClaim::Id => shown.id.is_some(),
        UserClaim::Uuid => shown.uuid.is_some(),
        UserClaim::Email => shown.email.is_some(),
        UserClaim::Username => shown.username.is_some(),
    };
    if is_named { Ok(()) } else { Err("names_nobody") }
}

fn is_too_long(shown: &Shown) -> bool {
    let texts = [
        &shown.email,
        &shown.username,
        &shown.first_name,
        &shown.last_name,
        &shown.phone_number.clone().flatten(),
        &shown.avatar.clone().flatten(),
    ];
    texts.into_iter().flatten().any(|text| text.len() > MAX_TEXT)
        || serde_json::to_string(&shown.attributes).map_or(true, |text| text.len() > MAX_ATTRIBUTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::UserId;

    fn shown(email: Option<&str>, username: Option<&str>) -> Shown {
        Shown {
            id: Some(UserId(7)),
            email: email.map(str::to_owned),
            username: username.map(str::to_owned),
            ..Shown::default()
        }
    }

    #[test]
    fn the_user_answered_is_the_one_who_was_asked_for() {
        let email = |text: &str| Login::Email(text.to_owned());
        let username = |text: &str| Login::Username(text.to_owned());
        let either = |text: &str| Login::Either(text.to_owned());
        let table = [
            (email("Ann@a.example "), Some("ann@A.example"), None, Ok(())),
            (email("ann@a.example"), None, None, Ok(())),
            (email("ann@a.example"), Some("bob@a.example"), Some("ann@a.example"), Err("another_user")),
            (username("ann"), Some("x@a.example"), Some("ann"), Ok(())),
            (username("ann"), Some("ann@a.example"), Some("bob"), Err("another_user")),
            (either("ann"), Some("x@a.example"), None, Ok(())),
            (either("ann"), Some("x@a.example"), Some("ann"), Ok(())),
            (either("ann"), Some("x@a.example"), Some("bob"), Err("another_user")),
            (either("ann@a.example"), Some("ann@a.example"), Some("bob"), Ok(())),
            (either("ann@a.example"), Some("x@a.example"), Some("ann@a.example"), Ok(())),
            (either("ann@a.example"), Some("x@a.example"), None, Err("another_user")),
            (either("ann@a.example"), None, None, Ok(())),
            (email("ann@a.example"), Some("not an address"), None, Err("bad_name")),
        ];
        for (login, email, username, expected) in table {
            let mut shown = shown(email, username);
            assert_eq!(believed(&login, &mut shown, UserClaim::Id), expected, "{login:?} {shown:?}");
        }
    }

    #[test]
    fn what_is_not_said_is_what_was_typed_and_what_tokens_need_has_to_be_said() {
        let mut nothing = Shown::default();
        assert_eq!(believed(&Login::Username(" ann ".into()), &mut nothing, UserClaim::Username), Ok(()));
        assert_eq!((nothing.username.as_deref(), nothing.email.as_deref()), (Some("ann"), None));
        let mut nothing = Shown::default();
        assert_eq!(believed(&Login::Either("a@b.example".into()), &mut nothing, UserClaim::Email), Ok(()));
        assert_eq!(nothing.email.as_deref(), Some("a@b.example"));
        for claim in [UserClaim::Id, UserClaim::Uuid] {
            let told = believed(&Login::Username("ann".into()), &mut Shown::default(), claim);
            assert_eq!(told, Err("names_nobody"));
        }
    }

    #[test]
    fn a_user_that_fills_the_database_is_not_believed() {
        let long = Shown { first_name: Some("x".repeat(MAX_TEXT + 1)), ..shown(None, None) };
        let mut wide = shown(None, None);
        wide.attributes.insert("a".into(), serde_json::json!("x".repeat(MAX_ATTRIBUTES)));
        let mut negative = Shown { id: Some(UserId(0)), ..shown(None, None) };
        for (shown, why) in
            [(&mut long.clone(), "too_long"), (&mut wide, "too_long"), (&mut negative, "bad_id")]
        {
            assert_eq!(believed(&Login::Username("ann".into()), shown, UserClaim::Id), Err(why));
        }
    }
}
