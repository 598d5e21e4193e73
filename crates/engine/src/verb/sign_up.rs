//! Create an account.

use super::rehearsal::{Newcomer, NotSignedUp};
use super::{TRIES, Turn};
use crate::error::{Error, Fault};
use crate::fit::Fit;
use domain::change::{Applied, Change, Conflict, FactorChange};
use domain::command::{AvatarEdit, SignUp};
use domain::factor::half_way::HalfWayKind;
use domain::id::UserId;
use domain::identifier::UsernameKey;
use domain::input::{Flaw, Input, Rule};
use domain::outcome::Outcome;
use domain::policy::OwnWords;
use domain::refusal::Refusal;
use domain::rule::profile::Picture;
use domain::rule::recovery::repeated_sign_up;
use domain::rule::sign_up::{
    Admission, Identity, changes, newcomer, next_username, refusal, taken_flaws, waits,
};
use domain::time::Moment;
use domain::user::{Account, NewUser, StoredHash};

/// How many made user names are tried before the last one is called taken.
const MADE_NAMES: u32 = 12;

/// What is made once, however often the verb has to look again.
#[derive(Default)]
struct Prepared {
    hash: Option<StoredHash>,
    picture: Option<Picture>,
}

impl Turn<'_> {
    /// Makes the account. `ask` decides about its ids, once everything here is in order, and once however often the verb
    /// looks again; what it refuses is not made.
    pub(super) async fn sign_up_through<A>(
        &self,
        request: &SignUp,
        ask: impl AsyncFnOnce() -> Result<Newcomer, A>,
    ) -> Result<Outcome, NotSignedUp<A>> {
        let mut prepared = Prepared::default();
        let (mut ask, mut decided) = (Some(ask), Newcomer::default());
        for _ in 0..TRIES {
            let (identity, is_known) = self.judged_identity(request, &mut prepared).await?;
            let waits = waits(&identity, &self.scene);
            if is_known {
                self.tell_owner(&identity).await?;
                return Ok(Outcome::SignUpPending);
            }
            if let Some(ask) = ask.take() {
                decided = ask().await.map_err(NotSignedUp::Theirs)?;
            }
            let recovery = &self.scene.house.recovery;
            let gives_tokens = self.caller.contract.sign_up_gives_tokens && !waits;
            // Whose role needs a second factor has no session before there is one (SEC-84).
            let needs_factor = self.scene.house.roles.needs_factor(&self.caller.contract.newcomer.role);
            let session = match gives_tokens && !recovery.require_verified && !needs_factor {
                true => Some(self.new_session()?),
                false => None,
            };
            let admission = Admission {
                uuid: decided.uuid.map_or_else(|| self.engine.chance().uuid(), Ok)?,
                hash: prepared.hash.clone(),
                picture: prepared.picture.clone(),
                session: session.as_ref().map(|(session, _)| session.clone()),
                link: if recovery.mail { Some(self.link_id()?) } else { None },
            };
            let mut newcomer = newcomer(request, &identity, &admission, &self.scene);
            (newcomer.id, newcomer.uuid_is_new) = (decided.id, decided.uuid.is_none());
            let applied = match self.record(changes(&newcomer, &admission, &self.scene)).await? {
                Ok(applied) => applied,
                Err(Conflict::IdTaken) if decided != Newcomer::default() => return Err(Fault::IdTaken.into()),
                Err(_) => continue,
            };
            if waits {
                return Ok(Outcome::SignUpPending);
            }
            if gives_tokens && recovery.require_verified {
                return Err(Error::from(Refusal::EmailUnverified).into());
            }
            let account = account(newcomer, added(&applied)?);
            if gives_tokens && needs_factor {
                return Ok(self.enrolment_first(&account).await?);
            }
            let tokens = match &session {
                Some((session, place)) => Some(self.first_tokens(&account, session, *place)?),
                None => None,
            };
            return Ok(Outcome::SignedUp { user: account.user, tokens });
        }
        Err(Fault::Contended("sign_up").into())
    }

    /// Gives a new user the right to enrol a second factor, and nothing else, where the contract can say so.
    async fn enrolment_first(&self, account: &Account) -> Result<Outcome, Error> {
        if !self.caller.contract.factors.half_way {
            return Err(Refusal::FactorRequired.into());
        }
        let (half_way, stored) = self.half_way(HalfWayKind::Enrol, account)?;
        let add = FactorChange::AddHalfWay { half_way: Box::new(stored), at: self.scene.now };
        match self.record(vec![Change::Factor(add)]).await? {
            Ok(_) => Ok(Outcome::FactorNeeded { half_way, enrol: true }),
            // The account is there; a sign-in gives the same right.
            Err(_) => Err(Refusal::FactorRequired.into()),
        }
    }

    /// Tells the owner of an address that somebody wanted to sign up with it (SEC-14).
    async fn tell_owner(&self, identity: &Identity) -> Result<(), Error> {
        let owner = match &identity.email {
            Some((_, key)) => self.engine.store().account_by_email(key).await?,
            None => None,
        };
        let changes = repeated_sign_up(owner.as_ref().map(|owner| &owner.user), &self.scene);
        // Letters without links rely on nothing.
        self.record(changes).await?.ok();
        Ok(())
    }

    /// The identity of the new account, once everything about the request is in order; and whether its address has an
    /// account that must not be told.
    async fn judged_identity(
        &self,
        request: &SignUp,
        prepared: &mut Prepared,
    ) -> Result<(Identity, bool), Error> {
        let mut identity = read_identity(request);
        if self.scene.house.recovery.require_verified && identity.email.is_none() && identity.flaws.is_empty()
        {
            // Nobody could ever verify it.
            identity.flaws.push(Flaw::new(Input::Email, Rule::Required));
        }
        let mut taken = self.claim(&mut identity, request.username_made).await?;
        let mut is_known = false;
        if waits(&identity, &self.scene) {
            let others = taken.len();
            taken.retain(|flaw| flaw.input != Input::Email);
            is_known = taken.len() < others;
        }
        let heard = identity.flaws.is_empty();
        // Asked whether or not something is taken, so that neither the time nor the service tells (SEC-14).
        let fit = if heard { self.fit_password(request, &identity).await } else { Ok(None) };
        let mut flaws = std::mem::take(&mut identity.flaws);
        flaws.extend(taken);
        if flaws.is_empty() {
            flaws.extend(fit.as_ref().err().cloned().unwrap_or_default());
            flaws.extend(self.develop_once(request, prepared).await?);
        }
        // The hash is made before "taken" is said, so that the time does not say it (SEC-14).
        if let Ok(Some(fit)) = fit
            && prepared.hash.is_none()
            && only_taken(&flaws)
        {
            prepared.hash = Some(self.hash(fit).await?);
        }
        refusal(flaws).map_or(Ok((identity, is_known)), |refusal| Err(refusal.into()))
    }

    /// What belongs to others. A user name that was made gets a number until it is free.
    async fn claim(&self, identity: &mut Identity, username_made: bool) -> Result<Vec<Flaw>, Fault> {
        let made = identity.username.as_ref().map(|(text, _)| text.clone()).filter(|_| username_made);
        let mut tried = 0;
        loop {
            let (email, username) = (identity.email.as_ref(), identity.username.as_ref());
            let taken = self
                .engine
                .store()
                .taken(email.map(|(_, key)| key), username.map(|(_, key)| key), None, self.scene.now)
                .await?;
            tried += 1;
            let Some(made) = made.as_ref().filter(|_| taken.username && tried < MADE_NAMES) else {
                return Ok(taken_flaws(taken.username, taken.email));
            };
            let next = next_username(made, tried, self.engine.chance().number()?);
            identity.username = UsernameKey::parse(&next).map(|key| (next, key));
        }
    }

    async fn fit_password<'p>(
        &self,
        request: &'p SignUp,
        identity: &Identity,
    ) -> Result<Option<Fit<'p>>, Vec<Flaw>> {
        let Some(typed) = &request.password else { return Ok(None) };
        let own = OwnWords {
            username: identity.username.as_ref().map(|(text, _)| text.as_str()),
            email: identity.email.as_ref().map(|(text, _)| text.as_str()),
        };
        self.fit(Input::Password, typed, &own, None).await.map(Some)
    }

    async fn develop_once(&self, request: &SignUp, prepared: &mut Prepared) -> Result<Option<Flaw>, Error> {
        match (&request.avatar, &prepared.picture) {
            (Some(AvatarEdit::Upload(file)), None) => match self.develop(file).await? {
                Ok(picture) => prepared.picture = Some(picture),
                Err(flaw) => return Ok(Some(flaw)),
            },
            (Some(AvatarEdit::Upload(_) | AvatarEdit::Clear) | None, _) => {}
        }
        Ok(None)
    }
}

/// Reads the identifiers and adds what no account can do without: one of them, and a password.
fn read_identity(request: &SignUp) -> Identity {
    // What was made of long names is cut, not refused: nobody typed it.
    let made =
        request.username.as_deref().filter(|_| request.username_made).map(|made| next_username(made, 0, 0));
    let username = made.as_deref().or(request.username.as_deref());
    let mut identity = Identity::read(username, request.email.as_deref(), request.flaws.clone());
    if identity.flaws.is_empty() {
        if identity.email.is_none() && identity.username.is_none() {
            identity.flaws.push(Flaw::new(Input::Email, Rule::NoneOf));
        }
        if request.password.is_none() {
            identity.flaws.push(Flaw::new(Input::Password, Rule::Required));
        }
    }
    identity
}

fn only_taken(flaws: &[Flaw]) -> bool {
    flaws.iter().all(|flaw| flaw.rule == Rule::Taken)
}

/// The account as the store holds it from now on.
fn account(newcomer: NewUser, id: UserId) -> Account {
    let hash = newcomer.password_hash.clone();
    Account {
        user: newcomer.into_user(id),
        password_hash: hash,
        epoch: 0,
        valid_after: Moment::from_millis(0),
    }
}

fn added(applied: &Applied) -> Result<UserId, Fault> {
    applied.user.ok_or(Fault::Gone("the id of a new user"))
}
