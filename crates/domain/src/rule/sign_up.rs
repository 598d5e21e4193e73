//! May this account be made, and what does it start with?

use super::Scene;
use super::profile::Picture;
use super::recovery::welcome;
use crate::change::{Change, Whose};
use crate::command::SignUp;
use crate::event::EventKind;
use crate::identifier::{EmailKey, USERNAME_MAX_CHARS, UsernameKey};
use crate::input::{Flaw, Input, Rule};
use crate::letter::LinkId;
use crate::refusal::Refusal;
use crate::session::NewSession;
use crate::user::{NewUser, Status, StoredHash};
use uuid::Uuid;

/// How an account is found and addressed: display forms with their keys, and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// User name.
    pub username: Option<(String, UsernameKey)>,
    /// E-mail address.
    pub email: Option<(String, EmailKey)>,
    /// The flaws found before, and those found here.
    pub flaws: Vec<Flaw>,
}

impl Identity {
    /// Reads both; an input that has a flaw already is not read.
    pub fn read(username: Option<&str>, email: Option<&str>, flaws: Vec<Flaw>) -> Identity {
        let mut identity = Identity { flaws, ..Identity::default() };
        if let Some(text) = username.filter(|_| !identity.has_flaw(Input::Username)) {
            match UsernameKey::parse(text) {
                Some(key) => identity.username = Some((text.trim().to_owned(), key)),
                None => identity.flaws.push(Flaw::new(Input::Username, Rule::Pattern)),
            }
        }
        if let Some(text) = email.filter(|_| !identity.has_flaw(Input::Email)) {
            match EmailKey::parse(text) {
                Some(key) => identity.email = Some((text.trim().to_owned(), key)),
                None => identity.flaws.push(Flaw::new(Input::Email, Rule::Email)),
            }
        }
        identity
    }

    fn has_flaw(&self, input: Input) -> bool {
        self.flaws.iter().any(|flaw| flaw.input == input)
    }
}

/// The flaws for what belongs to another account: user name, then e-mail address.
pub fn taken_flaws(username: bool, email: bool) -> Vec<Flaw> {
    let username = username.then(|| Flaw::new(Input::Username, Rule::Taken));
    let email = email.then(|| Flaw::new(Input::Email, Rule::Taken));
    username.into_iter().chain(email).collect()
}

/// The refusal for a list of flaws; none for an empty one.
pub fn refusal(flaws: Vec<Flaw>) -> Option<Refusal> {
    if flaws.is_empty() {
        None
    } else if flaws.iter().all(|flaw| flaw.rule == Rule::Taken) {
        Some(Refusal::Taken(flaws))
    } else {
        Some(Refusal::InvalidInput(flaws))
    }
}

/// The user name to try after `tried` made ones were taken: 2, 3, 4, 5 behind it, and then six digits of `chance`.
pub fn next_username(made: &str, tried: u32, chance: u32) -> String {
    let number = match tried {
        0 => String::new(),
        1..=4 => (tried + 1).to_string(),
        _ => format!("{:06}", chance % 1_000_000),
    };
    let room = USERNAME_MAX_CHARS - number.len();
    made.trim().chars().take(room).chain(number.chars()).collect()
}

/// What a new account is made of beside the request.
#[derive(Debug)]
pub struct Admission {
    /// Drawn for it.
    pub uuid: Uuid,
    /// Of the password.
    pub hash: Option<StoredHash>,
    /// The picture sent along.
    pub picture: Option<Picture>,
    /// The session to be opened at once.
    pub session: Option<NewSession>,
    /// The link of the first letter, where letters are delivered.
    pub link: Option<LinkId>,
}

/// The user as it will start. Role, permissions and status come from the contract alone (SEC-33); attributes of the
/// caller never replace those of the contract.
pub fn newcomer(request: &SignUp, identity: &Identity, admission: &Admission, scene: &Scene<'_>) -> NewUser {
    let start = &scene.contract.newcomer;
    let mut attributes = start.attributes.clone();
    for (name, value) in &request.attributes {
        if !attributes.contains_key(name) && !value.is_null() {
            attributes.insert(name.clone(), value.clone());
        }
    }
    NewUser {
        id: None,
        uuid: admission.uuid,
        uuid_is_new: true,
        username: identity.username.clone(),
        email: identity.email.clone(),
        email_verified: false,
        first_name: request.first_name.clone(),
        last_name: request.last_name.clone(),
        phone_number: request.phone_number.clone(),
        avatar: admission.picture.as_ref().map(Picture::path),
        role: start.role.clone(),
        permissions: start.permissions.clone(),
        status: Status::Active,
        attributes,
        password_hash: admission.hash.clone(),
        last_login_at: None,
        factors: None,
        created_at: scene.now,
    }
}

/// The changes that make the account.
pub fn changes(newcomer: &NewUser, admission: &Admission, scene: &Scene<'_>) -> Vec<Change> {
    let mut changes = vec![Change::AddUser(Box::new(newcomer.clone()))];
    changes.extend(admission.picture.as_ref().map(|picture| picture.stored(scene.now)));
    if let Some(session) = &admission.session {
        changes.push(Change::OpenSession { whose: Whose::Added, session: Box::new(session.clone()) });
    }
    let session = admission.session.as_ref().map(|session| session.id);
    changes.push(scene.note(EventKind::SignedUp, None, session));
    if let (Some(to), Some(link)) = (&newcomer.email, admission.link) {
        changes.push(welcome(&newcomer.first_name, to.clone(), link, scene));
    }
    changes
}

/// Whether a sign-up with this identity is answered by a letter alone, whoever has the address (SEC-14).
///
/// A user name is seen by others anyway: one that is taken is told, and without an address there is no letter.
pub fn waits(identity: &Identity, scene: &Scene<'_>) -> bool {
    scene.house.recovery.mail && scene.contract.sign_up_can_wait && identity.email.is_some()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{contract, scene};
    use super::*;
    use serde_json::json;

    fn rules(identity: &Identity) -> Vec<(Input, Rule)> {
        identity.flaws.iter().map(|flaw| (flaw.input, flaw.rule)).collect()
    }

    #[test]
    fn identifiers_are_read_once_and_a_known_flaw_is_not_repeated() {
        let good = Identity::read(Some(" jane "), Some("Jane@Example.com "), Vec::new());
        assert_eq!(good.username.unwrap().0, "jane");
        assert_eq!(good.email.as_ref().unwrap().0, "Jane@Example.com");
        assert_eq!(good.email.unwrap().1.as_str(), "jane@example.com");
        let bad = Identity::read(Some("\u{0}"), Some("nobody"), Vec::new());
        assert_eq!(rules(&bad), [(Input::Username, Rule::Pattern), (Input::Email, Rule::Email)]);
        let heard = vec![Flaw::new(Input::Email, Rule::Blank)];
        assert_eq!(rules(&Identity::read(None, Some(""), heard)), [(Input::Email, Rule::Blank)]);
    }

    #[test]
    fn only_taken_flaws_are_a_refusal_of_their_own() {
        assert_eq!(refusal(Vec::new()), None);
        let taken = taken_flaws(true, true);
        assert_eq!(taken.iter().map(|f| f.input).collect::<Vec<_>>(), [Input::Username, Input::Email]);
        assert_eq!(refusal(taken.clone()), Some(Refusal::Taken(taken.clone())));
        let mixed = [vec![Flaw::new(Input::Password, Rule::Required)], taken].concat();
        assert_eq!(refusal(mixed.clone()), Some(Refusal::InvalidInput(mixed)));
    }

    #[test]
    fn a_made_user_name_is_numbered_and_then_drawn() {
        let names: Vec<String> =
            (0..7).map(|tried| next_username("jane_doe", tried, 4_294_000_123)).collect();
        let expected = [
            "jane_doe",
            "jane_doe2",
            "jane_doe3",
            "jane_doe4",
            "jane_doe5",
            "jane_doe000123",
            "jane_doe000123",
        ];
        assert_eq!(names, expected);
        let long = next_username(&"é".repeat(150), 1, 0);
        assert_eq!((long.chars().count(), long.ends_with('2')), (150, true));
    }

    #[test]
    fn a_caller_can_not_choose_what_the_contract_gives() {
        let mut contract = contract();
        contract.newcomer.attributes.insert("plan".into(), json!("free"));
        let request = SignUp {
            attributes: json!({"plan": "gold", "age": 30, "none": null}).as_object().unwrap().clone(),
            ..SignUp::default()
        };
        let admission = Admission { uuid: Uuid::nil(), hash: None, picture: None, session: None, link: None };
        let user = newcomer(&request, &Identity::default(), &admission, &scene(&contract));
        assert_eq!(json!(user.attributes), json!({"plan": "free", "age": 30}));
        assert_eq!((user.role.as_str(), user.status, user.email_verified), ("author", Status::Active, false));
    }
}
